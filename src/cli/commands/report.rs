//! `report`: one self-contained HTML page about a run.

use std::path::Path;

use super::{deliver, ledgers};
use crate::cli::args::{Global, Lang, ReportArgs, SendArgs};
use crate::cli::clock::SystemClock;
use crate::cli::files::{self, Readers};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::{CodeCount, Lock, MinuteCount, ProblemCount, Reader};
use crate::model::RunId;
use crate::report::{
    Language, LatencyMs, Limits, Minute, Problems, Rejections, ReportData, write_html,
};
use crate::send::Clock;

/// Runs the command.
pub fn report(args: &ReportArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    let reader = ledgers::reader(&path)?;
    let newest = reader.newest_run()?;
    let run = ledgers::run_or_newest(args.run, newest, &path)?;
    let data = gather(&reader, run, &path, limits(&place))?;
    let language = match args.lang {
        Lang::En => Language::English,
        Lang::Ar => Language::Arabic,
    };
    if args.output == Path::new("-") {
        output.print_file(|out| write_html(out, &data, language))?;
        return Ok(None);
    }
    files::replace(&args.output, Readers::Owner, |mut file| {
        write_html(&mut file, &data, language)
    })?;
    if output.json {
        output.print_json(&serde_json::json!({ "run": run, "output": args.output }))?;
    } else {
        output.say(&format!(
            "The report on run {run} is in {}.",
            args.output.display()
        ));
    }
    Ok(None)
}

/// A report shows the last few runs of the ledger, and no more than these.
const REPORTED_RUNS: u32 = 16;

fn gather(reader: &Reader, run: RunId, path: &Path, limits: Limits) -> Result<ReportData, Error> {
    let clock = SystemClock::new();
    let sender_alive = Lock::is_held(path);
    let statistics = reader.statistics(run)?;
    Ok(ReportData {
        summary: deliver::summary_of(reader, run, path, sender_alive, &clock)?,
        made_at: clock.wall(),
        limits,
        minutes: statistics.minutes.into_iter().map(minute).collect(),
        latency: latency(&statistics.latencies_ms),
        problems: statistics
            .problems
            .into_iter()
            .filter_map(problem)
            .collect(),
        rejections: rejections(statistics.answers),
        runs: reader.runs(sender_alive, clock.wall(), REPORTED_RUNS)?,
    })
}

/// The limits as they are set now; those of the run itself may have been others.
fn limits(place: &Place) -> Limits {
    let limits = place.sending(&SendArgs::default()).limits;
    Limits {
        per_second: limits.per_second.map(std::num::NonZeroU32::get),
        per_minute: limits.per_minute.map(std::num::NonZeroU32::get),
    }
}

fn minute(count: MinuteCount) -> Minute {
    Minute {
        at: count.at,
        requests: count.requests,
        busiest_second: count.busiest_second,
    }
}

fn problem(count: ProblemCount) -> Option<Problems> {
    Some(Problems {
        column: count.column,
        code: count.code.parse().ok()?,
        count: count.count,
    })
}

fn rejections(answers: Vec<CodeCount>) -> Vec<Rejections> {
    answers
        .into_iter()
        .filter(|answer| answer.event == "rejected")
        .map(|answer| Rejections {
            code: answer.code,
            message: answer.message,
            count: answer.count,
        })
        .collect()
}

/// Percentiles from the sorted list of how many answers took how long.
fn latency(latencies_ms: &[(u64, u64)]) -> Option<LatencyMs> {
    let &(max, _) = latencies_ms.last()?;
    let total: u64 = latencies_ms.iter().map(|(_, count)| count).sum();
    let within = |percent: u64| {
        let wanted = (total * percent).div_ceil(100);
        let mut seen = 0;
        latencies_ms
            .iter()
            .find(|(_, count)| {
                seen += count;
                seen >= wanted
            })
            .map_or(max, |(ms, _)| *ms)
    };
    Some(LatencyMs {
        p50: within(50),
        p90: within(90),
        p95: within(95),
        p99: within(99),
        max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_whole_list() {
        let one_each: Vec<(u64, u64)> = (1..=100).map(|ms| (ms, 1)).collect();
        let expected = |p50, p90, p95, p99, max| LatencyMs {
            p50,
            p90,
            p95,
            p99,
            max,
        };
        assert_eq!(latency(&one_each), Some(expected(50, 90, 95, 99, 100)));
        assert_eq!(
            latency(&[(5, 98), (700, 2)]),
            Some(expected(5, 5, 5, 700, 700))
        );
        assert_eq!(latency(&[(7, 1)]), Some(expected(7, 7, 7, 7, 7)));
        assert_eq!(latency(&[]), None);
    }
}
