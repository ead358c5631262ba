//! Which of a form's choices a value means: by its own text, a label, or what people in Egypt write for it.

use crate::mapping::names::fold;
use crate::model::FormField;

/// Groups of words that mean the same in one list of choices. Short ones count only where the list leaves no doubt.
const SAME: &[&[&str]] = &[
    // The first four are the marital states.
    &[
        "single",
        "unmarried",
        "not married",
        "never married",
        "أعزب",
        "عزباء",
        "آنسة",
        "عازب",
    ],
    &["married", "متزوج", "متزوجة", "متزوج/ة"],
    &["divorced", "مطلق", "مطلقة"],
    &["widowed", "widow", "widower", "أرمل", "أرملة"],
    &["male", "man", "m", "ذكر"],
    &["female", "woman", "f", "أنثى"],
    &["yes", "y", "true", "1", "نعم", "أيوه"],
    &["no", "n", "false", "0", "لا"],
    &[
        "egp",
        "le",
        "l.e.",
        "egyptian pound",
        "جنيه",
        "جنيه مصري",
        "ج.م",
        "ج م",
    ],
    &["usd", "us dollar", "dollar", "$", "دولار", "دولار أمريكي"],
    &["eur", "euro", "€", "يورو"],
    &["sar", "saudi riyal", "ريال سعودي"],
    &["new", "جديد", "جديدة", "زيرو"],
    &["used", "second hand", "مستعمل", "مستعملة"],
    &["cairo", "القاهرة"],
    &["giza", "الجيزة"],
    &["alexandria", "alex", "الإسكندرية", "اسكندرية"],
    &["mansoura", "المنصورة"],
    &["tanta", "طنطا"],
    &["aswan", "أسوان"],
    &["luxor", "الأقصر"],
    &["asyut", "assiut", "أسيوط"],
    &["sohag", "سوهاج"],
    &["qena", "قنا"],
    &["minya", "menia", "المنيا"],
    &["fayoum", "faiyum", "الفيوم"],
    &["beni suef", "بني سويف"],
    &["port said", "بورسعيد"],
    &["suez", "السويس"],
    &["ismailia", "الإسماعيلية"],
    &["damietta", "دمياط"],
    &["dakahlia", "الدقهلية"],
    &["sharqia", "الشرقية"],
    &["gharbia", "الغربية"],
    &["menofia", "monufia", "المنوفية"],
    &["qalyubia", "القليوبية"],
    &["beheira", "البحيرة"],
    &["kafr el sheikh", "كفر الشيخ"],
    &["matrouh", "مطروح"],
    &["red sea", "البحر الأحمر"],
    &["zagazig", "الزقازيق"],
    &["damanhour", "دمنهور"],
];

const MARITAL_STATES: usize = 4;

/// The share of different values that are marital states: by them the column is known where there is no form.
pub(super) fn marital_share(values: &[String]) -> f64 {
    let states = SAME
        .iter()
        .take(MARITAL_STATES)
        .flat_map(|group| group.iter());
    let states: Vec<String> = states.map(|word| fold(word)).collect();
    let known = values.iter().filter(|value| states.contains(&fold(value)));
    super::profile::share(known.count(), values.len())
}

/// The share of different values that are words of some list of choices.
pub(super) fn known_share(values: &[String]) -> f64 {
    let is_known = |value: &&String| {
        let value = fold(value);
        SAME.iter()
            .flat_map(|group| group.iter())
            .any(|word| fold(word) == value)
    };
    super::profile::share(values.iter().filter(is_known).count(), values.len())
}

/// How a value means a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning<'f> {
    /// It is the choice's own text or label: the mapping knows it by itself.
    Own,
    /// It is another word for this choice.
    Word(&'f str),
}

/// The choice that a value means, if it is one.
pub(super) fn choice<'f>(value: &str, field: &'f FormField) -> Option<Meaning<'f>> {
    let wanted = fold(value);
    let is_own = field.options.iter().any(|option| {
        fold(&option.value) == wanted || option.labels.iter().any(|label| fold(label) == wanted)
    });
    if is_own {
        return Some(Meaning::Own);
    }
    let has = |group: &[&str], word: &str| group.iter().any(|other| fold(other) == word);
    let group = SAME.iter().find(|group| has(group, &wanted))?;
    let mut meant = field
        .options
        .iter()
        .filter(|option| has(group, &fold(&option.value)));
    let first = meant.next()?;
    meant
        .next()
        .is_none()
        .then_some(Meaning::Word(first.value.as_str()))
}

/// Every other word for the choices of a field among which `values` has one: `(word, choice)`, values first as written.
pub(super) fn words_for<'f>(values: &[String], field: &'f FormField) -> Vec<(String, &'f str)> {
    let mut words: Vec<(String, &str)> = Vec::new();
    for value in values {
        if let Some(Meaning::Word(choice)) = choice(value, field) {
            words.push((value.clone(), choice));
        }
    }
    if words.is_empty() {
        return words;
    }
    let is_arabic = |text: &str| text.chars().any(|c| matches!(c, '\u{600}'..='\u{6ff}'));
    let arabic = words.iter().any(|(word, _)| is_arabic(word));
    for word in SAME.iter().flat_map(|group| group.iter()) {
        let is_known = words.iter().any(|(known, _)| fold(known) == fold(word));
        if is_arabic(word) == arabic
            && !is_known
            && let Some(Meaning::Word(choice)) = choice(word, field)
        {
            words.push(((*word).to_owned(), choice));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FormOption;

    fn field(choices: &[&str]) -> FormField {
        FormField {
            options: choices
                .iter()
                .map(|value| FormOption {
                    value: (*value).to_owned(),
                    labels: Vec::new(),
                })
                .collect(),
            ..FormField::default()
        }
    }

    #[test]
    fn words_find_their_choice_and_strangers_do_not() {
        let status = field(&["Single", "Married"]);
        assert_eq!(choice("single", &status), Some(Meaning::Own));
        assert_eq!(choice("متزوجه", &status), Some(Meaning::Word("Married")));
        assert_eq!(choice("مطلق", &status), None, "there is no such choice");
        assert_eq!(choice("Active", &status), None);
        let arabic = field(&["أعزب", "متزوج"]);
        assert_eq!(choice("Married", &arabic), Some(Meaning::Word("متزوج")));
    }

    #[test]
    fn a_list_of_words_is_made_whole() {
        let status = field(&["Single", "Married"]);
        let words = words_for(&["أعزب".to_owned()], &status);
        assert_eq!(words[0], ("أعزب".to_owned(), "Single"));
        assert!(words.contains(&("متزوج".to_owned(), "Married")));
        assert!(words_for(&["Single".to_owned()], &status).is_empty());
    }
}
