//! `check --json`: one document, or none. Nothing is written before the sheet has been read to its end; until then its lists
//! wait, in memory while they are short, else in an unnamed temporary file.

use std::io::{self, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::model::{EarlierRow, Problem, Repair, RowNumber, RunId};

use super::tally::CheckTally;

/// Bytes of a list held in memory before they wait in an unnamed temporary file.
const SPOOL_BYTES: usize = 1 << 20;

/// The document in the making. Values are in full: the user asked for this file.
#[derive(Default)]
pub struct CheckJson {
    problems: List,
    repairs: List,
    duplicates: List,
    already_created: List,
}

/// A row whose invitation stands in an earlier row.
#[derive(serde::Serialize)]
struct DuplicateRow {
    row: RowNumber,
    first_row: RowNumber,
}

/// A row whose invitation was created by an earlier run.
#[derive(serde::Serialize)]
struct CreatedRow<'a> {
    row: RowNumber,
    changed: bool,
    run: Option<RunId>,
    run_source: Option<&'a str>,
    run_row: Option<RowNumber>,
}

impl CheckJson {
    /// One problem.
    pub fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.problems.add(problem)
    }

    /// One repair.
    pub fn repair(&mut self, repair: &Repair) -> io::Result<()> {
        self.repairs.add(repair)
    }

    /// A row that repeats an earlier one.
    pub fn duplicate(&mut self, row: RowNumber, first_row: RowNumber) -> io::Result<()> {
        self.duplicates.add(&DuplicateRow { row, first_row })
    }

    /// A row whose invitation was created by an earlier run.
    pub fn already_created(
        &mut self,
        row: RowNumber,
        same_content: bool,
        earlier: Option<&EarlierRow>,
    ) -> io::Result<()> {
        self.already_created.add(&CreatedRow {
            row,
            changed: !same_content,
            run: earlier.map(|earlier| earlier.run),
            run_source: earlier.map(|earlier| earlier.source.as_str()),
            run_row: earlier.map(|earlier| earlier.row),
        })
    }

    /// Writes the document, with `notes` on how the file was read.
    pub fn write_to(
        self,
        out: &mut dyn Write,
        source: &str,
        tally: &CheckTally,
        notes: &[String],
    ) -> io::Result<()> {
        out.write_all(b"{\"source\":")?;
        serde_json::to_writer(&mut *out, source)?;
        self.problems.write_to(out, "problems")?;
        write!(
            out,
            ",\"rows\":{},\"valid\":{},\"invalid\":{},\"duplicate\":{},\"repaired\":{}",
            tally.rows(),
            tally.valid,
            tally.invalid,
            tally.duplicate,
            tally.repaired
        )?;
        self.repairs.write_to(out, "repairs")?;
        self.duplicates.write_to(out, "duplicates")?;
        self.already_created.write_to(out, "already_created")?;
        out.write_all(b",\"notes\":")?;
        serde_json::to_writer(&mut *out, notes)?;
        out.write_all(b"}\n")?;
        out.flush()
    }
}

/// A list of values on its way into the document.
struct List {
    text: SpooledTempFile,
    has_values: bool,
}

impl Default for List {
    fn default() -> Self {
        List {
            text: SpooledTempFile::new(SPOOL_BYTES),
            has_values: false,
        }
    }
}

impl List {
    fn add(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        if std::mem::replace(&mut self.has_values, true) {
            self.text.write_all(b",")?;
        }
        self.text.write_all(b"\n")?;
        serde_json::to_writer(&mut self.text, value)?;
        Ok(())
    }

    fn write_to(mut self, out: &mut dyn Write, name: &str) -> io::Result<()> {
        write!(out, ",\"{name}\":[")?;
        self.text.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.text, out)?;
        out.write_all(b"]")
    }
}
