//! Reads what a sheet's walk needs: the file or standard input, forms, keys.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::args::ReadArgs;
use crate::cli::settings::{Place, contract_types};
use crate::error::Error;
use crate::input::Input;
use crate::mapping::BindOptions;
use crate::model::{ContractTypeId, Form};
use crate::send::{Sheet, SheetError};
use crate::vlens;

/// The file named on the command line; `-` is standard input.
pub fn input(file: &Path) -> Result<Input, Error> {
    if file != Path::new("-") {
        return Ok(Input::Path(file.to_owned()));
    }
    Input::from_stdin(std::io::stdin().lock())
}

/// Opens the sheet with everything that its mapping needs.
pub fn open(input: &Input, place: &Place, args: &ReadArgs) -> Result<Sheet, Error> {
    let types = contract_types(args);
    let bind = BindOptions {
        forms: forms(place)?,
        contract_types: types,
        file: input.name(),
        user_public_key: user_public_key(place)?,
    };
    Sheet::open(input, &place.source_options(args), &place.config, &bind).map_err(|error| {
        match error {
            SheetError::Source(complaint) => complaint,
            SheetError::Mapping(errors) => Error::from(errors),
        }
    })
}

/// The stored forms: `contract-types/ID.json` beside the config.
pub fn forms(place: &Place) -> Result<BTreeMap<ContractTypeId, Form>, Error> {
    let folder = place.forms_folder();
    let mut forms = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok(forms);
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let id = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".json"))
            .and_then(|stem| stem.parse().ok());
        if let Some(id) = id {
            forms.insert(ContractTypeId(id), form(&path)?);
        }
    }
    Ok(forms)
}

/// Where the form of a contract type is stored.
pub fn form_path(place: &Place, id: ContractTypeId) -> std::path::PathBuf {
    place.forms_folder().join(format!("{id}.json"))
}

/// Reads one stored form.
pub fn form(path: &Path) -> Result<Form, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::unusable(
            "form_unreadable",
            format!("The form {} cannot be read: {error}.", path.display()),
        )
    })?;
    vlens::read_form(&text).map_err(|complaint| {
        let message = format!("{}: {}", path.display(), complaint.message);
        Error {
            message,
            ..complaint
        }
    })
}

fn user_public_key(place: &Place) -> Result<Option<String>, Error> {
    let Some(name) = &place.config.session.user_public_key_file else {
        return Ok(None);
    };
    let path = place.resolve(name);
    std::fs::read_to_string(&path)
        .map(|text| Some(text.trim_end().to_owned()))
        .map_err(|error| {
            Error::unusable(
                "public_key_unreadable",
                format!(
                    "{} (user_public_key_file) cannot be read: {error}.",
                    path.display()
                ),
            )
        })
}
