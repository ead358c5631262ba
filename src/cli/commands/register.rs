//! `register`: the memory and the rate that several computers share; how whoever sends joins the team, and `settle`, of which it hears
//! before the ledger does; and the way to Vlens for calls that belong to no run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Opened, is_rehearsal, open_ledger};
use crate::cli::args::{RegisterAction, RegisterArgs, SendArgs, SettleArgs, SettledAs};
use crate::cli::credentials::{AccountPart, Destination, REGISTER_KEY_FILE, named_by, read_secret};
use crate::cli::settings::Settings;
use crate::cli::system::{host_name, user_name, watch_signals};
use crate::clock;
use crate::error::{Ended, Error, Result, command};
use crate::ledger::{Event, Ledger, Reader, Writer};
use crate::model::{Binding, CustomerKey, ResultRow, RowNumber, RunId, Status};
use crate::register::{Claim, Party, Register, RegisterAddress, TeamKey};
use crate::report::texts;
use crate::send::{Api, Limiter, Limits, StopSignal};

/// How long a register that is out of reach is waited for, unless somebody waits for as long as it takes.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAGE: usize = 5000;

/// Joins the team, if there is one: tells its register what it has not heard from this ledger yet.
pub async fn join(
    settings: &Settings,
    binding: &Binding,
    ledger: Option<&mut Ledger>,
    patience: Duration,
) -> Result<Option<Arc<Register>>> {
    let reader = ledger.as_deref().map(|ledger| &**ledger);
    let Some((place, key)) = team(settings, reader, patience)? else {
        return Ok(None);
    };
    let party = party(settings, binding, ledger.as_deref(), key)?;
    let register = Register::connect(&place, party, false).await?;
    if let Some(ledger) = ledger {
        ledger.join()?;
        tell(&register, ledger).await?;
        if !register.knows_this_ledger() {
            remember(&register, ledger, None).await?;
            register.remembered(false).await?;
            ledger.all_told()?;
        }
    }
    Ok(Some(Arc::new(register)))
}

/// The team's register and its key, if there is one.
pub fn team(
    settings: &Settings,
    ledger: Option<&Reader>,
    patience: Duration,
) -> Result<Option<(RegisterAddress, TeamKey)>> {
    match (settings.team(patience)?, ledger) {
        (Some((place, key_file)), _) => Ok(Some((place, key(key_file)?))),
        // Never alone without a word: what this ledger claims, the others would not hear of.
        (None, Some(ledger)) if ledger.has_joined()? => {
            Err(Error::of("register_not_set.left", &[]))
        }
        _ => Ok(None),
    }
}

fn key(file: Option<PathBuf>) -> Result<TeamKey> {
    let file = file.ok_or_else(|| Error::of("register_not_set.key", &[]))?;
    let text = read_secret(&file, &named_by(&file, REGISTER_KEY_FILE))?;
    TeamKey::read(&file, &text)
}

fn party(
    settings: &Settings,
    binding: &Binding,
    ledger: Option<&Ledger>,
    key: TeamKey,
) -> Result<Party> {
    let newest = match ledger {
        Some(ledger) if ledger.has_joined()? => {
            Some(ledger.newest_told()?.map_or_else(Vec::new, Vec::from))
        }
        _ => None,
    };
    Ok(Party {
        binding: binding.clone(),
        ledger: ledger.map_or_else(Vec::new, |ledger| ledger.register_name().to_vec()),
        newest,
        host: host_name(),
        os_user: user_name(),
        key,
        timeout: settings.sending(&SendArgs::default()).timeout,
    })
}

/// What became of requests, as far as the register has not heard of it: their process was killed, or the way was cut.
async fn tell(register: &Register, ledger: &mut Ledger) -> Result<()> {
    let untold = ledger.untold()?;
    for (id, event, status) in &untold {
        register.close_attempt(*id, event, *status, None).await?;
        ledger.write(|ledger| ledger.note_told(*id))?;
    }
    Ok(())
}

/// Gives the register all that this ledger knows. Returns of how many customers it knew less. Or, as a run begins and ends, by what other
/// columns its customers are known, and what else sheets have said of those who were or may be created: by an address that was added, a
/// colleague may know one.
pub async fn remember(register: &Register, ledger: &Ledger, run: Option<RunId>) -> Result<u64> {
    let mut after = CustomerKey::default();
    loop {
        let page = ledger.known_otherwise(after, PAGE, run)?;
        let Some(&(last, ..)) = page.last() else {
            break;
        };
        let known = page.into_iter().map(|(_, customer, key)| (customer, key));
        register.also_known(&known.collect::<Vec<_>>()).await?;
        after = last;
    }
    let (mut after, mut changed) = (0, 0);
    loop {
        let page = ledger.known_customers(after, PAGE, run.is_none())?;
        let (ids, known): (Vec<_>, Vec<_>) = page.into_iter().unzip();
        let Some(&last) = ids.last() else {
            return Ok(changed);
        };
        changed += register.remember(&known).await?;
        after = last;
    }
}

/// Has the register know what sheets have said, and what it says now hold for a run's rows that are held; whom it lets anybody send
/// is due.
pub async fn ask_again(register: &Register, ledger: &Ledger, run: RunId) -> Result<()> {
    remember(register, ledger, Some(run)).await?;
    for page in ledger.held_customers(run, None)?.chunks(PAGE) {
        let customers: Vec<CustomerKey> = page.iter().map(|held| held.2).collect();
        let claims = register.settle(&customers, None).await?;
        let now = clock::moment();
        ledger.write(|ledger| {
            claims.iter().try_for_each(|(at, claim)| {
                let (_, id, _, was) = page[*at];
                match claim.told() {
                    Some((Status::Pending | Status::Failed, _)) => ledger.free(id),
                    Some((status, words)) if status != was => {
                        ledger.note_elsewhere(id, status, &words, claim.request, &now)
                    }
                    // As it was, or on its way.
                    _ => Ok(()),
                }
            })
        })?;
    }
    Ok(())
}

/// A person says what became of uncertain rows. Nothing is sent.
pub async fn settle(args: &SettleArgs, settings: &Settings) -> Ended {
    let opened = Opened::find(settings, false)?;
    opened.memory.clone()?;
    let run = opened.run(args.run)?;
    let further = opened.further(run)?;
    let wait = args.wait.then(StopSignal::default);
    let mut ledger = open_ledger(&opened.path, settings, "settle", wait.as_ref(), None)?;
    let rows: BTreeSet<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let fits = |row: &ResultRow| row.status == Status::Uncertain;
    let refuse_unfit = || opened.refuse_unfit_rows(run, &rows, fits, "row_not_uncertain");
    refuse_unfit()?;
    let named = (!args.all).then_some(&rows);
    let (event, status, word) = match args.what {
        SettledAs::Created => (Event::SettledCreated, Status::Created, "created"),
        SettledAs::NotCreated => (Event::SettledNotCreated, Status::Pending, "not-created"),
    };
    if !is_rehearsal(&opened.reader) {
        settle_for_team(settings, &mut ledger, run, named, status, refuse_unfit).await?;
    }
    let settled = ledger.settle(run, event, named, &clock::moment())?;
    ledger.finish(None)?;
    if status == Status::Created && settled > 0 {
        settings.output.say(
            "A row settled as created leaves its customer without a link: that was in the lost answer, and nothing gives it back."
        );
    }
    let document = json!({ "run": run, "settled": settled, "as": word });
    let resume = format!("resume {run}");
    let resume =
        (settled > 0 && status == Status::Pending).then(|| command(&resume, &further.sending));
    let more = json!({ "word": word, "resume": resume });
    settings.output.show(&document, texts::SETTLED, more)
}

/// Has the register take down what a person says of uncertain rows, before the ledger does.
async fn settle_for_team(
    settings: &Settings,
    ledger: &mut Ledger,
    run: RunId,
    rows: Option<&BTreeSet<RowNumber>>,
    status: Status,
    refuse_unfit: impl Fn() -> Result<()>,
) -> Result<()> {
    let binding = ledger.binding.clone();
    let Some(register) = join(settings, &binding, Some(ledger), PATIENCE).await? else {
        return Ok(());
    };
    ask_again(&register, ledger, run).await?;
    refuse_unfit()?;
    let mut uncertain = ledger.held_customers(run, rows)?;
    uncertain.retain(|held| held.3 == Status::Uncertain);
    let customers: Vec<CustomerKey> = uncertain.iter().map(|held| held.2).collect();
    let refused = register.settle(&customers, Some(status)).await?;
    let Some((first, claim)) = refused.first() else {
        return Ok(());
    };
    let row = uncertain[*first].0;
    let others = match refused.len() - 1 {
        0 => String::new(),
        n => format!(" The same holds for {n} more."),
    };
    let (name, stands) = match claim.status {
        None => ("row_not_uncertain.under_way", "on its way"),
        Some(status) => ("row_not_uncertain.known", status.into()),
    };
    let Claim { by, at, .. } = claim;
    Err(Error::of(name, &[&row, &run, &stands, by, at, &others]))
}

pub async fn register(args: &RegisterArgs, settings: &Settings) -> Ended {
    let Some((place, key_file)) = settings.team(Duration::ZERO)? else {
        return Err(Error::of("register_not_set.url", &[]));
    };
    let tenancy_name = settings.tenancy_name()?;
    let base_url = settings.base_url(args.allow_insecure_http)?;
    let binding = Binding {
        base_url: base_url.as_str().to_owned(),
        tenancy_name: tenancy_name.ok_or_else(|| settings.missing(&[AccountPart::Tenant]))?,
    };
    match &args.action {
        RegisterAction::Init { new_key } => {
            let key = match (new_key, key_file) {
                // One that is there is an earlier try's, which did not reach the register.
                (Some(path), _) if path.exists() => key(Some(path.clone()))?,
                (Some(path), _) => TeamKey::make(path)?,
                (None, file) => key(file)?,
            };
            init(settings, &place, &binding, key).await
        }
        RegisterAction::Status => {
            let (overview, _) = Register::look(&place, &binding).await?;
            let output = settings.output;
            output.show(&overview, texts::REGISTER, Value::Null)
        }
        RegisterAction::Rebuild { without_the_others } => {
            let path = settings.ledger(false)?;
            // None is made: what nobody sent with tells the register nothing.
            Opened::at(settings, path.clone())?;
            let command = "register rebuild";
            let mut ledger = open_ledger(&path, settings, command, None, Some(&binding))?;
            let party = party(settings, &binding, Some(&ledger), key(key_file)?)?;
            let register = Register::connect(&place, party, true).await?;
            let rebuilt = async {
                tell(&register, &mut ledger).await?;
                let given = remember(&register, &ledger, None).await?;
                let (missing, ready) = register.remembered(*without_the_others).await?;
                ledger.all_told()?;
                Ok::<_, Error>((given, missing, ready))
            };
            let rebuilt = rebuilt.await;
            ledger.finish(None)?;
            let (given, missing, ready) = rebuilt?;
            let ledger = path.display().to_string();
            let rebuilt =
                json!({ "given": given, "missing": missing, "ready": ready, "ledger": ledger });
            let here = json!({ "here": format!("{} at {}", user_name(), host_name()) });
            settings.output.show(&rebuilt, texts::REBUILT, here)
        }
    }
}

async fn init(
    settings: &Settings,
    place: &RegisterAddress,
    binding: &Binding,
    key: TeamKey,
) -> Ended {
    let limits = settings.sending(&SendArgs::default()).limits;
    let limits = [limits.per_second, limits.per_minute].map(|limit| limit.map(Into::into));
    let party = party(settings, binding, None, key)?;
    let document = json!({
        "made": Register::init(place, &party, limits).await?,
        "base_url": binding.base_url,
        "tenancy_name": binding.tenancy_name,
        "per_second": limits[0],
        "per_minute": limits[1],
    });
    let output = settings.output;
    output.show(&document, texts::REGISTER_MADE, Value::Null)
}

/// Calls that belong to no run, noted in the ledger where there is one for this address and tenant.
pub async fn open_api(
    settings: &Settings,
    target: Destination,
    command: &'static str,
    wait: bool,
) -> Result<Api> {
    let sending = settings.sending(&SendArgs::default());
    let path = settings.ledger(false)?;
    let stop = watch_signals(settings.output, Some(sending.timeout));
    let binding = &target.binding;
    let mut ledger = None;
    if Reader::open(&path)?.is_some_and(|reader| reader.binding == *binding) {
        let wait = wait.then_some(&*stop);
        ledger = Some(open_ledger(&path, settings, command, wait, Some(binding))?);
    }
    let limiter = limiter(ledger.as_ref(), sending.limits)?;
    let joining = join(settings, binding, ledger.as_mut(), PATIENCE);
    let joined = stop.or_stop(joining).await;
    let register = joined.map_err(|_| Error::of("interrupted", &[]))??;
    let ledger = ledger.map(Writer::start).transpose()?;
    let (client, login) = (target.client, target.credentials);
    Ok(Api::new(client, login, limiter, ledger, register, stop))
}

/// The limiter, with what this and other processes have sent in the last minute, and the pause that Vlens asked them for. A request
/// that nobody saw answered counts as answered just now.
pub fn limiter(ledger: Option<&Ledger>, limits: Limits) -> Result<Limiter> {
    /// A little more than the longest window of the limits.
    const RECENT_MS: i64 = 61_000;
    let mut limiter = Limiter::new(limits);
    let Some(ledger) = ledger else {
        return Ok(limiter);
    };
    let most = limits.per_minute.or(limits.per_second);
    let most = most.map_or(0, |n| n.get() as usize).saturating_mul(2);
    let newest_first = ledger.recent_answers(RECENT_MS, most, &clock::moment())?;
    for ago_ms in newest_first.into_iter().rev() {
        limiter.seed(clock::steady().saturating_sub(Duration::from_millis(ago_ms)));
    }
    limiter.pause(clock::steady(), ledger.pause_left(&clock::moment())?);
    Ok(limiter)
}
