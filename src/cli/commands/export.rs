//! `export`: results as CSV, XLSX or JSONL.

use std::io::Write;
use std::path::Path;

use super::ledgers;
use crate::cli::args::{ExportArgs, ExportFormat, Global};
use crate::cli::files::{self, Readers};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error};
use crate::ledger::{Lock, Reader};
use crate::model::RunId;
use crate::report::{ExportOptions, Format, LinkTemplate, reads_right_to_left, sink};

/// Runs the command.
pub fn export(args: &ExportArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let path = place.ledger(false);
    let reader = ledgers::reader(&path)?;
    let newest = reader.newest_run()?;
    let run = ledgers::run_or_newest(args.run, newest, &path)?;
    let link = match &place.config.result.link {
        Some(text) => Some(LinkTemplate::parse(text)?),
        None => None,
    };
    let columns = reader.columns(run)?;
    let options = ExportOptions {
        link: link.as_ref(),
        without_tokens: args.without_tokens,
        right_to_left: reads_right_to_left(&columns),
    };
    let export = Export {
        reader: &reader,
        run,
        columns: &columns,
        options,
        args,
        sender_alive: Lock::is_held(&path),
    };
    if args.output == Path::new("-") {
        output.print_file(|out| export.write(out).map(drop))?;
        return Ok(None);
    }
    let mut rows = 0;
    files::replace(&args.output, Readers::Owner, |file| {
        rows = export.write(std::io::BufWriter::new(file))?;
        Ok(())
    })?;
    if output.json {
        output
            .print_json(&serde_json::json!({ "run": run, "output": args.output, "rows": rows }))?;
    } else {
        output.say(&format!(
            "Results of run {run} are in {}.",
            args.output.display()
        ));
    }
    Ok(None)
}

struct Export<'a> {
    reader: &'a Reader,
    run: RunId,
    columns: &'a [String],
    options: ExportOptions<'a>,
    args: &'a ExportArgs,
    sender_alive: bool,
}

impl Export<'_> {
    /// Gives the number of rows written.
    fn write(&self, out: impl Write + Send) -> Result<u64, Error> {
        let mut rows = 0;
        let mut sink = sink(self.format(), self.columns, self.options, out)?;
        self.reader
            .results(self.run, &self.args.only, self.sender_alive, &mut |row| {
                rows += 1;
                sink.row(row)
            })?;
        sink.finish()?;
        Ok(rows)
    }

    fn format(&self) -> Format {
        match self.args.format {
            Some(ExportFormat::Csv) => Format::Csv,
            Some(ExportFormat::Xlsx) => Format::Xlsx,
            Some(ExportFormat::Jsonl) => Format::Jsonl,
            None => self
                .args
                .output
                .extension()
                .and_then(|extension| extension.to_str())
                .and_then(|extension| extension.parse().ok())
                .unwrap_or(Format::Csv),
        }
    }
}
