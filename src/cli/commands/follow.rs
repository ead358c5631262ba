//! `follow`: a file from elsewhere says how far each customer's contract is; stored with the invitations. Nothing is sent.

use std::collections::HashMap;

use serde_json::json;

use super::check::input;
use super::ledger::{Opened, open_ledger};
use crate::cli::args::{FollowArgs, ReadArgs};
use crate::cli::settings::Settings;
use crate::clock;
use crate::error::{Ended, Error};
use crate::input::{Options, Source};
use crate::ledger::{InvitationId, Ledger};
use crate::mapping::names::HeaderMask;
use crate::mapping::{Config, Portal, Text};
use crate::model::{FollowSummary, Row, Stage, StageWord, Timestamp, quoted};
use crate::report::texts;

pub fn follow(args: &FollowArgs, settings: &Settings) -> Ended {
    // That there is none is told as by every command that reads.
    let path = Opened::at(settings, settings.ledger(false)?)?.path;
    let (config, again) = as_meant(args, settings);
    let options = Options {
        known_names: config.follow.known_names(),
        // What [source] says is about the sheet that was sent.
        ..Settings::default().source_options(&args.layout)
    };
    let input = input(&args.file)?;
    let mut source = Source::open_or_lines(&input, &options)?;
    settings.output.warn_of_doubts(&source.notes);
    let columns = source.columns.clone();
    let next = || source.next_row();
    let portal = Portal::find(&config, &columns, &input.name(), &again, next)?;
    let (customer, stage, at) = portal.columns();
    let mut told = Followed {
        customers: HashMap::new(),
        words: HashMap::new(),
        summary: FollowSummary {
            source: args.file.display().to_string(),
            match_column: customer.to_owned(),
            stage: stage.to_owned(),
            at: at.map(str::to_owned),
            ledger: path.display().to_string(),
            ..FollowSummary::default()
        },
    };
    let mut ledger = open_ledger(&path, settings, "follow", None, None)?;
    let mut source = Source::open_or_lines(&input, &options)?;
    while let Some(row) = source.next_row()? {
        told.see(&portal, &row);
    }
    input.refuse_changed(Source::is_lines(&input)?)?;
    let mut created = 0;
    ledger.created_bodies(|id, body, invited| {
        created += 1;
        told.meet(id, invited, portal.known_by(body));
    })?;
    let summary = told.store(&mut ledger, created)?;
    ledger.finish()?;
    let headers = [Some(customer), Some(stage), at].into_iter().flatten();
    let shown = HeaderMask::of(headers);
    let words = summary.stages.iter().take(SHOWN_WORDS);
    let masked = HeaderMask::of(words.clone().map(|word| word.stage.as_str()));
    let words = words.map(|word| masked.header(&word.stage));
    let more = json!({
        "match": shown.header(customer),
        "stage": shown.header(stage),
        "at": at.map(|at| shown.header(at)),
        "words": words.collect::<Vec<_>>(),
        "reminders": settings.command("export --not-signed --output reminders.xlsx"),
    });
    settings.output.show(&summary, texts::FOLLOW, more)
}

/// The config with the columns that are named, and the command to name others by.
fn as_meant(args: &FollowArgs, settings: &Settings) -> (Config, String) {
    let mut config = settings.config.clone();
    let read = ReadArgs {
        layout: args.layout.clone(),
        ..ReadArgs::default()
    };
    let mut again = settings.on(false, &args.file, &read).on_file("follow");
    let named = &mut config.follow;
    for (flag, typed, named) in [
        (" --match ", &args.match_column, &mut named.match_column),
        (" --stage ", &args.stage, &mut named.stage),
        (" --at ", &args.at, &mut named.at),
    ] {
        if let Some(column) = typed {
            again.extend([flag, &quoted(column)]);
            *named = Some(Text(column.clone()));
        }
    }
    (config, again)
}

const SHOWN_WORDS: usize = 12;

/// A stage may be told by its day alone, and by the clock of another zone.
const A_DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What the file says, by customer.
struct Followed {
    customers: HashMap<String, Customer>,
    /// Those for stages.
    words: HashMap<String, StageWord>,
    summary: FollowSummary,
}

struct Customer {
    stage: Stage,
    /// The invitations that may be meant, older ones first.
    met: Vec<Met>,
}

#[derive(Clone, Copy)]
struct Met {
    /// Whether it was found by what goes before.
    is_first: bool,
    id: InvitationId,
    /// When it left, as far as that is known.
    left: Option<Timestamp>,
}

impl Followed {
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
        let word = self.words.entry(stage.name.clone());
        let word = word.or_insert_with(|| StageWord {
            stage: stage.name.clone(),
            rows: 0,
            signed: stage.is_signed,
        });
        word.rows += 1;
        self.summary.times_unreadable += u64::from(stage.at.is_none() && portal.is_dated(row));
        let known = self.customers.entry(name).or_insert(Customer {
            stage: stage.clone(),
            met: Vec::new(),
        });
        let mut times = stage.at.into_iter().zip(known.stage.at);
        if times.all(|(new, old)| new >= old) {
            known.stage = stage;
        }
    }

    /// Takes an invitation into account; older ones come first.
    fn meet(&mut self, id: InvitationId, left: Option<Timestamp>, names: [Vec<String>; 2]) {
        for (is_first, names) in [true, false].into_iter().zip(names) {
            for name in names {
                if let Some(customer) = self.customers.get_mut(&name) {
                    customer.met.push(Met { is_first, id, left });
                }
            }
        }
    }

    fn store(mut self, ledger: &mut Ledger, created: u64) -> Result<FollowSummary, Error> {
        let mut stages = HashMap::new();
        for customer in self.customers.values_mut() {
            let met = &mut customer.met;
            if met.iter().any(|it| it.is_first) {
                met.retain(|it| it.is_first);
            }
            met.dedup_by_key(|it| it.id);
            let Some(&Met { is_first, id, left }) = met.last() else {
                self.summary.not_ours += 1;
                continue;
            };
            self.summary.matched += 1;
            self.summary.ambiguous += u64::from(met.len() > 1);
            let rank = (is_first, customer.stage.at);
            let known = stages.entry(id).or_insert((rank, left, &customer.stage));
            if rank > known.0 {
                *known = (rank, left, &customer.stage);
            }
        }
        let told = stages.len() as u64;
        stages.retain(|_, (_, left, stage)| {
            let mut times = stage.at.into_iter().zip(*left);
            times.all(|(at, left)| at.0.saturating_add(A_DAY_MS) >= left.0)
        });
        let count = stages.len() as u64;
        let stages = stages.into_iter().map(|(id, (.., stage))| (id, stage));
        let signed = ledger.store_stages(stages, clock::now())?;
        let mut words: Vec<StageWord> = self.words.into_values().collect();
        words.sort_unstable_by(|a, b| (b.rows, &a.stage).cmp(&(a.rows, &b.stage)));
        Ok(FollowSummary {
            stages: words,
            signed,
            not_signed: count - signed,
            never_seen: created - count,
            before_invitation: told - count,
            ..self.summary
        })
    }
}
