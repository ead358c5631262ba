//! `run`, `resume` and `retry`: three ways to make rows due, and one way to send them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::check::{HeldBack, dry_run, held_back, input, open_sheet};
use super::ledger::{Opened, ended_as, lock, prepare_place, worker};
use super::register::{self, PATIENCE, limiter};
use super::results::Results;
use crate::cli::args::{RetryArgs, RunArgs, SendArgs};
use crate::cli::credentials::Destination;
use crate::cli::output::{self, is_confirmed};
use crate::cli::settings::{Pace, Settings};
use crate::cli::system::{caught, watch_signals};
use crate::cli::watch::{Metrics, Notice, Watch};
use crate::clock;
use crate::error::{Ended, Error, Kind, Result, command};
use crate::failpoint;
use crate::input::Input;
use crate::ledger::{Event, Ledger, Named, OnLoss, Reader, SheetIdentity, Writer};
use crate::mapping::is_invitation;
use crate::model::{ResultRow, RowNumber, RunId, RunSummary, Status, Stop, printable_json};
use crate::register::Register;
use crate::report::{reason, rendered, texts};
use crate::send::{Api, SendEvent, Sheet, StopReason, StopSignal, Wanted, Wishes, import, send};

/// Validates, records every row in the ledger, sends what is due.
pub async fn run(args: &RunArgs, settings: &Settings) -> Ended {
    let flow = Flow::new(settings, &args.send, "run", None)?;
    let (input, mut sheet, target) = flow.open(args).await?;
    if args.dry_run {
        let on_loss = flow.on_loss(args, &sheet.identity(input.fingerprint()?));
        let wishes = (flow.sending.wishes, on_loss);
        return dry_run(args, settings, wishes, &flow.stop, &mut sheet, &target);
    }
    flow.tell(flow.send_sheet(args, &input, sheet, target).await)
}

/// How a run stands, and why it did not end well.
type Ran = Result<(RunSummary, Option<Error>)>;

/// The same without a word on stdout; the results are written as the run goes on.
pub async fn send_file(
    args: &RunArgs,
    settings: &Settings,
    results: &RefCell<Results>,
    above: &Arc<StopSignal>,
) -> Ran {
    let mut flow = Flow::new(settings, &args.send, "inbox", Some(above))?;
    flow.results = Some(results);
    let (input, sheet, target) = flow.open(args).await?;
    flow.send_sheet(args, &input, sheet, target).await
}

/// Makes the ledger that a file would be recorded in, if it is not there. Refuses what every `run` would.
pub async fn make_ledger(
    args: &SendArgs,
    settings: &Settings,
    above: &Arc<StopSignal>,
) -> Result<()> {
    let flow = Flow::new(settings, args, "inbox", Some(above))?;
    let target = flow.target(settings.needs_login()).await?;
    let ledger = flow.ledger(&target, None, Some(OnLoss::Refuse))?;
    ledger.finish(None)
}

/// Goes on with what is due from the ledger alone; the source file may be gone.
pub async fn resume(run: Option<RunId>, args: &SendArgs, settings: &Settings) -> Ended {
    let (flow, begun) = go_on(run, args, settings, "resume").await?;
    flow.tell(flow.deliver(begun).await)
}

/// Makes rows due again because a person says so, and sends them.
pub async fn retry(args: &RetryArgs, settings: &Settings) -> Ended {
    let (flow, mut begun) = go_on(args.run, &args.send, settings, "retry").await?;
    let rows: BTreeSet<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let kinds = [
        (args.rejected, Status::Rejected),
        (args.failed, Status::Failed),
        (args.uncertain, Status::Uncertain),
    ];
    let is_any_named = kinds.iter().any(|(is_named, _)| *is_named);
    let meant = kinds.iter().filter(|kind| kind.0 || !is_any_named);
    // A created row is not invited a second time by naming it; an invalid one and a duplicate have nothing to send. One that merely
    // waits goes out as well where it is named alone.
    let waiting = (!is_any_named).then_some(Status::Pending);
    let statuses: Vec<Status> = meant.map(|kind| kind.1).chain(waiting).collect();
    let fits = |row: &ResultRow| statuses.contains(&row.status) && !row.is_purged();
    flow.opened()?
        .refuse_unfit_rows(begun.run, &rows, fits, "row_not_retryable")?;
    begun.wanted = Wanted::Again(statuses, Some(rows).filter(|rows| !rows.is_empty()));
    flow.tell(flow.deliver(begun).await)
}

/// Finds the run of an earlier command, and opens its ledger for writing.
async fn go_on<'s>(
    named: Option<RunId>,
    args: &'s SendArgs,
    settings: &'s Settings,
    command: &'static str,
) -> Result<(Flow<'s>, Begun)> {
    let opened = Opened::find(settings, args.sandbox)?;
    opened.memory.clone()?;
    let run = opened.run(named)?;
    // Which call a body is for can be seen from it; the config may have changed since, or be gone.
    let needs_login = match opened.reader.first_body(run, RowNumber(0))? {
        Some(body) => is_invitation(&body),
        None => settings.needs_login(),
    };
    drop(opened);
    let flow = Flow::new(settings, args, command, None)?;
    let target = flow.target(needs_login).await?;
    let ledger = flow.ledger(&target, None, None)?;
    let begun = flow.begin(ledger, run, target).await?;
    Ok((flow, begun))
}

/// A run whose due rows can be sent.
struct Begun {
    ledger: Ledger,
    /// The team's, if there is one; or why nothing can be sent.
    register: Result<Option<Arc<Register>>>,
    run: RunId,
    wanted: Wanted,
    /// Why nothing of it is sent, if that is so before anybody is asked.
    held: Option<HeldBack>,
    /// Whoever is asked is shown the first request.
    shows_first: bool,
    target: Destination,
}

/// What the three commands have in common.
struct Flow<'s> {
    settings: &'s Settings,
    sending: Pace,
    args: &'s SendArgs,
    /// For the ledger's record of processes.
    command: &'static str,
    /// The ledger.
    path: PathBuf,
    stop: Arc<StopSignal>,
    /// Where the results are for a file of their own, and not for stdout.
    results: Option<&'s RefCell<Results>>,
}

impl<'s> Flow<'s> {
    /// Begins to watch for signals, unless somebody `above` does, who is stopped by them.
    fn new(
        settings: &'s Settings,
        args: &'s SendArgs,
        command: &'static str,
        above: Option<&Arc<StopSignal>>,
    ) -> Result<Self> {
        let sending = settings.sending(args);
        let watch = || watch_signals(settings.output, Some(sending.timeout));
        Ok(Flow {
            settings,
            args,
            command,
            path: settings.ledger(args.sandbox)?,
            stop: above.map_or_else(watch, StopSignal::below),
            sending,
            results: None,
        })
    }

    async fn open(&self, args: &RunArgs) -> Result<(Input, Sheet, Destination)> {
        // Whoever pipes a sheet in may never end it.
        let file = args.file.clone();
        let read = tokio::task::spawn_blocking(move || input(&file));
        let Ok(read) = self.stop.or_stop(read).await else {
            return Err(Error::of("interrupted.import", &[]));
        };
        let input = read.map_err(|_| Error::of("internal_error", &[]))??;
        let sheet = open_sheet(&input, self.settings, &args.read)?;
        let notes = sheet.source.notes.iter().chain(&sheet.mapping.notes);
        self.settings.output.warn_of_doubts(notes);
        let target = self.target(self.settings.needs_login()).await?;
        Ok((input, sheet, target))
    }

    async fn target(&self, needs_login: bool) -> Result<Destination> {
        if self.args.sandbox {
            return Destination::sandbox(&self.sending).await;
        }
        let insecure = self.args.allow_insecure_http;
        Destination::of(self.settings, &self.sending, insecure, needs_login)
    }

    /// Opens the ledger for writing, and makes it where it may be `on_loss`.
    fn ledger(
        &self,
        target: &Destination,
        run: Option<&RunArgs>,
        on_loss: Option<OnLoss>,
    ) -> Result<Ledger> {
        prepare_place(&self.path, self.settings, self.args.sandbox)?;
        let wait = self.args.wait.then_some(&*self.stop);
        let lock = lock(&self.path, self.settings, wait)?;
        let (settings, is_sandbox) = (self.settings, self.args.sandbox);
        let again = run.map(|run| settings.on(is_sandbox, &run.file, &run.read).run());
        let again = again.unwrap_or_else(|| settings.again(is_sandbox));
        let worker = worker(self.command, again);
        Ledger::open(lock, Some(&target.binding), &worker, on_loss)
    }

    /// What a person says of a lost time; none for a sheet that is recorded, which brings nobody.
    fn on_loss(&self, args: &RunArgs, sheet: &SheetIdentity) -> Option<OnLoss> {
        match args.assume_sent {
            Some(number) => Some(OnLoss::AssumeSent(number)),
            None if args.new_ledger => Some(OnLoss::NewLedger),
            None => {
                let reader = Reader::open(&self.path).ok().flatten();
                let known = reader.and_then(|reader| reader.known_sheet(sheet).ok()?);
                known.is_none().then_some(OnLoss::Refuse)
            }
        }
    }

    /// The ledger as it is read beside the writing.
    fn opened(&self) -> Result<Opened<'s>> {
        Opened::at(self.settings, self.path.clone())
    }

    /// Joins the team. A register that is away, or not to be trusted, keeps rows from being sent but not from being recorded.
    async fn begin(&self, mut ledger: Ledger, run: RunId, target: Destination) -> Result<Begun> {
        let waits = self.args.wait;
        let patience = if waits { Duration::MAX } else { PATIENCE };
        let binding = &target.binding;
        if let Some(path) = &self.args.metrics_file {
            // Whoever is killed before he sends leaves a trace too.
            Metrics::open(path, Some(&binding.tenancy_name)).write(None, None);
        }
        let mut register = Ok(None);
        if !self.args.sandbox {
            let joining = register::join(self.settings, binding, Some(&mut ledger), patience);
            let joined = self.stop.or_stop(joining).await;
            register = joined.map_err(|_| Error::of("interrupted.unsent", &[]))?;
        }
        match register {
            Err(error) if !matches!(error.kind, Kind::Stopped | Kind::Refused) => Err(error),
            register => Ok(Begun {
                ledger,
                register,
                run,
                wanted: Wanted::Due(self.sending.wishes),
                held: None,
                shows_first: false,
                target,
            }),
        }
    }

    /// Records every row and sends what is due.
    async fn send_sheet(
        &self,
        args: &RunArgs,
        input: &Input,
        mut sheet: Sheet,
        target: Destination,
    ) -> Ran {
        let identity = sheet.identity(input.fingerprint()?);
        let on_loss = self.on_loss(args, &identity);
        let ledger = self.ledger(&target, Some(args), on_loss)?;
        // Numbered below.
        let mut begun = self.begin(ledger, RunId(0), target).await?;
        let (ledger, now) = (&mut begun.ledger, clock::moment());
        let typed = self.settings.typed(&args.file, &args.read);
        let named = Named {
            source: args.file.display().to_string(),
            typed: serde_json::to_string(&typed).unwrap_or_default(),
        };
        let run = import(ledger, &mut sheet, &identity, &named, &now, &self.stop)?;
        begun.run = run;
        if let Some(results) = self.results {
            results.borrow().keep_replaced(&self.opened()?, run)?;
        }
        for note in sheet.notes_on_rows() {
            self.settings.output.tell_note(&note);
        }
        begun.wanted = Wanted::OfFile(match args.assume_sent {
            None | Some(0) => self.sending.wishes,
            // Whoever may have been invited in a lost time is held, whatever is wished of others.
            Some(_) => Wishes::default(),
        });
        begun.shows_first = sheet.mapping.sends_undeclared_keys;
        drop(sheet);
        begun.held = held_back(args, &self.opened()?.summary(run)?);
        self.deliver(begun).await
    }

    /// Sends what is due, and ends: only once the result is printed is it known how. Then the metrics are
    /// final, the address of the team's own is told, unless a signal ends that, and the run's own line is the last.
    async fn deliver(&self, begun: Begun) -> Ran {
        let notice = Notice::begin(self.settings)?;
        let worked = self.work(begun).await;
        let ran = worked.and_then(|(summary, watch)| {
            let printed = match self.results {
                None => self.opened()?.show(&summary),
                Some(_) => Ok(()),
            };
            // A result that nobody gets is graver than whatever it says.
            let ended = printed.err().or_else(|| ended_as(&summary));
            Ok((summary, ended, watch))
        });
        if let Ok((summary, ended, watch)) = &ran {
            let exit_code = ended.as_ref().map_or(0, |error| error.kind.exit_code());
            // Whoever is killed while he tells of it has ended.
            watch.write_metrics(summary, Some(exit_code));
        }
        if let Some(notice) = notice {
            notice.end(&ran, &self.stop).await;
        }
        let (summary, ended, watch) = ran?;
        watch.end(&summary, ended.as_ref());
        Ok((summary, ended))
    }

    /// Asks where a person must be asked, sends what is due unless something holds it back, and sums up.
    async fn work(&self, mut begun: Begun) -> Result<(RunSummary, Arc<Watch>)> {
        let (run, held) = (begun.run, begun.held.take());
        let is_retry = matches!(begun.wanted, Wanted::Again(..));
        begun.ledger.go_on_with(run)?;
        if let (None, false, Ok(Some(register))) = (&held, is_retry, &begun.register) {
            let asked = register::ask_again(register, &begun.ledger, run);
            if let Ok(Err(error)) = self.stop.or_stop(asked).await {
                begun.register = Err(error);
            }
        }
        let mut planned = begun.wanted.planned(&begun.ledger, run)?;
        let begins = self.opened()?.summary(run)?;
        let due = planned.due(begins.counts.pending);
        // As far as `--limit` goes.
        let due = self.args.limit.map_or(due, |limit| due.min(limit));
        if begun.shows_first && held.is_none() && self.asks() {
            let first = planned.rows().next();
            self.show_first(run, first.unwrap_or(RowNumber(u32::MAX)))?;
        }
        let only = planned.only.take();
        let (due, held) = match held {
            None if self.may_send(due, &begun.target) => {
                let word = is_retry.then_some(Event::Retried);
                let now = clock::moment();
                begun.ledger.carry_out(run, planned, word, &now)?;
                failpoint::pass("after_let_go");
                (due, None)
            }
            held => (0, held.or(Some((Stop::Declined, None)))),
        };
        // The first of a minute go as fast as a second allows: on average it is less.
        let rows = u32::try_from(due).unwrap_or(u32::MAX).max(1);
        let per_row = self.sending.limits.least_time(u64::from(rows)) / rows;
        let metrics = self.args.metrics_file.as_deref();
        let output = self.settings.output;
        let watch = Watch::begin(output, &begins, due, per_row, metrics);
        let watch = Arc::new(watch);
        let (events, seen) = mpsc::channel();
        let wait = begun.ledger.pause_left(&clock::moment())?;
        if due > 0 && !wait.is_zero() {
            let _ = events.send(SendEvent::Paused { wait });
        }
        let (mut ledger, stopped, why) = match held {
            Some((stop, why)) => (begun.ledger, Some(stop), why),
            None => self.send(begun, only, &watch, (events, seen)).await?,
        };
        let reason = stopped.map(|stop| reason(stop, why.as_deref()));
        ledger.finish_run(run, stopped, reason.as_deref(), &clock::moment())?;
        let summary = self.opened()?.summary(run)?;
        drop(ledger);
        Ok((summary, watch))
    }

    async fn send(
        &self,
        begun: Begun,
        only: Option<BTreeSet<RowNumber>>,
        watch: &Arc<Watch>,
        (events, seen): (Sender<SendEvent>, Receiver<SendEvent>),
    ) -> Result<(Ledger, Option<Stop>, Option<String>)> {
        let run = begun.run;
        let register = begun.register.unwrap_or_else(|error| {
            self.stop.stop(StopReason::register(error));
            None
        });
        let limiter = limiter(Some(&begun.ledger), self.sending.limits)?;
        let writer = Writer::start(begun.ledger)?;
        let (target, stop) = (begun.target, Arc::clone(&self.stop));
        let (client, login) = (target.client, target.credentials);
        let ledger = Some(writer.clone());
        let api = Api::new(client, login, limiter, ledger, register.clone(), stop);
        // On a thread of its own: a terminal that is frozen must hold up no request, nor make its answer come too late.
        let seeing = Arc::clone(watch);
        let seeing = thread::spawn(move || seeing.see(seen));
        let options = self.sending.options;
        let limit_reached = tokio::select! {
            sent = send(run, only, options, api, events) => sent,
            never = self.keep_told(run, watch) => match never {},
        };
        let _ = seeing.join();
        let ledger = writer.stop().await;
        let reason = self.stop.why();
        if let Some(StopReason { stop: None, error }) = reason {
            return Err(error.unwrap_or_else(|| Error::of("internal_error", &[])));
        }
        let ledger = ledger?;
        if let Some(register) = register {
            let told = register::remember(&register, &ledger, Some(run));
            let _ = self.stop.or_stop(told).await;
        }
        let is_done = self.opened()?.summary(run)?.counts.pending == 0;
        let stopped = StopReason::of_run(reason.as_ref(), is_done, limit_reached);
        let why = reason.as_ref().and_then(StopReason::said);
        Ok((ledger, stopped, why))
    }

    /// Writes metrics, and less often the results, while rows are sent or nothing happens for an hour; requests are other threads' work.
    async fn keep_told(&self, run: RunId, watch: &Watch) -> Infallible {
        const METRICS_EVERY: Duration = Duration::from_secs(5);
        /// In turns of the metrics'.
        const RESULTS_EVERY: u64 = 6;
        let mut turn = 0;
        loop {
            tokio::time::sleep(METRICS_EVERY).await;
            turn += 1;
            let write = || {
                let opened = self.opened()?;
                if self.args.metrics_file.is_some() {
                    watch.write_metrics(&opened.summary(run)?, None);
                }
                if let Some(results) = self.results.filter(|_| turn % RESULTS_EVERY == 0) {
                    results.borrow_mut().write(&opened, run)?;
                }
                Ok(())
            };
            // The last time counts; what is in the way now may be gone by then.
            caught(write).unwrap_or_else(|error| log::warn!("{error}"));
        }
    }

    /// Tells whoever has to act, unless the run's own line did.
    fn tell(&self, ran: Ran) -> Ended {
        let (summary, ended) = ran?;
        let output = self.settings.output;
        match ended {
            None => Ok(Kind::Nobody),
            Some(error) if output.logs_ends() => Ok(error.kind),
            // Whoever gets this by mail did not see the summary.
            Some(error) if output.quiet => {
                let further = self.opened()?.further(summary.run)?;
                let status = command(&format!("status {}", summary.run), &further.reading);
                let hint = Some(format!("See what to do: {status}"));
                Err(Error { hint, ..error })
            }
            Some(error) => Err(error),
        }
    }

    /// Whether a person sits there who is asked before anything is sent.
    fn asks(&self) -> bool {
        !self.args.yes && !self.args.sandbox && self.settings.output.can_ask()
    }

    /// Shows the first request as it would be sent, whose keys are headers that no form and no mapping declares.
    fn show_first(&self, run: RunId, planned: RowNumber) -> Result<()> {
        if let Some(body) = self.opened()?.reader.first_body(run, planned)? {
            let body = printable_json(&body);
            // To the person who is asked, never as an event of the log.
            output::write_line(&format!(
                "The headers of this sheet are the keys of the form's fields, as nothing says otherwise. The first request:\n{body}"
            ));
        }
        Ok(())
    }

    fn may_send(&self, due: u64, target: &Destination) -> bool {
        let question = json!({
            "invitations": due,
            "base_url": target.binding.base_url,
            "tenancy_name": target.binding.tenancy_name,
            "seconds": self.sending.limits.least_time(due).as_secs_f64(),
        });
        due == 0 || !self.asks() || is_confirmed(&rendered(texts::QUESTION, &question))
    }
}
