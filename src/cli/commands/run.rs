//! `run`, `resume` and `retry`: three ways to make rows due, and one way to send them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::check::{input, open_sheet};
use super::decisions::{Unfit, is_confirmed, refuse_unfit_rows};
use super::dry_run::{Held, dry_run, held_back};
use super::register::{self, PATIENCE};
use super::world::{self, Opened, Target, ended_as};
use crate::cli::args::{Global, ResumeArgs, RetryArgs, RunArgs, SendArgs};
use crate::cli::log;
use crate::cli::metrics::Metrics;
use crate::cli::output::Output;
use crate::cli::settings::{Sending, Settings};
use crate::cli::system::{SystemClock, watch_signals};
use crate::cli::watch::Watch;
use crate::error::{Ended, Error, Kind};
use crate::input::Input;
use crate::ledger::{Binding, Ledger, Lock, OnLoss, Work, Writer};
use crate::mapping::config::SessionKind;
use crate::model::{RowNumber, RunId, RunSummary, Status, Stop, printable_json};
use crate::register::Register;
use crate::report::{command, question, reason, write_summary};
use crate::send::{
    Api, Clock, ImportOptions, SendOptions, Sheet, StopReason, StopSignal, Tally, Wishes, import,
    make_due, send,
};
use crate::vlens::{Notice, Notifier};

/// Validates, records every row in the ledger, sends what is due.
pub async fn run(args: &RunArgs, global: &Global, output: Output) -> Ended {
    let settings = Settings::find(global, Some(&args.file))?;
    let flow = Flow::new(settings, &args.send, output, "run")?;
    let (input, mut sheet) = flow.open(args)?;
    let target = flow.target(flow.settings.needs_login()).await?;
    if args.dry_run {
        let (path, wishes) = (&flow.path, flow.sending.wishes);
        let binding = &target.binding;
        return dry_run(args, path, wishes, &flow.stop, &mut sheet, binding, output);
    }
    let summary = flow.send_sheet(args, &input, sheet, target).await?;
    flow.tell(&summary)
}

/// The same without a word on stdout. Gives why it did not end well, too.
pub async fn send_file(
    args: &RunArgs,
    settings: Settings,
    output: Output,
) -> Result<(RunSummary, Option<Error>), Error> {
    let flow = Flow::new(settings, &args.send, output, "inbox")?;
    let (input, sheet) = flow.open(args)?;
    let target = flow.target(flow.settings.needs_login()).await?;
    let summary = flow.send_sheet(args, &input, sheet, target).await?;
    let ended = flow.ended(&summary);
    Ok((summary, ended))
}

/// The ledger that a file would be recorded in, made if it is not there. Refuses what every `run` would.
pub async fn open_ledger(
    args: &SendArgs,
    settings: Settings,
    output: Output,
) -> Result<Ledger, Error> {
    let flow = Flow::new(settings, args, output, "inbox")?;
    let target = flow.target(flow.settings.needs_login()).await?;
    let lock = flow.lock()?;
    let worker = world::worker(flow.command, flow.clock.moment());
    Ledger::open_or_create(lock, &target.binding, &worker, OnLoss::Refuse)
}

/// Goes on with what is due from the ledger alone; the source file may be gone.
pub async fn resume(args: &ResumeArgs, global: &Global, output: Output) -> Ended {
    let (flow, mut begun) = go_on(args.run, &args.send, global, output, "resume").await?;
    let wishes = flow.sending.wishes;
    if wishes != Wishes::default() {
        make_due(&mut begun.ledger, begun.run, wishes)?;
    }
    flow.tell(&flow.deliver(begun, None).await?)
}

/// Makes rows due again because a person says so, and sends them.
pub async fn retry(args: &RetryArgs, global: &Global, output: Output) -> Ended {
    let (flow, mut begun) = go_on(args.run, &args.send, global, output, "retry").await?;
    let rows: BTreeSet<RowNumber> = args.row.iter().copied().map(RowNumber).collect();
    let reader = world::reader(&flow.path, &flow.settings)?;
    let further = world::further(&flow.settings, &reader, begun.run)?;
    // A created row is not invited a second time by naming it; an invalid one and a duplicate have nothing to send.
    let fits = |status| {
        !matches!(
            status,
            Status::Created | Status::Invalid | Status::Duplicate
        )
    };
    let unfit = Unfit {
        code: "row_not_retryable",
        why: "not one that can be sent again; nothing was sent",
        reading: &further.reading,
    };
    refuse_unfit_rows(&reader, begun.run, &rows, fits, &unfit)?;
    drop(reader);
    let kinds = [
        (args.rejected, Status::Rejected),
        (args.failed, Status::Failed),
        (args.uncertain, Status::Uncertain),
    ];
    let is_any_named = kinds.iter().any(|(is_named, _)| *is_named);
    let meant = kinds
        .into_iter()
        .filter(|(is_named, _)| *is_named || !is_any_named);
    let statuses: Vec<Status> = meant.map(|(_, status)| status).collect();
    let rows = Some(&rows).filter(|rows| !rows.is_empty());
    let Begun { ledger, run, .. } = &mut begun;
    ledger.begin_work(Work::Deciding(*run))?;
    ledger.retry(*run, &statuses, rows, &flow.clock.moment())?;
    flow.tell(&flow.deliver(begun, None).await?)
}

/// Finds the run of an earlier command, and opens its ledger for writing.
async fn go_on(
    named: Option<i64>,
    args: &SendArgs,
    global: &Global,
    output: Output,
    command: &'static str,
) -> Result<(Flow, Begun), Error> {
    let opened = Opened::find(global, args.sandbox)?;
    opened.memory.clone()?;
    let run = opened.run(named)?;
    // Which call a body is for can be seen from it; the config may have changed since, or be gone.
    let needs_login = match opened.reader.first_due_body(run)? {
        Some(body) => SessionKind::of_body(&body) == SessionKind::Invitation,
        None => opened.settings.needs_login(),
    };
    let Opened {
        settings, reader, ..
    } = opened;
    drop(reader);
    let flow = Flow::new(settings, args, output, command)?;
    let target = flow.target(needs_login).await?;
    let lock = flow.lock()?;
    let worker = world::worker(command, flow.clock.moment());
    let mut ledger = Ledger::open(lock, &target.binding, &worker)?;
    let register = flow.join(&mut ledger, &target).await?;
    let begun = Begun {
        ledger,
        register,
        run,
        target,
    };
    Ok((flow, begun))
}

/// The team's register, if there is one; or why nothing can be sent.
type Joined = Result<Option<Arc<Register>>, Error>;

/// A run whose due rows can be sent.
struct Begun {
    ledger: Ledger,
    register: Joined,
    run: RunId,
    target: Target,
}

/// What the three commands have in common.
struct Flow {
    settings: Settings,
    sending: Sending,
    args: SendArgs,
    output: Output,
    /// For the ledger's record of processes.
    command: &'static str,
    /// The ledger.
    path: PathBuf,
    clock: Arc<dyn Clock>,
    stop: Arc<StopSignal>,
    started: Instant,
}

impl Flow {
    /// Begins to watch for signals.
    fn new(
        settings: Settings,
        args: &SendArgs,
        output: Output,
        command: &'static str,
    ) -> Result<Self, Error> {
        Ok(Flow {
            sending: settings.sending(args),
            args: args.clone(),
            output,
            command,
            path: settings.ledger(args.sandbox)?,
            clock: Arc::new(SystemClock::default()),
            stop: watch_signals(output, Some(settings.sending(args).timeout)),
            started: Instant::now(),
            settings,
        })
    }

    async fn target(&self, needs_login: bool) -> Result<Target, Error> {
        if self.args.sandbox {
            return Target::sandbox(&self.sending, needs_login).await;
        }
        let insecure = self.args.allow_insecure_http;
        Target::vlens(&self.settings, &self.sending, insecure, needs_login)
    }

    fn lock(&self) -> Result<Lock, Error> {
        world::prepare_place(&self.path, self.output)?;
        let wait = self.args.wait.then_some(&*self.stop);
        world::lock(&self.path, self.output, wait)
    }

    /// A register that is away, or not to be trusted, keeps rows from being sent but not from being recorded.
    async fn join(&self, ledger: &mut Ledger, target: &Target) -> Result<Joined, Error> {
        if self.args.sandbox {
            return Ok(Ok(None));
        }
        let patience = (!self.args.wait).then_some(PATIENCE);
        match register::join(&self.settings, &target.binding, Some(ledger), patience).await {
            Err(error) if !matches!(error.kind, Kind::Stopped | Kind::Refused) => Err(error),
            joined => Ok(joined),
        }
    }

    fn open(&self, args: &RunArgs) -> Result<(Input, Sheet), Error> {
        let input = input(&args.file)?;
        let sheet = open_sheet(&input, &self.settings, &args.read)?;
        for note in sheet.source.notes.iter().filter(|note| note.warning) {
            self.output.say(&format!("warning: {}", note.text));
        }
        Ok((input, sheet))
    }

    /// Records every row and sends what is due.
    async fn send_sheet(
        &self,
        args: &RunArgs,
        input: &Input,
        mut sheet: Sheet,
        target: Target,
    ) -> Result<RunSummary, Error> {
        let lock = self.lock()?;
        let started = self.clock.moment();
        let worker = world::worker(self.command, started.clone());
        let on_loss = match args.assume_sent {
            Some(number) => OnLoss::AssumeSent(number),
            None if args.new_ledger => OnLoss::NewLedger,
            None => OnLoss::Refuse,
        };
        let mut ledger = Ledger::open_or_create(lock, &target.binding, &worker, on_loss)?;
        let register = self.join(&mut ledger, &target).await?;
        let what = ImportOptions {
            source_name: &args.file.display().to_string(),
            fingerprint: input.fingerprint()?,
            wishes: self.sending.wishes,
            started: &started,
        };
        let Some(run) = import(&mut ledger, &mut sheet, &what, &self.stop)? else {
            let message =
                "Interrupted while the rows were being read; nothing was recorded or sent.";
            return Err(Error::stopped("interrupted", message));
        };
        let typed = self.settings.typed(&args.file, &args.read);
        ledger.note_typed(run, &serde_json::to_string(&typed).unwrap_or_default())?;
        if let Some(note) = sheet.note_on_asides() {
            self.output.say(&note);
        }
        if sheet.mapping.sends_undeclared_keys() && self.asks() {
            self.show_first(run)?;
        }
        drop(sheet);
        if args.assume_sent.is_some() {
            let held = ledger.assume_sent(run, &self.clock.moment())?;
            self.output.say(&format!(
                "Held as uncertain, since they may have been invited in the lost time: {held}."
            ));
        }
        let begun = Begun {
            ledger,
            register,
            run,
            target,
        };
        let held = held_back(args, &self.summary(begun.run)?);
        self.deliver(begun, held).await
    }

    /// Sends what is due, and tells the address of the team's own when it begins and how it ends.
    async fn deliver(&self, begun: Begun, held: Option<Held>) -> Result<RunSummary, Error> {
        let Some(url) = &self.settings.config.notify.url else {
            return self.work(begun, held).await;
        };
        let notifier = Notifier::new(url, &self.settings.way()?)?;
        let started = notifier.clone();
        let started = tokio::spawn(async move { started.tell(Notice::Start).await });
        let ended = self.work(begun, held).await;
        // In this order, whatever became of the first.
        let _ = started.await;
        notifier.tell(self.end_notice(&ended)).await;
        ended
    }

    /// How a run ended, without a file's name: neither its source nor a path, and no words that may hold one.
    fn end_notice(&self, ended: &Result<RunSummary, Error>) -> Notice {
        let (is_good, mut document) = match ended {
            Ok(summary) => {
                let kind = self.ended(summary).map(|error| error.kind);
                let is_good = matches!(kind, None | Some(Kind::NeedsPerson));
                (is_good, serde_json::json!(summary))
            }
            Err(error) => (
                false,
                serde_json::json!({ "error": { "code": error.code } }),
            ),
        };
        if let Some(members) = document.as_object_mut() {
            members.retain(|name, _| !["source", "reason", "ledger"].contains(&name.as_str()));
        }
        Notice::End(is_good, document.to_string())
    }

    /// Asks where a person must be asked, sends what is due unless something holds it back, and sums up.
    async fn work(&self, begun: Begun, held: Option<Held>) -> Result<RunSummary, Error> {
        let Begun {
            mut ledger,
            register,
            run,
            target,
        } = begun;
        ledger.begin_work(Work::Sending(run))?;
        let due = self.to_send(&ledger, run)?;
        let held = held
            .or_else(|| (!self.may_send(due, &target.binding)).then_some((Stop::Declined, None)));
        let due = if held.is_some() { 0 } else { due };
        let begins = self.summary(run)?;
        let start = Tally {
            counts: begins.counts,
            requests: begins.requests,
            throttled: begins.throttled,
        };
        let watch = Arc::new(self.watch(&begins, start, due));
        let (mut ledger, tally, stopped, why) = match held {
            Some((stop, why)) => (ledger, start, Some(stop), why),
            None => {
                self.send(ledger, register, run, target, &watch, start)
                    .await?
            }
        };
        let reason = stopped.map(|stop| reason(stop, why.as_deref()));
        let seconds = self.started.elapsed().as_secs_f64();
        let now = self.clock.moment();
        ledger.finish_run(run, stopped, reason.as_deref(), &now, seconds)?;
        let summary = self.summary(run)?;
        drop(ledger);
        watch.end(&tally, &summary, self.ended(&summary).as_ref());
        Ok(summary)
    }

    /// Who has to act after this run. A register that is not to be trusted is worse than one that is away: trying again is of no use.
    fn ended(&self, summary: &RunSummary) -> Option<Error> {
        let mut ended = ended_as(summary)?;
        if let Some(StopReason::Register(error)) = self.stop.why() {
            ended.kind = error.kind;
        }
        Some(ended)
    }

    /// Prints where the run stands now.
    fn tell(&self, summary: &RunSummary) -> Ended {
        let reader = world::reader(&self.path, &self.settings)?;
        let further = world::further(&self.settings, &reader, summary.run)?;
        let changed = world::changed_rows(&reader, summary)?;
        let look = self.output.look();
        self.output.show(summary, |out| {
            write_summary(out, summary, &changed, &further, look)
        })?;
        match self.ended(summary) {
            None => Ok(None),
            Some(error) if self.output.logs_ends() => Ok(Some(error.kind)),
            // Whoever gets this by mail did not see the summary.
            Some(error) if self.output.quiet => {
                let status = command(&format!("status {}", summary.run), &further.reading);
                Err(error.hint(format!("See what to do: {status}")))
            }
            Some(error) => Err(error),
        }
    }

    /// Gives how far it came, and why it stopped.
    async fn send(
        &self,
        ledger: Ledger,
        register: Joined,
        run: RunId,
        target: Target,
        watch: &Arc<Watch>,
        start: Tally,
    ) -> Result<(Ledger, Tally, Option<Stop>, Option<String>), Error> {
        let register = register.unwrap_or_else(|error| {
            self.stop.stop(StopReason::Register(error));
            None
        });
        let limiter = world::limiter(&ledger, self.sending.limits, &*self.clock)?;
        let writer = Writer::start(ledger)?;
        let options = SendOptions {
            run,
            concurrency: self.sending.concurrency,
            max_attempts: self.sending.max_attempts,
            max_consecutive_failures: self.sending.max_consecutive_failures,
            limit: self.args.limit,
            max_duration: self.args.max_duration,
        };
        let (clock, stop) = (Arc::clone(&self.clock), Arc::clone(&self.stop));
        let api = Api::new(
            target.client,
            target.credentials,
            limiter,
            None,
            register,
            clock,
            stop,
        );
        let observer = Arc::clone(watch);
        let sent = send(options, api, writer.clone(), observer, start).await;
        let ledger = writer.stop().await;
        if let Some(sandbox) = target.sandbox {
            sandbox.stop().await;
        }
        let is_done = sent.tally.counts.pending == 0;
        let reason = self.stop.why();
        if let Some(StopReason::Broken(error)) = &reason {
            watch.end_broken();
            return Err(error.clone());
        }
        let stopped = StopReason::of_run(reason.as_ref(), is_done, sent.limit_reached);
        let why = reason.as_ref().and_then(StopReason::said);
        Ok((ledger?, sent.tally, stopped, why))
    }

    /// Rows that are due, as far as `--limit` goes.
    fn to_send(&self, ledger: &Ledger, run: RunId) -> Result<u64, Error> {
        let due = ledger.due_count(run)?;
        Ok(self.args.limit.map_or(due, |limit| due.min(limit)))
    }

    fn summary(&self, run: RunId) -> Result<RunSummary, Error> {
        let reader = world::reader(&self.path, &self.settings)?;
        world::summary(&reader, run, &self.path, true, self.clock.wall())
    }

    fn watch(&self, start: &RunSummary, tally: Tally, due: u64) -> Watch {
        // The first of a minute go as fast as a second allows: on average it is less.
        let rows = u32::try_from(due).unwrap_or(u32::MAX).max(1);
        let per_row = self.sending.limits.least_time(u64::from(rows)) / rows;
        let metrics = self.args.metrics_file.as_deref();
        let metrics = metrics.map(|path| Metrics::open(path, Some(&start.tenancy_name)));
        let clock = Arc::clone(&self.clock);
        Watch::begin(self.output, start, tally, due, per_row, metrics, clock)
    }

    /// Whether a person sits there who is asked before anything is sent.
    fn asks(&self) -> bool {
        !self.args.yes && !self.args.sandbox && self.output.can_ask()
    }

    /// Shows the first request as it would be sent, whose keys are headers that no form and no mapping declares.
    fn show_first(&self, run: RunId) -> Result<(), Error> {
        if let Some(body) = world::reader(&self.path, &self.settings)?.first_due_body(run)? {
            let body = printable_json(&body);
            // To the person who is asked, never as an event of the log.
            log::write(&format!(
                "The headers of this sheet are the keys of the form's fields, as nothing says otherwise. The first request:\n{body}"
            ));
        }
        Ok(())
    }

    /// Asks the person who sits there, if any.
    fn may_send(&self, to_send: u64, binding: &Binding) -> bool {
        if to_send == 0 || !self.asks() {
            return true;
        }
        let least = self.sending.limits.least_time(to_send);
        is_confirmed(&question(
            to_send,
            &binding.base_url,
            &binding.tenancy_name,
            least,
        ))
    }
}
