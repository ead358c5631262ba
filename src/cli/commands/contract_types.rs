//! `contract-types`: lists the tenant's contract types; `pull` stores their forms, each as the API's own answer, so that a
//! copy saved by hand serves as well. When a form was fetched is its file's time of change. `template` makes a sheet of one.

use serde_json::{Value, json};

use super::check::form;
use super::register::open_api;
use crate::cli::args::{ContractTypesAction, ContractTypesArgs, ReadArgs, SendArgs, TemplateArgs};
use crate::cli::credentials::Destination;
use crate::cli::files::{
    Readers, may_be_replaced, read_text, refuse_ending, write_bytes, write_file,
};
use crate::cli::settings::{Settings, Typed, is_there, quoted_path};
use crate::error::{Ended, Error, Kind, command};
use crate::mapping::{form_changes, type_of};
use crate::model::{ContractTypeId, Timestamp};
use crate::report::{Language, TemplateSpec, texts, write_template};
use crate::send::Api;
use crate::vlens::read_form;

pub async fn contract_types(args: &ContractTypesArgs, settings: &Settings) -> Ended {
    let sending = settings.sending(&SendArgs::default());
    let target = Destination::of(settings, &sending, args.allow_insecure_http, true)?;
    let api = open_api(settings, target, "contract-types", args.wait).await?;
    let ended = match &args.action {
        None => list(&api, settings).await,
        Some(ContractTypesAction::Pull { ids }) => pull(ids, &api, settings).await,
    };
    api.close().await?;
    ended
}

async fn list(api: &Api, settings: &Settings) -> Ended {
    let entries = api.contract_types().await?;
    let lines = entries.into_iter().map(|(id, name)| {
        let form = std::fs::metadata(settings.form_path(id));
        let pulled = form.and_then(|form| form.modified()).ok();
        let pulled = pulled.and_then(|at| jiff::Timestamp::try_from(at).ok());
        let pulled = pulled.map(|at| Timestamp(at.as_millisecond()));
        json!({ "id": id, "name": name, "form_pulled_at": pulled })
    });
    let document = json!({ "contract_types": lines.collect::<Vec<_>>() });
    let output = settings.output;
    output.show(&document, texts::CONTRACT_TYPES, Value::Null)
}

async fn pull(ids: &[ContractTypeId], api: &Api, settings: &Settings) -> Ended {
    let output = settings.output;
    let mut stored: Vec<Value> = Vec::new();
    for &id in ids {
        let path = settings.form_path(id);
        let answer = api.template_fields(id, &path.display().to_string()).await?;
        let refused = |failure| Error::of("contract_type_refused", &[&id, &failure]);
        let answer = answer.map_err(refused)?;
        let unreadable = |error| Error::of("form_unreadable.answer", &[&id, &error]);
        let form = read_form(&answer).map_err(unreadable)?;
        let before = read_text(&path).ok();
        let before = before.and_then(|text| read_form(&text).ok());
        // Whether it is there is told by writing into it.
        let _ = std::fs::create_dir_all(path.parent().unwrap_or(&path));
        write_bytes(&path, Readers::Everyone, answer.as_bytes())?;
        let pulled = json!({
            "id": id,
            "name": form.name,
            "file": path.display().to_string(),
            "fields": form.fields.len(),
            // Since the file that was there before, if there was one.
            "changes": before.map(|before| form_changes(&before, &form)),
        });
        // What is stored is told even if the next one fails.
        if !output.json {
            output.print(&output.look().text(texts::PULLED, &pulled))?;
        }
        stored.push(pulled);
    }
    if output.json {
        output.print_json(&json!({ "pulled": stored }))?;
    }
    Ok(Kind::Nobody)
}

/// The keys of the fields that the config says may not stay empty.
fn required(settings: &Settings, id: ContractTypeId) -> Vec<String> {
    let groups = settings.config.fields.iter().flatten();
    let groups = groups.filter(|(of, _)| of.0 == id);
    let fields = groups.flat_map(|(_, fields)| fields);
    let required = fields.filter(|(_, field)| {
        let required = field.get_ref().required.as_ref();
        required.is_some_and(|required| *required.get_ref())
    });
    required.map(|(key, _)| key.get_ref().clone()).collect()
}

/// An XLSX for people to fill in, made from a stored form. Filled, it runs without any mapping, and is never written over.
pub fn template(args: &TemplateArgs, settings: &Settings) -> Ended {
    let (id, path) = (args.id, &args.output);
    let form = form(id, settings)?;
    settings.refuse_output(path, &settings.form_path(id))?;
    refuse_ending(path, &["xlsx"])?;
    let shown = path.display();
    if !may_be_replaced(path) {
        return Err(Error::of("template_onto_filled", &[&shown]));
    }
    let fields = form.fields.len();
    if fields == 0 {
        return Err(Error::of("form_empty", &[&id]));
    }
    let spec = TemplateSpec {
        id,
        form: &form,
        types: &form.fields.iter().map(type_of).collect::<Vec<_>>(),
        required: &required(settings, id),
        languages: match &args.lang {
            Some(language) => std::slice::from_ref(language),
            None => &[Language::Arabic, Language::English],
        },
    };
    write_file(path, Readers::Everyone, |file| write_template(&spec, file))?;
    let document =
        json!({ "template": path.to_string_lossy(), "contract_type": id, "fields": fields });
    let config = &settings.config;
    let maps = config.recipient.phone.is_some() || config.recipient.email.is_some();
    let has_own = is_there(&path.with_extension("vlens-batch.toml"));
    let next = if (maps || config.fields.is_some()) && !has_own {
        // The config is about another sheet; this one wants its own.
        let options = settings.further(false, &Typed::default()).checking;
        command(&format!("init {}", quoted_path(path)), &options)
    } else {
        let read = ReadArgs::default();
        settings.on(false, path, &read).on_file("check")
    };
    let told = format!(
        "{shown} is ready to be filled in: {fields} fields of contract type {id}. Then: {next}"
    );
    settings.output.show_file(&document, &told)
}
