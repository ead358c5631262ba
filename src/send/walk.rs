//! Walks a sheet from its first row to its last: one thread reads, some map, and whoever asked sees every row in the
//! sheet's order while the next ones are on their way. Rows travel in small batches whose buffers are used again.

use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use super::sheet::Sheet;
use super::stop::{StopSignal, Stopped};
use crate::error::Error;
use crate::input::Source;
use crate::mapping::{Mapped, Mapping};
use crate::model::{Row, RowNumber};

/// Rows that travel together: enough to make the passing on cost nothing, few enough to take no memory.
const BATCH_ROWS: usize = 128;
/// Batches that wait before each thread.
const AHEAD: usize = 1;
/// More threads than these would only wait for the one that reads.
const MOST_MAPPERS: usize = 4;

/// Rows, and what becomes of them once they are mapped; buffers may be longer than what is in use.
#[derive(Default)]
struct Batch<S> {
    rows: Vec<Row>,
    in_use: usize,
    /// A template's examples, which are no customers.
    examples: Vec<RowNumber>,
    /// What was made of the others.
    sheaf: S,
}

/// A batch, or why there are no more.
type Passed<S> = Result<Batch<S>, Error>;

impl Sheet {
    /// Hands every row, with what it becomes, to `visit`. Ends early when the run is stopped.
    pub fn walk(
        &mut self,
        stop: &StopSignal,
        mut visit: impl FnMut(&Row, Mapped) -> Result<(), Error>,
    ) -> Result<Result<(), Stopped>, Error> {
        let bind = |at: usize, _: &Row, mapped: Mapped, sheaf: &mut Vec<(usize, Mapped)>| {
            sheaf.push((at, mapped));
            Ok(())
        };
        self.walk_in_sheaves(stop, bind, |rows, sheaf| {
            sheaf
                .drain(..)
                .try_for_each(|(at, mapped)| visit(&rows[at], mapped))
        })
    }

    /// The same for whoever wants the rows by the sheaf: `bind` adds each, with its place in the batch, to a sheaf on the thread
    /// that mapped it, and `visit` gets the sheaves in the sheet's order, with the rows they are made from. It empties them.
    pub fn walk_in_sheaves<S: Default + Send>(
        &mut self,
        stop: &StopSignal,
        bind: impl Fn(usize, &Row, Mapped, &mut S) -> Result<(), Error> + Sync,
        mut visit: impl FnMut(&[Row], &mut S) -> Result<(), Error>,
    ) -> Result<Result<(), Stopped>, Error> {
        let Sheet {
            source,
            mapping,
            examples,
            ..
        } = self;
        let mapping: &Mapping = mapping;
        let bind = &bind;
        let mappers = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let (spare, spares) = mpsc::channel();
            let mut to_mappers = Vec::new();
            let mut from_mappers = Vec::new();
            for _ in 0..mappers.min(MOST_MAPPERS) {
                let (to, read) = mpsc::sync_channel(AHEAD);
                let (mapped, from) = mpsc::sync_channel(AHEAD);
                named("row-mapper")
                    .spawn_scoped(scope, move || map_all(mapping, bind, &read, &mapped))
                    .map_err(|error| no_thread(&error))?;
                to_mappers.push(to);
                from_mappers.push(from);
            }
            named("row-reader")
                .spawn_scoped(scope, move || read_all(source, &to_mappers, &spares))
                .map_err(|error| no_thread(&error))?;
            see_all(&from_mappers, &spare, stop, |batch| {
                examples.append(&mut batch.examples);
                visit(&batch.rows[..batch.in_use], &mut batch.sheaf)
            })
        })
    }
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::unexpected(
        "no_thread",
        format!("No thread can be started to read the sheet ({error})."),
    )
}

/// Gives each mapper a batch in turn. Ends where the sheet does, or when nobody wants more.
fn read_all<S: Default>(
    source: &mut Source,
    mappers: &[SyncSender<Passed<S>>],
    spares: &Receiver<Batch<S>>,
) {
    for mapper in mappers.iter().cycle() {
        let batch = read_batch(source, spares.try_recv().unwrap_or_default());
        let is_last = !matches!(&batch, Ok(batch) if batch.in_use == BATCH_ROWS);
        if mapper.send(batch).is_err() || is_last {
            return;
        }
    }
}

fn read_batch<S>(source: &mut Source, mut batch: Batch<S>) -> Passed<S> {
    batch.in_use = 0;
    while batch.in_use < BATCH_ROWS {
        let Some(row) = source.next_row()? else {
            break;
        };
        batch.rows.truncate(batch.in_use);
        batch.rows.push(row);
        batch.in_use += 1;
    }
    Ok(batch)
}

fn map_all<S>(
    mapping: &Mapping,
    bind: &impl Fn(usize, &Row, Mapped, &mut S) -> Result<(), Error>,
    read: &Receiver<Passed<S>>,
    mapped: &SyncSender<Passed<S>>,
) {
    for passed in read {
        let passed = passed.and_then(|batch| map_batch(mapping, bind, batch));
        if mapped.send(passed).is_err() {
            return;
        }
    }
}

fn map_batch<S>(
    mapping: &Mapping,
    bind: &impl Fn(usize, &Row, Mapped, &mut S) -> Result<(), Error>,
    mut batch: Batch<S>,
) -> Passed<S> {
    for (at, row) in batch.rows.iter().take(batch.in_use).enumerate() {
        if mapping.is_example(row) {
            batch.examples.push(row.number);
        } else {
            bind(at, row, mapping.apply(row), &mut batch.sheaf)?;
        }
    }
    Ok(batch)
}

/// Takes from each mapper in turn, which is the sheet's order. The threads end by themselves once nobody listens.
fn see_all<S>(
    mappers: &[Receiver<Passed<S>>],
    spare: &Sender<Batch<S>>,
    stop: &StopSignal,
    mut visit: impl FnMut(&mut Batch<S>) -> Result<(), Error>,
) -> Result<Result<(), Stopped>, Error> {
    for mapper in mappers.iter().cycle() {
        let Ok(passed) = mapper.recv() else {
            break;
        };
        if stop.is_stopping() {
            return Ok(Err(Stopped));
        }
        let mut batch = passed?;
        visit(&mut batch)?;
        // The reader may be done already.
        let _ = spare.send(batch);
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::super::stop::StopReason;
    use super::*;
    use crate::input::{Input, Options};
    use crate::mapping::{BindOptions, Config};

    /// Several rounds of batches over all mappers, and a piece of one.
    const ROWS: usize = 3 * MOST_MAPPERS * BATCH_ROWS + 7;

    fn sheet(text: String) -> Sheet {
        let input = Input::from_stdin(text.as_bytes()).unwrap();
        let bind = BindOptions::default();
        Sheet::open(&input, &Options::default(), &Config::none(), &bind).expect("a sheet")
    }

    fn phones(rows: usize) -> String {
        let row = |n| format!("0100{n:07},414\n");
        std::iter::once("phone,contractTypeId\n".to_owned())
            .chain((0..rows).map(row))
            .collect()
    }

    #[test]
    fn every_row_is_seen_once_and_in_its_order() {
        for rows in [0, 1, BATCH_ROWS, ROWS] {
            let mut seen = Vec::new();
            let walked = sheet(phones(rows)).walk(&StopSignal::default(), |row, mapped| {
                let invitation = mapped.result.expect("a valid row");
                seen.push((row.number.0, invitation.recipient.phone));
                Ok(())
            });
            assert_eq!(walked, Ok(Ok(())));
            let expected: Vec<_> = (0..rows)
                .map(|n| (u32::try_from(n).unwrap() + 2, Some(format!("+20100{n:07}"))))
                .collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn the_walk_ends_where_the_one_who_asked_ends_it() {
        let mut count = 0;
        let refused = sheet(phones(ROWS)).walk(&StopSignal::default(), |_, _| {
            count += 1;
            if count == 300 {
                return Err(Error::unexpected("enough", "Enough."));
            }
            Ok(())
        });
        assert_eq!(refused.map_err(|complaint| complaint.code), Err("enough"));
        assert_eq!(count, 300);

        let stop = StopSignal::default();
        let mut count = 0;
        let stopped = sheet(phones(ROWS)).walk(&stop, |_, _| {
            count += 1;
            if count == 300 {
                stop.stop(StopReason::Signal);
            }
            Ok(())
        });
        assert_eq!(stopped, Ok(Err(Stopped)));
        assert_eq!(count, 3 * BATCH_ROWS, "the batch at hand is the last");
    }
}
