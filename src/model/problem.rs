//! What is wrong with a row, and what was mended in it.

use serde::Serialize;
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

use super::invitation::Invitation;
use super::row::{Aside, Row, RowNumber};

/// One reason why a row cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub row: RowNumber,
    /// The column's header, when the problem sits in one column.
    pub column: Option<String>,
    /// The form field, recipient part (`phone`, `email`) or `contract_type` that the column feeds.
    pub field: Option<String>,
    pub code: ProblemCode,
    /// One sentence for the person who edits the sheet: what is wrong and what to change. Holds no whole personal value.
    pub message: String,
    /// The offending value in full. Mask it wherever it leaves for a terminal or a log.
    pub value: String,
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
#[derive(Debug)]
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
#[derive(Debug)]
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

/// The stable word that names a kind of problem. `docs/reference.md` lists them all, with these sentences, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumMessage, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ProblemCode {
    /// A required value is empty.
    Missing,
    /// Neither a phone nor an e-mail address is given.
    RecipientMissing,
    /// The phone number is not a valid number of the set country, nor an international one.
    PhoneInvalid,
    /// Excel has rounded the phone number; digits are lost.
    PhoneRounded,
    /// The cell holds more than one phone number.
    PhoneSeveral,
    /// The e-mail address is not one.
    EmailInvalid,
    /// The value is not a number.
    NumberInvalid,
    /// Excel has rounded the number; digits are lost.
    NumberRounded,
    /// A separator could part thousands or a fraction, or the column mixes both ways.
    NumberAmbiguous,
    /// The value is not a date in the expected form.
    DateInvalid,
    /// Day and month cannot be told apart, the column mixes both orders, or a time of day close to midnight leaves open which day is meant.
    DateAmbiguous,
    /// The value is neither a yes nor a no.
    BooleanInvalid,
    /// The value is not among the choices.
    ChoiceUnknown,
    /// The national id is not built as Egyptian ids are.
    NationalIdInvalid,
    /// Excel has rounded or shortened the national id; digits are lost.
    NationalIdRounded,
    /// The birth date is not the one in the national id.
    BirthDateMismatch,
    /// The value names no contract type.
    ContractTypeUnknown,
    /// The field belongs to another answer of its parent question.
    ConditionUnmet,
    /// An earlier row asks for the same invitation with other content.
    SameRecipient,
    /// The row has more cells than the header.
    TooManyCells,
    /// The row is marked as the template's example, and holds other values.
    ExampleMarked,
    /// The text has bytes foreign to the file's encoding, control characters, or a closing quotation mark with text beside it.
    Undecodable,
    /// The text was already damaged when it was saved.
    Garbled,
    /// The cell holds an error such as #N/A.
    CellError,
    /// The cell holds a formula whose result was never stored.
    FormulaUncalculated,
    /// The cell is covered by a merged range, so its own value is unknown.
    MergedCell,
    /// The cell holds a number, and its number format shows a word in its place.
    NumberLabel,
    /// The template gives no value for this row.
    TemplateFailed,
    /// The value is too long to be sent.
    TooLong,
}

impl ProblemCode {
    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        self.get_documentation().unwrap_or_default()
    }
}
