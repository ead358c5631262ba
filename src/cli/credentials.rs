//! Who we are at Vlens: user and secrets from the environment, from files that it or the config names, and from what `account` kept for
//! this user. Secrets stand in no flag and in no config.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{folder_of, text_of};
use super::settings::{Found, Settings, TENANCY_NAME, path_variable, variable};
use crate::error::Error;
use crate::model::Secret;
use crate::register::Place;
use crate::send::Credentials;

pub const API_KEY: &str = "VLENS_API_KEY";
pub const USERNAME: &str = "VLENS_USERNAME";
pub const PASSWORD: &str = "VLENS_PASSWORD";
pub const REGISTER: &str = "VLENS_REGISTER";
const REGISTER_PASSWORD_FILE: &str = "VLENS_REGISTER_PASSWORD_FILE";
pub const REGISTER_KEY_FILE: &str = "VLENS_REGISTER_KEY_FILE";

/// What it takes to be let in.
pub struct Account {
    /// Empty when none is needed.
    pub tenancy_name: String,
    pub api_key: Secret,
    /// None when there is no login.
    pub credentials: Option<Credentials>,
}

/// Where a secret is read from.
pub enum Source {
    Variable,
    /// With what names it.
    File(PathBuf, String),
}

impl Settings {
    /// Everything that is missing is told at once.
    pub fn account(&self, needs_login: bool) -> Result<Account, Error> {
        let (api_key, tenancy_name) = (self.secret(API_KEY)?, self.tenancy_name()?);
        let (username, password) = if needs_login {
            (self.username()?, self.secret(PASSWORD)?)
        } else {
            (None, None)
        };
        let unset = [
            (API_KEY, api_key.is_none()),
            (USERNAME, needs_login && username.is_none()),
            (PASSWORD, needs_login && password.is_none()),
            (TENANCY_NAME, needs_login && tenancy_name.is_none()),
        ];
        let unset = unset.into_iter().filter(|(_, is_unset)| *is_unset);
        let unset: Vec<&str> = unset.map(|(name, _)| name).collect();
        let login = username.zip(password);
        match api_key {
            Some(api_key) if unset.is_empty() => Ok(Account {
                tenancy_name: tenancy_name.unwrap_or_default(),
                api_key,
                credentials: login.map(|(username, password)| Credentials { username, password }),
            }),
            _ => Err(missing(&unset)),
        }
    }

    pub fn username(&self) -> Result<Option<String>, Error> {
        let found = self.found_username()?;
        Ok(variable(USERNAME)?.or_else(|| Some(found?.0)))
    }

    pub fn found_username(&self) -> Result<Option<Found>, Error> {
        Ok(self.of_api(self.own_account()?, |api| api.username.as_deref()))
    }

    /// Where a secret is read from, by the name of its variable; none where nothing tells.
    pub fn source(&self, name: &str) -> Result<Option<Source>, Error> {
        if variable(name)?.is_some() {
            return Ok(Some(Source::Variable));
        }
        let file = format!("{name}_FILE");
        if let Some(path) = path_variable(&file) {
            let named = format!("{} (named by {file})", path.display());
            return Ok(Some(Source::File(path, named)));
        }
        let is_key = name == API_KEY;
        let found = self.of_api(self.own_account()?, |api| {
            let (key, password) = (&api.api_key_file, &api.password_file);
            if is_key { key } else { password }.as_deref()
        });
        let member = if is_key {
            "api_key_file"
        } else {
            "password_file"
        };
        Ok(found.map(|(file, config)| {
            let path = folder_of(&config).join(file);
            // The file is not shown where it is not there: somebody may have written the secret itself.
            let shown = path.exists().then(|| path.display().to_string());
            let shown = shown.as_deref().unwrap_or("The file");
            let named = format!("{shown} (named by {member} in {})", config.display());
            Source::File(path, named)
        }))
    }

    /// The variable's value, or the content of the file.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, Error> {
        match self.source(name)? {
            None => Ok(None),
            Some(Source::Variable) => Ok(variable(name)?.map(Secret::new)),
            Some(Source::File(path, named)) => read_secret(&path, &named).map(Some),
        }
    }

    /// The team's register, if there is one, and the file that its key is in.
    pub fn team(
        &self,
        patience: Option<Duration>,
    ) -> Result<Option<(Place, Option<PathBuf>)>, Error> {
        let url = variable(REGISTER)?.or_else(|| self.config.team.register.clone());
        let Some(url) = url else {
            return Ok(None);
        };
        let password = path_variable(REGISTER_PASSWORD_FILE).map(|path| {
            let named = format!("{} (named by {REGISTER_PASSWORD_FILE})", path.display());
            read_secret(&path, &named)
        });
        let place = Place {
            url,
            password: password.transpose()?,
            ca_pem: self.ca_pem()?,
            patience,
        };
        Ok(Some((place, path_variable(REGISTER_KEY_FILE))))
    }
}

/// The content of a file that holds nothing but a secret; `named` says for people which.
fn read_secret(path: &Path, named: &str) -> Result<Secret, Error> {
    let hint = "Give the path of a readable file that holds nothing but the secret.";
    let text = text_of(path, "secret_file_unreadable", named).map_err(|error| error.hint(hint))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        let message = format!("{named} is empty.");
        return Err(Error::unusable("secret_file_empty", message));
    }
    Ok(Secret::new(secret))
}

/// These settings are not there; `--sandbox` needs none of them.
pub fn missing(names: &[&str]) -> Error {
    let (are, them) = match names {
        [_] => ("is", "it"),
        _ => ("are", "them"),
    };
    let message = format!("{} {are} not set.", listed(names, "and"));
    let mut hint = vec![format!(
        "Run `vlens-batch account` at a terminal, which asks for all of it once and keeps it for you; or set {them} in the environment."
    )];
    let secrets = names
        .iter()
        .filter(|name| [API_KEY, PASSWORD].contains(name));
    let files: Vec<String> = secrets.map(|secret| format!("{secret}_FILE")).collect();
    if !files.is_empty() {
        let files = listed(&files, "or");
        hint.push(format!("A secret may stand in a file, named by {files}."));
    }
    if names.contains(&TENANCY_NAME) {
        let place = "The tenant may stand in vlens-batch.toml: tenancy_name under [api].";
        hint.push(place.to_owned());
    }
    hint.push("`vlens-batch run FILE --sandbox` rehearses without an account.".to_owned());
    Error::unusable("credentials_missing", message).hint(hint.join(" "))
}

/// `a, b and c`.
fn listed(names: &[impl AsRef<str>], and: &str) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, before @ [_, ..])) => format!("{} {and} {last}", before.join(", ")),
        _ => names.concat(),
    }
}
