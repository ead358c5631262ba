//! Where a sheet's bytes come from, and from them to lines of text: which encoding a file is in (asked for, marked, proved, or guessed),
//! and its lines as UTF-8. A guess is made only among the encodings that such sheets occur in; anything else is refused, because a wrong
//! guess sends wrong names. And what of a text is a cell's.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Decoder, DecoderResult, Encoding, ISO_8859_6, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
    WINDOWS_1256,
};
use sha2::{Digest, Sha256};

use crate::error::{Error, is_open_elsewhere};
use crate::mapping::names::is_mixed_up;
use crate::model::{Cell, mask, printable, quoted, unguarded};

/// How much is looked at to tell what a file is.
pub(super) const HEAD_BYTES: u64 = 1 << 16;
/// Standard input is kept in the folder for temporary files, which may be memory; this is as much as a machine should be
/// asked to hold there.
const STDIN_MAX_BYTES: u64 = 1 << 30;

/// Where a sheet comes from. It is read more than once; whether it changed in between is asked at the end (`refuse_changed`).
#[derive(Debug, Clone)]
pub struct Input {
    /// `None` of standard input.
    pub path: Option<PathBuf>,
    file: Arc<File>,
    /// Its length and when it was written last, as it was opened.
    looks: Option<(u64, SystemTime)>,
}

impl Input {
    pub fn of(path: &Path) -> Result<Input, Error> {
        Ok(Input::with(Some(path.to_owned()), open_file(path)?))
    }

    fn with(path: Option<PathBuf>, file: File) -> Input {
        let (looks, file) = (looks(&file), Arc::new(file));
        Input { path, file, looks }
    }

    /// What is read of a file while it is written in place is of no file: neither the old one nor the new. A log `may_grow`.
    pub fn refuse_changed(&self, may_grow: bool) -> Result<(), Error> {
        let now = looks(&self.file);
        let has_grown = now.map(|(length, _)| length) > self.looks.map(|(length, _)| length);
        if now == self.looks || may_grow && has_grown {
            return Ok(());
        }
        Err(Error::of("file_changed", &[&self.name()]))
    }

    /// Reads `stream`, which can be read only once, to its end and keeps it in a private file without a name.
    pub fn from_stdin(stream: impl Read) -> Result<Input, Error> {
        let mut file = tempfile::tempfile().map_err(|error| Error::temporary(&error))?;
        let copied = io::copy(&mut stream.take(STDIN_MAX_BYTES + 1), &mut file);
        let bytes = copied.map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => Error::temporary(&error),
            _ => Error::of("stdin_unreadable", &[&error]),
        })?;
        if bytes > STDIN_MAX_BYTES {
            return Err(Error::of("stdin_too_long", &[]));
        }
        Ok(Input::with(None, file))
    }

    /// The name by which messages speak of the input.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => printable(&path.display().to_string()).into_owned(),
            None => "standard input".to_owned(),
        }
    }

    /// As it is typed in a command of another program.
    pub(super) fn typed(&self) -> String {
        let path = self.path.as_ref();
        path.map_or("FILE".to_owned(), |path| quoted(&path.to_string_lossy()))
    }

    /// The SHA-256 of the bytes, so that a run can tell whether it is still the same file.
    pub fn fingerprint(&self) -> Result<[u8; 32], Error> {
        let (mut bytes, mut chunk) = (self.open(), vec![0; 1 << 16]);
        let mut hasher = Sha256::new();
        loop {
            match bytes.read(&mut chunk) {
                Ok(0) => return Ok(hasher.finalize().into()),
                Ok(read) => hasher.update(&chunk[..read]),
                Err(error) => return Err(unreadable(&self.name(), &error)),
            }
        }
    }

    pub(super) fn head(&self, most: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = self.open().take(most).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&self.name(), &error))?;
        Ok(bytes)
    }

    /// A fresh reader at the first byte.
    pub(super) fn open(&self) -> Handle {
        let file = Arc::clone(&self.file);
        Handle { file, at: 0 }
    }
}

/// A reader over the input's bytes with a place of its own, however many others read the same file.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    file: Arc<File>,
    at: u64,
}

impl Read for Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        let at = from.checked_add_signed(by);
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn looks(file: &File) -> Option<(u64, SystemTime)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::of("file_unreadable", &[&name, &error])
}

/// What a file is, is looked at before it is opened: to open a pipe is to wait for who writes into it.
fn open_file(path: &Path) -> Result<File, Error> {
    let name = path.display().to_string();
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::of("file_not_found", &[&name]),
        io::ErrorKind::PermissionDenied => Error::of("file_unreadable.forbidden", &[&name, &error]),
        _ if is_open_elsewhere(&error) => Error::of("file_open_elsewhere", &[&name]),
        _ => unreadable(&name, &error),
    };
    let file_name = path.file_name().unwrap_or_default();
    if file_name.as_encoded_bytes().starts_with(b"~$") {
        return Err(Error::of("office_lock_file", &[&name]));
    }
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::of("file_is_directory", &[&name]));
    }
    if !metadata.is_file() {
        return Err(Error::of("file_unreadable.irregular", &[&name]));
    }
    File::open(path).map_err(failed)
}

/// A row this long is not a row of customers, and holding it would break the promise of small memory.
pub(super) const MAX_ROW_BYTES: usize = 16 << 20;

/// How much of a file is looked at when its encoding has to be guessed.
const SAMPLE_BYTES: usize = 1 << 18;
const CHUNK_BYTES: usize = 1 << 16;
/// Stands for a byte sequence that its encoding does not know: as a control character it makes its cell no text.
const FOREIGN: char = '\0';
/// The sign by which DOS marks the end of a text file.
const CTRL_Z: char = '\u{1a}';
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

pub(super) fn decide(
    input: &Input,
    head: &[u8],
    asked: Option<&str>,
) -> Result<(&'static Encoding, Basis), Error> {
    let mark = Encoding::for_bom(head).map(|(charset, _)| charset);
    if let Some(label) = asked {
        let (asked, is_marked) = (asked_for(label, mark)?, mark == Some(UTF_8));
        // What a config says of other files makes a mark no text.
        let basis = if is_marked { Basis::Mark } else { Basis::Asked };
        return Ok((if is_marked { UTF_8 } else { asked }, basis));
    }
    if let [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] = head {
        return Err(Error::of("encoding_unknown.utf32", &[&input.name()]));
    }
    if let Some(charset) = mark.filter(|&charset| charset != UTF_8) {
        return Ok((charset, Basis::Mark));
    }
    if let Some(charset) = utf16_by_its_zeros(head) {
        return Ok((charset, Basis::Guessed));
    }
    let surveyed = survey(input.open()).map_err(|error| unreadable(&input.name(), &error));
    let (characters, foreign, sample) = surveyed?;
    Ok(match mark {
        None if foreign == 0 => (UTF_8, Basis::Proved),
        Some(_) if foreign == 0 => (UTF_8, Basis::Mark),
        None if characters < foreign => {
            let unknown = || Error::of("encoding_unknown", &[&input.name()]);
            (guess(&sample).ok_or_else(unknown)?, Basis::Guessed)
        }
        _ => (UTF_8, Basis::Mostly),
    })
}

fn asked_for(label: &str, mark: Option<&'static Encoding>) -> Result<&'static Encoding, Error> {
    let wanted = Encoding::for_label_no_replacement(label.trim().as_bytes());
    let wanted = wanted.ok_or_else(|| Error::of("encoding_unknown.name", &[&label]))?;
    let is_utf16 = |charset| charset == UTF_16LE || charset == UTF_16BE;
    // "utf-16" leaves the byte order open; the file's own mark tells it.
    let marked = mark.filter(|&marked| is_utf16(marked) && is_utf16(wanted));
    Ok(marked.unwrap_or(wanted))
}

/// UTF-16 without a mark: one half of nearly every pair is what Latin (0) or Arabic (6) letters have there, and delimiters, digits
/// and line breaks make some of them 0.
pub(super) fn utf16_by_its_zeros(head: &[u8]) -> Option<&'static Encoding> {
    let is_high = |half: usize| {
        let pairs = head.as_chunks::<2>().0;
        let count = |byte: u8| pairs.iter().filter(|pair| pair[half] == byte).count();
        let zeros = count(0);
        (zeros + count(6)) * 10 >= pairs.len() * 9 && zeros * 10 > pairs.len()
    };
    match (is_high(0), is_high(1)) {
        (false, true) => Some(UTF_16LE),
        (true, false) => Some(UTF_16BE),
        _ => None,
    }
}

/// How well a whole file is UTF-8: its characters beyond ASCII, sequences of bytes that are no characters, and lines with either of them,
/// up to [`SAMPLE_BYTES`], from which a guess is made.
fn survey(bytes: Handle) -> io::Result<(usize, usize, Vec<u8>)> {
    let mut bytes = BufReader::with_capacity(CHUNK_BYTES, bytes);
    let (mut characters, mut foreign) = (0, 0);
    let (mut sample, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        let mut rest = (&mut bytes).take(MAX_ROW_BYTES as u64);
        if rest.read_until(b'\n', &mut line)? == 0 {
            return Ok((characters, foreign, sample));
        }
        if !line.is_ascii() {
            for chunk in line.utf8_chunks() {
                let bytes = chunk.valid().bytes();
                characters += bytes.filter(|&byte| byte >= 0xc0).count();
                foreign += usize::from(!chunk.invalid().is_empty());
            }
            let room = SAMPLE_BYTES - sample.len();
            sample.extend(line.iter().take(room));
        }
    }
}

/// The single-byte encoding of `sample`, if it is one of those that occur.
fn guess(sample: &[u8]) -> Option<&'static Encoding> {
    let by_statistics = || {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(sample, true);
        detector.guess(Some(b"eg"), Utf8Detection::Deny)
    };
    // One short name is too little for the detector, but enough to see whole words of Arabic letters.
    let arabic = is_arabic_words(sample).then_some(WINDOWS_1256);
    let guessed = arabic.unwrap_or_else(by_statistics);
    let is_usual = [WINDOWS_1256, WINDOWS_1252, ISO_8859_6].contains(&guessed);
    (is_usual && !is_mixed_up_by(guessed, sample)).then_some(guessed)
}

/// Whether a tenth or more of the words beyond ASCII are none of any language by this encoding: MS-DOS and Macintosh have others.
fn is_mixed_up_by(charset: &'static Encoding, sample: &[u8]) -> bool {
    let (text, _) = charset.decode_without_bom_handling(sample);
    let parts = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '"');
    let words = text.split(parts).filter(|word| !word.is_ascii());
    // Letters there, and signs that follow no letter here.
    let is_sign = |c| matches!(c, '‚' | '„' | '†' | '‡' | 'ˆ' | '‰' | '×');
    let is_damaged = |word: &&str| {
        let mut pairs = word.chars().zip(word.chars().skip(1));
        pairs.any(|(letter, sign)| letter.is_alphabetic() && is_sign(sign))
    };
    let is_mixed = |word: &&str| is_mixed_up(word) || is_damaged(word);
    words.clone().filter(is_mixed).count() * 10 > words.count()
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

/// A word of letters beyond ASCII, the longest, out of its value: by it a person tells whether the guess was right.
pub(super) fn one_word_of(text: &str) -> String {
    let words = text.split_whitespace();
    let telling = words.clone().filter(|word| !word.is_ascii());
    match telling.max_by_key(|word| word.chars().count()) {
        Some(longest) if words.count() > 1 && !text.contains(['@', '0']) => longest.to_owned(),
        _ => mask(text),
    }
}

pub(super) struct Lines {
    pub(super) name: String,
    bytes: BufReader<Handle>,
    decoder: Decoder,
    is_decoded: bool,
    /// Decoded, and how much of it has been handed out.
    text: String,
    taken: usize,
    /// Of the last line, from 1.
    number: usize,
}

impl Lines {
    pub(super) fn open(input: &Input, charset: &'static Encoding) -> Lines {
        Lines {
            name: input.name(),
            bytes: BufReader::with_capacity(CHUNK_BYTES, input.open()),
            decoder: charset.new_decoder_without_bom_handling(),
            is_decoded: false,
            text: String::new(),
            taken: 0,
            number: 0,
        }
    }

    /// The next line with its number and its break; `None` at the end. One that is longer than a row may be comes in parts.
    pub(super) fn next(&mut self) -> Result<Option<(usize, &str)>, Error> {
        let mut searched = 0;
        let end = loop {
            let rest = &self.text[self.taken..];
            let found = rest[searched..].find(BREAKS);
            searched = found.map_or(rest.len(), |at| searched + at);
            let is_crlf = rest[searched..].starts_with("\r\n");
            match found {
                // An LF that belongs to a CR may not have been decoded.
                Some(_) if self.is_decoded || searched + 1 < rest.len() => {
                    break searched + 1 + usize::from(is_crlf);
                }
                None if self.is_decoded || searched >= MAX_ROW_BYTES => break searched,
                _ => {}
            }
            let decoded = self.decode();
            decoded.map_err(|error| unreadable(&self.name, &error))?;
        };
        let start = self.taken;
        self.taken += end;
        self.number += 1;
        let mut line = self.text[start..self.taken].trim_end_matches(CTRL_Z);
        if self.number == 1 {
            // A script may have put one mark of byte order before another.
            line = line.trim_start_matches('\u{feff}');
        }
        Ok((!line.is_empty()).then_some((self.number, line)))
    }

    fn decode(&mut self) -> io::Result<()> {
        self.text.drain(..std::mem::take(&mut self.taken));
        self.text.reserve(CHUNK_BYTES);
        let bytes = self.bytes.fill_buf()?;
        let is_last = bytes.is_empty();
        let decoder = &mut self.decoder;
        let (result, read) =
            decoder.decode_to_string_without_replacement(bytes, &mut self.text, is_last);
        self.bytes.consume(read);
        match result {
            DecoderResult::Malformed(..) => self.text.push(FOREIGN),
            DecoderResult::InputEmpty => self.is_decoded = is_last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

/// A cell that holds a text, the same in whatever file it comes: without a guard, its lines parted by LF. One of white space alone
/// holds nothing, and one with control characters no text.
pub(super) fn cell_of_text(text: impl AsRef<str> + Into<String>) -> Cell {
    let raw = text.as_ref();
    if raw.chars().all(char::is_whitespace) {
        return Cell::Empty;
    }
    let is_break = |c| matches!(c, '\r' | '\u{2028}' | '\u{2029}');
    if !raw.starts_with('\'') && !raw.contains(|c| is_break(c) || is_no_text(c)) {
        return Cell::Text(text.into());
    }
    let lines = unguarded(raw.trim()).replace("\r\n", "\n");
    let lines = lines.replace(is_break, "\n");
    if lines.contains(is_no_text) {
        undecodable(&lines)
    } else {
        Cell::Text(lines)
    }
}

/// A cell whose text cannot be told, shown as far as it can.
pub(super) fn undecodable(text: &str) -> Cell {
    Cell::Undecodable(text.replace(is_no_text, "\u{fffd}"))
}

/// Tabs and line breaks are white space; other control characters come out of damaged files, or programs that damage them.
fn is_no_text(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
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
}
