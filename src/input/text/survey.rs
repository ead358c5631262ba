//! What the bytes of a text file tell about its encoding: whether they are UTF-8, and where they are not. It decides
//! nothing. A first glance is enough for a file that is UTF-8 all through; only others are looked at line by line.

use std::io::{self, Read};

use encoding_rs::Encoding;

/// How much of a file is looked at when its encoding has to be guessed.
const SAMPLE_BYTES: usize = 1 << 18;
const CHUNK_BYTES: usize = 1 << 16;
/// The longest character of UTF-8.
const MAX_CHARACTER_BYTES: usize = 4;

/// What a pass over the bytes has found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Lines with letters beyond ASCII, all of them valid UTF-8. A glance that meets nothing foreign does not count them.
    pub(super) utf8_lines: u64,
    /// Lines with bytes that are not UTF-8.
    pub(super) foreign_lines: u64,
    /// The first bytes of the file.
    pub(super) head: Vec<u8>,
    /// The lines that are not plain ASCII, up to [`SAMPLE_BYTES`]: what a guess is made from.
    pub(super) sample: Vec<u8>,
}

impl Survey {
    /// Reads to the end, unless there is a byte that is not UTF-8: then it is `None`, and a survey has to tell more.
    pub(super) fn glance(mut reader: impl Read) -> io::Result<Option<Survey>> {
        let mut survey = Survey::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut kept = 0;
        loop {
            let read = match reader.read(&mut chunk[kept..]) {
                Ok(0) => return Ok((kept == 0).then_some(survey)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = kept + read;
            if survey.head.len() < SAMPLE_BYTES {
                survey.head.extend_from_slice(&chunk[kept..end]);
            }
            let valid = Encoding::utf8_valid_up_to(&chunk[..end]);
            kept = end - valid;
            // What is left may be the beginning of a character that the next chunk goes on with; longer ones there are none.
            if kept >= MAX_CHARACTER_BYTES {
                return Ok(None);
            }
            chunk.copy_within(valid..end, 0);
        }
    }

    /// Reads to the end. Holds no more than a chunk and the samples.
    pub(super) fn of(mut reader: impl Read) -> io::Result<Survey> {
        let mut survey = Survey::default();
        let mut line = Line::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut kept = 0;
        loop {
            let read = match reader.read(&mut chunk[kept..]) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if survey.head.len() < SAMPLE_BYTES {
                survey.head.extend_from_slice(&chunk[kept..kept + read]);
            }
            let end = kept + read;
            let bytes = &chunk[..end];
            if bytes.is_ascii() && !line.is_foreign_to_ascii() {
                if read == 0 {
                    return Ok(survey);
                }
                kept = 0;
                continue;
            }
            let is_last = read == 0;
            kept = survey.take(bytes, is_last, &mut line);
            if is_last {
                survey.close(&mut line);
                return Ok(survey);
            }
            chunk.copy_within(end - kept..end, 0);
        }
    }

    /// Takes in `bytes`; returns how many at their end are the beginning of a character that the next chunk goes on with.
    fn take(&mut self, bytes: &[u8], is_last: bool, line: &mut Line) -> usize {
        let mut pieces = bytes
            .split_inclusive(|&b| b == b'\n' || b == b'\r')
            .peekable();
        let mut kept = 0;
        while let Some(piece) = pieces.next() {
            let may_go_on = pieces.peek().is_none() && !is_last;
            if !piece.is_ascii() {
                kept = line.read(piece, may_go_on);
                let room = SAMPLE_BYTES.saturating_sub(self.sample.len());
                let whole = &piece[..piece.len() - kept];
                self.sample
                    .extend_from_slice(&whole[..whole.len().min(room)]);
            }
            if piece.ends_with(b"\n") || piece.ends_with(b"\r") {
                self.close(line);
            }
        }
        kept
    }

    fn close(&mut self, line: &mut Line) {
        self.foreign_lines += u64::from(line.has_foreign);
        self.utf8_lines += u64::from(line.has_utf8 && !line.has_foreign);
        *line = Line::default();
    }
}

#[derive(Debug, Default)]
struct Line {
    has_utf8: bool,
    has_foreign: bool,
}

impl Line {
    fn is_foreign_to_ascii(&self) -> bool {
        self.has_utf8 || self.has_foreign
    }

    /// Returns the length of an unfinished character at the end, when the piece may go on in the next chunk.
    fn read(&mut self, piece: &[u8], may_go_on: bool) -> usize {
        let mut rest = piece;
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.has_utf8 |= !text.is_ascii();
                    return 0;
                }
                Err(error) => {
                    let (valid, behind) = rest.split_at(error.valid_up_to());
                    self.has_utf8 |= !valid.is_ascii();
                    match error.error_len() {
                        Some(length) => {
                            self.has_foreign = true;
                            rest = &behind[length..];
                        }
                        None if may_go_on => return behind.len(),
                        None => {
                            self.has_foreign = true;
                            return 0;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> (u64, u64) {
        let survey = Survey::of(bytes).unwrap();
        (survey.utf8_lines, survey.foreign_lines)
    }

    #[test]
    fn lines_are_sorted_into_utf8_and_foreign_ones() {
        for (bytes, expected) in [
            (&b""[..], (0, 0)),
            (b"plain\nascii", (0, 0)),
            ("منى\r\nplain\r\nعادل".as_bytes(), (2, 0)),
            (b"\xe3\xe4\xec,1\n\xc3\xa9t\xc3\xa9\n", (1, 1)),
            (b"\xd9\x85 and \xff\n", (0, 1)),
            (b"cut \xd9", (0, 1)),
        ] {
            assert_eq!(lines(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_character_cut_by_a_chunk_is_still_one_character() {
        for shift in 0..4 {
            let mut text = "x".repeat((1 << 16) - shift);
            text.push_str("م€😀\n");
            assert_eq!(lines(text.as_bytes()), (1, 0), "{shift}");
        }
    }

    #[test]
    fn a_glance_is_enough_exactly_where_a_survey_finds_nothing_foreign() {
        let pieces: [&[u8]; 8] = [
            b"a",
            b"\n",
            "م".as_bytes(),
            "€".as_bytes(),
            "😀".as_bytes(),
            b"\xff",
            b"\xd9",
            b"\x85",
        ];
        // Each across the seam between two chunks, and at the end of the file.
        for shift in 0..9 {
            for (first, second) in pieces.iter().flat_map(|a| pieces.map(|b| (*a, b))) {
                let lead = vec![b'x'; CHUNK_BYTES - shift];
                let bytes = [&lead, first, second].concat();
                let survey = Survey::of(&bytes[..]).unwrap();
                let glance = Survey::glance(&bytes[..]).unwrap();
                assert_eq!(
                    glance.is_some(),
                    survey.foreign_lines == 0,
                    "{shift} {first:?} {second:?}"
                );
                assert!(glance.is_none_or(|glance| glance.head == survey.head));
            }
        }
    }

    #[test]
    fn the_samples_stay_small() {
        let survey = Survey::of("é\n".repeat(1 << 20).as_bytes()).unwrap();
        assert!(survey.sample.len() <= SAMPLE_BYTES);
        assert!(survey.head.len() <= SAMPLE_BYTES + (1 << 16));
    }
}
