//! `template`: an XLSX for people to fill in, made from a stored form. Filled, it runs without any mapping.

use super::sheets;
use crate::cli::args::{Global, Lang, TemplateArgs};
use crate::cli::files::{self, Readers};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::mapping::EXAMPLE_MARKER;
use crate::model::ContractTypeId;
use crate::report::{Language, TemplateSpec, write_template};

/// Runs the command.
pub fn template(args: &TemplateArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let id = ContractTypeId(args.id);
    let path = sheets::form_path(&place, id);
    if !path.exists() {
        return Err(Error::unusable(
            "form_missing",
            format!(
                "There is no form of contract type {id}: {} does not exist.",
                path.display()
            ),
        )
        .hint(format!(
            "Run `vlens-batch contract-types pull {id}`, or save the answer of \
                 GetBusinessRequestTypeTemplateFields there by hand."
        )));
    }
    let form = sheets::form(&path)?;
    if form.fields.is_empty() {
        return Err(Error::unusable(
            "form_empty",
            format!(
                "The form of contract type {id} has no fields, so there is nothing to fill in."
            ),
        ));
    }
    let spec = TemplateSpec {
        id,
        form: &form,
        language: match args.lang {
            None => None,
            Some(Lang::Ar) => Some(Language::Arabic),
            Some(Lang::En) => Some(Language::English),
        },
        example_marker: EXAMPLE_MARKER,
    };
    let workbook = write_template(&spec)?;
    files::put(&args.output, Readers::Everyone, &workbook)?;
    if output.json {
        output.print_json(&serde_json::json!({
            "template": args.output.display().to_string(),
            "contract_type": id,
            "fields": form.fields.len(),
        }))?;
    } else {
        output.say(&format!(
            "{} is ready to be filled in: {} fields of contract type {id}. Then: vlens-batch run {}",
            args.output.display(),
            form.fields.len(),
            args.output.display(),
        ));
    }
    Ok(None)
}
