//! Values as they stand in cells.

use std::fmt::Write as _;

use super::{Case, phones};

/// One column of values of one type, each in a row with a phone of its own and a word on what is meant.
fn column(name: &'static str, why: &'static str, rule: &str, values: &[(&str, &str)]) -> Case {
    let mut text = String::from("phoneNumber,value,_what\n");
    for (n, (value, what)) in values.iter().enumerate() {
        let value = value.replace('"', "\"\"");
        let _ = writeln!(text, "010{:08},\"{value}\",{what}", 10_000_000 + n);
    }
    let rule = if rule.is_empty() {
        "column = \"value\"".to_owned()
    } else {
        format!("column = \"value\", {rule}")
    };
    Case::new(name, why, text).config(format!(
        "[contract]\ntypes = [414]\n[fields.414]\nvalue = {{ {rule} }}\n"
    ))
}

pub fn values() -> Vec<Case> {
    let mut cases = phones::phones();
    cases.extend(numbers());
    cases.extend(dates());
    cases.extend(identities());
    cases.extend(words());
    cases.extend(rows());
    cases
}

fn numbers() -> Vec<Case> {
    vec![
        column(
            "number-separators.csv",
            "thousands and decimal signs of all kinds",
            "type = \"number\"",
            &[
                ("5000", "plain"),
                ("5,000", "comma"),
                ("1,234,567.89", "both"),
                ("1.234.567,89", "the other way"),
                ("5 000", "space"),
                ("5\u{a0}000", "no-break space"),
                ("5'000", "apostrophe"),
                ("٥٬٠٠٠", "Arabic thousands"),
                ("٥٠٠٠٫٥", "Arabic decimal"),
                ("1,23", "two digits behind a comma"),
                ("5.000", "three digits behind a dot"),
                ("12,34,567", "groups of two"),
                ("1,2345", "no group"),
            ],
        ),
        column(
            "number-words.csv",
            "currencies, signs, percent",
            "type = \"number\"",
            &[
                ("5000 EGP", "code behind"),
                ("EGP 5,000", "code before"),
                ("5000 ج.م", "Arabic sign"),
                ("٥٠٠٠ جنيه", "Arabic word"),
                ("LE 5000", "LE"),
                ("$500", "dollar"),
                ("-250", "minus"),
                ("(250)", "brackets"),
                ("250-", "minus behind"),
                ("10%", "percent"),
                ("+7", "plus"),
                ("5000 thousand", "another word"),
            ],
        ),
        column(
            "number-invalid.csv",
            "what is no number",
            "type = \"number\"",
            &[
                ("five", "a word"),
                ("", "empty"),
                ("-", "a dash"),
                ("5-6", "a range"),
                ("1e3", "exponent"),
                ("1.2E+17", "rounded"),
                ("12345678901234567", "long but text"),
                ("NaN", "NaN"),
                ("0x10", "hex"),
                ("1.2.3", "dots"),
                ("007", "zeros before"),
            ],
        ),
    ]
}

fn dates() -> Vec<Case> {
    let date = "type = \"date\"";
    vec![
        column(
            "date-iso.csv",
            "ISO dates and times",
            date,
            &[
                ("1990-01-31", "date"),
                ("1990-01-31T10:00:00", "time"),
                ("1990-01-31 10:00", "space"),
                ("1990/01/31", "slashes"),
                ("19900131", "no signs"),
                ("1990-02-30", "no such day"),
            ],
        ),
        column(
            "date-day-first.csv",
            "31/12 proves that days come first",
            date,
            &[
                ("01/02/1990", "told by the others"),
                ("31/12/1990", "proof"),
                ("3-4-1990", "dashes"),
                ("05.06.1990", "dots"),
            ],
        ),
        column(
            "date-month-first.csv",
            "12/31 proves that months come first",
            date,
            &[
                ("01/02/1990", "told by the others"),
                ("12/31/1990", "proof"),
            ],
        ),
        column(
            "date-contradiction.csv",
            "one column, both orders: refused",
            date,
            &[
                ("31/12/1990", "day first"),
                ("12/31/1990", "month first"),
                ("01/02/1990", "either"),
                ("1990-05-06", "not in doubt"),
            ],
        ),
        column(
            "date-open.csv",
            "nothing proves an order: refused, except where day and month are the same",
            date,
            &[
                ("01/02/1990", "either"),
                ("05/05/1990", "the same both ways"),
            ],
        ),
        column(
            "date-input.csv",
            "the form is set",
            "type = \"date\", input = \"%d/%m/%Y\", output = \"%d.%m.%Y\"",
            &[
                ("31/12/1990", "fits"),
                ("1/2/1990", "single digits"),
                ("٣١/١٢/١٩٩٠", "Arabic digits"),
                ("12/31/1990", "no such month"),
                ("31-12-1990", "other signs"),
                ("31/12/90", "two digits"),
                ("", "empty"),
                ("1990-12-31", "ISO"),
            ],
        ),
        column(
            "date-serial.csv",
            "in a CSV nothing tells that such a number is a date: refused",
            date,
            &[
                ("32904", "1990-01-31"),
                ("32904.5", "with a time"),
                ("45", "1900"),
                ("99999999", "none"),
                ("0", "none"),
                ("1990", "a year alone"),
            ],
        ),
        column(
            "date-odd.csv",
            "two-digit years, month names, far years, nonsense",
            date,
            &[
                ("31/12/90", "two digits"),
                ("31 Jan 1990", "English"),
                ("٣١ يناير ١٩٩٠", "Arabic"),
                ("31/12/1890", "long ago"),
                ("31/12/2190", "far off"),
                ("1410/05/06", "Hijri"),
                ("00/00/0000", "zeros"),
                ("yesterday", "a word"),
                ("31/12/1990 23:59", "with a time"),
            ],
        ),
    ]
}

fn identities() -> Vec<Case> {
    let id = "type = \"egypt_national_id\"";
    let both = "phone,ID,DOB\n01012345671,29001011234567,01/01/1990\n01012345672,29001011234567,02/01/1990\n\
                01012345673,30512310123456,2005-12-31\n01012345674,,01/01/1990\n01012345675,29001011234567,\n";
    vec![
        column("national-id.csv", "ids as people write them", id, &[
            ("29001011234567", "right"), ("٢٩٠٠١٠١١٢٣٤٥٦٧", "Arabic digits"), ("2900101 1234567", "space"), ("290-0101-1234567", "dashes"), ("\u{202d}29001011234567\u{202c}", "marks"), ("30512310123456", "born in this century"),
        ]),
        column("national-id-invalid.csv", "ids that cannot be", id, &[
            ("2900101123456", "13 digits"), ("290010112345678", "15 digits"), ("19001011234567", "century"), ("29013011234567", "month"), ("29002301234567", "day"), ("29001019934567", "governorate"),
            ("39912310123456", "born in the future"), ("2.90010112E+13", "rounded"), ("29001010000000", "zeros behind"), ("2900101123456O", "a letter"), ("", "empty"), ("29001011234567 29001011234568", "two"),
        ]),
        Case::new("birth-date.csv", "the id's birth date against the column's", both).config(
            "[contract]\ntypes = [414]\n[fields.414]\nnationalId = { column = \"ID\", type = \"egypt_national_id\" }\n\
             birthDate = { column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\" }\n",
        ),
        column("email-field.csv", "addresses in a field", "type = \"email\"", &[
            ("mona@example.com", "right"), (" Mona.Adel+x@Example.COM ", "spaces and capitals"), ("mona@example", "no dot"), ("mona.example.com", "no at"), ("mona@@example.com", "two"), ("mona@exa mple.com", "space"),
            ("mona@example.com; ali@example.com", "two addresses"), ("mailto:mona@example.com", "a link"), ("Mona <mona@example.com>", "with a name"), ("منى@example.com", "Arabic"), ("mona@example.com.", "dot behind"), ("mona@مثال.com", "Arabic domain"), ("mona@example,com", "comma"),
        ]),
        Case::new("email-recipients.csv", "people known by e-mail alone, by both, by neither", "phone,email,fullName\n,mona@example.com,Mona\n01012345678,ahmed@example.com,Ahmed\n,,Sara\n01112345678,bad,Ali\n0101,hoda@example.com,Hoda\n"),
    ]
}

fn words() -> Vec<Case> {
    let choice = "type = \"choice\", choices = { \"أعزب\" = \"Single\", \"متزوج\" = \"Married\", \"Divorced\" = \"Divorced\" }";
    vec![
        column(
            "choice.csv",
            "choices with synonyms and Arabic letter variants",
            choice,
            &[
                ("أعزب", "right"),
                ("اعزب", "another alef"),
                ("أعـزب", "tatweel"),
                ("مُتَزَوِّج", "vowel signs"),
                ("Single", "the text that is sent"),
                ("divorced", "case"),
                (" Divorced ", "spaces"),
                ("Sngle", "a slip"),
                ("Widowed", "unknown"),
                ("", "empty"),
            ],
        ),
        column(
            "boolean.csv",
            "yes and no",
            "type = \"boolean\"",
            &[
                ("true", ""),
                ("FALSE", ""),
                ("Yes", ""),
                ("no", ""),
                ("1", ""),
                ("0", ""),
                ("نعم", ""),
                ("لا", ""),
                ("لأ", "a variant"),
                ("Y", "one letter"),
                ("x", "a tick"),
                ("maybe", "neither"),
                ("", "empty"),
                ("١", "Arabic digit"),
            ],
        ),
        column(
            "text-garbled.csv",
            "text that was damaged before it was saved",
            "",
            &[
                ("Ù…Ù†Ù‰ Ø¹Ø§Ø¯Ù„", "UTF-8 read as windows-1252"),
                ("ظ…ظ†ظ‰ ط¹ط§ط¯ظ„", "UTF-8 read as windows-1256"),
                ("???? ????", "question marks"),
                ("Mona\u{fffd}Adel", "U+FFFD"),
                ("ÇÍãÏ ãÍãæÏ", "windows-1256 read as windows-1252"),
                ("منى عادل", "right"),
                ("Why?", "a question"),
                ("Zoë Müller", "accents"),
                ("FranÃ§ois", "UTF-8 read as windows-1252"),
                ("?", "one mark"),
                ("Ahmed ??", "two marks"),
            ],
        ),
        column(
            "text-forms.csv",
            "presentation forms are folded, invisible marks go, the rest stays",
            "",
            &[
                ("ﻣﻨﻰ ﻋﺎﺩﻝ", "presentation forms"),
                ("ﷲ", "ligature"),
                ("ﻻ", "lam alef"),
                ("محمـــد", "tatweel stays"),
                ("مُحَمَّد", "vowel signs stay"),
                ("e\u{301}", "composed"),
                ("ﬁne", "Latin ligature"),
                ("a  b", "inner spaces"),
                ("line\nbreak", "line break"),
                ("\u{200f}منى\u{200f}", "marks"),
                ("👩‍💻", "joined emoji"),
                ("می\u{200c}خواهم", "joiner"),
            ],
        ),
        column(
            "text-control.csv",
            "control characters",
            "",
            &[
                ("a\u{7}b", "bell"),
                ("a\u{1b}[31mb", "escape"),
                ("a\tb", "tab"),
                ("\u{202e}abc", "override"),
            ],
        ),
        column(
            "required.csv",
            "a required value is missing",
            "required = true",
            &[
                ("x", ""),
                ("", "empty"),
                ("  ", "blank"),
                ("\u{200b}", "invisible"),
                ("-", "a dash is a value"),
            ],
        ),
        column(
            "default.csv",
            "a default steps in",
            "default = \"-\"",
            &[("x", ""), ("", "empty"), ("\u{200f}", "invisible")],
        ),
    ]
}

fn rows() -> Vec<Case> {
    vec![
        Case::new("duplicates.csv", "the same customer in other spellings; an invalid row is no first row", "phoneNumber,fullName\n01012345678,Mona\n+20 10 12345678,Mona Adel\n٠١٠١٢٣٤٥٦٧٨,منى\n0111234567,Ahmed\n0111234567,Ahmed\n01112345678,Ahmed\n"),
        Case::new("duplicates-email.csv", "the same address in other case", "email,fullName\nmona@example.com,Mona\nMona@Example.com,Mona\n"),
        Case::new("duplicates-types.csv", "the same customer with another contract type is another invitation", "phoneNumber,contractTypeId\n01012345678,414\n01012345678,415\n01012345678,\"415, 414\"\n01012345678,\"414,415\"\n01012345678,\n01112345678,abc\n").args(&[]).config("[session]\nkind = \"invitation\"\n"),
        Case::new("identity-columns.csv", "what makes two rows the same is set", "phone,No\n01012345678,A-1\n01012345678,A-2\n01112345678,a-1\n01212345678,\n")
            .config("[identity]\ncolumns = [\"No\"]\n[contract]\ntypes = [414]\n[fields.414]\nno = \"No\"\n"),
        Case::new("contract-words.csv", "contract types by their names", "phone,Product\n01012345678,Personal loan\n01112345678,قرض شخصى\n01212345678,lease\n01512345678,Mortgage\n")
            .config("[contract]\ncolumn = \"Product\"\nvalues = { \"Personal loan\" = 414, \"قرض شخصي\" = 414, \"Lease\" = [416, 415] }\n"),
        Case::new("explicit-types.csv", "headers that name their contract type", "phoneNumber,contractTypeId,fullName,415.car\n01012345678,414,Mona,\n01112345678,415,Ahmed,Fiat\n").config("[session]\nkind = \"invitation\"\n"),
        Case::new("template.csv", "a value made of several columns", "phone,Street,City\n01012345678,1 Tahrir,Cairo\n01112345678,,Giza\n01212345678,\"2 Nile \"\"East\"\"\",Giza\n")
            .config("[contract]\ntypes = [414]\n[fields.414]\naddress = { template = \"{{ row['Street'] }}, {{ row['City'] }}\" }\ncurrency = { value = \"EGP\" }\n"),
        Case::new("auth-session.csv", "a session without fields", "phone,fullName\n01012345678,Mona\n").config("[session]\nkind = \"auth\"\n[contract]\ntypes = [414]\n"),
        Case::new("many-problems.csv", "several problems in one row are all told", "phone,ID,DOB,Status\n0101,123,soon,Sngle\n01012345678,29001011234567,01/01/1990,Single\n")
            .config("[contract]\ntypes = [414]\n[fields.414]\nnationalId = { column = \"ID\", type = \"egypt_national_id\" }\nbirthDate = { column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\" }\nmaritalStatus = { column = \"Status\", type = \"choice\", choices = { \"S\" = \"Single\" } }\n"),
        Case::new("export-corrected.csv", "a corrected export: its result columns are left out", "phoneNumber,fullName,vlens_row,vlens_status,vlens_token,vlens_link,vlens_error_code,vlens_error,vlens_attempts,vlens_sent_at\n01012345678,Mona,2,invalid,,,phone_invalid,phoneNumber: too short,0,\n"),
    ]
}
