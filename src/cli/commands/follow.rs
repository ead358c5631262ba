//! `follow`: a file from elsewhere says how far each customer's contract is; stored with the invitations. Nothing is sent.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::json;

use super::check::input;
use super::world::{Opened, open_ledger};
use crate::cli::args::FollowArgs;
use crate::cli::further::Typed;
use crate::cli::settings::Settings;
use crate::cli::system::now;
use crate::error::{Ended, Error};
use crate::input::{Input, Options, Source};
use crate::ledger::{InvitationId, Ledger};
use crate::mapping::names::Shown;
use crate::mapping::{Portal, PortalColumns};
use crate::model::{FollowSummary, Row, Stage, Timestamp};
use crate::report::texts;

pub fn follow(args: &FollowArgs, settings: &Settings) -> Ended {
    // That there is none is told as by every command that reads.
    let path = settings.ledger(false)?;
    drop(Opened::at(settings, path.clone())?);
    let named = PortalColumns {
        customer: args.match_column.clone(),
        stage: args.stage.clone(),
        at: args.at.clone(),
    };
    let named = named.or(&settings.config);
    let options = Options {
        known_names: named.known_names(),
        // What [source] says is about the sheet that was sent.
        ..Settings::without_config(PathBuf::new()).source_options(&args.layout)
    };
    let input = input(&args.file)?;
    let mut source = Source::open_or_lines(&input, &options)?;
    let columns = source.columns.clone();
    let portal = Portal::find(&settings.config, &named, &columns, &input.name(), || {
        source.next_row()
    })?;
    let mut ledger = open_ledger(&path, settings, "follow", None, None)?;
    let mut told = Told::read(&portal, &input, &options)?;
    let mut created = 0;
    ledger.created_bodies(|id, body, invited| {
        created += 1;
        told.meet(id, invited, portal.known_by(body));
    })?;
    let summary = told.store(&mut ledger, created)?;
    ledger.finish()?;
    let (customer, stage, at) = portal.columns();
    let summary = FollowSummary {
        source: args.file.display().to_string(),
        match_column: customer.to_owned(),
        stage: stage.to_owned(),
        at: at.map(str::to_owned),
        ledger: path.display().to_string(),
        ..summary
    };
    let further = settings.further(false, &Typed::default());
    settings.output.show(&summary, |look| {
        let headers = [&summary.match_column, &summary.stage].into_iter();
        let shown = Shown::of(headers.chain(&summary.at).map(String::as_str));
        let values = json!({
            "s": summary,
            "match": shown.header(&summary.match_column),
            "stage": shown.header(&summary.stage),
            "at": summary.at.as_deref().map(|at| shown.header(at)),
            "reading": further.reading,
        });
        look.text(texts::FOLLOW, &values)
    })
}

/// A stage may be told by its day alone, and by the clock of another zone.
const A_DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What the file says, by customer.
#[derive(Default)]
struct Told {
    customers: HashMap<String, Customer>,
    /// When the invitations that are meant left, as far as that is known.
    invited: HashMap<InvitationId, Option<Timestamp>>,
    summary: FollowSummary,
}

/// A customer of the file, with the invitation that is meant.
struct Customer {
    stage: Stage,
    /// The newest one.
    invitation: Option<InvitationId>,
    /// How many there are.
    invitations: u32,
    /// Whether it was found by what goes before.
    is_first: bool,
}

impl Told {
    fn read(portal: &Portal, input: &Input, options: &Options) -> Result<Told, Error> {
        let mut told = Told::default();
        let mut source = Source::open_or_lines(input, options)?;
        while let Some(row) = source.next_row()? {
            told.see(portal, &row);
        }
        Ok(told)
    }

    /// Of several rows about one customer the latest counts; where no times tell, the last.
    fn see(&mut self, portal: &Portal, row: &Row) {
        self.summary.rows += 1;
        let Some(name) = portal.customer(row) else {
            self.summary.unreadable += 1;
            return;
        };
        let Some(stage) = portal.stage(row) else {
            self.summary.without_stage += 1;
            return;
        };
        self.summary.times_unreadable += u64::from(stage.at.is_none() && portal.is_dated(row));
        let known = self.customers.entry(name).or_insert(Customer {
            stage: stage.clone(),
            invitation: None,
            invitations: 0,
            is_first: false,
        });
        let is_older = stage
            .at
            .zip(known.stage.at)
            .is_some_and(|(new, old)| new < old);
        if !is_older {
            known.stage = stage;
        }
    }

    /// Takes an invitation into account; older ones come first.
    fn meet(
        &mut self,
        id: InvitationId,
        invited: Option<Timestamp>,
        [first, others]: [Vec<String>; 2],
    ) {
        let first = first.iter().map(|name| (name, true));
        for (name, is_first) in first.chain(others.iter().map(|name| (name, false))) {
            let Some(customer) = self.customers.get_mut(name) else {
                continue;
            };
            if customer.is_first && !is_first || customer.invitation == Some(id) {
                continue;
            }
            if is_first && !customer.is_first {
                customer.is_first = true;
                customer.invitations = 0;
            }
            customer.invitation = Some(id);
            self.invited.insert(id, invited);
            customer.invitations += 1;
        }
    }

    fn store(mut self, ledger: &mut Ledger, created: u64) -> Result<FollowSummary, Error> {
        let mut stages: HashMap<InvitationId, &Customer> = HashMap::new();
        for customer in self.customers.values() {
            let Some(id) = customer.invitation else {
                self.summary.not_ours += 1;
                continue;
            };
            self.summary.matched += 1;
            self.summary.ambiguous += u64::from(customer.invitations > 1);
            let rank = |customer: &Customer| (customer.is_first, customer.stage.at);
            let known = stages.entry(id).or_insert(customer);
            if rank(customer) > rank(known) {
                *known = customer;
            }
        }
        let told = stages.len();
        stages.retain(|id, customer| {
            let invited = self.invited.get(id).copied().flatten();
            let ends = customer.stage.at.map(|at| at.0.saturating_add(A_DAY_MS));
            invited
                .zip(ends)
                .is_none_or(|(invited, ends)| ends >= invited.0)
        });
        let count = stages.len() as u64;
        let stages = stages
            .into_iter()
            .map(|(id, customer)| (id, &customer.stage));
        let signed = ledger.store_stages(stages, now())?;
        Ok(FollowSummary {
            signed,
            not_signed: count - signed,
            never_seen: created - told as u64,
            before_invitation: told as u64 - count,
            ..self.summary
        })
    }
}
