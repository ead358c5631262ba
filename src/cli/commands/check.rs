//! `check`: reads, maps and validates every row; sends nothing, writes nothing to the ledger.

use super::{ledgers, run, sheets};
use crate::cli::args::{CheckArgs, Global};
use crate::cli::files::{self, Readers};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error, Kind};
use crate::input::Input;
use crate::ledger::Reader;
use crate::mapping::names::Shown;
use crate::model::{Invitation, Problem, Repair, Row, RowNumber, Status};
use crate::report::{Annotator, CheckJson, CheckTally, SheetShape, reads_right_to_left};
use crate::send::{Seen, Sheet, StopSignal, Verdict};

/// Runs the command.
pub fn check(args: &CheckArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, Some(&args.file))?;
    refuse_to_overwrite_the_source(args)?;
    let input = sheets::input(&args.file)?;
    check_input(args, global, &place, &input, output)
}

/// The same for a file that is at hand already.
pub fn check_input(
    args: &CheckArgs,
    global: &Global,
    place: &Place,
    input: &Input,
    output: Output,
) -> Ended {
    let mut sheet = sheets::open(input, place, &args.read)?;
    if let Some(most) = args.show {
        return show(most, &mut sheet, output);
    }
    let path = place.ledger(false);
    let reader = Reader::open(&path)?;
    let columns = sheet.columns();
    let mut check = Check {
        reader,
        seen: Seen::default(),
        tally: CheckTally::new(),
        headers: Shown::of(columns.iter().map(String::as_str)),
        json: output.json.then(CheckJson::default),
        annotator: match args.annotate {
            Some(_) => {
                let shape = SheetShape {
                    name: sheet.source.sheet_name().unwrap_or("Rows"),
                    columns: &columns,
                    header_row: sheet.source.header_row(),
                    right_to_left: sheet.source.right_to_left() || reads_right_to_left(&columns),
                };
                Some(Annotator::new(shape)?)
            }
            None => None,
        },
    };
    let stop = StopSignal::default();
    sheet
        .walk(&stop, |row, mapped| check.row(row, mapped))?
        .map_err(|_| Error::stopped("interrupted", "Interrupted."))?;
    check.finish(args, global, &sheet, place, output)
}

struct Check {
    reader: Option<Reader>,
    seen: Seen,
    tally: CheckTally,
    headers: Shown,
    json: Option<CheckJson>,
    annotator: Option<Annotator>,
}

impl Check {
    fn row(&mut self, row: &Row, mapped: crate::mapping::Mapped) -> Result<(), Error> {
        let (verdict, repairs) = self.seen.judge(row.number, mapped);
        let mut problems = Vec::new();
        let mut duplicate_of = None;
        match verdict {
            Verdict::Valid(invitation) => {
                self.tally.see_valid();
                self.compare_with_ledger(row.number, &invitation)?;
            }
            Verdict::Duplicate(first) => {
                self.tally.see_duplicate(row.number, first);
                if let Some(json) = &mut self.json {
                    json.duplicate(row.number, first)
                        .map_err(|error| not_kept(&error))?;
                }
                duplicate_of = Some(first);
            }
            Verdict::Invalid(found) => {
                self.tally.see_invalid();
                problems = found;
            }
        }
        self.tell(&problems, &repairs)
            .map_err(|error| not_kept(&error))?;
        self.annotate(row, &problems, &repairs, duplicate_of)
    }

    /// Notes whether an earlier run created this invitation. Where is looked for only if it will be told.
    fn compare_with_ledger(
        &mut self,
        row: RowNumber,
        invitation: &Invitation,
    ) -> Result<(), Error> {
        let Some(reader) = &self.reader else {
            return Ok(());
        };
        let Some((id, standing)) = reader.standing(invitation)? else {
            return Ok(());
        };
        if standing.status != Status::Created {
            return Ok(());
        }
        let is_told = self.json.is_some() || self.tally.wants_earlier();
        let earlier = if is_told {
            reader.created_in(id)?
        } else {
            None
        };
        if let Some(json) = &mut self.json {
            json.already_created(row, standing.same_content, earlier.as_ref())
                .map_err(|error| not_kept(&error))?;
        }
        self.tally
            .see_already_created(row, standing.same_content, earlier);
        Ok(())
    }

    fn tell(&mut self, problems: &[Problem], repairs: &[Repair]) -> std::io::Result<()> {
        for problem in problems {
            self.tally.see_problem(&Problem {
                column: problem.column.as_deref().map(|name| self.shown(name)),
                ..problem.clone()
            });
            if let Some(json) = &mut self.json {
                json.problem(problem)?;
            }
        }
        for repair in repairs {
            self.tally.see_repair(&Repair {
                column: self.shown(&repair.column),
                ..repair.clone()
            });
            if let Some(json) = &mut self.json {
                json.repair(repair)?;
            }
        }
        Ok(())
    }

    /// A header as the text for people shows it.
    fn shown(&self, header: &str) -> String {
        self.headers.header(header).into_owned()
    }

    fn annotate(
        &mut self,
        row: &Row,
        problems: &[Problem],
        repairs: &[Repair],
        duplicate_of: Option<RowNumber>,
    ) -> Result<(), Error> {
        let Some(annotator) = &mut self.annotator else {
            return Ok(());
        };
        annotator.row(row, problems, repairs, duplicate_of)
    }

    fn finish(
        self,
        args: &CheckArgs,
        global: &Global,
        sheet: &Sheet,
        place: &Place,
        output: Output,
    ) -> Ended {
        if let (Some(annotator), Some(path)) = (self.annotator, &args.annotate) {
            files::replace(path, Readers::Owner, |file| annotator.finish(file))?;
            output.say(&format!(
                "The sheet with every problem marked is in {}.",
                path.display()
            ));
        }
        let exit = if self.tally.invalid() > 0 {
            Some(Kind::NeedsPerson)
        } else {
            None
        };
        let notes = how_it_was_read(sheet);
        let source = run::source_name(&args.file);
        if let Some(json) = self.json {
            output.print(|out| json.write_to(out, &source, &self.tally, &notes))?;
            return Ok(exit);
        }
        let further = ledgers::further(global, place, &place.ledger(false), false);
        output.print(|out| {
            self.tally
                .write_text(out, &source, &notes, &further.reading, output.look())
        })?;
        Ok(exit)
    }
}

/// What the sheet, its blank rows and its mapping have to tell, now that every row has been read.
fn how_it_was_read(sheet: &Sheet) -> Vec<String> {
    let source = &sheet.source;
    let mut notes: Vec<String> = source
        .notes()
        .iter()
        .map(|note| note.text.clone())
        .collect();
    match source.blank_rows() {
        0 => {}
        1 => notes.push("1 blank row was passed over.".to_owned()),
        many => notes.push(format!("{many} blank rows were passed over.")),
    }
    notes.extend(sheet.mapping.notes());
    notes.extend(sheet.note_on_examples());
    notes
}

fn not_kept(error: &std::io::Error) -> Error {
    Error::unexpected(
        "output_not_written",
        format!("What was found cannot be kept until the end: {error}."),
    )
}

/// `--show N`: the first bodies exactly as they would be sent, one a line.
fn show(most: u64, sheet: &mut Sheet, output: Output) -> Ended {
    let mut shown = 0;
    let mut has_invalid = false;
    let mut seen = Seen::default();
    let mut bodies: Vec<String> = Vec::new();
    sheet
        .walk(&StopSignal::default(), |row, mapped| {
            match seen.judge(row.number, mapped).0 {
                Verdict::Valid(invitation) if shown < most => {
                    shown += 1;
                    bodies.push(invitation.body);
                }
                Verdict::Invalid(_) => has_invalid = true,
                Verdict::Valid(_) | Verdict::Duplicate(_) => {}
            }
            Ok(())
        })?
        .map_err(|_| Error::stopped("interrupted", "Interrupted."))?;
    output.print(|out| {
        if output.json {
            return writeln!(out, "{{\"bodies\":[{}]}}", bodies.join(","));
        }
        bodies.iter().try_for_each(|body| writeln!(out, "{body}"))
    })?;
    Ok(if has_invalid {
        Some(Kind::NeedsPerson)
    } else {
        None
    })
}

fn refuse_to_overwrite_the_source(args: &CheckArgs) -> Result<(), Error> {
    let Some(out) = &args.annotate else {
        return Ok(());
    };
    let same = match (out.canonicalize(), args.file.canonicalize()) {
        (Ok(out), Ok(file)) => out == file,
        _ => out == &args.file,
    };
    if same {
        return Err(Error::usage(
            "annotate_onto_source",
            "--annotate would overwrite the file that is being checked.",
        )
        .hint("Name another file for the marked sheet."));
    }
    Ok(())
}
