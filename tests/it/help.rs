//! Help, man page and completions say the same, and their examples are true.

use clap::{CommandFactory, Parser};
use vlens_batch::cli::args::Cli;

use crate::support::World;

/// Every command with its path, such as `contract-types pull`, and its visible long flags.
fn commands() -> Vec<(Vec<String>, Vec<String>)> {
    fn walk(command: &clap::Command, path: &[String], all: &mut Vec<(Vec<String>, Vec<String>)>) {
        let flags = command
            .get_arguments()
            .filter(|arg| !arg.is_hide_set())
            .filter_map(|arg| arg.get_long().map(|long| format!("--{long}")));
        all.push((path.to_vec(), flags.collect()));
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            let mut path = path.to_vec();
            path.push(sub.get_name().to_owned());
            walk(sub, &path, all);
        }
    }
    let mut command = Cli::command();
    command.build();
    let mut all = Vec::new();
    walk(&command, &[], &mut all);
    all
}

#[test]
fn help_man_and_completions_know_the_same_commands_and_flags() {
    let world = World::new();
    let said = |args: &[&str]| world.vlens(args).run().expect(0).stdout;
    let man = said(&["man"]).replace('\\', "");
    let completions: Vec<String> = ["bash", "zsh", "fish", "powershell"]
        .into_iter()
        .map(|shell| said(&["completions", shell]))
        .collect();
    for (path, flags) in commands() {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let help = said(&args);
        assert!(help.contains("Examples:"), "no example in {args:?}");
        assert!(!help.contains("--help\n\n\n"), "{help}");
        let section = format!("VLENS-BATCH {}", path.join(" ").to_uppercase());
        assert!(
            path.is_empty() || man.contains(&section),
            "{section} is not in the man page"
        );
        for flag in flags {
            assert!(
                help.contains(&flag),
                "{flag} is not in the help of {path:?}"
            );
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
    let mut command = Cli::command();
    command.build();
    let mut open = vec![command];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().cloned());
        let Some(text) = command.get_after_help() else {
            continue;
        };
        for line in text.to_string().lines() {
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

#[test]
fn bash_completes_options_and_values_within_every_command() {
    let world = World::new();
    let script = world.vlens(["completions", "bash"]).run().expect(0).stdout;
    for (typed, expected) in [
        (&["exp"][..], "export"),
        (&["export", "--form"], "--format"),
        (&["export", "--format", "x"], "xlsx"),
        (&["contract-types", "pu"], "pull"),
        (
            &["contract-types", "pull", "--allow"],
            "--allow-insecure-http",
        ),
        (&["run", "customers.csv", "--on-invalid", "st"], "stop"),
    ] {
        let (last, before) = typed.split_last().unwrap();
        let previous = before.last().unwrap_or(&"vlens-batch");
        let completed = format!(
            "{script}\nCOMP_WORDS=(vlens-batch {}); COMP_CWORD={}; _vlens__batch vlens-batch {last} {previous}; echo \"${{COMPREPLY[*]}}\"",
            typed.join(" "),
            typed.len()
        );
        let bash = std::process::Command::new("bash")
            .args(["-c", &completed])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&bash.stdout);
        assert_eq!(told.trim(), expected, "{typed:?} {bash:?}");
    }
}
