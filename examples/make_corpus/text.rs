//! CSV: its encodings and its shapes.

use super::Case;
use super::build::{lines, utf16_be, utf16_le, windows_1252, windows_1256};

const ARABIC: &str =
    "phoneNumber,الاسم بالكامل\n01012345678,منى عادل السيد\n01112345678,أحمد محمود\n";

pub fn encodings() -> Vec<Case> {
    let french = "phoneNumber,fullName\n01012345678,Zoé Lefèvre\n01112345678,François Müller\n";
    let mut mixed = ARABIC.as_bytes().to_vec();
    mixed.extend(windows_1256("01212345678,سارة حسن\n"));
    mixed.extend("01512345678,علي فؤاد\n".bytes());
    let mut odd = utf16_le(&format!("\u{feff}{ARABIC}"));
    odd.pop();
    let mut in_8859_6 = encoding_rs::ISO_8859_6.encode(ARABIC).0.into_owned();
    in_8859_6.extend(
        encoding_rs::ISO_8859_6
            .encode("01212345678,سارة حسن يوسف\n")
            .0
            .iter(),
    );
    let utf32: Vec<u8> = format!("\u{feff}{ARABIC}")
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    let japanese = encoding_rs::SHIFT_JIS
        .encode("phoneNumber,fullName\n01012345678,山田太郎さん\n01112345678,佐藤花子さん\n")
        .0
        .into_owned();
    vec![
        Case::new("utf8.csv", "UTF-8, as it should be", ARABIC),
        Case::new(
            "utf8-mark.csv",
            "UTF-8 with a byte-order mark, as Excel saves it",
            format!("\u{feff}{ARABIC}"),
        ),
        Case::new(
            "utf8-two-marks.csv",
            "a byte-order mark put before another one by a script",
            format!("\u{feff}\u{feff}{ARABIC}"),
        ),
        Case::new(
            "windows-1256.csv",
            "Arabic Excel's plain CSV",
            windows_1256(ARABIC),
        ),
        Case::new(
            "windows-1256-one-name.csv",
            "the same with a single Arabic word to guess by",
            windows_1256("phoneNumber,fullName\n01012345678,منى\n"),
        ),
        Case::new(
            "windows-1252.csv",
            "Western Excel's plain CSV",
            windows_1252(french),
        ),
        Case::new(
            "iso-8859-6.csv",
            "Arabic as old Unix systems wrote it",
            in_8859_6,
        ),
        Case::new(
            "utf16le-mark.csv",
            "Excel's Unicode text",
            utf16_le(&format!("\u{feff}{ARABIC}")),
        ),
        Case::new(
            "utf16be-mark.csv",
            "the same, high byte first",
            utf16_be(&format!("\u{feff}{ARABIC}")),
        ),
        Case::new(
            "utf16le.csv",
            "UTF-16 without a mark, told by its NULs",
            utf16_le(ARABIC),
        ),
        Case::new("utf16be.csv", "the same, high byte first", utf16_be(ARABIC)),
        Case::new(
            "utf16-tabs.txt",
            "Excel's \"Unicode Text\": UTF-16, parted by tabs",
            utf16_le(&format!(
                "\u{feff}{}",
                ARABIC.replace(',', "\t").replace('\n', "\r\n")
            )),
        ),
        Case::new(
            "utf16-cut.csv",
            "UTF-16 whose last character is cut in half",
            odd,
        ),
        Case::new("utf32.csv", "UTF-32: refused", utf32),
        Case::new(
            "shift-jis.csv",
            "an encoding that does not occur here: refused",
            japanese,
        ),
        Case::new(
            "mixed-bytes.csv",
            "UTF-8 with one row pasted from windows-1256: that row is invalid",
            mixed,
        ),
        Case::new(
            "encoding-asked.csv",
            "--encoding overrides the guess",
            windows_1256("phoneNumber,fullName\n01012345678,منى\n"),
        )
        .args(&["--contract-type", "414", "--encoding", "windows-1256"]),
        Case::new(
            "encoding-wrong-utf8.csv",
            "windows-1256 read as UTF-8 because a person said so",
            windows_1256(ARABIC),
        )
        .args(&["--contract-type", "414", "--encoding", "utf-8"]),
        Case::new(
            "encoding-wrong-1252.csv",
            "UTF-8 read as windows-1252 because a person said so: mojibake, refused",
            ARABIC,
        )
        .args(&["--contract-type", "414", "--encoding", "windows-1252"]),
        Case::new(
            "encoding-wrong-1256.csv",
            "UTF-8 read as windows-1256 because a person said so: mojibake, refused",
            ARABIC,
        )
        .args(&["--contract-type", "414", "--encoding", "windows-1256"]),
        Case::new(
            "encoding-unknown.csv",
            "--encoding with a name that is none",
            ARABIC,
        )
        .args(&["--contract-type", "414", "--encoding", "klingon"]),
    ]
}

pub fn shapes() -> Vec<Case> {
    let table =
        "phoneNumber,fullName,city\n01012345678,Mona Adel,Cairo\n01112345678,Ahmed Samy,Giza\n";
    let wide = |cells: fn(usize) -> String| (0..16_000).map(cells).collect::<Vec<_>>().join(",");
    vec![
        Case::new("comma.csv", "the plainest file", table),
        Case::new("semicolon.csv", "Excel's CSV where the comma is the decimal sign", table.replace(',', ";")),
        Case::new("tab.tsv", "tabs", table.replace(',', "\t")),
        Case::new("pipe.csv", "pipes", table.replace(',', "|")),
        Case::new("sep-line.csv", "Excel's sep= line, which is no row that is sent", format!("sep=;\r\n{}", table.replace(',', ";").replace('\n', "\r\n"))),
        Case::new("semicolon-with-commas.csv", "semicolons, with more commas inside the cells", "phoneNumber;fullName;address\n01012345678;Mona;1, Tahrir, Cairo, Egypt\n01112345678;Ahmed;2, Nile, Giza, Egypt\n"),
        Case::new("comma-with-quoted-semicolons.csv", "delimiters inside quotes do not count", "phoneNumber,notes\n01012345678,\"a;b;c;d;e\"\n01112345678,\"a;b;c;d\"\n"),
        Case::new("delimiter-asked.csv", "a delimiter that only a person knows", table.replace(',', "#")).args(&["--contract-type", "414", "--delimiter", "#"]),
        Case::new("crlf.csv", "CRLF", table.replace('\n', "\r\n")),
        Case::new("cr.csv", "CR alone, as an old Mac wrote it", table.replace('\n', "\r")),
        Case::new("line-breaks-mixed.csv", "CRLF, LF and CR in one file", "phoneNumber,fullName\r\n01012345678,Mona\n01112345678,Ahmed\r01212345678,Sara\r\n"),
        Case::new("no-last-line-break.csv", "the last row ends with the file", table.trim_end()),
        Case::new("blank-lines.csv", "blank and comma-only lines are skipped, and rows keep their numbers: the bad phone is in row 7", "phoneNumber,fullName\n\n01012345678,Mona\n,\n\n   ,\n0101,Ahmed\n\n"),
        Case::new("ragged-long.csv", "row 3 has more cells than the header; row 4 only empty ones", "phoneNumber,fullName\n01012345678,Mona\n01112345678,Ahmed,Giza\n01212345678,Sara,,\n"),
        Case::new("ragged-short.csv", "missing cells are empty", "phoneNumber,fullName,city\n01012345678\n01112345678,Ahmed\n"),
        Case::new("unquoted-comma.csv", "an income with a comma and without quotes becomes a cell too many", "phoneNumber,income,city\n01012345678,5000,Cairo\n01112345678,5,000,Giza\n"),
        Case::new("unclosed-quote.csv", "a quote left open in row 3 would swallow the rest", "phoneNumber,fullName\n01012345678,Mona\n01112345678,\"Ahmed\n01212345678,Sara\n01512345678,Ali\n"),
        Case::new("stray-quote-closed-later.csv", "the same, seemingly closed by a later quoted cell", "phoneNumber,fullName\n01012345678,\"Mona\n01112345678,Ahmed\n01212345678,\"Sara\"\n01512345678,Ali\n"),
        Case::new("quotes-inside.csv", "quotes doubled, and quotes in the middle of a cell", "phoneNumber,fullName,company\n01012345678,\"Mona \"\"Mimi\"\" Adel\",ACME\n01112345678,Ahmed,The \"Best\" Co\n"),
        Case::new("quoted-line-breaks.csv", "a quoted line break begins no row: the bad phone is in row 3", "phoneNumber,address\n01012345678,\"1 Tahrir\nCairo\r\nEgypt\"\n0101,Giza\n"),
        Case::new("nul.csv", "a NUL inside a name", &b"phoneNumber,fullName\n01012345678,Mo\0na\n01112345678,Ahmed\n"[..]),
        Case::new("long-cell.csv", "a cell of 100,000 letters", format!("phoneNumber,notes\n01012345678,{}\n", "ab ".repeat(33_333))),
        Case::new("too-long-cell.csv", "a cell beyond what a request can carry", format!("phoneNumber,notes\n01012345678,{}\n", "abcdefgh ".repeat(60_000))),
        Case::new("columns-16000.csv", "16,000 columns, of which the mapping uses two", format!("phoneNumber,{}\n01012345678,{}\n", wide(|n| format!("c{n}")), wide(|n| format!("{}", n % 10))))
            .config("[contract]\ntypes = [414]\n[fields.414]\nlast = \"c15999\"\n"),
        Case::new("one-column.csv", "nothing to part", "phoneNumber\n01012345678\n01112345678\n"),
        Case::new("header-only.csv", "a header and no rows: exit 0", "phoneNumber,fullName\n"),
        Case::new("empty.csv", "no bytes at all", ""),
        Case::new("only-blank-lines.csv", "nothing but line breaks and commas", "\n,,\n\n"),
        Case::new("title-lines.csv", "titles above the header", "Customers of May\nPrinted 2026-05-01\n\nphoneNumber,fullName,city\n01012345678,Mona,Cairo\n"),
        Case::new("header-row-asked.csv", "a header that only a person can find", "a,b\nc,d\nphoneNumber,fullName\n01012345678,Mona\n").args(&["--contract-type", "414", "--header-row", "3"]),
        Case::new("header-row-blank.csv", "--header-row names a blank line", "phoneNumber,fullName\n\n01012345678,Mona\n").args(&["--contract-type", "414", "--header-row", "2"]),
        Case::new("header-twice.csv", "a mapped header stands above two columns", "phoneNumber,fullName,fullName\n01012345678,Mona,Adel\n"),
        Case::new("header-spellings.csv", "headers spelled as people spell them", " PHONE  Number ,E-Mail,full_name,_notes,#\n01012345678,mona@example.com,Mona,mine,1\n")
            .config("[recipient]\nphone = \"phone number\"\nemail = \"email\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"Full-Name\"\n"),
        Case::new("header-arabic-variants.csv", "Arabic headers with other alefs, and tatweel", "رقم الموبايل,الأسـم الكامل,المدينه\n01012345678,منى,القاهرة\n")
            .config("[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم الكامل\"\ncity = \"المدينة\"\n"),
        Case::new("column-missing.csv", "the mapping names a column that is not there", table)
            .config("[contract]\ntypes = [414]\n[fields.414]\nfullName = \"Full nam\"\n"),
        Case::new("no-recipient-column.csv", "neither phone nor e-mail among the headers", "fullName,city\nMona,Cairo\n"),
        Case::new("invisible-in-cells.csv", "outer spaces and invisible marks go", "phoneNumber,fullName\n  01012345678  ,\u{200f}Mona\u{a0}Adel \n"),
        Case::new("formula-like.csv", "text that a spreadsheet would run is text here", lines(["phoneNumber,fullName,note", "01012345678,=1+1,@cmd", "01112345678,+20 rest,-x"])),
        Case::new("left-out-columns.csv", "columns whose name begins with _ or # stay at home", "phoneNumber,_internal,#,fullName\n01012345678,secret,1,Mona\n"),
    ]
}
