//! Requests: on paper before they leave, closed with what became of them.

use super::books::Books;
use super::fault::Result;
use super::runs::InvitationId;
use crate::model::{Secret, Status};

/// A request that is on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId {
    pub(super) id: i64,
    /// None for a request that is about no invitation, such as a login.
    pub(super) invitation: Option<InvitationId>,
}

macro_rules! events {
    ($($variant:ident = $word:literal, $meaning:literal;)*) => {
        /// What became of a request, or what a person decided.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $(#[doc = $meaning] $variant,)* }

        impl Event {
            /// The word kept in the ledger.
            pub fn as_str(self) -> &'static str {
                match self { $(Event::$variant => $word,)* }
            }

            /// The event that a word names.
            pub fn parse(word: &str) -> Option<Event> {
                [$(Event::$variant),*].into_iter().find(|event| event.as_str() == word)
            }
        }
    };
}

events! {
    Created = "created", "The invitation exists.";
    Rejected = "rejected", "Vlens will not.";
    Throttled = "throttled", "429: come back later.";
    Unavailable = "unavailable", "503 with `Retry-After`.";
    Unreachable = "unreachable", "The request never left.";
    Unauthorized = "unauthorized", "401: the token is not accepted.";
    Refused = "refused", "Every request would be refused alike.";
    Uncertain = "uncertain", "Nobody can tell.";
    Answered = "answered", "A request that is about no invitation has ended.";
    SettledCreated = "settled_created", "A person says that the invitation exists.";
    SettledNotCreated = "settled_not_created", "A person says that the invitation does not exist.";
    Retried = "retried", "A person made the row due again.";
}

impl Event {
    /// Whether it is a person's decision, and no request.
    pub fn is_decision(self) -> bool {
        matches!(
            self,
            Event::SettledCreated | Event::SettledNotCreated | Event::Retried
        )
    }
}

/// What became of a request for an invitation.
#[derive(Debug, Clone)]
pub struct Closing {
    /// What happened.
    pub event: Event,
    /// The invitation's new status; none when it is to be tried again or stays pending.
    pub status: Option<Status>,
    /// The session token of a created invitation.
    pub token: Option<Secret>,
    /// The vendor's error code, or the uncertainty's word.
    pub code: Option<String>,
    /// For people, values masked.
    pub message: Option<String>,
}

impl Books {
    /// Puts a request on paper. It may leave once the transaction is committed.
    pub(super) fn open_attempt(
        &mut self,
        invitation: Option<InvitationId>,
        opened_ms: i64,
    ) -> Result<AttemptId> {
        let process = self.process()?;
        self.conn
            .prepare_cached(
                "INSERT INTO attempts (invitation_id, process_id, run_id, opened_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((
                invitation.map(|invitation| invitation.0),
                process.id,
                process.run.map(|run| run.0),
                opened_ms,
            ))?;
        if invitation.is_some() {
            self.sums.requests += 1;
        }
        let id = self.conn.last_insert_rowid();
        Ok(AttemptId { id, invitation })
    }

    /// Takes a request off the paper that has not left and never will.
    pub(super) fn withdraw_attempt(&mut self, attempt: AttemptId) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM attempts WHERE id = ?1")?
            .execute([attempt.id])?;
        if attempt.invitation.is_some() {
            self.sums.requests -= 1;
        }
        Ok(())
    }

    pub(super) fn close_attempt(
        &mut self,
        attempt: AttemptId,
        closing: &Closing,
        closed_ms: i64,
    ) -> Result<()> {
        self.conn
            .prepare_cached("UPDATE attempts SET closed_ms = ?2, event = ?3, code = ?4, message = ?5, token = ?6 WHERE id = ?1")?
            .execute((
                attempt.id,
                closed_ms,
                closing.event.as_str(),
                &closing.code,
                &closing.message,
                closing.token.as_ref().map(Secret::expose),
            ))?;
        let Some(InvitationId(invitation)) = attempt.invitation else {
            return Ok(());
        };
        if closing.event == Event::Throttled {
            self.sums.throttled += 1;
        }
        match closing.status {
            Some(status) => {
                let run = self.process()?.run.map_or(0, |run| run.0);
                self.transition(invitation, status, run)
            }
            None => Ok(()),
        }
    }
}
