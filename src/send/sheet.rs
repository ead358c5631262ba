//! A sheet and its mapping, opened together.

use crate::error::Error;
use crate::input::{Input, Options, Source};
use crate::ledger::{FirstRows, ShortKey};
use crate::mapping::{BindOptions, Config, ConfigErrors, Mapped, Mapping};
use crate::model::{Invitation, InvitationKey, Problem, Repair, Row, RowNumber};

/// A sheet ready to be walked.
pub struct Sheet {
    /// Where its rows come from.
    pub source: Source,
    /// What they become.
    pub mapping: Mapping,
    /// A template's example rows that the walk left out.
    pub examples: Vec<RowNumber>,
}

/// Why a sheet cannot be walked.
#[derive(Debug)]
pub enum SheetError {
    /// The file.
    Source(Error),
    /// The mapping.
    Mapping(ConfigErrors),
}

impl From<Error> for SheetError {
    fn from(complaint: Error) -> Self {
        SheetError::Source(complaint)
    }
}

impl From<ConfigErrors> for SheetError {
    fn from(errors: ConfigErrors) -> Self {
        SheetError::Mapping(errors)
    }
}

impl Sheet {
    /// Opens the file and binds the mapping to its headers. Where a date column leaves open whether days or months come
    /// first, all rows are looked at once before the walk begins.
    pub fn open(
        input: &Input,
        options: &Options,
        config: &Config,
        bind: &BindOptions,
    ) -> Result<Sheet, SheetError> {
        let mut source = Source::open(input, options)?;
        let mut mapping = Mapping::bind(config, source.columns(), bind)?;
        if let Some(mut survey) = mapping.survey() {
            let mut row = Row::new();
            while source.read(&mut row)? {
                survey.see(&row);
            }
            mapping.settle(survey);
            source = Source::open(input, options)?;
        }
        Ok(Sheet {
            source,
            mapping,
            examples: Vec::new(),
        })
    }

    /// The headers, as results give them back.
    pub fn columns(&self) -> Vec<String> {
        self.source
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// What a person should know of the example rows that the walk left out, if there were any: one who wrote a customer
    /// over the example would miss that one.
    pub fn note_on_examples(&self) -> Option<String> {
        match self.examples.as_slice() {
            [] => None,
            [row] => Some(format!(
                "Row {row} is marked as the template's example and is left out."
            )),
            [first, ..] => Some(format!(
                "{} rows are marked as a template's example and are left out; the first is row {first}.",
                self.examples.len()
            )),
        }
    }
}

/// What a row comes to within its file, as far as can be said without a ledger.
pub enum Verdict {
    /// The first row with this invitation.
    Valid(Invitation),
    /// The same invitation stands in an earlier row.
    Duplicate(RowNumber),
    /// What is wrong with it.
    Invalid(Vec<Problem>),
}

/// Finds duplicates within one file without a ledger.
#[derive(Default)]
pub struct Seen(FirstRows);

impl Seen {
    /// Judges one row after the other.
    pub fn judge(&mut self, row: RowNumber, mapped: Mapped) -> (Verdict, Vec<Repair>) {
        let verdict = match mapped.result {
            Err(problems) => Verdict::Invalid(problems),
            Ok(invitation) => match self.0.earlier(short(&invitation.key), row) {
                Some(first) => Verdict::Duplicate(first),
                None => Verdict::Valid(invitation),
            },
        };
        (verdict, mapped.repairs)
    }
}

fn short(key: &InvitationKey) -> ShortKey {
    let mut short = ShortKey::default();
    short.copy_from_slice(&key.0[..12]);
    short
}
