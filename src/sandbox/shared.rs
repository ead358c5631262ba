//! What all connections of one sandbox share.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::task::TaskTracker;

use super::{
    Behaviour, LatencyRange, SandboxOptions,
    faults::{Faults, Target},
    forms::Forms,
    gate::Gate,
    log::Log,
    magic::Spent,
    tokens::Tokens,
};
use crate::error::Error;

pub(super) struct Shared {
    pub latency: LatencyRange,
    pub gate: Gate,
    pub tokens: Tokens,
    pub forms: Forms,
    pub log: Option<Log>,
    pub tasks: TaskTracker,
    magic: Spent,
    faults: Faults,
    seed: u64,
    invitations: AtomicU64,
    logins: AtomicU64,
    refreshes: AtomicU64,
}

impl Shared {
    pub(super) fn new(options: SandboxOptions) -> Result<Self, Error> {
        Ok(Shared {
            latency: options.latency,
            gate: Gate::new(options.per_second, options.per_minute),
            tokens: Tokens::new(options.token_life),
            forms: Forms::embedded(options.any_form)?,
            log: options.log.as_deref().map(Log::open).transpose()?,
            tasks: TaskTracker::new(),
            magic: Spent::nothing(),
            faults: options.faults,
            seed: options.seed,
            invitations: AtomicU64::new(0),
            logins: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
        })
    }

    /// What a valid request meets instead of an ordinary answer: its recipient's magic, else a random fault.
    pub(super) fn misbehaviour(&self, target: Target, phone: Option<&str>) -> Option<Behaviour> {
        let count = match target {
            Target::Invitation => &self.invitations,
            Target::Login => &self.logins,
            Target::Refresh => &self.refreshes,
        };
        let nth = count.fetch_add(1, Ordering::Relaxed) + 1;
        phone
            .and_then(|phone| self.magic.behaviour(phone))
            .or_else(|| self.faults.draw(self.seed, target, nth))
    }
}
