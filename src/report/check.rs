//! The result of `check`: fed problem by problem, told on one screen (words: `templates/check.txt`) or as one JSON document.

use std::collections::HashMap;
use std::io::{self, Seek, SeekFrom, Write};

use minijinja::value::Serde;
use minijinja::{Value, context};
use tempfile::SpooledTempFile;
use textwrap::core::display_width;

use crate::model::{
    Aside, EarlierRow, Problem, ProblemCode, Repair, Row, RowNumber, RunId, mask, to_json,
};

use super::text::Look;

/// Examples kept of each group.
const EXAMPLES: usize = 3;
/// Groups of problems, examples of each, and whether a filled row is shown: what fits on the screen first.
const LEVELS: [(usize, usize, bool); 5] = [
    (8, EXAMPLES, true),
    (5, 1, true),
    (8, EXAMPLES, false),
    (5, 1, false),
    (3, 1, false),
];
/// Fields of a filled row.
const FIELDS: usize = 14;

/// What was found in one row: nothing in one that can be sent.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    pub row: &'a Row,
    pub problems: &'a [Problem],
    pub repairs: &'a [Repair],
    /// The first row with the same invitation.
    pub duplicate_of: Option<RowNumber>,
    /// What the row is, if it is no customer's.
    pub aside: Option<Aside>,
}

/// A valid row as a form would show it: labels and values.
#[derive(Debug, serde::Serialize)]
pub struct FilledForm {
    pub row: RowNumber,
    pub fields: Vec<(String, String)>,
}

/// What `check` tells beside its tally.
pub struct CheckText<'a> {
    pub source: &'a str,
    /// How the file was read.
    pub notes: &'a [String],
    /// What every further command needs to meet the same settings, as typed.
    pub options: &'a str,
    /// Where the sheet is, or could be, given back with its problems marked.
    pub marked: &'a str,
    pub is_marked: bool,
    /// Whether headers go out as keys that no form is likely to have.
    pub is_unmapped: bool,
    /// Shows a header, which may be somebody's data.
    pub header: &'a dyn Fn(&str) -> String,
    /// Lines of the screen, of which none should scroll away.
    pub lines: usize,
}

/// What `check` saw: groups, counts and the first examples of each, in bounded memory whatever the number of rows.
#[derive(Debug, Default, serde::Serialize)]
pub struct CheckTally {
    pub(super) valid: u64,
    pub(super) invalid: u64,
    pub(super) duplicate: u64,
    pub(super) repaired: u64,
    already_created: u64,
    changed: u64,
    /// Pairs of a row and the first with its invitation.
    duplicates: Vec<(RowNumber, RowNumber)>,
    created_earlier: Vec<(RowNumber, RunId, RowNumber, String)>,
    /// Each field that columns feed, their places, and the rows in which all of them are empty.
    #[serde(skip)]
    empty: Vec<(String, Vec<usize>, u64)>,
    filled: Option<FilledForm>,
    #[serde(skip)]
    groups: HashMap<(String, Option<ProblemCode>), Group>,
}

/// Problems of one kind in one column, or repairs in it.
#[derive(Debug, serde::Serialize)]
pub(super) struct Group {
    /// Empty for the row as a whole.
    pub(super) column: String,
    /// None for repairs.
    pub(super) code: Option<ProblemCode>,
    /// What they have in common; empty for repairs.
    meaning: &'static str,
    pub(super) count: u64,
    examples: Vec<Example>,
    /// Whether the messages differ.
    is_mixed: bool,
    /// How many groups were met before, so that equal counts keep the sheet's order.
    order: usize,
}

/// Fit for a terminal: values masked.
#[derive(Debug, serde::Serialize)]
struct Example {
    row: RowNumber,
    value: String,
    message: String,
}

impl CheckTally {
    /// A tally that counts where these fields, fed by columns at these places, are left empty.
    pub fn of_fields(fields: Vec<(String, Vec<usize>)>) -> CheckTally {
        let empty = fields
            .into_iter()
            .map(|(field, columns)| (field, columns, 0));
        CheckTally {
            empty: empty.collect(),
            ..CheckTally::default()
        }
    }

    pub fn see(&mut self, found: &Findings<'_>) {
        if found.aside.is_some() {
            return;
        }
        let row = found.row.number;
        for (_, columns, count) in &mut self.empty {
            let is_empty = columns.iter().all(|&at| found.row.cell(at).is_empty());
            *count += u64::from(is_empty);
        }
        match (found.problems, found.duplicate_of) {
            ([], None) => self.valid += 1,
            ([], Some(first)) => {
                self.duplicate += 1;
                if self.duplicates.len() < EXAMPLES {
                    self.duplicates.push((row, first));
                }
            }
            _ => self.invalid += 1,
        }
        for problem in found.problems {
            let column = problem.column.as_deref().unwrap_or_default();
            let (value, message) = (&problem.value, problem.message.clone());
            self.group(column, Some(problem.code), row, value, message);
        }
        for repair in found.repairs {
            self.repaired += 1;
            self.group(&repair.column, None, row, &repair.from, mask(&repair.to));
        }
    }

    /// A valid row whose invitation was created by an earlier run: it is not sent again.
    pub fn see_already_created(
        &mut self,
        row: RowNumber,
        same_content: bool,
        earlier: Option<EarlierRow>,
    ) {
        self.already_created += 1;
        self.changed += u64::from(!same_content);
        if let Some(there) = earlier.filter(|_| self.wants_earlier()) {
            self.created_earlier
                .push((row, there.run, there.row, there.source));
        }
    }

    /// Whether a filled row is still to be shown.
    pub fn wants_form(&self) -> bool {
        self.filled.is_none()
    }

    pub fn fill(&mut self, form: FilledForm) {
        self.filled = Some(form);
    }

    /// Whether one more example of an earlier invitation would be shown: it has to be looked for.
    pub fn wants_earlier(&self) -> bool {
        self.created_earlier.len() < EXAMPLES
    }

    fn group(
        &mut self,
        column: &str,
        code: Option<ProblemCode>,
        row: RowNumber,
        value: &str,
        message: String,
    ) {
        let order = self.groups.len();
        let group = self.groups.entry((column.to_owned(), code));
        let group = group.or_insert_with(|| Group {
            column: column.to_owned(),
            code,
            meaning: code.map_or("", ProblemCode::meaning),
            count: 0,
            examples: Vec::new(),
            is_mixed: false,
            order,
        });
        group.count += 1;
        let first = group.examples.first();
        group.is_mixed |= first.is_some_and(|first| first.message != message);
        if group.examples.len() < EXAMPLES {
            group.examples.push(Example {
                row,
                value: mask(value),
                message,
            });
        }
    }

    /// Rows seen.
    pub fn rows(&self) -> u64 {
        self.valid + self.invalid + self.duplicate
    }

    /// Rows that cannot be sent: `check` exits 3 when there are any.
    pub fn invalid(&self) -> u64 {
        self.invalid
    }

    /// Problems by column and kind, the largest group first.
    pub(super) fn problems(&self) -> Vec<&Group> {
        self.largest_first(Option::is_some)
    }

    fn largest_first(&self, wanted: fn(&Option<ProblemCode>) -> bool) -> Vec<&Group> {
        let groups = self.groups.iter().filter(|((_, code), _)| wanted(code));
        let mut groups: Vec<&Group> = groups.map(|(_, group)| group).collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.count), group.order));
        groups
    }

    /// Writes the result for people, worst first. Values are masked, but for the filled row's.
    pub fn write_text(
        &self,
        out: &mut dyn Write,
        text: &CheckText<'_>,
        look: Look,
    ) -> io::Result<()> {
        let shown = |groups: Vec<&Group>| {
            let shown = groups.into_iter().map(|group| {
                let column = (text.header)(&group.column);
                context! { column, ..Value::from(Serde(group)) }
            });
            shown.collect::<Vec<_>>()
        };
        let empty = self.empty.iter().filter(|(_, _, count)| *count > 0);
        let empty = empty.map(|(field, _, count)| ((text.header)(field), *count));
        let empty: Value = Value::from(Serde(empty.collect::<Vec<_>>()));
        let filled = self.filled.as_ref().map(|filled| {
            let shown = filled.fields.iter().take(FIELDS);
            let width = shown
                .clone()
                .map(|(label, _)| display_width(label))
                .max()
                .unwrap_or(0);
            let lines = shown.map(|(label, value)| {
                let room = " ".repeat(width.min(30).saturating_sub(display_width(label)));
                (format!("{label}{room}"), value.clone())
            });
            let more = filled.fields.len().saturating_sub(FIELDS);
            context! { row => filled.row.0, more, lines => lines.collect::<Vec<_>>() }
        });
        let mut screen = Vec::new();
        for (most, examples, with_form) in LEVELS {
            screen.clear();
            let values = context! {
                source => text.source,
                options => text.options,
                marked => text.marked,
                is_marked => text.is_marked,
                is_unmapped => text.is_unmapped,
                notes => Serde(text.notes),
                most,
                examples,
                empty => empty.clone(),
                filled => filled.as_ref().filter(|_| with_form),
                rows => self.rows(),
                tally => Serde(self),
                problems => shown(self.problems()),
                repairs => shown(self.largest_first(Option::is_none)),
            };
            look.write(&mut screen, include_str!("templates/check.txt"), values)?;
            if screen.split(|&byte| byte == b'\n').count() <= text.lines + 1 {
                break;
            }
        }
        out.write_all(&screen)
    }
}

/// The document of `check --json`: one, or none. Nothing is written before the sheet has been read to its end; until then its
/// lists wait, in memory while they are short, else in unnamed temporary files. Values are in full: the user asked for them.
#[derive(Default)]
pub struct CheckJson {
    problems: List,
    repairs: List,
    duplicates: List,
    already_created: List,
}

#[derive(serde::Serialize)]
struct DuplicateRow {
    row: RowNumber,
    first_row: RowNumber,
}

#[derive(serde::Serialize)]
struct CreatedRow<'a> {
    row: RowNumber,
    changed: bool,
    run: Option<RunId>,
    run_source: Option<&'a str>,
    run_row: Option<RowNumber>,
}

impl CheckJson {
    pub fn see(&mut self, found: &Findings<'_>) -> io::Result<()> {
        for problem in found.problems {
            self.problems.add(problem)?;
        }
        for repair in found.repairs {
            self.repairs.add(repair)?;
        }
        match found.duplicate_of {
            Some(first_row) => self.duplicates.add(&DuplicateRow {
                row: found.row.number,
                first_row,
            }),
            None => Ok(()),
        }
    }

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
        to_json(&mut *out, &source)?;
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
        to_json(&mut *out, &notes)?;
        out.write_all(b"}\n")?;
        out.flush()
    }
}

/// A list of JSON values on its way into the document.
#[derive(Default)]
struct List(Option<SpooledTempFile>);

impl List {
    /// Bytes held in memory before they go into a file.
    const SPOOL_BYTES: usize = 1 << 20;

    fn add(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let separator: &[u8] = if self.0.is_some() { b",\n" } else { b"\n" };
        let text = self
            .0
            .get_or_insert_with(|| SpooledTempFile::new(Self::SPOOL_BYTES));
        text.write_all(separator)?;
        to_json(text, &value)?;
        Ok(())
    }

    fn write_to(self, out: &mut dyn Write, name: &str) -> io::Result<()> {
        write!(out, ",\"{name}\":[")?;
        if let Some(mut text) = self.0 {
            text.seek(SeekFrom::Start(0))?;
            io::copy(&mut text, out)?;
        }
        out.write_all(b"]")
    }
}
