//! How this tool writes to people: numbers with separators, singular and plural, durations, colours that are never needed, and
//! lines that fit the terminal. Knows nothing of runs or rows.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};

/// How texts for people look where they are going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape codes for colour are wanted. Every text says the same without.
    pub styled: bool,
}

impl Look {
    /// Narrower than this, words no longer make lines.
    const MIN_WIDTH: usize = 20;

    /// A look of a width, in colour or not.
    pub fn new(width: usize, styled: bool) -> Self {
        Look { width, styled }
    }

    /// What went well.
    pub(super) fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// What a person should look at.
    pub(super) fn warn(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    /// What went wrong.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    /// The heading of a paragraph.
    pub(super) fn strong(self, text: &str) -> String {
        self.paint(Style::new().effects(Effects::BOLD), text)
    }

    /// A command to type.
    pub(super) fn command(self, text: &str) -> String {
        self.paint(AnsiColor::Cyan.on_default(), text)
    }

    /// What matters least.
    pub(super) fn faint(self, text: &str) -> String {
        self.paint(Style::new().effects(Effects::DIMMED), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.styled {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Writes `text` behind `lead`, in lines that fit; what does not fit in the first goes on below `text`'s own start.
    pub(super) fn paragraph(self, out: &mut dyn Write, lead: &str, text: &str) -> io::Result<()> {
        let indent = console::measure_text_width(lead);
        let room = self
            .width
            .max(Self::MIN_WIDTH)
            .saturating_sub(indent)
            .max(1);
        let mut lines = wrapped(text, room).into_iter();
        writeln!(out, "{lead}{}", lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "{:indent$}{line}", "")?;
        }
        Ok(())
    }

    /// Writes a command on a line of its own. It is never broken, so that it can be copied.
    pub(super) fn command_line(
        self,
        out: &mut dyn Write,
        indent: usize,
        command: &str,
    ) -> io::Result<()> {
        writeln!(out, "{:indent$}{}", "", self.command(command))
    }
}

/// The text in lines of at most `room` columns, broken at spaces only; a longer word keeps its line to itself.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = console::measure_text_width(word);
        if used > 0 && used + 1 + width > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += width;
    }
    lines.push(line);
    lines
}

/// `1234567` as `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,200 rows`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
}

/// `1 row`, `1,200 rows`.
pub fn rows(number: u64) -> String {
    counted(number, "row", "rows")
}

/// A span of time in its two largest units: `0.4 s`, `27 s`, `16 min 27 s`, `27 h 46 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "0 s".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded, not negative; a span beyond u64 saturates, which is long enough to be read as forever"
    )]
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut text = String::new();
    let shown: [(u64, &str); 2] = match (hours, minutes) {
        (0, 0) => [(rest, "s"), (0, "")],
        (0, _) => [(minutes, "min"), (rest, "s")],
        _ => [(hours, "h"), (minutes, "min")],
    };
    for (amount, unit) in shown.into_iter().filter(|&(amount, _)| amount > 0) {
        let space = if text.is_empty() { "" } else { " " };
        // Writing into a string cannot fail.
        let _ = write!(text, "{space}{} {unit}", thousands(amount));
    }
    text
}

/// A count as a number to draw or to divide; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count of rows or milliseconds is near 2^53"
)]
pub(super) fn as_float(count: u64) -> f64 {
    count as f64
}

/// A word as it must be typed in a command: quoted when a shell would read it otherwise.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else if word.contains(['"', '$', '`', '!']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        format!("\"{word}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_separated_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn one_row_is_singular() {
        assert_eq!(rows(0), "0 rows");
        assert_eq!(rows(1), "1 row");
        assert_eq!(rows(1001), "1,001 rows");
    }

    #[test]
    fn durations_are_said_in_their_two_largest_units() {
        for (seconds, text) in [
            (f64::NAN, "0 s"),
            (0.0, "0.0 s"),
            (0.44, "0.4 s"),
            (9.96, "10 s"),
            (59.6, "1 min"),
            (987.2, "16 min 27 s"),
            (3600.0, "1 h"),
            (100_000.0, "27 h 46 min"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn words_that_a_shell_would_split_are_quoted() {
        for (word, typed) in [
            ("customers.csv", "customers.csv"),
            ("عملاء.xlsx", "عملاء.xlsx"),
            ("my file.csv", "\"my file.csv\""),
            (r"C:\data\a.csv", r#""C:\data\a.csv""#),
            ("it's $5.csv", r"'it'\''s $5.csv'"),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(word), typed);
        }
    }

    #[test]
    fn lines_fit_and_hang_under_their_start() {
        let mut out = Vec::new();
        Look::new(24, false)
            .paragraph(&mut out, "  12 ", "rows do not pass validation")
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  12 rows do not pass\n     validation\n"
        );
    }

    #[test]
    fn colour_takes_no_room() {
        let look = Look::new(24, true);
        let text = format!("rows do not {}", look.bad("pass"));
        let mut out = Vec::new();
        look.paragraph(&mut out, "     12 ", &text).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
    }
}
