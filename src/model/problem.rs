//! What is wrong with a row, in every shade that a person is told apart, what was mended in it, and what there is to know of how a sheet
//! was read. The code and the sentence of each fault and note, in both languages, stand in `faults.toml` under its name.
//!
//! The ledger keeps the English sentence. Its Arabic is found by it, as catalogues of translations do, so that a row can be told in
//! either language for as long as it is kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::invitation::{ContractTypeId, Invitation};
use super::row::{Aside, Row, RowNumber};

/// One reason why a row cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Problem {
    pub row: RowNumber,
    /// The column's header, when the problem sits in one column.
    pub column: Option<String>,
    /// The form field, recipient part (`phone`, `email`) or `contract_type` that the column feeds.
    pub field: Option<String>,
    /// The stable word that names its kind.
    pub code: &'static str,
    /// One sentence for the person who edits the sheet: what is wrong and what to change. Holds no whole personal value.
    pub message: String,
    /// The offending value in full. Mask it wherever it leaves for a terminal or a log.
    pub value: String,
}

impl Problem {
    /// Two people on one phone, or one customer's row in two versions: only a person knows which.
    pub fn same_recipient(row: RowNumber, first: RowNumber) -> Problem {
        let (code, message) = Fault::SameRecipient(first).told();
        Problem {
            row,
            code,
            message,
            ..Problem::default()
        }
    }
}

/// A value that was mended beyond doubt: what stood in the sheet and what goes out instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// With what became of a row where that has to be told. What it holds is filled into the sentence, in its order: never a whole personal
/// value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(strum::VariantNames))]
#[cfg_attr(test, strum(serialize_all = "snake_case"))]
#[serde(tag = "name", content = "fills", rename_all = "snake_case")]
pub enum Fault {
    BirthDateMismatch(String),
    BirthImpossible,
    BooleanInvalid,
    CellError,
    ChoiceMisspelt(String),
    ChoiceSeveral,
    ChoiceUnlisted(String),
    ConditionUnmet(String, String, String),
    ContractNumberInvalid,
    ContractTypeOther,
    ContractWordUnknown,
    CreatedOtherwise,
    DateAbsent,
    DateForm(String, String),
    DateInvalid,
    DateNumber,
    DateOnlyTime,
    DateShifted,
    DateUnwritable(String, String),
    DatesMixed,
    DatesSwapped,
    DayImpossible,
    DayOrMonth,
    /// In a text, as against a number.
    DigitsRounded,
    EmailComma,
    EmailDomain,
    EmailName,
    EmailNotText,
    EmailSeveral,
    EmailSpace,
    EmailTooLong,
    EmailWithoutAt,
    ErrorWord,
    ExampleLeft,
    ExampleMarked,
    FormulaUncalculated,
    Garbled,
    InvitedElsewhere(String, String),
    KnownElsewhere(String, String, String),
    Landline,
    LinkLost,
    MergedCell,
    Missing,
    MobileTooShort,
    NationalIdBirth,
    NationalIdCentury,
    NationalIdGovernorate,
    NationalIdLength(usize),
    NationalIdNotDigits,
    NationalIdRounded,
    NationalIdShort,
    NobodyToInvite,
    NumberInvalid,
    NumberLabel,
    NumberNotAsColumn,
    NumberRounded,
    NumbersMixed,
    OnlyHashes,
    OnlyYear,
    PhoneAbsent,
    PhoneFraction,
    PhoneLacksZero,
    PhoneLetters,
    PhoneNotText,
    PhonePlus,
    PhoneRounded,
    PhoneSeveral,
    PhoneUnknown(usize, String),
    PointAmbiguous,
    SameRecipient(RowNumber),
    SentPerhaps,
    SettledElsewhere(String, String),
    StandsBefore(RowNumber),
    TemplateFailed(String),
    TooLong(usize),
    TooManyCells(usize, usize),
    Undecodable,
    YearHijri(i16),
    YearImpossible(i16),
    YearShort,
}

/// What a person should know of how a sheet was read, though nothing is wrong. What it holds is filled in as into a fault's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(strum::VariantNames))]
#[cfg_attr(test, strum(serialize_all = "snake_case"))]
#[serde(tag = "name", content = "fills", rename_all = "snake_case")]
pub enum Note {
    BlankRows(u64),
    ColumnsUnnamed(String),
    ColumnsUnused(String),
    ContractUnused,
    FieldsEmpty(ContractTypeId, String),
    FieldsOfNoRow(ContractTypeId),
    FieldsOfSessions,
    FormUnknown(ContractTypeId),
    HeaderRow(RowNumber),
    HeadersOfNoRow(ContractTypeId),
    HeadersSent(String, String),
    HiddenLeftOut(String),
    HiddenSent(String),
    /// Rows that are no customers: their numbers.
    LeftOutExample(String),
    LeftOutHeader(String),
    LeftOutSection(String),
    LeftOutSerial(String),
    LeftOutSignature(String),
    LeftOutTotal(String),
    OverviewPassedOver,
    /// Some values by which people see whether a guess was right.
    Readable(String),
    /// The encoding and why, the delimiter and why.
    ReadAsText(&'static str, String, String, &'static str),
    ReadAsTextPerhaps(&'static str, String, String, &'static str),
    ReadAsWorkbook(String),
    SheetHidden(String),
    SheetsUnread(String),
    /// How many rows, and the first of them.
    TypeWithoutFields(ContractTypeId, u64, RowNumber),
    UselessForText,
    UselessForWorkbook,
}

/// Under which notes stand beside the faults, as if it were their code.
pub const NOTES: &str = "note";

/// By code, in the file's order.
static CODES: LazyLock<IndexMap<String, Code>> = LazyLock::new(|| {
    let mut codes: IndexMap<String, Code> = toml::from_str(include_str!("faults.toml"))
        .expect("faults.toml belongs to the program and a test reads it");
    for code in codes.values_mut().filter(|code| code.ar.is_empty()) {
        let only = code.faults.values().next();
        code.en = only.map(|fault| fault.en.clone());
        code.ar = only.map_or_else(String::new, |fault| fault.ar.clone());
    }
    codes
});

#[derive(Deserialize)]
struct Code {
    /// What it means as a whole, if not what its one fault says. In English, results tell only problems; of an outcome there is its word.
    en: Option<String>,
    #[serde(default)]
    ar: String,
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
}

impl Fault {
    /// Its code, and what the person at the sheet reads: what is wrong and what to change.
    pub fn told(self) -> (&'static str, String) {
        let (code, _, text) = told(self);
        (code, text)
    }
}

impl Note {
    /// In English.
    pub fn told(&self) -> String {
        told(self).2
    }

    /// Whether a person should look at what it tells.
    pub fn is_doubt(&self) -> bool {
        told(self).1.doubt
    }
}

/// A fault's or note's code, its sentence, and that filled in English.
fn told(what: impl Serialize) -> (&'static str, &'static Sentence, String) {
    let mut told = serde_json::to_value(what).unwrap_or_default();
    let name = told["name"].take();
    let mut codes = CODES.iter();
    let (code, sentence) = codes
        .find_map(|(code, all)| Some((code, all.faults.get(name.as_str()?)?)))
        .expect("every one is in faults.toml, as a test holds");
    let fills = match told["fills"].take() {
        Value::Array(several) => several,
        one => vec![one],
    };
    let numbered = (1..).zip(fills).map(|(number, fill)| match fill {
        Value::String(text) => (number.to_string(), text),
        other => (number.to_string(), other.to_string()),
    });
    (code, sentence, filled(&sentence.en, &numbered.collect()))
}

/// The codes of problems with what each means, in the reference's order.
pub fn problem_codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let codes = CODES.iter();
    codes.filter_map(|(code, all)| Some((code.as_str(), all.en.as_deref()?)))
}

/// Whether a problem lies between cells, each of which may be right.
pub fn compares(code: &str) -> bool {
    CODES.get(code).is_some_and(|code| code.compares)
}

pub fn meaning(code: &str) -> Option<&'static str> {
    CODES.get(code)?.en.as_deref()
}

pub fn meaning_in_arabic(code: &str) -> Option<&'static str> {
    Some(&CODES.get(code)?.ar)
}

/// The Arabic of a sentence that was made in English under this code; of one that nobody knows here, what the code means.
pub fn told_in_arabic(code: &str, message: &str) -> Option<Cow<'static, str>> {
    let code = CODES.get(code)?;
    let mut sentences = code.faults.values();
    let told = sentences.find_map(|sentence| translated(sentence, message));
    Some(told.map_or(Cow::Borrowed(&code.ar), Cow::Owned))
}

/// The Arabic, filled with what stands in the gaps of the English; `None` when the text is another sentence.
fn translated(sentence: &Sentence, text: &str) -> Option<String> {
    // Words and the numbers of gaps in turn.
    let mut pieces = sentence.en.split(['{', '}']);
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut fills = HashMap::new();
    while let (Some(number), Some(words)) = (pieces.next(), pieces.next()) {
        let end = match words {
            "" => rest.len(),
            words => rest.find(words)?,
        };
        fills.insert(number.to_owned(), rest[..end].to_owned());
        rest = &rest[end + words.len()..];
    }
    rest.is_empty().then(|| filled(&sentence.ar, &fills))
}

/// A sentence with its gaps filled, by their numbers.
fn filled(sentence: &str, fills: &HashMap<String, String>) -> String {
    let pieces = sentence.split(['{', '}']).enumerate();
    let told = pieces.map(|(at, piece)| match fills.get(piece) {
        Some(fill) if at % 2 == 1 => fill,
        _ => piece,
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::VariantNames;

    use super::*;

    #[test]
    fn every_fault_has_its_sentences() {
        let faults = CODES.values().flat_map(|code| code.faults.keys());
        let names: BTreeSet<&str> = faults.map(String::as_str).collect();
        let all = Fault::VARIANTS.iter().chain(Note::VARIANTS);
        assert_eq!(names, all.copied().collect());
    }

    #[test]
    fn every_sentence_is_found_by_its_english() {
        let fills = (1..5).map(|number| (number.to_string(), format!("<{number}>")));
        let fills = fills.collect();
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
