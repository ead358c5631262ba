//! What is wrong with a row, and what was mended in it.

use super::RowNumber;

/// One reason why a row cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The row, as a spreadsheet numbers it.
    pub row: RowNumber,
    /// The column's header, when the problem sits in one column.
    pub column: Option<String>,
    /// The form field, recipient part (`phone`, `email`) or `contract_type` that the column feeds.
    pub field: Option<String>,
    /// The stable word for scripts.
    pub code: ProblemCode,
    /// One sentence for the person who edits the sheet: what is wrong and what to change. Holds no whole personal value.
    pub message: String,
    /// The offending value in full. Mask it wherever it leaves for a terminal or a log.
    pub value: String,
}

/// A value that was mended beyond doubt: what stood in the sheet and what goes out instead.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Repair {
    /// The row, as a spreadsheet numbers it.
    pub row: RowNumber,
    /// The column's header.
    pub column: String,
    /// The form field or recipient part.
    pub field: String,
    /// What stood in the cell.
    pub from: String,
    /// What goes out.
    pub to: String,
}

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $meaning:literal;)*) => {
        /// The stable word that names a kind of problem; the README lists them all.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ProblemCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl ProblemCode {
            /// Every code, in the order of the README's table.
            pub const ALL: &'static [ProblemCode] = &[$(ProblemCode::$variant,)*];

            /// The word, as scripts see it.
            pub fn as_str(self) -> &'static str {
                match self { $(ProblemCode::$variant => $word,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(ProblemCode::$variant => $meaning,)* }
            }

            /// The code that a word names.
            pub fn parse(word: &str) -> Option<ProblemCode> {
                ProblemCode::ALL.iter().copied().find(|code| code.as_str() == word)
            }
        }
    };
}

problem_codes! {
    Missing = "missing", "A required value is empty.";
    RecipientMissing = "recipient_missing", "Neither a phone nor an e-mail address is given.";
    PhoneInvalid = "phone_invalid", "The phone number is not a valid number of the set country, nor an international one.";
    PhoneRounded = "phone_rounded", "Excel has rounded the phone number; digits are lost.";
    PhoneSeveral = "phone_several", "The cell holds more than one phone number.";
    EmailInvalid = "email_invalid", "The e-mail address is not one.";
    NumberInvalid = "number_invalid", "The value is not a number.";
    NumberRounded = "number_rounded", "Excel has rounded the number; digits are lost.";
    DateInvalid = "date_invalid", "The value is not a date in the expected form.";
    DateAmbiguous = "date_ambiguous", "Day and month cannot be told apart, or the column mixes both orders.";
    BooleanInvalid = "boolean_invalid", "The value is neither a yes nor a no.";
    ChoiceUnknown = "choice_unknown", "The value is not among the choices.";
    NationalIdInvalid = "national_id_invalid", "The national id is not built as Egyptian ids are.";
    NationalIdRounded = "national_id_rounded", "Excel has rounded or shortened the national id; digits are lost.";
    BirthDateMismatch = "birth_date_mismatch", "The birth date is not the one in the national id.";
    ContractTypeUnknown = "contract_type_unknown", "The value names no contract type.";
    ConditionUnmet = "condition_unmet", "The field belongs to another answer of its parent question.";
    TooManyCells = "too_many_cells", "The row has more cells than the header.";
    Undecodable = "undecodable", "The text has bytes that are foreign to the file's encoding.";
    Garbled = "garbled", "The text was already damaged when it was saved.";
    CellError = "cell_error", "The cell holds an error such as #N/A.";
    FormulaUncalculated = "formula_uncalculated", "The cell holds a formula whose result was never stored.";
    MergedCell = "merged_cell", "The cell is covered by a merged range, so its own value is unknown.";
    TemplateFailed = "template_failed", "The template gives no value for this row.";
    TooLong = "too_long", "The value is too long to be sent.";
}

impl serde::Serialize for ProblemCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
