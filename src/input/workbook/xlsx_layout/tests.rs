//! The glance at the tags of a sheet.

use proptest::prelude::*;

use super::*;

/// Hands out a few bytes at a time, so that tags are cut in two.
struct InPieces<'a>(&'a [u8], usize);

impl Read for InPieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = out.len().min(self.1);
        self.0.read(&mut out[..most])
    }
}

#[test]
fn a_glance_at_the_tags_finds_all_that_takes_a_walk() {
    for (rows, expected) in [
        (
            r#"<row r="1" ht="15"><c r="A1" t="s"><v>1</v></c></row></sheetData></worksheet>"#,
            true,
        ),
        (
            r#"<row r="1" hidden="1"><c r="A1"><v>1</v></c></row>"#,
            false,
        ),
        (r#"<row r="1" ht="0" customHeight="1"/>"#, false),
        (r#"<c r="A1"><f>B1</f></c>"#, false),
        (r#"<c r="A1"><f t="shared" si="0"/></c>"#, false),
        (
            r#"</sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells>"#,
            false,
        ),
        (
            r"</sheetData><conditionalFormatting><formula>1</formula></conditionalFormatting>",
            true,
        ),
        ("<!-- a comment -->", false),
    ] {
        for size in 1..rows.len() {
            let mut bytes = InPieces(rows.as_bytes(), size);
            assert!(
                matches!(has_plain_tags(&mut bytes), Ok(plain) if plain == expected),
                "{rows} by {size}"
            );
        }
    }
}
#[test]
fn text_may_be_of_any_length_and_a_tag_may_not() {
    let long = "x".repeat(3 * MAX_TAG_BYTES);
    for (rows, expected) in [
        (format!("<c><is><t>{long}</t></is></c>"), true),
        (format!("<c><is><t>{long}</t></is></c><f>1</f>"), false),
        (format!("<c r=\"{long}\"/>"), false),
    ] {
        let mut bytes = InPieces(rows.as_bytes(), 1000);
        assert!(matches!(has_plain_tags(&mut bytes), Ok(plain) if plain == expected));
    }
}

const PIECES: &[&str] = &[
    r#"<row r="1">"#,
    r#"<row r="2" hidden="1">"#,
    r#"<row r="3" ht='0'>"#,
    "<f>",
    r#"<f t="shared"/>"#,
    "<formula>",
    "<!-- a comment -->",
    r#"<mergeCell ref="A1:B2"/>"#,
    r#"<c r="A1"><v>1</v></c>"#,
    "</row>",
    "text",
    ">",
];

proptest! {
    #[test]
    fn blocks_are_plain_where_every_tag_is(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..5),
        lead in 0..2 * BLOCK_BYTES,
        missing in 0..20_usize,
        size in 1..200_usize,
    ) {
        let whole = "x".repeat(lead) + &pieces.concat();
        let rows = &whole[..whole.len().saturating_sub(missing)];
        let tags = rows.match_indices('<').map(|(at, _)| &rows.as_bytes()[at + 1..]);
        // A tag that is cut by the end of the file is none.
        let mut whole_tags = tags.filter(|tag| tag.contains(&b'>'));
        let found = has_plain_tags(&mut InPieces(rows.as_bytes(), size));
        prop_assert_eq!(found.ok(), Some(whole_tags.all(is_plain_tag)));
    }
}
