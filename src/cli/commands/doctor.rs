//! `doctor`: looks at everything that a run needs, and says what to do about each failure. Changes nothing; the requests that
//! it makes count against the limits like any other. No secret is shown, not even in part.

use std::path::Path;
use std::time::Duration;

use indicatif::HumanBytes;

use super::contract_types::{close_api, open_api};
use super::world::{self, Target};
use crate::cli::args::SendArgs;
use crate::cli::credentials::{API_KEY, PASSWORD, Source, USERNAME, missing};
use crate::cli::output::Output;
use crate::cli::settings::{CONFIG_NAME, Settings, TENANCY_NAME};
use crate::cli::system::now;
use crate::error::{Ended, Error, Kind};
use crate::ledger::{FileSystemCheck, Lock, Reader, check_file_system, refuse_loss};
use crate::model::{ContractTypeId, Timestamp};
use crate::register::Register;
use crate::report::{Finding, Level, doctor_json, write_doctor};
use crate::send::Api;
use crate::vlens::BaseUrl;

/// Less than this, and a larger sheet may not fit.
const LITTLE_SPACE_BYTES: u64 = 200 << 20;
/// Clocks further apart than this confuse whoever compares times, and tokens whose life is short.
const SKEW_MS: i64 = 60_000;
/// A limit's window may have to pass first; a person should know why nothing happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found, and what to do about it; none where there is nothing to look at.
type Looked = Result<Option<(Level, String, Option<String>)>, Error>;

type Look = fn(&Context<'_>) -> Looked;

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
struct Context<'s> {
    settings: &'s Settings,
    base_url: Result<BaseUrl, Error>,
    target: Result<Target, Error>,
    place: Result<FileSystemCheck, Error>,
    /// Sound, with its size in bytes.
    ledger: Result<Option<(Reader, u64)>, Error>,
}

pub async fn doctor(
    allow_insecure_http: bool,
    settings: Result<Settings, Error>,
    output: Output,
) -> Ended {
    let mut chart = Chart::default();
    match settings {
        Ok(settings) => Box::pin(examine(&settings, allow_insecure_http, &mut chart)).await,
        Err(mut error) => {
            let others = std::mem::take(&mut error.others);
            for mut error in std::iter::once(error).chain(others) {
                let usual = || "`vlens-batch check FILE` shows the line.".to_owned();
                error.hint.get_or_insert_with(usual);
                chart.note("config", Err(error));
            }
        }
    }
    output.show(&doctor_json(&chart.findings), |out| {
        write_doctor(out, &chart.findings, output.look())
    })?;
    chart.gravest().map_or(Ok(None), Err)
}

async fn examine(settings: &Settings, allow_insecure_http: bool, chart: &mut Chart) {
    let sending = settings.sending(&SendArgs::default());
    let base_url = settings.base_url(allow_insecure_http);
    let target = base_url.clone().and_then(|base_url| {
        let account = settings.account(settings.needs_login())?;
        Target::vlens(settings, &sending, base_url, account)
    });
    let path = settings.ledger(false);
    let place = path.and_then(|path| check_file_system(&path, world::is_made(&path)));
    let context = Context {
        settings,
        base_url,
        target,
        ledger: place
            .clone()
            .and_then(|place| sound_ledger(&place.path, settings)),
        place,
    };
    for (check, look) in CHECKS {
        chart.note(check, look(&context));
    }
    chart.note("register", register(&context).await);
    let again = settings.command("doctor");
    let target = match context.target {
        Ok(target) => target,
        Err(error) if chart.kinds.is_empty() => return chart.note("login", Err(error)),
        Err(_) => {
            let remedy = format!("Mend them first, then run `{again}` again.");
            return chart.not_tried("the settings above are not complete", &remedy);
        }
    };
    if target.credentials.is_none() {
        let why = "sessions of kind \"auth\" need none, and creating one would invite somebody";
        let run = settings.command("run FILE --limit 1");
        return chart.not_tried(why, &format!("Send one row first: {run}"));
    }
    if context.ledger.is_err() {
        let why = "the request could not be noted in the ledger";
        return chart.not_tried(why, "See to the ledger first.");
    }
    // What holds it open must not keep others from writing.
    drop(context.ledger);
    match open_api(settings, target, "doctor", false).await {
        Ok(api) => Box::pin(ask_vlens(api, settings, chart)).await,
        Err(error) if error.kind == Kind::Busy => chart.not_tried(
            "a run is in progress, and the limits are its own",
            &format!("Run `{again}` again when it has ended."),
        ),
        Err(error) => chart.note("login", Err(error)),
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
        let mut by_gravity = [
            Kind::Unexpected,
            Kind::Unusable,
            Kind::Refused,
            Kind::Stopped,
        ]
        .into_iter();
        let kind = by_gravity.find(|kind| self.kinds.contains(kind))?;
        let failed = self.findings.iter();
        let failed = failed.filter(|finding| finding.level == Level::Failure);
        let failed: Vec<&str> = failed.map(|finding| finding.check).collect();
        let message = format!("Not ready to run; failed: {}.", failed.join(", "));
        Some(Error::new(kind, "not_ready", message))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a check gives")]
fn found(level: Level, message: impl Into<String>, remedy: Option<String>) -> Looked {
    Ok(Some((level, message.into(), remedy)))
}

fn fine(message: impl Into<String>) -> Looked {
    found(Level::Ok, message, None)
}

fn unknown(message: impl Into<String>) -> Looked {
    found(Level::Unknown, message, None)
}

fn warning(message: impl Into<String>, remedy: impl Into<String>) -> Looked {
    found(Level::Warning, message, Some(remedy.into()))
}

fn config(context: &Context<'_>) -> Looked {
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

fn address(context: &Context<'_>) -> Looked {
    let base_url = context.base_url.as_ref().map_err(Clone::clone)?;
    fine(format!("{}.", base_url.as_str()))
}

fn tenant(context: &Context<'_>) -> Looked {
    match context.settings.tenancy_name()? {
        Some(name) => fine(format!("{name}.")),
        None if context.settings.needs_login() => Err(missing(&[TENANCY_NAME])),
        None => Ok(None),
    }
}

fn api_key(context: &Context<'_>) -> Looked {
    match context.settings.secret(API_KEY)? {
        Some(_) => secret_source(context, API_KEY),
        None => Err(missing(&[API_KEY])),
    }
}

fn password(context: &Context<'_>) -> Looked {
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
        None => unknown(format!("{read}. {NOT_LOOKED_AT}")),
    }
}

fn authority(context: &Context<'_>) -> Looked {
    match context.settings.ca_pem()? {
        None => Ok(None),
        Some(_) => fine("VLENS_CA_FILE is read."),
    }
}

fn sound_ledger(path: &Path, settings: &Settings) -> Result<Option<(Reader, u64)>, Error> {
    refuse_loss(path, &settings.again(false, None))?;
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

fn ledger(context: &Context<'_>) -> Looked {
    let ledger = context.ledger.as_ref().map_err(Clone::clone)?;
    let place = context.place.as_ref().map_err(Clone::clone)?;
    let path = place.path.display();
    match ledger {
        None => fine(format!("None yet; the first run makes it: {path}.")),
        Some((_, bytes)) => fine(format!("{path} is sound ({}).", HumanBytes(*bytes))),
    }
}

fn binding(context: &Context<'_>) -> Looked {
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

fn permissions(context: &Context<'_>) -> Looked {
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

fn place(context: &Context<'_>) -> Looked {
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
    let Some(lies) = &place.hazard else {
        return fine("On a disk of this machine, as far as can be seen.");
    };
    warning(format!("The ledger lies {lies}."), world::KEEP_IT_HERE)
}

fn space(context: &Context<'_>) -> Looked {
    let place = context.place.as_ref().ok();
    match place.and_then(|place| place.free_bytes) {
        None => unknown("How much room is left is not looked at on this system."),
        Some(bytes) if bytes < LITTLE_SPACE_BYTES => warning(
            format!("Only {} are left on the ledger's disk.", HumanBytes(bytes)),
            "Make room: a run stops when the disk is full.",
        ),
        Some(bytes) => fine(format!("{} are left.", HumanBytes(bytes))),
    }
}

fn lock(context: &Context<'_>) -> Looked {
    match &context.place {
        Ok(place) if place.exists && Lock::is_held(&place.path) => fine("A run is in progress."),
        Ok(place) if place.exists => fine("Free: no run is in progress."),
        _ => Ok(None),
    }
}

/// Whether the team's register can be used, and whether its clock and ours agree.
async fn register(context: &Context<'_>) -> Looked {
    let Some((place, _)) = context.settings.team(Some(Duration::ZERO))? else {
        return Ok(None);
    };
    let Ok(Target { binding, .. }) = &context.target else {
        return Ok(None);
    };
    let overview = Register::look(&place, &binding.base_url, &binding.tenancy_name).await?;
    let skew_ms = now().ms_since(overview.at);
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
async fn ask_vlens(api: Api, settings: &Settings, chart: &mut Chart) {
    let login = {
        let login = api.log_in_once();
        tokio::pin!(login);
        if let Ok(answer) = tokio::time::timeout(PATIENCE, &mut login).await {
            answer
        } else {
            let waiting = "Waiting for Vlens, or for a free place within the limits …";
            settings.output.say(waiting);
            login.await
        }
    };
    match login {
        Ok(server_date) => {
            if let Some(server_date) = server_date {
                chart.note("clock", clocks(server_date, now()));
            }
            chart.note("login", fine("Vlens accepts the credentials."));
            chart.note("contract_types", contract_types(&api, settings).await);
        }
        Err(error) => chart.note("login", Err(error)),
    }
    if let Err(error) = close_api(api).await {
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
    let entries = match api.contract_types().await {
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
