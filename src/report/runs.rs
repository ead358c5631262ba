//! The table of `runs`: every run of the ledger, newest first, one line each.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::model::RunRecord;

use super::words::{Look, duration, thousands};

/// Writes the table, in the order given; a ledger without runs says so.
pub fn write_runs(out: &mut dyn Write, runs: &[RunRecord], look: Look) -> io::Result<()> {
    if runs.is_empty() {
        return look.paragraph(out, "", "This ledger has no runs yet.");
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(look.width.clamp(40, 400)).unwrap_or(400))
        .set_header([
            "run",
            "began (UTC)",
            "file",
            "rows",
            "created",
            "to see to",
            "due",
            "took",
            "end",
        ]);
    for column in table
        .column_iter_mut()
        .enumerate()
        .filter(|(at, _)| [0, 3, 4, 5, 6].contains(at))
    {
        column.1.set_cell_alignment(CellAlignment::Right);
    }
    for record in runs {
        table.add_row(cells(record));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cells(record: &RunRecord) -> [String; 9] {
    let summary = &record.summary;
    let counts = &summary.counts;
    let began = summary.started_at.to_string();
    let began = began.get(..16).unwrap_or(&began).replace('T', " ");
    [
        summary.run.to_string(),
        began,
        summary.source.clone(),
        thousands(summary.rows),
        thousands(counts.created + counts.already_created),
        thousands(counts.needing_a_person()),
        thousands(counts.pending),
        duration(summary.seconds),
        end(record).to_owned(),
    ]
}

fn end(record: &RunRecord) -> &'static str {
    let summary = &record.summary;
    match (record.in_progress, summary.finished_at, summary.stopped) {
        (true, _, _) => "going on",
        (false, None, _) => "cut off",
        (false, Some(_), Some(stop)) => stop.into_str(),
        (false, Some(_), None) => "done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::a_summary;

    #[test]
    fn every_run_is_a_line_and_its_end_is_said() {
        let record = |finished: bool, in_progress| {
            let mut summary = a_summary();
            if !finished {
                summary.finished_at = None;
            }
            RunRecord {
                summary,
                in_progress,
            }
        };
        let runs = [
            record(false, true),
            record(true, false),
            record(false, false),
        ];
        let mut out = Vec::new();
        write_runs(&mut out, &runs, Look::new(120, false)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        run  began (UTC)       file             rows  created  to see to  due  took         end
          3  2026-11-21 20:39  customers.csv  12,040   12,020         19    0  16 min 27 s  going on
          3  2026-11-21 20:39  customers.csv  12,040   12,020         19    0  16 min 27 s  done
          3  2026-11-21 20:39  customers.csv  12,040   12,020         19    0  16 min 27 s  cut off
        ");
    }

    #[test]
    fn an_empty_ledger_says_so() {
        let mut out = Vec::new();
        write_runs(&mut out, &[], Look::new(80, false)).unwrap();
        assert_eq!(out, b"This ledger has no runs yet.\n");
    }
}
