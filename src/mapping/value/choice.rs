//! Reads one of a list of choices: people write a label, the text of the choice goes out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::text::{self, Fault, Given, Reading};
use crate::mapping::names::{fold_choice, nearest};
use crate::mapping::words::WORDS;
use crate::model::ProblemCode;

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

    /// The choice that a text as a person sees it means.
    pub(crate) fn read(&self, written: &str) -> Result<Reading<'_>, Fault> {
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
        if let Some(label) = nearest(written, self.labels.iter().map(String::as_str)) {
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
}

/// Reads a yes or a no, in English, Arabic or digits, as `true` or `false`.
pub(super) fn read_boolean(given: Given<'_>) -> Result<Reading<'static>, Fault> {
    let is_among =
        |words: &[String], text: &str| words.iter().any(|word| fold_choice(word) == text);
    let answer = match given {
        Given::Boolean(boolean) => Some(boolean),
        Given::Text(text) => {
            let text = fold_choice(text);
            let is_yes = is_among(&WORDS.yes, &text);
            (is_yes || is_among(&WORDS.no, &text)).then_some(is_yes)
        }
        Given::Number(1.0) => Some(true),
        Given::Number(0.0) => Some(false),
        Given::Number(_) | Given::Date(_) => None,
    };
    match answer {
        Some(yes) => Ok(Reading::new(if yes { "true" } else { "false" }, false)),
        None => Err(Fault::new(
            ProblemCode::BooleanInvalid,
            "The cell is neither a yes nor a no; write true or false, yes or no, 1 or 0, نعم or لا.",
        )),
    }
}

/// A label in the spelling that cells arrive in.
fn spelling(label: &str) -> String {
    let trimmed = text::trim(label);
    text::clean(trimmed).map_or_else(|_| trimmed.to_owned(), |clean| clean.text.into_owned())
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
        let owned = |&(label, sent): &(&str, &str)| (label.to_owned(), sent.to_owned());
        Choices::new(pairs.iter().map(owned))
    }

    fn marital() -> Choices {
        choices(&[
            ("أعزب", "Single"),
            ("متزوج", "Married"),
            ("مطلّق", "Divorced"),
            ("Bachelor", "Single"),
        ])
    }

    #[test]
    fn labels_and_sent_texts_match_in_any_spelling() {
        let marital = marital();
        let sent = |choices: &Choices, written| {
            choices
                .read(written)
                .map(|reading| reading.text.into_owned())
        };
        for (written, expected) in [
            ("أعزب", "Single"),
            ("اعزب", "Single"),
            ("bachelor", "Single"),
            ("SINGLE", "Single"),
            ("مطلق", "Divorced"),
        ] {
            assert_eq!(
                sent(&marital, written).as_deref(),
                Ok(expected),
                "{written}"
            );
        }
        let swapped = choices(&[("A", "B"), ("B", "A")]);
        assert_eq!(
            sent(&swapped, "b").as_deref(),
            Ok("A"),
            "a label wins over another's sent text"
        );
        let alike = choices(&[("Ali", "1"), ("ALI", "2")]);
        assert_eq!(sent(&alike, "ALI").as_deref(), Ok("2"));
        assert!(sent(&alike, "ali").is_err());
    }

    #[test]
    fn an_unknown_value_gets_the_nearest_label_or_the_list() {
        let marital = marital();
        let near = marital.read("متزوجج").expect_err("refused");
        assert!(near.message.contains("متزوج\"?"), "{}", near.message);
        let far = marital.read("xyz").expect_err("refused");
        assert!(far.message.contains("أعزب, متزوج"), "{}", far.message);
        assert!(!far.message.contains("xyz"));
    }

    #[test]
    fn every_promised_word_is_a_yes_or_a_no_and_no_other() {
        let told = |given| read_boolean(given).map_or("refused".into(), |reading| reading.text);
        for (words, text) in [
            ("true TRUE yEs 1 نعم نَعَم ١", "true"),
            ("false NO 0 لا ﻻ ۰", "false"),
            ("maybe y 2 10", "refused"),
        ] {
            for word in words.split(' ') {
                assert_eq!(told(Given::Text(word)), text, "{word}");
            }
        }
        assert_eq!(told(Given::Boolean(true)), "true");
        assert_eq!(told(Given::Number(-0.0)), "false");
        assert_eq!(told(Given::Number(2.0)), "refused");
    }
}
