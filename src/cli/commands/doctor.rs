//! `doctor`: looks at everything that a run needs, and says what to do about each failure. Changes nothing; the requests that
//! it makes count against the limits like any other. No secret is shown, not even in part.

use std::path::Path;
use std::time::Duration;

use super::contract_types::open_api;
use super::world::{self, Target};
use crate::cli::args::{DoctorArgs, Global, SendArgs};
use crate::cli::credentials::{API_KEY, PASSWORD, Source, USERNAME, missing};
use crate::cli::output::Output;
use crate::cli::settings::{CONFIG_NAME, Settings, TENANCY_NAME};
use crate::cli::system::SystemClock;
use crate::error::{Ended, Error, Kind};
use crate::ledger::{FileSystemCheck, Ledger, Lock, Reader, check_file_system, refuse_loss};
use crate::model::{ContractTypeId, Timestamp};
use crate::register::Register;
use crate::report::{Finding, Level, doctor_json, write_doctor};
use crate::send::{Api, Clock};

/// Less than this, and a larger sheet may not fit.
const LITTLE_SPACE_BYTES: u64 = 200 << 20;
/// Clocks further apart than this confuse whoever compares times, and tokens whose life is short.
const SKEW_MS: i64 = 60_000;
/// A limit's window may have to pass first; a person should know why nothing happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found, and what to do about it; none where there is nothing to look at.
type Looked = Result<Option<(Level, String, Option<String>)>, Error>;

type Look = fn(&Context) -> Looked;

/// All but Vlens and the register, in the order of the report, each under a stable word.
const CHECKS: &[(&str, Look)] = &[
    ("config", config),
    ("address", address),
    ("tenant", tenant),
    ("api_key", api_key),
    ("password", password),
    ("authority", authority),
    ("ledger", ledger),
    ("binding", binding),
    ("permissions", permissions),
    ("place", place),
    ("space", space),
    ("lock", lock),
];

/// What the checks look at.
struct Context {
    settings: Settings,
    allow_insecure_http: bool,
    target: Result<Target, Error>,
    place: Result<FileSystemCheck, Error>,
    /// Sound, with its size in bytes.
    ledger: Result<Option<(Reader, u64)>, Error>,
}

pub async fn doctor(args: &DoctorArgs, global: &Global, output: Output) -> Ended {
    let mut chart = Chart::default();
    match Settings::find(global, None) {
        Ok(settings) => Box::pin(examine(settings, args, output, &mut chart)).await,
        Err(mut error) => {
            let others = std::mem::take(&mut error.others);
            for error in std::iter::once(error).chain(others) {
                let hint = error.hint.clone();
                let hint = hint.unwrap_or("`vlens-batch check FILE` shows the line.".to_owned());
                chart.note("config", Err(error.hint(hint)));
            }
        }
    }
    output.show(&doctor_json(&chart.findings), |out| {
        write_doctor(out, &chart.findings, output.look())
    })?;
    chart.gravest().map_or(Ok(None), Err)
}

async fn examine(settings: Settings, args: &DoctorArgs, output: Output, chart: &mut Chart) {
    let sending = settings.sending(&SendArgs::default());
    let insecure = args.allow_insecure_http;
    let path = settings.ledger(false);
    let place = path.and_then(|path| check_file_system(&path, world::is_made(&path)));
    let context = Context {
        target: Target::vlens(&settings, &sending, insecure, settings.needs_login()),
        ledger: place.clone().and_then(|place| sound_ledger(&place.path)),
        place,
        allow_insecure_http: insecure,
        settings,
    };
    for (check, look) in CHECKS {
        chart.note(check, look(&context));
    }
    chart.note("register", register(&context).await);
    let Context {
        settings,
        target,
        ledger,
        ..
    } = context;
    let again = settings.command("doctor");
    match (target, ledger) {
        (Err(error), _) if chart.kinds.is_empty() => chart.note("login", Err(error)),
        (Err(_), _) => chart.not_tried(
            "the settings above are not complete",
            &format!("Mend them first, then run `{again}` again."),
        ),
        (Ok(target), _) if target.credentials.is_none() => chart.not_tried(
            "sessions of kind \"auth\" need none, and creating one would invite somebody",
            &format!(
                "Send one row first: {}",
                settings.command("run FILE --limit 1")
            ),
        ),
        (_, Err(_)) => chart.not_tried(
            "the request could not be noted in the ledger",
            "See to the ledger first.",
        ),
        (Ok(target), Ok(_)) => match open_api(&settings, target, "doctor", false, output).await {
            Ok(api) => Box::pin(ask_vlens(api, &settings, output, chart)).await,
            Err(error) if error.kind == Kind::Busy => chart.not_tried(
                "a run is in progress, and the limits are its own",
                &format!("Run `{again}` again when it has ended."),
            ),
            Err(error) => chart.note("login", Err(error)),
        },
    }
}

/// All findings so far, and the kinds of the failures among them.
#[derive(Default)]
struct Chart {
    findings: Vec<Finding>,
    kinds: Vec<Kind>,
}

impl Chart {
    fn note(&mut self, check: &'static str, found: Looked) {
        let (level, message, remedy) = match found {
            Ok(None) => return,
            Ok(Some(found)) => found,
            Err(error) => {
                self.kinds.push(error.kind);
                (Level::Failure, error.message, error.hint)
            }
        };
        self.findings.push(Finding {
            check,
            level,
            message,
            remedy: remedy.filter(|remedy| !remedy.is_empty()),
        });
    }

    fn not_tried(&mut self, why: &str, remedy: &str) {
        self.note("login", warning(format!("Not tried: {why}."), remedy));
    }

    /// A damaged ledger before all else, then what must be mended here before Vlens can be asked at all.
    fn gravest(&self) -> Option<Error> {
        let by_gravity = [
            Kind::Unexpected,
            Kind::Unusable,
            Kind::Refused,
            Kind::Stopped,
        ];
        let mut by_gravity = by_gravity.into_iter();
        let kind = by_gravity.find(|kind| self.kinds.contains(kind))?;
        let failed = self.findings.iter();
        let failed = failed.filter(|finding| finding.level == Level::Failure);
        let failed: Vec<&str> = failed.map(|finding| finding.check).collect();
        let message = format!("Not ready to run; failed: {}.", failed.join(", "));
        Some(Error::new(kind, "not_ready", message))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a check gives")]
fn fine(message: impl Into<String>) -> Looked {
    Ok(Some((Level::Ok, message.into(), None)))
}

#[expect(clippy::unnecessary_wraps, reason = "what a check gives")]
fn unknown(message: &str) -> Looked {
    Ok(Some((Level::Unknown, message.to_owned(), None)))
}

#[expect(clippy::unnecessary_wraps, reason = "what a check gives")]
fn warning(message: impl Into<String>, remedy: impl Into<String>) -> Looked {
    Ok(Some((Level::Warning, message.into(), Some(remedy.into()))))
}

fn config(context: &Context) -> Looked {
    let Some(path) = &context.settings.config_path else {
        return fine(format!(
            "No {CONFIG_NAME}: defaults hold, and headers are the mapping."
        ));
    };
    let groups = &context.settings.config.fields;
    let mapped: usize = groups
        .iter()
        .flatten()
        .map(|(_, fields)| fields.len())
        .sum();
    let fields = match (groups, mapped) {
        (None, _) => "headers are the fields".to_owned(),
        (Some(_), 1) => "1 field is mapped".to_owned(),
        (Some(_), n) => format!("{n} fields are mapped"),
    };
    let shown = path.display();
    match mode_of(path) {
        Some(mode) if mode & 0o022 != 0 => warning(
            format!(
                "{shown} is read, but others may write to it: they could send customers' data elsewhere."
            ),
            format!("chmod go-w {shown}"),
        ),
        Some(_) => fine(format!("{shown} is read; {fields}.")),
        None => fine(format!("{shown} is read; {fields}. {NOT_LOOKED_AT}")),
    }
}

fn address(context: &Context) -> Looked {
    let base_url = context.settings.base_url(context.allow_insecure_http)?;
    fine(format!("{}.", base_url.as_str()))
}

fn tenant(context: &Context) -> Looked {
    match context.settings.tenancy_name()? {
        Some(name) => fine(format!("{name}.")),
        None if context.settings.needs_login() => Err(missing(&[TENANCY_NAME])),
        None => Ok(None),
    }
}

fn api_key(context: &Context) -> Looked {
    match context.settings.secret(API_KEY)? {
        Some(_) => secret_source(context, API_KEY),
        None => Err(missing(&[API_KEY])),
    }
}

fn password(context: &Context) -> Looked {
    let settings = &context.settings;
    if !settings.needs_login() {
        return fine("Not needed: sessions of kind \"auth\" are created without a login.");
    }
    match (settings.username()?, settings.secret(PASSWORD)?) {
        (Some(_), Some(_)) => secret_source(context, PASSWORD),
        (Some(_), None) => Err(missing(&[PASSWORD])),
        (None, Some(_)) => Err(missing(&[USERNAME])),
        (None, None) => Err(missing(&[USERNAME, PASSWORD])),
    }
}

/// Where a secret comes from, and who else may read that file.
fn secret_source(context: &Context, name: &str) -> Looked {
    let Some(Source::File(path, _)) = context.settings.source(name)? else {
        return fine(format!("{name} is set."));
    };
    let shown = path.display();
    let read = format!("{name} is read from {shown}");
    match mode_of(&path) {
        Some(mode) if mode & 0o044 != 0 => warning(
            format!("{read}, which others may read as well."),
            format!("chmod 600 {shown}"),
        ),
        Some(_) => fine(format!("{read}.")),
        None => unknown(&format!("{read}. {NOT_LOOKED_AT}")),
    }
}

fn authority(context: &Context) -> Looked {
    match context.settings.ca_pem()? {
        None => Ok(None),
        Some(_) => fine("VLENS_CA_FILE is read."),
    }
}

fn sound_ledger(path: &Path) -> Result<Option<(Reader, u64)>, Error> {
    refuse_loss(path)?;
    let Some(reader) = Reader::open(path)? else {
        return Ok(None);
    };
    let health = reader.health()?;
    match health.faults.first() {
        None => Ok(Some((reader, health.bytes))),
        Some(fault) => Err(Error::unexpected(
            "ledger_damaged",
            format!("The ledger {} is damaged: {fault}.", path.display()),
        )
        .hint("Send nothing with it. Keep the file and its -wal file as they are, and restore the last good copy beside them.")),
    }
}

fn ledger(context: &Context) -> Looked {
    let ledger = context.ledger.as_ref().map_err(Clone::clone)?;
    let place = context.place.as_ref().map_err(Clone::clone)?;
    let path = place.path.display();
    match ledger {
        None => fine(format!("None yet; the first run makes it: {path}.")),
        Some((_, bytes)) => fine(format!("{path} is sound ({}).", size(*bytes))),
    }
}

fn binding(context: &Context) -> Looked {
    let Ok(Some((reader, _))) = &context.ledger else {
        return Ok(None);
    };
    let bound = reader.binding();
    let (tenant, url) = (&bound.tenancy_name, &bound.base_url);
    match &context.target {
        Ok(target) if target.binding != *bound => Err(Error::unusable(
            "ledger_bound_elsewhere",
            format!(
                "The ledger belongs to tenant {tenant} at {url}, not to the one in the settings."
            ),
        )
        .hint("Name another ledger with --ledger, or correct the base URL or tenancy name.")),
        _ => fine(format!("For tenant {tenant} at {url}.")),
    }
}

fn permissions(context: &Context) -> Looked {
    let Some(place) = context.place.as_ref().ok().filter(|place| place.exists) else {
        return Ok(None);
    };
    let Some(open) = &place.open_to_others else {
        return unknown(NOT_LOOKED_AT);
    };
    let Some(file) = open.first() else {
        return fine("The ledger's files are its owner's alone.");
    };
    warning(
        format!(
            "Others may open {}, which holds customers' data.",
            file.display()
        ),
        format!("chmod 600 {}*", place.path.display()),
    )
}

fn place(context: &Context) -> Looked {
    let Ok(place) = &context.place else {
        return Ok(None);
    };
    if !place.is_writable {
        return Err(Error::unusable(
            "ledger_folder_not_writable",
            "The ledger's folder takes no new files, and the ledger needs its log beside it.",
        )
        .hint("Give this user the right to write there, or name another place with --ledger."));
    }
    let Some(lies) = place.hazard else {
        return fine("On a disk of this machine, as far as can be seen.");
    };
    warning(format!("The ledger lies {lies}."), world::KEEP_IT_HERE)
}

fn space(context: &Context) -> Looked {
    let place = context.place.as_ref().ok();
    match place.and_then(|place| place.free_bytes) {
        None => unknown("How much room is left is not looked at on this system."),
        Some(bytes) if bytes < LITTLE_SPACE_BYTES => warning(
            format!("Only {} are left on the ledger's disk.", size(bytes)),
            "Make room: a run stops when the disk is full.",
        ),
        Some(bytes) => fine(format!("{} are left.", size(bytes))),
    }
}

fn lock(context: &Context) -> Looked {
    match &context.place {
        Ok(place) if place.exists && Lock::is_held(&place.path) => fine("A run is in progress."),
        Ok(place) if place.exists => fine("Free: no run is in progress."),
        _ => Ok(None),
    }
}

/// Whether the team's register can be used, and whether its clock and ours agree.
async fn register(context: &Context) -> Looked {
    let Some((place, _)) = context.settings.team(Some(Duration::ZERO))? else {
        return Ok(None);
    };
    let Ok(Target { binding, .. }) = &context.target else {
        return Ok(None);
    };
    let overview = Register::look(&place, &binding.base_url, &binding.tenancy_name).await?;
    let skew_ms = SystemClock::default().wall().ms_since(overview.at);
    if overview.missing.is_some() {
        return Err(Error::refused(
            "register_restored",
            "The team's register was restored or failed over; nobody sends until every ledger has given what it knows.",
        )
        .hint("On each computer: vlens-batch register rebuild"));
    }
    if skew_ms.abs() > SKEW_MS {
        return warning(
            format!(
                "The clocks of this machine and of the team's register are {} s apart.",
                skew_ms.abs() / 1000
            ),
            "Set both by a time server.",
        );
    }
    fine(format!("{} is in reach.", overview.register))
}

/// A real login, the two clocks against each other, and whether contract types may be seen.
async fn ask_vlens(api: Api, settings: &Settings, output: Output, chart: &mut Chart) {
    let login = {
        let login = api.log_in_once();
        tokio::pin!(login);
        tokio::select! {
            answer = &mut login => answer,
            () = tokio::time::sleep(PATIENCE) => {
                output.say("Waiting for Vlens, or for a free place within the limits …");
                login.await
            }
        }
    };
    match login {
        Ok(server_date) => {
            if let Some(server_date) = server_date {
                chart.note("clock", clocks(server_date, SystemClock::default().wall()));
            }
            chart.note("login", fine("Vlens accepts the credentials."));
            chart.note("contract_types", contract_types(&api, settings).await);
        }
        Err(error) => chart.note("login", Err(error.into())),
    }
    if let Some(writer) = api.into_ledger()
        && let Err(error) = writer.stop().await.and_then(Ledger::finish)
    {
        chart.note("ledger", Err(error));
    }
}

fn clocks(server: Timestamp, here: Timestamp) -> Looked {
    let skew_ms = here.ms_since(server);
    if skew_ms.abs() <= SKEW_MS {
        return fine("Within a minute of the server's.");
    }
    let seconds = skew_ms.abs() / 1000;
    let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
    warning(
        format!("This machine's clock is {seconds} s {direction} the server's."),
        "Let the system set its clock (NTP). Limits are kept all the same; times in results are off.",
    )
}

/// Sending does not need them, so that they may not be seen is no failure.
async fn contract_types(api: &Api, settings: &Settings) -> Looked {
    let entries = match api.contract_types().await.map_err(Error::from) {
        Ok(entries) => entries,
        Err(error) => return warning(error.message, error.hint.unwrap_or_default()),
    };
    let is_listed = |id: &ContractTypeId| entries.iter().any(|entry| entry.id == *id);
    let named = settings.config.contract_types().into_iter();
    let unknown = named.filter(|id| !is_listed(id));
    let unknown: Vec<String> = unknown.map(|id| id.to_string()).collect();
    if unknown.is_empty() {
        return fine(format!("{} may be seen.", entries.len()));
    }
    let unknown = unknown.join(", ");
    warning(
        format!("The config names contract types that the tenant does not list: {unknown}."),
        format!(
            "`{}` lists those that there are.",
            settings.command("contract-types")
        ),
    )
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes if mebibytes < 10_240 => format!("{mebibytes} MiB"),
        mebibytes => format!("{} GiB", mebibytes >> 10),
    }
}

/// On Windows the folder's rights are handed down to its files, and nothing here reads them.
const NOT_LOOKED_AT: &str = "Who else may open it is not looked at on this system.";

/// What others may do with a file; none where this is not looked at.
#[cfg(unix)]
fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.permissions().mode())
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> Option<u32> {
    None
}
