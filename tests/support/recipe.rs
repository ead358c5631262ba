//! Files made in the test from a few lines of TOML: text in an encoding, a workbook of cells, or a package of raw XML parts.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};

use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet, XlsxError, utility::row_col_to_cell};
use serde::{Deserialize, de::DeserializeOwned};
use toml::Value;

use super::rows;

const STRICT: &str = "purl.oclc.org";
/// The cases of a file in TOML, a table each under this name.
pub fn cases<T: DeserializeOwned>(toml: &str, name: &str) -> Vec<T> {
    let file: Result<BTreeMap<String, Vec<T>>, _> = toml::from_str(toml);
    file.expect("cases as described")
        .remove(name)
        .expect("cases")
}

/// The parts of a package such as a workbook.
pub fn parts(package: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut package = zip::ZipArchive::new(Cursor::new(package)).expect("a package");
    let parts = package.len();
    let part = |at| {
        let mut part = package.by_index(at).expect("a part");
        let mut content = Vec::new();
        part.read_to_end(&mut content).expect("a part's content");
        let name = part.name().expect("a name").into_owned();
        (name, content)
    };
    (0..parts).map(part).collect()
}

/// How a file is made; one of `kept`, `text`, `template`, `sheet` and `parts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// The name of a file in `tests/cases`, which another program wrote.
    kept: Option<String>,
    /// In `encoding`: a name that `encoding_rs` knows, `utf-16le`, `utf-16be`, `utf-32le`, or `bytes` (each character is a byte).
    text: Option<String>,
    encoding: Option<String>,
    /// A text too long to be written down: minijinja.
    template: Option<String>,
    sheet: Vec<Sheet>,
    /// The parts of an OOXML package; of one sheet, unless they say otherwise.
    parts: BTreeMap<String, String>,
    /// So many spaces before the end of the package's first sheet.
    spaces: u64,
    /// Only so much of the file, as a download that broke off.
    cut_percent: Option<usize>,
}

/// A cell is a TOML string, number or boolean, or a table of `formula` and `result`, or of `format` with or without `number`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sheet {
    name: Option<String>,
    hidden: bool,
    right_to_left: bool,
    /// Of the first columns.
    widths: Vec<f64>,
    at: Option<String>,
    rows: Vec<Vec<Value>>,
    far: BTreeMap<String, Value>,
    /// Counted from 1, as the columns below.
    hidden_rows: Vec<u32>,
    hidden_columns: Vec<u16>,
    merged: Vec<String>,
}

impl Recipe {
    pub fn bytes(&self) -> Vec<u8> {
        let encoding = self.encoding.as_deref().unwrap_or("utf-8");
        let mut bytes = if let Some(name) = &self.kept {
            let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
            std::fs::read(cases.join(name)).expect("a kept file")
        } else if let Some(text) = &self.text {
            encoded(text, encoding)
        } else if let Some(template) = &self.template {
            encoded(&minijinja::render!(template), encoding)
        } else if self.sheet.is_empty() {
            package(&self.parts, self.spaces)
        } else {
            workbook(&self.sheet).expect("a workbook")
        };
        if let Some(percent) = self.cut_percent {
            bytes.truncate(bytes.len() * percent / 100);
        }
        bytes
    }
}

/// A text as it stands, and as Notepad and PowerShell write it: with a byte-order mark, and in UTF-16.
pub fn as_saved(text: &str) -> [Vec<u8>; 3] {
    let marked = format!("\u{feff}{text}");
    [
        text.into(),
        marked.clone().into(),
        encoded(&marked, "utf-16le"),
    ]
}

fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-32le" => text
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect(),
        "bytes" => text
            .chars()
            .map(|c| u8::try_from(c).expect("a byte"))
            .collect(),
        name => {
            let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).expect("an encoding");
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{text:?} in {name}");
            bytes.into_owned()
        }
    }
}

fn workbook(sheets: &[Sheet]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    for recipe in sheets {
        let sheet = workbook.add_worksheet();
        if let Some(name) = &recipe.name {
            sheet.set_name(name)?;
        }
        sheet.set_right_to_left(recipe.right_to_left);
        for (column, width) in (0..).zip(&recipe.widths) {
            sheet.set_column_width(column, *width)?;
        }
        fill(sheet, recipe)?;
        for row in &recipe.hidden_rows {
            sheet.set_row_hidden(row - 1)?;
        }
        for column in &recipe.hidden_columns {
            sheet.set_column_hidden(column - 1)?;
        }
        for range in &recipe.merged {
            merge(sheet, recipe, range)?;
        }
    }
    if let Some(shown) = sheets.iter().position(|sheet| !sheet.hidden) {
        workbook.worksheet_from_index(shown)?.set_active(true);
    }
    for (sheet, recipe) in workbook.worksheets_mut().iter_mut().zip(sheets) {
        sheet.set_hidden(recipe.hidden);
    }
    workbook.save_to_buffer()
}

fn fill(sheet: &mut Worksheet, recipe: &Sheet) -> Result<(), XlsxError> {
    let (row, column) = recipe.at.as_deref().map_or((0, 0), place);
    for (row, cells) in (row..).zip(&recipe.rows) {
        for (column, cell) in (column..).zip(cells) {
            write(sheet, (row, column), cell)?;
        }
    }
    for (at, cell) in &recipe.far {
        write(sheet, place(at), cell)?;
    }
    Ok(())
}

fn write(sheet: &mut Worksheet, (row, column): (u32, u16), cell: &Value) -> Result<(), XlsxError> {
    match cell {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            sheet.write_string(row, column, text)?;
        }
        Value::Boolean(value) => {
            sheet.write_boolean(row, column, *value)?;
        }
        Value::Table(table) if table.contains_key("formula") => {
            let word = |key: &str| table[key].as_str().expect("a text");
            let formula = Formula::new(word("formula")).set_result(word("result"));
            sheet.write_formula(row, column, formula)?;
        }
        Value::Table(table) => {
            let format = table["format"].as_str().expect("a number format");
            let format = Format::new().set_num_format(format);
            match table.get("number") {
                Some(value) => {
                    sheet.write_number_with_format(row, column, number(value), &format)?
                }
                None => sheet.write_blank(row, column, &format)?,
            };
        }
        value => {
            sheet.write_number(row, column, number(value))?;
        }
    }
    Ok(())
}

/// Merges a range around the value that its first cell has.
fn merge(sheet: &mut Worksheet, recipe: &Sheet, range: &str) -> Result<(), XlsxError> {
    let (from, to) = range.split_once(':').expect("a range");
    let ((row, column), (last_row, last_column)) = (place(from), place(to));
    let text = recipe.rows[row as usize][column as usize]
        .as_str()
        .expect("a text");
    sheet.merge_range(row, column, last_row, last_column, text, &Format::new())?;
    Ok(())
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        value => value.to_string().parse().expect("a number"),
    }
}

/// Row and column of a cell's name such as `B3`, counted from 0.
fn place(name: &str) -> (u32, u16) {
    let (letters, digits) = name.split_at(name.find(|c: char| c.is_ascii_digit()).expect("a row"));
    let column = letters.bytes().fold(0, |column, letter| {
        column * 26 + u16::from(letter - b'A') + 1
    });
    let place = (digits.parse::<u32>().expect("a row") - 1, column - 1);
    assert_eq!(row_col_to_cell(place.0, place.1), name);
    place
}

/// A package of these parts, and of what a package of one sheet needs beside it.
fn package(parts: &BTreeMap<String, String>, spaces: u64) -> Vec<u8> {
    let mut parts = parts.clone();
    if let Some(sheet) = parts.get_mut("xl/worksheets/sheet1.xml") {
        let is_strict = sheet.contains(STRICT);
        for (name, content) in rows::<(&str, &str)>("recipe.parts") {
            let names = rows::<(&str, &str)>("recipe.strict").into_iter();
            let strict = names.filter(|_| is_strict);
            let content = strict.fold(content.to_owned(), |content, (usual, strict)| {
                content.replace(usual, strict)
            });
            parts.entry(name.to_owned()).or_insert(content);
        }
    }
    let parts = parts.into_iter();
    zipped(
        parts.map(|(name, content)| (name, content.into_bytes())),
        spaces,
    )
}

/// A package of these parts; with so many spaces before the end of its first sheet.
pub fn zipped(parts: impl IntoIterator<Item = (String, Vec<u8>)>, spaces: u64) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(&name, zip::write::SimpleFileOptions::default())
            .expect("a part");
        let end = b"</sheetData>";
        let end = content.windows(end.len()).position(|bytes| bytes == end);
        let end = end.unwrap_or(content.len());
        zip.write_all(&content[..end]).expect("a part");
        if name.contains("sheet1") {
            std::io::copy(&mut std::io::repeat(b' ').take(spaces), &mut zip).expect("spaces");
        }
        zip.write_all(&content[end..]).expect("a part");
    }
    zip.finish().expect("a package").into_inner()
}
