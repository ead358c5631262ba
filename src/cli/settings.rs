//! The settings as meant: flag, then environment, then `vlens-batch.toml`, then default. Secrets come from the environment, or
//! from files that it names, and from nowhere else.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::args::{Global, Rate, ReadArgs, SendArgs};
use crate::error::Error;
use crate::input;
use crate::mapping::Config;
use crate::mapping::config::{Hidden, OnUncertain, SessionKind};
use crate::model::{ContractTypeId, Secret};
use crate::report::{Further, quoted};
use crate::send::{Credentials, Limits, Wishes};
use crate::vlens::BaseUrl;

pub const CONFIG_NAME: &str = "vlens-batch.toml";
pub const TENANCY_NAME: &str = "VLENS_TENANCY_NAME";
pub const API_KEY: &str = "VLENS_API_KEY";
pub const USERNAME: &str = "VLENS_USERNAME";
pub const PASSWORD: &str = "VLENS_PASSWORD";
const LEDGER_NAME: &str = "vlens-batch.db";
const SANDBOX_LEDGER_NAME: &str = "vlens-batch.sandbox.db";
const DEFAULT_BASE_URL: &str = "https://api.vlenseg.com";
const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not 0");

/// Where things are, and what the config says.
pub struct Settings {
    /// Defaults when there is no config.
    pub config: Config,
    pub config_path: Option<PathBuf>,
    /// Where the ledger stands unless said otherwise, and to which the config's paths are relative.
    folder: PathBuf,
    ledger: Option<PathBuf>,
    /// Whether `--config` names the config.
    is_config_named: bool,
}

impl Settings {
    /// Finds and reads the config: `--config`, else beside `file`, else in the working folder.
    pub fn find(global: &Global, file: Option<&Path>) -> Result<Settings, Error> {
        let file_folder = file.filter(|path| *path != Path::new("-")).map(folder_of);
        let beside = || {
            let folders = [file_folder.clone(), Some(PathBuf::from("."))];
            let mut paths = folders
                .into_iter()
                .flatten()
                .map(|folder| tidy(folder.join(CONFIG_NAME)));
            paths.find(|path| path.exists())
        };
        let config_path = global.config.clone().or_else(beside);
        let config = match &config_path {
            Some(path) => read_config(path)?,
            None => Config::none(),
        };
        let config_folder = config_path.as_deref().map(folder_of);
        let folder = config_folder.or(file_folder).unwrap_or_else(|| ".".into());
        let ledger = global.ledger.clone();
        Ok(Settings {
            ledger: ledger.or_else(|| path_variable("VLENS_LEDGER")),
            is_config_named: global.config.is_some(),
            config,
            config_path,
            folder,
        })
    }

    /// As before a config is written.
    pub fn without_config(folder: PathBuf) -> Settings {
        Settings {
            config: Config::none(),
            config_path: None,
            folder,
            ledger: None,
            is_config_named: false,
        }
    }

    /// A rehearsal has a ledger of its own, unless `--ledger` or `VLENS_LEDGER` says otherwise.
    pub fn ledger(&self, is_sandbox: bool) -> PathBuf {
        let usual = || usual_ledger(&self.folder, is_sandbox);
        self.ledger.clone().unwrap_or_else(usual)
    }

    /// What the next commands must be given to mean the same file, reading and ledger; `read` is how FILE was read.
    pub fn further(&self, is_sandbox: bool, read: Option<&ReadArgs>) -> Further {
        let path = self.ledger(is_sandbox);
        let ledger = |folder: &Path, is_sandbox| {
            let is_usual = path == usual_ledger(folder, is_sandbox);
            (!is_usual).then(|| format!("--ledger {}", quoted(&path.to_string_lossy())))
        };
        let config = self.config_path.as_deref();
        // A command that names no FILE looks in the working folder alone.
        let is_elsewhere = config.is_some_and(|path| path != Path::new(CONFIG_NAME));
        let without_file = config.map_or(PathBuf::from("."), folder_of);
        let config = config.map(|path| format!("--config {}", quoted(&path.to_string_lossy())));
        let named = config.clone().filter(|_| self.is_config_named);
        let config = config.filter(|_| self.is_config_named || is_elsewhere);
        let sandbox = is_sandbox.then(|| "--sandbox".to_owned());
        let read = read.map(as_typed).filter(|read| !read.is_empty());
        let join = |parts: &[&Option<String>]| {
            let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
            parts.join(" ")
        };
        Further {
            reading: join(&[&config, &ledger(&without_file, false)]),
            sending: join(&[&config, &sandbox, &ledger(&without_file, is_sandbox)]),
            checking: join(&[&named, &ledger(&self.folder, false), &read]),
            running: join(&[&named, &sandbox, &ledger(&self.folder, is_sandbox), &read]),
        }
    }

    /// Where the form of a contract type is stored.
    pub fn form_path(&self, id: ContractTypeId) -> PathBuf {
        self.forms_folder().join(format!("{id}.json"))
    }

    pub fn forms_folder(&self) -> PathBuf {
        tidy(self.folder.join("contract-types"))
    }

    /// A path of the config, which is relative to it.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub fn base_url(&self, allow_insecure_http: bool) -> Result<BaseUrl, Error> {
        let text = variable("VLENS_BASE_URL")?.or_else(|| self.config.api.base_url.clone());
        BaseUrl::parse(
            text.as_deref().unwrap_or(DEFAULT_BASE_URL),
            allow_insecure_http,
        )
    }

    pub fn tenancy_name(&self) -> Result<Option<String>, Error> {
        Ok(variable(TENANCY_NAME)?.or_else(|| self.config.api.tenancy_name.as_deref().cloned()))
    }

    /// Invitations take an admin's token; sessions of kind `auth` do not.
    pub fn needs_login(&self) -> bool {
        self.config.session.kind == SessionKind::Invitation
    }

    /// Everything that is missing is told at once.
    pub fn account(&self, needs_login: bool) -> Result<Account, Error> {
        let api_key = secret(API_KEY)?;
        let tenancy_name = self.tenancy_name()?;
        let (username, password) = if needs_login {
            (variable(USERNAME)?, secret(PASSWORD)?)
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

    /// How to read FILE: the one value that it is opened with and known again by.
    pub fn source_options(&self, args: &ReadArgs) -> input::Options {
        let config = &self.config.source;
        input::Options {
            sheet: args
                .sheet
                .clone()
                .or_else(|| config.sheet.as_deref().cloned()),
            header_row: args.header_row.or(config.header_row.map(NonZeroU32::get)),
            delimiter: args.delimiter.or(config.delimiter),
            encoding: args
                .encoding
                .clone()
                .or_else(|| config.encoding.as_deref().cloned()),
            hidden: args.hidden.or(config.hidden.map(|hidden| match hidden {
                Hidden::Skip => input::Hidden::Skip,
                Hidden::Send => input::Hidden::Send,
            })),
            known_names: self.config.known_names(),
        }
    }

    /// How fast, and how often again: flags over config over defaults.
    pub fn sending(&self, args: &SendArgs) -> Sending {
        let config = &self.config.limits;
        let concurrency = args.concurrency.or(config.concurrency);
        let failures = args
            .max_consecutive_failures
            .or(config.max_consecutive_failures);
        let on_uncertain = self.config.retry.on_uncertain;
        Sending {
            limits: self.limits(&args.rate),
            concurrency: concurrency.map_or(8, |n| n.get() as usize),
            timeout: Duration::from_secs(config.timeout_seconds.map_or(30, |n| n.get().into())),
            max_attempts: config.max_attempts.map_or(5, NonZeroU32::get),
            max_consecutive_failures: failures.map_or(20, NonZeroU32::get),
            wishes: Wishes {
                resend_uncertain: args.resend_uncertain || on_uncertain == OnUncertain::Resend,
                retry_rejected: args.retry_rejected,
                resend_changed: args.resend_changed,
            },
        }
    }

    fn limits(&self, rates: &[Rate]) -> Limits {
        let config = &self.config.limits;
        let mut limits = Limits {
            per_second: config.per_second.or(Some(PER_SECOND)),
            per_minute: config.per_minute.or(Some(PER_MINUTE)),
        };
        for rate in rates {
            match *rate {
                Rate::PerSecond(n) => limits.per_second = Some(n),
                Rate::PerMinute(n) => limits.per_minute = Some(n),
                Rate::Unlimited => (limits.per_second, limits.per_minute) = (None, None),
            }
        }
        limits
    }
}

/// How FILE is read, as it would be typed again.
fn as_typed(args: &ReadArgs) -> String {
    let hidden = args.hidden.and_then(|hidden| hidden.to_possible_value());
    let delimiter = args.delimiter.map(|c| match c {
        '\t' => "tab".to_owned(),
        c => c.to_string(),
    });
    let options = [
        ("--sheet", args.sheet.clone()),
        ("--header-row", args.header_row.map(|row| row.to_string())),
        ("--delimiter", delimiter),
        ("--encoding", args.encoding.clone()),
        ("--hidden", hidden.map(|word| word.get_name().to_owned())),
    ];
    let types = args.contract_type.iter();
    let types = types.map(|id| ("--contract-type", Some(id.to_string())));
    let typed: Vec<String> = options
        .into_iter()
        .chain(types)
        .filter_map(|(flag, value)| Some(format!("{flag} {}", quoted(&value?))))
        .collect();
    typed.join(" ")
}

fn usual_ledger(folder: &Path, is_sandbox: bool) -> PathBuf {
    tidy(folder.join(if is_sandbox {
        SANDBOX_LEDGER_NAME
    } else {
        LEDGER_NAME
    }))
}

pub struct Sending {
    pub limits: Limits,
    /// Requests under way at a time.
    pub concurrency: usize,
    /// For one whole exchange.
    pub timeout: Duration,
    /// Attempts a row has in one run.
    pub max_attempts: u32,
    pub max_consecutive_failures: u32,
    /// What a person asked for beyond the usual.
    pub wishes: Wishes,
}

/// What it takes to be let in.
pub struct Account {
    /// Empty when none is needed.
    pub tenancy_name: String,
    pub api_key: Secret,
    /// None when there is no login.
    pub credentials: Option<Credentials>,
}

/// The contract types that flags name.
pub fn contract_types(args: &ReadArgs) -> Vec<ContractTypeId> {
    let ids = args.contract_type.iter().copied();
    ids.map(ContractTypeId).collect()
}

/// An environment variable's text; empty is as good as unset.
pub fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::unusable(
            "environment_invalid",
            format!("The environment variable {name} is not valid text."),
        )),
    }
}

fn path_variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// The file that a secret is read from; none when its variable is set itself, or neither is.
pub fn secret_file(name: &str) -> Option<PathBuf> {
    match variable(name) {
        Ok(None) => path_variable(&format!("{name}_FILE")),
        Ok(Some(_)) | Err(_) => None,
    }
}

/// The variable's value, or the content of the file that `NAME_FILE` names.
pub fn secret(name: &str) -> Result<Option<Secret>, Error> {
    if let Some(value) = variable(name)? {
        return Ok(Some(Secret::new(value)));
    }
    let Some(path) = secret_file(name) else {
        return Ok(None);
    };
    let named = format!("{} (named by {name}_FILE)", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Error::unusable(
            "secret_file_unreadable",
            format!("{named} cannot be read: {error}."),
        )
        .hint("Give the path of a readable file that holds nothing but the secret.")
    })?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::unusable(
            "secret_file_empty",
            format!("{named} is empty."),
        )),
        value => Ok(Some(Secret::new(value))),
    }
}

/// These variables are not set; `--sandbox` needs none of them.
pub fn missing(names: &[&str]) -> Error {
    let (are, them) = match names {
        [_] => ("is", "it"),
        _ => ("are", "them"),
    };
    let message = format!("{} {are} not set.", listed(names, "and"));
    let mut hint = format!("Set {them} in the environment.");
    let secrets = [API_KEY, PASSWORD].into_iter();
    let files: Vec<String> = secrets
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
        Some((last, before @ [_, ..])) => format!("{} {and} {last}", before.join(", ")),
        _ => names.concat(),
    }
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
