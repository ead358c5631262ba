//! What is wrong with a row, in every shade that a person is told apart, what was mended in it, and what there is to know of how a sheet
//! was read. The code and the sentence of each fault and note, in both languages, stand in `faults.toml` under its name.
//!
//! The ledger keeps the English sentence. Its Arabic is found by it, as catalogues of translations do, so that a row can be told in
//! either language for as long as it is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::invitation::Invitation;
use super::row::{Aside, Row, RowNumber};
use crate::error::filled;

/// One reason why a row cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Problem {
    pub row: RowNumber,
    /// The column's header, when the problem sits in one column.
    pub column: Option<String>,
    /// The form field, recipient part (`phone`, `email`) or `contract_type` that the column feeds.
    pub field: Option<String>,
    /// The stable word that names its kind.
    pub code: Cow<'static, str>,
    /// One sentence for the person who edits the sheet: what is wrong and what to change. Holds no whole personal value.
    pub message: String,
    /// The offending value in full. Mask it wherever it leaves for a terminal or a log.
    pub value: String,
}

impl Problem {
    /// Of the row as a whole.
    pub fn of_row(row: RowNumber, fault: &Fault) -> Problem {
        Problem {
            row,
            code: fault.code().into(),
            message: fault.to_string(),
            ..Problem::default()
        }
    }
}

/// A value that was mended beyond doubt: what stood in the sheet and what goes out instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Repair {
    pub row: RowNumber,
    pub column: String,
    /// The form field or recipient part.
    pub field: String,
    pub from: String,
    pub to: String,
}

/// What a row comes to within its file, as far as can be said without a ledger.
pub enum Verdict {
    /// The first row with this invitation.
    Valid(Invitation),
    /// The same invitation stands in an earlier row.
    Duplicate(RowNumber),
    Invalid(Vec<Problem>),
    /// No customer's row.
    Aside(Aside),
}

/// A row of a file with what it comes to.
pub struct Judged {
    pub row: Row,
    pub verdict: Verdict,
    /// None in a row that is no customer's.
    pub repairs: Vec<Repair>,
}

impl Judged {
    pub fn problems(&self) -> &[Problem] {
        match &self.verdict {
            Verdict::Invalid(problems) => problems,
            _ => &[],
        }
    }
}

/// What is to be told of a row or of what became of it, by its name in `faults.toml`. What is filled into the sentence is never a whole
/// personal value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub name: &'static str,
    pub fills: Vec<String>,
}

/// What a person should know of how a sheet was read, though nothing is wrong.
pub type Note = Fault;

/// Under which notes stand beside the faults, as if it were their code.
pub const NOTES: &str = "note";

/// By code.
static CODES: LazyLock<BTreeMap<String, Code>> = LazyLock::new(|| {
    let mut codes: BTreeMap<String, Code> = toml::from_str(include_str!("faults.toml"))
        .expect("faults.toml belongs to the program and a test reads it");
    for code in codes.values_mut().filter(|code| code.ar.is_none()) {
        let only = code.faults.values().next();
        code.en = only.map(|fault| fault.en.clone());
        code.ar = only.map(|fault| fault.ar.clone());
    }
    codes
});

#[derive(Deserialize)]
struct Code {
    /// What it means as a whole, if not what its one fault says. In English, results tell only problems; of an outcome there is its word.
    en: Option<String>,
    ar: Option<String>,
    /// Whether it lies between cells, each of which may be right.
    #[serde(default)]
    compares: bool,
    /// By name.
    #[serde(flatten)]
    faults: BTreeMap<String, Sentence>,
}

/// With `{…}` where something is filled in.
#[derive(Deserialize)]
struct Sentence {
    en: String,
    ar: String,
    /// Whether a person should look at what a note tells.
    #[serde(default)]
    doubt: bool,
    /// Whether the cell held what it should, and is spoiled.
    #[serde(default)]
    spoiled: bool,
}

impl Fault {
    pub fn of(name: &'static str, fills: &[&dyn Display]) -> Fault {
        let fills = fills.iter().map(ToString::to_string).collect();
        Fault { name, fills }
    }

    pub fn code(&self) -> &'static str {
        self.sentence().0
    }

    /// Whether a person should look at what a note tells.
    pub fn is_doubt(&self) -> bool {
        self.sentence().1.doubt
    }

    pub fn is_spoiled(&self) -> bool {
        self.sentence().1.spoiled
    }

    fn sentence(&self) -> (&'static str, &'static Sentence) {
        let mut codes = CODES.iter();
        codes
            .find_map(|(code, all)| Some((&**code, all.faults.get(self.name)?)))
            .expect("every name is in faults.toml, as a test holds")
    }
}

/// What the person at the sheet reads, in English: what is wrong and what to change.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&filled(&self.sentence().1.en, &self.fills))
    }
}

/// Whether a problem lies between cells, each of which may be right.
pub fn compares(code: &str) -> bool {
    CODES.get(code).is_some_and(|code| code.compares)
}

/// What a code means as a whole.
pub fn meaning(code: &str, in_arabic: bool) -> Option<&'static str> {
    let code = CODES.get(code)?;
    let told = if in_arabic { &code.ar } else { &code.en };
    told.as_deref()
}

/// The Arabic of a sentence that was made in English under this code; of one that nobody knows here, what the code means.
pub fn told_in_arabic(code: &str, message: &str) -> Option<Cow<'static, str>> {
    let code = CODES.get(code)?;
    let mut sentences = code.faults.values();
    let told = sentences.find_map(|sentence| translated(sentence, message));
    let whole = code.ar.as_deref().map(Cow::Borrowed);
    told.map(Cow::Owned).or(whole)
}

/// The Arabic, filled with what stands in the gaps of the English; `None` when the text is another sentence.
fn translated(sentence: &Sentence, text: &str) -> Option<String> {
    // Words and gaps in turn; the gaps stand in the order of their numbers.
    let mut pieces = sentence.en.split(['{', '}']);
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut fills: Vec<String> = Vec::new();
    while let (Some(_), Some(words)) = (pieces.next(), pieces.next()) {
        let end = match words {
            "" => rest.len(),
            words => rest.find(words)?,
        };
        fills.push(rest[..end].replace(", ", "، "));
        rest = &rest[end + words.len()..];
    }
    rest.is_empty().then(|| filled(&sentence.ar, &fills))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_found_by_its_english() {
        let fills: Vec<String> = (1..5).map(|number| format!("<{number}>")).collect();
        for (code, all) in &*CODES {
            for sentence in all.faults.values() {
                let [english, arabic] =
                    [&sentence.en, &sentence.ar].map(|text| filled(text, &fills));
                let told = told_in_arabic(code, &english);
                assert_eq!(told.as_deref(), Some(&*arabic), "{english}");
            }
        }
        let new = told_in_arabic("national_id_invalid", "Something new.");
        assert_eq!(new.as_deref(), Some("الرقم القومي غير صحيح."));
        let vendors = told_in_arabic("customer_blocked", "No.");
        assert_eq!(vendors, None, "the vendor's words");
    }
}
