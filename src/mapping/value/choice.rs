//! Reads one of a list of choices: people write a label, the text of the choice goes out.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::LazyLock;

use super::text::{self, Reading};
use crate::mapping::names::{agreed, fold, fold_choice};
use crate::mapping::words::WORDS;
use crate::model::Fault;

/// The most labels that a message lists: the governorates of Egypt, and a few.
const LISTED: usize = 30;

#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// As people write them, in the mapping's order.
    labels: Vec<String>,
    /// What goes out for a label, or a sent text, in exactly this spelling.
    exact: HashMap<String, String>,
    /// The same in any spelling; nothing where two choices fold alike.
    folded: HashMap<String, Option<String>>,
    /// What goes out for the words of a group that mean the same; nothing where two choices are of one.
    groups: HashMap<usize, Option<String>>,
}

impl Choices {
    /// Choices as pairs of the label that people write and the text to send. The text to send is understood as well;
    /// where it is also the label of another choice, the label wins.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Choices {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let labels = pairs.iter().map(|(label, sent)| (label, sent));
        let sent_texts = pairs.iter().map(|(_, sent)| (sent, sent));
        let said = labels.clone().chain(sent_texts.clone());
        let mut exact = HashMap::new();
        for (text, sent) in said.clone() {
            exact.entry(spelling(text)).or_insert(sent.clone());
        }
        // One letter or digit is a code, of whatever the form means by it: `M` may be married.
        let words = said.filter(|(text, _)| text.chars().count() > 1);
        let groups = words.filter_map(|(text, sent)| Some((group_of(text)?, sent)));
        let fold = |(text, sent): (&String, _)| (fold_choice(text), sent);
        let mut folded = meanings(sent_texts.map(fold));
        folded.extend(meanings(labels.map(fold)));
        Choices {
            exact,
            folded,
            groups: meanings(groups),
            labels: pairs.into_iter().map(|(label, _)| label).collect(),
        }
    }

    pub(crate) fn read(&self, written: &str) -> Result<Reading<'_>, Fault> {
        if let Some(sent) = self.exact.get(written) {
            return Ok(Reading::new(sent, false));
        }
        let sent = match self.folded.get(&fold_choice(written)) {
            Some(sent) => sent.as_deref().ok_or(Fault::of("choice_several", &[]))?,
            None => (self.translated(written)).ok_or_else(|| self.unknown())?,
        };
        Ok(Reading::new(sent, false))
    }

    /// The choice that a known translation means, or both languages that stand in one cell, each of which must mean it.
    fn translated(&self, written: &str) -> Option<&str> {
        let meaning = |text: &str| match self.folded.get(&fold_choice(text)) {
            Some(sent) => sent.as_deref(),
            None => self.groups.get(&group_of(text)?)?.as_deref(),
        };
        // What stands alone beside a dash is a sign's: `A-` is not `A`.
        let are_several = parts_of(written).nth(1).is_some();
        let agreed = || agreed(parts_of(written).map(meaning)).filter(|_| are_several);
        meaning(written).or_else(agreed)
    }

    fn unknown(&self) -> Fault {
        let labels = self.labels.iter().map(String::as_str);
        let more = (self.labels.len() > LISTED).then_some("…");
        let listed: Vec<&str> = labels.take(LISTED).chain(more).collect();
        Fault::of("choice_unlisted", &[&listed.join(", ")])
    }
}

/// The groups of words that mean the same, by each of their words, folded.
static GROUPS: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let mut groups = HashMap::new();
    for (at, group) in WORDS.choices.iter().enumerate() {
        for word in group {
            groups.entry(fold(word)).or_insert(at);
        }
    }
    groups
});

/// The group of words that mean the same as this one, or as all of several that stand in one cell (`Single / أعزب`).
pub(crate) fn group_of(value: &str) -> Option<usize> {
    let of_word = |word: &str| GROUPS.get(&fold(word)).copied();
    of_word(value).or_else(|| agreed(parts_of(value).map(of_word)))
}

/// What stands in one cell, or one choice, in two languages.
pub(crate) fn parts_of(value: &str) -> impl Iterator<Item = &str> {
    let parts = value.split(['/', '|', '\\', '-', '(', ')', '\n', '،']);
    parts.filter(|part| !part.trim().is_empty())
}

/// What goes out for each; nothing where two choices share it.
fn meanings<'a, K: Eq + Hash>(
    pairs: impl Iterator<Item = (K, &'a String)>,
) -> HashMap<K, Option<String>> {
    let mut meanings = HashMap::new();
    for (key, sent) in pairs {
        let meant = meanings.entry(key).or_insert_with(|| Some(sent.clone()));
        if meant.as_ref() != Some(sent) {
            *meant = None;
        }
    }
    meanings
}

/// What goes out for a yes or a no, in English, Arabic or digits.
pub(super) fn yes_or_no(shown: &str) -> Option<&'static str> {
    let answer = fold_choice(shown);
    let no = || WORDS.no.contains(&answer).then_some("false");
    WORDS.yes.contains(&answer).then_some("true").or_else(no)
}

/// A label in the spelling that cells arrive in.
fn spelling(label: &str) -> String {
    let trimmed = text::trim(label);
    text::clean(trimmed).map_or_else(|_| trimmed.to_owned(), |clean| clean.text.into_owned())
}
