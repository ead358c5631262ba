//! What the README promises in tables is what the code says.

use std::fmt::Write as _;
use std::path::Path;

use vlens_batch::domain::{ProblemCode, Status};

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
        .expect("a README")
}

#[test]
fn every_problem_code_is_in_the_readme_word_for_word() {
    let mut table = String::new();
    for code in ProblemCode::ALL {
        writeln!(table, "| `{code}` | {} |", code.meaning()).unwrap();
    }
    assert!(
        readme().contains(&table),
        "the table of problems should be:\n{table}"
    );
}

#[test]
fn every_status_is_in_the_readme() {
    let readme = readme();
    for status in Status::ALL {
        assert!(readme.contains(&format!("| `{status}` |")), "{status}");
    }
}

/// Everything that the README names as a command or a flag exists: help is asked for each.
#[test]
fn every_command_in_the_readme_exists() {
    let readme = readme();
    let named: std::collections::BTreeSet<&str> = readme
        .split("vlens-batch ")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
                .next()
        })
        .filter(|word| !word.is_empty() && !word.starts_with('-'))
        .collect();
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_vlens-batch"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let known = |word: &&&str| commands.contains(*word);
    let prose = ["creates"];
    for word in named.iter().filter(|word| !prose.contains(*word)) {
        assert!(
            known(&word),
            "README names `vlens-batch {word}`; commands are {commands:?}"
        );
    }
}
