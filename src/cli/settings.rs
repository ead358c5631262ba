//! The settings as meant: flag, then environment, then `vlens-batch.toml`, then default.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Global, HiddenRows, ReadArgs, SendArgs};
use super::secrets::{TENANCY_NAME, path_variable, variable};
use super::values::Rate;
use crate::error::Error;
use crate::input;
use crate::mapping::Config;
use crate::mapping::config::{Hidden, OnUncertain};
use crate::model::ContractTypeId;
use crate::send::Limits;
use crate::send::Wishes;
use crate::vlens::BaseUrl;

/// The config's usual name.
pub const CONFIG_NAME: &str = "vlens-batch.toml";
const LEDGER_NAME: &str = "vlens-batch.db";
const SANDBOX_LEDGER_NAME: &str = "vlens-batch.sandbox.db";
const DEFAULT_BASE_URL: &str = "https://api.vlenseg.com";

/// Where things are, and what the config says.
pub struct Place {
    /// What the config says; defaults when there is none.
    pub config: Config,
    /// The config in use, if there is one.
    pub config_path: Option<PathBuf>,
    /// The folder in which the ledger stands unless said otherwise, and to which the config's paths are relative.
    pub folder: PathBuf,
    ledger: Option<PathBuf>,
}

impl Place {
    /// Finds and reads the config: `--config`, else beside `file`, else in the working folder.
    pub fn find(global: &Global, file: Option<&Path>) -> Result<Place, Error> {
        let file_folder = file.filter(|path| *path != Path::new("-")).map(folder_of);
        let config_path = match &global.config {
            Some(path) => Some(path.clone()),
            None => [file_folder.clone(), Some(PathBuf::from("."))]
                .into_iter()
                .flatten()
                .map(|folder| tidy(folder.join(CONFIG_NAME)))
                .find(|path| path.exists()),
        };
        let config = match &config_path {
            Some(path) => read_config(path)?,
            None => Config::none(),
        };
        let folder = config_path
            .as_deref()
            .map(folder_of)
            .or(file_folder)
            .unwrap_or_else(|| PathBuf::from("."));
        Ok(Place {
            config,
            config_path,
            folder,
            ledger: global
                .ledger
                .clone()
                .or_else(|| path_variable("VLENS_LEDGER")),
        })
    }

    /// A place without any config, as before one is written.
    pub fn without_config(folder: PathBuf) -> Place {
        Place {
            config: Config::none(),
            config_path: None,
            folder,
            ledger: None,
        }
    }

    /// The ledger's path. A rehearsal has one of its own, unless `--ledger` or `VLENS_LEDGER` says otherwise.
    pub fn ledger(&self, is_sandbox: bool) -> PathBuf {
        self.ledger
            .clone()
            .unwrap_or_else(|| self.default_ledger(is_sandbox))
    }

    /// Where the ledger is when nobody says otherwise.
    pub fn default_ledger(&self, is_sandbox: bool) -> PathBuf {
        let name = if is_sandbox {
            SANDBOX_LEDGER_NAME
        } else {
            LEDGER_NAME
        };
        tidy(self.folder.join(name))
    }

    /// Where the forms of contract types are kept.
    pub fn forms_folder(&self) -> PathBuf {
        tidy(self.folder.join("contract-types"))
    }

    /// A path of the config, which is relative to it.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Where the API is.
    pub fn base_url(&self, allow_insecure_http: bool) -> Result<BaseUrl, Error> {
        let text = variable("VLENS_BASE_URL")?
            .or_else(|| self.config.api.base_url.clone())
            .unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        BaseUrl::parse(&text, allow_insecure_http)
    }

    /// The tenant, if one is named.
    pub fn tenancy_name(&self) -> Result<Option<String>, Error> {
        Ok(variable(TENANCY_NAME)?.or_else(|| self.config.api.tenancy_name.clone()))
    }

    /// An extra certificate authority.
    pub fn ca_pem(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = path_variable("VLENS_CA_FILE") else {
            return Ok(None);
        };
        std::fs::read(&path).map(Some).map_err(|error| {
            Error::unusable(
                "ca_file_unreadable",
                format!(
                    "{} (named by VLENS_CA_FILE) cannot be read: {error}.",
                    path.display()
                ),
            )
        })
    }

    /// How to read the source: flags over config.
    pub fn source_options(&self, args: &ReadArgs) -> input::Options {
        let config = &self.config.source;
        let hidden = match (args.hidden, config.hidden) {
            (Some(HiddenRows::Skip), _) | (None, Some(Hidden::Skip)) => Some(input::Hidden::Skip),
            (Some(HiddenRows::Send), _) | (None, Some(Hidden::Send)) => Some(input::Hidden::Send),
            (None, None) => None,
        };
        input::Options {
            sheet: args.sheet.clone().or_else(|| config.sheet.clone()),
            header_row: args.header_row.or(config.header_row),
            delimiter: args.delimiter.or(config.delimiter),
            encoding: args.encoding.clone().or_else(|| config.encoding.clone()),
            hidden,
            known_names: self.config.known_names(),
        }
    }

    /// How fast, and how often again: flags over config over defaults.
    pub fn sending(&self, args: &SendArgs) -> Sending {
        let config = &self.config.limits;
        let at_least_one = |n: Option<u32>| n.and_then(NonZeroU32::new);
        let mut limits = Limits {
            per_second: Some(
                at_least_one(config.per_second)
                    .unwrap_or(const { NonZeroU32::new(10).expect("not 0") }),
            ),
            per_minute: Some(
                at_least_one(config.per_minute)
                    .unwrap_or(const { NonZeroU32::new(60).expect("not 0") }),
            ),
        };
        for rate in &args.rate {
            match *rate {
                Rate::PerSecond(n) => limits.per_second = Some(n),
                Rate::PerMinute(n) => limits.per_minute = Some(n),
                Rate::Unlimited => {
                    limits = Limits {
                        per_second: None,
                        per_minute: None,
                    }
                }
            }
        }
        let concurrency = args.concurrency.or(at_least_one(config.concurrency));
        let failures = args
            .max_consecutive_failures
            .or(at_least_one(config.max_consecutive_failures));
        Sending {
            limits,
            concurrency: concurrency.map_or(8, |n| n.get() as usize),
            timeout: Duration::from_secs(u64::from(config.timeout_seconds.unwrap_or(30))),
            max_attempts: config.max_attempts.unwrap_or(5),
            max_consecutive_failures: failures.map_or(20, NonZeroU32::get),
            wishes: Wishes {
                resend_uncertain: args.resend_uncertain
                    || self.config.retry.on_uncertain == OnUncertain::Resend,
                retry_rejected: args.retry_rejected,
                resend_changed: args.resend_changed,
            },
        }
    }
}

/// How to send.
#[derive(Debug, Clone)]
pub struct Sending {
    /// The tenant's limits.
    pub limits: Limits,
    /// Requests under way at a time.
    pub concurrency: usize,
    /// For one whole exchange.
    pub timeout: Duration,
    /// Attempts a row has in one run.
    pub max_attempts: u32,
    /// Bad ends in a row that stop the run.
    pub max_consecutive_failures: u32,
    /// What a person asked for beyond the usual.
    pub wishes: Wishes,
}

/// The contract types that flags name.
pub fn contract_types(args: &ReadArgs) -> Vec<ContractTypeId> {
    args.contract_type
        .iter()
        .copied()
        .map(ContractTypeId)
        .collect()
}

fn read_config(path: &Path) -> Result<Config, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::unusable(
            "config_unreadable",
            format!("The config {} cannot be read: {error}.", path.display()),
        )
        .hint("Check the path given with --config; the file must be UTF-8 text.")
    })?;
    Ok(Config::parse(&text, &path.display().to_string())?)
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// `./x` reads better as `x`.
pub fn tidy(path: PathBuf) -> PathBuf {
    path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
}
