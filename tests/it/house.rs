//! The floors of the house: each room imports what the table of `ARCHITECTURE.md` allows, and nothing else of the crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms of floors 0 and 1: strangers to each other, who speak the words of `model`.
const ROOMS: &[&str] = &["mapping", "input", "ledger", "vlens", "report", "sandbox"];

/// What a module may import beside itself.
fn allowed(module: &str) -> Vec<&'static str> {
    // Names are compared and headers shown the same way everywhere.
    let ground = ["error", "model", "failpoint", "mapping::names"];
    match module {
        "error" | "failpoint" => Vec::new(),
        "model" => vec!["error"],
        room if ROOMS.contains(&room) => ground.to_vec(),
        "send" => [&ground, ROOMS].concat(),
        "cli" => [&ground, ROOMS, &["send"]].concat(),
        // The shell around the house: it opens the door.
        "lib" | "main" => vec!["cli"],
        other => panic!("src has a module `{other}` that the floors do not know"),
    }
}

#[test]
fn every_module_imports_what_its_floor_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let files = rust_files(&src);
    assert!(files.len() > 100, "only {} files found", files.len());
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let module = module_of(inside);
        let text = std::fs::read_to_string(&file).unwrap();
        for (line, imported) in imports(&text) {
            if imported != module && !allowed(&module).contains(&imported.as_str()) {
                wrong.push(format!(
                    "src/{}:{line} imports {imported}",
                    inside.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_in_use_is_seen() {
    let text = "use crate::model::Row;\nuse crate::{plan, vlens::Client, a::{b, c}};\nlet x = crate::ledger::open();\n\
                // crate::report is not meant\npub(crate) fn f() {}\nuse crate::{\n    pace::Pace,\n    source,\n};\n";
    let seen: BTreeSet<String> = imports(text).into_iter().map(|(_, name)| name).collect();
    let expected = ["a", "ledger", "model", "pace", "plan", "source", "vlens"];
    assert_eq!(seen, expected.map(str::to_owned).into());
}

/// `ledger/reader/mod.rs` belongs to `ledger`, `plan.rs` to `plan`.
fn module_of(inside: &Path) -> String {
    let first = inside.components().next().expect("a path");
    let name = Path::new(first.as_os_str()).file_stem().expect("a name");
    name.to_str().expect("a name in UTF-8").to_owned()
}

/// The top modules (and `mapping::names`) that a file names after `crate::`, with the line. Groups (`crate::{a, b::c}`) are taken apart.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = &text[line_start..at];
        let is_path_start = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if before.contains("//") || !is_path_start {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => names_in(group),
            None => vec![first_name(rest)],
        };
        found.extend(names.into_iter().map(|name| (line, name)));
    }
    found
}

/// The first names of a group's members; what stands in inner groups belongs to its member.
fn names_in(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            c => members.last_mut().expect("one member").push(c),
        }
    }
    members
        .iter()
        .map(|member| first_name(member.trim()))
        .filter(|name| !name.is_empty())
        .collect()
}

fn first_name(text: &str) -> String {
    const NAMES: &str = "mapping::names";
    if text.starts_with(NAMES) {
        return NAMES.to_owned();
    }
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
