//! `follow`: a file from elsewhere says how far each customer's contract is; stored with the invitations. Nothing is sent.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::check::input;
use super::ledger::{Opened, open_ledger};
use crate::cli::args::{FollowArgs, ReadArgs};
use crate::cli::settings::Settings;
use crate::clock;
use crate::error::{Ended, Result, command_at_hand};
use crate::input::{Options, Source};
use crate::ledger::{InvitationId, Ledger};
use crate::mapping::names::HeaderMask;
use crate::mapping::{Config, Portal, Text};
use crate::model::{Row, Stage, Timestamp, quoted};
use crate::report::texts;

pub fn follow(args: &FollowArgs, settings: &Settings) -> Ended {
    // That there is none, or no more, is told as by every command that reads.
    let path = Opened::find(settings, false)?.path;
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
    let mut told = Followed::default();
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
    let source = args.file.display().to_string();
    let mut summary = json!({ "source": source, "match": customer, "stage": stage, "at": at });
    told.store(&mut ledger, created, &mut summary)?;
    summary["ledger"] = path.display().to_string().into();
    ledger.finish(None)?;
    let headers = [Some(customer), Some(stage), at].into_iter().flatten();
    let shown = HeaderMask::of(headers);
    let words = summary["stages"].as_array().into_iter().flatten();
    let words = words.filter_map(|word| word["stage"].as_str());
    let words = words.take(SHOWN_WORDS);
    let masked = HeaderMask::of(words.clone());
    let words = words.map(|word| masked.header(word));
    let more = json!({
        "match": shown.header(customer),
        "stage": shown.header(stage),
        "at": at.map(|at| shown.header(at)),
        "words": words.collect::<Vec<_>>(),
        "reminders": command_at_hand("export --not-signed --output reminders.xlsx"),
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
#[derive(Default)]
struct Followed {
    customers: HashMap<String, Customer>,
    /// Those for stages, each with its rows and whether it counts as signed.
    words: HashMap<String, (u64, bool)>,
    rows: u64,
    /// Rows that do not say which customer they are about.
    unreadable: u64,
    /// Rows that tell no stage, and so change none.
    without_stage: u64,
    times_unreadable: u64,
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
        self.rows += 1;
        let Some(name) = portal.customer(row) else {
            self.unreadable += 1;
            return;
        };
        let Some(stage) = portal.stage(row) else {
            self.without_stage += 1;
            return;
        };
        let word = self.words.entry(stage.name.clone());
        word.or_insert((0, stage.is_signed)).0 += 1;
        self.times_unreadable += u64::from(stage.at.is_none() && portal.is_dated(row));
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

    /// Stores the stages, and fills the `summary`.
    fn store(mut self, ledger: &mut Ledger, created: u64, summary: &mut Value) -> Result<()> {
        let mut stages = HashMap::new();
        let [mut matched, mut ambiguous, mut not_ours] = [0_u64; 3];
        for customer in self.customers.values_mut() {
            let met = &mut customer.met;
            if met.iter().any(|it| it.is_first) {
                met.retain(|it| it.is_first);
            }
            met.dedup_by_key(|it| it.id);
            let Some(&Met { is_first, id, left }) = met.last() else {
                not_ours += 1;
                continue;
            };
            matched += 1;
            // The newest of them is meant.
            ambiguous += u64::from(met.len() > 1);
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
        for (name, number) in [
            ("rows", self.rows),
            ("matched", matched),
            ("not_ours", not_ours),
            ("ambiguous", ambiguous),
            ("unreadable", self.unreadable),
            ("without_stage", self.without_stage),
            ("times_unreadable", self.times_unreadable),
            ("before_invitation", told - count),
            ("signed", signed),
            ("not_signed", count - signed),
            ("never_seen", created - count),
        ] {
            summary[name] = number.into();
        }
        let mut words: Vec<_> = self.words.into_iter().collect();
        words.sort_unstable_by(|(a, (n, _)), (b, (m, _))| (m, a).cmp(&(n, b)));
        let words = words
            .into_iter()
            .map(|(word, (rows, signed))| json!({ "stage": word, "rows": rows, "signed": signed }));
        summary["stages"] = words.collect();
        Ok(())
    }
}
