//! From bytes to lines of text: which encoding a file is in (asked for, marked, proved, or guessed), and its lines as UTF-8. A
//! guess is made only among the encodings that such sheets occur in; anything else is refused, because a wrong guess sends wrong
//! names.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Decoder, DecoderResult, Encoding, ISO_8859_6, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
    WINDOWS_1256,
};

use super::file::{Handle, Input, unreadable};
use super::source::MAX_ROW_BYTES;
use crate::error::Error;

/// How much of a file is looked at when its encoding has to be guessed.
const SAMPLE_BYTES: usize = 1 << 18;
const CHUNK_BYTES: usize = 1 << 16;
/// Stands for a byte sequence that its encoding does not know: as a control character it makes its cell no text.
const FOREIGN: u8 = 0;
/// The sign by which DOS marks the end of a text file.
const CTRL_Z: u8 = 0x1a;
/// What ends a line: either of them, or CR and LF together.
pub(super) const BREAKS: [char; 2] = ['\n', '\r'];

/// What the choice of an encoding rests on, in the words in which people are told.
#[derive(Debug, Clone, Copy, PartialEq, strum::Display)]
pub(super) enum Basis {
    #[strum(serialize = "as asked for")]
    Asked,
    #[strum(serialize = "by its byte-order mark")]
    Mark,
    #[strum(serialize = "every byte fits")]
    Proved,
    #[strum(serialize = "but some rows hold bytes of another encoding; their cells are problems")]
    Mostly,
    #[strum(serialize = "a guess")]
    Guessed,
}

/// Decides for an encoding, or refuses.
pub(super) fn decide(
    input: &Input,
    head: &[u8],
    asked: Option<&str>,
) -> Result<(&'static Encoding, Basis), Error> {
    let name = input.name();
    let mark = Encoding::for_bom(head).map(|(charset, _)| charset);
    if let Some(label) = asked {
        return Ok((asked_for(label, mark)?, Basis::Asked));
    }
    if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
        let why = "It looks like UTF-32, which no sheet is saved in by Excel.";
        return Err(unknown(&name, why));
    }
    if let Some(charset) = mark.filter(|&charset| charset != UTF_8) {
        return Ok((charset, Basis::Mark));
    }
    if let Some(charset) = utf16_by_its_zeros(head) {
        return Ok((charset, Basis::Guessed));
    }
    let survey = Survey::of(input.open()?).map_err(|error| unreadable(&name, &error))?;
    match mark {
        None if survey.foreign == 0 => Ok((UTF_8, Basis::Proved)),
        Some(_) if survey.foreign == 0 => Ok((UTF_8, Basis::Mark)),
        None if survey.characters < survey.foreign => {
            let why = "It is not UTF-8, and nothing tells what else it is.";
            let guessed = guess(&survey.sample).ok_or_else(|| unknown(&name, why))?;
            Ok((guessed, Basis::Guessed))
        }
        _ => Ok((UTF_8, Basis::Mostly)),
    }
}

fn asked_for(label: &str, mark: Option<&'static Encoding>) -> Result<&'static Encoding, Error> {
    let Some(wanted) = Encoding::for_label_no_replacement(label.trim().as_bytes()) else {
        let message = format!("There is no encoding named {label}.");
        let hint =
            "Names are, for example: utf-8, windows-1256, windows-1252, iso-8859-6, utf-16le.";
        return Err(Error::unusable("encoding_unknown", message).hint(hint));
    };
    let is_utf16 = |charset| charset == UTF_16LE || charset == UTF_16BE;
    // "utf-16" leaves the byte order open; the file's own mark tells it.
    let marked = mark.filter(|&marked| is_utf16(marked) && is_utf16(wanted));
    Ok(marked.unwrap_or(wanted))
}

fn unknown(name: &str, why: &str) -> Error {
    let message = format!("The encoding of {name} cannot be told. {why}");
    let hint = "Save it from Excel as \"CSV UTF-8\", or name its encoding, such as --encoding windows-1256.";
    Error::unusable("encoding_unknown", message).hint(hint)
}

/// UTF-16 without a mark: one half of nearly every pair is what Latin (0) or Arabic (6) letters have there, and delimiters, digits
/// and line breaks make some of them 0.
pub(super) fn utf16_by_its_zeros(head: &[u8]) -> Option<&'static Encoding> {
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

/// How well a whole file is UTF-8.
#[derive(Default)]
struct Survey {
    /// Characters beyond ASCII.
    characters: usize,
    /// Sequences of bytes that are no characters.
    foreign: usize,
    /// Lines with either of them, up to [`SAMPLE_BYTES`]: what a guess is made from.
    sample: Vec<u8>,
}

impl Survey {
    fn of(bytes: impl Read) -> io::Result<Survey> {
        let mut bytes = BufReader::with_capacity(CHUNK_BYTES, bytes);
        let (mut survey, mut line) = (Survey::default(), Vec::new());
        while (&mut bytes)
            .take(MAX_ROW_BYTES as u64)
            .read_until(b'\n', &mut line)?
            > 0
        {
            if !line.is_ascii() {
                for chunk in line.utf8_chunks() {
                    let bytes = chunk.valid().bytes();
                    survey.characters += bytes.filter(|&byte| byte >= 0xc0).count();
                    survey.foreign += usize::from(!chunk.invalid().is_empty());
                }
                let room = SAMPLE_BYTES - survey.sample.len();
                survey.sample.extend(line.iter().take(room));
            }
            line.clear();
        }
        Ok(survey)
    }
}

/// The single-byte encoding of `sample`, if it is one of those that occur.
fn guess(sample: &[u8]) -> Option<&'static Encoding> {
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
    let words = text.split(|c| !matches!(c, '\u{0621}'..='\u{0652}'));
    let letters = words.map(|word| word.chars().count());
    let in_words: usize = letters.filter(|&letters| letters >= 2).sum();
    let beyond_ascii = text.chars().filter(|c| !c.is_ascii()).count();
    beyond_ascii > 0 && in_words * 10 >= beyond_ascii * 9
}

/// The lines of a text file.
pub(super) struct Lines {
    /// By which messages speak of the file.
    pub(super) name: String,
    text: BufReader<Decoded>,
    line: Vec<u8>,
    /// Of the last line, from 1.
    number: usize,
}

impl Lines {
    pub(super) fn open(input: &Input, charset: &'static Encoding) -> Result<Lines, Error> {
        Ok(Lines {
            name: input.name(),
            text: BufReader::with_capacity(CHUNK_BYTES, Decoded::open(input, charset)?),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line with its number and its break; `None` at the end. One that is longer than a row may be comes in parts.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Cow<'_, str>)>, Error> {
        self.read()
            .map_err(|error| unreadable(&self.name, &error))?;
        self.number += 1;
        let mut line = self.line.as_slice();
        // A script may have put one mark of byte order before another.
        while self.number == 1
            && let Some(behind) = line.strip_prefix("\u{feff}".as_bytes())
        {
            line = behind;
        }
        let line = String::from_utf8_lossy(line);
        Ok((!line.is_empty()).then_some((self.number, line)))
    }

    fn read(&mut self) -> io::Result<()> {
        self.line.clear();
        while self.line.len() < MAX_ROW_BYTES {
            let chunk = self.text.fill_buf()?;
            let end = chunk.iter().position(|byte| b"\r\n".contains(byte));
            let taken = end.map_or(chunk.len(), |end| end + 1);
            self.line.extend_from_slice(&chunk[..taken]);
            self.text.consume(taken);
            if taken == 0 {
                while self.line.pop_if(|last| *last == CTRL_Z).is_some() {}
            }
            if taken == 0 || end.is_some() {
                break;
            }
        }
        if self.line.ends_with(b"\r") && self.text.fill_buf()?.starts_with(b"\n") {
            self.line.push(b'\n');
            self.text.consume(1);
        }
        Ok(())
    }
}

/// A reader that yields UTF-8, with [`FOREIGN`] where bytes are none of their encoding, in chunks that have room for a character.
struct Decoded {
    bytes: BufReader<Handle>,
    decoder: Decoder,
    is_done: bool,
}

impl Decoded {
    fn open(input: &Input, charset: &'static Encoding) -> Result<Decoded, Error> {
        Ok(Decoded {
            bytes: BufReader::with_capacity(CHUNK_BYTES, input.open()?),
            decoder: charset.new_decoder_without_bom_handling(),
            is_done: false,
        })
    }
}

impl Read for Decoded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // One byte of room is kept for what is foreign.
        let room = out.len().saturating_sub(1);
        let mut written = 0;
        while written == 0 && !self.is_done {
            let bytes = self.bytes.fill_buf()?;
            let (result, read, decoded) = self.decoder.decode_to_utf8_without_replacement(
                bytes,
                &mut out[..room],
                bytes.is_empty(),
            );
            written = decoded;
            self.is_done = bytes.is_empty() && result == DecoderResult::InputEmpty;
            self.bytes.consume(read);
            if let DecoderResult::Malformed(..) = result {
                out[written] = FOREIGN;
                written += 1;
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_short_arabic_name_is_enough() {
        for name in [
            "منى", "أحمد", "علي", "سارة", "محمد", "هبة", "نور", "يوسف", "طه", "عمر",
        ] {
            let text = format!("name,phone\n{name},01012345678\n");
            let guessed = guess(&WINDOWS_1256.encode(&text).0);
            assert_eq!(guessed, Some(WINDOWS_1256), "{name}");
        }
    }

    #[test]
    fn what_the_encoding_does_not_know_cannot_be_taken_for_text() {
        // The last has a lone surrogate and a cut pair.
        for (bytes, expected) in [
            (&b"a\0\x45\x06"[..], "aم"),
            (b"\x3d\xd8\x00\xde", "😀"),
            (b"a\0\x00\xd8b\0c", "a\0b\0"),
        ] {
            let input = Input::from_stdin(bytes).unwrap();
            let mut lines = Lines::open(&input, UTF_16LE).unwrap();
            assert_eq!(lines.next().unwrap().unwrap().1, expected);
        }
    }
}
