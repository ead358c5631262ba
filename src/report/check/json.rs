//! `check --json`: one document, its problems streamed. The counts stand behind them, as they are known only then.

use std::io::{self, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::model::{EarlierRow, Problem, Repair, RowNumber, RunId};

use super::tally::CheckTally;

/// Bytes of a list held in memory before they wait in an unnamed temporary file.
const SPOOL_BYTES: usize = 1 << 20;

/// Writes the document, value by value. Values are in full: the user asked for this file.
pub struct CheckJson<W: Write> {
    out: W,
    has_problems: bool,
    // The other lists of the document cannot be written while the first one grows.
    repairs: Waiting,
    duplicates: Waiting,
    already_created: Waiting,
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

impl<W: Write> CheckJson<W> {
    /// Begins the document.
    pub fn begin(mut out: W, source: &str) -> io::Result<Self> {
        out.write_all(b"{\"source\":")?;
        serde_json::to_writer(&mut out, source)?;
        out.write_all(b",\"problems\":[")?;
        Ok(CheckJson {
            out,
            has_problems: false,
            repairs: Waiting::new(),
            duplicates: Waiting::new(),
            already_created: Waiting::new(),
        })
    }

    /// One problem.
    pub fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        if std::mem::replace(&mut self.has_problems, true) {
            self.out.write_all(b",")?;
        }
        self.out.write_all(b"\n")?;
        serde_json::to_writer(&mut self.out, problem)?;
        Ok(())
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

    /// Ends the document with the counts, the waiting lists, and `notes` on how the file was read.
    pub fn finish(mut self, tally: &CheckTally, notes: &[String]) -> io::Result<()> {
        let out = &mut self.out;
        write!(
            out,
            "],\"rows\":{},\"valid\":{},\"invalid\":{},\"duplicate\":{},\"repaired\":{}",
            tally.rows(),
            tally.valid,
            tally.invalid,
            tally.duplicate,
            tally.repaired
        )?;
        for (name, list) in [
            ("repairs", self.repairs),
            ("duplicates", self.duplicates),
            ("already_created", self.already_created),
        ] {
            write!(out, ",\"{name}\":[")?;
            list.write_to(out)?;
            out.write_all(b"]")?;
        }
        out.write_all(b",\"notes\":")?;
        serde_json::to_writer(&mut *out, notes)?;
        out.write_all(b"}\n")?;
        out.flush()
    }
}

/// A list of values on its way into the document.
struct Waiting {
    text: SpooledTempFile,
    has_values: bool,
}

impl Waiting {
    fn new() -> Self {
        Waiting {
            text: SpooledTempFile::new(SPOOL_BYTES),
            has_values: false,
        }
    }

    fn add(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        if std::mem::replace(&mut self.has_values, true) {
            self.text.write_all(b",")?;
        }
        self.text.write_all(b"\n")?;
        serde_json::to_writer(&mut self.text, value)?;
        Ok(())
    }

    fn write_to(mut self, out: &mut impl Write) -> io::Result<()> {
        self.text.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.text, out)?;
        Ok(())
    }
}
