//! Reads one of a list of choices: people write a label, the text of the choice goes out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Fault, Given, Reading, text};
use crate::mapping::names::fold_choice;
use crate::model::ProblemCode;

/// How alike a value and a label must be before the message suggests it.
const ALIKE: f64 = 0.8;
/// The most labels that a message lists.
const LISTED: usize = 8;

/// The choices of one field.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Labels as people write them, in the mapping's order.
    labels: Vec<String>,
    /// What goes out for a label, or a sent text, in exactly this spelling.
    exact: HashMap<String, String>,
    /// The same in folded spelling; none where two choices fold alike.
    folded: HashMap<String, Option<String>>,
}

impl Choices {
    /// Choices as pairs of the label that people write and the text to send. The text to send is understood as well;
    /// where it is also the label of another choice, the label wins.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Choices {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let mut choices = Choices::default();
        for (label, sent) in &pairs {
            choices
                .exact
                .entry(spelling(label))
                .or_insert_with(|| sent.clone());
            note(&mut choices.folded, fold_choice(label), sent);
        }
        let mut sent_texts = HashMap::new();
        for (_, sent) in &pairs {
            choices
                .exact
                .entry(spelling(sent))
                .or_insert_with(|| sent.clone());
            note(&mut sent_texts, fold_choice(sent), sent);
        }
        for (folded, sent) in sent_texts {
            choices.folded.entry(folded).or_insert(sent);
        }
        choices.labels = pairs.into_iter().map(|(label, _)| label).collect();
        choices
    }

    /// Reads a cell as one of the choices.
    pub(super) fn read(&self, given: Given<'_>) -> Result<Reading<'_>, Fault> {
        if let Given::Text(written) = given {
            return self.find(written);
        }
        let shown = text::read(given)?;
        self.find(&shown.text)
    }

    fn find(&self, written: &str) -> Result<Reading<'_>, Fault> {
        if let Some(sent) = self.exact.get(written) {
            return Ok(Reading::new(sent, false));
        }
        match self.folded.get(&fold_choice(written)) {
            Some(Some(sent)) => Ok(Reading::new(sent, false)),
            Some(None) => Err(unknown(
                "The value fits more than one choice; write it exactly as in the list.".to_owned(),
            )),
            None => Err(unknown(self.advice(written))),
        }
    }

    fn advice(&self, written: &str) -> String {
        if let Some(label) = self.nearest(written) {
            return format!("The value is not among the choices; did you mean \"{label}\"?");
        }
        let listed: Vec<&str> = self
            .labels
            .iter()
            .take(LISTED)
            .map(String::as_str)
            .collect();
        let more = if self.labels.len() > LISTED {
            ", …"
        } else {
            ""
        };
        format!(
            "The value is not among the choices; write one of: {}{more}.",
            listed.join(", ")
        )
    }

    fn nearest(&self, written: &str) -> Option<&str> {
        let written = fold_choice(written);
        self.labels
            .iter()
            .map(|label| {
                (
                    strsim::jaro_winkler(&written, &fold_choice(label)),
                    label.as_str(),
                )
            })
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, label)| label)
    }
}

/// A label in the spelling that cells arrive in.
fn spelling(label: &str) -> String {
    text::clean(text::trim(label)).text.into_owned()
}

/// Notes that `folded` stands for `sent`, or for nothing certain if it already stands for something else.
fn note(choices: &mut HashMap<String, Option<String>>, folded: String, sent: &str) {
    match choices.entry(folded) {
        Entry::Vacant(free) => {
            free.insert(Some(sent.to_owned()));
        }
        Entry::Occupied(mut taken) => {
            if taken.get().as_deref() != Some(sent) {
                taken.insert(None);
            }
        }
    }
}

fn unknown(message: String) -> Fault {
    Fault::new(ProblemCode::ChoiceUnknown, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(pairs: &[(&str, &str)]) -> Choices {
        Choices::new(
            pairs
                .iter()
                .map(|&(label, sent)| (label.to_owned(), sent.to_owned())),
        )
    }

    fn marital() -> Choices {
        choices(&[
            ("أعزب", "Single"),
            ("متزوج", "Married"),
            ("مطلّق", "Divorced"),
            ("Bachelor", "Single"),
        ])
    }

    fn sent(choices: &Choices, written: &str) -> String {
        let reading = choices.read(Given::Text(written)).expect("readable");
        reading.text.into_owned()
    }

    #[test]
    fn labels_and_sent_texts_match_in_any_spelling() {
        for (written, expected) in [
            ("أعزب", "Single"),
            ("اعزب", "Single"),
            ("bachelor", "Single"),
            ("SINGLE", "Single"),
            ("مطلق", "Divorced"),
            ("\u{FEE3}\u{FE98}\u{FEB0}\u{FEED}\u{FE9D}", "Married"),
        ] {
            assert_eq!(sent(&marital(), written), expected, "{written}");
        }
    }

    #[test]
    fn cells_that_are_no_text_match_by_what_they_show() {
        let grades = choices(&[("1", "first"), ("TRUE", "yes")]);
        assert_eq!(
            grades.read(Given::Number(1.0)).expect("readable").text,
            "first"
        );
        assert_eq!(
            grades.read(Given::Boolean(true)).expect("readable").text,
            "yes"
        );
    }

    #[test]
    fn a_label_wins_over_the_sent_text_of_another() {
        let swapped = choices(&[("A", "B"), ("B", "A")]);
        assert_eq!(sent(&swapped, "b"), "A");
        assert_eq!(sent(&swapped, "A"), "B");
    }

    #[test]
    fn labels_that_fold_alike_are_told_apart_only_when_written_exactly() {
        let pair = choices(&[("Ali", "1"), ("ALI", "2")]);
        assert_eq!(sent(&pair, "ALI"), "2");
        assert_eq!(sent(&pair, "Ali"), "1");
        let fault = pair.read(Given::Text("ali")).expect_err("refused");
        assert_eq!(fault.code, ProblemCode::ChoiceUnknown);
    }

    #[test]
    fn an_unknown_value_gets_the_nearest_label_or_the_list() {
        let near = marital().read(Given::Text("متزوجج")).expect_err("refused");
        assert_eq!(near.code, ProblemCode::ChoiceUnknown);
        assert!(near.message.contains("متزوج\"?"), "{}", near.message);
        let far = marital().read(Given::Text("xyz")).expect_err("refused");
        assert!(far.message.contains("أعزب, متزوج"), "{}", far.message);
        assert!(!far.message.contains("xyz"));
        assert!(Choices::default().read(Given::Text("x")).is_err());
    }
}
