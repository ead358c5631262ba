//! `account`: asks once for what it takes to be let in, tries it, and keeps it for this user: the secrets in private files of the
//! user's config folder, the rest in the config there. No command shows a secret again.

use std::path::Path;

use super::contract_types::open_api;
use super::world::Target;
use crate::cli::args::{AccountArgs, Global, SendArgs};
use crate::cli::credentials::{API_KEY, Account, PASSWORD, Source, USERNAME};
use crate::cli::files::{Readers, folder_of, read_text, write_bytes};
use crate::cli::output::Output;
use crate::cli::place::own_config;
use crate::cli::settings::{DEFAULT_BASE_URL, Settings, TENANCY_NAME, variable};
use crate::error::{Ended, Error};
use crate::mapping::Config;
use crate::model::{Secret, printable};
use crate::send::Credentials;

const API_KEY_FILE: &str = "api-key";
const PASSWORD_FILE: &str = "password";

pub async fn account(args: &AccountArgs, global: &Global, output: Output) -> Ended {
    let own = own_config().ok_or_else(|| {
        Error::unusable("no_home", "There is no home folder (HOME is not set) to keep an account in.")
            .hint("Set the account in the environment instead: VLENS_API_KEY_FILE, VLENS_PASSWORD_FILE and their like.")
    })?;
    if args.forget {
        return forget(&own, output);
    }
    let settings = Settings::find(global, None)?;
    if args.show {
        return show(&settings, output);
    }
    if !output.can_ask() {
        let message = "`account` asks at a terminal, and there is none.";
        return Err(Error::usage("no_terminal", message).hint(
            "Run it in a terminal window; a job without one gets its account from the environment or from [api] in the config.",
        ));
    }
    keep(settings, args, &own, output).await
}

async fn keep(mut settings: Settings, args: &AccountArgs, own: &Path, output: Output) -> Ended {
    let base_url = settings.base_url(args.allow_insecure_http)?;
    let known = |known: Option<String>| known.unwrap_or_default();
    let tenancy_name = ask(
        "Which tenant is this (its name at Vlens)?",
        &known(settings.tenancy_name()?),
    )?;
    let username = ask(
        "Who logs in (user name or e-mail address)?",
        &known(settings.username()?),
    )?;
    let api_key = ask_secret("The tenant's API key?")?;
    let password = ask_secret("The password?")?;
    let text = with_account(own, base_url.as_str(), &tenancy_name, &username)?;
    let config = Config::parse(&text, &own.display().to_string())?;
    settings.own = Some((config, own.to_owned()));
    let account = Account {
        tenancy_name,
        api_key: Secret::new(api_key.expose()),
        credentials: Some(Credentials {
            username,
            password: Secret::new(password.expose()),
        }),
    };
    let sending = settings.sending(&SendArgs::default());
    let target = Target::at(base_url, account, &settings, &sending)?;
    let api = open_api(&settings, target, "account", false, output).await?;
    let login = api.log_in_once().await;
    if let Some(writer) = api.into_ledger() {
        writer.stop().await?.finish()?;
    }
    login.map_err(|error| {
        let mut error = Error::from(error);
        error.message.push_str(" Nothing was kept.");
        error
    })?;
    let folder = folder_of(own);
    // Whether it is there is told by writing into it.
    let _ = std::fs::create_dir_all(&folder);
    let secrets = [(API_KEY_FILE, &api_key), (PASSWORD_FILE, &password)];
    for (name, secret) in secrets {
        write_bytes(
            &folder.join(name),
            Readers::Owner,
            secret.expose().as_bytes(),
        )?;
    }
    write_bytes(own, Readers::Owner, text.as_bytes())?;
    let document = serde_json::json!({ "kept_in": folder });
    let said = format!(
        "Vlens accepts this account. It is kept in {}, for you alone. `vlens-batch account --forget` deletes it.",
        folder.display()
    );
    output.show_file(&document, &said)?;
    Ok(None)
}

fn ask(question: &str, known: &str) -> Result<String, Error> {
    let mut prompt = cliclack::input(question);
    if !known.is_empty() {
        prompt = prompt.default_input(&printable(known));
    }
    let answer: String = prompt.interact().map_err(|_| unanswered())?;
    Ok(answer.trim().to_owned())
}

fn ask_secret(question: &str) -> Result<Secret, Error> {
    let answer = cliclack::password(question).interact();
    answer
        .map(|answer| Secret::new(answer.trim()))
        .map_err(|_| unanswered())
}

fn unanswered() -> Error {
    Error::stopped(
        "interrupted",
        "Nothing was kept: the questions were not answered.",
    )
}

/// The user's config as it is, with this account.
fn with_account(
    own: &Path,
    base_url: &str,
    tenancy: &str,
    username: &str,
) -> Result<String, Error> {
    let mut config = read(own)?;
    let api = config
        .entry("api")
        .or_insert_with(|| toml::Table::new().into());
    if let Some(api) = api.as_table_mut() {
        for (name, value) in [
            ("base_url", base_url),
            ("tenancy_name", tenancy),
            ("username", username),
            ("api_key_file", API_KEY_FILE),
            ("password_file", PASSWORD_FILE),
        ] {
            api.insert(name.to_owned(), value.into());
        }
        if base_url == DEFAULT_BASE_URL {
            api.remove("base_url");
        }
    }
    Ok(config.to_string())
}

fn read(own: &Path) -> Result<toml::Table, Error> {
    if !own.exists() {
        return Ok(toml::Table::new());
    }
    let unusable = |why: String| {
        Error::unusable(
            "config_unreadable",
            format!("{} cannot be used: {why}.", own.display()),
        )
    };
    let text = read_text(own).map_err(|error| unusable(error.to_string()))?;
    text.parse()
        .map_err(|_| unusable("it is not TOML".to_owned()))
}

fn forget(own: &Path, output: Output) -> Ended {
    let folder = folder_of(own);
    let mut forgotten: Vec<String> = Vec::new();
    for name in [API_KEY_FILE, PASSWORD_FILE] {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| {
                Error::unexpected(
                    "not_forgotten",
                    format!("{} cannot be deleted: {error}.", path.display()),
                )
            })?;
            forgotten.push(path.display().to_string());
        }
    }
    let mut config = read(own)?;
    let api = config.get_mut("api").and_then(toml::Value::as_table_mut);
    let names = [
        "base_url",
        "tenancy_name",
        "username",
        "api_key_file",
        "password_file",
    ];
    let is_told = api.is_some_and(|api| {
        names
            .into_iter()
            .filter_map(|name| api.remove(name))
            .count()
            > 0
    });
    if is_told {
        write_bytes(own, Readers::Owner, config.to_string().as_bytes())?;
        forgotten.push(own.display().to_string());
    }
    let said = match forgotten.as_slice() {
        [] => "No account is kept for this user.".to_owned(),
        places => format!("Forgotten: {}.", places.join(", ")),
    };
    output.show_file(&serde_json::json!({ "forgotten": forgotten }), &said)?;
    Ok(None)
}

/// Names the places, never the values.
fn show(settings: &Settings, output: Output) -> Ended {
    let place = |name, here: bool, own: bool| -> Result<Option<String>, Error> {
        let config = settings.config_path.as_ref().filter(|_| here);
        let own = settings
            .own_account()?
            .filter(|_| own)
            .map(|(_, path)| path);
        Ok(match variable(name)? {
            Some(_) => Some(format!("the environment ({name})")),
            None => config.or(own).map(|path| path.display().to_string()),
        })
    };
    let secret = |name| -> Result<Option<String>, Error> {
        Ok(settings.source(name)?.map(|source| match source {
            Source::Variable => format!("the environment ({name})"),
            Source::File(_, named) => named,
        }))
    };
    let (here, own) = (
        &settings.config.api,
        settings.own_account()?.map(|(own, _)| &own.api),
    );
    let places = [
        (
            "tenant",
            place(
                TENANCY_NAME,
                here.tenancy_name.is_some(),
                own.is_some_and(|own| own.tenancy_name.is_some()),
            )?,
        ),
        (
            "user",
            place(
                USERNAME,
                here.username.is_some(),
                own.is_some_and(|own| own.username.is_some()),
            )?,
        ),
        ("api_key", secret(API_KEY)?),
        ("password", secret(PASSWORD)?),
    ];
    let document: serde_json::Map<_, _> = places
        .iter()
        .map(|(what, place)| ((*what).to_owned(), serde_json::json!(place)))
        .collect();
    output.show(&document, |out| {
        places.iter().try_for_each(|(what, place)| {
            let place = place
                .as_deref()
                .unwrap_or("nowhere: run `vlens-batch account`");
            writeln!(out, "{:<10}{place}", what.replace('_', " "))
        })
    })?;
    Ok(None)
}
