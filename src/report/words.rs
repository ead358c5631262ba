//! What is said to people in the language that they read: `words/en.toml` and `words/ar.toml`.
//! What is wrong with a cell or a row has its words in `model/faults.toml`.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::LazyLock;

use toml::{Table, Value};

use crate::error::filled;
use crate::model::{Problem, RESULT_COLUMNS, meaning, printable, told_in_arabic};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English
    #[value(name = "en")]
    English,
    /// Arabic, right to left
    #[value(name = "ar")]
    Arabic,
}

static WORDS: LazyLock<[Table; 2]> = LazyLock::new(|| {
    let texts = [include_str!("words/en.toml"), include_str!("words/ar.toml")];
    texts.map(|text| text.parse().unwrap_or_default())
});

impl Language {
    /// That of a sheet's headers: Arabic when more of them begin in Arabic than in another script.
    pub fn of(headers: &[String]) -> Language {
        let own = headers.iter().filter(|name| !is_added(name));
        let letters = own.filter_map(|name| name.chars().find(|c| c.is_alphabetic()));
        let lead: i32 = letters
            .map(|letter| if is_arabic(letter) { 1 } else { -1 })
            .sum();
        if lead > 0 {
            Language::Arabic
        } else {
            Language::English
        }
    }

    pub(super) fn words(self) -> &'static Table {
        &WORDS[self as usize]
    }

    pub(super) fn word(self, key: &str) -> &'static str {
        let word = self.words().get(key).and_then(Value::as_str);
        word.unwrap_or_default()
    }

    pub(super) fn say(self, key: &str, fills: &[&dyn Display]) -> String {
        filled(self.word(key), fills)
    }

    /// What a cell shows in the place of a word that scripts read.
    pub(super) fn shown(self, word: &str) -> Option<&'static str> {
        self.words().get("shown")?.get(word)?.as_str()
    }

    pub(super) fn meaning(self, code: &str) -> Cow<'static, str> {
        let told = meaning(code, self == Language::Arabic);
        told.map_or_else(|| Cow::Owned(code.to_owned()), Cow::Borrowed)
    }

    /// A sentence that was made in English under this code. What nobody here has words for, such as the vendor's, stays as it is.
    pub(super) fn tell<'m>(self, code: &str, message: &'m str) -> Cow<'m, str> {
        let arabic = (self == Language::Arabic).then(|| told_in_arabic(code, message));
        arabic.flatten().unwrap_or(Cow::Borrowed(message))
    }

    /// All problems of a row, given by column, code and sentence: each behind its column, a line for each.
    pub(super) fn tell_all(self, problems: &[Problem]) -> String {
        let told = problems.iter().filter(|one| !one.message.is_empty());
        let told = told.map(|one| {
            let words = self.tell(&one.code, &one.message);
            match &one.column {
                Some(column) => format!("{}: {words}", printable(column)),
                None => words.into_owned(),
            }
        });
        told.collect::<Vec<_>>().join("\n")
    }
}

/// Whether a column is one that results or marked sheets add: of a sheet that is one of these it is never given back beside the fresh one.
pub fn is_added(header: &str) -> bool {
    RESULT_COLUMNS.contains(&header) || is_problems(header)
}

/// Whether it is the column that marked sheets add.
pub(super) fn is_problems(header: &str) -> bool {
    let names =
        [Language::English, Language::Arabic].map(|language| language.word("problems_column"));
    names.contains(&header)
}

pub(super) fn is_arabic(letter: char) -> bool {
    matches!(letter, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::VariantArray;

    use super::*;
    use crate::model::{Stop, Uncertainty};
    use crate::tables::rows;

    #[test]
    fn both_languages_have_the_same_words() {
        let keys = |table: &Table| table.keys().cloned().collect::<BTreeSet<_>>();
        let [english, mut arabic] = [&WORDS[0], &WORDS[1]].map(keys);
        arabic.remove("shown");
        assert_eq!(english, arabic);
        for stop in Stop::VARIANTS {
            assert!(arabic.contains(&format!("stop_{stop}")), "{stop}");
        }
        let interrupted = Language::Arabic.tell(Uncertainty::Interrupted.into_str(), "Gone.");
        assert_eq!(interrupted, "توقف البرنامج قبل وصول الرد.");
    }

    #[test]
    fn a_sheet_speaks_as_most_of_its_headers_do() {
        for (headers, language) in rows::<(Vec<String>, &str)>("words.languages") {
            let found = format!("{:?}", Language::of(&headers));
            assert_eq!(found, language, "{headers:?}");
        }
    }
}
