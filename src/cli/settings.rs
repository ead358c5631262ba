//! The settings as meant: flag, then environment, then `vlens-batch.toml`, then the user's own config, then default. And what a command
//! that comes after must be given to mean the same file, reading, config and ledger.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use toml::Spanned;

use super::args::{Global, Rate, ReadArgs, SendArgs};
use super::files::{folder_of, read_bytes, read_text, refuse_output, tidy};
use super::output::Output;
use super::system::{own_config, path_variable, variable};
use crate::error::{Error, Result, commands_need};
use crate::input::Options;
use crate::ledger::beside;
use crate::mapping::Config;
use crate::mapping::config::{OnUncertain, SessionKind};
use crate::model::{ContractTypeId, quoted};
use crate::report::Further;
use crate::send::{Limits, SendOptions, Wishes};
use crate::vlens::{BaseUrl, Way};

pub const CONFIG_NAME: &str = "vlens-batch.toml";
/// What `--config` calls none.
pub const NO_CONFIG: &str = "none";
const BASE_URL: &str = "VLENS_BASE_URL";
pub const SANDBOX_LEDGER_NAME: &str = "vlens-batch.sandbox.db";
/// What `base_url` is called for a rehearsal: the stand-in's port is another one each time, its ledger stays.
pub const SANDBOX_NAME: &str = "sandbox";
pub const DEFAULT_BASE_URL: &str = "https://api.vlenseg.com";
const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not 0");

/// Where things are, what the config says, and how to print.
#[derive(Default)]
pub struct Settings {
    pub output: Output,
    /// Defaults when there is no config.
    pub config: Config,
    pub config_path: Option<PathBuf>,
    /// Whether `--config` names it.
    pub is_config_named: bool,
    /// FILE's, else the working folder.
    pub file_folder: PathBuf,
    pub ledger: Option<PathBuf>,
    pub own: Option<Own>,
}

/// The config that `account` writes, and where it is.
pub type Own = (Config, PathBuf);

impl Settings {
    /// Finds and reads the config: `--config` (of which `none` is none), else beside `file`, else in the working folder; and what it leaves open in the user's.
    pub fn find(global: &Global, file: Option<&Path>) -> Result<Settings> {
        let file = file.filter(|path| *path != Path::new("-"));
        let file_folder = file.map_or(Path::new("."), folder_of).to_owned();
        let mut settings = Settings {
            output: global.output,
            config_path: match &global.config {
                None => config_of(file)?,
                Some(named) => Some(named.clone()).filter(|named| named != Path::new(NO_CONFIG)),
            },
            is_config_named: global.config.is_some(),
            file_folder,
            ledger: global.ledger.clone(),
            ..Settings::default()
        };
        // Also where the config cannot be used.
        commands_need(settings.further(false, &Typed::default()).reading);
        let own = first_there(own_config())?;
        let own = own.map(|path| read_config(&path, None).map(|config| (config, path)));
        settings.own = own.transpose()?;
        let under = settings.own.as_ref().map(|(config, _)| config);
        settings.config = match &settings.config_path {
            Some(path) => read_config(path, under)?,
            None => Config::parse("", CONFIG_NAME, under)?,
        };
        Ok(settings)
    }

    /// Refuses to put a result in the place of what people need as it is: the `source` that it is made of, a config, the ledger.
    pub fn refuse_output(&self, output: &Path, source: &Path) -> Result<()> {
        refuse_output(output)?;
        let own = self.own.as_ref().map(|(_, path)| path.clone());
        let ledgers = [false, true].map(|is_sandbox| self.ledger(is_sandbox));
        let ledgers = ledgers.iter().flatten();
        let ledgers = ledgers.flat_map(|at| ["", "-wal", ".lock"].map(|end| beside(at, end)));
        let needed = [Some(source.to_owned()), self.config_path.clone(), own];
        let mut needed = needed.into_iter().flatten().chain(ledgers);
        let Ok(there) = output.canonicalize() else {
            return Ok(());
        };
        if needed.all(|path| path.canonicalize().ok().as_ref() != Some(&there)) {
            return Ok(());
        }
        Err(Error::of("output_onto_source", &[&output.display()]))
    }

    /// Where a form is stored, or would be.
    pub fn form_path(&self, id: ContractTypeId) -> PathBuf {
        let name = format!("{id}.json");
        let [beside, here] = self.forms_folders().map(|folder| folder.join(&name));
        if here.exists() && !beside.exists() {
            here
        } else {
            beside
        }
    }

    /// Beside the config; without one, where it would be looked for: beside FILE, else in the working folder.
    pub fn forms_folders(&self) -> [PathBuf; 2] {
        let config = self.config_path.as_deref();
        let here = config.map_or(Path::new("."), folder_of);
        [self.folder(), here].map(|folder| tidy(folder.join("contract-types")))
    }

    /// A path, which is relative to the config that names it.
    pub fn resolve(&self, path: &Spanned<impl Deref<Target = String>>) -> PathBuf {
        let own = self.own.as_ref().filter(|_| self.config.is_own(path));
        let folder = own.map_or_else(|| self.folder(), |(_, own)| folder_of(own));
        folder.join(&**path.get_ref())
    }

    /// The config's folder, else FILE's.
    fn folder(&self) -> &Path {
        let config = self.config_path.as_deref();
        config.map_or(&self.file_folder, folder_of)
    }

    pub fn base_url(&self, allow_insecure_http: bool) -> Result<BaseUrl> {
        let configs = [Some(&self.config), self.own.as_ref().map(|(own, _)| own)];
        let told = |config: &Config| config.api.base_url.clone();
        let told = || configs.into_iter().flatten().find_map(told);
        let text = variable(BASE_URL)?.or_else(told);
        let text = text.as_deref().unwrap_or(DEFAULT_BASE_URL);
        BaseUrl::parse(text, allow_insecure_http)
    }

    /// The proxy that the environment names, checked when it is used; where it names none, the system's holds. And the authorities to
    /// trust beside the system's.
    pub fn way(&self) -> Result<Way> {
        let names = if self.base_url(true)?.is_https() {
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        } else {
            ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        };
        let mut named = names.into_iter().map(variable);
        Ok(Way {
            proxy: named.find_map(Result::transpose).transpose()?,
            authorities: self.authorities()?,
        })
    }

    /// Invitations take an admin's token; sessions of kind `auth` do not.
    pub fn needs_login(&self) -> bool {
        self.config.session.kind == SessionKind::Invitation
    }

    /// The certificate authorities to trust beside the system's.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>> {
        let Some(path) = path_variable("VLENS_CA_FILE") else {
            return Ok(Vec::new());
        };
        let unusable = |why: &str| Error::of("ca_file_unusable", &[&path.display(), &why]);
        let pem = read_bytes(&path);
        let pem = pem.map_err(|error| unusable(&format!("cannot be read: {error}")))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let read = read.map_err(|_| unusable("is not a readable PEM file"))?;
        if read.is_empty() {
            return Err(unusable("holds no certificate in PEM form"));
        }
        let add = |one: &CertificateDer<'static>| RootCertStore::empty().add(one.clone());
        let added = read.iter().try_for_each(add);
        added.map_err(|error| unusable(&format!("cannot be used: {error}")))?;
        Ok(read)
    }

    /// How to read FILE: the one value that it is opened with and known again by.
    pub fn source_options(&self, args: &Options) -> Options {
        let config = &self.config.source;
        let named = |typed: &Option<_>, config: Option<&_>| typed.as_ref().or(config).cloned();
        Options {
            sheet: named(&args.sheet, config.sheet.as_deref()),
            header_row: args.header_row.or(config.header_row.map(NonZeroU32::get)),
            delimiter: args.delimiter.or(config.delimiter),
            encoding: named(&args.encoding, config.encoding.as_deref()),
            hidden: args.hidden.or(config.hidden),
            known_names: self.config.known_names(),
        }
    }

    /// Whether who goes on with a run sends once more what is uncertain.
    pub fn resends_uncertain(&self, typed: &Typed) -> bool {
        let own = self.own.as_ref().map(|(config, _)| config);
        let of_run = self.config_of_run(typed);
        let of_run = of_run.and_then(|path| read_config(path, own).ok());
        let config = of_run.as_ref().unwrap_or(&self.config);
        config.retry.on_uncertain == Some(OnUncertain::Resend)
    }

    /// How fast, and how often again: flags over config over defaults.
    pub fn sending(&self, args: &SendArgs) -> Pace {
        let config = &self.config.limits;
        let concurrency = args.concurrency.or(config.concurrency);
        let failures = args.max_consecutive_failures;
        let failures = failures.or(config.max_consecutive_failures);
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
        Pace {
            limits,
            timeout: Duration::from_secs(config.timeout_seconds.map_or(30, |n| n.get().into())),
            wishes: Wishes {
                resend_uncertain: args.wishes.resend_uncertain
                    || self.resends_uncertain(&Typed::default()),
                ..args.wishes
            },
            options: SendOptions {
                concurrency: concurrency.map_or(8, |n| n.get() as usize),
                max_attempts: config.max_attempts.map_or(5, NonZeroU32::get),
                max_consecutive_failures: failures.map_or(20, NonZeroU32::get),
                limit: args.limit,
                max_duration: args.max_duration,
            },
        }
    }

    /// How FILE was named and read, as it can be typed again from any folder.
    pub fn typed(&self, file: &Path, read: &ReadArgs) -> Typed {
        // One that is no text is kept, and named, as any.
        let file = file.to_str().map_or(Path::new("FILE"), Path::new);
        let options = serde_json::to_value(read).unwrap_or_default();
        let mut reading: Vec<String> = Vec::new();
        for (name, value) in options.as_object().into_iter().flatten() {
            let several = value.as_array();
            let values = several.map_or(std::slice::from_ref(value), Vec::as_slice);
            for value in values.iter().filter(|value| !value.is_null()) {
                let word = match value.as_str() {
                    Some("\t") => "tab".to_owned(),
                    Some(word) => quoted(word),
                    None => value.to_string(),
                };
                reading.push(format!("--{name} {word}"));
            }
        }
        Typed {
            file: absolute(file),
            config: self.config_path.as_deref().map(absolute),
            reading: reading.join(" "),
        }
    }

    /// What the next commands must be given to mean the same file, reading and ledger; `typed` is how FILE was read.
    pub fn further(&self, is_sandbox: bool, typed: &Typed) -> Further {
        let named = self.ledger.as_deref().and_then(Path::file_name);
        let is_sandbox = is_sandbox || named.is_some_and(|name| name == SANDBOX_LEDGER_NAME);
        let option = |name: &str, path: Option<&Path>| {
            let option = path.map(|path| format!("{name} {}", quoted_path(path)));
            option.unwrap_or_default()
        };
        let rehearsed = tidy(self.file_folder.join(SANDBOX_LEDGER_NAME));
        let rehearsed = Some(&*rehearsed).filter(|_| is_sandbox);
        // A command that names no FILE looks in the working folder alone.
        let elsewhere = rehearsed.filter(|path| *path != Path::new(SANDBOX_LEDGER_NAME));
        let [ledger, read_from, sent_from] = [None, rehearsed, elsewhere]
            .map(|other| option("--ledger", self.ledger.as_deref().or(other)));
        let of_run = typed.config.as_deref();
        let own = self.config_path.as_deref();
        let is_typed = !typed.file.as_os_str().is_empty();
        let goes_without = own.is_none() && self.is_config_named || of_run.is_none() && is_typed;
        let none = goes_without.then_some(Path::new(NO_CONFIG));
        // Named where another would be found, or none; and that there is none, where one would be.
        let config_for = |file: Option<&Path>, config: Option<&Path>| {
            let found = config_of(file).ok().flatten();
            let is_same = found.as_deref().map(absolute) == config.map(absolute);
            option("--config", config.or(none).filter(|_| !is_same))
        };
        let config = config_for(None, self.config_of_run(typed).or(own));
        let named_config = config_for(Some(&typed.file), of_run);
        let sandbox = if is_sandbox { "--sandbox" } else { "" };
        let join = |mut parts: Vec<&str>| {
            parts.retain(|part| !part.is_empty());
            parts.join(" ")
        };
        Further {
            file: from_here(&typed.file),
            reading: join(vec![&config, &read_from]),
            sending: join(vec![&config, sandbox, &sent_from]),
            checking: join(vec![&named_config, &read_from, &typed.reading]),
            inviting: join(vec![&named_config, sandbox, &ledger, &typed.reading]),
        }
    }

    /// The run's own config, by which those go on that name no FILE; not what is gone.
    fn config_of_run<'t>(&self, typed: &'t Typed) -> Option<&'t Path> {
        let config = typed.config.as_deref();
        config.filter(|path| !self.is_config_named && is_there(path))
    }

    /// The same for a file that is named and read like this.
    pub fn on(&self, is_sandbox: bool, file: &Path, read: &ReadArgs) -> Further {
        self.further(is_sandbox, &self.typed(file, read))
    }

    /// The `run` by which a person goes on, of a file that he knows.
    pub fn again(&self, is_sandbox: bool) -> String {
        let read = ReadArgs::default();
        self.on(is_sandbox, Path::new("FILE"), &read).run()
    }
}

pub struct Pace {
    pub limits: Limits,
    /// For one whole exchange.
    pub timeout: Duration,
    pub wishes: Wishes,
    pub options: SendOptions,
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

/// The config that holds for a file, or where none is named, unless `--config` says otherwise.
fn config_of(file: Option<&Path>) -> Result<Option<PathBuf>> {
    let file = file.filter(|path| *path != Path::new("-"));
    let folder = file.map_or(Path::new("."), folder_of);
    let usual = [folder, Path::new(".")].map(|folder| tidy(folder.join(CONFIG_NAME)));
    first_there(file.into_iter().flat_map(configs_of_sheet).chain(usual))
}

/// The config that holds of those that may be there.
fn first_there(configs: impl IntoIterator<Item = PathBuf>) -> Result<Option<PathBuf>> {
    for path in configs {
        if is_there(&path) {
            return Ok(Some(path));
        }
        refuse_misnamed(&path)?;
    }
    Ok(None)
}

/// Also what cannot be looked at, such as a link to a share that is away: another config in its place would mean other columns, and none
/// a team that is not asked.
pub fn is_there(path: &Path) -> bool {
    use ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    let looked = path.symlink_metadata().map_err(|error| error.kind());
    !matches!(looked, Err(NotFound | NotADirectory | InvalidFilename))
}

/// Refuses to pass over what would be the config, but for an ending. Editors on Windows add it, and their file lists do not show it.
fn refuse_misnamed(path: &Path) -> Result<()> {
    let longer = format!("{}.txt", path.display());
    if !Path::new(&longer).exists() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Err(Error::of("config_misnamed", &[&longer, &name]))
}

/// Reads a config; `own`: the user's, for what it leaves open.
fn read_config(path: &Path, own: Option<&Config>) -> Result<Config> {
    let shown = path.display().to_string();
    if !path.exists() {
        refuse_misnamed(path)?;
    }
    let text = read_text(path);
    let text = text.map_err(|error| Error::of("config_unreadable", &[&shown, &error]))?;
    Config::parse(&text, &shown, own)
}

/// How a run's FILE was named and read; the ledger keeps it for the commands that come after.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Typed {
    file: PathBuf,
    config: Option<PathBuf>,
    reading: String,
}

/// As it is found from any folder.
fn absolute(path: &Path) -> PathBuf {
    match std::path::absolute(path) {
        Ok(absolute) if path != Path::new("-") => absolute,
        _ => path.to_owned(),
    }
}

pub fn quoted_path(path: &Path) -> String {
    quoted(&from_here(path))
}

/// A path as it is named from here, and taken for no option.
pub fn from_here(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(here).unwrap_or(path).to_str() {
        // Standard input.
        _ if path == Path::new("-") => "-".to_owned(),
        Some(near) if near.starts_with('-') => format!("./{near}"),
        Some(near) => near.to_owned(),
        // No command may mean another file.
        None => "FILE".to_owned(),
    }
}
