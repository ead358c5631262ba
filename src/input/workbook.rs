//! A workbook: which of its sheets is read, and what all sheets share.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::file::{Facts, Note, Opened, Options};
use super::format::Format;
use super::package::{Package, Piece, Relation, Xml, attribute, damaged, is_set};
use super::xlsx::{Sheet, Tables};
use crate::error::Error;
use crate::model::{NumberFormat, OVERVIEW_SHEET, RESULTS_SHEET, Row};

/// The name of the threads that read workbooks. A foreign parser that panics on a damaged file ends such a thread only, and
/// becomes an error; whoever owns the panic hook may keep quiet about it.
pub const READER_THREAD: &str = "sheet-reader";

/// Rows that travel together, and batches that wait.
const BATCH_ROWS: usize = 256;
const BATCHES_AHEAD: usize = 4;
/// Programs that write formulas and never calculate them.
const NEVER_CALCULATE: [&str; 4] = ["openpyxl", "xlsxwriter", "excelize", "phpspreadsheet"];

/// Opens a workbook.
pub(super) fn open(mut package: Package, options: &Options) -> Result<Opened, Error> {
    package.check_sizes()?;
    let mut book = Book::read(&mut package)?;
    let wanted = options.sheet.as_deref();
    if wanted.is_none() {
        look_for_data(&mut package, &mut book.sheets)?;
    }
    let (at, mut notes) = choose(package.name(), &book.sheets, wanted)?;
    let tables = book.tables(&mut package)?;
    let SheetPart { name, part, .. } = book.sheets.swap_remove(at);
    let part = part.ok_or_else(|| leads_nowhere(package.name(), &name))?;
    let (facts, rows) = on_a_thread(package, part, tables)?;
    notes.insert(0, Note::plain(format!("Read as XLSX, sheet \"{name}\".")));
    if options.delimiter.is_some() || options.encoding.is_some() {
        notes.push(Note::warning(
            "A workbook has no delimiter and no encoding: those options change nothing.",
        ));
    }
    Ok(Opened {
        rows: Box::new(rows),
        notes,
        is_guess: false,
        sheet: Some(name),
        facts,
    })
}

/// A worksheet, as far as choosing among them goes.
#[derive(Debug, Clone)]
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
}

/// What the workbook's own part tells.
#[derive(Default)]
struct Book {
    /// In the order of their tabs. Charts and macro sheets are none.
    sheets: Vec<SheetPart>,
    texts: Option<String>,
    styles: Option<String>,
    is_1904: bool,
    is_uncalculated: bool,
}

impl Book {
    fn read(package: &mut Package) -> Result<Book, Error> {
        let of_kind = |relations: &std::collections::HashMap<String, Relation>, kind: &str| {
            let mut of_kind = relations.values().filter(|relation| relation.is(kind));
            of_kind.next().map(|relation| relation.target.clone())
        };
        let own = package.relations("")?;
        let path = of_kind(&own, "officeDocument").unwrap_or_else(|| "xl/workbook.xml".to_owned());
        let relations = package.relations(&path)?;
        let mut book = Book {
            texts: of_kind(&relations, "sharedStrings"),
            styles: of_kind(&relations, "styles"),
            ..Book::default()
        };
        package.elements(&path, |element| match element.local_name().as_ref() {
            "sheet" => {
                let relation = attribute(element, "id").and_then(|id| relations.get(&id));
                if relation.is_some_and(|relation| !relation.is("worksheet")) {
                    return;
                }
                book.sheets
                    .extend(attribute(element, "name").map(|name| SheetPart {
                        name,
                        part: relation.map(|relation| relation.target.clone()),
                        is_visible:
                            attribute(element, "state").is_none_or(|state| state == "visible"),
                        has_data: false,
                    }));
            }
            "workbookPr" => book.is_1904 = is_set(element, "date1904"),
            "calcPr" => book.is_uncalculated = is_set(element, "fullCalcOnLoad"),
            _ => {}
        })?;
        let is_chained = of_kind(&relations, "calcChain").is_some();
        book.is_uncalculated |= !is_chained && was_never_calculated(package);
        Ok(book)
    }

    fn tables(&self, package: &mut Package) -> Result<Tables, Error> {
        let mut tables = Tables {
            is_1904: self.is_1904,
            is_uncalculated: self.is_uncalculated,
            ..Tables::default()
        };
        // Where texts cannot be read, the cells that refer to them say so; a sheet that has none needs none.
        if let Some(Ok(mut xml)) = self.texts.as_ref().map(|part| package.xml(part)) {
            let _ = read_texts(&mut xml, &mut tables);
        }
        if let Some(part) = self.styles.as_ref().filter(|part| package.has(part)) {
            (tables.formats, tables.written_formats) = formats(package, part)?.into_iter().unzip();
        }
        Ok(tables)
    }
}

/// Whether the program that wrote the workbook says its name, and is one that never calculates.
fn was_never_calculated(package: &mut Package) -> bool {
    let texts = ["docprops/app.xml", "docprops/core.xml"].map(|part| package.text(part, 1 << 16));
    let told = texts
        .into_iter()
        .flatten()
        .collect::<String>()
        .to_lowercase();
    NEVER_CALCULATE.iter().any(|program| told.contains(program))
}

fn read_texts(xml: &mut Xml<'_>, tables: &mut Tables) -> Result<(), Error> {
    let (mut text, mut is_in_text, mut is_in_phonetic) = (String::new(), false, false);
    loop {
        match xml.next()? {
            Piece::Start(element) => match element.local_name().as_ref() {
                "t" => is_in_text = !is_in_phonetic,
                // The reading aid of a text is no part of it.
                "rPh" => is_in_phonetic = true,
                _ => {}
            },
            Piece::Text(piece) if is_in_text => text.push_str(&piece),
            Piece::End(element) => match element.local_name().as_ref() {
                "t" => is_in_text = false,
                "rPh" => is_in_phonetic = false,
                "si" => {
                    tables.texts.push(&text);
                    text.clear();
                }
                _ => {}
            },
            Piece::Empty(element) if element.local_name().as_ref() == "si" => tables.texts.push(""),
            Piece::Eof => return Ok(()),
            Piece::Text(_) | Piece::Empty(_) => {}
        }
    }
}

/// The number formats of the styles that cells refer to.
fn formats(package: &mut Package, part: &str) -> Result<Vec<(Format, NumberFormat)>, Error> {
    let mut codes = std::collections::HashMap::new();
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
            let code = codes
                .get(&id)
                .map(|code| (Format::of_code(code), NumberFormat::Code(code.clone())));
            let built_in = || {
                (
                    Format::built_in(&id),
                    NumberFormat::BuiltIn(id.trim().parse().unwrap_or(0)),
                )
            };
            formats.push(code.unwrap_or_else(built_in));
        }
        _ => {}
    })?;
    Ok(formats)
}

fn leads_nowhere(file: &str, sheet: &str) -> Error {
    damaged(
        file,
        &format!("nothing tells where its sheet \"{sheet}\" is"),
    )
}

/// Finds out which visible sheets hold data. A sheet that cannot be read stops only where it could be the one that is meant.
fn look_for_data(package: &mut Package, sheets: &mut [SheetPart]) -> Result<(), Error> {
    let mut is_found = false;
    for sheet in sheets.iter_mut().filter(|sheet| sheet.is_visible) {
        let part = sheet.part.as_deref();
        let found = part
            .ok_or_else(|| leads_nowhere(package.name(), &sheet.name))
            .and_then(|part| has_data(&mut package.xml(part)?));
        sheet.has_data = match found {
            Err(error) if !is_found => return Err(error),
            found => found.unwrap_or(false),
        };
        is_found |= sheet.has_data && !sheet.is_overview();
    }
    Ok(())
}

/// Whether a sheet has any value or formula. Reads no further than to the first.
fn has_data(xml: &mut Xml<'_>) -> Result<bool, Error> {
    loop {
        match xml.next()? {
            Piece::Start(element) => {
                if matches!(element.local_name().as_ref(), "v" | "is" | "f") {
                    return Ok(true);
                }
            }
            Piece::End(element) if element.local_name().as_ref() == "sheetData" => {
                return Ok(false);
            }
            Piece::Eof => return Ok(false),
            _ => {}
        }
    }
}

/// The place of the sheet to read, with notes about the others.
fn choose(
    file: &str,
    sheets: &[SheetPart],
    wanted: Option<&str>,
) -> Result<(usize, Vec<Note>), Error> {
    let at = if let Some(wanted) = wanted {
        // A book of results has its own sheet, whatever the config says of the customers'.
        named(sheets, wanted)
            .or_else(|| named(sheets, RESULTS_SHEET))
            .ok_or_else(|| no_such_sheet(file, sheets, wanted))?
    } else {
        let first = |test: fn(&SheetPart) -> bool| sheets.iter().position(test);
        first(|sheet| sheet.is_visible && sheet.has_data && !sheet.is_overview())
            .or_else(|| first(|sheet| sheet.is_visible && sheet.has_data))
            .or_else(|| first(|sheet| sheet.is_visible))
            .ok_or_else(|| no_visible_sheet(file, sheets))?
    };
    let others: Vec<String> = sheets
        .iter()
        .enumerate()
        .filter(|&(other, sheet)| other != at && sheet.is_visible && sheet.has_data)
        .filter(|(_, sheet)| !sheet.is_overview())
        .map(|(_, sheet)| format!("\"{}\"", sheet.name))
        .collect();
    let mut notes = Vec::new();
    if wanted.is_none() && sheets[..at].iter().any(SheetPart::is_overview) {
        notes.push(Note::plain(format!(
            "The sheet \"{OVERVIEW_SHEET}\" sums up an earlier check and is passed over."
        )));
    }
    if wanted.is_none() && !others.is_empty() {
        notes.push(Note::warning(format!(
            "Other sheets hold data and are not read: {}. Name one with --sheet to read it instead.",
            others.join(", ")
        )));
    }
    if !sheets[at].is_visible {
        notes.push(Note::warning(format!(
            "The sheet \"{}\" is hidden.",
            sheets[at].name
        )));
    }
    Ok((at, notes))
}

/// The sheet of that name; when none is spelled exactly so, the one that differs in case and outer spaces only.
fn named(sheets: &[SheetPart], wanted: &str) -> Option<usize> {
    let alike =
        |sheet: &SheetPart| sheet.name.trim().to_lowercase() == wanted.trim().to_lowercase();
    sheets
        .iter()
        .position(|sheet| sheet.name == wanted)
        .or_else(|| sheets.iter().position(alike))
}

fn no_such_sheet(file: &str, sheets: &[SheetPart], wanted: &str) -> Error {
    let names: Vec<String> = sheets
        .iter()
        .map(|sheet| format!("\"{}\"", sheet.name))
        .collect();
    Error::unusable(
        "sheet_not_found",
        format!("{file} has no sheet \"{wanted}\"."),
    )
    .hint(format!("Its sheets are: {}.", names.join(", ")))
}

fn no_visible_sheet(file: &str, sheets: &[SheetPart]) -> Error {
    match sheets.first() {
        None => Error::unusable(
            "sheet_not_found",
            format!("{file} has no sheet with cells."),
        )
        .hint("Give a workbook with a worksheet."),
        Some(first) => Error::unusable(
            "sheet_not_found",
            format!("All sheets of {file} are hidden."),
        )
        .hint(format!(
            "Name the one to read, such as --sheet \"{}\".",
            first.name
        )),
    }
}

/// The rows of a sheet, read on a thread of their own: a stream over a part borrows the package, a thread can own both. The
/// sheet is read twice, first for what would make its later rows wrong.
fn on_a_thread(
    mut package: Package,
    part: String,
    tables: Tables,
) -> Result<(Facts, ThreadRows), Error> {
    let file = package.name().to_owned();
    let (tell, told) = sync_channel(1);
    let (batches, receiver) = sync_channel(BATCHES_AHEAD);
    let read = move || {
        let surveyed = survey(&mut package, &part, &tables);
        let is_sound = surveyed.is_ok();
        if tell.send(surveyed).is_ok() && is_sound {
            let outcome = give(&mut package, &part, &tables, &batches);
            // No rows are the end. When nobody listens, there is nobody to tell.
            let _ = batches.send(outcome.map(|()| Vec::new()));
        }
    };
    std::thread::Builder::new()
        .name(READER_THREAD.to_owned())
        .spawn(read)
        .map_err(|error| {
            Error::unexpected("no_thread", format!("{file} cannot be read: {error}."))
        })?;
    let facts = told.recv().unwrap_or_else(|_| Err(broke_down(&file)))?;
    let rows = ThreadRows {
        file,
        receiver,
        batch: Vec::new().into_iter(),
        is_done: false,
    };
    Ok((facts, rows))
}

fn survey(package: &mut Package, part: &str, tables: &Tables) -> Result<Facts, Error> {
    let mut sheet = Sheet::new(package.xml(part)?, tables);
    while sheet.next_row()?.is_some() {}
    Ok(sheet.facts())
}

fn give(
    package: &mut Package,
    part: &str,
    tables: &Tables,
    batches: &SyncSender<Batch>,
) -> Result<(), Error> {
    let mut sheet = Sheet::new(package.xml(part)?, tables);
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    loop {
        let row = sheet.next_row()?;
        let is_last = row.is_none();
        batch.extend(row);
        if !batch.is_empty() && (is_last || batch.len() == BATCH_ROWS) {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS));
            if batches.send(Ok(full)).is_err() {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

fn broke_down(file: &str) -> Error {
    damaged(file, "its sheet cannot be made sense of")
}

/// Rows, or none at the end, or why there are no more.
type Batch = Result<Vec<Row>, Error>;

/// The reading end.
struct ThreadRows {
    file: String,
    receiver: Receiver<Batch>,
    batch: std::vec::IntoIter<Row>,
    is_done: bool,
}

impl Iterator for ThreadRows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_done {
            if let Some(row) = self.batch.next() {
                return Some(Ok(row));
            }
            // A thread that is gone without a word has broken down.
            let received = self
                .receiver
                .recv()
                .unwrap_or_else(|_| Err(broke_down(&self.file)));
            match received {
                Ok(batch) => {
                    self.is_done = batch.is_empty();
                    self.batch = batch.into_iter();
                }
                Err(error) => {
                    self.is_done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
