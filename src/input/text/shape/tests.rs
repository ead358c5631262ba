//! The leaps against a walk of single steps, for every short text there is.

use super::*;

const DELIMITER: u8 = b',';

/// Where a text was stopped at for its blank lines, and how it ended.
type Course = (Vec<usize>, Result<(u32, u64), Fault>);

/// The course of the walk over `bytes`, given in chunks of `size`.
fn leaping(bytes: &[u8], size: usize) -> Course {
    let mut walk = Walk::new(DELIMITER);
    let mut blanks = Vec::new();
    for (index, chunk) in bytes.chunks(size).enumerate() {
        let mut at = 0;
        while at < chunk.len() {
            match walk.pass(&chunk[at..]) {
                Ok(passed) => at += passed,
                Err(fault) => return (blanks, Err(fault)),
            }
            if at < chunk.len() {
                blanks.push(index * size + at);
            }
        }
    }
    let end = walk.at_end().map(|()| (walk.row, walk.line));
    (blanks, end)
}

/// The same rules, one byte after the other.
fn stepping(bytes: &[u8]) -> Course {
    let mut blanks = Vec::new();
    let (mut state, mut row, mut line) = (State::RowStart, 1, 1);
    let mut quote = Quote::default();
    for (at, &byte) in bytes.iter().enumerate() {
        let is_break = matches!(byte, b'\n' | b'\r');
        let unclosed = Fault::UnclosedQuote {
            row: quote.row,
            line: quote.line,
        };
        state = match (state, byte) {
            (State::AfterCr, b'\n') => State::RowStart,
            (State::RowStart | State::AfterCr | State::CellStart, b'"') => {
                quote = Quote { row, line };
                State::Quoted
            }
            (State::Quoted | State::QuotedAfterCr, b'"') => State::QuoteInQuoted,
            (State::QuotedAfterCr, b'\n') | (State::QuoteInQuoted, b'"') => State::Quoted,
            (State::Quoted | State::QuotedAfterCr, _) => {
                line += u64::from(is_break);
                match byte {
                    b'\r' => State::QuotedAfterCr,
                    _ => State::Quoted,
                }
            }
            (_, DELIMITER) => State::CellStart,
            (_, b'\n' | b'\r') => {
                if matches!(state, State::RowStart | State::AfterCr) {
                    blanks.push(at);
                }
                row += 1;
                line += 1;
                match byte {
                    b'\n' => State::RowStart,
                    _ => State::AfterCr,
                }
            }
            (State::QuoteInQuoted | State::AfterLongQuote, _) if line > quote.line => {
                if byte != b' ' {
                    return (blanks, Err(unclosed));
                }
                State::AfterLongQuote
            }
            _ => State::Plain,
        };
    }
    if matches!(state, State::Quoted | State::QuotedAfterCr) {
        let Quote { row, line } = quote;
        return (blanks, Err(Fault::UnclosedQuote { row, line }));
    }
    (blanks, Ok((row, line)))
}

/// Calls `each` with every text of up to `longest` bytes out of `letters`.
fn every_text(letters: &[u8], longest: usize, each: &mut impl FnMut(&[u8])) {
    fn longer(letters: &[u8], left: usize, text: &mut Vec<u8>, each: &mut impl FnMut(&[u8])) {
        each(text);
        if left == 0 {
            return;
        }
        for &letter in letters {
            text.push(letter);
            longer(letters, left - 1, text, each);
            text.pop();
        }
    }
    longer(letters, longest, &mut Vec::new(), each);
}

#[test]
fn leaps_end_where_single_steps_do_however_the_text_is_cut() {
    every_text(b"a,\"\n\r ", 7, &mut |text| {
        let expected = stepping(text);
        for size in [1, 2, 3, 7] {
            assert_eq!(leaping(text, size), expected, "{text:?} by {size}");
        }
    });
}

#[test]
fn a_check_finds_what_the_walk_finds_in_any_chunks() {
    for (text, fault) in [
        (&b"a,b\n\n1,\"2\"\n"[..], None),
        (b"a\n\n\r\n\"x", Some((4, 4))),
    ] {
        for size in 1..=text.len() {
            let chunks = io::BufReader::with_capacity(size, text);
            let found = check(chunks, DELIMITER).err().map(|error| {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
                *inner.expect("a fault")
            });
            let expected = fault.map(|(row, line)| Fault::UnclosedQuote { row, line });
            assert_eq!(found, expected, "{text:?} by {size}");
        }
    }
}
