//! Secrets and other settings from the environment. Secrets come from nowhere else, and go nowhere else.

use std::ffi::OsString;
use std::path::PathBuf;

use super::failure::Failure;
use crate::domain::{Complaint, Secret};
use crate::run::Credentials;

/// An environment variable's text; empty is as good as unset.
pub fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::unusable(Complaint::new(
            "environment_invalid",
            format!("The environment variable {name} is not valid text."),
        ))),
    }
}

/// An environment variable that names a file.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value: &OsString| !value.is_empty())
        .map(PathBuf::from)
}

/// `VLENS_API_KEY`, or the content of the file that `VLENS_API_KEY_FILE` names.
pub fn api_key() -> Result<Secret, Failure> {
    secret("VLENS_API_KEY")?.ok_or_else(|| missing("VLENS_API_KEY", "the tenant's API key"))
}

/// `VLENS_USERNAME` and `VLENS_PASSWORD` (or its file).
pub fn credentials() -> Result<Credentials, Failure> {
    let username = variable("VLENS_USERNAME")?
        .ok_or_else(|| missing("VLENS_USERNAME", "the admin's user name"))?;
    let password = secret("VLENS_PASSWORD")?
        .ok_or_else(|| missing("VLENS_PASSWORD", "the admin's password"))?;
    Ok(Credentials { username, password })
}

/// The file that a secret is read from; none when its variable is set itself, or neither is.
pub fn file_of(name: &str) -> Option<PathBuf> {
    match variable(name) {
        Ok(None) => path_variable(&format!("{name}_FILE")),
        Ok(Some(_)) | Err(_) => None,
    }
}

fn secret(name: &str) -> Result<Option<Secret>, Failure> {
    if let Some(value) = variable(name)? {
        return Ok(Some(Secret::new(value)));
    }
    let file_name = format!("{name}_FILE");
    let Some(path) = path_variable(&file_name) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::unusable(
            Complaint::new(
                "secret_file_unreadable",
                format!(
                    "{} (named by {file_name}) cannot be read: {error}.",
                    path.display()
                ),
            )
            .hint("Give the path of a readable file that holds nothing but the secret."),
        )
    })?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(Failure::unusable(Complaint::new(
            "secret_file_empty",
            format!("{} (named by {file_name}) is empty.", path.display()),
        )));
    }
    Ok(Some(Secret::new(value)))
}

fn missing(name: &str, what: &str) -> Failure {
    let file = if name.ends_with("USERNAME") {
        String::new()
    } else {
        format!(", or {name}_FILE to a file that holds it")
    };
    Failure::unusable(
        Complaint::new("credentials_missing", format!("{name} is not set: {what} is needed to send"))
            .hint(format!(
                "Set the environment variable {name}{file}. To rehearse without an account, add --sandbox."
            )),
    )
}
