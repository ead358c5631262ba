//! `check --json`: one document, its problems streamed. The counts stand behind them, as they are known only then.

use std::io::{self, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::domain::{Problem, Repair};

use super::tally::CheckTally;

/// Repairs held in memory before they wait in an unnamed temporary file.
const SPOOL_BYTES: usize = 1 << 20;

/// Writes the document, value by value. Values are in full: the user asked for this file.
pub struct CheckJson<W: Write> {
    out: W,
    has_problems: bool,
    /// The second list of the document cannot be written while the first one grows.
    repairs: SpooledTempFile,
    has_repairs: bool,
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
            repairs: SpooledTempFile::new(SPOOL_BYTES),
            has_repairs: false,
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
        if std::mem::replace(&mut self.has_repairs, true) {
            self.repairs.write_all(b",")?;
        }
        self.repairs.write_all(b"\n")?;
        serde_json::to_writer(&mut self.repairs, repair)?;
        Ok(())
    }

    /// Ends the document with the counts, and with `notes` on how the file was read.
    pub fn finish(mut self, tally: &CheckTally, notes: &[String]) -> io::Result<()> {
        write!(
            self.out,
            "],\"rows\":{},\"valid\":{},\"invalid\":{},\"duplicate\":{},\"repaired\":{},\"repairs\":[",
            tally.rows(),
            tally.valid,
            tally.invalid,
            tally.duplicate,
            tally.repaired
        )?;
        self.repairs.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.repairs, &mut self.out)?;
        self.out.write_all(b"],\"notes\":")?;
        serde_json::to_writer(&mut self.out, notes)?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}
