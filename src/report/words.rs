//! What is said to people in the language that they read: `words/en.toml` and `words/ar.toml`.
//!
//! Sentences about a cell or a row are made in English by whoever finds the problem, and are kept so in the ledger. Their Arabic is found
//! here by the code and the sentence, as catalogues of translations do: so it is made in one place, and an old ledger can be told in
//! either language.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::{Table, Value};

use crate::model::{ProblemCode, printable};

/// The language of a page or a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English
    #[value(name = "en")]
    English,
    /// Arabic, right to left
    #[value(name = "ar")]
    Arabic,
}

static ENGLISH: LazyLock<Table> = LazyLock::new(|| parsed(include_str!("words/en.toml")));
static ARABIC: LazyLock<Table> = LazyLock::new(|| parsed(include_str!("words/ar.toml")));
static TOLD: LazyLock<HashMap<String, Told>> = LazyLock::new(|| {
    let told = ARABIC.get("told").cloned();
    told.and_then(|told| told.try_into().ok())
        .unwrap_or_default()
});

/// The Arabic of what is told under one code.
#[derive(Deserialize)]
struct Told {
    /// Of a sentence that is not listed.
    meaning: String,
    /// English and Arabic, with `{1}` where something is filled in.
    sentences: Vec<(String, String)>,
}

fn parsed(text: &str) -> Table {
    text.parse().unwrap_or_default()
}

impl Language {
    /// That of a sheet's headers: Arabic when more of them begin in Arabic than in another script.
    pub fn of(headers: &[String]) -> Language {
        let letters = headers
            .iter()
            .filter_map(|name| name.chars().find(|c| c.is_alphabetic()));
        let (arabic, other): (Vec<char>, Vec<char>) =
            letters.partition(|&letter| is_arabic(letter));
        if arabic.len() > other.len() {
            Language::Arabic
        } else {
            Language::English
        }
    }

    pub(super) fn words(self) -> &'static Table {
        match self {
            Language::English => &ENGLISH,
            Language::Arabic => &ARABIC,
        }
    }

    pub(super) fn word(self, key: &str) -> &'static str {
        let word = self.words().get(key).and_then(Value::as_str);
        word.unwrap_or_default()
    }

    /// A sentence with its gaps filled.
    pub(super) fn say(self, key: &str, fills: &[&str]) -> String {
        let sentence = self.word(key).to_owned();
        let fills = (1..).zip(fills);
        fills.fold(sentence, |sentence, (number, fill)| {
            sentence.replace(&format!("{{{number}}}"), fill)
        })
    }

    /// What a cell shows in the place of a word that scripts read.
    pub(super) fn shown(self, word: &str) -> Option<&'static str> {
        self.words().get("shown")?.get(word)?.as_str()
    }

    /// What a code of a problem means.
    pub(super) fn meaning(self, code: &str) -> Cow<'static, str> {
        let told = (self == Language::Arabic).then(|| TOLD.get(code)).flatten();
        match (told, code.parse()) {
            (Some(told), _) => Cow::Borrowed(&told.meaning),
            (None, Ok(code)) => Cow::Borrowed(ProblemCode::meaning(code)),
            (None, Err(_)) => Cow::Owned(code.to_owned()),
        }
    }

    /// A sentence that was made in English under this code. What nobody here has words for, such as the vendor's, stays as it is.
    pub(super) fn tell<'m>(self, code: &str, message: &'m str) -> Cow<'m, str> {
        let told = (self == Language::Arabic).then(|| TOLD.get(code)).flatten();
        let Some(told) = told else {
            return Cow::Borrowed(message);
        };
        let sentences = told.sentences.iter();
        let mut fitting =
            sentences.filter_map(|(english, arabic)| filled(english, arabic, message));
        Cow::Owned(fitting.next().unwrap_or_else(|| told.meaning.clone()))
    }

    /// All problems of a row, given by column, code and sentence: each behind its column, a line for each.
    pub(super) fn tell_all<'p>(
        self,
        problems: impl Iterator<Item = (Option<&'p str>, &'p str, &'p str)>,
    ) -> String {
        let told = problems.filter(|(_, _, message)| !message.is_empty());
        let told = told.map(|(column, code, message)| match column {
            Some(column) => format!("{}: {}", printable(column), self.tell(code, message)),
            None => self.tell(code, message).into_owned(),
        });
        told.collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn is_arabic(letter: char) -> bool {
    matches!(letter, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{feff}')
}

/// The translation, filled with what stands in the gaps of the pattern; `None` when the text is another sentence.
fn filled(pattern: &str, translation: &str, text: &str) -> Option<String> {
    // Words and the numbers of gaps in turn.
    let mut pieces = pattern.split(['{', '}']);
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut filled = translation.to_owned();
    while let (Some(number), Some(words)) = (pieces.next(), pieces.next()) {
        let end = match words {
            "" => rest.len(),
            words => rest.find(words)?,
        };
        filled = filled.replace(&format!("{{{number}}}"), &rest[..end]);
        rest = &rest[end + words.len()..];
    }
    rest.is_empty().then_some(filled)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use strum::VariantArray;

    use super::*;
    use crate::model::{Stop, Uncertainty};

    #[test]
    fn both_languages_have_the_same_words_and_every_code_has_a_meaning() {
        let keys = |table: &Table| table.keys().cloned().collect::<BTreeSet<_>>();
        let mut arabic = keys(&ARABIC);
        arabic.retain(|key| !matches!(key.as_str(), "told" | "shown"));
        assert_eq!(keys(&ENGLISH), arabic);
        for stop in Stop::VARIANTS {
            assert!(arabic.contains(&format!("stop_{stop}")), "{stop}");
        }
        for code in ProblemCode::VARIANTS {
            assert!(TOLD.contains_key(code.into_str()), "{code}");
        }
        assert!(TOLD.contains_key(Uncertainty::Interrupted.into_str()));
    }

    #[test]
    fn a_sentence_is_told_in_arabic_with_what_was_filled_in() {
        let tell = |code, message| Language::Arabic.tell(code, message);
        let message = "The national id has 13 digits instead of 14; compare it with the card.";
        assert_eq!(
            tell("national_id_invalid", message),
            "الرقم القومي 13 رقمًا بدلًا من 14؛ راجعه على البطاقة."
        );
        assert_eq!(
            tell("national_id_invalid", "Something new."),
            "الرقم القومي غير صحيح."
        );
        assert_eq!(tell("customer_blocked", "No."), "No.", "the vendor's words");
        assert_eq!(Language::English.tell("missing", message), message);
    }

    #[test]
    fn every_sentence_of_the_corpus_has_its_arabic_and_no_arabic_is_of_a_sentence_that_is_gone() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let outcomes = fs::read_to_string(root.join("tests/corpus/expected.jsonl")).unwrap();
        for outcome in outcomes.lines() {
            let outcome: serde_json::Value = serde_json::from_str(outcome).unwrap();
            for problem in outcome["check"]["problems"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let (code, message) = (&problem["code"], &problem["message"]);
                let (code, message) = (code.as_str().unwrap(), message.as_str().unwrap());
                let told = &TOLD[code];
                let is_listed = told
                    .sentences
                    .iter()
                    .any(|(en, ar)| filled(en, ar, message).is_some());
                assert!(is_listed || told.sentences.is_empty(), "{code}: {message}");
            }
        }
        let mut sources = String::new();
        let mut folders = ["src/mapping", "src/ledger", "src/send"]
            .map(|at| root.join(at))
            .to_vec();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    sources += &fs::read_to_string(entry.path()).unwrap_or_default();
                }
            }
        }
        for (english, _) in TOLD.values().flat_map(|told| &told.sentences) {
            for words in english
                .split(['{', '}'])
                .step_by(2)
                .filter(|words| words.len() > 3)
            {
                let written = words.replace('"', "\\\"");
                assert!(sources.contains(&written), "nobody says: {english}");
            }
        }
    }

    #[test]
    fn a_sheet_speaks_as_most_of_its_headers_do() {
        for (headers, language) in [
            (&["الاسم", "رقم الموبايل", "email"][..], Language::Arabic),
            (&["1) الاسم"], Language::Arabic),
            (&["Name", "الاسم"], Language::English),
            (&["123", ""], Language::English),
            (&[], Language::English),
        ] {
            let headers: Vec<String> = headers.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(Language::of(&headers), language, "{headers:?}");
        }
    }
}
