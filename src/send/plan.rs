//! Decides from a row and its invitation's standing in the ledger: send, skip or hold. Pure, and a table.
//!
//! | the row is …          | no standing | pending | failed | rejected | uncertain | created |
//! | --------------------- | ----------- | ------- | ------ | -------- | --------- | ------- |
//! | new                   | send        |         |        |          |           |         |
//! | there, same content   |             | send    | send   | hold ¹   | hold ²    | skip    |
//! | there, other content  |             | send    | send   | send     | hold ²    | skip ³  |
//! | gone from the file    | nothing: only rows that are there are planned                  |
//!
//! ¹ send with `--retry-rejected` · ² send with `--resend-uncertain` or `on_uncertain = "resend"` · ³ send with
//! `--resend-changed`. Only ² and ³ can make a second invitation, and each takes a person's word.

use crate::model::{Plan, Standing, Status};

/// What a person asked for beyond the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// `--resend-uncertain`, or `on_uncertain = "resend"`.
    pub resend_uncertain: bool,
    /// `--retry-rejected`.
    pub retry_rejected: bool,
    /// `--resend-changed`.
    pub resend_changed: bool,
}

/// What becomes of a row whose invitation stands so in the ledger (`None`: it is not there yet).
pub fn plan(standing: Option<Standing>, wishes: Wishes) -> Plan {
    let Some(Standing {
        status,
        same_content,
    }) = standing
    else {
        return Plan::Send;
    };
    match status {
        Status::Pending | Status::Failed => Plan::Send,
        Status::Rejected if !same_content || wishes.retry_rejected => Plan::Send,
        Status::Uncertain if wishes.resend_uncertain => Plan::Send,
        Status::Created if !same_content && wishes.resend_changed => Plan::Send,
        Status::Created => Plan::Skip,
        // Invalid and duplicate are a row's own; no invitation has them. Holding can do no harm.
        Status::Rejected | Status::Uncertain | Status::Invalid | Status::Duplicate => Plan::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_wish() -> impl Iterator<Item = Wishes> {
        (0..8).map(|bits| Wishes {
            resend_uncertain: bits & 1 != 0,
            retry_rejected: bits & 2 != 0,
            resend_changed: bits & 4 != 0,
        })
    }

    /// The module's table again, written independently as data: (status, same content, wish that turns it into send).
    #[test]
    fn every_combination_is_as_the_table_says() {
        type Wish = fn(Wishes) -> bool;
        let never: Wish = |_| false;
        let table: [(Status, bool, Plan, Wish); 10] = [
            (Status::Pending, true, Plan::Send, never),
            (Status::Pending, false, Plan::Send, never),
            (Status::Failed, true, Plan::Send, never),
            (Status::Failed, false, Plan::Send, never),
            (Status::Rejected, true, Plan::Hold, |w| w.retry_rejected),
            (Status::Rejected, false, Plan::Send, never),
            (Status::Uncertain, true, Plan::Hold, |w| w.resend_uncertain),
            (Status::Uncertain, false, Plan::Hold, |w| w.resend_uncertain),
            (Status::Created, true, Plan::Skip, never),
            (Status::Created, false, Plan::Skip, |w| w.resend_changed),
        ];
        for (status, same_content, usually, wish) in table {
            for wishes in every_wish() {
                let expected = if wish(wishes) { Plan::Send } else { usually };
                let standing = Some(Standing {
                    status,
                    same_content,
                });
                assert_eq!(plan(standing, wishes), expected, "{standing:?} {wishes:?}");
            }
        }
    }

    #[test]
    fn a_new_row_is_sent_whatever_is_wished() {
        for wishes in every_wish() {
            assert_eq!(plan(None, wishes), Plan::Send);
        }
    }

    #[test]
    fn nothing_but_a_wish_makes_a_second_invitation() {
        for same_content in [true, false] {
            for status in [Status::Created, Status::Uncertain] {
                let standing = Some(Standing {
                    status,
                    same_content,
                });
                assert_ne!(plan(standing, Wishes::default()), Plan::Send);
            }
        }
    }
}
