//! `account`: asks once for what it takes to be let in, tries it, and keeps it for this user: the secrets in private files of the
//! user's config folder, the rest in the config there. No command shows a secret again.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde_json::{Value, json};

use super::register::open_api;
use crate::cli::args::{AccountArgs, SendArgs};
use crate::cli::credentials::{AccountPart, Destination};
use crate::cli::files::{Readers, folder_of, read_text, write_bytes};
use crate::cli::output::Output;
use crate::cli::settings::{DEFAULT_BASE_URL, Settings};
use crate::cli::system::own_config;
use crate::error::{Ended, Error, Kind, Result};
use crate::mapping::names::visible;
use crate::mapping::{ACCOUNT, Config};
use crate::model::{Secret, printable};
use crate::report::texts;
use crate::send::Credentials;
use crate::vlens::BaseUrl;

const API_KEY_FILE: &str = "api-key";
const PASSWORD_FILE: &str = "password";

pub async fn account(args: &AccountArgs, settings: Result<Settings>, output: Output) -> Ended {
    let own = own_config().ok_or_else(|| Error::of("no_home", &[]))?;
    if args.forget {
        return forget(&own, output);
    }
    let settings = settings?;
    if args.show {
        return show(&settings);
    }
    if !output.can_ask() {
        return Err(Error::of("no_terminal", &[]));
    }
    keep(settings, args.allow_insecure_http, &own).await
}

/// Asks until Vlens lets in, and keeps what it was let in with. What was refused is offered again, but for the password.
async fn keep(mut settings: Settings, allow_insecure_http: bool, own: &Path) -> Ended {
    let mut refused = Error::of("interrupted.questions", &[&"Nothing was kept"]);
    let user = settings.named(AccountPart::Username)?;
    let mut known = ([settings.tenancy_name()?, user], None);
    let base_url = settings.base_url(allow_insecure_http)?;
    let at = base_url.as_str();
    settings.output.say(&format!("For Vlens at {at}:"));
    let ([api_key, password], config) = loop {
        let Ok((names, keys)) = ask(known) else {
            return Err(refused);
        };
        match let_in(&mut settings, base_url.clone(), &names, &keys, own).await {
            Ok(config) => break (keys, config),
            Err(mut error) if error.kind == Kind::Refused => {
                let typed = format!("tenant {}, user {}", names[0], names[1]);
                error.message = format!("{} Nothing was kept. Typed: {typed}.", error.message);
                settings.output.tell(&error);
                refused = error;
                let [api_key, _] = keys;
                known = (names.map(Some), Some(api_key));
            }
            Err(error) => return Err(error),
        }
    };
    let folder = folder_of(own);
    // Whether it is there is told by writing into it.
    let _ = std::fs::create_dir_all(folder);
    for (path, text) in [
        (&folder.join(API_KEY_FILE), api_key.expose()),
        (&folder.join(PASSWORD_FILE), password.expose()),
        (&own.to_owned(), &config),
    ] {
        write_bytes(path, Readers::Owner, text.as_bytes())?;
    }
    let said = format!(
        "Vlens at {at} accepts this account. It is kept in {}, for you alone. `vlens-batch account --forget` deletes it.",
        folder.display()
    );
    let document = json!({ "kept_in": folder });
    settings.output.show_file(&document, &said)
}

/// Logs in, and gives the user's config by which that account is found.
async fn let_in(
    settings: &mut Settings,
    base_url: BaseUrl,
    [tenant, user]: &[String; 2],
    [api_key, password]: &[Secret; 2],
    own: &Path,
) -> Result<String> {
    let kept = [
        Some(base_url.as_str()).filter(|url| *url != DEFAULT_BASE_URL),
        Some(tenant),
        Some(user),
        Some(API_KEY_FILE),
        Some(PASSWORD_FILE),
    ];
    let (config, _) = with_account(own, kept)?;
    let read = Config::parse(&config, &own.display().to_string(), None)?;
    settings.own = Some((read, own.to_owned()));
    let login = Credentials {
        username: user.clone(),
        password: password.clone(),
    };
    let account = (tenant.clone(), api_key.clone(), Some(login));
    let sending = settings.sending(&SendArgs::default());
    let target = Destination::new(&settings.way()?, &sending, base_url, account)?;
    let api = open_api(settings, target, "account", false).await?;
    let login = api.log_in().await;
    api.close().await?;
    login.map(|_| config)
}

/// What an account is: tenant and user; API key and password.
fn ask(
    ([tenant, user], key): ([Option<String>; 2], Option<Secret>),
) -> io::Result<([String; 2], [Secret; 2])> {
    let text = |question, known: Option<String>| {
        let mut prompt = cliclack::input(question);
        if let Some(known) = known {
            prompt = prompt.default_input(&printable(&known));
        }
        let answer: String = prompt.interact()?;
        io::Result::Ok(visible(&answer))
    };
    let hidden = |question, known: Option<Secret>| {
        let mut prompt = cliclack::password(question);
        if known.is_some() {
            prompt = prompt.allow_empty();
        }
        let answer = Secret::new(prompt.interact()?.trim());
        let as_before = known.filter(|_| answer.expose().is_empty());
        io::Result::Ok(as_before.unwrap_or(answer))
    };
    let tenant = text("Which tenant is this (its name at Vlens)?", tenant)?;
    let user = text("Who logs in (user name or e-mail address)?", user)?;
    let question = match key {
        None => "The tenant's API key?",
        Some(_) => "The tenant's API key (Enter: the one typed before)?",
    };
    let api_key = hidden(question, key)?;
    Ok(([tenant, user], [api_key, hidden("The password?", None)?]))
}

/// The user's config as it is, but for these settings of the API; and whether it had any of them.
fn with_account(own: &Path, account: [Option<&str>; 5]) -> Result<(String, bool)> {
    let unusable =
        |why: &dyn Display| Error::of("config_unreadable.account", &[&own.display(), why]);
    let text = match read_text(own) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| unusable(&error))?,
    };
    let config = text.parse::<toml::Table>();
    let mut config = config.map_err(|_| unusable(&"it is not TOML"))?;
    let api = config.entry("api");
    let api = api.or_insert_with(|| toml::Table::new().into());
    let mut had_any = false;
    if let Some(api) = api.as_table_mut() {
        for (name, value) in ACCOUNT.into_iter().zip(account) {
            had_any |= api.remove(name).is_some();
            if let Some(value) = value {
                api.insert(name.to_owned(), value.into());
            }
        }
    }
    Ok((config.to_string(), had_any))
}

fn forget(own: &Path, output: Output) -> Ended {
    let folder = folder_of(own);
    let mut forgotten: Vec<String> = Vec::new();
    for path in [API_KEY_FILE, PASSWORD_FILE].map(|name| folder.join(name)) {
        let shown = path.display().to_string();
        match std::fs::remove_file(&path) {
            Ok(()) => forgotten.push(shown),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::of("not_forgotten", &[&shown, &error])),
        }
    }
    let (config, had_any) = with_account(own, [None; 5])?;
    if had_any {
        write_bytes(own, Readers::Owner, config.as_bytes())?;
        forgotten.push(own.display().to_string());
    }
    let said = match forgotten.as_slice() {
        [] => "No account is kept for this user.".to_owned(),
        places => format!("Forgotten: {}.", places.join(", ")),
    };
    output.show_file(&json!({ "forgotten": forgotten }), &said)
}

/// Names the places, never the values.
fn show(settings: &Settings) -> Ended {
    let place = |part| {
        let found = settings.find_part(part);
        found.map(|found| found.map(|(_, place)| place))
    };
    let places = json!({
        "tenant": place(AccountPart::Tenant)?,
        "user": place(AccountPart::Username)?,
        "api_key": place(AccountPart::ApiKey)?,
        "password": place(AccountPart::Password)?,
        "kept_for_another": settings.kept_for_another(),
    });
    settings.output.show(&places, texts::ACCOUNT, Value::Null)
}
