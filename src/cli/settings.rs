//! The settings as meant: flag, then environment, then `vlens-batch.toml`, then the user's own config, then default.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::args::{Global, LayoutArgs, ReadArgs, SendArgs};
use super::files::{folder_of, read_bytes, read_text, refuse_output, tidy};
use super::output::Output;
use super::place::{own_config, tenants_ledger};
use super::values::Rate;
use crate::error::Error;
use crate::input;
use crate::mapping::Config;
use crate::mapping::config::{ApiConfig, OnUncertain, SessionKind};
use crate::model::ContractTypeId;
use crate::send::{Limits, Wishes};
use crate::vlens::{BaseUrl, Way};

pub const CONFIG_NAME: &str = "vlens-batch.toml";
pub const TENANCY_NAME: &str = "VLENS_TENANCY_NAME";
const BASE_URL: &str = "VLENS_BASE_URL";
pub const SANDBOX_LEDGER_NAME: &str = "vlens-batch.sandbox.db";
pub const DEFAULT_BASE_URL: &str = "https://api.vlenseg.com";
const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not 0");

/// Where things are, what the config says, and how to print.
pub struct Settings {
    pub output: Output,
    /// Defaults when there is no config.
    pub config: Config,
    pub config_path: Option<PathBuf>,
    /// Whether `--config` names it.
    pub is_config_named: bool,
    /// FILE's, else the working folder.
    pub file_folder: PathBuf,
    /// What `--ledger` names.
    pub ledger: Option<PathBuf>,
    /// The user's own config.
    pub own: Option<Own>,
}

/// The config that `account` writes, and where it is.
pub type Own = (Config, PathBuf);

/// A setting of a config, and that config.
pub type Found = (String, PathBuf);

impl Settings {
    /// Finds and reads the config: `--config`, else beside `file`, else in the working folder; and what it leaves open in the user's.
    pub fn find(global: &Global, file: Option<&Path>) -> Result<Settings, Error> {
        let file = file.filter(|path| *path != Path::new("-"));
        let file_folder = file.map_or_else(|| PathBuf::from("."), folder_of);
        let beside = |name: &str| {
            let folders = [file_folder.as_path(), Path::new(".")].into_iter();
            let mut paths = folders.map(|folder| tidy(folder.join(name)));
            paths.find(|path| path.exists())
        };
        let mut of_sheet = file.into_iter().flat_map(configs_of_sheet);
        let of_sheet = of_sheet.find(|path| path.exists());
        let config_path = global.config.clone().or(of_sheet);
        let config_path = config_path.or_else(|| beside(CONFIG_NAME));
        let own = own_config().filter(|path| path.exists());
        let own = own.map(|path| read_config(&path, None).map(|config| (config, path)));
        let own = own.transpose()?;
        let under = own.as_ref().map(|(config, _)| config);
        let config = match &config_path {
            Some(path) => read_config(path, under)?,
            None => match beside(&format!("{CONFIG_NAME}.txt")) {
                Some(path) => return Err(misnamed(&path)),
                None => Config::parse_over("", CONFIG_NAME, under)?,
            },
        };
        Ok(Settings {
            output: Output::new(global),
            config,
            config_path,
            is_config_named: global.config.is_some(),
            file_folder,
            ledger: global.ledger.clone(),
            own,
        })
    }

    /// As before a config is written.
    pub fn without_config(folder: PathBuf) -> Settings {
        Settings {
            output: Output::default(),
            config: Config::default(),
            config_path: None,
            is_config_named: false,
            file_folder: folder,
            ledger: None,
            own: None,
        }
    }

    /// Where the ledger is: as `--ledger` says; for a rehearsal beside FILE; as `VLENS_LEDGER` says; else the tenant's own file in this
    /// user's data folder, so that the memory of who was invited does not depend on where a sheet happens to lie.
    pub fn ledger(&self, is_sandbox: bool) -> Result<PathBuf, Error> {
        if let Some(path) = &self.ledger {
            return Ok(path.clone());
        }
        if is_sandbox {
            return Ok(tidy(self.file_folder.join(SANDBOX_LEDGER_NAME)));
        }
        if let Some(path) = path_variable("VLENS_LEDGER") {
            return Ok(path);
        }
        let base_url = self.base_url(true)?;
        let (_, host) = base_url.as_str().split_once("://").unwrap_or_default();
        let host = host.split('/').next();
        let host = host.filter(|_| base_url.as_str() != DEFAULT_BASE_URL);
        tenants_ledger(self.tenancy_name()?.as_deref(), host)
    }

    /// Refuses to put a result in the place of what people need as it is: the `source` that it is made of, a config, the ledger.
    pub fn refuse_output(&self, output: &Path, source: &Path) -> Result<(), Error> {
        refuse_output(output)?;
        let config = self.config_path.clone();
        let own = self.own.as_ref().map(|(_, path)| path.clone());
        let ledgers = [false, true].map(|is_sandbox| self.ledger(is_sandbox).ok());
        let needed = [Some(source.to_owned()), config, own].into_iter();
        let mut needed = needed.chain(ledgers).flatten();
        let real = |path: &Path| path.canonicalize().ok();
        let there = real(output);
        if there.is_none() || !needed.any(|path| real(&path) == there) {
            return Ok(());
        }
        let message = format!(
            "{} is the sheet, the config or the ledger itself, and would be overwritten.",
            output.display()
        );
        Err(Error::usage("output_onto_source", message).hint("Name another file for the result."))
    }

    /// Where the form of a contract type is stored.
    pub fn form_path(&self, id: ContractTypeId) -> PathBuf {
        self.forms_folder().join(format!("{id}.json"))
    }

    pub fn forms_folder(&self) -> PathBuf {
        tidy(self.folder().join("contract-types"))
    }

    /// A path, which is relative to the config that names it.
    pub fn resolve(&self, path: &Spanned<impl Deref<Target = String>>) -> PathBuf {
        let own = self.own.as_ref().filter(|_| self.config.is_own(path));
        let folder = own.map_or_else(|| self.folder(), |(_, own)| folder_of(own));
        folder.join(&**path.get_ref())
    }

    /// The config's folder, else FILE's.
    fn folder(&self) -> PathBuf {
        let folder = self.config_path.as_deref().map(folder_of);
        folder.unwrap_or_else(|| self.file_folder.clone())
    }

    /// What the config says of the API, else the user's own where that counts.
    pub fn of_api(
        &self,
        own: Option<&Own>,
        setting: impl Fn(&ApiConfig) -> Option<&String>,
    ) -> Option<Found> {
        let here = setting(&self.config.api).zip(self.config_path.as_ref());
        let own = || own.and_then(|(own, path)| Some((setting(&own.api)?, path)));
        let (text, path) = here.or_else(own)?;
        Some((text.clone(), path.clone()))
    }

    pub fn base_url(&self, allow_insecure_http: bool) -> Result<BaseUrl, Error> {
        let found = || self.of_api(self.own.as_ref(), |api| api.base_url.as_ref());
        let text = variable(BASE_URL)?.or_else(|| Some(found()?.0));
        let text = text.as_deref().unwrap_or(DEFAULT_BASE_URL);
        BaseUrl::parse(text, allow_insecure_http)
    }

    pub fn tenancy_name(&self) -> Result<Option<String>, Error> {
        let found = self.found_tenancy()?;
        Ok(variable(TENANCY_NAME)?.or_else(|| Some(found?.0)))
    }

    pub fn found_tenancy(&self) -> Result<Option<Found>, Error> {
        Ok(self.of_api(self.own_at_this_address()?, |api| {
            api.tenancy_name.as_deref()
        }))
    }

    /// The user's own config, unless its account is kept for another address.
    fn own_at_this_address(&self) -> Result<Option<&Own>, Error> {
        let Some(own) = &self.own else {
            return Ok(None);
        };
        let kept_for = own.0.api.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL);
        let is_here = BaseUrl::parse(kept_for, true)? == self.base_url(true)?;
        Ok(is_here.then_some(own))
    }

    /// The user's own config, if it holds the account that is meant: no file beside a sheet can have this user's secrets sent
    /// elsewhere by naming another address, nor to another tenant.
    pub fn own_account(&self) -> Result<Option<&Own>, Error> {
        let named = self.config.api.tenancy_name.as_deref().cloned();
        let tenancy = variable(TENANCY_NAME)?.or(named);
        let is_meant = |(own, _): &&Own| {
            tenancy.is_none() || own.api.tenancy_name.as_deref() == tenancy.as_ref()
        };
        Ok(self.own_at_this_address()?.filter(is_meant))
    }

    /// The proxy that the environment names, checked when it is used; where it names none, the system's holds. And the authorities to
    /// trust beside the system's.
    pub fn way(&self) -> Result<Way, Error> {
        let names = if self.base_url(true)?.is_https() {
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        } else {
            ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        };
        let mut named = names.into_iter().map(variable);
        Ok(Way {
            proxy: named.find_map(Result::transpose).transpose()?,
            ca_pem: self.ca_pem()?,
        })
    }

    /// Invitations take an admin's token; sessions of kind `auth` do not.
    pub fn needs_login(&self) -> bool {
        self.config.session.kind == SessionKind::Invitation
    }

    /// An extra certificate authority.
    pub fn ca_pem(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = path_variable("VLENS_CA_FILE") else {
            return Ok(None);
        };
        let named = format!("{} (named by VLENS_CA_FILE)", path.display());
        let unusable = |why: String| {
            Error::unusable("ca_file_unusable", format!("{named} {why}.")).hint(
                "Name a PEM file with the authority's certificate there, or unset the variable.",
            )
        };
        let pem =
            read_bytes(&path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
        let begin: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(begin.len()).any(|bytes| bytes == begin) {
            return Err(unusable("holds no certificate in PEM form".to_owned()));
        }
        Ok(Some(pem))
    }

    /// How to read FILE: the one value that it is opened with and known again by.
    pub fn source_options(&self, args: &LayoutArgs) -> input::Options {
        let config = &self.config.source;
        let named = |typed: &Option<String>, config: Option<&String>| {
            typed.clone().or_else(|| config.cloned())
        };
        input::Options {
            sheet: named(&args.sheet, config.sheet.as_deref()),
            header_row: args.header_row.or(config.header_row.map(NonZeroU32::get)),
            delimiter: args.delimiter.or(config.delimiter),
            encoding: named(&args.encoding, config.encoding.as_deref()),
            hidden: args.hidden.or(config.hidden),
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
        let resend = self.config.retry.on_uncertain == Some(OnUncertain::Resend);
        let mut limits = Limits {
            per_second: config.per_second.or(Some(PER_SECOND)),
            per_minute: config.per_minute.or(Some(PER_MINUTE)),
        };
        for rate in &args.rate {
            match *rate {
                Rate::PerSecond(n) => limits.per_second = Some(n),
                Rate::PerMinute(n) => limits.per_minute = Some(n),
                Rate::Unlimited => (limits.per_second, limits.per_minute) = (None, None),
            }
        }
        Sending {
            limits,
            concurrency: concurrency.map_or(8, |n| n.get() as usize),
            timeout: Duration::from_secs(config.timeout_seconds.map_or(30, |n| n.get().into())),
            max_attempts: config.max_attempts.map_or(5, NonZeroU32::get),
            max_consecutive_failures: failures.map_or(20, NonZeroU32::get),
            wishes: Wishes {
                resend_uncertain: args.resend_uncertain || resend,
                retry_rejected: args.retry_rejected,
                resend_changed: args.resend_changed,
            },
        }
    }
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

/// The config of one sheet alone: `loans.vlens-batch.toml` for `loans.xlsx`. It is that of `loans.marked.xlsx` as well, unless that
/// one has its own.
pub fn configs_of_sheet(file: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let folder = folder_of(file);
    std::iter::successors(Some(stem.into_owned()), |stem| {
        Some(stem.rsplit_once('.')?.0.to_owned())
    })
    .map(move |stem| tidy(folder.join(format!("{stem}.{CONFIG_NAME}"))))
}

/// The contract types that flags name.
pub fn contract_types(args: &ReadArgs) -> Vec<ContractTypeId> {
    let ids = args.contract_type.iter().copied();
    ids.map(ContractTypeId).collect()
}

/// An environment variable's text; empty is as good as unset.
pub fn variable(name: &str) -> Result<Option<String>, Error> {
    let Some(value) = std::env::var_os(name) else {
        return Ok(None);
    };
    let value = value.into_string().map_err(|_| {
        let message = format!("The environment variable {name} is not valid text.");
        Error::unusable("environment_invalid", message)
    })?;
    Ok(Some(value).filter(|value| !value.trim().is_empty()))
}

pub fn path_variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// Editors on Windows like to add an ending that its file lists do not show.
fn misnamed(path: &Path) -> Error {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let message = format!(
        "{} would be the config, but for its ending .txt.",
        path.display()
    );
    Error::unusable("config_misnamed", message).hint(format!("Rename it to {name}."))
}

/// Reads a config; `own`: the user's, for what it leaves open.
fn read_config(path: &Path, own: Option<&Config>) -> Result<Config, Error> {
    let shown = path.display().to_string();
    let text = read_text(path).map_err(|error| {
        let longer = PathBuf::from(format!("{shown}.txt"));
        if error.kind() == ErrorKind::NotFound && longer.exists() {
            return misnamed(&longer);
        }
        let message = format!("The config {shown} cannot be read: {error}.");
        Error::unusable("config_unreadable", message).hint("Check the path given with --config.")
    })?;
    Config::parse_over(&text, &shown, own).map_err(|error| error.about(&shown))
}
