//! What can be wrong with a cell or a row, in every shade that a person is told apart. The code and the sentence of each, in both
//! languages, stand in `faults.toml` under its name.
//!
//! The ledger keeps the English sentence. Its Arabic is found by it, as catalogues of translations do, so that a row can be told in
//! either language for as long as it is kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problem::ProblemCode;
use super::row::RowNumber;

/// What it holds is filled into the sentence, in its order: never a whole personal value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(strum::VariantNames))]
#[cfg_attr(test, strum(serialize_all = "snake_case"))]
#[serde(tag = "name", content = "fills", rename_all = "snake_case")]
pub enum Fault {
    BirthDateMismatch(String),
    BooleanInvalid,
    CellError,
    ChoiceMisspelt(String),
    ChoiceSeveral,
    ChoiceUnlisted(String),
    ConditionUnmet(String, String, String),
    ContractNumberInvalid,
    ContractTypeOther,
    ContractWordUnknown,
    DateAbsent,
    DateForm(String, String),
    DateInvalid,
    DateNumber,
    DateOnlyTime,
    DateShifted,
    DateUnwritable(String, String),
    DatesMixed,
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
    ExampleMarked,
    FormulaUncalculated,
    Garbled,
    Landline,
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
    TemplateFailed(String),
    TooLong(usize),
    TooManyCells(usize, usize),
    Undecodable,
    YearHijri(i16),
    YearImpossible(i16),
    YearShort,
}

/// By code.
static CODES: LazyLock<BTreeMap<String, Code>> = LazyLock::new(|| {
    toml::from_str(include_str!("faults.toml"))
        .expect("faults.toml belongs to the program and a test reads it")
});

/// By name.
static SENTENCES: LazyLock<HashMap<&str, (ProblemCode, &Sentence)>> = LazyLock::new(|| {
    let codes = CODES.iter();
    let codes = codes.filter_map(|(code, all)| Some((code.parse().ok()?, &all.faults)));
    let named = codes.flat_map(|(code, faults)| {
        let faults = faults.iter();
        faults.map(move |(name, sentence)| (name.as_str(), (code, sentence)))
    });
    named.collect()
});

#[derive(Deserialize)]
struct Code {
    /// What it means as a whole, in Arabic.
    ar: String,
    /// By name.
    #[serde(flatten)]
    faults: BTreeMap<String, Sentence>,
}

/// With `{…}` where something is filled in.
#[derive(Deserialize)]
struct Sentence {
    en: String,
    ar: String,
}

impl Fault {
    /// Its code, and what the person at the sheet reads: what is wrong and what to change.
    pub fn told(self) -> (ProblemCode, String) {
        let told = serde_json::to_value(self).unwrap_or_default();
        let (code, sentence) = SENTENCES[told["name"].as_str().unwrap_or_default()];
        let fills = match &told["fills"] {
            Value::Array(several) => several,
            one => std::slice::from_ref(one),
        };
        let texts = fills.iter().map(|fill| match fill {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let numbered = (1..).zip(texts).map(|(at, text)| (at.to_string(), text));
        (code, filled(&sentence.en, &numbered.collect()))
    }
}

/// What a code means, in Arabic.
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

    use strum::{VariantArray, VariantNames};

    use super::*;

    #[test]
    fn every_fault_has_its_sentences_and_every_code_its_meaning() {
        let faults = CODES.values().flat_map(|code| code.faults.keys());
        let mut names: BTreeSet<&str> = faults.map(String::as_str).collect();
        assert!(
            names.remove("stands_before"),
            "the ledger's own, of a duplicate"
        );
        assert_eq!(names, Fault::VARIANTS.iter().copied().collect());
        for code in ProblemCode::VARIANTS {
            assert!(CODES.contains_key(code.into_str()), "{code}");
        }
        for sentence in CODES.values().flat_map(|code| code.faults.values()) {
            let gap = |text: &str| {
                text.split(['{', '}'])
                    .skip(1)
                    .step_by(2)
                    .map(str::to_owned)
                    .collect::<BTreeSet<_>>()
            };
            assert!(
                gap(&sentence.ar).is_subset(&gap(&sentence.en)),
                "{}",
                sentence.en
            );
        }
    }

    #[test]
    fn a_fault_is_told_in_arabic_with_what_was_filled_in() {
        let (code, message) = Fault::NationalIdLength(13).told();
        let told = |message| told_in_arabic(code.into_str(), message);
        assert_eq!(
            message,
            "The national id has 13 digits instead of 14; compare it with the card."
        );
        assert_eq!(
            told(&message).as_deref(),
            Some("الرقم القومي 13 رقمًا بدلًا من 14؛ راجعه على البطاقة.")
        );
        assert_eq!(
            told("Something new.").as_deref(),
            Some("الرقم القومي غير صحيح.")
        );
        assert_eq!(
            told_in_arabic("customer_blocked", "No."),
            None,
            "the vendor's words"
        );
    }
}
