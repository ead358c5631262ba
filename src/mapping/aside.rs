//! Rows that are no customers: a template's example, totals, the titles of sections, signatures, what only looks like a row. Only a
//! row that names nobody who could be invited can be one, and where that cannot be told it is a customer with a problem.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use super::bind::Mapping;
use super::guess::{concept_named, header_names, is_of_another_person};
use super::names::{WORDS, fold, fold_value, visible, words, words_beside};
use super::value::Kind;
use crate::model::{Aside, Cell, EXAMPLE_MARKER, Fault, Judged, Row, Verdict};

/// Every name by which headers are known, folded.
static KNOWN: LazyLock<HashSet<String>> =
    LazyLock::new(|| header_names(&BTreeMap::new()).into_iter().collect());
/// In a narrower sheet, one filled cell may well be a customer's.
const LEAST_COLUMNS: usize = 3;

pub(super) enum Example {
    /// All of it, and nothing of anybody else: such a row is never sent.
    Whole,
    /// Something, told by this column, beside values of a customer who was written over it or copied down from it.
    Part(usize, Fault),
}

impl Mapping {
    /// Where the row is marked as a template's example, by [`EXAMPLE_MARKER`] in a column that is left out.
    fn example_mark(&self, row: &Row) -> Option<usize> {
        static FOLDED: LazyLock<String> = LazyLock::new(|| fold(EXAMPLE_MARKER));
        // What is ASCII folds to ASCII, and the marker does not.
        let is_marker = |text: &str| !text.is_ascii() && fold(text) == *FOLDED;
        let is_mark = |&at: &usize| matches!(row.cell(at), Cell::Text(text) if is_marker(text));
        self.left_out.iter().copied().find(is_mark)
    }

    /// Whether the row is a template's example or has something of it: by its mark, or, where a template has lost that, by a number or
    /// an address of its person. A number with its country code is somebody's own.
    pub(super) fn example(&self, row: &Row) -> Option<Example> {
        let mark = self.example_mark(row);
        // Labels stand above the keys of a template.
        let mut keys = self.names.iter().filter_map(|name| name.rsplit_once('\n'));
        let is_template = keys.any(|(_, key)| matches!(key, "phoneNumber" | "email"));
        if mark.is_none() && !is_template {
            return None;
        }
        let values = self.example_values.iter();
        let filled = values.filter(|(at, _)| !row.cell(*at).is_empty());
        let is_own = |(at, own): &&(usize, &str)| {
            // A spreadsheet that takes a phone for a number leaves its zero out.
            let [shown, own] = [&*row.cell(*at).as_shown(), *own]
                .map(|text| text.trim().trim_start_matches('0').to_owned());
            shown.eq_ignore_ascii_case(&own)
        };
        let (own, others): (Vec<_>, Vec<_>) = filled.partition(is_own);
        let tells = |(_, own): &&&(usize, &str)| own.contains(|c: char| c == '@' || c.is_numeric());
        let told = mark.or_else(|| own.iter().find(tells).map(|(at, _)| *at))?;
        let (least, fault) = match mark {
            Some(_) => (0, Fault::of("example_marked", &[])),
            None => (2, Fault::of("example_left", &[])),
        };
        let is_whole = others.is_empty() && own.len() >= least;
        Some(if is_whole {
            Example::Whole
        } else {
            Example::Part(told, fault)
        })
    }

    pub(super) fn aside(&self, row: &Row) -> Option<Aside> {
        let filled: Vec<(usize, &Cell)> = self.filled(row).collect();
        let header = |at: usize| self.names.get(at).map(|name| fold(name));
        let is_header = |&(at, cell): &(usize, &Cell)| header(at) == Some(fold(&cell.as_shown()));
        let is_sum = |&(at, cell): &(usize, &Cell)| self.is_number(at, cell);
        let counts = |cell: &Cell| cell.as_shown().trim().chars().all(char::is_numeric);
        match &filled[..] {
            [] => None,
            &[(at, cell)] if !self.used.contains(&at) && counts(cell) => Some(Aside::Serial),
            [_, _, ..] if filled.iter().all(is_header) => Some(Aside::Header),
            [_, _, ..] if counts_the_columns(&filled) => Some(Aside::Header),
            _ if self.is_title_of_others(row) => None,
            _ if self.is_translated(row) == Some(true) => Some(Aside::Header),
            _ if filled.iter().all(|(_, cell)| is_line(cell)) => Some(Aside::Section),
            _ if filled.iter().all(is_sum) => Some(Aside::Total),
            _ => self.label(row, filled),
        }
    }

    /// The row's cells, but for the notes that people and marked sheets keep beside it.
    fn filled<'r>(&self, row: &'r Row) -> impl Iterator<Item = (usize, &'r Cell)> {
        let cells = row.cells.iter().enumerate();
        cells.filter(|&(at, cell)| !cell.is_empty() && !self.is_kept(at))
    }

    /// Whether what stands below is a guarantor's, or another such person's: `بيانات الضامنين`, alone in its row.
    fn is_title_of_others(&self, row: &Row) -> bool {
        let filled = self.filled(row).map(|(_, cell)| cell);
        let mut filled = filled.filter(|cell| !matches!(cell, Cell::Merged { .. }));
        // A word alone may say in each row who is who.
        let is_theirs = |cell: &Cell| {
            let (title, is_noise) = (cell.as_shown(), |it: &String| WORDS.noise.contains(it));
            words_beside(&title, &WORDS.guarantors) == Some(0) && words(&title).iter().any(is_noise)
        };
        let is_wide = self.names.len() >= LEAST_COLUMNS;
        is_wide && filled.next().is_some_and(is_theirs) && filled.next().is_none()
    }

    /// Of a row of headers, perhaps in another language, whether each may mean what its column is; none where it is no such row.
    fn is_translated(&self, row: &Row) -> Option<bool> {
        let filled = || self.filled(row).map(|(at, cell)| (at, cell.as_shown()));
        let is_known = |cell: &str| KNOWN.contains(&fold(cell));
        let known = filled().filter(|(_, cell)| is_known(cell)).count();
        let fields = self.phone.iter().chain(&self.email);
        let mut recipients = fields.flat_map(|field| &field.columns);
        if known < 2 || !recipients.any(|&at| is_known(&row.cell(at).as_shown())) {
            return None;
        }
        let is_same = |(at, cell): (usize, Cow<'_, str>)| {
            let both = [&*self.names[at], &*cell];
            let are_theirs = both.map(is_of_another_person);
            match both.map(concept_named) {
                [Some(own), Some(other)] => own == other,
                _ => are_theirs[0] == are_theirs[1],
            }
        };
        let are_same = filled().all(|it| !self.used.contains(&it.0) || is_same(it));
        (known == filled().count() || known >= LEAST_COLUMNS && !are_same).then_some(are_same)
    }

    /// Whether the row is the header of another table below, with the columns in another order or of another person: what follows is
    /// read wrongly. So is what stands below the title of one, `بيانات الضامنين`.
    pub fn is_header_of_another(&self, judged: &Judged) -> bool {
        let (Verdict::Invalid(_) | Verdict::Aside(Aside::Header)) = judged.verdict else {
            return false;
        };
        let names: Vec<String> = self.names.iter().map(|name| fold(name)).collect();
        let filled = self.filled(&judged.row);
        let filled: Vec<_> = filled.map(|(at, cell)| (at, cell.as_shown())).collect();
        let own = filled.iter().map(|(at, cell)| (*at, fold(cell)));
        let own: Vec<_> = own.filter(|(_, cell)| names.contains(cell)).collect();
        let is_moved = own.iter().any(|(at, cell)| names.get(*at) != Some(cell));
        // `موبايل الضامن` below `الموبايل`: those who sign speak of people as well.
        let recipient = self.phone.iter().chain(&self.email);
        let mut recipients = recipient.flat_map(|field| field.columns.iter().map(|&at| &names[at]));
        let is_there = |name: &String| {
            let name = name.strip_prefix("ال").unwrap_or(name);
            filled.iter().any(|(_, cell)| fold(cell).contains(name))
        };
        let are_theirs = filled.len() >= LEAST_COLUMNS
            && filled.iter().all(|(_, cell)| is_of_another_person(cell))
            && recipients.clone().any(is_there);
        // Two words of the header are enough where one is that of the phones, which no customer has.
        let has_own = recipients.any(|name| own.iter().any(|(_, it)| it == name));
        let least = if has_own { 2 } else { LEAST_COLUMNS };
        are_theirs
            || own.len() >= least && is_moved
            || self.is_title_of_others(&judged.row)
            || self.is_translated(&judged.row) == Some(false)
    }

    /// Where the row begins as a signature does, or as another person's (`المدير: علي`, `(الضامن) علي`): who has a phone there may be no
    /// customer.
    pub(super) fn begins_as_another(&self, row: &Row) -> Option<usize> {
        let mut filled = self.filled(row);
        let (at, text) = filled.find_map(|(at, cell)| match cell {
            Cell::Text(text) if text.contains(char::is_alphabetic) => Some((at, text.trim())),
            _ => None,
        })?;
        let text = text.trim_start_matches(['(', '[']);
        let head = &text[..text.find([':', '/', ')', ']'])?];
        let is_signature = || is_label(&fold_value(head.trim()), &WORDS.signatures);
        let is_other = words_beside(head, &WORDS.guarantors) == Some(0)
            || text[head.len()..].starts_with(':') && is_signature();
        (is_other && self.used.contains(&at)).then_some(at)
    }

    /// What the texts of a row say that it is, if they name nobody.
    fn label(&self, row: &Row, filled: Vec<(usize, &Cell)>) -> Option<Aside> {
        let (mut texts, mut others, mut sums, mut spanned) = (Vec::new(), 0, 0, 1);
        for (at, cell) in filled {
            let is_sum = self.is_sum(at, cell);
            match cell {
                Cell::Text(text) if !is_sum && text.chars().any(char::is_alphabetic) => {
                    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
                    texts.push((at, fold_value(text.trim())));
                }
                Cell::Merged { beside: true } => spanned += 1,
                _ => {
                    others += 1;
                    sums += usize::from(is_sum);
                }
            }
        }
        // Below a group, Excel writes its name before the word, and a sum.
        let has_sums = sums > 0 && sums == others;
        let (first, text) = texts.first()?;
        let are_labels = |words| texts.iter().all(|(_, text)| is_label(text, words));
        let are_totals = texts.iter().all(|(at, text)| {
            is_label(text, &WORDS.totals)
                || has_sums && ends_so(text, &WORDS.totals)
                || !self.used.contains(at) && rests(text, &WORDS.totals).next().is_some()
        });
        let mut columns = (0..self.names.len()).filter(|&at| !self.is_kept(at));
        let begins_the_row = columns.clone().next() == Some(*first);
        let is_across = begins_the_row && spanned >= LEAST_COLUMNS;
        let is_wide = columns.nth(LEAST_COLUMNS - 1).is_some();
        let is_end = are_labels(&WORDS.ends);
        let found = if are_totals {
            Aside::Total
        } else if others > 0 {
            return None;
        } else if text.ends_with(':') && is_label(text, &WORDS.signatures)
            || are_labels(&WORDS.signatures)
        {
            Aside::Signature
        } else if is_end {
            Aside::Section
        } else if texts.len() == 1 && begins_the_row && is_wide {
            // A name alone may be a customer whose phone is missing: that is a problem, not a title.
            if !is_title(text) && !is_across && self.used.contains(first) {
                return None;
            }
            Aside::Section
        } else {
            return None;
        };
        let must_be_read = found != Aside::Section || is_across || is_end;
        (!self.means_somebody(row, must_be_read)).then_some(found)
    }

    /// Whether a column is set aside for notes; one that is headed `#` alone counts the rows.
    fn is_kept(&self, at: usize) -> bool {
        self.left_out.contains(&at) && visible(&self.names[at]) != "#"
    }

    /// Whether a column of numbers has a number here.
    fn is_number(&self, at: usize, cell: &Cell) -> bool {
        self.fields().any(|field| {
            matches!(field.kind, Kind::Number { .. })
                && field.columns.contains(&at)
                && field.kind.reads(cell)
        })
    }

    /// Whether this may be a sum, or a count below whatever no form field is made of.
    fn is_sum(&self, at: usize, cell: &Cell) -> bool {
        let number = Kind::Number { decimal: None };
        let is_free = || self.fields().all(|field| !field.columns.contains(&at));
        self.is_number(at, cell) || is_free() && number.reads(cell)
    }

    /// Whether the row says whom to invite; also one that only tries to, unless it `must_be_read`: a total may have a count below
    /// the phones.
    fn means_somebody(&self, row: &Row, must_be_read: bool) -> bool {
        let fields = self.phone.iter().chain(&self.email);
        let cells = fields.flat_map(|field| field.columns.iter().map(move |&at| (field, at)));
        let mut read = cells.map(|(field, column)| field.read(column, row.cell(column)));
        read.any(|read| read.map_or(!must_be_read, |read| read.is_some()))
    }
}

/// What is left of a folded text behind each of these words that it begins with.
fn rests<'t>(text: &'t str, words: &'t [String]) -> impl Iterator<Item = &'t str> {
    let rests = words.iter();
    let rests = rests.filter_map(move |word| text.strip_prefix(&**word));
    rests.filter(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Whether a folded text is one of these words, and what follows it no name.
fn is_label(text: &str, words: &[String]) -> bool {
    rests(text, words).map(str::trim_start).any(|rest| {
        rest.contains(':')
            || rest.starts_with(char::is_numeric)
            || !rest.contains(char::is_alphabetic)
    })
}

/// Whether a folded text ends with one of these words, as in `Cairo Total`.
fn ends_so(text: &str, words: &[String]) -> bool {
    let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let mut before = words.iter().filter_map(|word| text.strip_suffix(&**word));
    before.any(|before| before.ends_with(char::is_whitespace))
}

/// Whether a folded text is surely the title of a section, such as `Branch 3`, `Group (A)`: a company may be called `Region Foods`.
fn is_title(text: &str) -> bool {
    let mut rests = rests(text, &WORDS.sections).map(str::trim_start);
    let is_closing = |rest: &str| {
        let name = rest.trim_matches(|c: char| !c.is_alphanumeric());
        name.chars().nth(1).is_none() || !name.contains(char::is_alphabetic)
    };
    text.ends_with(':') || rests.any(|rest| rest.starts_with(':') || is_closing(rest))
}

/// `(1)`, `(2)`, `(3)`: a form's numbers for its columns.
fn counts_the_columns(filled: &[(usize, &Cell)]) -> bool {
    let mut numbered = filled.iter().zip(1_usize..);
    numbered.all(|((_, cell), number)| {
        let shown = fold(&cell.as_shown());
        shown.trim_matches(|c: char| !c.is_alphanumeric()) == number.to_string()
    })
}

/// `---`, `***`: a question mark is a question, and one dash says that there is nothing.
fn is_line(cell: &Cell) -> bool {
    let is_mark = |c: char| !c.is_alphanumeric() && !matches!(c, '?' | '؟');
    let is_line = |text: &str| text.chars().nth(1).is_some() && text.chars().all(is_mark);
    matches!(cell, Cell::Text(text) if is_line(text.trim()))
}
