//! `man`: one page for everything, each command in a section of its own.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

/// Writes the page of this command line.
pub fn write_man(out: &mut dyn Write, mut command: Command) -> io::Result<()> {
    command.build();
    let subcommands: Vec<Command> = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .cloned()
        .collect();
    let man = Man::new(command);
    let mut out = out;
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    for subcommand in subcommands {
        write_section(out, "vlens-batch", subcommand)?;
    }
    let mut extra = Vec::new();
    man.render_extra_section(&mut extra)?;
    write!(out, ".SH EXAMPLES\n{}", as_typed(&extra))
}

/// What every rendered section begins with; once is enough.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// Examples keep their lines and columns.
fn as_typed(extra: &[u8]) -> String {
    let text = String::from_utf8_lossy(extra)
        .replace(PREAMBLE, "")
        .replace(".SH EXTRA\n", "");
    format!(".PP\n.nf\n{text}.fi\n")
}

/// The section of one command, followed by those of its own commands. What every command has is told once, above.
fn write_section(out: &mut dyn Write, parent: &str, command: Command) -> io::Result<()> {
    let name = format!("{parent} {}", command.get_name());
    let subcommands: Vec<Command> = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .cloned()
        .collect();
    let command = command
        .mut_args(|arg| {
            let is_told_above = arg.is_global_set() || arg.get_id() == "help";
            arg.hide(is_told_above)
        })
        .bin_name(name.clone());
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_description_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut extra = Vec::new();
    man.render_extra_section(&mut extra)?;
    writeln!(out, ".SH \"{}\"", name.to_uppercase())?;
    // The sections of a page become subsections of this one.
    let page = String::from_utf8_lossy(&page)
        .replace(PREAMBLE, "")
        .replace(".SH DESCRIPTION\n", "")
        .replace(".SH ", ".SS ");
    write!(out, "{page}{}", as_typed(&extra))?;
    subcommands
        .into_iter()
        .try_for_each(|subcommand| write_section(out, &name, subcommand))
}
