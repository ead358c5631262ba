//! Which encoding a text file is in: asked for, marked, proved, or guessed. A guess is made only among the encodings that
//! such sheets occur in; anything else is refused, because a wrong guess sends wrong names.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Decoder, DecoderResult, ISO_8859_6, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256,
};

use super::file::{Input, unreadable};
use crate::error::Error;

/// How much of a file is looked at when its encoding has to be guessed.
const SAMPLE_BYTES: usize = 1 << 18;
const CHUNK_BYTES: usize = 1 << 16;
/// The longest character of UTF-8.
const MAX_CHARACTER_BYTES: usize = 4;
/// Stands for a byte sequence that its encoding does not know: UTF-8 never holds it, so whoever makes cells of the text meets
/// foreign bytes in one shape, whatever the file's encoding is.
const FOREIGN: u8 = 0xff;

/// An encoding and how it was found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Encoding {
    pub(super) charset: &'static encoding_rs::Encoding,
    /// Bytes of the byte-order mark, which are no part of the text.
    pub(super) mark_bytes: u64,
    pub(super) basis: Basis,
}

/// UTF-8 text, apart from the bytes that mark what could not be decoded.
pub(super) type Text = Box<dyn BufRead + Send>;

impl Encoding {
    /// The text from `skipped` bytes (of UTF-8) on, without marks of byte order.
    pub(super) fn text(self, input: &Input, skipped: usize) -> Result<Text, Error> {
        let failed = |error: io::Error| unreadable(&input.name(), &error);
        let mut handle = input.open()?;
        let start = SeekFrom::Start(self.mark_bytes);
        handle.seek(start).map_err(failed)?;
        let bytes = BufReader::with_capacity(CHUNK_BYTES, handle);
        let mut text: Text = if self.charset == UTF_8 {
            Box::new(bytes)
        } else {
            Box::new(Decoded::new(bytes, self.charset))
        };
        // A script may have put one mark before another.
        let mark = "\u{feff}".as_bytes();
        while text.fill_buf().map_err(failed)?.starts_with(mark) {
            text.consume(mark.len());
        }
        io::copy(&mut (&mut text).take(skipped as u64), &mut io::sink()).map_err(failed)?;
        Ok(text)
    }
}

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
        let is_broken = encoding == UTF_8 && survey.foreign > 0;
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
    if survey.foreign == 0 {
        return Ok(found(UTF_8, Basis::Proved));
    }
    if survey.utf8 >= survey.foreign {
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

/// What the bytes of a text file tell about its encoding.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Characters beyond ASCII that are valid UTF-8.
    utf8: usize,
    /// Sequences of bytes that are not UTF-8.
    foreign: usize,
    /// The first bytes of the file.
    head: Vec<u8>,
    /// Lines that are not plain ASCII, up to [`SAMPLE_BYTES`]: what a guess is made from.
    sample: Vec<u8>,
}

impl Survey {
    /// Reads to the end. Holds no more than a chunk and the samples.
    pub(super) fn of(mut reader: impl Read) -> io::Result<Survey> {
        let mut survey = Survey::default();
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + MAX_CHARACTER_BYTES);
        loop {
            let kept = chunk.len();
            let more = reader
                .by_ref()
                .take(CHUNK_BYTES as u64)
                .read_to_end(&mut chunk)?;
            let is_last = more == 0;
            if survey.head.is_empty() {
                survey.head.extend_from_slice(&chunk[kept..]);
            }
            let cut = survey.see(&chunk, is_last);
            chunk.drain(..chunk.len() - cut);
            if is_last {
                return Ok(survey);
            }
        }
    }

    /// Takes in a chunk; returns how many bytes at its end are the beginning of a character that the next chunk goes on with.
    fn see(&mut self, chunk: &[u8], is_last: bool) -> usize {
        if chunk.is_ascii() {
            return 0;
        }
        let mut cut = 0;
        let mut pieces = chunk.utf8_chunks().peekable();
        while let Some(piece) = pieces.next() {
            let begins = |byte: &u8| *byte >= 0xc0;
            self.utf8 += piece.valid().bytes().filter(begins).count();
            let foreign = piece.invalid();
            if pieces.peek().is_none() && !is_last && is_cut_character(foreign) {
                cut = foreign.len();
            } else {
                self.foreign += usize::from(!foreign.is_empty());
            }
        }
        for line in chunk.split_inclusive(|&byte| byte == b'\n' || byte == b'\r') {
            let room = SAMPLE_BYTES - self.sample.len();
            if room > 0 && !line.is_ascii() {
                self.sample.extend_from_slice(&line[..line.len().min(room)]);
            }
        }
        cut
    }
}

/// Whether the bytes are the beginning of a character of UTF-8, and only its end is missing.
fn is_cut_character(bytes: &[u8]) -> bool {
    let result = std::str::from_utf8(bytes);
    result.is_err_and(|error| error.error_len().is_none())
}

/// A reader that yields UTF-8, apart from [`FOREIGN`].
pub(super) struct Decoded<R> {
    inner: R,
    decoder: Decoder,
    text: Box<[u8]>,
    start: usize,
    end: usize,
    is_done: bool,
}

impl<R: BufRead> Decoded<R> {
    /// `inner` must stand behind the byte-order mark.
    pub(super) fn new(inner: R, encoding: &'static encoding_rs::Encoding) -> Self {
        Decoded {
            inner,
            decoder: encoding.new_decoder_without_bom_handling(),
            text: vec![0; 1 << 16].into_boxed_slice(),
            start: 0,
            end: 0,
            is_done: false,
        }
    }

    fn decode_more(&mut self) -> io::Result<()> {
        let bytes = self.inner.fill_buf()?;
        let is_last = bytes.is_empty();
        // One byte of room is kept for the mark of a foreign sequence.
        let room = self.text.len() - 1;
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(bytes, &mut self.text[..room], is_last);
        self.inner.consume(read);
        (self.start, self.end) = (0, written);
        match result {
            DecoderResult::Malformed(..) => {
                self.text[written] = FOREIGN;
                self.end = written + 1;
            }
            DecoderResult::InputEmpty => self.is_done = is_last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl<R: BufRead> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.start == self.end && !self.is_done {
            self.decode_more()?;
        }
        Ok(&self.text[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let waiting = self.fill_buf()?;
        let taken = waiting.len().min(out.len());
        out[..taken].copy_from_slice(&waiting[..taken]);
        self.consume(taken);
        Ok(taken)
    }
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
    fn a_character_cut_by_a_chunk_is_still_one_character() {
        for shift in 0..4 {
            let text = "x".repeat(CHUNK_BYTES - shift) + "م€😀\n";
            let survey = Survey::of(text.as_bytes()).unwrap();
            assert_eq!((survey.utf8, survey.foreign), (3, 0), "{shift}");
        }
        let cut = Survey::of(&b"cut \xd9"[..]).unwrap();
        assert_eq!((cut.utf8, cut.foreign), (0, 1));
    }

    #[test]
    fn what_the_encoding_does_not_know_cannot_be_taken_for_text() {
        // Three bytes at a time, so that characters are cut in two; the last has a lone surrogate and a cut pair.
        for (bytes, expected) in [
            (&b"a\0\x45\x06"[..], "aم".as_bytes()),
            (b"\x3d\xd8\x00\xde", "😀".as_bytes()),
            (b"a\0\x00\xd8b\0c", b"a\xffb\xff"),
        ] {
            let mut text = Vec::new();
            let inner = io::BufReader::with_capacity(3, bytes);
            let mut decoded = Decoded::new(inner, UTF_16LE);
            decoded.read_to_end(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}
