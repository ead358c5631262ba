//! What is said before anything is sent: the question to a person, and what a dry run would come to.

use std::io::{self, Write};
use std::time::Duration;

use super::words::{Look, counted, duration, quoted, rows};

/// What a run would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DryRun {
    /// Rows of the file.
    pub rows: u64,
    /// Invitations that would be created now.
    pub would_send: u64,
    /// Rows whose invitation was created earlier.
    pub already_created: u64,
    /// Rows that wait for a person: rejected or uncertain.
    pub held: u64,
    /// Rows that do not pass validation.
    pub invalid: u64,
    /// Rows whose invitation stands in an earlier row.
    pub duplicate: u64,
}

/// The one question before a run sends: how many, where, for whom, and how long it takes.
pub fn question(invitations: u64, base_url: &str, tenancy_name: &str, least: Duration) -> String {
    let invitations = counted(invitations, "invitation", "invitations");
    let tenant = if tenancy_name.is_empty() {
        String::new()
    } else {
        format!(" for the tenant {tenancy_name}")
    };
    let time = if least.as_secs() < 10 {
        "a few seconds".to_owned()
    } else {
        format!("about {}", duration(least.as_secs_f64()))
    };
    format!("Create {invitations} at {base_url}{tenant}? At this rate it takes {time}.")
}

/// Writes what a dry run found.
pub fn write_dry_run(
    out: &mut dyn Write,
    source: &str,
    tally: &DryRun,
    look: Look,
) -> io::Result<()> {
    let head = format!(
        "{}: {} would be sent to now. Nothing was sent or recorded.",
        quoted(source),
        rows(tally.would_send)
    );
    look.paragraph(out, "", &look.strong(&head))?;
    let lines = [
        (tally.already_created, "created by an earlier run"),
        (
            tally.held,
            "held until a person decides (rejected or uncertain)",
        ),
        (tally.invalid, "invalid: see `vlens-batch check`"),
        (
            tally.duplicate,
            "with the same invitation as an earlier row",
        ),
    ];
    for (n, what) in lines.into_iter().filter(|(n, _)| *n > 0) {
        look.paragraph(out, "  ", &format!("{} {what}", rows(n)))?;
    }
    Ok(())
}
