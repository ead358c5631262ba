//! Workbooks that are what they say, with all that people do to them.

use rust_xlsxwriter::{ExcelDateTime, FilterCondition, Format, Formula, Worksheet};

use super::build::{book, edited, fill, fill_from, workbook};
use super::{Case, by_hand};

const TABLE: &[&[&str]] = &[
    &["phoneNumber", "fullName", "city"],
    &["01012345678", "Mona Adel", "Cairo"],
    &["01112345678", "Ahmed Samy", "Giza"],
    &["01212345678", "Sara Hassan", "Alexandria"],
];

fn table(sheet: &mut Worksheet) {
    fill(sheet, TABLE);
}

pub fn workbooks() -> Vec<Case> {
    let mut cases = sheets();
    cases.extend(hidden());
    cases.extend(layouts());
    cases.extend(cells());
    cases.extend(by_hand::workbooks());
    cases.extend(by_hand::open_documents());
    cases
}

fn sheets() -> Vec<Case> {
    let several = || {
        workbook(|book| {
            fill(book.add_worksheet().set_name("Cover").expect("a name"), &[]);
            table(book.add_worksheet().set_name("Customers").expect("a name"));
            fill(
                book.add_worksheet().set_name("Old").expect("a name"),
                &[&["phoneNumber"], &["01512345678"]],
            );
        })
    };
    let all_hidden = edited(&book(table), |name, xml| match name {
        "xl/workbook.xml" => xml.replace("sheetId=\"1\"", "sheetId=\"1\" state=\"hidden\""),
        _ => xml,
    });
    vec![
        Case::new("plain.xlsx", "the plainest workbook", book(table)),
        Case::new(
            "several-sheets.xlsx",
            "an empty cover, the customers, and an old sheet that is warned about",
            several(),
        ),
        Case::new("sheet-asked.xlsx", "--sheet names another one", several()).args(&[
            "--contract-type",
            "414",
            "--sheet",
            "Old",
        ]),
        Case::new(
            "sheet-missing.xlsx",
            "--sheet names none: the names are told",
            several(),
        )
        .args(&["--contract-type", "414", "--sheet", "Clients"]),
        Case::new(
            "hidden-sheet-first.xlsx",
            "a hidden sheet with data stands first and is not read",
            workbook(|book| {
                let hidden = book.add_worksheet().set_name("Template").expect("a name");
                fill(hidden, &[&["phoneNumber"], &["01512345678"]]);
                hidden.set_hidden(true);
                let visible = book.add_worksheet().set_name("Customers").expect("a name");
                table(visible);
                visible.set_active(true);
            }),
        ),
        Case::new("all-sheets-hidden.xlsx", "no sheet is visible", all_hidden),
        Case::new(
            "no-data.xlsx",
            "a workbook without a single cell",
            book(|_| {}),
        ),
        Case::new(
            "header-only.xlsx",
            "a header and no rows: exit 0",
            book(|sheet| fill(sheet, &TABLE[..1])),
        ),
        Case::new(
            "arabic-sheet-name.xlsx",
            "Arabic names for sheet and headers, right to left",
            workbook(|book| {
                let sheet = book
                    .add_worksheet()
                    .set_name("عملاء مايو")
                    .expect("a name")
                    .set_right_to_left(true);
                fill(sheet, &[&["الهاتف", "الاسم"], &["٠١٠١٢٣٤٥٦٧٨", "منى عادل"]]);
            }),
        ),
        Case::new(
            "annotated-overview.xlsx",
            "a workbook given back by --annotate: its overview is passed over",
            workbook(|book| {
                fill(
                    book.add_worksheet()
                        .set_name("vlens-batch")
                        .expect("a name"),
                    &[&["What vlens-batch found in this sheet"]],
                );
                let sheet = book.add_worksheet().set_name("Customers").expect("a name");
                fill(
                    sheet,
                    &[
                        &["_problems", "phoneNumber", "fullName"],
                        &["", "01012345678", "Mona"],
                    ],
                );
            }),
        ),
    ]
}

fn hidden() -> Vec<Case> {
    let hidden = || {
        book(|sheet| {
            table(sheet);
            sheet.set_row_hidden(2).expect("a row");
        })
    };
    let filtered = book(|sheet| {
        table(sheet);
        sheet.autofilter(0, 0, 3, 2).expect("a filter");
        let condition = FilterCondition::new().add_list_filter("Cairo");
        sheet.filter_column(2, &condition).expect("a filter");
    });
    vec![
        Case::new(
            "hidden-row.xlsx",
            "a hidden row and nobody has said what to do with it: stops",
            hidden(),
        ),
        Case::new(
            "hidden-row-skip.xlsx",
            "--hidden skip leaves it out",
            hidden(),
        )
        .args(&["--contract-type", "414", "--hidden", "skip"]),
        Case::new(
            "hidden-row-send.xlsx",
            "--hidden send takes it like the others",
            hidden(),
        )
        .args(&["--contract-type", "414", "--hidden", "send"]),
        Case::new(
            "hidden-row-config.xlsx",
            "the config may say so too",
            hidden(),
        )
        .config("[source]\nhidden = \"skip\"\n[contract]\ntypes = [414]\n"),
        Case::new(
            "filtered-rows.xlsx",
            "rows that a filter takes away count as hidden",
            filtered,
        ),
        Case::new(
            "hidden-title-row.xlsx",
            "a hidden row above the header matters to nobody",
            book(|sheet| {
                sheet.write_string(0, 0, "internal").expect("a cell");
                sheet.set_row_hidden(0).expect("a row");
                fill_from(sheet, 1, TABLE);
            }),
        ),
        Case::new(
            "hidden-column.xlsx",
            "a hidden column is read like every other",
            book(|sheet| {
                table(sheet);
                sheet.set_column_hidden(2).expect("a column");
            }),
        ),
    ]
}

fn layouts() -> Vec<Case> {
    let plain = Format::new();
    vec![
        Case::new(
            "title-lines.xlsx",
            "titles above the header",
            book(|sheet| {
                fill(
                    sheet,
                    &[&["Customers of May"], &["Printed by Sales", "", "page 1"]],
                );
                fill_from(sheet, 3, TABLE);
            }),
        ),
        Case::new(
            "merged-title.xlsx",
            "a title merged over all columns",
            book(|sheet| {
                sheet
                    .merge_range(0, 0, 0, 2, "Customers of May", &plain)
                    .expect("a range");
                fill_from(sheet, 1, TABLE);
            }),
        ),
        Case::new(
            "merged-cells.xlsx",
            "one city merged over two customers: the second one's is unknown",
            book(|sheet| {
                table(sheet);
                sheet
                    .merge_range(1, 2, 2, 2, "Cairo", &plain)
                    .expect("a range");
            }),
        ),
        Case::new(
            "merged-unmapped.xlsx",
            "the same in a column that nobody sends",
            book(|sheet| {
                table(sheet);
                sheet.write_string(0, 2, "_city").expect("a cell");
                sheet
                    .merge_range(1, 2, 2, 2, "Cairo", &plain)
                    .expect("a range");
            }),
        ),
        Case::new(
            "blank-rows.xlsx",
            "gaps between rows: the bad phone is in row 6",
            book(|sheet| {
                fill(sheet, &TABLE[..2]);
                fill_from(sheet, 5, &[&["0101", "Ahmed", "Giza"]]);
            }),
        ),
        Case::new(
            "begins-at-c4.xlsx",
            "the table does not begin in the corner",
            book(|sheet| {
                fill_from(
                    sheet,
                    3,
                    &[
                        &["", "", "phoneNumber", "fullName"],
                        &["", "", "0101", "Mona"],
                    ],
                );
            }),
        ),
        Case::new(
            "columns-beyond-header.xlsx",
            "a stray remark beside the table",
            book(|sheet| {
                table(sheet);
                sheet.write_string(2, 5, "called twice").expect("a cell");
            }),
        ),
        Case::new(
            "totals-row.xlsx",
            "a total below the table is a row without a phone",
            book(|sheet| {
                table(sheet);
                fill_from(sheet, 5, &[&["", "Total: 3"]]);
            }),
        ),
        Case::new(
            "used-range-full.xlsx",
            "formats down to the last row make no rows",
            book(|sheet| {
                table(sheet);
                let bold = Format::new().set_bold();
                sheet.write_blank(1_048_575, 0, &bold).expect("a cell");
                sheet.write_blank(500_000, 16_383, &bold).expect("a cell");
            }),
        ),
        Case::new(
            "stray-last-cell.xlsx",
            "one stray cell in XFD1048576, the last of all",
            book(|sheet| {
                table(sheet);
                sheet.write_string(1_048_575, 16_383, "x").expect("a cell");
            }),
        ),
    ]
}

fn cells() -> Vec<Case> {
    let date = Format::new().set_num_format("dd/mm/yyyy");
    let day = |text: &str| ExcelDateTime::parse_from_str(text).expect("a date");
    let column = |sheet: &mut Worksheet, header: &str| {
        fill(
            sheet,
            &[
                &["phoneNumber", header],
                &["01012345678"],
                &["01112345678"],
                &["01212345678"],
                &["01512345678"],
            ],
        );
    };
    let typed = |kind: &str| {
        format!(
            "[contract]\ntypes = [414]\n[fields.414]\nvalue = {{ column = \"value\", type = \"{kind}\" }}\n"
        )
    };
    vec![
        Case::new("phones-as-numbers.xlsx", "phones in number cells have lost their zero: 1012345678, 201012345678; 16 digits are rounded", book(|sheet| {
            fill(sheet, &[&["phoneNumber"]]);
            for (row, number) in (1..).zip([1_012_345_678.0, 201_112_345_678.0, 1_234_567_890_123_457.0, 12_345.5, 2.01e11]) {
                sheet.write_number(row, 0, number).expect("a cell");
            }
        })),
        Case::new("phones-with-number-format.xlsx", "number cells whose format shows the zero", book(|sheet| {
            fill(sheet, &[&["phoneNumber"]]);
            let zeros = Format::new().set_num_format("00000000000");
            let literal = Format::new().set_num_format("\"0\"0");
            sheet.write_number_with_format(1, 0, 1_012_345_678.0, &zeros).expect("a cell");
            sheet.write_number_with_format(2, 0, 1_112_345_678.0, &literal).expect("a cell");
        })),
        Case::new("dates-as-cells.xlsx", "real dates, with and without a time, in a text field and in a date field", book(|sheet| {
            column(sheet, "value");
            sheet.write_string(0, 2, "birthDate").expect("a cell");
            sheet.write_with_format(1, 1, day("1990-01-31"), &date).expect("a cell");
            sheet.write_with_format(1, 2, day("1990-01-31"), &date).expect("a cell");
            sheet.write_with_format(2, 2, day("1990-01-31T13:05:00"), &date).expect("a cell");
            sheet.write_number(3, 2, 32_904).expect("a cell");
            sheet.write_number(4, 2, 31_011_990).expect("a cell");
        })).config("[contract]\ntypes = [414]\n[fields.414]\nvalue = \"value\"\nbirthDate = { column = \"birthDate\", type = \"date\" }\n"),
        Case::new("numbers-as-cells.xlsx", "number cells in text and number fields: no exponent, no .0", book(|sheet| {
            column(sheet, "value");
            for (row, number) in (1..).zip([5000.0, 0.1, 1e15, 1e21]) {
                sheet.write_number(row, 1, number).expect("a cell");
            }
        })).config("[contract]\ntypes = [414]\n[fields.414]\nvalue = { column = \"value\", type = \"number\" }\ntext = \"value\"\n"),
        Case::new("booleans.xlsx", "TRUE and FALSE cells, 1 and 0", book(|sheet| {
            column(sheet, "value");
            sheet.write_boolean(1, 1, true).expect("a cell");
            sheet.write_boolean(2, 1, false).expect("a cell");
            sheet.write_number(3, 1, 1).expect("a cell");
            sheet.write_number(4, 1, 2).expect("a cell");
        })).config(typed("boolean")),
        Case::new("national-ids-as-numbers.xlsx", "14 digits survive in a number cell; a shortened one is refused", book(|sheet| {
            column(sheet, "value");
            sheet.write_number(1, 1, 29_001_011_234_567_f64).expect("a cell");
            sheet.write_number(2, 1, 2.9e13).expect("a cell");
            sheet.write_string(3, 1, "29001011234567").expect("a cell");
            sheet.write_number(4, 1, 2_900_101_123_456_f64).expect("a cell");
        })).config(typed("egypt_national_id")),
        Case::new("formulas.xlsx", "formulas with their stored results", book(|sheet| {
            table(sheet);
            let formula = Formula::new("=\"Mo\"&\"na\"").set_result("Mona");
            sheet.write_formula(1, 1, formula).expect("a cell");
        })),
        Case::new("error-cells.xlsx", "#N/A, #REF! and #DIV/0!: each a problem of its own", book(|sheet| {
            table(sheet);
            for (row, error) in (1..).zip(["#N/A", "#REF!", "#DIV/0!"]) {
                let formula = Formula::new("=NA()").set_result(error);
                sheet.write_formula(row, 1, formula).expect("a cell");
            }
        })),
        Case::new("error-in-phone.xlsx", "a lookup that found no phone", book(|sheet| {
            table(sheet);
            sheet.write_formula(1, 0, Formula::new("=NA()").set_result("#N/A")).expect("a cell");
        })),
        Case::new("rich-text.xlsx", "a name half of which is bold, and line breaks in a cell", book(|sheet| {
            table(sheet);
            let bold = Format::new().set_bold();
            sheet.write_rich_string(1, 1, &[(&Format::new(), "Mona "), (&bold, "Adel")]).expect("a cell");
            sheet.write_string(2, 2, "1 Nile\nGiza").expect("a cell");
        })),
    ]
}

/// The sheet that LibreOffice saves in all its formats: text and numbers, dates, empty cells, what CSV must quote, and problems.
pub fn for_libreoffice() -> Vec<u8> {
    book(|sheet| {
        let date = Format::new().set_num_format("yyyy-mm-dd");
        let text = Format::new().set_num_format("@");
        let rows: &[(&str, &str, &str, f64, &str)] = &[
            (
                "01012345678",
                "منى عادل السيد",
                "1990-01-31",
                5000.0,
                "القاهرة، شارع النيل",
            ),
            (
                "+201112345678",
                "أحمد \"حمادة\" محمود",
                "1985-12-01",
                7250.5,
                "Giza; 2 Nile St., flat 3",
            ),
            (
                "012-1234-5678",
                "سارة حسن",
                "2001-02-28",
                120_000.0,
                "line one\nline two",
            ),
            ("0101", "علي", "1999-09-09", 1.0, ""),
            ("01012345678", "منى", "1990-01-31", 5000.0, "twice"),
        ];
        fill(
            sheet,
            &[&["الموبايل", "الاسم", "تاريخ الميلاد", "الدخل", "العنوان"]],
        );
        for (at, (phone, name, born, income, address)) in (1..).zip(rows) {
            sheet
                .write_string_with_format(at, 0, *phone, &text)
                .expect("a cell");
            sheet.write_string(at, 1, *name).expect("a cell");
            let born = ExcelDateTime::parse_from_str(born).expect("a date");
            sheet
                .write_with_format(at, 2, &born, &date)
                .expect("a cell");
            sheet.write_number(at, 3, *income).expect("a cell");
            if !address.is_empty() {
                sheet.write_string(at, 4, *address).expect("a cell");
            }
        }
    })
}
