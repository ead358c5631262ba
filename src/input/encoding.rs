//! Which encoding a text file is in: asked for, marked, proved, or guessed. A guess is made only among the encodings that
//! such sheets occur in; anything else is refused, because a wrong guess sends wrong names.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::RangeInclusive;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Decoder, DecoderResult, ISO_8859_6, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256,
};

use super::file::{Input, unreadable};
use crate::error::Error;

/// How much of a file is looked at when its encoding has to be guessed.
const SAMPLE_BYTES: usize = 1 << 18;
const CHUNK_BYTES: usize = 1 << 16;
const MAX_CHARACTER_BYTES: usize = 4;
/// Stands for a byte sequence that its encoding does not know: UTF-8 never holds it, so whoever makes cells of the text meets
/// foreign bytes in one shape, whatever the file's encoding is.
const FOREIGN: u8 = 0xff;

/// An encoding and how it was found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Encoding {
    pub(super) charset: &'static encoding_rs::Encoding,
    pub(super) basis: Basis,
}

/// UTF-8 text, apart from the bytes that mark what could not be decoded.
pub(super) type Text = Box<dyn BufRead + Send>;

/// What the choice of an encoding rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Basis {
    Asked,
    Mark,
    /// Every byte fits.
    Proved,
    /// Nearly everything fits; some cells have foreign bytes.
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

impl Encoding {
    /// Decides for one, or refuses.
    pub(super) fn of(input: &Input, asked: Option<&str>) -> Result<Encoding, Error> {
        let name = input.name();
        let failed = |error: io::Error| unreadable(&name, &error);
        let mut head = Vec::new();
        let mut start = input.open()?.take(CHUNK_BYTES as u64);
        start.read_to_end(&mut head).map_err(failed)?;
        let mark = encoding_rs::Encoding::for_bom(&head).map(|(charset, _)| charset);
        let found = |charset, basis| Ok(Encoding { charset, basis });
        if let Some(label) = asked {
            return found(asked_for(label, mark)?, Basis::Asked);
        }
        if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
            let why = "It looks like UTF-32, which no sheet is saved in by Excel.";
            return Err(unknown(&name, why));
        }
        if let Some(charset) = mark.filter(|&charset| charset != UTF_8) {
            return found(charset, Basis::Mark);
        }
        if let Some(charset) = utf16_by_its_zeros(&head) {
            return found(charset, Basis::Guessed);
        }
        let (characters, foreign) = survey(input.open()?).map_err(failed)?;
        if foreign == 0 {
            return found(UTF_8, mark.map_or(Basis::Proved, |_| Basis::Mark));
        }
        if mark.is_some() || characters >= foreign {
            return found(UTF_8, Basis::Mostly);
        }
        let sample = telling_lines(input.open()?).map_err(failed)?;
        let guessed = guess(&sample).ok_or_else(|| {
            let why = "It is not UTF-8, and nothing tells what else it is.";
            unknown(&name, why)
        });
        found(guessed?, Basis::Guessed)
    }

    /// The text from `skipped` bytes (of UTF-8) on, without marks of byte order.
    pub(super) fn text(self, input: &Input, skipped: usize) -> Result<Text, Error> {
        let failed = |error: io::Error| unreadable(&input.name(), &error);
        let mut text: Text = decoded(input.open()?, self.charset);
        // A script may have put one mark before another.
        let mark = "\u{feff}".as_bytes();
        while text.fill_buf().map_err(failed)?.starts_with(mark) {
            text.consume(mark.len());
        }
        io::copy(&mut (&mut text).take(skipped as u64), &mut io::sink()).map_err(failed)?;
        Ok(text)
    }
}

fn asked_for(
    label: &str,
    mark: Option<&'static encoding_rs::Encoding>,
) -> Result<&'static encoding_rs::Encoding, Error> {
    let wanted = encoding_rs::Encoding::for_label_no_replacement(label.trim().as_bytes());
    let Some(wanted) = wanted else {
        return Err(Error::unusable(
            "encoding_unknown",
            format!("There is no encoding named {label}."),
        )
        .hint("Names are, for example: utf-8, windows-1256, windows-1252, iso-8859-6, utf-16le."));
    };
    let is_utf16 = |charset| charset == UTF_16LE || charset == UTF_16BE;
    // "utf-16" leaves the byte order open; the file's own mark tells it.
    let marked = mark.filter(|&marked| is_utf16(marked) && is_utf16(wanted));
    Ok(marked.unwrap_or(wanted))
}

fn unknown(name: &str, why: &str) -> Error {
    Error::unusable(
        "encoding_unknown",
        format!("The encoding of {name} cannot be told. {why}"),
    )
    .hint("Save it from Excel as \"CSV UTF-8\", or name its encoding, such as --encoding windows-1256.")
}

/// UTF-16 without a mark: one half of nearly every pair is what Latin (0) or Arabic (6) letters have there, and delimiters, digits
/// and line breaks make some of them 0.
pub(super) fn utf16_by_its_zeros(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let pairs = head.len() / 2;
    let count = |half: usize, bytes: &[u8]| {
        let pairs = head.chunks_exact(2);
        pairs.filter(|pair| bytes.contains(&pair[half])).count()
    };
    let is_high =
        |half: usize| count(half, &[0, 6]) * 10 >= pairs * 9 && count(half, &[0]) * 10 > pairs;
    match (is_high(0), is_high(1)) {
        (false, true) => Some(UTF_16LE),
        (true, false) => Some(UTF_16BE),
        _ => None,
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

/// How many characters beyond ASCII are UTF-8, and how many sequences of bytes are not.
fn survey(bytes: impl Read + Send + 'static) -> io::Result<(usize, usize)> {
    let mut text = decoded(bytes, UTF_8);
    let (mut characters, mut foreign) = (0, 0);
    loop {
        let chunk = text.fill_buf()?;
        if chunk.is_empty() {
            return Ok((characters, foreign));
        }
        if !chunk.is_ascii() {
            let count = |range: RangeInclusive<u8>| {
                chunk.iter().filter(|byte| range.contains(byte)).count()
            };
            characters += count(0xc0..=0xfe);
            foreign += count(FOREIGN..=FOREIGN);
        }
        let read = chunk.len();
        text.consume(read);
    }
}

/// Lines that are not plain ASCII, up to [`SAMPLE_BYTES`]: what a guess is made from.
fn telling_lines(bytes: impl Read) -> io::Result<Vec<u8>> {
    let mut sample = Vec::new();
    let mut bytes = BufReader::with_capacity(CHUNK_BYTES, bytes);
    while sample.len() < SAMPLE_BYTES {
        let chunk = bytes.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        let lines = chunk.split_inclusive(|&byte| byte == b'\n' || byte == b'\r');
        sample.extend(lines.filter(|line| !line.is_ascii()).flatten());
        let read = chunk.len();
        bytes.consume(read);
    }
    Ok(sample)
}

fn decoded(bytes: impl Read + Send + 'static, charset: &'static encoding_rs::Encoding) -> Text {
    let bytes = BufReader::with_capacity(CHUNK_BYTES, bytes);
    let decoded = Decoded {
        bytes,
        decoder: charset.new_decoder_without_bom_handling(),
        is_done: false,
    };
    Box::new(BufReader::with_capacity(CHUNK_BYTES, decoded))
}

/// A reader that yields UTF-8, apart from [`FOREIGN`], in chunks that have room for a character.
struct Decoded<R> {
    bytes: BufReader<R>,
    decoder: Decoder,
    is_done: bool,
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // One byte of room is kept for the mark of a foreign sequence.
        let room = out.len().saturating_sub(1);
        if room < MAX_CHARACTER_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        while !self.is_done {
            let bytes = self.bytes.fill_buf()?;
            let is_last = bytes.is_empty();
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(bytes, &mut out[..room], is_last);
            self.bytes.consume(read);
            match result {
                DecoderResult::Malformed(..) => {
                    out[written] = FOREIGN;
                    return Ok(written + 1);
                }
                DecoderResult::InputEmpty => self.is_done = is_last,
                DecoderResult::OutputFull => {}
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(bytes: &[u8], asked: Option<&str>) -> Result<Encoding, Error> {
        Encoding::of(&Input::from_stdin(bytes).unwrap(), asked)
    }

    #[test]
    fn one_short_arabic_name_is_enough() {
        for name in [
            "منى", "أحمد", "علي", "سارة", "محمد", "هبة", "نور", "يوسف", "طه", "عمر",
        ] {
            let text = format!("name,phone\n{name},01012345678\n");
            let found = decided(&WINDOWS_1256.encode(&text).0, None).unwrap();
            assert_eq!(found.charset, WINDOWS_1256, "{name}");
        }
    }

    #[test]
    fn what_is_asked_for_wins() {
        let found = decided("منى\n".as_bytes(), Some("Windows-1256")).unwrap();
        assert_eq!((found.charset, found.basis), (WINDOWS_1256, Basis::Asked));
        let found = decided(b"\xfe\xff\0a", Some("utf-16")).unwrap();
        assert_eq!(found.charset, UTF_16BE);
        let unknown = decided(b"a", Some("klingon")).unwrap_err();
        assert_eq!(unknown.code, "encoding_unknown");
    }

    #[test]
    fn a_character_cut_by_a_chunk_is_still_one_character() {
        for shift in 0..4 {
            let text = "x".repeat(CHUNK_BYTES - shift) + "م€😀\n";
            let found = survey(io::Cursor::new(text)).unwrap();
            assert_eq!(found, (3, 0), "{shift}");
        }
        assert_eq!(survey(&b"cut \xd9"[..]).unwrap(), (0, 1));
    }

    #[test]
    fn what_the_encoding_does_not_know_cannot_be_taken_for_text() {
        // The last has a lone surrogate and a cut pair.
        for (bytes, expected) in [
            (&b"a\0\x45\x06"[..], "aم".as_bytes()),
            (b"\x3d\xd8\x00\xde", "😀".as_bytes()),
            (b"a\0\x00\xd8b\0c", b"a\xffb\xff"),
        ] {
            let text = decoded(bytes, UTF_16LE).bytes();
            assert_eq!(text.collect::<io::Result<Vec<u8>>>().unwrap(), expected);
        }
    }
}
