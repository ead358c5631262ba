//! Results as CSV, XLSX or JSON lines, streamed row by row: the source's own columns first, then the result's.
//!
//! Which rows, and into which file with which mode, is for the caller to decide. A token that must not leave goes nowhere: with
//! `without_tokens` both the token's column and the link's stay empty.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use rust_xlsxwriter::Workbook;

use crate::error::Error;
use crate::model::{RESULT_COLUMNS, ResultRow, RowNumber, Secret, Status};

use super::text::vendor_words;
use super::workbook::{Book, Fill, Value, failed, looks_like_formula, within_sheet};

/// The form that results take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub enum Format {
    /// Comma-separated, UTF-8, a header line.
    Csv,
    Xlsx,
    /// One JSON object a line.
    Jsonl,
}

/// What an export shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions<'a> {
    /// How a token becomes a link.
    pub link: Option<&'a LinkTemplate>,
    /// Leaves tokens and links out; their columns stay, empty.
    pub without_tokens: bool,
    /// Lays the sheet out from right to left (XLSX only).
    pub right_to_left: bool,
}

/// Takes result rows one by one, in order.
pub trait Sink {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error>;

    /// Writes what belongs behind the last row. Without it the output is not complete.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Begins an export into `out`.
pub fn sink<'a, W: Write + Send + 'a>(
    format: Format,
    columns: &[String],
    options: ExportOptions<'a>,
    out: W,
) -> Result<Box<dyn Sink + Send + 'a>, Error> {
    Ok(match format {
        Format::Csv => Box::new(CsvSink::begin(columns, options, out)?),
        Format::Jsonl => Box::new(JsonLinesSink {
            out: BufWriter::with_capacity(BUFFER_BYTES, out),
            options,
            keys: keys(columns),
        }),
        Format::Xlsx => Box::new(XlsxSink::begin(columns, options, out)?),
    })
}

const BUFFER_BYTES: usize = 1 << 16;

/// What a result says, without its row: token and link only if they may leave, what went wrong in words.
#[derive(serde::Serialize)]
struct ResultColumns<'r> {
    row: RowNumber,
    status: Status,
    token: Option<&'r str>,
    link: Option<String>,
    error_code: Option<&'r str>,
    error: Option<Cow<'r, str>>,
    attempts: u32,
    sent_at: Option<String>,
}

impl<'r> ResultColumns<'r> {
    fn of(row: &'r ResultRow, options: &ExportOptions<'_>) -> Result<ResultColumns<'r>, Error> {
        let token = row.token.as_ref().filter(|_| !options.without_tokens);
        let token = token.map(Secret::expose);
        let link = match (token, options.link) {
            (Some(token), Some(template)) => Some(template.render(token, row.row)?),
            _ => None,
        };
        let error = row.error.as_deref().map(|error| match row.status {
            Status::Rejected => Cow::Owned(vendor_words(error)),
            _ => Cow::Borrowed(error),
        });
        Ok(ResultColumns {
            row: row.row,
            status: row.status,
            token,
            link,
            error_code: row.error_code.as_deref(),
            error,
            attempts: row.attempts,
            sent_at: row.sent_at.map(|at| at.to_string()),
        })
    }

    fn texts(&self) -> [Cow<'_, str>; 8] {
        let text = |text: Option<&'r str>| Cow::Borrowed(text.unwrap_or_default());
        [
            Cow::Owned(self.row.to_string()),
            Cow::Borrowed(self.status.into()),
            text(self.token),
            Cow::Borrowed(self.link.as_deref().unwrap_or_default()),
            text(self.error_code),
            Cow::Borrowed(self.error.as_deref().unwrap_or_default()),
            Cow::Owned(self.attempts.to_string()),
            Cow::Borrowed(self.sent_at.as_deref().unwrap_or_default()),
        ]
    }
}

fn not_written(error: &io::Error) -> Error {
    Error::unexpected(
        "export_not_written",
        format!("The results cannot be written: {error}."),
    )
    .hint("See whether the disk is full. The ledger keeps the results: export again.")
}

struct CsvSink<'a, W: Write> {
    writer: csv::Writer<W>,
    options: ExportOptions<'a>,
    columns: usize,
}

impl<'a, W: Write> CsvSink<'a, W> {
    fn begin(columns: &[String], options: ExportOptions<'a>, out: W) -> Result<Self, Error> {
        let mut sink = CsvSink {
            writer: csv::WriterBuilder::new()
                .buffer_capacity(BUFFER_BYTES)
                .from_writer(out),
            options,
            columns: columns.len(),
        };
        for name in columns.iter().map(String::as_str).chain(RESULT_COLUMNS) {
            sink.cell(name)?;
        }
        sink.end_row()?;
        Ok(sink)
    }

    /// Writes a text, with an apostrophe before it where a spreadsheet would take it for a formula.
    fn cell(&mut self, text: &str) -> Result<(), Error> {
        let written = if looks_like_formula(text) {
            self.writer.write_field(format!("'{text}"))
        } else {
            self.writer.write_field(text)
        };
        written.map_err(|error| not_written(&error.into()))
    }

    fn end_row(&mut self) -> Result<(), Error> {
        let ended = self.writer.write_record(None::<&[u8]>);
        ended.map_err(|error| not_written(&error.into()))
    }
}

impl<W: Write> Sink for CsvSink<'_, W> {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error> {
        for column in 0..self.columns {
            self.cell(row.cells.get(column).map_or("", String::as_str))?;
        }
        for text in ResultColumns::of(row, &self.options)?.texts() {
            self.cell(&text)?;
        }
        self.end_row()
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.writer.flush().map_err(|error| not_written(&error))
    }
}

struct JsonLinesSink<'a, W: Write> {
    out: BufWriter<W>,
    options: ExportOptions<'a>,
    keys: Vec<String>,
}

/// The source's columns under `source`, in the sheet's order; the result's members beside it, without prefix.
#[derive(serde::Serialize)]
struct Line<'r> {
    source: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    result: ResultColumns<'r>,
}

impl<W: Write> Sink for JsonLinesSink<'_, W> {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error> {
        let cells = row.cells.iter().map(String::as_str);
        let cells = cells.chain(std::iter::repeat("")).map(Into::into);
        let line = Line {
            source: self.keys.iter().cloned().zip(cells).collect(),
            result: ResultColumns::of(row, &self.options)?,
        };
        serde_json::to_writer(&mut self.out, &line)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(|error| not_written(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out.flush().map_err(|error| not_written(&error))
    }
}

/// Headers as the keys of an object, each once, since readers keep only the last of two equal keys: a second `Name` is
/// `Name (2)`, and a column without a header has its place, `(3)`, for a name.
fn keys(columns: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |(place, name): (usize, &String)| {
        let mut key = match name.as_str() {
            "" => format!("({})", place + 1),
            name => name.to_owned(),
        };
        for nth in 2.. {
            if taken.insert(key.clone()) {
                break;
            }
            key = format!("{name} ({nth})");
        }
        key
    };
    columns.iter().enumerate().map(unique).collect()
}

/// The team's own sheet with the result columns, statuses coloured, header frozen, filter on.
struct XlsxSink<'a, W: Write + Send> {
    book: Book,
    out: W,
    options: ExportOptions<'a>,
    columns: usize,
    rows: u32,
}

/// Where a result column is wide enough for what stands in it rather than for its header: token, link, error, time.
const WIDTHS: [(usize, f64); 4] = [(2, 24.0), (3, 36.0), (5, 60.0), (7, 21.0)];

impl<'a, W: Write + Send> XlsxSink<'a, W> {
    fn begin(columns: &[String], options: ExportOptions<'a>, out: W) -> Result<Self, Error> {
        let names = columns.iter().map(String::as_str).chain(RESULT_COLUMNS);
        let names: Vec<String> = names.map(str::to_owned).collect();
        let mut book = Book::begin(Workbook::new(), "Results", 0, names, options.right_to_left)?;
        for (place, width) in WIDTHS {
            let column = u16::try_from(columns.len() + place).unwrap_or(u16::MAX);
            book.sheet()?
                .set_column_width(column, width)
                .map_err(failed)?;
        }
        Ok(XlsxSink {
            book,
            out,
            options,
            columns: columns.len(),
            rows: 1,
        })
    }
}

/// Green is done, red needs a person, yellow needs an answer, grey needs nothing, blue is due.
fn fill(status: Status) -> Fill {
    match status {
        Status::Created => Fill::Green,
        Status::Invalid | Status::Rejected => Fill::Red,
        Status::Failed => Fill::Orange,
        Status::Uncertain => Fill::Yellow,
        Status::Duplicate => Fill::Grey,
        Status::Pending => Fill::Blue,
    }
}

impl<W: Write + Send> Sink for XlsxSink<'_, W> {
    fn row(&mut self, row: &ResultRow) -> Result<(), Error> {
        let at = within_sheet(self.rows)?;
        let results = ResultColumns::of(row, &self.options)?;
        let texts = results.texts();
        let mut values = texts.each_ref().map(|text| Value::Text(text));
        values[0] = Value::Number(row.row.0.into());
        values[6] = Value::Number(row.attempts.into());
        let source = |place| Value::Text(row.cells.get(place).map_or("", String::as_str));
        let values = (0..self.columns).map(source).chain(values);
        for (column, value) in values.enumerate() {
            let is_status = column == self.columns + 1;
            let fill = if is_status {
                fill(row.status)
            } else {
                Fill::None
            };
            self.book.write(at, column, value, fill)?;
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.book.finish(self.rows - 1, self.out)
    }
}

/// `[result] link`: the tenant's own address, made from a row's session token. It knows `token` (percent-encoded) and `row`.
pub struct LinkTemplate(Environment<'static>);

impl LinkTemplate {
    const NAME: &str = "link";
    /// Steps of the template; ample for a link, and an endless loop ends.
    const FUEL: u64 = 10_000;

    /// Reads a template such as `https://onboard.example/start?session={{ token }}`.
    pub fn parse(text: &str) -> Result<LinkTemplate, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(Self::FUEL));
        let used = environment
            .add_template_owned(Self::NAME, text.to_owned())
            .and_then(|()| environment.get_template(Self::NAME))
            .map_err(|error| refused(&error))?
            .undeclared_variables(false);
        if let Some(unknown) = used.iter().find(|&name| name != "token" && name != "row") {
            return Err(invalid(&format!(
                "it uses {unknown:?}, which is not known here"
            )));
        }
        if !used.contains("token") {
            return Err(invalid(
                "it does not use {{ token }}, so every link would be the same",
            ));
        }
        let link = LinkTemplate(environment);
        link.render("token", RowNumber(2))?;
        Ok(link)
    }

    fn render(&self, token: &str, row: RowNumber) -> Result<String, Error> {
        let values = context! { token => percent_encoded(token), row => row.0 };
        let template = self.0.get_template(Self::NAME);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| refused(&error))
    }
}

impl std::fmt::Debug for LinkTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkTemplate")
    }
}

/// Only the kind of the error: its detail may quote values.
fn refused(error: &minijinja::Error) -> Error {
    let kind = error.kind();
    match error.line() {
        Some(line) if line > 1 => invalid(&format!("{kind} in its line {line}")),
        _ => invalid(&kind.to_string()),
    }
}

fn invalid(why: &str) -> Error {
    Error::unusable("link_template_invalid", format!("[result] link cannot be used: {why}."))
        .hint("Write it like \"https://onboard.example/start?session={{ token }}\"; {{ row }} is known as well.")
}

/// RFC 3986: everything but the unreserved characters is escaped, so that a token fits in a path and in a query.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_keeps_a_key_of_its_own() {
        let columns = ["Name", "", "Name", "Name (2)", "Name"].map(str::to_owned);
        assert_eq!(
            keys(&columns),
            ["Name", "(2)", "Name (2)", "Name (2) (2)", "Name (3)"]
        );
    }

    #[test]
    fn a_token_is_escaped_for_the_address() {
        let link = LinkTemplate::parse("https://x.example/{{ row }}/{{ token }}").unwrap();
        for (token, expected) in [
            ("abc-1._~", "abc-1._~"),
            ("a+b/c=&?#", "a%2Bb%2Fc%3D%26%3F%23"),
        ] {
            let expected = format!("https://x.example/7/{expected}");
            assert_eq!(link.render(token, RowNumber(7)).unwrap(), expected);
        }
    }

    #[test]
    fn a_template_that_cannot_work_is_refused_when_it_is_read() {
        for (template, part) in [
            ("https://x.example/{{ tokn }}", "\"tokn\""),
            ("https://x.example/", "every link would be the same"),
            ("https://x.example/{{ token", "syntax error"),
            ("{{ token|nosuch }}", "unknown filter"),
            (
                "{{ token }}{% for i in range(9) %}{% endfor %}",
                "\"range\"",
            ),
        ] {
            let error = LinkTemplate::parse(template).unwrap_err();
            assert!(error.message.contains(part), "{}", error.message);
        }
    }

    fn created(cell: &str) -> ResultRow {
        ResultRow {
            row: RowNumber(2),
            cells: vec![cell.to_owned()],
            status: Status::Created,
            token: Some(Secret::new("a/b=")),
            error_code: None,
            error: None,
            attempts: 1,
            sent_at: None,
        }
    }

    fn export(
        row: &ResultRow,
        format: Format,
        link: &LinkTemplate,
        out: impl Write + Send,
    ) -> Result<(), Error> {
        let options = ExportOptions {
            link: Some(link),
            without_tokens: true,
            right_to_left: false,
        };
        let mut sink = sink(format, &["Name".to_owned()], options, out)?;
        sink.row(row)?;
        sink.finish()
    }

    #[test]
    fn no_token_leaves_a_full_disk_is_told_and_no_cell_is_cut() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let link = LinkTemplate::parse("https://x.example/{{ token }}").unwrap();
        for format in [Format::Csv, Format::Jsonl, Format::Xlsx] {
            let mut out = Vec::new();
            export(&created("Mona"), format, &link, &mut out).unwrap();
            let text = String::from_utf8_lossy(&out);
            assert!(!text.contains("a/b=") && !text.contains("x.example"));
            let full = export(&created("Mona"), format, &link, BufWriter::new(Full));
            assert!(full.is_err(), "{format:?}");
        }
        let long = created(&"ا".repeat(32_768));
        let error = export(&long, Format::Xlsx, &link, Vec::new()).unwrap_err();
        assert!(
            error
                .message
                .starts_with("Row 2 of the workbook, column \"Name\""),
            "{error}"
        );
    }
}
