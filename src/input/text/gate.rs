//! The gate through which CSV bytes pass on their way to the csv crate.
//!
//! The csv crate skips blank lines without counting them and swallows the rest of the file after a quote that is never
//! closed. The gate walks the same bytes by the same quoting rules, marks each blank line as a record of its own, so that
//! counting records counts rows, and fails where a quote was left open. It does not split cells; that is the crate's part.

use std::io::{self, BufRead, Read};

use super::shape::Walk;

/// A blank line, made visible to the csv crate: a record with one empty cell.
const BLANK_ROW: &[u8] = b"\"\"";

/// A reader that passes CSV on and watches its shape.
pub(super) struct Gate<R> {
    inner: R,
    walk: Walk,
    /// Bytes of [`BLANK_ROW`] still to be handed out.
    marker: &'static [u8],
}

impl<R: BufRead> Gate<R> {
    pub(super) fn new(inner: R, delimiter: u8) -> Self {
        Gate {
            inner,
            walk: Walk::new(delimiter),
            marker: &[],
        }
    }
}

impl<R: BufRead> Read for Gate<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.marker.is_empty() {
                let given = self.marker.len().min(out.len());
                out[..given].copy_from_slice(&self.marker[..given]);
                self.marker = &self.marker[given..];
                return Ok(given);
            }
            let waiting = self.inner.fill_buf()?;
            if waiting.is_empty() {
                self.walk.at_end().map_err(io::Error::other)?;
                return Ok(0);
            }
            let waiting = &waiting[..waiting.len().min(out.len())];
            let passed = self.walk.pass(waiting).map_err(io::Error::other)?;
            out[..passed].copy_from_slice(&waiting[..passed]);
            if passed < waiting.len() {
                self.marker = BLANK_ROW;
            }
            self.inner.consume(passed);
            if passed > 0 {
                return Ok(passed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shape::{Fault, MAX_ROW_BYTES};
    use super::*;

    /// The records that the csv crate sees through the gate, or the gate's fault.
    fn records(text: &str) -> Result<Vec<Vec<String>>, Fault> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Gate::new(text.as_bytes(), b','));
        let mut all = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => all.push(record.iter().map(str::to_owned).collect()),
                Err(error) => match error.into_kind() {
                    csv::ErrorKind::Io(error) => {
                        return Err(*error.get_ref().unwrap().downcast_ref::<Fault>().unwrap());
                    }
                    other => panic!("{other:?}"),
                },
            }
        }
        Ok(all)
    }

    fn row_count(text: &str) -> usize {
        records(text).unwrap().len()
    }

    #[test]
    fn every_row_that_a_spreadsheet_shows_is_one_record() {
        for (text, rows) in [
            ("", 0),
            ("a,b\n1,2\n", 2),
            ("a,b\r\n1,2", 2),
            ("a,b\r1,2\r", 2),
            ("a\n\nb\n", 3),
            ("a\r\n\r\n\r\nb\r\n", 4),
            ("a\r\r\rb", 4),
            ("\n\na", 3),
            ("a\n\n", 2),
            ("a\n\"x\ny\"\nb", 3),
            ("a\n\"x\r\n\r\ny\"\nb", 3),
            ("\"\"\n\"\"\n", 2),
            ("a\"b\nc\"d\n", 2),
            ("\"a\"\"\n\"\"b\"\nc", 2),
            ("\"a\nb\" ,c\nd", 2),
            ("\"a\"x\nb", 2),
        ] {
            assert_eq!(row_count(text), rows, "{text:?}");
        }
    }

    #[test]
    fn a_quote_left_open_is_reported_where_it_began() {
        for (text, row, line) in [
            ("a,b\n1,\"2\n3,4\n", 2, 2),
            ("a\n\n\n\"x", 4, 4),
            ("\"l1\nl2\",b\nc,\"open\n", 2, 3),
            // The next quoted cell seems to close it.
            ("a,b\n1,\"2\n3,\"4\"\n5,6\n", 2, 2),
        ] {
            let fault = records(text).unwrap_err();
            assert_eq!(fault, Fault::UnclosedQuote { row, line }, "{text:?}");
        }
    }

    #[test]
    fn a_row_without_end_is_refused_before_it_fills_the_memory() {
        let endless = "x".repeat(usize::try_from(MAX_ROW_BYTES).unwrap() + 1);
        assert_eq!(records(&endless), Err(Fault::RowTooLong { row: 1 }));
        let quoted = format!("a\n\"{endless}");
        let fault = records(&quoted).unwrap_err();
        assert_eq!(fault, Fault::UnclosedQuote { row: 2, line: 2 });
    }

    proptest! {
        /// Gate and crate must agree on what a row is; else the row numbers would drift apart.
        #[test]
        fn the_gate_and_the_csv_crate_see_the_same_rows(text in "[ab,\"\r\n ]{0,40}") {
            let mut gate = Gate::new(text.as_bytes(), b',');
            let mut passed = Vec::new();
            if gate.read_to_end(&mut passed).is_ok() {
                prop_assert_eq!(row_count(&text), gate.walk.rows());
            }
        }
    }
}
