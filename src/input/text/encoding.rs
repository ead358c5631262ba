//! Which encoding a text file is in: asked for, marked, proved, or guessed. A guess is made only among the encodings that
//! such sheets occur in; anything else is refused, because a wrong guess sends wrong names.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{ISO_8859_6, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};

use super::survey::Survey;
use crate::error::Error;

/// An encoding and how it was found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Encoding {
    pub(super) charset: &'static encoding_rs::Encoding,
    /// Bytes of the byte-order mark, which are no part of the text.
    pub(super) mark_bytes: u64,
    pub(super) basis: Basis,
}

/// What the choice of an encoding rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Basis {
    Asked,
    Mark,
    /// Every byte fits.
    Proved,
    /// Nearly every line fits; some have foreign bytes.
    Mostly,
    Guessed,
}

impl Basis {
    /// The words in which people are told.
    pub(super) fn words(self) -> &'static str {
        match self {
            Basis::Asked => "as asked for",
            Basis::Mark => "by its byte-order mark",
            Basis::Proved => "every byte fits",
            Basis::Mostly => {
                "but some rows hold bytes of another encoding; their cells are problems"
            }
            Basis::Guessed => "a guess",
        }
    }
}

/// Decides for one encoding, or refuses.
pub(super) fn decide(name: &str, asked: Option<&str>, survey: &Survey) -> Result<Encoding, Error> {
    let mark = encoding_rs::Encoding::for_bom(&survey.head);
    if let Some(label) = asked {
        return asked_for(label, mark);
    }
    if survey.head.starts_with(&[0xff, 0xfe, 0, 0]) || survey.head.starts_with(&[0, 0, 0xfe, 0xff])
    {
        return Err(unknown(
            name,
            "It looks like UTF-32, which no sheet is saved in by Excel.",
        ));
    }
    let found = |charset, basis| Encoding {
        charset,
        mark_bytes: 0,
        basis,
    };
    if let Some((encoding, length)) = mark {
        let is_broken = encoding == UTF_8 && survey.foreign_lines > 0;
        return Ok(Encoding {
            charset: encoding,
            mark_bytes: length as u64,
            basis: if is_broken {
                Basis::Mostly
            } else {
                Basis::Mark
            },
        });
    }
    if let Some(encoding) = utf16_by_its_nuls(&survey.head) {
        return Ok(found(encoding, Basis::Guessed));
    }
    if survey.foreign_lines == 0 {
        return Ok(found(UTF_8, Basis::Proved));
    }
    if survey.utf8_lines >= survey.foreign_lines {
        return Ok(found(UTF_8, Basis::Mostly));
    }
    guess(&survey.sample)
        .map(|encoding| found(encoding, Basis::Guessed))
        .ok_or_else(|| unknown(name, "It is not UTF-8, and nothing tells what else it is."))
}

fn asked_for(
    label: &str,
    mark: Option<(&'static encoding_rs::Encoding, usize)>,
) -> Result<Encoding, Error> {
    let wanted = encoding_rs::Encoding::for_label_no_replacement(label.trim().as_bytes());
    let Some(wanted) = wanted else {
        return Err(Error::unusable(
            "encoding_unknown",
            format!("There is no encoding named {label}."),
        )
        .hint("Names are, for example: utf-8, windows-1256, windows-1252, iso-8859-6, utf-16le."));
    };
    let is_utf16 = |encoding| encoding == UTF_16LE || encoding == UTF_16BE;
    // "utf-16" leaves the byte order open; the file's own mark tells it.
    let (encoding, mark_bytes) = match mark {
        Some((marked, length)) if marked == wanted || (is_utf16(marked) && is_utf16(wanted)) => {
            (marked, length as u64)
        }
        _ => (wanted, 0),
    };
    Ok(Encoding {
        charset: encoding,
        mark_bytes,
        basis: Basis::Asked,
    })
}

fn unknown(name: &str, why: &str) -> Error {
    Error::unusable(
        "encoding_unknown",
        format!("The encoding of {name} cannot be told. {why}"),
    )
    .hint("Save it from Excel as \"CSV UTF-8\", or name its encoding, such as --encoding windows-1256.")
}

/// UTF-16 without a mark: delimiters, digits and line breaks have a NUL in the same half of each pair.
fn utf16_by_its_nuls(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let (mut first, mut second) = (0usize, 0usize);
    for pair in head.chunks_exact(2) {
        first += usize::from(pair[0] == 0);
        second += usize::from(pair[1] == 0);
    }
    let pairs = head.len() / 2;
    let is_plain = |few: usize, many: usize| many * 10 > pairs && few * 20 < many;
    if is_plain(first, second) {
        Some(UTF_16LE)
    } else if is_plain(second, first) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The single-byte encoding of `sample`, if it is one of those that occur.
fn guess(sample: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    // One short name is too little for the detector, but enough to see whole words of Arabic letters.
    if is_arabic_words(sample) {
        return Some(WINDOWS_1256);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let guessed = detector.guess(Some(b"eg"), Utf8Detection::Deny);
    [WINDOWS_1256, WINDOWS_1252, ISO_8859_6]
        .contains(&guessed)
        .then_some(guessed)
}

/// Whether nearly all bytes beyond ASCII stand side by side and are Arabic letters in windows-1256. In ISO-8859-6 every
/// other letter would be a Latin one here, and in windows-1252 accented letters stand alone.
fn is_arabic_words(sample: &[u8]) -> bool {
    let (text, _) = WINDOWS_1256.decode_without_bom_handling(sample);
    let letters: Vec<char> = text.chars().collect();
    let is_arabic = |c: &char| matches!(c, '\u{0621}'..='\u{0652}');
    let beyond_ascii = letters.iter().filter(|c| !c.is_ascii()).count();
    let in_words = letters
        .split(|c| !is_arabic(c))
        .filter(|word| word.len() >= 2)
        .map(<[char]>::len)
        .sum::<usize>();
    beyond_ascii > 0 && in_words * 10 >= beyond_ascii * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(bytes: &[u8], asked: Option<&str>) -> Result<Encoding, Error> {
        decide("a.csv", asked, &Survey::of(bytes).unwrap())
    }

    fn in_windows_1256(text: &str) -> Vec<u8> {
        WINDOWS_1256.encode(text).0.into_owned()
    }

    fn in_utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn each_encoding_is_recognised_on_its_own_ground() {
        let sheet = "الاسم,الهاتف\nمنى عادل السيد,01012345678\nأحمد محمود,01112345678\n";
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        let le = in_utf16(sheet, u16::to_le_bytes);
        let be = in_utf16(sheet, u16::to_be_bytes);
        for (bytes, encoding, basis) in [
            (sheet.as_bytes().to_vec(), UTF_8, Basis::Proved),
            (
                marked(b"\xef\xbb\xbf", sheet.as_bytes()),
                UTF_8,
                Basis::Mark,
            ),
            (marked(b"\xff\xfe", &le), UTF_16LE, Basis::Mark),
            (marked(b"\xfe\xff", &be), UTF_16BE, Basis::Mark),
            (le, UTF_16LE, Basis::Guessed),
            (be, UTF_16BE, Basis::Guessed),
            (in_windows_1256(sheet), WINDOWS_1256, Basis::Guessed),
            (
                b"name\nJos\xe9 Garc\xeda\nAndr\xe9\n".to_vec(),
                WINDOWS_1252,
                Basis::Guessed,
            ),
            (
                ISO_8859_6.encode(sheet).0.into_owned(),
                ISO_8859_6,
                Basis::Guessed,
            ),
            (b"phone\n01012345678\n".to_vec(), UTF_8, Basis::Proved),
        ] {
            let found = decided(&bytes, None).unwrap();
            assert_eq!((found.charset, found.basis), (encoding, basis));
        }
    }

    #[test]
    fn one_short_arabic_name_is_enough() {
        for name in [
            "منى", "أحمد", "علي", "سارة", "محمد", "هبة", "نور", "يوسف", "طه", "عمر",
        ] {
            let bytes = in_windows_1256(&format!("name,phone\n{name},01012345678\n"));
            let found = decided(&bytes, None).unwrap();
            assert_eq!(found.charset, WINDOWS_1256, "{name}");
        }
    }

    #[test]
    fn foreign_bytes_in_some_rows_do_not_change_the_encoding_of_the_file() {
        let mut bytes = "منى\nعادل\nسارة\n".as_bytes().to_vec();
        bytes.extend(in_windows_1256("أحمد\n"));
        let found = decided(&bytes, None).unwrap();
        assert_eq!((found.charset, found.basis), (UTF_8, Basis::Mostly));
    }

    #[test]
    fn what_is_asked_for_wins() {
        let found = decided("منى\n".as_bytes(), Some("Windows-1256")).unwrap();
        assert_eq!((found.charset, found.basis), (WINDOWS_1256, Basis::Asked));
        let found = decided(b"\xfe\xff\0a", Some("utf-16")).unwrap();
        assert_eq!((found.charset, found.mark_bytes), (UTF_16BE, 2));
        assert_eq!(
            decided(b"a", Some("klingon")).unwrap_err().code,
            "encoding_unknown"
        );
    }

    #[test]
    fn a_stray_nul_does_not_make_it_utf16() {
        let found = decided(b"name,phone\nMona\0,01012345678\n", None).unwrap();
        assert_eq!(found.charset, UTF_8);
    }
}
