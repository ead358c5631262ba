//! `doctor`: looks at everything that a run needs, and says what to do about each failure. Changes nothing; the requests that
//! it makes count against the limits like any other. No secret is shown, not even in part.

use std::path::Path;
use std::time::Duration;

use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::check::{forms, user_public_key};
use super::ledger::is_made;
use super::register::open_api;
use crate::cli::args::{Global, SendArgs};
use crate::cli::credentials::{AccountPart, Destination, SecretPlace};
use crate::cli::settings::{CONFIG_NAME, Settings, quoted_path};
use crate::clock;
use crate::error::{Ended, Error, Kind, Result, command_at_hand};
use crate::ledger::{FileSystemCheck, Reader, check_file_system, mode_of, refuse_loss};
use crate::model::{Binding, ContractTypeId, Timestamp};
use crate::register::Register;
use crate::report::{counted, texts};
use crate::send::{Api, local};
use crate::vlens::BaseUrl;

/// Less than this, and a larger sheet may not fit.
const LITTLE_SPACE_BYTES: u64 = 200 << 20;
/// Clocks further apart than this confuse whoever compares times, and tokens whose life is short.
const SKEW_MS: i64 = 60_000;
/// A limit's window may have to pass first; a person should know why nothing happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found, under how well that is. An error is a failure.
type Finding = Error;

/// All findings so far, as the document has them, and what failed.
#[derive(Default)]
struct Chart {
    findings: Vec<Value>,
    warnings: usize,
    failures: Vec<(&'static str, Kind)>,
}

impl Chart {
    /// Notes what there is to tell, under the check's stable word.
    fn note(&mut self, check: &'static str, found: Result<impl Into<Option<Finding>>>) {
        let found = match found.map(Into::into) {
            Ok(None) => return,
            Ok(Some(found)) => {
                self.warnings += usize::from(found.kind == Kind::NeedsPerson);
                found
            }
            Err(error) => {
                self.failures.push((check, error.kind));
                let code = "failure";
                Finding { code, ..error }
            }
        };
        let (level, message, remedy) = (found.code, found.message, found.hint);
        let found = json!({ "check": check, "level": level, "message": message, "remedy": remedy });
        self.findings.push(found);
    }
}

pub async fn doctor(
    allow_insecure_http: bool,
    settings: Result<Settings>,
    global: &Global,
) -> Ended {
    let mut chart = Chart::default();
    match settings {
        Ok(settings) => Box::pin(examine(&settings, allow_insecure_http, &mut chart)).await,
        Err(mut error) => {
            let others = std::mem::take(&mut error.others);
            let check = command_at_hand("check FILE");
            for mut error in std::iter::once(error).chain(others) {
                let usual = || format!("`{check}` shows the line.");
                error.hint.get_or_insert_with(usual);
                chart.note("config", Result::<Finding>::Err(error));
            }
        }
    }
    let (failed, kinds): (Vec<_>, Vec<_>) = chart.failures.into_iter().unzip();
    let document =
        json!({ "failures": failed.len(), "warnings": chart.warnings, "checks": chart.findings });
    global.output.show(&document, texts::DOCTOR, Value::Null)?;
    let Some(kind) = kinds.into_iter().min() else {
        return Ok(Kind::Nobody);
    };
    let error = Error::of("not_ready", &[&failed.join(", ")]);
    Err(Error { kind, ..error })
}

async fn examine(settings: &Settings, allow_insecure_http: bool, chart: &mut Chart) {
    let base_url = settings.base_url(allow_insecure_http);
    chart.note("config", Ok(config(settings)));
    let address = |url: &BaseUrl| Finding::of("ok", &[&url.as_str()]);
    let address = base_url.as_ref().map(address).map_err(Error::clone);
    chart.note("address", address);
    chart.note("tenant", tenant(settings));
    chart.note("api_key", secret(settings, AccountPart::ApiKey));
    chart.note("password", password(settings));
    let authority = settings.authorities();
    let authority =
        authority.map(|all| (!all.is_empty()).then(|| Finding::of("ok.authority", &[])));
    chart.note("authority", authority);
    let forms = forms(settings).map(|forms| {
        let stored = counted(forms.len() as u64, "form is", "forms are");
        (!forms.is_empty()).then(|| Finding::of("ok.forms", &[&stored]))
    });
    chart.note("forms", forms);
    let public_key = user_public_key(settings);
    let public_key = public_key.map(|key| key.map(|_| Finding::of("ok.public_key", &[])));
    chart.note("public_key", public_key);
    let sending = settings.sending(&SendArgs::default());
    let needs_login = settings.needs_login();
    let target = Destination::of(settings, &sending, allow_insecure_http, needs_login);
    let wanted = target.as_ref().ok().map(|target| &target.binding);
    let is_sound = examine_ledger(settings, wanted, chart);
    let register = register(settings, wanted).await;
    let is_noted = is_sound && register.is_ok();
    chart.note("register", register);
    let again = command_at_hand("doctor");
    let untried = match target {
        Err(error) if chart.failures.is_empty() => Err(error),
        Err(_) => Ok(Finding::of("warning.login.incomplete", &[&again])),
        Ok(_) if !needs_login => {
            let run = settings.again(false);
            Ok(Finding::of("warning.login.unneeded", &[&run]))
        }
        Ok(_) if !is_noted => Ok(Finding::of("warning.login.unnoted", &[])),
        Ok(_) if let Some(until) = paused(settings) => {
            Ok(Finding::of("warning.login.paused", &[&until, &again]))
        }
        Ok(target) => match open_api(settings, target, "doctor", false).await {
            Ok(api) => return Box::pin(ask_vlens(api, settings, chart)).await,
            Err(error) if error.kind == Kind::Busy => {
                Ok(Finding::of("warning.login.busy", &[&again]))
            }
            Err(error) => Err(error),
        },
    };
    chart.note("login", untried);
}

/// Until when Vlens has asked for a pause, as the ledger knows; a person does not wait for its end.
fn paused(settings: &Settings) -> Option<String> {
    let reader = Reader::open(&settings.ledger(false).ok()?).ok()??;
    let now = clock::moment();
    let left_ms = i64::try_from(reader.pause_left(&now).ok()?.as_millis()).ok()?;
    (left_ms > 0).then(|| local(Timestamp(now.at.0.saturating_add(left_ms))))
}

/// Notes how the ledger is, whose it is and where it lies; whether it is sound.
fn examine_ledger(settings: &Settings, wanted: Option<&Binding>, chart: &mut Chart) -> bool {
    let path = settings.ledger(false);
    let place = path.and_then(|path| check_file_system(&path, is_made(&path)));
    let sound = place.as_ref().map_err(Error::clone);
    let sound = sound.and_then(|at| note_ledger(&at.path, settings, wanted, chart));
    let is_sound = sound.is_ok();
    // What is sound is noted.
    chart.note("ledger", sound.map(|()| None));
    if let Ok(at) = &place {
        look_at_place(at, chart);
    }
    is_sound
}

fn config(settings: &Settings) -> Finding {
    let groups = settings.config.fields.as_ref();
    let fields = groups.map_or("headers are the fields".to_owned(), |groups| {
        let mapped: usize = groups.iter().map(|(_, fields)| fields.len()).sum();
        counted(mapped as u64, "field is mapped", "fields are mapped")
    });
    let Some(path) = &settings.config_path else {
        let own = settings.own.as_ref();
        let holds = own.map_or("defaults hold".to_owned(), |(_, own)| {
            format!("{} holds", own.display())
        });
        return Finding::of("ok.config.none", &[&CONFIG_NAME, &holds, &fields]);
    };
    let shown = path.display();
    match mode_of(path) {
        Some(mode) if mode & 0o022 != 0 => {
            Finding::of("warning.config.open", &[&shown, &quoted_path(path)])
        }
        Some(_) => Finding::of("ok.config.read", &[&shown, &fields]),
        None => Finding::of("ok.config.unknown", &[&shown, &fields]),
    }
}

fn tenant(settings: &Settings) -> Result<Option<Finding>> {
    match settings.tenancy_name()? {
        None if settings.needs_login() => Err(settings.missing(&[AccountPart::Tenant])),
        name => Ok(name.map(|name| Finding::of("ok", &[&name]))),
    }
}

fn password(settings: &Settings) -> Result<Finding> {
    if !settings.needs_login() {
        return Ok(Finding::of("ok.password.unneeded", &[]));
    }
    let (username, password) = (AccountPart::Username, AccountPart::Password);
    match (settings.named(username)?, settings.secret(password)?) {
        (Some(_), _) => secret(settings, password),
        (None, Some(_)) => Err(settings.missing(&[username])),
        (None, None) => Err(settings.missing(&[username, password])),
    }
}

/// Where a secret comes from, and who else may read that file.
fn secret(settings: &Settings, part: AccountPart) -> Result<Finding> {
    // What cannot be read is told of first.
    settings.secret(part)?;
    let path = match settings.find_part(part)? {
        None => return Err(settings.missing(&[part])),
        Some((SecretPlace::Here(_), _)) => return Ok(Finding::of("ok.secret.set", &[&part])),
        Some((SecretPlace::File(path), _)) => path,
    };
    let shown = path.display();
    Ok(match mode_of(&path) {
        Some(mode) if mode & 0o044 != 0 => {
            Finding::of("warning.secret.open", &[&part, &shown, &quoted_path(&path)])
        }
        Some(_) => Finding::of("ok.secret.read", &[&part, &shown]),
        None => Finding::of("unknown.secret", &[&part, &shown]),
    })
}

/// Notes that the ledger is sound, or not there yet; and whose it is.
fn note_ledger(
    path: &Path,
    settings: &Settings,
    wanted: Option<&Binding>,
    chart: &mut Chart,
) -> Result<()> {
    refuse_loss(path, None, &settings.again(false))?;
    let shown = path.display();
    let Some(reader) = Reader::open(path)? else {
        chart.note("ledger", Ok(Finding::of("ok.ledger.none", &[&shown])));
        return Ok(());
    };
    let (fault, bytes) = reader.health()?;
    if let Some(fault) = fault {
        return Err(Error::of("ledger_damaged", &[&shown, &fault]));
    }
    let sound = Finding::of("ok.ledger.sound", &[&shown, &HumanBytes(bytes)]);
    chart.note("ledger", Ok(sound));
    let of = &reader.binding;
    let bound = wanted.map_or(Ok(()), |wanted| reader.require(wanted));
    let whose = |()| Finding::of("ok.ledger.bound", &[&of.tenancy_name, &of.base_url]);
    chart.note("binding", bound.map(whose));
    Ok(())
}

/// Who may open the ledger, where it lies, and whether it has room.
fn look_at_place(at: &FileSystemCheck, chart: &mut Chart) {
    let permissions = match at.open_to_others.as_deref() {
        None => Finding::of("unknown.permissions", &[]),
        Some([]) => Finding::of("ok.permissions", &[]),
        Some(files @ [file, ..]) => {
            let names = files.iter().map(|file| quoted_path(file));
            let names = names.collect::<Vec<_>>().join(" ");
            Finding::of("warning.permissions.open", &[&file.display(), &names])
        }
    };
    chart.note("permissions", Ok(Some(permissions).filter(|_| at.exists)));
    let place = match &at.hazard {
        _ if !at.is_writable => Err(Error::of("ledger_folder_not_writable", &[])),
        Some(lies) => Ok(Finding::of("warning.place", &[lies])),
        None => Ok(Finding::of("ok.place.local", &[])),
    };
    chart.note("place", place);
    let space = match at.free_bytes.map(HumanBytes) {
        None => Finding::of("unknown.space", &[]),
        Some(left) if left.0 < LITTLE_SPACE_BYTES => Finding::of("warning.space.little", &[&left]),
        Some(left) => Finding::of("ok.space.left", &[&left]),
    };
    chart.note("space", Ok(space));
}

/// Whether the team's register can be used, and whether its clock and ours agree.
async fn register(settings: &Settings, wanted: Option<&Binding>) -> Result<Option<Finding>> {
    let team = settings.team(Duration::ZERO)?;
    let (Some((place, _)), Some(wanted)) = (team, wanted) else {
        return Ok(None);
    };
    let (overview, at) = Register::look(&place, wanted).await?;
    if !overview["missing"].is_null() {
        return Err(Error::of("register_restored", &[]));
    }
    let apart = clock::now().ms_since(at).abs();
    if apart <= SKEW_MS {
        let name = overview["register"].as_str().unwrap_or_default();
        return Ok(Some(Finding::of("ok.register", &[&name])));
    }
    Ok(Some(Finding::of("warning.register", &[&(apart / 1000)])))
}

/// A real login, the two clocks against each other, and whether contract types may be seen.
async fn ask_vlens(api: Api, settings: &Settings, chart: &mut Chart) {
    let login = {
        let mut login = Box::pin(api.log_in());
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
            let clock = server_date.map(|date| clocks(date, clock::now()));
            chart.note("clock", Ok(clock));
            chart.note("login", Ok(Finding::of("ok.login.accepted", &[])));
            chart.note("contract_types", Ok(contract_types(&api, settings).await));
        }
        Err(error) => chart.note("login", Result::<Finding>::Err(error)),
    }
    if let Err(error) = api.close().await {
        chart.note("ledger", Result::<Finding>::Err(error));
    }
}

fn clocks(server: Timestamp, here: Timestamp) -> Finding {
    let skew_ms = here.ms_since(server);
    if skew_ms.abs() <= SKEW_MS {
        return Finding::of("ok.clock", &[]);
    }
    let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
    Finding::of("warning.clock", &[&(skew_ms.abs() / 1000), &direction])
}

/// Sending does not need them, so that they may not be seen is no failure.
async fn contract_types(api: &Api, settings: &Settings) -> Finding {
    let entries = match api.contract_types().await {
        Ok(entries) => entries,
        Err(error) => {
            let (kind, code) = (Kind::NeedsPerson, "warning");
            return Finding {
                kind,
                code,
                ..error
            };
        }
    };
    let is_listed = |id: &ContractTypeId| entries.iter().any(|(listed, _)| listed == id);
    let mut unknown = settings.config.contract_types();
    unknown.retain(|id| !is_listed(id));
    let unknown: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    if unknown.is_empty() {
        return Finding::of("ok.contract_types.seen", &[&entries.len()]);
    }
    Finding::of("warning.contract_types.unlisted", &[&unknown.join(", ")])
}
