//! A workbook: which of its sheets is read, and what all sheets share.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event};

use super::format::CellFormat;
use super::package::{
    MAX_KEPT_BYTES, MAX_SHEET_BYTES, Package, Relations, attribute, damaged, is_set,
};
use super::source::{MAX_COLUMNS, Merge, Options, Source, has_results};
use super::xlsx::{SheetReader, Tables, unescaped};
use crate::error::Error;
use crate::mapping::names::{fold, is_personal};
use crate::model::{Cell, Note, NumberFormat, OVERVIEW_SHEET, RESULTS_SHEET, Row};

/// Among how many rows two sheets must have names alike, and the other somebody's phone, e-mail or id, to be of the same kind.
const HEADS: usize = 20;

/// Opens a workbook. Its sheet is read twice: first for what must be known before the first row, and for a file that is cut.
pub(super) fn open(package: Package, options: &Options) -> Result<Source, Error> {
    let mut book = Book::open(package)?;
    let wanted = options.sheet.as_deref();
    if wanted.is_none() {
        book.look_for_data()?;
    }
    let at = book.choose(wanted)?;
    if wanted.is_some() {
        book.look_for_others(at);
    }
    let mut source = book.sheet(at)?.look_through()?;
    if overlap(&source.merges) {
        return Err(damaged(&book.package.name, "merged ranges overlap"));
    }
    source.is_1904 = book.tables.is_1904;
    let name = &book.sheets[at].name;
    source.notes.push(Note::of("read_as_workbook", &[&name]));
    source.sheet = Some(name.clone());
    book.note_others(&mut source, at, wanted.is_none());
    if options.delimiter.is_some() || options.encoding.is_some() {
        source.notes.push(Note::of("useless_for_workbook", &[]));
    }
    let mut sheet = book.sheet(at)?;
    Ok(source.with(move |is_first| {
        if is_first {
            sheet = book.sheet(at)?;
        }
        sheet.next_row()
    }))
}

/// Whether merged ranges overlap, as no spreadsheet makes them: each of their rows would be compared with all of them.
fn overlap(merges: &[Merge]) -> bool {
    let mut changes: BTreeMap<u32, [usize; 2]> = BTreeMap::new();
    let merges = merges.iter();
    for Merge { rows, columns } in merges.filter(|merge| !merge.rows.is_empty()) {
        changes.entry(rows.start).or_default()[0] += columns.len();
        changes.entry(rows.end).or_default()[1] += columns.len();
    }
    let mut open = 0;
    changes.values().any(|[begun, ended]| {
        open = open + begun - ended;
        open > MAX_COLUMNS
    })
}

/// The names of the sheets that a person sees and that hold anything.
pub(super) fn sheets_with_data(package: Package) -> Result<Vec<String>, Error> {
    let mut book = Book::open(package)?;
    book.look_for_data()?;
    let filled = book.sheets.into_iter().filter(SheetPart::is_candidate);
    Ok(filled.map(|sheet| sheet.name).collect())
}

/// A worksheet, as far as choosing among them goes.
struct SheetPart {
    name: String,
    /// Where it is in the package; `None` when the workbook does not tell.
    part: Option<String>,
    is_visible: bool,
    has_data: bool,
}

impl SheetPart {
    /// Whether it is the first sheet of a workbook that was given back with its problems marked.
    fn is_overview(&self) -> bool {
        self.name == OVERVIEW_SHEET
    }

    fn is_candidate(&self) -> bool {
        self.is_visible && self.has_data && !self.is_overview()
    }
}

struct Book {
    package: Package,
    /// In the order of their tabs. Charts and macro sheets are none.
    sheets: Vec<SheetPart>,
    tables: Arc<Tables>,
}

impl Book {
    fn open(mut package: Package) -> Result<Book, Error> {
        let own = package.relations("")?;
        let path = target(&own, "officeDocument").unwrap_or("xl/workbook.xml");
        let relations = package.relations(path)?;
        let (mut sheets, mut tables) = (Vec::new(), Tables::default());
        package.elements(path, |element| match element.local_name().as_ref() {
            "sheet" => sheets.extend(sheet_part(element, &relations)),
            // Extensions have elements of the same name.
            "workbookPr" => tables.is_1904 |= is_set(element, "date1904"),
            "calcPr" => tables.is_uncalculated |= is_set(element, "fullCalcOnLoad"),
            _ => {}
        })?;
        if let Some(part) = target(&relations, "sharedStrings") {
            // Where texts cannot be read, the cells that refer to them say so; a sheet that has none needs none.
            // Their checksum stands behind the last one.
            if read_texts(&mut package, part, &mut tables.texts).is_err() {
                tables.texts.clear();
            }
        }
        if let Some(part) = target(&relations, "styles").filter(|part| package.has(part)) {
            tables.formats = formats(&mut package, part)?;
        }
        Ok(Book {
            package,
            sheets,
            tables: Arc::new(tables),
        })
    }

    fn sheet(&mut self, at: usize) -> Result<SheetReader, Error> {
        let SheetPart { name, part, .. } = &self.sheets[at];
        let Some(part) = part else {
            let why = format!("nothing tells where its sheet \"{name}\" is");
            return Err(damaged(&self.package.name, &why));
        };
        let xml = self.package.xml(part, MAX_SHEET_BYTES)?;
        Ok(SheetReader::new(xml, Arc::clone(&self.tables)))
    }

    /// Finds out which visible sheets hold data. A sheet that cannot be read stops only where it could be the one that is meant.
    fn look_for_data(&mut self) -> Result<(), Error> {
        let mut is_found = false;
        for at in 0..self.sheets.len() {
            if self.sheets[at].is_visible {
                let first = self.sheet(at).and_then(|mut sheet| sheet.next_row());
                self.sheets[at].has_data = match first {
                    Err(error) if !is_found => return Err(error),
                    first => first.is_ok_and(|row| row.is_some()),
                };
                is_found |= self.sheets[at].is_candidate();
            }
        }
        Ok(())
    }

    /// Beside a sheet that was named, those count that have two of its names side by side, and anybody in them.
    fn look_for_others(&mut self, at: usize) {
        let own: HashSet<String> = self.heads(at).into_iter().flatten().collect();
        for other in (0..self.sheets.len()).filter(|other| *other != at) {
            let heads = self.heads(other);
            let is_own = |it: &&String| it.contains(char::is_alphabetic) && own.contains(*it);
            let is_alike = |head: &Vec<String>| head.iter().filter(is_own).count() > 1;
            let has_somebody = heads.iter().flatten().any(|it| is_personal(it));
            self.sheets[other].has_data = has_somebody && heads.iter().any(is_alike);
        }
    }

    /// What a sheet's first rows hold, for comparing, as far as they can be read.
    fn heads(&mut self, at: usize) -> Vec<Vec<String>> {
        let mut sheet = self.sheet(at).ok();
        let rows = std::iter::from_fn(|| sheet.as_mut()?.next_row().ok()?);
        let text = |cell: &Cell| fold(&cell.as_shown());
        let texts = |row: Row| row.cells.iter().map(text).collect();
        rows.take(HEADS).map(texts).collect()
    }

    fn choose(&mut self, wanted: Option<&str>) -> Result<usize, Error> {
        let first = |test: fn(&SheetPart) -> bool| self.sheets.iter().position(test);
        let at = match wanted.map(|wanted| self.named(wanted)) {
            Some(None) => self.results()?,
            Some(named) => named,
            None => first(SheetPart::is_candidate)
                .or_else(|| first(|sheet| sheet.is_visible && sheet.has_data))
                .or_else(|| first(|sheet| sheet.is_visible)),
        };
        at.ok_or_else(|| self.no_sheet(wanted))
    }

    /// The sheet of a book of results, which has it whatever the config says of the customers'.
    fn results(&mut self) -> Result<Option<usize>, Error> {
        let Some(at) = self.named(RESULTS_SHEET) else {
            return Ok(None);
        };
        let first = self.sheet(at)?.next_row()?;
        Ok(first.filter(has_results).and(Some(at)))
    }

    /// The sheet of that name; when none is spelled exactly so, the one that differs in case and outer spaces only.
    fn named(&self, wanted: &str) -> Option<usize> {
        let folded = |name: &str| name.trim().to_lowercase();
        let exact = self.sheets.iter().position(|sheet| sheet.name == wanted);
        let alike = |sheet: &SheetPart| folded(&sheet.name) == folded(wanted);
        exact.or_else(|| self.sheets.iter().position(alike))
    }

    fn no_sheet(&self, wanted: Option<&str>) -> Error {
        let file = &self.package.name;
        let names = self.sheets.iter().map(|sheet| &sheet.name);
        let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
        match (wanted, &names[..]) {
            (Some(wanted), _) => Error::of("sheet_not_found", &[file, &wanted, &names.join(", ")]),
            (None, []) => Error::of("sheet_not_found.none", &[file]),
            (None, [first, ..]) => Error::of("sheet_not_found.hidden", &[file, first]),
        }
    }

    /// Tells of the sheets beside the one at hand, and that it is hidden.
    fn note_others(&self, source: &mut Source, at: usize, was_chosen: bool) {
        let is_other = |other: &(usize, &SheetPart)| other.0 != at && other.1.is_candidate();
        let others = self.sheets.iter().enumerate().filter(is_other);
        let others = others.map(|(_, sheet)| format!("\"{}\"", sheet.name));
        let others: Vec<String> = others.collect();
        if was_chosen && self.sheets[..at].iter().any(SheetPart::is_overview) {
            source.notes.push(Note::of("overview_passed_over", &[]));
        }
        if !others.is_empty() {
            let others = others.join(", ");
            source.notes.push(Note::of("sheets_unread", &[&others]));
        }
        let sheet = &self.sheets[at];
        if !sheet.is_visible {
            source.notes.push(Note::of("sheet_hidden", &[&sheet.name]));
        }
    }
}

fn target<'a>(relations: &'a Relations, kind: &str) -> Option<&'a str> {
    let mut relations = relations.values();
    let relation = relations.find(|relation| relation.kind == kind);
    relation.map(|relation| relation.target.as_str())
}

/// A sheet of the workbook's list, when it is one with cells.
fn sheet_part(element: &BytesStart<'_>, relations: &Relations) -> Option<SheetPart> {
    let relation = attribute(element, "id").and_then(|id| relations.get(&id));
    let is_worksheet = relation.is_none_or(|relation| relation.kind == "worksheet");
    Some(SheetPart {
        name: attribute(element, "name").filter(|_| is_worksheet)?,
        part: relation.map(|relation| relation.target.clone()),
        is_visible: attribute(element, "state").is_none_or(|state| state == "visible"),
        has_data: false,
    })
}

fn read_texts(package: &mut Package, part: &str, texts: &mut Vec<Box<str>>) -> Result<(), Error> {
    let mut xml = package.xml(part, MAX_KEPT_BYTES)?;
    loop {
        match xml.next()? {
            Event::Start(element) if element.local_name().as_ref() == "si" => {}
            Event::Eof => return Ok(()),
            _ => continue,
        }
        texts.push(unescaped(&xml.content("si")?.text).into());
    }
}

/// The number formats of the styles that cells refer to.
fn formats(package: &mut Package, part: &str) -> Result<Vec<CellFormat>, Error> {
    let mut codes = HashMap::new();
    let mut formats = Vec::new();
    let mut is_in_styles = false;
    package.elements(part, |element| match element.local_name().as_ref() {
        "numFmt" => {
            let id = attribute(element, "numFmtId");
            codes.extend(id.zip(attribute(element, "formatCode")));
        }
        "cellXfs" => is_in_styles = true,
        "cellStyles" | "dxfs" => is_in_styles = false,
        "xf" if is_in_styles => {
            let id = attribute(element, "numFmtId").unwrap_or_default();
            formats.push(CellFormat::of(match codes.get(&id) {
                Some(code) => NumberFormat::Code(String::clone(code)),
                None => NumberFormat::BuiltIn(id.trim().parse().unwrap_or(0)),
            }));
        }
        _ => {}
    })?;
    Ok(formats)
}
