//! Secrets and other settings from the environment. Secrets come from nowhere else, and go nowhere else.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::Error;
use crate::model::Secret;
use crate::send::Credentials;

/// The variable that names the tenant.
pub const TENANCY_NAME: &str = "VLENS_TENANCY_NAME";
const API_KEY: &str = "VLENS_API_KEY";
const USERNAME: &str = "VLENS_USERNAME";
const PASSWORD: &str = "VLENS_PASSWORD";

/// An environment variable's text; empty is as good as unset.
pub fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::unusable(
            "environment_invalid",
            format!("The environment variable {name} is not valid text."),
        )),
    }
}

/// An environment variable that names a file.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value: &OsString| !value.is_empty())
        .map(PathBuf::from)
}

/// What it takes to be let in.
pub struct Account {
    /// The tenant; empty when none is needed.
    pub tenancy_name: String,
    /// The tenant's key.
    pub api_key: Secret,
    /// The admin's; none when there is no login.
    pub credentials: Option<Credentials>,
}

/// The account for `tenancy_name`; everything that is missing is told at once.
pub fn account(tenancy_name: Option<String>, needs_login: bool) -> Result<Account, Error> {
    let api_key = secret(API_KEY)?;
    let (username, password) = if needs_login {
        (variable(USERNAME)?, secret(PASSWORD)?)
    } else {
        (None, None)
    };
    let mut unset = Vec::new();
    if api_key.is_none() {
        unset.push(API_KEY);
    }
    if needs_login {
        unset.extend(unset_of(username.as_ref(), password.as_ref()));
        unset.extend(tenancy_name.is_none().then_some(TENANCY_NAME));
    }
    match api_key {
        Some(api_key) if unset.is_empty() => Ok(Account {
            tenancy_name: tenancy_name.unwrap_or_default(),
            api_key,
            credentials: username
                .zip(password)
                .map(|(username, password)| Credentials { username, password }),
        }),
        _ => Err(missing(&unset)),
    }
}

/// `VLENS_API_KEY`, or the content of the file that `VLENS_API_KEY_FILE` names.
pub fn api_key() -> Result<Secret, Error> {
    secret(API_KEY)?.ok_or_else(|| missing(&[API_KEY]))
}

/// `VLENS_USERNAME` and `VLENS_PASSWORD` (or its file).
pub fn credentials() -> Result<Credentials, Error> {
    match (variable(USERNAME)?, secret(PASSWORD)?) {
        (Some(username), Some(password)) => Ok(Credentials { username, password }),
        (username, password) => Err(missing(&unset_of(username.as_ref(), password.as_ref()))),
    }
}

fn unset_of(username: Option<&String>, password: Option<&Secret>) -> Vec<&'static str> {
    let unset = [
        (USERNAME, username.is_none()),
        (PASSWORD, password.is_none()),
    ];
    let unset = unset.into_iter().filter(|(_, is_unset)| *is_unset);
    unset.map(|(name, _)| name).collect()
}

/// The file that a secret is read from; none when its variable is set itself, or neither is.
pub fn file_of(name: &str) -> Option<PathBuf> {
    match variable(name) {
        Ok(None) => path_variable(&format!("{name}_FILE")),
        Ok(Some(_)) | Err(_) => None,
    }
}

fn secret(name: &str) -> Result<Option<Secret>, Error> {
    if let Some(value) = variable(name)? {
        return Ok(Some(Secret::new(value)));
    }
    let file_name = format!("{name}_FILE");
    let Some(path) = path_variable(&file_name) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Error::unusable(
            "secret_file_unreadable",
            format!(
                "{} (named by {file_name}) cannot be read: {error}.",
                path.display()
            ),
        )
        .hint("Give the path of a readable file that holds nothing but the secret.")
    })?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(Error::unusable(
            "secret_file_empty",
            format!("{} (named by {file_name}) is empty.", path.display()),
        ));
    }
    Ok(Some(Secret::new(value)))
}

/// The complaint that these variables are not set; `--sandbox` needs none of them.
pub fn missing(names: &[&str]) -> Error {
    let (are, them) = if names.len() == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    let message = format!("{} {are} not set.", listed(names, "and"));
    let mut hint = format!("Set {them} in the environment.");
    let files: Vec<String> = [API_KEY, PASSWORD]
        .iter()
        .filter(|secret| names.contains(secret))
        .map(|secret| format!("{secret}_FILE"))
        .collect();
    if !files.is_empty() {
        hint.push_str(" A secret may stand in a file, named by ");
        hint.push_str(&listed(&files, "or"));
        hint.push('.');
    }
    if names.contains(&TENANCY_NAME) {
        hint.push_str(" The tenant may stand in vlens-batch.toml: tenancy_name under [api].");
    }
    hint.push_str(" `vlens-batch run FILE --sandbox` rehearses without an account.");
    Error::unusable("credentials_missing", message).hint(hint)
}

/// `a, b and c`.
fn listed(names: &[impl AsRef<str>], and: &str) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} {and} {last}", before.join(", ")),
        None => String::new(),
    }
}
