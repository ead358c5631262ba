//! A sheet and its mapping, opened together.

use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::input::{Input, Options, Source};
use crate::ledger::{FirstRows, SheetIdentity, ShortKey};
use crate::mapping::{BindOptions, Config, ConfigErrors, Mapped, Mapping};
use crate::model::{Invitation, InvitationKey, Problem, Repair, RowNumber};

/// A sheet ready to be walked.
pub struct Sheet {
    /// Where its rows come from.
    pub source: Source,
    /// What they become.
    pub mapping: Mapping,
    /// How it was opened.
    options: Options,
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
            while let Some(row) = source.next_row()? {
                survey.see(&row);
            }
            mapping.settle(survey);
            source = Source::open(input, options)?;
        }
        Ok(Sheet {
            source,
            mapping,
            options: options.clone(),
            examples: Vec::new(),
        })
    }

    /// What this sheet is known again by: the SHA-256 of the file's bytes, how they are read, and what rows become.
    pub fn identity(&self, bytes: [u8; 32]) -> Result<SheetIdentity, Error> {
        let reading = serde_json::to_vec(&self.options).map_err(|error| {
            Error::unexpected(
                "options_unwritable",
                format!("How the file is read cannot be written down ({error})."),
            )
        })?;
        let identity = Sha256::new()
            .chain_update(bytes)
            .chain_update(self.mapping.fingerprint())
            .chain_update(reading);
        Ok(SheetIdentity(identity.finalize().into()))
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
