//! The settings and secrets: where each comes from and whether they are complete. No secret is shown, not even in part.

use std::path::Path;

use super::Chart;
use crate::cli::secrets;
use crate::cli::settings::{CONFIG_NAME, Place};
use crate::error::Error;
use crate::ledger::Binding;
use crate::mapping::config::SessionKind;
use crate::model::Secret;
use crate::send::Credentials;
use crate::vlens::BaseUrl;

/// Everything that calling Vlens takes.
pub struct Ready {
    pub base_url: BaseUrl,
    pub binding: Binding,
    pub api_key: Secret,
    pub ca_pem: Option<Vec<u8>>,
    /// None when only sessions without a login are created.
    pub credentials: Option<Credentials>,
}

/// Notes why there is no config to go by.
pub fn config_unusable(mut error: Error, chart: &mut Chart) {
    let others = std::mem::take(&mut error.others);
    for error in std::iter::once(error).chain(others) {
        chart.failure("config", error);
    }
}

/// Looks at all settings; gives them when they are complete.
pub fn examine(place: &Place, allow_insecure_http: bool, chart: &mut Chart) -> Option<Ready> {
    config(place, chart);
    let needs_login = place.config.session.kind == SessionKind::Invitation;
    let base_url = match place.base_url(allow_insecure_http) {
        Ok(base_url) => {
            chart.ok("address", base_url.as_str());
            Some(base_url)
        }
        Err(failure) => {
            chart.failure("address", failure);
            None
        }
    };
    let tenancy_name = tenant(place, needs_login, chart);
    let api_key = secret("api_key", "VLENS_API_KEY", secrets::api_key(), chart);
    let credentials = if needs_login {
        let credentials = secret("password", "VLENS_PASSWORD", secrets::credentials(), chart);
        credentials.map(Some)
    } else {
        chart.ok(
            "password",
            "Not needed: sessions of kind \"auth\" are created without a login",
        );
        Some(None)
    };
    let ca_pem = authority(place, chart);
    let (base_url, tenancy_name) = (base_url?, tenancy_name?);
    Some(Ready {
        binding: Binding {
            base_url: base_url.as_str().to_owned(),
            tenancy_name,
        },
        base_url,
        api_key: api_key?,
        ca_pem: ca_pem.ok()?,
        credentials: credentials?,
    })
}

fn config(place: &Place, chart: &mut Chart) {
    let Some(path) = &place.config_path else {
        let message = format!("No {CONFIG_NAME}: defaults hold, and headers are the mapping");
        return chart.ok("config", message);
    };
    let config = &place.config;
    let mapped: usize = config
        .fields
        .iter()
        .flatten()
        .map(|group| group.fields.len())
        .sum();
    let fields = match (&config.fields, mapped) {
        (None, _) => "headers are the fields".to_owned(),
        (Some(_), 1) => "1 field is mapped".to_owned(),
        (Some(_), n) => format!("{n} fields are mapped"),
    };
    if is_writable_by_others(path) {
        chart.warning(
            "config",
            format!(
                "{} is read, but others may write to it: they could send customers' data elsewhere",
                path.display()
            ),
            format!("chmod go-w {}", path.display()),
        );
    } else {
        chart.ok("config", format!("{} is read; {fields}", path.display()));
    }
}

fn tenant(place: &Place, needs_login: bool, chart: &mut Chart) -> Option<String> {
    match place.tenancy_name() {
        Ok(Some(name)) => {
            chart.ok("tenant", name.clone());
            Some(name)
        }
        Ok(None) if !needs_login => Some(String::new()),
        Ok(None) => {
            chart.failure("tenant", secrets::missing(&[secrets::TENANCY_NAME]));
            None
        }
        Err(failure) => {
            chart.failure("tenant", failure);
            None
        }
    }
}

/// Where a secret comes from, and who else may read that file.
fn secret<T>(
    check: &'static str,
    name: &str,
    found: Result<T, Error>,
    chart: &mut Chart,
) -> Option<T> {
    let found = match found {
        Ok(found) => found,
        Err(failure) => {
            chart.failure(check, failure);
            return None;
        }
    };
    match secrets::file_of(name) {
        None => chart.ok(check, format!("{name} is set")),
        Some(path) if is_readable_by_others(&path) => chart.warning(
            check,
            format!(
                "{name} is read from {}, which others may read as well",
                path.display()
            ),
            format!("chmod 600 {}", path.display()),
        ),
        Some(path) => chart.ok(check, format!("{name} is read from {}", path.display())),
    }
    Some(found)
}

/// An error, already noted, when the file of an extra certificate authority cannot be read.
fn authority(place: &Place, chart: &mut Chart) -> Result<Option<Vec<u8>>, ()> {
    match place.ca_pem() {
        Ok(None) => Ok(None),
        Ok(pem) => {
            chart.ok("authority", "VLENS_CA_FILE is read");
            Ok(pem)
        }
        Err(failure) => {
            chart.failure("authority", failure);
            Err(())
        }
    }
}

#[cfg(unix)]
fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode())
}

/// Windows keeps a profile's files to its owner by itself.
#[cfg(not(unix))]
fn mode_of(_: &Path) -> u32 {
    0
}

fn is_readable_by_others(path: &Path) -> bool {
    mode_of(path) & 0o044 != 0
}

fn is_writable_by_others(path: &Path) -> bool {
    mode_of(path) & 0o022 != 0
}
