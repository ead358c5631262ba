//! What `doctor` found: one line each, ok, warning or failure, with the remedy below. Which exit code follows is the door's
//! decision.

use std::io::{self, Write};

use super::words::{Look, counted};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but a person should know.
    Warning,
    /// Does not work.
    Failure,
}

impl Level {
    /// The word, on the screen and in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Failure => "failure",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What was looked at: a stable word.
    pub check: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found. Holds no secret.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// The words of the longest check and the longest level, with space behind them.
const CHECK_WIDTH: usize = 15;
const LEVEL_WIDTH: usize = 9;

/// Writes the findings in their order, and a line that sums them up.
pub fn write_doctor(out: &mut dyn Write, findings: &[Finding], look: Look) -> io::Result<()> {
    for finding in findings {
        let level = finding.level.as_str();
        let painted = match finding.level {
            Level::Ok => look.good(level),
            Level::Warning => look.warn(level),
            Level::Failure => look.bad(level),
        };
        let gap = LEVEL_WIDTH - level.len();
        let lead = format!(
            "{painted}{:gap$}{:<CHECK_WIDTH$}",
            "",
            finding.check.replace('_', " ")
        );
        look.paragraph(out, &lead, &finding.message)?;
        if let Some(remedy) = &finding.remedy {
            let lead = " ".repeat(LEVEL_WIDTH + CHECK_WIDTH);
            look.paragraph(out, &lead, &format!("-> {remedy}"))?;
        }
    }
    writeln!(out)?;
    look.paragraph(out, "", &look.strong(&sum(findings)))
}

/// The same as a document.
pub fn doctor_json(findings: &[Finding]) -> serde_json::Value {
    serde_json::json!({
        "failures": count(findings, Level::Failure),
        "warnings": count(findings, Level::Warning),
        "checks": findings,
    })
}

fn sum(findings: &[Finding]) -> String {
    let failures = count(findings, Level::Failure);
    let warnings = count(findings, Level::Warning);
    match (failures, warnings) {
        (0, 0) => "All is well.".to_owned(),
        (0, warnings) => format!(
            "Ready to run; {}.",
            counted(warnings, "warning", "warnings")
        ),
        (failures, warnings) => format!(
            "Not ready to run: {}, {}.",
            counted(failures, "failure", "failures"),
            counted(warnings, "warning", "warnings")
        ),
    }
}

fn count(findings: &[Finding], level: Level) -> u64 {
    findings
        .iter()
        .filter(|finding| finding.level == level)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding {
                check: "config",
                level: Level::Ok,
                message: "vlens-batch.toml is in use.".to_owned(),
                remedy: None,
            },
            Finding {
                check: "contract_types",
                level: Level::Warning,
                message: "An admin's token is not let in here (HTTP 403).".to_owned(),
                remedy: Some("Save a copy of the answer.".to_owned()),
            },
            Finding {
                check: "login",
                level: Level::Failure,
                message: "Vlens does not accept the credentials.".to_owned(),
                remedy: Some("Check VLENS_PASSWORD.".to_owned()),
            },
        ]
    }

    fn text(findings: &[Finding], width: usize) -> String {
        let mut out = Vec::new();
        write_doctor(&mut out, findings, Look::new(width, false)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_finding_is_a_line_with_its_remedy_below() {
        insta::assert_snapshot!(text(&findings(), 60), @r"
        ok       config         vlens-batch.toml is in use.
        warning  contract types An admin's token is not let in here
                                (HTTP 403).
                                -> Save a copy of the answer.
        failure  login          Vlens does not accept the
                                credentials.
                                -> Check VLENS_PASSWORD.

        Not ready to run: 1 failure, 1 warning.
        ");
    }

    #[test]
    fn the_sum_tells_whether_a_run_can_start() {
        assert!(text(&findings()[..1], 80).ends_with("All is well.\n"));
        assert!(text(&findings()[..2], 80).ends_with("Ready to run; 1 warning.\n"));
        let document = doctor_json(&findings());
        assert_eq!(
            (&document["failures"], &document["warnings"]),
            (&1.into(), &1.into())
        );
        assert_eq!(document["checks"][2]["level"], "failure");
    }
}
