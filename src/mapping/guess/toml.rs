//! Writes a proposal as a config that a clerk can read and edit: what is sure as settings, what is not as comments.

use std::fmt::Write as _;

use super::concepts::Shape;
use super::{Certainty, ColumnGuess, Proposal, Target, translate};
use crate::mapping::value::DateOrder;
use crate::model::{ContractTypeId, FormField};

/// How the sheet had to be read, where that is not found again by itself.
#[derive(Debug, Clone, Default)]
pub struct SourceSettings {
    /// The sheet of the workbook.
    pub sheet: Option<String>,
    /// The row with the headers.
    pub header_row: Option<u32>,
    /// What parts cells.
    pub delimiter: Option<char>,
    /// The encoding.
    pub encoding: Option<String>,
    /// `skip` or `send`.
    pub hidden: Option<&'static str>,
}

const HEAD: &str = "\
# How the columns of a sheet become invitations.
# Lines that begin with # are remarks: take the # away to make one count. `vlens-batch check FILE` shows what comes of it.
# Passwords and keys never stand here: they come from VLENS_API_KEY, VLENS_USERNAME and VLENS_PASSWORD.

# [api]
# tenancy_name = \"your-tenant\"     # or the environment variable VLENS_TENANCY_NAME
";

impl Proposal {
    /// The text of `vlens-batch.toml`.
    pub fn to_toml(&self, source: &SourceSettings) -> String {
        let mut text = HEAD.to_owned();
        // Writing to a String cannot fail.
        let _ = write_source(&mut text, source)
            .and_then(|()| self.write_recipient(&mut text))
            .and_then(|()| self.write_contract(&mut text))
            .and_then(|()| self.write_fields(&mut text))
            .and_then(|()| self.write_rest(&mut text));
        text
    }

    fn write_recipient(&self, out: &mut String) -> std::fmt::Result {
        let is_known = self.knows_recipient();
        let off = if is_known { "" } else { "# " };
        writeln!(
            out,
            "\n# Whom to invite: by phone, by e-mail, or both.\n{off}[recipient]"
        )?;
        for (setting, target) in [("phone", Target::Phone), ("email", Target::Email)] {
            match self.column_of(&target) {
                Some(column) => writeln!(out, "{setting} = {}", quoted(&column.column.name))?,
                None => self.write_candidates(out, setting, &target)?,
            }
        }
        writeln!(
            out,
            "{off}country = {}                  # of phone numbers without a country code",
            quoted(&self.country)
        )
    }

    fn write_contract(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n# To which contract type.")?;
        if self.open_column().is_some() {
            writeln!(
                out,
                "# A column tells it: write the number of each value's and take the # away. `vlens-batch contract-types` lists them."
            )?;
            let lines = self.contract_lines();
            return lines.lines().try_for_each(|line| writeln!(out, "# {line}"));
        }
        if self.column_of(&Target::ContractType).is_some() {
            return out.write_str(&self.contract_lines());
        }
        if self.types.is_empty() {
            writeln!(
                out,
                "# Nothing tells it yet. `vlens-batch contract-types` lists the numbers.\n# [contract]\n# types = [414]"
            )?;
            return self.write_candidates(out, "column", &Target::ContractType);
        }
        let types: Vec<String> = self.types.iter().map(ToString::to_string).collect();
        writeln!(out, "[contract]\ntypes = [{}]", types.join(", "))
    }

    /// `[contract]` with the column that tells the type; `…` where nobody has said which a value means.
    pub fn contract_lines(&self) -> String {
        let Some(column) = self.column_of(&Target::ContractType) else {
            return String::new();
        };
        let lines = format!("[contract]\ncolumn = {}\n", quoted(&column.column.name));
        if self.type_words.is_empty() {
            return lines;
        }
        let meaning =
            |id: &Option<ContractTypeId>| id.map_or("…".to_owned(), |id| id.to_string());
        let words = self.type_words.iter();
        let words: Vec<String> = words
            .map(|(word, id)| format!("{} = {}", quoted(word), meaning(id)))
            .collect();
        format!("{lines}values = {{ {} }}\n", words.join(", "))
    }

    /// The contract types that fields are written for; none: they are written as remarks, for a number to be filled in.
    fn types_of_fields(&self) -> Vec<Option<ContractTypeId>> {
        let mut types = self.types.clone();
        if types.is_empty()
            && let Some(column) = self.column_of(&Target::ContractType)
        {
            let by_word = self.type_words.iter().filter_map(|(_, id)| *id);
            let by_id = column.profile.distinct.iter();
            let by_id = by_id.filter_map(|value| value.parse().ok().map(ContractTypeId));
            types = if self.type_words.is_empty() {
                by_id.collect()
            } else {
                by_word.collect()
            };
            types.sort_unstable();
            types.dedup();
        }
        if types.is_empty() {
            vec![None]
        } else {
            types.into_iter().map(Some).collect()
        }
    }

    fn write_fields(&self, out: &mut String) -> std::fmt::Result {
        for id in self.types_of_fields() {
            let form = id.and_then(|id| self.forms.get(&id));
            match (id, form) {
                (Some(id), Some(form)) if form.name.is_empty() => {
                    writeln!(out, "\n# Fields of contract type {id}.")?;
                }
                (Some(id), Some(form)) => {
                    writeln!(
                        out,
                        "\n# Fields of contract type {id}, {}.",
                        flat(&form.name)
                    )?;
                }
                (Some(id), None) => writeln!(
                    out,
                    "\n# Fields of contract type {id}. Its form is not here, so the keys follow the vendor's samples and may be wrong:\n\
                     # run `vlens-batch contract-types pull {id}`, then `vlens-batch check`, before anything is sent."
                )?,
                (None, _) => writeln!(
                    out,
                    "\n# Fields. Put the contract type's number in the place of 414 and take the # away."
                )?,
            }
            let off = if id.is_some() { "" } else { "# " };
            writeln!(out, "{off}[fields.{}]", id.map_or(414, |id| id.0))?;
            self.write_group(out, off, id, form.map(|form| form.fields.as_slice()))?;
        }
        Ok(())
    }

    fn write_group(
        &self,
        out: &mut String,
        off: &str,
        id: Option<ContractTypeId>,
        fields: Option<&[FormField]>,
    ) -> std::fmt::Result {
        let is_anothers = |column: &ColumnGuess| {
            let named = self.header_types.explicit_key(&column.column.name);
            named.is_some_and(|(only, _)| id != Some(only))
        };
        let has =
            |key: &str| fields.is_none_or(|fields| fields.iter().any(|field| field.key == key));
        let field = |key: &str| fields?.iter().find(|field| field.key == key);
        for column in &self.columns {
            let Some(Target::Field(key)) = &column.target else {
                continue;
            };
            if has(key) && !is_anothers(column) {
                write!(
                    out,
                    "{off}{} = {}",
                    bare_or_quoted(key),
                    self.rule(column, key, field(key))
                )?;
                writeln!(out, "{}", remark(column))?;
            }
        }
        for (key, columns) in self.joined.iter().filter(|(key, _)| has(key)) {
            let parts: Vec<String> = columns
                .iter()
                .map(|column| format!("{{{{ row[{}] }}}}", in_template(column)))
                .collect();
            let template = quoted(&parts.join(" "));
            writeln!(
                out,
                "{off}{} = {{ template = {template} }}",
                bare_or_quoted(key)
            )?;
        }
        self.write_recipients_fields(out, off, fields)?;
        for field in fields
            .into_iter()
            .flatten()
            .filter(|field| !self.feeds(&field.key))
        {
            let label = [&field.label, &field.label_ar].map(|label| flat(label));
            let label: Vec<String> = label
                .into_iter()
                .filter(|label| !label.is_empty())
                .collect();
            let candidates = self.candidates(&Target::Field(field.key.clone()));
            let hint = if candidates.is_empty() {
                "no column found".to_owned()
            } else {
                format!("perhaps {}", candidates.join(" or "))
            };
            writeln!(
                out,
                "# {} = \"…\"    # {}: {hint}",
                bare_or_quoted(&field.key),
                label.join(" / ")
            )?;
        }
        Ok(())
    }

    /// A form that asks for the phone or e-mail again gets the recipient's.
    fn write_recipients_fields(
        &self,
        out: &mut String,
        off: &str,
        fields: Option<&[FormField]>,
    ) -> std::fmt::Result {
        for (column, key, kind) in self.recipients_fields() {
            if fields.is_some_and(|fields| fields.iter().any(|field| field.key == key)) {
                let name = quoted(&column.column.name);
                writeln!(
                    out,
                    "{off}{} = {{ column = {name}, type = \"{kind}\" }}",
                    bare_or_quoted(key)
                )?;
            }
        }
        Ok(())
    }

    fn recipients_fields(&self) -> impl Iterator<Item = (&ColumnGuess, &str, &'static str)> {
        [
            ("phoneNumber", Target::Phone, "phone"),
            ("email", Target::Email, "email"),
        ]
        .into_iter()
        .filter_map(|(concept, target, kind)| {
            let goal = self.targets.field_about(concept)?;
            let Target::Field(key) = &goal.target else {
                return None;
            };
            let is_fed = self.column_of(&goal.target).is_some();
            let column = self.column_of(&target)?;
            (!is_fed && goal.field.is_some()).then_some((column, key.as_str(), kind))
        })
    }

    fn feeds(&self, key: &str) -> bool {
        self.column_of(&Target::Field(key.to_owned())).is_some()
            || self.joined.iter().any(|(joined, _)| joined == key)
            || self.recipients_fields().any(|(_, field, _)| field == key)
    }

    /// What stands behind `key =`.
    fn rule(&self, column: &ColumnGuess, key: &str, field: Option<&FormField>) -> String {
        let name = quoted(&column.column.name);
        if let Some(field) = field.filter(|field| !field.options.is_empty()) {
            let words = translate::words_for(&column.profile.distinct, field);
            if words.is_empty() {
                return name;
            }
            let words: Vec<String> = words
                .iter()
                .map(|(word, choice)| format!("{} = {}", quoted(word), quoted(choice)))
                .collect();
            return format!(
                "{{ column = {name}, type = \"choice\", choices = {{ {} }} }}",
                words.join(", ")
            );
        }
        let shape = self
            .targets
            .goal(&Target::Field(key.to_owned()))
            .map_or(Shape::Any, |goal| goal.shape);
        let profile = &column.profile;
        let kind = match shape {
            Shape::Date if profile.count > 0 && profile.compact_date >= 0.8 => {
                return format!("{{ column = {name}, type = \"date\", input = \"%Y%m%d\" }}");
            }
            Shape::Date => "date",
            Shape::Number if profile.count == 0 || profile.number >= 0.5 => "number",
            Shape::NationalId if profile.count == 0 || profile.national_id >= 0.5 => {
                "egypt_national_id"
            }
            Shape::Phone => "phone",
            Shape::Email => "email",
            Shape::Number | Shape::NationalId | Shape::Words | Shape::Any => return name,
        };
        format!("{{ column = {name}, type = \"{kind}\" }}")
    }

    /// Columns that nothing came of, with what they may be.
    fn write_rest(&self, out: &mut String) -> std::fmt::Result {
        let is_joined = |name: &str| {
            self.joined
                .iter()
                .any(|(_, columns)| columns.iter().any(|c| c == name))
        };
        let mut rest = self
            .columns
            .iter()
            .filter(|column| column.target.is_none() && !is_joined(&column.column.name))
            .peekable();
        if rest.peek().is_none() {
            return Ok(());
        }
        writeln!(out, "\n# Columns that are not used:")?;
        for column in rest {
            let candidates: Vec<String> =
                column.candidates.iter().map(ToString::to_string).collect();
            let hint = if candidates.is_empty() {
                String::new()
            } else {
                format!("    (perhaps {})", candidates.join(" or "))
            };
            writeln!(out, "#   {}{hint}", flat(&column.column.name))?;
        }
        Ok(())
    }

    /// The columns that may feed a target, quoted.
    fn candidates(&self, target: &Target) -> Vec<String> {
        self.columns
            .iter()
            .filter(|column| column.target.is_none() && column.candidates.contains(target))
            .map(|column| flat(&quoted(&column.column.name)))
            .collect()
    }

    fn write_candidates(
        &self,
        out: &mut String,
        setting: &str,
        target: &Target,
    ) -> std::fmt::Result {
        for column in self.candidates(target) {
            writeln!(out, "# {setting} = {column}    # perhaps")?;
        }
        Ok(())
    }
}

/// What had to be said to read the sheet has to be said again.
fn write_source(out: &mut String, source: &SourceSettings) -> std::fmt::Result {
    let settings = [
        source
            .sheet
            .as_ref()
            .map(|sheet| format!("sheet = {}", quoted(sheet))),
        source.header_row.map(|row| format!("header_row = {row}")),
        source
            .delimiter
            .map(|c| format!("delimiter = {}", quoted(&c.to_string()))),
        source
            .encoding
            .as_ref()
            .map(|encoding| format!("encoding = {}", quoted(encoding))),
        source
            .hidden
            .map(|hidden| format!("hidden = {}", quoted(hidden))),
    ];
    let settings: Vec<String> = settings.into_iter().flatten().collect();
    if settings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n[source]\n{}", settings.join("\n"))
}

/// What a clerk should know of a date column.
fn remark(column: &ColumnGuess) -> &'static str {
    match column.profile.order {
        Some(DateOrder::DayMonth) => "    # the day comes first, such as 31/12/1990",
        Some(DateOrder::MonthDay) => "    # the month comes first, such as 12/31/1990",
        None if column.certainty == Certainty::Chosen => "    # chosen by hand",
        None => "",
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// A column's name inside a template.
fn in_template(name: &str) -> String {
    format!(
        "'{}'",
        name.replace('\\', "\\\\")
            .replace('\'', "\\'")
            .replace('\n', "\\n")
    )
}

/// On one line, for a remark.
fn flat(text: &str) -> String {
    text.split(|c: char| c.is_control())
        .collect::<Vec<_>>()
        .join(" ")
}
