//! Counts what `check` sees, grouped by column and kind of problem, with the first three examples of each.

use std::collections::HashMap;

use crate::model::{EarlierRow, Problem, ProblemCode, Repair, RowNumber, mask};

/// Examples kept of each group.
pub(super) const EXAMPLES: usize = 3;

/// What `check` saw, in bounded memory whatever the number of rows.
#[derive(Debug, Default)]
pub struct CheckTally {
    pub(in crate::report) valid: u64,
    pub(in crate::report) invalid: u64,
    pub(in crate::report) duplicate: u64,
    pub(in crate::report) repaired: u64,
    pub(in crate::report) already_created: u64,
    pub(in crate::report) changed: u64,
    problems: HashMap<String, HashMap<ProblemCode, Group>>,
    repairs: HashMap<String, Group>,
    pub(super) duplicates: Vec<(RowNumber, RowNumber)>,
    pub(super) created_earlier: Vec<(RowNumber, EarlierRow)>,
    groups: usize,
}

/// Problems (or repairs) of one kind in one column.
#[derive(Debug, Default)]
pub(in crate::report) struct Group {
    pub(in crate::report) count: u64,
    pub(super) examples: Vec<Example>,
    /// Whether one message fits every one of them.
    pub(super) is_uniform: bool,
    /// When this group was first met, so that equal counts keep the sheet's order.
    order: usize,
}

/// One example, fit for a terminal: values masked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) row: RowNumber,
    pub(super) value: String,
    pub(super) message: String,
}

impl CheckTally {
    /// Nothing seen yet.
    pub fn new() -> Self {
        CheckTally::default()
    }

    /// A row that can be sent.
    pub fn see_valid(&mut self) {
        self.valid += 1;
    }

    /// A valid row whose invitation was created by an earlier run: it is not sent again.
    pub fn see_already_created(
        &mut self,
        row: RowNumber,
        same_content: bool,
        earlier: Option<EarlierRow>,
    ) {
        self.already_created += 1;
        if !same_content {
            self.changed += 1;
        }
        if let Some(earlier) = earlier.filter(|_| self.wants_earlier()) {
            self.created_earlier.push((row, earlier));
        }
    }

    /// Whether one more example of an earlier invitation would be shown: it has to be looked for.
    pub fn wants_earlier(&self) -> bool {
        self.created_earlier.len() < EXAMPLES
    }

    /// A row that cannot; its problems come through [`CheckTally::see_problem`].
    pub fn see_invalid(&mut self) {
        self.invalid += 1;
    }

    /// A valid row whose invitation stands in an earlier row.
    pub fn see_duplicate(&mut self, row: RowNumber, first: RowNumber) {
        self.duplicate += 1;
        if self.duplicates.len() < EXAMPLES {
            self.duplicates.push((row, first));
        }
    }

    /// One problem of an invalid row.
    pub fn see_problem(&mut self, problem: &Problem) {
        let column = problem.column.as_deref().unwrap_or_default();
        if !self.problems.contains_key(column) {
            self.problems.insert(column.to_owned(), HashMap::new());
        }
        let Some(kinds) = self.problems.get_mut(column) else {
            return;
        };
        let groups = &mut self.groups;
        let group = kinds
            .entry(problem.code)
            .or_insert_with(|| Group::new(groups));
        let first = group.examples.first();
        group.is_uniform &= first.is_none_or(|first| first.message == problem.message);
        group.see(problem.row, || {
            (mask(&problem.value), problem.message.clone())
        });
    }

    /// One value that was mended.
    pub fn see_repair(&mut self, repair: &Repair) {
        self.repaired += 1;
        if !self.repairs.contains_key(&repair.column) {
            let group = Group::new(&mut self.groups);
            self.repairs.insert(repair.column.clone(), group);
        }
        if let Some(group) = self.repairs.get_mut(&repair.column) {
            group.see(repair.row, || (mask(&repair.from), mask(&repair.to)));
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

    /// Groups of problems, the largest first.
    pub(in crate::report) fn problems(&self) -> Vec<(&str, ProblemCode, &Group)> {
        let mut groups: Vec<_> = self
            .problems
            .iter()
            .flat_map(|(column, kinds)| {
                kinds
                    .iter()
                    .map(|(&code, group)| (column.as_str(), code, group))
            })
            .collect();
        groups.sort_by_key(|(_, _, group)| (std::cmp::Reverse(group.count), group.order));
        groups
    }

    /// Groups of repairs, the largest first.
    pub(super) fn repairs(&self) -> Vec<(&str, &Group)> {
        let mut groups: Vec<_> = self
            .repairs
            .iter()
            .map(|(column, group)| (column.as_str(), group))
            .collect();
        groups.sort_by_key(|(_, group)| (std::cmp::Reverse(group.count), group.order));
        groups
    }
}

impl Group {
    fn new(groups: &mut usize) -> Group {
        *groups += 1;
        Group {
            count: 0,
            examples: Vec::new(),
            is_uniform: true,
            order: *groups,
        }
    }

    fn see(&mut self, row: RowNumber, shown: impl FnOnce() -> (String, String)) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            let (value, message) = shown();
            self.examples.push(Example {
                row,
                value,
                message,
            });
        }
    }
}
