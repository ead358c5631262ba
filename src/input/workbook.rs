//! A workbook: which of its sheets is read, and what all sheets share.

use std::collections::HashMap;

use super::format::Format;
use super::package::{
    Content, MAX_KEPT_BYTES, MAX_SHEET_BYTES, Package, Piece, Relation, Xml, attribute, damaged,
    is_set,
};
use super::source::{Options, Source};
use super::xlsx::{Sheet, Tables, Texts, facts};
use crate::error::Error;
use crate::model::{NumberFormat, OVERVIEW_SHEET, RESULTS_SHEET};

/// Programs that write formulas and never calculate them.
const NEVER_CALCULATE: [&str; 4] = ["openpyxl", "xlsxwriter", "excelize", "phpspreadsheet"];

/// Opens a workbook. Its sheet is walked twice: first for what must be known before the first row, and for a file that is cut.
pub(super) fn open(mut package: Package, options: &Options) -> Result<Source, Error> {
    let mut book = Book::read(&mut package)?;
    let wanted = options.sheet.as_deref();
    if wanted.is_none() {
        look_for_data(&mut package, &mut book.sheets)?;
    }
    let at = choose(package.name(), &book.sheets, wanted)?;
    let tables = book.tables(&mut package)?;
    let SheetPart { name, part, .. } = &book.sheets[at];
    let part = part
        .as_deref()
        .ok_or_else(|| leads_nowhere(package.name(), name))?;
    let first = package.xml(part, MAX_SHEET_BYTES)?;
    let facts = facts(first, &tables)?;
    let mut source = Source::of(Sheet::new(package.xml(part, MAX_SHEET_BYTES)?, tables));
    source.note(format!("Read as XLSX, sheet \"{name}\"."));
    source.sheet = Some(name.clone());
    source.hidden = facts.hidden;
    source.set_merges(facts.merges);
    source.right_to_left = facts.right_to_left;
    source.layout = facts.layout;
    note_others(&mut source, &book.sheets, at, wanted.is_none());
    if options.delimiter.is_some() || options.encoding.is_some() {
        source.warn("A workbook has no delimiter and no encoding: those options change nothing.");
    }
    Ok(source)
}

/// The names of the sheets that a person sees and that hold anything.
pub(super) fn sheets_with_data(mut package: Package) -> Result<Vec<String>, Error> {
    let mut sheets = Book::read(&mut package)?.sheets;
    look_for_data(&mut package, &mut sheets)?;
    let filled = sheets.into_iter().filter(SheetPart::is_candidate);
    Ok(filled.map(|sheet| sheet.name).collect())
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

    fn is_candidate(&self) -> bool {
        self.is_visible && self.has_data && !self.is_overview()
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
        let of_kind = |relations: &HashMap<String, Relation>, kind: &str| {
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
        let texts = self.texts.as_ref();
        if let Some(Ok(mut xml)) = texts.map(|part| package.xml(part, MAX_KEPT_BYTES)) {
            let _ = read_texts(&mut xml, &mut tables.texts);
        }
        if let Some(part) = self.styles.as_ref().filter(|part| package.has(part)) {
            tables.formats = formats(package, part)?;
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

fn read_texts(xml: &mut Xml, texts: &mut Texts) -> Result<(), Error> {
    let mut content = Content::default();
    loop {
        match xml.next()? {
            Piece::Start(element) if element.local_name().as_ref() == "si" => {}
            Piece::Eof => return Ok(()),
            _ => continue,
        }
        xml.content("si", &mut content)?;
        texts.push(&content.text);
    }
}

/// The number formats of the styles that cells refer to.
fn formats(package: &mut Package, part: &str) -> Result<Vec<Format>, Error> {
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
            formats.push(Format::of(match codes.get(&id) {
                Some(code) => NumberFormat::Code(String::clone(code)),
                None => NumberFormat::BuiltIn(id.trim().parse().unwrap_or(0)),
            }));
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
            .and_then(|part| has_data(&mut package.xml(part, MAX_SHEET_BYTES)?));
        sheet.has_data = match found {
            Err(error) if !is_found => return Err(error),
            found => found.unwrap_or(false),
        };
        is_found |= sheet.is_candidate();
    }
    Ok(())
}

/// Whether a sheet has any value or formula. Reads no further than to the first.
fn has_data(xml: &mut Xml) -> Result<bool, Error> {
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

/// The place of the sheet to read.
fn choose(file: &str, sheets: &[SheetPart], wanted: Option<&str>) -> Result<usize, Error> {
    if let Some(wanted) = wanted {
        // A book of results has its own sheet, whatever the config says of the customers'.
        let at = named(sheets, wanted).or_else(|| named(sheets, RESULTS_SHEET));
        return at.ok_or_else(|| no_such_sheet(file, sheets, wanted));
    }
    let first = |test: fn(&SheetPart) -> bool| sheets.iter().position(test);
    first(SheetPart::is_candidate)
        .or_else(|| first(|sheet| sheet.is_visible && sheet.has_data))
        .or_else(|| first(|sheet| sheet.is_visible))
        .ok_or_else(|| no_visible_sheet(file, sheets))
}

/// Tells of the sheets beside the one at hand, and that it is hidden.
fn note_others(source: &mut Source, sheets: &[SheetPart], at: usize, was_chosen: bool) {
    let others = sheets
        .iter()
        .enumerate()
        .filter(|&(other, sheet)| other != at && sheet.is_candidate());
    let others: Vec<String> = others
        .map(|(_, sheet)| format!("\"{}\"", sheet.name))
        .collect();
    if was_chosen && sheets[..at].iter().any(SheetPart::is_overview) {
        source.note(format!(
            "The sheet \"{OVERVIEW_SHEET}\" sums up an earlier check and is passed over."
        ));
    }
    if was_chosen && !others.is_empty() {
        source.warn(format!(
            "Other sheets hold data and are not read: {}. Name one with --sheet to read it instead.",
            others.join(", ")
        ));
    }
    if !sheets[at].is_visible {
        source.warn(format!("The sheet \"{}\" is hidden.", sheets[at].name));
    }
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
