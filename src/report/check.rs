//! The result of `check`: fed row by row, told on one screen (words: `templates/check.txt`) or as one JSON document.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Seek, Write};

use indexmap::{IndexMap, IndexSet};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tempfile::SpooledTempFile;

use super::text::Look;
use crate::error::{Error, Result};
use crate::mapping::names::HeaderMask;
use crate::model::{Cell, Judged, RowNumber, Verdict, mask, meaning, printable_json, to_json};

const EXAMPLES: usize = 3;
/// Groups of problems, examples of each, and whether a filled row is shown: what fits on the screen first.
const LEVELS: [(usize, usize, bool); 5] = [
    (8, EXAMPLES, true),
    (5, 1, true),
    (8, EXAMPLES, false),
    (5, 1, false),
    (3, 1, false),
];
const LISTS: [&str; 4] = ["problems", "repairs", "duplicates", "already_created"];
/// Bytes of a list that are held in memory.
const SPOOL_BYTES: usize = 1 << 20;

/// What `check` saw: groups, counts and the first examples of each, in bounded memory whatever the number of rows.
#[derive(Debug, Default, Serialize)]
pub struct CheckTally {
    pub valid: u64,
    /// Rows that cannot be sent: `check` exits 3 when there are any.
    pub invalid: u64,
    pub duplicate: u64,
    repaired: u64,
    pub already_created: u64,
    /// Of the valid ones, those that a `run` would not send without a person's word.
    pub held: u64,
    changed: u64,
    /// Examples, as the document lists them.
    duplicates: Vec<Json>,
    created_earlier: Vec<Json>,
    /// Each field that columns feed, their places, and the rows in which all of them are empty.
    #[serde(skip)]
    empty: Vec<(String, Vec<usize>, u64)>,
    /// The first valid row as a form would show it: `row`, and `fields` with labels and values.
    pub filled: Option<Json>,
    /// By column (empty for the row as a whole) and by code (none for repairs), in the sheet's order.
    #[serde(skip)]
    groups: IndexMap<(String, Option<Cow<'static, str>>), Group>,
    /// The lists of the document, if one is wanted. Nothing of it is written before the sheet has been read to its end; until then
    /// they wait, in memory while they are short, else in unnamed temporary files. Values are in full: the user asked for them.
    #[serde(skip)]
    lists: Option<HashMap<&'static str, SpooledTempFile>>,
}

/// Problems of one kind in one column, or repairs in it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Group {
    pub(super) count: u64,
    /// `row`, `value` and `message` of each, fit for a terminal: values masked.
    examples: Vec<Json>,
    is_mixed: bool,
}

impl CheckTally {
    /// A tally that counts where these fields, fed by columns at these places, are left empty.
    pub fn new(fields: IndexSet<(String, Vec<usize>)>, is_for_json: bool) -> CheckTally {
        let fields = fields.into_iter();
        CheckTally {
            empty: fields.map(|(field, places)| (field, places, 0)).collect(),
            lists: is_for_json.then(HashMap::new),
            ..CheckTally::default()
        }
    }

    /// `says_nothing`: whether a cell that is filled counts as empty.
    pub fn see(&mut self, judged: &Judged, says_nothing: fn(&Cell) -> bool) -> Result<()> {
        let row = judged.row.number;
        match &judged.verdict {
            Verdict::Aside(_) => return Ok(()),
            Verdict::Valid(_) => self.valid += 1,
            Verdict::Invalid(_) => self.invalid += 1,
            Verdict::Duplicate(first) => {
                self.duplicate += 1;
                let told = json!({ "row": row, "first_row": first });
                self.list("duplicates", &told)?;
                if self.duplicates.len() < EXAMPLES {
                    self.duplicates.push(told);
                }
            }
        }
        for (_, places, count) in &mut self.empty {
            let mut cells = places.iter().map(|&at| judged.row.cell(at));
            let is_empty = cells.all(|cell| cell.is_empty() || says_nothing(cell));
            *count += u64::from(is_empty);
        }
        for problem in judged.problems() {
            let column = problem.column.as_deref().unwrap_or_default();
            self.group(
                column,
                Some(problem.code.clone()),
                row,
                &problem.value,
                &problem.message,
            );
            self.list("problems", problem)?;
        }
        for repair in &judged.repairs {
            self.repaired += 1;
            self.group(&repair.column, None, row, &repair.from, &mask(&repair.to));
            self.list("repairs", repair)?;
        }
        Ok(())
    }

    /// A valid row whose invitation was created by an earlier run, and is not sent again. Where is asked for only if it will be told.
    pub fn see_already_created(
        &mut self,
        row: RowNumber,
        same_content: bool,
        earlier: impl FnOnce() -> Result<Option<Json>>,
    ) -> Result<()> {
        self.already_created += 1;
        self.changed += u64::from(!same_content);
        let is_example = self.created_earlier.len() < EXAMPLES;
        if !is_example && self.lists.is_none() {
            return Ok(());
        }
        let earlier = earlier()?;
        let of = |name: &str| earlier.as_ref().map(|there| &there[name]);
        let told = json!({
            "row": row,
            "changed": !same_content,
            "run": of("run"),
            "run_source": of("run_source"),
            "run_row": of("run_row"),
        });
        self.list("already_created", &told)?;
        if is_example && earlier.is_some() {
            self.created_earlier.push(told);
        }
        Ok(())
    }

    fn group(
        &mut self,
        column: &str,
        code: Option<Cow<'static, str>>,
        row: RowNumber,
        value: &str,
        message: &str,
    ) {
        let group = self.groups.entry((column.to_owned(), code)).or_default();
        group.count += 1;
        let first = group.examples.first();
        group.is_mixed |= first.is_some_and(|first| first["message"] != message);
        if group.examples.len() < EXAMPLES {
            let example = json!({ "row": row, "value": mask(value), "message": message });
            group.examples.push(example);
        }
    }

    fn list(&mut self, name: &'static str, value: &impl Serialize) -> Result<()> {
        let Some(lists) = &mut self.lists else {
            return Ok(());
        };
        let separator = if lists.contains_key(name) { "," } else { "" };
        let list = lists.entry(name);
        let list = list.or_insert_with(|| SpooledTempFile::new(SPOOL_BYTES));
        let written = writeln!(list, "{separator}").and_then(|()| to_json(list, value));
        written.map_err(|error| Error::temporary(&error))
    }

    pub(super) fn rows(&self) -> u64 {
        self.valid + self.invalid + self.duplicate
    }

    /// Problems by column and kind, or repairs by column; the largest group first.
    pub(super) fn groups(&self, of_problems: bool) -> Vec<(&str, Option<&str>, &Group)> {
        let groups = self.groups.iter();
        let groups = groups.filter(|((_, code), _)| code.is_some() == of_problems);
        let groups =
            groups.map(|((column, code), group)| (column.as_str(), code.as_deref(), group));
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|(_, _, group)| Reverse(group.count));
        groups
    }

    /// The result for people, worst first, on a screen of so many lines, of which none should scroll away. Values are masked, but for
    /// the filled row's; `more` is what the template names beside the tally.
    pub fn text(&self, more: &Json, headers: &HeaderMask, lines: usize, look: Look) -> String {
        let shown = |of_problems| {
            let groups = self.groups(of_problems).into_iter();
            let groups = groups.map(|(column, code, group)| {
                let (column, meaning) = (
                    headers.header(column),
                    code.and_then(|code| meaning(code, false)),
                );
                context! { column, meaning, ..Value::from(Serde(group)) }
            });
            groups.collect::<Vec<Value>>()
        };
        let empty = self.empty.iter().filter(|(_, _, count)| *count > 0);
        let empty = empty.map(|(field, _, count)| (headers.header(field), *count));
        let told = context! {
            empty => Serde(empty.collect::<Vec<_>>()),
            rows => self.rows(),
            tally => Serde(self),
            problems => shown(true),
            repairs => shown(false),
            ..Value::from(Serde(more))
        };
        let mut screen = String::new();
        for (most, examples, with_form) in LEVELS {
            let values = context! { most, examples, with_form, ..told.clone() };
            screen = look.text(include_str!("templates/check.txt"), values);
            if screen.lines().count() <= lines {
                break;
            }
        }
        screen
    }

    /// Writes the document, with `notes` on how the file was read.
    pub fn write_json(
        &mut self,
        out: &mut dyn Write,
        source: &str,
        notes: &[String],
    ) -> io::Result<()> {
        let head = json!({
            "source": source,
            "rows": self.rows(),
            "valid": self.valid,
            "invalid": self.invalid,
            "duplicate": self.duplicate,
            "repaired": self.repaired,
            "notes": notes,
        });
        // The lists follow in the same object.
        write!(
            out,
            "{}",
            printable_json(&head.to_string()).trim_end_matches('}')
        )?;
        for name in LISTS {
            write!(out, ",\"{name}\":[")?;
            if let Some(list) = self.lists.as_mut().and_then(|lists| lists.get_mut(name)) {
                list.rewind()?;
                io::copy(list, out)?;
            }
            write!(out, "]")?;
        }
        writeln!(out, "}}")
    }
}
