//! Which character parts the cells of a CSV file: asked for, named by Excel's `sep=` line, or counted.

/// The delimiters that are looked for, in order of preference when nothing tells them apart.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A `sep=` line at the head of a file, which Excel reads and does not show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SepLine {
    pub(super) delimiter: u8,
    /// Its length with the line break.
    pub(super) bytes: usize,
}

/// The `sep=` line that `head` begins with.
pub(super) fn sep_line(head: &[u8]) -> Option<SepLine> {
    let end = head.iter().position(|&b| b == b'\n' || b == b'\r')?;
    let line = head[..end].trim_ascii_start();
    // Programs that quote every cell quote this one as well.
    let line = line
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""))
        .unwrap_or(line);
    let (word, delimiter) = line.split_at_checked(4)?;
    let [delimiter] = delimiter else { return None };
    if !word.eq_ignore_ascii_case(b"sep=") || !is_usable(*delimiter) {
        return None;
    }
    let is_crlf = head[end..].starts_with(b"\r\n");
    Some(SepLine {
        delimiter: *delimiter,
        bytes: end + if is_crlf { 2 } else { 1 },
    })
}

/// Whether a byte can part cells at all.
pub(super) fn is_usable(delimiter: u8) -> bool {
    delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\n' | b'\r' | 0)
}

/// The delimiter by which the most rows of `sample` have the same number of cells, more than one.
pub(super) fn count(sample: &[u8], is_whole_file: bool) -> Option<u8> {
    let sample = if is_whole_file {
        sample
    } else {
        whole_lines(sample)
    };
    let mut best = None;
    let mut best_score = (0, 0);
    for candidate in CANDIDATES {
        let score = score(sample, candidate);
        if score > best_score {
            (best, best_score) = (Some(candidate), score);
        }
    }
    best
}

/// How many rows share the most common number of cells, and that number; zero when it is one cell.
fn score(sample: &[u8], delimiter: u8) -> (usize, usize) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(sample);
    let mut record = csv::ByteRecord::new();
    let mut rows_by_cells = std::collections::BTreeMap::<usize, usize>::new();
    while let Ok(true) = reader.read_byte_record(&mut record) {
        if record.len() > 1 {
            *rows_by_cells.entry(record.len()).or_default() += 1;
        }
    }
    rows_by_cells
        .into_iter()
        .map(|(cells, rows)| (rows, cells))
        .max()
        .unwrap_or_default()
}

fn whole_lines(sample: &[u8]) -> &[u8] {
    let end = sample.iter().rposition(|&b| b == b'\n' || b == b'\r');
    end.map_or(sample, |end| &sample[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_by_which_rows_are_alike() {
        for (text, expected) in [
            ("a,b\n1,2\n", Some(b',')),
            ("a;b\n1,5;2\n3,5;4\n", Some(b';')),
            ("a\tb\n1\t2\n", Some(b'\t')),
            ("a|b\n1|2\n", Some(b'|')),
            (
                "name;address\nMona;\"1, Nile St, Cairo\"\nAdel;2 Tahrir, Giza\n",
                Some(b';'),
            ),
            (
                "name,note\n\"Mona\",\"a;b;c\"\n\"Adel\",\"d;e;f\"\n",
                Some(b','),
            ),
            ("name;amount\nA;1,500\nB;2,500\n", Some(b';')),
            ("phone\n01012345678\n", None),
            ("", None),
            ("a;b;c", Some(b';')),
        ] {
            assert_eq!(count(text.as_bytes(), true), expected, "{text:?}");
        }
    }

    #[test]
    fn excels_own_line_names_it() {
        let of = |text: &str| sep_line(text.as_bytes()).map(|line| (line.delimiter, line.bytes));
        assert_eq!(of("sep=;\r\na;b\r\n"), Some((b';', 7)));
        assert_eq!(of("SEP=\t\na\tb\n"), Some((b'\t', 6)));
        assert_eq!(of("\"sep=|\"\na|b\n"), Some((b'|', 8)));
        assert_eq!(of("sep=\na"), None);
        assert_eq!(of("separator;b\n"), None);
    }
}
