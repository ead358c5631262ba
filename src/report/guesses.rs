//! The table of `init`: each column, a masked value of it, and what it is taken for.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::words::Look;

/// One column of the sheet and its guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuessLine {
    /// The header.
    pub column: String,
    /// One of its values, masked.
    pub sample: String,
    /// What it feeds, when that is sure.
    pub target: Option<String>,
    /// What else it may feed.
    pub candidates: Vec<String>,
}

/// Writes the table.
pub fn write_guesses(out: &mut dyn Write, lines: &[GuessLine], look: Look) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(look.width.clamp(40, 400)).unwrap_or(400))
        .set_header(["column", "such as", "becomes"]);
    for line in lines {
        let becomes = match (&line.target, line.candidates.is_empty()) {
            (Some(target), _) => target.clone(),
            (None, true) => "not used".to_owned(),
            (None, false) => format!("not used; perhaps {}", line.candidates.join(" or ")),
        };
        table.add_row([
            line.column.replace('\n', " / "),
            line.sample.clone(),
            becomes,
        ]);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_a_line_with_its_guess() {
        let line = |column: &str, target: Option<&str>, candidates: &[&str]| GuessLine {
            column: column.to_owned(),
            sample: "x***".to_owned(),
            target: target.map(str::to_owned),
            candidates: candidates.iter().map(|&c| c.to_owned()).collect(),
        };
        let lines = [
            line("Name\nالاسم", Some("fullName"), &[]),
            line("Amount", None, &["loanAmount"]),
            line("Branch", None, &[]),
        ];
        let mut out = Vec::new();
        write_guesses(&mut out, &lines, Look::new(100, false)).unwrap();
        let text = String::from_utf8(out).unwrap();
        for expected in ["Name / الاسم", "fullName", "perhaps loanAmount", "not used"] {
            assert!(text.contains(expected), "{text}");
        }
    }
}
