//! The table of `contract-types`: the tenant's contract types, and which forms are stored.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::words::Look;
use crate::model::{ContractTypeId, Timestamp};

/// One contract type of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TypeLine {
    /// Its number.
    pub id: ContractTypeId,
    /// Its name, empty when there is none.
    pub name: String,
    /// When its form was stored, if it was.
    pub form_pulled_at: Option<Timestamp>,
}

/// Writes the table; a tenant without contract types is told so.
pub fn write_contract_types(out: &mut dyn Write, lines: &[TypeLine], look: Look) -> io::Result<()> {
    if lines.is_empty() {
        return look.paragraph(out, "", "This tenant has no contract types.");
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(look.width.clamp(40, 400)).unwrap_or(400))
        .set_header(["id", "name", "form stored"]);
    if let Some(ids) = table.column_mut(0) {
        ids.set_cell_alignment(CellAlignment::Right);
    }
    for line in lines {
        let stored = line.form_pulled_at.map(|at| at.to_string());
        table.add_row([
            line.id.to_string(),
            line.name.clone(),
            stored
                .as_deref()
                .and_then(|at| at.get(..10))
                .unwrap_or("no")
                .to_owned(),
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
    fn every_contract_type_is_a_line_and_stored_forms_are_dated() {
        let line = |id, name: &str, at: Option<i64>| TypeLine {
            id: ContractTypeId(id),
            name: name.to_owned(),
            form_pulled_at: at.map(Timestamp),
        };
        let lines = [
            line(414, "Personal loan", Some(1_795_293_540_000)),
            line(415, "", None),
        ];
        let mut out = Vec::new();
        write_contract_types(&mut out, &lines, Look::new(80, false)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("414  Personal loan  2026-11-21"), "{text}");
        assert!(
            text.lines().nth(2).is_some_and(|line| line.ends_with("no")),
            "{text}"
        );
    }
}
