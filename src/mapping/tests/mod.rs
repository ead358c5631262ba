//! The room through its front door: TOML, headers and cells in, bodies, keys and problems out.

mod binding;
mod rows;

use super::*;
use crate::model::ProblemCode as Code;
use crate::model::{
    Cell, Column, ContractTypeId, Form, FormCondition, FormField, FormOption, Problem, Repair, Row,
    RowNumber,
};

/// A sheet, its config, and what `bind` needs besides.
#[derive(Default)]
struct Sheet {
    toml: &'static str,
    headers: Vec<&'static str>,
    options: BindOptions,
}

fn sheet(headers: &[&'static str]) -> Sheet {
    Sheet {
        headers: headers.to_vec(),
        ..Sheet::default()
    }
}

impl Sheet {
    fn toml(mut self, toml: &'static str) -> Self {
        self.toml = toml;
        self
    }

    fn contract_type(mut self, id: i64) -> Self {
        self.options.contract_types.push(ContractTypeId(id));
        self
    }

    fn options_with_type(&self, id: i64) -> Sheet {
        Sheet {
            toml: self.toml,
            headers: self.headers.clone(),
            options: self.options.clone(),
        }
        .contract_type(id)
    }

    fn form(mut self, id: i64, fields: Vec<FormField>) -> Self {
        self.options.forms.insert(
            ContractTypeId(id),
            Form {
                name: String::new(),
                fields,
            },
        );
        self
    }

    fn try_bind(&self) -> Result<Mapping, ConfigErrors> {
        let config = Config::parse(self.toml, "vlens-batch.toml").expect("a valid config");
        let column = |(index, name): (usize, &&str)| Column {
            name: (*name).to_owned(),
            index,
        };
        let columns: Vec<Column> = self.headers.iter().enumerate().map(column).collect();
        Mapping::bind(&config, &columns, &self.options)
    }

    fn bind(&self) -> Mapping {
        self.try_bind().expect("a mapping that fits")
    }

    fn refusal(&self) -> String {
        self.try_bind()
            .expect_err("a mapping that does not fit")
            .render(false)
    }

    fn body(&self, cells: &[&str]) -> String {
        self.bind()
            .apply(&row(cells))
            .result
            .expect("a valid row")
            .body
    }

    /// `code field column` of every problem.
    fn problems(&self, cells: &[&str]) -> Vec<String> {
        problems_of(&self.bind(), &row(cells))
    }
}

fn problems_of(mapping: &Mapping, row: &Row) -> Vec<String> {
    let problems = mapping.apply(row).result.expect_err("an invalid row");
    let told = |problem: &Problem| {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
        format!(
            "{} {} {}",
            problem.code,
            word(&problem.field),
            word(&problem.column)
        )
    };
    problems.iter().map(told).collect()
}

fn row(cells: &[&str]) -> Row {
    let cell = |text: &&str| {
        if text.is_empty() {
            Cell::Empty
        } else {
            Cell::Text((*text).to_owned())
        }
    };
    Row {
        number: RowNumber(7),
        cells: cells.iter().map(cell).collect(),
    }
}

/// The fields of contract type 414 in a body.
fn fields(body: &str) -> String {
    let start = body
        .find("\"RequestFieldsValues\":")
        .map_or(body.len(), |at| at + "\"RequestFieldsValues\":".len());
    body[start..]
        .strip_suffix("}}")
        .unwrap_or_default()
        .to_owned()
}

fn field(key: &str, label: &str, label_ar: &str) -> FormField {
    FormField {
        key: key.into(),
        label: label.into(),
        label_ar: label_ar.into(),
        ..FormField::default()
    }
}

fn marital_status() -> FormField {
    let option = |value: &str, label: &str| FormOption {
        value: value.into(),
        labels: vec![label.into()],
    };
    let options = vec![option("Single", "أعزب"), option("Married", "متزوج")];
    FormField {
        kind: "dropdown".into(),
        options,
        ..field("maritalStatus", "Marital status", "الحالة")
    }
}

fn spouse_name() -> FormField {
    let condition = Some(FormCondition {
        parent: "maritalStatus".into(),
        value: "Married".into(),
    });
    FormField {
        condition,
        ..field("spouseName", "Spouse", "الزوج")
    }
}
