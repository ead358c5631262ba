//! `template`: an XLSX for people to fill in, made from a stored form. Filled, it runs without any mapping.

use std::io::Write;
use std::path::Path;

use super::sheets;
use crate::cli::args::{Global, Lang, TemplateArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::domain::{Complaint, ContractTypeId};
use crate::mapping::EXAMPLE_MARKER;
use crate::report::{TemplateLanguage, TemplateSpec, write_template};

/// Runs the command.
pub fn template(args: &TemplateArgs, global: &Global, output: Output) -> Result<Exit, Failure> {
    let place = Place::find(global, None)?;
    let id = ContractTypeId(args.id);
    let path = sheets::form_path(&place, id);
    if !path.exists() {
        return Err(Failure::unusable(
            Complaint::new(
                "form_missing",
                format!(
                    "there is no form of contract type {id}: {} does not exist",
                    path.display()
                ),
            )
            .hint(format!(
                "Run `vlens-batch contract-types pull {id}`, or save the answer of \
                 GetBusinessRequestTypeTemplateFields there by hand."
            )),
        ));
    }
    let form = sheets::form(&path)?;
    if form.fields.is_empty() {
        return Err(Failure::unusable(Complaint::new(
            "form_empty",
            format!("the form of contract type {id} has no fields, so there is nothing to fill in"),
        )));
    }
    let spec = TemplateSpec {
        id,
        form: &form,
        language: match args.lang {
            None => TemplateLanguage::Both,
            Some(Lang::Ar) => TemplateLanguage::Arabic,
            Some(Lang::En) => TemplateLanguage::English,
        },
        example_marker: EXAMPLE_MARKER,
    };
    let workbook = write_template(&spec).map_err(Failure::unexpected)?;
    write(&args.output, &workbook)?;
    if output.json {
        output.print_json(&serde_json::json!({
            "template": args.output.display().to_string(),
            "contract_type": id,
            "fields": form.fields.len(),
        }));
    } else {
        output.say(&format!(
            "{} is ready to be filled in: {} fields of contract type {id}. Then: vlens-batch run {}",
            args.output.display(),
            form.fields.len(),
            args.output.display(),
        ));
    }
    Ok(Exit::Done)
}

fn write(path: &Path, workbook: &[u8]) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = tempfile::Builder::new()
        .prefix(".vlens-batch-template-")
        .tempfile_in(folder)
        .and_then(|mut file| {
            file.write_all(workbook)?;
            super::contract_types::readable_as_usual(file.path());
            file.persist(path).map(|_| ()).map_err(|error| error.error)
        });
    written.map_err(|error| {
        Failure::unexpected(
            Complaint::new(
                "template_not_written",
                format!("{} cannot be written: {error}", path.display()),
            )
            .hint(
                "See whether the folder exists, the disk is full, or the file is open elsewhere.",
            ),
        )
    })
}
