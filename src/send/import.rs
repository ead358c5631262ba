//! A sheet and its mapping, opened together; its rows, each with what it becomes, in the sheet's order; and the import that brings
//! all of them into the ledger before anything is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};

use sha2::{Digest as _, Sha256};

use super::decide::{Wishes, plan};
use super::stop::StopSignal;
use crate::error::Error;
use crate::failpoint;
use crate::input::{Input, Options, Source};
use crate::ledger::{Ledger, Named, Planned, SheetIdentity};
use crate::mapping::{BindOptions, Config, Mapping};
use crate::model::{
    Aside, ContractTypeId, Fault, Judged, Moment, Note, Plan, Problem, Row, RowNumber, RunId,
    Status, Verdict,
};

/// Rows that are mapped side by side: enough to keep all cores busy, few enough to take little memory.
const BATCH_ROWS: usize = 2048;
/// Of rows as wide as a sheet can be, fewer.
const BATCH_CELLS: usize = 1 << 18;
/// Rows of each kind that a note on those left out names.
const ASIDES_SHOWN: usize = 5;

/// How many contract types a note lists.
const TYPES_SHOWN: usize = 10;

pub struct Sheet {
    pub source: Source,
    pub mapping: Mapping,
    pub input: Input,
    options: Options,
    /// Rows that are no customers, which were left out.
    asides: BTreeMap<Aside, Vec<RowNumber>>,
    /// Contract types that lack field values, each with its rows' number, and the first of them.
    without_fields: BTreeMap<ContractTypeId, (u64, RowNumber)>,
}

impl Sheet {
    pub fn open(
        input: &Input,
        options: &Options,
        config: &Config,
        bind: &BindOptions,
    ) -> Result<Sheet, Error> {
        let source = Source::open(input, options)?;
        Ok(Sheet {
            mapping: Mapping::bind(config, &source.columns, bind)?,
            source,
            input: input.clone(),
            options: options.clone(),
            asides: BTreeMap::new(),
            without_fields: BTreeMap::new(),
        })
    }

    /// What this sheet is known again by: the SHA-256 of the file's bytes, how they are read, and what rows become.
    pub fn identity(&self, bytes: [u8; 32]) -> SheetIdentity {
        // Texts and numbers are always JSON.
        let reading = serde_json::to_vec(&self.options).unwrap_or_default();
        let hash = Sha256::new_with_prefix(bytes).chain_update(self.mapping.fingerprint);
        hash.chain_update(reading).finalize().into()
    }

    /// The headers, as results give them back.
    pub fn columns(&self) -> Vec<String> {
        let columns = self.source.columns.iter();
        columns.map(|column| column.name.clone()).collect()
    }

    /// What a person should know of the rows: of those that were left out, as one who wrote a customer over the example would miss that
    /// one; and of contract types without field values, as a number may be a slip.
    pub fn notes_on_rows(&self) -> impl Iterator<Item = Note> {
        let types = self.without_fields.iter().take(TYPES_SHOWN);
        let types =
            types.map(|(id, (rows, first))| Note::of("type_without_fields", &[id, rows, first]));
        types.chain(self.asides.iter().map(|(aside, rows)| {
            let shown = rows.iter().take(ASIDES_SHOWN).map(ToString::to_string);
            let more = (rows.len() > ASIDES_SHOWN).then(|| "…".to_owned());
            let shown: Vec<String> = shown.chain(more).collect();
            Note::of(aside.into_str(), &[&shown.join(", ")])
        }))
    }

    /// Everything that there is to know of how it was read, once it was.
    pub fn notes(&self) -> Vec<Note> {
        let blank = self.source.blank_rows;
        let blank = (blank > 0).then_some(Note::of("blank_rows", &[&blank]));
        let of_file = self.source.notes.iter().cloned().chain(blank);
        let of_mapping = self.mapping.notes.iter().cloned();
        let all = of_file.chain(of_mapping).chain(self.notes_on_rows());
        all.collect()
    }

    /// Hands every row, with what it comes to, to `visit`, in the sheet's order. Where columns leave open how their values are meant, all
    /// rows are looked at once before the first is mapped. That it is told to stop is an error, and so is a file that was written to since
    /// it was opened, whatever came of it.
    pub fn walk(
        &mut self,
        stop: &StopSignal,
        visit: impl FnMut(&mut Judged) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let walked = self.walk_to_its_end(stop, visit);
        self.input.refuse_changed(false).and(walked)
    }

    fn walk_to_its_end(
        &mut self,
        stop: &StopSignal,
        mut visit: impl FnMut(&mut Judged) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.mapping.is_open() {
            let mapping = &mut self.mapping;
            self.source.look_ahead(|row| mapping.see(row))?;
        }
        let (is_1904, header) = (self.source.is_1904, self.source.header_row);
        let (source, mapping) = (&mut self.source, &self.mapping);
        let (filled, batches) = sync_channel(1);
        let mut seen = SeenKeys::default();
        // The next rows are read and mapped while these are visited, until one is refused.
        thread::scope(|scope| {
            scope.spawn(move || {
                loop {
                    let batch = next_batch(source);
                    let is_end = batch.as_ref().is_ok_and(Vec::is_empty);
                    let mapped = batch.map(|rows| map_side_by_side(mapping, rows));
                    if is_end || filled.send(mapped).is_err() {
                        break;
                    }
                }
            });
            for batch in batches {
                if stop.is_stopping() {
                    return Err(Error::of("interrupted.import", &[]));
                }
                for mut judged in batch? {
                    seen.meet(&mut judged);
                    let row = judged.row.number;
                    if let (true, Some(column)) = (is_1904, mapping.serial_in(&judged.row)) {
                        // Given back in a workbook of ours, which counts from 1900, the number would be another day.
                        let fills: [&dyn Display; 3] = [&self.input.name(), &row, &column];
                        return Err(Error::of("date_system_unsure", &fills));
                    }
                    match &judged.verdict {
                        _ if mapping.is_header_of_another(&judged) => {
                            return Err(header_again(&self.input, header, row));
                        }
                        Verdict::Invalid(_) => mapping.show_unused(&mut judged.row),
                        Verdict::Aside(aside) => self.asides.entry(*aside).or_default().push(row),
                        Verdict::Valid(invitation) => {
                            let types = invitation.contract_types.iter();
                            for id in types.filter(|id| mapping.lacks_fields(**id)) {
                                self.without_fields.entry(*id).or_insert((0, row)).0 += 1;
                            }
                        }
                        Verdict::Duplicate(_) => {}
                    }
                    visit(&mut judged)?;
                }
            }
            Ok(())
        })
    }
}

/// Right below the headers, their second row is one of them; anywhere else, another table begins.
fn header_again(input: &Input, header: RowNumber, row: RowNumber) -> Error {
    let name = input.name();
    if row.0 == header.0 + 1 {
        Error::of("header_in_two_rows", &[&name, &header, &row])
    } else {
        Error::of("header_again", &[&name, &row])
    }
}

/// Of no rows at the end.
fn next_batch(source: &mut Source) -> Result<Vec<Row>, Error> {
    let (mut rows, mut cells) = (Vec::new(), 0);
    while rows.len() < BATCH_ROWS
        && cells < BATCH_CELLS
        && let Some(row) = source.next_row()?
    {
        cells += row.cells.len();
        rows.push(row);
    }
    Ok(rows)
}

/// What each row comes to by itself, in their order, by all cores.
fn map_side_by_side(mapping: &Mapping, rows: Vec<Row>) -> Vec<Judged> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let apply = |rows: &[Row]| -> Vec<_> { rows.iter().map(|row| mapping.apply(row)).collect() };
    let mapped: Vec<_> = thread::scope(|scope| {
        let shares = rows.chunks(rows.len().div_ceil(cores).max(1));
        let workers = shares.map(|share| scope.spawn(move || apply(share)));
        let workers: Vec<_> = workers.collect();
        let done = workers.into_iter().map(ScopedJoinHandle::join);
        done.flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let judged = mapped.into_iter().zip(rows);
    let judged = judged.map(|((verdict, repairs), row)| Judged {
        row,
        verdict,
        repairs,
    });
    judged.collect()
}

/// Finds duplicates within one file: the first row of each invitation, with a hash of its body. Twelve bytes of a hash tell a hundred
/// million rows apart with a chance of error of one in ten trillion; whether two rows for one customer say the same takes four. A hash map would take twice the memory as it grows.
#[derive(Default)]
struct SeenKeys(BTreeMap<[u8; 12], (RowNumber, [u8; 4])>);

impl SeenKeys {
    /// A valid row is another row's once more, or contradicts it, where its invitation stands above.
    fn meet(&mut self, judged: &mut Judged) {
        let Verdict::Valid(invitation) = &judged.verdict else {
            return;
        };
        let number = judged.row.number;
        let key = std::array::from_fn(|at| invitation.key[at]);
        let body = Sha256::digest(&invitation.body);
        let body = std::array::from_fn(|at| body[at]);
        judged.verdict = match *self.0.entry(key).or_insert((number, body)) {
            (first, _) if first == number => return,
            (first, known) if known == body => Verdict::Duplicate(first),
            (first, _) => {
                let fault = Fault::of("same_recipient", &[&first]);
                Verdict::Invalid(vec![Problem::of_row(number, &fault)])
            }
        };
    }
}

/// Begins a run with this sheet. One that the ledger knows (the same bytes, read the same way,
/// under the same mapping) is not imported again: its rows are there. Where it is told to stop before all rows are in the ledger, there
/// is no trace of it.
pub fn import(
    ledger: &mut Ledger,
    sheet: &mut Sheet,
    identity: &SheetIdentity,
    named: &Named,
    started: &Moment,
    stop: &StopSignal,
) -> Result<RunId, Error> {
    if let Some(known) = ledger.known_sheet(identity)? {
        return ledger.begin_run_on(known, named, started);
    }
    let columns = sheet.columns();
    let told_by = sheet.mapping.told_by.clone();
    let run = ledger.import(named, identity, &columns, &told_by, started, |import| {
        sheet.walk(stop, |Judged { row, verdict, .. }| match &*verdict {
            Verdict::Valid(invitation) => import.valid(row, invitation),
            Verdict::Duplicate(of) => import.duplicate(row, *of),
            Verdict::Invalid(problems) => import.invalid(row, problems),
            Verdict::Aside(_) => Ok(()),
        })?;
        failpoint::pass("before_imported");
        Ok(())
    })?;
    failpoint::pass("after_imported");
    Ok(run)
}

/// What is wanted of rows that are in the ledger. Nothing of it is done before it is let go.
pub enum Wanted {
    /// All that a file asks for. It is at hand, and what it says is the newest.
    OfFile(Wishes),
    /// What is due, and what is wished for beyond that.
    Due(Wishes),
    /// Once more, by a person's word, what stands so: of these rows or of all.
    Again(Vec<Status>, Option<BTreeSet<RowNumber>>),
}

impl Wanted {
    /// Plans it. As long as it is not let go, none of them is sent again.
    pub fn planned(&self, ledger: &Ledger, run: RunId) -> Result<Planned, Error> {
        let is_brought = matches!(self, Wanted::OfFile(_));
        let rows = match self {
            Wanted::Again(_, rows) => rows.as_ref(),
            _ => None,
        };
        let mut planned = ledger.planned(run, rows, is_brought, &|met| match self {
            Wanted::Again(statuses, _) if statuses.contains(&met.standing.status) => Plan::Send,
            Wanted::Again(..) => Plan::Hold,
            Wanted::OfFile(wishes) => plan(Some(met.standing), *wishes),
            Wanted::Due(wishes) => match plan(Some(met.standing), *wishes) {
                Plan::Send if *wishes == Wishes::default() && !met.is_due() => Plan::Hold,
                planned => planned,
            },
        })?;
        if matches!(self, Wanted::Again(..)) {
            let again = rows.cloned();
            planned.only = Some(again.unwrap_or_else(|| planned.rows().collect()));
        }
        Ok(planned)
    }
}
