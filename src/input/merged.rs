//! Cells that a merged range covers: their value stands in the range's first cell, so their own is unknown.

use std::collections::VecDeque;

use super::rows::Merge;
use crate::model::{Cell, Row};

/// The merged ranges of a sheet, walked down together with its rows.
#[derive(Debug, Default)]
pub(super) struct Merges {
    /// Ranges that begin further down, by their first row.
    ahead: VecDeque<Merge>,
    /// Ranges that the row at hand may be in.
    open: Vec<Merge>,
}

impl Merges {
    pub(super) fn new(mut merges: Vec<Merge>) -> Self {
        merges.sort_unstable();
        Merges {
            ahead: merges.into(),
            open: Vec::new(),
        }
    }

    /// Marks the covered ones among the first `width` cells. Rows must come in ascending order.
    pub(super) fn cover(&mut self, row: &mut Row, width: usize) {
        let number = row.number.0;
        self.open.retain(|merge| merge.last_row >= number);
        while let Some(merge) = self.ahead.pop_front_if(|merge| merge.first_row <= number) {
            if merge.last_row >= number {
                self.open.push(merge);
            }
        }
        for merge in &self.open {
            let first = merge.first_column as usize;
            let end = (merge.last_column as usize + 1).min(width);
            let covered = if merge.first_row == number {
                first + 1..end
            } else {
                first..end
            };
            if row.cells.len() < covered.end && !covered.is_empty() {
                row.cells.resize(covered.end, Cell::Empty);
            }
            for column in covered {
                row.cells[column] = Cell::Merged;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RowNumber;

    #[test]
    fn only_the_first_cell_of_a_range_keeps_its_value() {
        let merge = |first_row, last_row, first_column, last_column| Merge {
            first_row,
            last_row,
            first_column,
            last_column,
        };
        // C5:C6 and A2:B3; the second reaches beyond the header in another sheet.
        let mut merges = Merges::new(vec![merge(5, 6, 2, 9), merge(2, 3, 0, 1)]);
        let mut covered = |number| {
            let mut row = Row {
                number: RowNumber(number),
                cells: vec![Cell::Text("x".to_owned())],
            };
            merges.cover(&mut row, 4);
            let marks = row.cells.iter().map(|cell| match cell {
                Cell::Merged => 'm',
                Cell::Empty => '.',
                _ => 'x',
            });
            marks.collect::<String>()
        };
        assert_eq!(covered(1), "x");
        assert_eq!(covered(2), "xm");
        assert_eq!(covered(3), "mm");
        assert_eq!(covered(4), "x");
        assert_eq!(covered(5), "x..m");
        assert_eq!(covered(6), "x.mm");
        assert_eq!(covered(7), "x");
    }
}
