//! Opens CSV, XLSX and XLSM, told apart by their content, and yields rows with the numbers that a spreadsheet shows. What a
//! column means is not known here; neither is whether a value is a good one.

mod csv;
mod detect;
mod encoding;
mod file;
mod format;
mod header;
mod lines;
mod package;
mod source;
mod workbook;
mod xlsx;

use crate::error::Error;

pub use self::file::Input;
pub use self::source::{Hidden, Note, Options, Source};

impl Source {
    /// Opens the input, finds out how it is written and where its header is. Nothing is guessed that could change a value unseen.
    pub fn open(input: &Input, options: &Options) -> Result<Source, Error> {
        let head = input.head()?;
        let source = match detect::workbook(input, &head)? {
            Some(package) => workbook::open(package, options)?,
            None => csv::open(input, &head, options)?,
        };
        header::find(source, &input.name(), options)
    }

    /// The same; but JSON Lines are read as well.
    pub fn open_or_lines(input: &Input, options: &Options) -> Result<Source, Error> {
        if !lines::is_lines(&input.head()?) {
            return Source::open(input, options);
        }
        let options = Options {
            header_row: Some(lines::HEADER.0),
            ..options.clone()
        };
        header::find(lines::open(input)?, &input.name(), &options)
    }

    /// The names of the sheets that could be meant, in the order of their tabs; none of a text file.
    pub fn sheets(input: &Input) -> Result<Vec<String>, Error> {
        match detect::workbook(input, &input.head()?)? {
            Some(package) => workbook::sheets_with_data(package),
            None => Ok(Vec::new()),
        }
    }
}

/// Files as people have them, through the room's front door.
#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Write};

    use proptest::prelude::*;
    use rust_xlsxwriter::{Formula, Workbook, Worksheet};

    use super::*;
    use crate::model::Cell;

    type Rows = Vec<(u32, Vec<Cell>)>;

    fn open(bytes: &[u8], options: &Options) -> Result<Source, Error> {
        Source::open(&Input::from_stdin(bytes)?, options)
    }

    fn read_with(bytes: &[u8], options: &Options) -> Result<(Source, Rows), Error> {
        let mut source = open(bytes, options)?;
        let mut rows = Vec::new();
        while let Some(row) = source.next_row()? {
            rows.push((row.number.0, row.cells));
        }
        Ok((source, rows))
    }

    fn read(bytes: &[u8]) -> (Source, Rows) {
        read_with(bytes, &Options::default()).unwrap()
    }

    /// The rows, cells as a person sees them.
    fn shown(bytes: &[u8]) -> Vec<(u32, Vec<String>)> {
        let cells = |cells: Vec<Cell>| cells.iter().map(Cell::shown).collect();
        let rows = read(bytes).1.into_iter();
        rows.map(|(number, row)| (number, cells(row))).collect()
    }

    fn names(source: &Source) -> Vec<&str> {
        let names = source.columns.iter().map(|column| column.name.as_str());
        names.collect()
    }

    fn refused(bytes: &[u8], options: &Options) -> Error {
        read_with(bytes, options).map(drop).unwrap_err()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn in_windows_1256(text: &str) -> Vec<u8> {
        encoding_rs::WINDOWS_1256.encode(text).0.into_owned()
    }

    /// A workbook with one sheet that `fill` has filled.
    fn book(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
        let mut workbook = Workbook::new();
        fill(workbook.add_worksheet());
        workbook.save_to_buffer().unwrap()
    }

    /// The package with each part changed by `edit`, and then `more` parts.
    fn edited(bytes: &[u8], edit: impl Fn(&str, String) -> Vec<u8>) -> Vec<u8> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let name = file.name().unwrap().into_owned();
            let mut xml = String::new();
            file.read_to_string(&mut xml).unwrap();
            let plain = zip::write::SimpleFileOptions::default();
            writer.start_file(&name, plain).unwrap();
            writer.write_all(&edit(&name, xml)).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// A workbook whose first sheet has this XML for its rows.
    fn with_rows(rows: &str) -> Vec<u8> {
        let bytes = book(|sheet| {
            sheet.write_string(0, 0, "shared").unwrap();
        });
        edited(&bytes, |name, xml| match name {
            "xl/worksheets/sheet1.xml" => {
                let start = xml.find("<sheetData>").unwrap();
                let end = xml.find("</sheetData>").unwrap();
                format!("{}<sheetData>{rows}{}", &xml[..start], &xml[end..]).into_bytes()
            }
            "xl/workbook.xml" => xml.replace(" fullCalcOnLoad=\"1\"", "").into_bytes(),
            _ => xml.into_bytes(),
        })
    }

    #[test]
    fn rows_are_numbered_as_a_spreadsheet_numbers_them() {
        for (csv, numbers, blank) in [
            (
                "\nname,note\n\n,,\nMona,\"two\nlines\"\nAdel,x\n,,,\n",
                &[5, 6][..],
                4,
            ),
            ("a,b\r\r\"x\r\n\r\ny\",2\r3,4", &[3, 4], 1),
            ("a,b\n1,2,3,4\n1", &[2, 3], 0),
            ("a,b\n\"\"\n\"a\"\"\n\"\"b\",c\n", &[3], 1),
            ("a,b", &[], 0),
        ] {
            let (source, rows) = read(csv.as_bytes());
            let found: Vec<u32> = rows.iter().map(|row| row.0).collect();
            assert_eq!(
                (found.as_slice(), source.blank_rows),
                (numbers, blank),
                "{csv}"
            );
        }
    }

    #[test]
    fn a_stray_quote_is_refused_where_it_began_and_an_address_is_not() {
        let head = "phone,name,address\n01012345678,Mona,Cairo\n";
        for (rest, line) in [
            // Left open to the end, or up to the next quoted cell.
            ("01112345678,\"Ali,Giza\n01212345678,Sara,Aswan\n", Some(3)),
            (
                "01112345678,\"Ali,Giza\n01212345678,\"Sara\",Aswan\n",
                Some(3),
            ),
            // Closed by another stray quote some rows further down.
            (
                "01112345678,\"Ali,Giza\n01212345678,Sara,Aswan\n01512345678,Omar,Luxor\"\n",
                Some(3),
            ),
            (
                "01112345678,Ali,\"5, Nile St\nGiza\"\n01212345678,\"Sara,Aswan\n01512345678\",Omar\n",
                None,
            ),
            (
                "01112345678,Ali,\"5, Nile St\nGiza\"\n01212345678,\"Sara,Aswan\n01512345678,\",Omar\n",
                Some(5),
            ),
            (
                "01112345678,Ali,\"5 Nile St, flat 3\n2nd floor, Dokki, Giza\n11511\"\n",
                None,
            ),
            (
                "01112345678,Ali,\"5 Nile St\ntel. 01234567890, ask for Ali\"\n",
                None,
            ),
        ] {
            let csv = format!("{head}{rest}");
            let outcome = read_with(csv.as_bytes(), &Options::default());
            let told = outcome
                .map(drop)
                .map_err(|error| (error.code, error.message));
            match (told, line) {
                (Ok(()), None) => {}
                (Err(("unclosed_quote", message)), Some(line)) => {
                    assert!(message.contains(&format!("(line {line} of")), "{message}");
                }
                (told, _) => panic!("{csv}: {told:?}"),
            }
        }
        let two_columns = "name,address\nMona,\"5 Nile St\nDokki, Giza\"\n";
        assert_eq!(read(two_columns.as_bytes()).1.len(), 1);
    }

    #[test]
    fn what_is_no_text_is_a_matter_of_its_cell() {
        let mut bytes = "name,phone\nمنى,010\nعادل,011\n".as_bytes().to_vec();
        bytes.extend(in_windows_1256("أحمد,012\n"));
        bytes.extend(b"Sa\0ra,015\nM\x07ona,010\n\"A\\\"li\",011\n\"two\tand\nlines\" ,012\n");
        let (source, rows) = read(&bytes);
        assert!(source.notes[0].warning, "{:?}", source.notes);
        let undecodable = |cell: &Cell| matches!(cell, Cell::Undecodable(_));
        let found: Vec<bool> = rows.iter().map(|row| undecodable(&row.1[0])).collect();
        assert_eq!(found, [false, false, true, true, true, true, false]);
        assert!(!rows.iter().any(|row| undecodable(&row.1[1])));
        assert_eq!(rows[3].1[0].shown(), "Sa\u{fffd}ra");
    }

    #[test]
    fn what_cannot_be_read_as_csv_is_refused_at_once() {
        let columns = format!("phone\n{}\n", ",".repeat(1_000_000));
        let endless = format!("a,b\n1,\"{}", "x".repeat(20 << 20));
        let long = format!("a,b\n{}", "x".repeat(20 << 20));
        for (bytes, code) in [
            (&b""[..], "file_empty"),
            (b"\xef\xbb\xbf", "file_empty"),
            (b"\n\n,,\n", "file_empty"),
            (b"<html><table>", "format_not_read"),
            (
                "phone،fullName\n01012345678،Mona\n".as_bytes(),
                "one_column",
            ),
            (b"\"phone,fullName\"\n\"01012345678,Mona\"\n", "one_column"),
            (columns.as_bytes(), "too_many_columns"),
            (endless.as_bytes(), "unclosed_quote"),
            (long.as_bytes(), "row_too_long"),
        ] {
            assert_eq!(refused(bytes, &Options::default()).code, code);
        }
        let header: Vec<String> = (0..source::MAX_COLUMNS).map(|n| format!("c{n}")).collect();
        assert_eq!(
            read(header.join(",").as_bytes()).0.columns.len(),
            source::MAX_COLUMNS
        );
    }

    #[test]
    fn the_header_is_found_below_title_lines() {
        for (lines, known, row) in [
            (&["Name,Phone", "Mona,010"][..], &["phone"][..], 1),
            (
                &["Report", "x,y", "Name,Phone", "Mona,010"],
                &["PHONE", "name"],
                3,
            ),
            (&["تقرير", "الإسم,الهاتف", "منى,010"], &["الاسم"], 2),
            (&["x,y", "\"الهاتف\nPhone\",\"الاسم\nName\""], &["phone"], 2),
            (&["Customers of May", "a,b,c", "1,2,3"], &[], 2),
            (&["Customers,,", "a,b,c", "1,2,3"], &["none of these"], 2),
            (
                &["Phone list,", "Name,Phone,E-mail", "Mona,010,Phone"],
                &["name", "phone", "email"],
                2,
            ),
            (&["phone", "010"], &[], 1),
            (&["a,b", "1,2"], &[], 1),
        ] {
            let known_names = known.iter().map(|&name| name.to_owned()).collect();
            let options = Options {
                known_names,
                ..Options::default()
            };
            let source = open(lines.join("\n").as_bytes(), &options).unwrap();
            assert_eq!(source.header_row.0, row, "{lines:?}");
        }
        assert_eq!(names(&read(b" Name ,,Phone,,\n").0), ["Name", "", "Phone"]);
    }

    #[test]
    fn every_legal_spelling_of_a_value_is_read() {
        let head = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>";
        let control = Cell::Undecodable("a\u{fffd}b".to_owned());
        for (cell, expected) in [
            ("<c r=\"A2\"><v>5</v></c>", Cell::Number(5.0)),
            ("<c><v><![CDATA[5]]></v></c>", Cell::Number(5.0)),
            ("<c><v>&#53;<!-- x -->.5e1 </v></c>", Cell::Number(55.0)),
            ("<c t=\"s\"><v>0</v></c>", text("shared")),
            ("<c t=\"str\"><v>a&amp;b</v></c>", text("a&b")),
            (
                "<c t=\"inlineStr\"><is><r><t>Mo</t></r><r><t>na</t></r><rPh><t>x</t></rPh></is></c>",
                text("Mona"),
            ),
            (
                "<c t=\"inlineStr\"><is><t>a_x0007_b</t></is></c>",
                control.clone(),
            ),
            ("<c t=\"inlineStr\"><is><t>a&#7;b</t></is></c>", control),
            (
                "<c t=\"inlineStr\"><is><t>a_x005F_x0007_b&#10;c</t></is></c>",
                text("a_x0007_b\nc"),
            ),
            (
                "<c t=\"e\"><v>#SPILL!</v></c>",
                Cell::Error("#SPILL!".to_owned()),
            ),
            (
                "<c t=\"d\"><v>2024-02-29T13:05:07Z</v></c>",
                Cell::Date(jiff::civil::date(2024, 2, 29).at(13, 5, 7, 0)),
            ),
            ("<c t=\"b\"><v>true</v></c>", Cell::Boolean(true)),
            ("<c><v>five</v></c>", text("five")),
            ("<c><f>1+1</f><v>0</v></c>", Cell::Number(0.0)),
            ("<c><f>1+1</f><v/></c>", Cell::Uncalculated),
            ("<c><f t=\"shared\" si=\"0\"/></c>", Cell::Uncalculated),
        ] {
            let bytes = with_rows(&format!("{head}<row>{cell}</row>"));
            assert_eq!(read(&bytes).1, [(2, vec![expected])], "{cell}");
        }
        let empty_text = with_rows(&format!(
            "{head}<row><c t=\"str\"><f>\"\"</f><v></v></c></row>"
        ));
        assert_eq!(read(&empty_text).1, []);
    }

    #[test]
    fn what_nobody_calculated_is_no_result() {
        let bytes = book(|sheet| {
            sheet.write_string(0, 0, "sum").unwrap();
            sheet.write_formula(1, 0, "=A9+1").unwrap();
            sheet
                .write_formula(2, 0, Formula::new("=1+1").set_result("2"))
                .unwrap();
            sheet
                .write_formula(3, 0, Formula::new("=A9").set_result(""))
                .unwrap();
            sheet.write_number(4, 0, 0).unwrap();
        });
        let asked = [
            (2, Cell::Uncalculated),
            (3, Cell::Number(2.0)),
            (4, Cell::Uncalculated),
            (5, Cell::Number(0.0)),
        ];
        assert_eq!(read(&bytes).1, asked.map(|(row, cell)| (row, vec![cell])));
        let by = |program: &str| {
            edited(&bytes, |name, xml| match name {
                "xl/workbook.xml" => xml.replace(" fullCalcOnLoad=\"1\"", "").into_bytes(),
                "docProps/app.xml" => xml.replace("Microsoft Excel", program).into_bytes(),
                _ => xml.into_bytes(),
            })
        };
        assert_eq!(read(&by("Openpyxl 3.1")).1[0].1, [Cell::Uncalculated]);
        assert_eq!(read(&by("Microsoft Excel")).1[0].1, [Cell::Number(0.0)]);
    }

    #[test]
    fn the_first_visible_sheet_with_data_is_read_and_no_other_part_is_needed() {
        let mut workbook = Workbook::new();
        for name in ["Cover", "Lists", "عملاء", "Old", "vlens-batch"] {
            let sheet = workbook.add_worksheet().set_name(name).unwrap();
            sheet
                .set_hidden(name == "Lists")
                .set_right_to_left(name != "Old");
            if name != "Cover" {
                sheet.write_string(0, 0, format!("name {name}")).unwrap();
            }
        }
        let bytes = workbook.save_to_buffer().unwrap();
        let on = |bytes: &[u8], sheet: Option<&str>| {
            let sheet = sheet.map(str::to_owned);
            open(
                bytes,
                &Options {
                    sheet,
                    ..Options::default()
                },
            )
        };
        let source = on(&bytes, None).unwrap();
        assert_eq!(names(&source), ["name عملاء"]);
        assert!(source.right_to_left);
        let notes: Vec<&str> = source.notes.iter().map(|note| note.text.as_str()).collect();
        assert!(
            notes[0].contains("XLSX") && notes[1].contains("\"Old\""),
            "{notes:?}"
        );
        assert!(!notes[1].contains("vlens-batch"), "{notes:?}");
        assert_eq!(names(&on(&bytes, Some("old ")).unwrap()), ["name Old"]);
        assert_eq!(names(&on(&bytes, Some("Lists")).unwrap()), ["name Lists"]);
        let error = on(&bytes, Some("Clients")).map(drop).unwrap_err();
        assert!(error.hint.unwrap().contains("\"عملاء\""));

        let broken = |part: &str| {
            edited(&bytes, |name, xml| match name {
                name if name.ends_with(part) => b"<worksheet>".to_vec(),
                _ => xml.into_bytes(),
            })
        };
        assert_eq!(
            names(&on(&broken("sheet4.xml"), None).unwrap()),
            ["name عملاء"]
        );
        assert_eq!(
            names(&on(&broken("sheet1.xml"), Some("عملاء")).unwrap()),
            ["name عملاء"]
        );
        assert_eq!(
            on(&broken("sheet1.xml"), None).map(drop).unwrap_err().code,
            "workbook_damaged"
        );
    }

    #[test]
    fn damaged_and_hostile_workbooks_are_refused() {
        let cell = "<c t=\"inlineStr\"><is><t>x</t></is></c>";
        let rows = |rows: &[&str]| {
            let rows = rows.iter().map(|tag| format!("{tag}{cell}</row>"));
            with_rows(&rows.collect::<String>())
        };
        let good = rows(&["<row r=\"1\">", "<row r=\"1048576\">"]);
        let (source, found) = read(&good);
        assert_eq!((found.len(), source.blank_rows), (1, 1_048_574));
        let sheet = |edit: fn(String) -> Vec<u8>| {
            edited(&good, |name, xml| match name {
                "xl/worksheets/sheet1.xml" => edit(xml),
                _ => xml.into_bytes(),
            })
        };
        let long = "y".repeat(20 << 20);
        for (bytes, code) in [
            (good[..good.len() / 2].to_vec(), "workbook_damaged"),
            (good[..good.len() - 30].to_vec(), "workbook_damaged"),
            (
                rows(&["<row r=\"1\">", "<row r=\"3\">", "<row r=\"2\">"]),
                "workbook_damaged",
            ),
            (
                rows(&["<row r=\"1\">", "<row r=\"1\">"]),
                "workbook_damaged",
            ),
            (
                rows(&["<row r=\"1\">", "<row r=\"1000000000\">"]),
                "workbook_damaged",
            ),
            (
                rows(&["<row r=\"1\"><c r=\"XFE1\"><v>1</v></c>"]),
                "workbook_damaged",
            ),
            (
                rows(&["<row r=\"1\"><c r=\"A2\"><v>1</v></c>"]),
                "workbook_damaged",
            ),
            (
                rows(&["<row r=\"1\"><c t=\"s\"><v>9</v></c>"]),
                "workbook_damaged",
            ),
            (
                rows(&[&format!("<row r=\"1\"><c t=\"str\"><v>{long}</v></c>")]),
                "workbook_too_large",
            ),
            (
                sheet(|xml| xml[..xml.len() - 80].into()),
                "workbook_damaged",
            ),
            (
                sheet(|xml| xml.replace("<is>", "<is>&lol;").into()),
                "workbook_damaged",
            ),
            (sheet(|_| b"<html/>".to_vec()), "workbook_damaged"),
            (sheet(|_| vec![b' '; 64 << 20]), "workbook_too_large"),
        ] {
            let error = refused(&bytes, &Options::default());
            assert_eq!(error.code, code, "{error}");
        }
        let utf16 = sheet(|xml| {
            let units = xml.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        });
        let with_mark = [b"\xef\xbb\xbf", good.as_slice()].concat();
        for bytes in [utf16, with_mark] {
            assert_eq!(shown(&bytes), shown(&good));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whatever it is, there is an outcome.
        #[test]
        fn no_text_makes_it_fall(text in "[a-c;,\t\"\r\n\u{0}\u{feff}م]{0,60}") {
            let _ = read_with(text.as_bytes(), &Options::default());
        }

        #[test]
        fn no_damage_to_a_workbook_makes_it_fall(places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            let mut bytes = book(|sheet| {
                sheet.write_string(0, 0, "name").unwrap();
            });
            for (place, byte) in places {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = read_with(&bytes, &Options::default());
        }
    }
}
