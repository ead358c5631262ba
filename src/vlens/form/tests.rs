//! Forms as the API describes them, as people save them, and as nobody should.

use super::*;

const LOAN: &str = r#"{"error_code": null, "data": {"id": 9, "name": "Personal loan", "requestsFields": [
    {"order": 2, "key": "maritalStatus", "displayText": "Status", "displayArText": "الحالة", "type": "Dropdown",
     "availableValues": ["Single", "Married"],
     "availableValuesItems": [
        {"id": 1, "name": "Single", "relatedQuestions": []},
        {"id": 2, "name": "Married", "arName": "متزوج", "relatedQuestions": [
            {"key": "spouseName", "displayText": "Spouse", "type": "text",
             "relatedQuestions": [{"key": "spouseJob", "type": "text"}]}]}]},
    {"order": 1, "key": " fullName ", "displayText": "Full\u001b[1m name", "type": "text", "visibleToUser": true,
     "relatedQuestions": null, "availableValues": null},
    {"order": 3, "key": "employer", "type": "text", "parentQuestionKey": "maritalStatus", "parentQuestionValue": 1},
    {"order": 4, "displayText": "a mere heading"}
]}}"#;

fn keys(form: &Form) -> Vec<&str> {
    form.fields.iter().map(|field| field.key.as_str()).collect()
}

fn field<'a>(form: &'a Form, key: &str) -> &'a FormField {
    form.fields
        .iter()
        .find(|field| field.key == key)
        .expect(key)
}

fn condition<'a>(form: &'a Form, key: &str) -> Option<(&'a str, &'a str)> {
    let condition = field(form, key).condition.as_ref()?;
    Some((&condition.parent, &condition.value))
}

fn read(fields: &str) -> Form {
    read_form(&format!(r#"{{"requestsFields":[{fields}]}}"#)).expect(fields)
}

#[test]
fn the_tree_becomes_a_list_in_the_forms_order() {
    let form = read_form(LOAN).expect("a form");
    assert_eq!(form.name, "Personal loan");
    assert_eq!(
        keys(&form),
        [
            "fullName",
            "maritalStatus",
            "spouseName",
            "spouseJob",
            "employer"
        ]
    );
    assert_eq!(field(&form, "fullName").label, "Full name");
    let status = field(&form, "maritalStatus");
    assert_eq!(
        (status.kind.as_str(), status.label_ar.as_str()),
        ("dropdown", "الحالة")
    );
    let options: Vec<_> = status
        .options
        .iter()
        .map(|option| (option.value.as_str(), option.labels.clone()))
        .collect();
    assert_eq!(
        options,
        [("Single", vec![]), ("Married", vec!["متزوج".to_owned()])]
    );
}

#[test]
fn a_condition_comes_from_the_tree_or_from_the_question() {
    let form = read_form(LOAN).expect("a form");
    assert_eq!(
        condition(&form, "spouseName"),
        Some(("maritalStatus", "Married"))
    );
    assert_eq!(
        condition(&form, "employer"),
        Some(("maritalStatus", "Single")),
        "a choice's id stands for its text"
    );
    assert_eq!(condition(&form, "spouseJob"), None, "no value is known");
    assert_eq!(condition(&form, "fullName"), None);
}

#[test]
fn a_choices_text_goes_before_another_ones_id() {
    let form = read(
        r#"{"key":"a","availableValuesItems":[
            {"id":1,"name":"2","relatedQuestions":[{"key":"below"}]},
            {"id":2,"name":"3"}]}"#,
    );
    assert_eq!(condition(&form, "below"), Some(("a", "2")));
}

#[test]
fn a_question_below_several_choices_is_one_field_without_a_single_condition() {
    let form = read(
        r#"{"key":"a","availableValuesItems":[
            {"name":"x","relatedQuestions":[{"key":"both"},{"key":"only"}]},
            {"name":"y","relatedQuestions":[{"key":"both"}]}]}"#,
    );
    assert_eq!(keys(&form), ["a", "both", "only"]);
    assert_eq!(condition(&form, "both"), None);
    assert_eq!(condition(&form, "only"), Some(("a", "x")));
}

#[test]
fn parents_stand_before_their_children() {
    let form = read(
        r#"{"key":"c","parentQuestionKey":"b","parentQuestionValue":"1"},
           {"key":"free"},
           {"key":"b","parentQuestionKey":"a","parentQuestionValue":"1"},
           {"key":"a"}"#,
    );
    assert_eq!(keys(&form), ["a", "b", "c", "free"]);
    let circle = read(
        r#"{"key":"a","parentQuestionKey":"b","parentQuestionValue":"1"},
           {"key":"b","parentQuestionKey":"a","parentQuestionValue":"1"},
           {"key":"self","parentQuestionKey":"self","parentQuestionValue":"1"}"#,
    );
    assert_eq!(circle.fields.len(), 3);
}

#[test]
fn copies_saved_by_hand_are_read() {
    let bare = r#"{"name":"N","requestsFields":[{"key":"k"}]}"#;
    for copy in [
        bare.to_owned(),
        format!("\u{feff}{bare}"),
        format!(r#"{{"data":{bare}}}"#),
        format!("\u{feff} {{\"data\":{bare},\"error_code\":0}}"),
        format!(r#"{{"result":{bare},"success":true,"error":null}}"#),
        format!(r#"{{"data":{bare},"pulled_at":"2026-11-21T20:39:00Z"}}"#),
    ] {
        let form = read_form(&copy).expect(&copy);
        assert_eq!((form.name.as_str(), keys(&form)), ("N", vec!["k"]));
    }
}

#[test]
fn members_of_an_unexpected_type_count_as_absent() {
    let form = read(
        r#"{"key":7,"displayText":5,"type":3,"availableValues":"x","availableValuesItems":{"a":1},"relatedQuestions":9},
           "text", null, 5, ["k"],
           {"key":{"a":1}}, {"key":"ok","availableValues":["a",1,null,"a"],"availableValuesItems":[null,{"id":1},"z"]}"#,
    );
    assert_eq!(keys(&form), ["7", "ok"]);
    let values: Vec<_> = field(&form, "ok")
        .options
        .iter()
        .map(|o| o.value.as_str())
        .collect();
    assert_eq!(values, ["a", "1"]);
}

#[test]
fn what_is_no_form_is_refused_with_a_reason() {
    let deep = (0..40).fold(r#"{"key":"k"}"#.to_owned(), |inner, _| {
        format!(r#"{{"key":"k","relatedQuestions":[{inner}]}}"#)
    });
    for (json, reason) in [
        (String::new(), "not JSON"),
        ("<html>".into(), "not JSON (line 1, column 1)"),
        ("[1]".into(), "not a JSON object"),
        ("{}".into(), "requestsFields"),
        (
            r#"{"data":{"requestsFields":"none"}}"#.into(),
            "requestsFields",
        ),
        (
            r#"{"data":null,"error_code":403,"error_message":"Not for admins"}"#.into(),
            "Not for admins",
        ),
        ("[".repeat(100_000), "not JSON"),
        (
            format!(r#"{{"requestsFields":[{deep}]}}"#),
            "nested without end",
        ),
    ] {
        let complaint = read_form(&json).expect_err(&json);
        assert_eq!(complaint.code, "form_unreadable");
        assert!(complaint.message.contains(reason), "{}", complaint.message);
        assert!(complaint.hint.is_some());
    }
}

#[test]
fn a_form_without_fields_is_an_empty_form() {
    assert_eq!(read("").fields, []);
}
