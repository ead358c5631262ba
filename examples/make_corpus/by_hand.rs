//! Workbooks whose XML is written by hand, as no program here would write it.

use super::Case;
use super::build::{SPREADSHEETML, ods_of, ods_row, xlsx_of, xlsx_with, xml_row};

pub fn workbooks() -> Vec<Case> {
    let data = |rows: &str| format!("<sheetData>{rows}</sheetData>");
    let header = xml_row(1, &["phoneNumber", "fullName"]);
    let mona = xml_row(2, &["01012345678", "Mona"]);
    let uncalculated = data(&format!(
        "{header}{mona}<row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t>01112345678</t></is></c><c r=\"B3\"><f>A3&amp;\"x\"</f></c></row>"
    ));
    let born = data(&format!(
        "{}<row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>01012345678</t></is></c><c r=\"B2\" s=\"1\"><v>31442</v></c></row>",
        xml_row(1, &["phoneNumber", "birthDate"])
    ));
    let without_places = data(
        "<row><c t=\"inlineStr\"><is><t>phoneNumber</t></is></c><c t=\"inlineStr\"><is><t>fullName</t></is></c></row>\
         <row><c t=\"inlineStr\"><is><t>01012345678</t></is></c><c t=\"inlineStr\"><is><t>Mona</t></is></c></row>",
    );
    let wide_range = format!(
        "<dimension ref=\"A1:XFD1048576\"/>{}",
        data(&format!("{header}{mona}"))
    );
    let disorder = data(&format!(
        "{header}{}{mona}",
        xml_row(3, &["01112345678", "Ahmed"])
    ));
    let twice = data(&format!(
        "{header}{mona}{}",
        xml_row(2, &["01112345678", "Ahmed"])
    ));
    vec![
        Case::new(
            "formula-uncalculated.xlsx",
            "a formula that no program has calculated, as scripts write it",
            xlsx_of(&uncalculated),
        ),
        Case::new(
            "date-1904.xlsx",
            "dates counted from 1904, as old Macs did: 1990-01-31",
            xlsx_with(SPREADSHEETML, "<workbookPr date1904=\"1\"/>", &born),
        ),
        Case::new(
            "date-1900.xlsx",
            "the same number counted from 1900: 1986-01-30",
            xlsx_with(SPREADSHEETML, "", &born),
        ),
        Case::new(
            "strict.xlsx",
            "strict OOXML, which has other namespaces",
            xlsx_with(
                "http://purl.oclc.org/ooxml/spreadsheetml/main",
                "",
                &data(&format!("{header}{mona}")),
            ),
        ),
        Case::new(
            "cells-without-places.xlsx",
            "cells that leave out their names, as small writers do",
            xlsx_of(&without_places),
        ),
        Case::new(
            "used-range-announced.xlsx",
            "a sheet that announces all of XFD1048576 and holds two rows",
            xlsx_of(&wide_range),
        ),
        Case::new(
            "rows-out-of-order.xlsx",
            "row 3 stands before row 2: damaged",
            xlsx_of(&disorder),
        ),
        Case::new("row-twice.xlsx", "two rows are numbered 2", xlsx_of(&twice)),
    ]
}

pub fn open_documents() -> Vec<Case> {
    let header = ods_row("", &["phoneNumber", "fullName"]);
    let mona = ods_row("", &["01012345678", "Mona"]);
    let ahmed = |attributes: &str| ods_row(attributes, &["0101", "Ahmed"]);
    let rest = "<table:table-row table:number-rows-repeated=\"1048570\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>";
    let gap =
        "<table:table-row table:number-rows-repeated=\"3\"><table:table-cell/></table:table-row>";
    let encrypted = "<manifest:encryption-data><manifest:algorithm manifest:algorithm-name=\"http://www.w3.org/2001/04/xmlenc#aes256-cbc\"/></manifest:encryption-data>";
    vec![
        Case::new(
            "plain.ods",
            "the plainest OpenDocument sheet",
            ods_of(&format!("{header}{mona}"), ""),
        ),
        Case::new(
            "repeated-blank-rows.ods",
            "blank rows written as one repeated row: the bad phone is in row 6",
            ods_of(&format!("{header}{mona}{gap}{}{rest}", ahmed("")), ""),
        ),
        Case::new(
            "repeated-row.ods",
            "a filled row repeated: a duplicate",
            ods_of(
                &format!(
                    "{header}{}",
                    ods_row(
                        " table:number-rows-repeated=\"2\"",
                        &["01012345678", "Mona"]
                    )
                ),
                "",
            ),
        ),
        Case::new(
            "repeated-row-bomb.ods",
            "a filled row repeated a million times",
            ods_of(
                &format!(
                    "{header}{}",
                    ods_row(
                        " table:number-rows-repeated=\"1000000000\"",
                        &["0101", "Mona"]
                    )
                ),
                "",
            ),
        ),
        Case::new(
            "hidden-row.ods",
            "a row hidden by hand",
            ods_of(
                &format!("{header}{mona}{}", ahmed(" table:visibility=\"collapse\"")),
                "",
            ),
        ),
        Case::new(
            "filtered-row.ods",
            "a row filtered away",
            ods_of(
                &format!("{header}{mona}{}", ahmed(" table:visibility=\"filter\"")),
                "",
            ),
        ),
        Case::new("password.ods", "under a password", ods_of("", encrypted)),
    ]
}
