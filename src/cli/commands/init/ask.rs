//! The questions of `init` at a terminal: what the sheet does not tell, then everything at a glance with a way back.

use std::io;

use super::found::Found;
use crate::cli::output::Output;
use crate::error::Error;
use crate::mapping::guess::{Proposal, Target};
use crate::model::{ContractTypeId, printable};

/// Asks about what is open, shows what came of it, and goes on until a person is content. Escape leaves everything as it was.
pub(super) fn ask(found: &mut Found, output: Output) -> Result<(), Error> {
    let stopped = || {
        let message = "No mapping was written: the questions were not answered.";
        Error::stopped("interrupted", message)
    };
    if !questions(found, output).map_err(|_| stopped())? {
        return Err(stopped());
    }
    Ok(())
}

/// Whether the mapping is to be written.
fn questions(found: &mut Found, output: Output) -> io::Result<bool> {
    ask_types(&mut found.proposal)?;
    let open = found.proposal.open_places();
    for at in open {
        ask_column(found, at)?;
    }
    for at in found.proposal.open_dates() {
        let question = format!(
            "{}: is 01/02/1990 the first of February or the second of January?",
            title(found, at)
        );
        let day_first = cliclack::select(question)
            .item(true, "The first of February: the day comes first", "")
            .item(false, "The second of January: the month comes first", "")
            .interact()?;
        found.proposal.choose_order(at, day_first);
    }
    loop {
        found.show(output);
        let choice = cliclack::select("Write this down?")
            .item(Some(true), "Yes", "")
            .item(None, "Change a column", "")
            .item(Some(false), "No, stop", "")
            .interact()?;
        if let Some(is_content) = choice {
            return Ok(is_content);
        }
        let mut select = cliclack::select("Which column?").max_rows(10);
        for at in 0..found.proposal.columns.len() {
            select = select.item(at, title(found, at), "");
        }
        let at = select.interact()?;
        ask_column(found, at)?;
    }
}

fn ask_types(proposal: &mut Proposal) -> io::Result<()> {
    for value in proposal.open_values() {
        let question = format!("Which contract type does \"{value}\" mean (its number)?");
        if let Some(id) = ask_type(&question)? {
            proposal.choose_type_of(&value, id);
        }
    }
    if proposal.knows_types() || proposal.open_column().is_some() {
        return Ok(());
    }
    let known = proposal.known_types();
    let mut chosen = None;
    if !known.is_empty() {
        let mut select = cliclack::select("To which contract type are these customers invited?");
        for (id, name) in known {
            select = select.item(Some(id), format!("{name} ({id})"), "");
        }
        chosen = select.item(None, "Another", "").interact()?;
    }
    if chosen.is_none() {
        let question = "To which contract type are these customers invited (its number; Enter if you do not know)?";
        chosen = ask_type(question)?;
    }
    proposal.choose_types(chosen.into_iter().collect());
    Ok(())
}

/// None: she does not know.
fn ask_type(question: &str) -> io::Result<Option<ContractTypeId>> {
    let number = |text: &str| text.trim().parse().ok().filter(|&id: &i64| id > 0);
    let is_answer = move |text: &String| match number(text) {
        None if !text.trim().is_empty() => Err("A number, such as 414"),
        _ => Ok(()),
    };
    let mut prompt = cliclack::input(printable(question))
        .required(false)
        .validate(is_answer);
    let answer: String = prompt.interact()?;
    Ok(number(&answer).map(ContractTypeId))
}

fn title(found: &Found, at: usize) -> String {
    let column = &found.proposal.columns[at];
    let header = found.shown().header(&column.column.name).into_owned();
    let letters = column.column.letters();
    let title = match column.sample.as_str() {
        "" => format!("{letters} \"{header}\" (empty)"),
        sample => format!("{letters} \"{header}\", such as {sample}"),
    };
    printable(&title).into_owned()
}

fn ask_column(found: &mut Found, at: usize) -> io::Result<()> {
    let column = &found.proposal.columns[at];
    let all = found.proposal.choices();
    let guess = column.target.clone();
    let label = |target: &Target| {
        let choice = all.iter().find(|(known, _)| known == target);
        choice.map_or_else(|| target.to_string(), |(_, label)| label.clone())
    };
    // Candidates stand right below the guess, everything else behind them.
    let mut offered: Vec<Option<Target>> = vec![guess.clone()];
    offered.extend(column.candidates.iter().cloned().map(Some));
    offered.push(None);
    offered.extend(all.iter().map(|(target, _)| Some(target.clone())));
    let mut items: Vec<Option<Target>> = Vec::new();
    let mut select = cliclack::select(format!("{}: what is it?", title(found, at))).max_rows(10);
    for target in offered {
        if items.contains(&target) {
            continue;
        }
        let text = target.as_ref().map_or("(leave it out)".to_owned(), label);
        let feeding = target.as_ref().filter(|_| target != guess);
        let hint = feeding.map_or(String::new(), |target| found.proposal.feeding(target));
        select = select.item(items.len(), text, hint);
        items.push(target);
    }
    let chosen = select.initial_value(0).interact()?;
    found
        .proposal
        .choose(at, items.into_iter().nth(chosen).flatten());
    Ok(())
}
