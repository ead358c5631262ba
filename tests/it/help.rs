//! Help, man page and completions say the same, and their examples are true.

use std::fmt::Write as _;

use clap::{CommandFactory, Parser};
use vlens_batch::cli::Cli;

use crate::support::World;

/// Every command with its path, such as `contract-types pull`, its visible long flags, and what its help ends with.
fn commands() -> Vec<(Vec<String>, Vec<String>, String)> {
    let mut command = Cli::command();
    command.build();
    let (mut open, mut all) = (vec![(Vec::new(), command)], Vec::new());
    while let Some((path, command)) = open.pop() {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let flags = shown.filter_map(|arg| arg.get_long().map(|long| format!("--{long}")));
        let after = command.get_after_help().map(ToString::to_string);
        all.push((path.clone(), flags.collect(), after.unwrap_or_default()));
        let below = command.get_subcommands();
        let below = below.filter(|below| below.get_name() != "help").cloned();
        open.extend(below.map(|below| {
            let name = below.get_name().to_owned();
            ([&path[..], &[name]].concat(), below)
        }));
    }
    all
}

#[test]
fn help_man_and_completions_know_the_same_commands_and_flags() {
    let world = World::new();
    let said = |args: &[&str]| world.vlens(args).ends(0).stdout;
    for line in ["man --json", "completions bash --json", "--json --version"] {
        assert!(world.ran(line, 0).json()["text"].is_string());
    }
    assert!(said(&["--color=always", "runs", "--help"]).contains('\u{1b}'));
    let man = said(&["man"]).replace('\\', "");
    let completions: Vec<String> = ["bash", "zsh", "fish", "powershell"]
        .into_iter()
        .map(|shell| said(&["completions", shell]))
        .collect();
    for (path, flags, _) in commands() {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let help = said(&args);
        assert!(help.contains("Examples:"), "no example in {args:?}");
        assert!(!help.contains("--help\n\n\n"), "{help}");
        let section = format!("VLENS-BATCH {}", path.join(" ").to_uppercase());
        let is_there = path.is_empty() || man.contains(&section);
        assert!(is_there, "{section} is not in the man page");
        for flag in flags {
            let is_told = help.contains(&flag);
            assert!(is_told, "{flag} is not in the help of {path:?}");
            assert!(man.contains(&flag), "{flag} is not in the man page");
            for script in &completions {
                let word = &flag[2..];
                assert!(script.contains(word), "{flag} is not completed");
            }
        }
        if let Some(name) = path.last() {
            for script in &completions {
                assert!(script.contains(name.as_str()), "{name} is not completed");
            }
        }
    }
}

#[test]
fn every_example_is_a_command_line_that_is_understood() {
    let mut examples = 0;
    for (_, _, text) in commands() {
        for line in text.lines() {
            let Some(line) = line.strip_prefix("  vlens-batch ") else {
                continue;
            };
            // What it says about the command stands behind two spaces; what a shell does with it, behind a pipe or an arrow.
            let typed = line.split("  ").next().unwrap();
            let typed = typed.split(['|', '>']).next().unwrap();
            // A comment may stand one space behind a long command.
            let words: Vec<&str> = typed.split_whitespace().collect();
            let parsed =
                Cli::try_parse_from(std::iter::once("vlens-batch").chain(words.iter().copied()));
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
            examples += 1;
        }
    }
    assert!(examples > 40, "{examples}");
}

/// What each shell is asked to complete, and what it must offer: every flag of every command, and some values.
fn completions() -> Vec<(Vec<String>, String)> {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut all: Vec<_> = [
        ("exp", "export"),
        ("export --format x", "xlsx"),
        ("contract-types pu", "pull"),
        ("run customers.csv --on-invalid st", "stop"),
        ("settle --as not", "not-created"),
    ]
    .map(|(typed, offered)| (words(typed), offered.to_owned()))
    .into();
    for (path, flags, _) in commands() {
        // `contract-types pull` and its like are completed behind their parent.
        for flag in flags {
            let typed = path.iter().cloned().chain([flag.clone()]);
            all.push((typed.collect(), flag));
        }
    }
    all
}

#[test]
fn bash_completes_options_and_values_within_every_command() {
    let world = World::new();
    let mut script = world.ran("completions bash", 0).stdout;
    let asked = completions();
    for (typed, _) in &asked {
        let (last, before) = typed.split_last().unwrap();
        let previous = before.last().map_or("vlens-batch", String::as_str);
        let (words, at) = (typed.join(" "), typed.len());
        writeln!(
            script,
            "COMPREPLY=(); COMP_WORDS=(vlens-batch {words}); COMP_CWORD={at}; _vlens__batch vlens-batch {last} {previous}; echo \"${{COMPREPLY[*]}}\""
        )
        .unwrap();
    }
    let bash = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&bash.stdout);
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), asked.len(), "{bash:?}");
    for ((typed, offered), told) in asked.iter().zip(told) {
        let is_offered = told.split(' ').any(|word| word == offered);
        assert!(is_offered, "{typed:?}: {told}");
    }
    assert!(asked.len() > 150, "{}", asked.len());
}
