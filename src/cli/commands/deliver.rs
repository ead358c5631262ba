//! What `run`, `resume` and `retry` share once their rows are due: ask, send, sum up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ledgers;
use super::target::Target;
use crate::cli::args::SendArgs;
use crate::cli::clock::SystemClock;
use crate::cli::output::Output;
use crate::cli::settings::Sending;
use crate::cli::signals;
use crate::cli::watch::Watch;
use crate::error::{Ended, Error, Kind};
use crate::ledger::{Ledger, Lock, Reader, Work, Writer};
use crate::model::{Refusal, RunId, RunSummary, Stop};
use crate::report::{Ending, Further, write_summary};
use crate::send::{
    Api, Clock, Limiter, Limits, SendOptions, Sent, StopReason, StopSignal, Tally, send,
};

/// Everything that sending takes, gathered before the ledger is touched.
pub struct Desk {
    /// How to print.
    pub output: Output,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// Stops the run.
    pub stop: Arc<StopSignal>,
    /// How to send.
    pub sending: Sending,
    /// Flags that concern this run alone.
    pub args: SendArgs,
    /// The ledger.
    pub ledger: PathBuf,
    /// What further commands need to be given, as typed.
    pub further: Further,
    /// Which command this is, for the ledger's record of processes.
    pub command: &'static str,
    /// When it began.
    pub started: Instant,
}

impl Desk {
    /// Sets the desk up and begins to watch for signals.
    pub fn new(
        output: Output,
        sending: Sending,
        args: &SendArgs,
        ledger: PathBuf,
        further: Further,
        command: &'static str,
    ) -> Self {
        let stop = Arc::new(StopSignal::default());
        signals::watch(Arc::clone(&stop));
        Desk {
            output,
            clock: Arc::new(SystemClock::new()),
            stop,
            sending,
            args: args.clone(),
            ledger,
            further,
            command,
            started: Instant::now(),
        }
    }

    /// Takes the ledger's lock.
    pub async fn lock(&self) -> Result<Lock, Error> {
        ledgers::lock_or_wait(&self.ledger, self.args.wait, self.output, &self.stop).await
    }

    /// Notes this process in the ledger: what follows is its work on this run.
    pub fn begin(&self, ledger: &mut Ledger, run: RunId) -> Result<(), Error> {
        ledger
            .begin_process(
                Work::Sending(run),
                self.command,
                &whoami(),
                &self.clock.moment(),
            )
            .map(drop)
    }

    /// Asks where a person must be asked, sends what is due, and sums up. The process has begun.
    pub async fn deliver(&self, ledger: Ledger, run: RunId, target: Target) -> Ended {
        let due = ledger.due_count(run)?;
        let to_send = self.args.limit.map_or(due, |limit| due.min(limit));
        if !self.may_send(to_send, &target) {
            return self.finish(
                ledger,
                run,
                Some(Stop::Signal),
                Some("Nothing was sent: the answer was no."),
            );
        }
        let limiter = seeded_limiter(&ledger, self.sending.limits, &*self.clock)?;
        let start = self.tally(run)?;
        let watch = Arc::new(Watch::begin(
            self.output,
            run,
            start,
            to_send,
            per_row(self.sending.limits, to_send),
            self.args.metrics_file.as_deref(),
            Arc::clone(&self.clock),
        ));
        let writer = Writer::start(ledger)?;
        let options = SendOptions {
            run,
            concurrency: self.sending.concurrency,
            max_attempts: self.sending.max_attempts,
            max_consecutive_failures: self.sending.max_consecutive_failures,
            limit: self.args.limit,
            max_duration: self.args.max_duration.map(|span| span.0),
        };
        let api = Api::new(
            target.client,
            target.credentials,
            limiter,
            None,
            Arc::clone(&self.clock),
            Arc::clone(&self.stop),
        );
        let observer = Arc::clone(&watch);
        let sent = send(options, api, writer.clone(), observer, start).await;
        let ledger = writer.stop().await;
        if let Some(sandbox) = target.sandbox {
            sandbox.stop().await;
        }
        self.sum_up(ledger, run, &watch, &sent)
    }

    fn sum_up(
        &self,
        ledger: Result<Ledger, Error>,
        run: RunId,
        watch: &Watch,
        sent: &Sent,
    ) -> Ended {
        let tally = &sent.tally;
        let why = self.stop.why();
        let stopped = match &why {
            // Whatever stopped it, with nothing left to send it was not stopped early; a refusal still must be told.
            Some(StopReason::Signal | StopReason::Duration | StopReason::Failures(_))
                if tally.counts.pending == 0 =>
            {
                None
            }
            Some(why) => why.stop(),
            None if sent.limit_reached && tally.counts.pending > 0 => Some(Stop::Limit),
            None => None,
        };
        if let Some(StopReason::Broken(complaint)) = why {
            watch.end_broken(tally);
            return Err(complaint);
        }
        let ledger = ledger?;
        let (summary, ended) = self.close(ledger, run, stopped)?;
        watch.end(tally, &summary, ended);
        self.print(&summary, why.as_ref().and_then(reason).as_deref())?;
        Ok(ended)
    }

    /// Ends a run that sent nothing. The process has begun.
    pub fn finish(
        &self,
        ledger: Ledger,
        run: RunId,
        stopped: Option<Stop>,
        why: Option<&str>,
    ) -> Ended {
        let (summary, ended) = self.close(ledger, run, stopped)?;
        let tally = Tally {
            counts: summary.counts,
            requests: summary.requests,
            throttled: summary.throttled,
        };
        let watch = Watch::begin(
            self.output,
            run,
            tally,
            0,
            Duration::ZERO,
            self.args.metrics_file.as_deref(),
            Arc::clone(&self.clock),
        );
        watch.end(&tally, &summary, ended);
        self.print(&summary, why)?;
        Ok(ended)
    }

    fn close(
        &self,
        mut ledger: Ledger,
        run: RunId,
        stopped: Option<Stop>,
    ) -> Result<(RunSummary, Option<Kind>), Error> {
        let mut summary = self.summary(run)?;
        summary.stopped = stopped;
        let ended = ended_as(&summary);
        let now = self.clock.moment();
        let seconds = self.started.elapsed().as_secs_f64();
        ledger.finish_run(
            run,
            stopped,
            &now,
            seconds,
            i32::from(ended.map_or(0, Kind::exit_code)),
        )?;
        drop(ledger);
        Ok((self.summary(run)?, ended))
    }

    fn summary(&self, run: RunId) -> Result<RunSummary, Error> {
        let reader = ledgers::reader(&self.ledger)?;
        summary_of(&reader, run, &self.ledger, true, &*self.clock)
    }

    fn print(&self, summary: &RunSummary, why: Option<&str>) -> Result<(), Error> {
        if self.output.json {
            return self.output.print_json(summary);
        }
        let ending = Ending {
            summary,
            why,
            further: &self.further,
        };
        self.output
            .print(|out| write_summary(out, &ending, self.output.look()))
    }

    fn tally(&self, run: RunId) -> Result<Tally, Error> {
        let summary = self.summary(run)?;
        Ok(Tally {
            counts: summary.counts,
            requests: summary.requests,
            throttled: summary.throttled,
        })
    }

    /// Asks the person who sits there, if any.
    fn may_send(&self, to_send: u64, target: &Target) -> bool {
        if to_send == 0 || self.args.yes || self.args.sandbox || !self.output.can_ask() {
            return true;
        }
        let least = self.sending.limits.least_time(to_send);
        let question = crate::report::question(
            to_send,
            &target.binding.base_url,
            &target.binding.tenancy_name,
            least,
        );
        cliclack::confirm(question)
            .initial_value(false)
            .interact()
            .unwrap_or(false)
    }
}

/// The limiter, with what this and other processes have sent in the last minute.
pub fn seeded_limiter(
    ledger: &Ledger,
    limits: Limits,
    clock: &dyn Clock,
) -> Result<Limiter, Error> {
    let mut limiter = Limiter::new(limits);
    let most = limits
        .per_minute
        .or(limits.per_second)
        .map_or(0, |n| n.get() as usize);
    let recent = ledger.recent_requests(RECENT_MS, most.saturating_mul(2), &clock.moment())?;
    let now = clock.steady();
    for ago in ages(&recent) {
        limiter.seed(now.saturating_sub(ago));
    }
    Ok(limiter)
}

/// A little more than the longest window.
const RECENT_MS: i64 = 61_000;

/// How long ago each request was answered, oldest first; one that never was counts as answered just now.
fn ages(recent: &[crate::ledger::RecentRequest]) -> Vec<Duration> {
    let mut ages: Vec<Duration> = recent
        .iter()
        .map(|request| request.answered_ago_ms.unwrap_or(0))
        .map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
        .collect();
    ages.sort_unstable_by(|a, b| b.cmp(a));
    ages
}

/// How long a row takes on average at the rate: the first of a minute go as fast as a second allows.
fn per_row(limits: Limits, rows: u64) -> Duration {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX).max(1);
    limits.least_time(u64::from(rows)) / rows
}

/// The summary of a run as the ledger tells it.
pub fn summary_of(
    reader: &Reader,
    run: RunId,
    ledger: &Path,
    sender_alive: bool,
    clock: &dyn Clock,
) -> Result<RunSummary, Error> {
    let mut summary = reader.summary(run, sender_alive, clock.wall())?;
    summary.ledger = ledger.display().to_string();
    Ok(summary)
}

/// Who has to act after a run that stands so. When several hold, the first of 6, 4, 3 wins.
pub fn ended_as(summary: &RunSummary) -> Option<Kind> {
    match summary.stopped {
        Some(Stop::Refused) => return Some(Kind::Refused),
        Some(Stop::Signal | Stop::Failures | Stop::Limit | Stop::Duration) => {
            return Some(Kind::Stopped);
        }
        Some(Stop::InvalidRows | Stop::Expectation) => return Some(Kind::NeedsPerson),
        None => {}
    }
    // Killed before it could say why it stopped.
    if summary.counts.pending > 0 {
        return Some(Kind::Stopped);
    }
    (summary.counts.needing_a_person() > 0).then_some(Kind::NeedsPerson)
}

/// Why a run was stopped, in words, where its summary alone does not say it.
fn reason(why: &StopReason) -> Option<String> {
    Some(match why {
        StopReason::Signal | StopReason::Duration => return None,
        StopReason::Failures(last) => format!("The last one: {last}"),
        StopReason::Broken(complaint) => complaint.message.clone(),
        StopReason::Refused(Refusal::Credentials, message) => format!(
            "Vlens does not accept the credentials ({message}). Check VLENS_USERNAME, VLENS_PASSWORD, VLENS_TENANCY_NAME and VLENS_API_KEY."
        ),
        StopReason::Refused(Refusal::Rights, message) => format!(
            "This account may not create invitations ({message}). Ask for the right, or use another account."
        ),
        StopReason::Refused(Refusal::NotTheApi, message) => format!(
            "This address does not answer as the Vlens API does ({message}). Check VLENS_BASE_URL or base_url."
        ),
    })
}

/// Who runs this, for the ledger.
pub fn whoami() -> String {
    whoami::username().unwrap_or_else(|_| "unknown".to_owned())
}
