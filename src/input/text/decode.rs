//! Turns the bytes of another encoding into UTF-8 while they pass, chunk by chunk.
//!
//! A byte that its encoding does not know comes out as 0xFF, which UTF-8 never holds: whoever makes cells of the text
//! then meets foreign bytes in the same shape, whatever the file's encoding is.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// Stands for a byte sequence that its encoding does not know.
const FOREIGN: u8 = 0xff;

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
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
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
    use encoding_rs::{UTF_16LE, WINDOWS_1256};

    use super::*;

    fn decoded(bytes: &[u8], encoding: &'static Encoding) -> Vec<u8> {
        // Three bytes at a time, so that characters are cut in two.
        let inner = io::BufReader::with_capacity(3, bytes);
        let mut text = Vec::new();
        Decoded::new(inner, encoding)
            .read_to_end(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn text_comes_out_as_utf8() {
        let name = "منى,😀"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>();
        assert_eq!(decoded(&name, UTF_16LE), "منى,😀".as_bytes());
        let (arabic, ..) = WINDOWS_1256.encode("منى عادل");
        assert_eq!(decoded(&arabic, WINDOWS_1256), "منى عادل".as_bytes());
    }

    #[test]
    fn what_the_encoding_does_not_know_cannot_be_taken_for_text() {
        // A lone surrogate, and a file that ends in the middle of a pair.
        assert_eq!(decoded(b"a\0\x00\xd8b\0", UTF_16LE), b"a\xffb");
        assert_eq!(decoded(b"a\0b", UTF_16LE), b"a\xff");
    }

    #[test]
    fn large_texts_pass_in_chunks() {
        let text = "é".repeat(200_000);
        let bytes = text
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>();
        assert_eq!(decoded(&bytes, UTF_16LE), text.as_bytes());
    }
}
