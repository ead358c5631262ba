//! What the README and the reference beside it promise in tables is what the code says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use strum::VariantArray;
use vlens_batch::model::Status;

use crate::support::{World, problem_codes, rows};

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a page")
}

/// The files of a folder, one behind the other.
fn texts(folder: &str) -> String {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = files.expect("a folder").flatten().map(|file| file.path());
    let files = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let text = |path| std::fs::read_to_string(path).expect("a file");
    files.map(text).collect()
}

/// What stands below a heading, up to the next.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, text) = page
        .split_once(&format!("## {heading}"))
        .expect("a section");
    text.split("\n## ").next().unwrap_or(text)
}

fn reference() -> String {
    page("docs/reference.md")
}

#[test]
fn every_problem_code_is_in_the_readme_and_explained_in_the_reference_as_every_status_is() {
    let readme = page("README.md");
    let mut table = String::new();
    for (code, meaning) in problem_codes() {
        assert!(readme.contains(&format!("`{code}`")), "{code}");
        writeln!(table, "| `{code}` | {meaning} |").unwrap();
    }
    let reference = reference();
    let is_there = reference.contains(&table);
    assert!(is_there, "the table of problems should be:\n{table}");
    for status in Status::VARIANTS {
        assert!(reference.contains(&format!("| `{status}` |")), "{status}");
    }
}

/// Everything that the pages name as a command or a flag exists: help is asked for each.
#[test]
fn every_command_in_the_readme_exists() {
    let pages = page("README.md") + &reference();
    let named: BTreeSet<&str> = pages
        .split("vlens-batch ")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
                .next()
        })
        .filter(|word| !word.is_empty() && !word.starts_with('-'))
        .collect();
    let help = World::new().ran("--help", 0).stdout;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let prose = ["creates"];
    for word in named.iter().filter(|word| !prose.contains(*word)) {
        let is_known = commands.contains(word);
        assert!(is_known, "there is no `vlens-batch {word}`: {commands:?}");
    }
}

/// The environment variables that the code reads, and those that the reference names, are the same.
#[test]
fn every_setting_of_the_environment_is_in_the_reference_and_no_other() {
    let named = variables(&reference());
    let mut read = variables(&texts("src/cli"));
    // Made from their names: NAME_FILE holds what NAME would.
    for secret in ["VLENS_API_KEY", "VLENS_PASSWORD"] {
        read.insert(format!("{secret}_FILE"));
    }
    read.retain(|name| !name.starts_with("VLENS_BATCH_"));
    assert_eq!(named, read);
    for told in ["--help", "man"] {
        let told = World::new().ran(told, 0).stdout.replace('\\', "");
        assert_eq!(variables(&told), read, "{told}");
    }
}

fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    text.match_indices("VLENS_")
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            rest[..end].trim_end_matches('_').to_owned()
        })
        .collect()
}

#[test]
fn the_exit_codes_of_the_reference_are_those_of_the_help() {
    let help = World::new().ran("--help", 0).stdout;
    let table = help.split("Exit codes:").nth(1).expect("exit codes");
    let in_help: BTreeSet<char> = table
        .split_whitespace()
        .filter(|word| word.len() == 1)
        .filter_map(|word| word.chars().next())
        .filter(char::is_ascii_digit)
        .collect();
    let reference = reference();
    let in_reference: BTreeSet<char> = section(&reference, "Exit codes")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.chars().next())
        .filter(char::is_ascii_digit)
        .collect();
    assert_eq!(in_help, in_reference);
    assert_eq!(in_reference.len(), 8);
}

#[test]
fn every_line_of_what_happens_when_is_tried() {
    let readme = page("README.md");
    let lines = section(&readme, "What happens when")
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .skip(1);
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("---")).collect();
    let tried = rows::<(&str, Vec<&str>)>("readme.tried");
    for line in &lines {
        let is_tried = tried.iter().any(|(begins, _)| line.starts_with(*begins));
        assert!(is_tried, "no test tries: {line}");
    }
    let tests = texts("tests/it");
    for (begins, names) in &tried {
        let is_there = lines.iter().any(|line| line.starts_with(*begins));
        assert!(is_there, "no such line: {begins}");
        for name in names {
            let is_there = tests.contains(&format!("fn {name}()"));
            assert!(is_there, "no such test: {name}");
        }
    }
}
