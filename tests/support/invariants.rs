//! The promise, in one place: no customer is invited twice unless a person asked for it, and no row is lost. Judged by what
//! the server saw against what the program says, after any run, kill or fault.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use rusqlite::config::DbConfig;
use serde_json::Value;

use super::log::Record;
use super::{World, rows};

/// What is promised in this test.
#[derive(Debug, Clone, Default)]
pub struct Promise {
    may_resend: bool,
    may_purge: bool,
    per_second: Option<usize>,
    per_minute: Option<usize>,
}

impl Promise {
    /// A person asked for some to be sent again, so a second invitation is nobody's fault.
    pub fn resending_was_asked_for(mut self) -> Promise {
        self.may_resend = true;
        self
    }

    /// A person asked for rows to be made nameless. The sheets themselves never change then.
    pub fn purging_was_asked_for(mut self) -> Promise {
        self.may_purge = true;
        self
    }

    /// No second and no minute with more requests than this, as the server sees them.
    pub fn limits(mut self, per_second: usize, per_minute: usize) -> Promise {
        self.per_second = Some(per_second);
        self.per_minute = Some(per_minute);
        self
    }
}

impl World {
    /// Asserts that the promise is kept.
    #[track_caller]
    pub fn check_invariants(&self, promise: &Promise) {
        let broken = self.broken_promises(promise);
        assert!(
            broken.is_empty(),
            "broken promises:\n- {}",
            broken.join("\n- ")
        );
    }

    /// Every way in which the promise is broken, in words.
    pub fn broken_promises(&self, promise: &Promise) -> Vec<String> {
        let log = self.server_log();
        let mut broken = damage(&self.ledger());
        let (newest, older) = self.newest_run_of_each_source();
        let mut invitations = Invitations::seen_by(&log);
        for run in newest {
            let rows = self.export_run(Some(run));
            let status = self.vlens(["status", "--json", &run.to_string()]).run();
            broken.extend(counts_that_lie(run, &status.json(), &rows));
            invitations.claim(&rows);
        }
        // Rows that have left their file since.
        for run in older {
            if promise.may_purge || invitations.are_all_claimed() {
                break;
            }
            invitations.claim(&self.export_run(Some(run)));
        }
        if promise.may_purge {
            broken.extend(invitations.claim_nameless());
        }
        broken.extend(invitations.broken(promise.may_resend));
        for (limit, window_ms) in [(promise.per_second, 1_000), (promise.per_minute, 60_000)] {
            broken.extend(limit.and_then(|limit| crowded(&log, limit, window_ms)));
        }
        broken
    }

    /// The newest run of each source, and all the others, newest first.
    fn newest_run_of_each_source(&self) -> (Vec<i64>, Vec<i64>) {
        let document = self.vlens(["runs", "--json"]).run().expect(0).json();
        let mut sources = HashSet::new();
        let runs = document.as_array().expect("a list of runs");
        let number = |run: &Value| run["run"].as_i64().expect("a run's number");
        let mut is_newest = |run: &&Value| sources.insert(run["source"].clone());
        let (newest, older): (Vec<&Value>, Vec<&Value>) =
            runs.iter().partition(|run| is_newest(run));
        let numbers = |runs: Vec<&Value>| runs.into_iter().map(number).collect();
        (numbers(newest), numbers(older))
    }
}

/// What SQLite says of the ledger, and what in it contradicts itself.
pub fn damage(ledger: &Path) -> Vec<String> {
    let checked = rusqlite::Connection::open(ledger).and_then(|ledger| {
        // What a killed writer left in the log is for the next command to find.
        ledger.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let mut damage = Vec::new();
        let verdict: String =
            ledger.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        if verdict != "ok" {
            damage.push(format!("the ledger is damaged: {verdict}"));
        }
        for (what, sql) in rows::<(&str, &str)>("invariants.contradictions") {
            if ledger.prepare(sql)?.exists([])? {
                damage.push(format!("the ledger contradicts itself: {what}"));
            }
        }
        Ok(damage)
    });
    checked.unwrap_or_else(|error| vec![format!("the ledger cannot be checked: {error}")])
}

/// Every row has one status, and the counts are those of the rows.
fn counts_that_lie(run: i64, status: &Value, rows: &[Value]) -> Vec<String> {
    let mut lies = Vec::new();
    let told = |name: &str| status["counts"][name].as_u64().unwrap_or(0);
    let counts = status["counts"].as_object().into_iter();
    let counts = counts.flat_map(|counts| counts.values());
    let sum: u64 = counts.filter_map(Value::as_u64).sum();
    if Some(sum) != status["rows"].as_u64() || sum != rows.len() as u64 {
        lies.push(format!(
            "run {run}: {} rows, {} exported, but the counts add up to {sum}",
            status["rows"],
            rows.len()
        ));
    }
    for name in "created invalid duplicate rejected failed uncertain pending".split(' ') {
        let counted = rows.iter().filter(|row| row["status"] == name).count() as u64;
        let earlier = if name == "created" {
            told("already_created")
        } else {
            0
        };
        let all = told(name) + earlier;
        if all != counted {
            lies.push(format!(
                "run {run}: status tells of {all} {name}, export of {counted}"
            ));
        }
    }
    lies
}

/// What the server saw of each customer, and what the rows say of them.
struct Invitations<'a> {
    customers: BTreeMap<String, Customer<'a>>,
    tokens: HashMap<String, String>,
    wrong: Vec<String>,
}

#[derive(Default)]
struct Customer<'a> {
    acceptances: Vec<&'a Record>,
    statuses: HashSet<String>,
    tokens: HashSet<String>,
    rows: Vec<u64>,
}

impl<'a> Invitations<'a> {
    fn seen_by(log: &'a [Record]) -> Self {
        let mut customers: BTreeMap<String, Customer<'a>> = BTreeMap::new();
        for record in log.iter().filter(|record| record.accepted) {
            let key = record.key.clone().expect("an acceptance has a key");
            customers.entry(key).or_default().acceptances.push(record);
        }
        Invitations {
            customers,
            tokens: HashMap::new(),
            wrong: Vec::new(),
        }
    }

    fn claim(&mut self, rows: &[Value]) {
        for row in rows {
            let key = key(&row["source"]);
            let status = row["status"].as_str().expect("a status").to_owned();
            let number = row["row"].as_u64().expect("a row's number");
            if status == "duplicate" {
                continue;
            }
            let customer = self.customers.entry(key.clone()).or_default();
            customer.rows.push(number);
            if let Some(token) = row["token"].as_str().filter(|token| !token.is_empty()) {
                customer.tokens.insert(token.to_owned());
                if status != "created" {
                    self.wrong
                        .push(format!("row {number} is {status} and has a token"));
                }
                let holder = self.tokens.entry(token.to_owned()).or_insert(key.clone());
                if *holder != key {
                    let wrong = format!("{key} and {holder} have the same token");
                    self.wrong.push(wrong);
                }
            }
            customer.statuses.insert(status);
        }
    }

    /// For each customer that no row names any more there is a created row without a name.
    fn claim_nameless(&mut self) -> Option<String> {
        let nameless = self.customers.remove("").unwrap_or_default().rows.len();
        let mut unclaimed = 0;
        for customer in self.customers.values_mut() {
            if customer.statuses.is_empty() {
                customer.statuses.insert("created".to_owned());
                unclaimed += 1;
            }
        }
        (unclaimed > nameless)
            .then(|| format!("{unclaimed} are in no row, and {nameless} rows are nameless"))
    }

    fn are_all_claimed(&self) -> bool {
        let mut customers = self.customers.values();
        customers.all(|customer| !customer.statuses.is_empty())
    }

    fn broken(self, may_resend: bool) -> Vec<String> {
        let Invitations {
            customers,
            wrong: mut broken,
            ..
        } = self;
        for (key, customer) in &customers {
            broken.extend(customer.broken(may_resend).map(|what| {
                let Customer { rows, statuses, .. } = customer;
                format!("{key} (rows {rows:?}, {statuses:?}): {what}")
            }));
        }
        broken
    }
}

impl Customer<'_> {
    fn broken(&self, may_resend: bool) -> Option<String> {
        let accepted = self.acceptances.len();
        let is = |status: &str| self.statuses.contains(status);
        if self.statuses.is_empty() {
            return Some("accepted by the server, but in no row".to_owned());
        }
        if accepted > 1 && !may_resend {
            return Some(format!("accepted {accepted} times"));
        }
        let seen = |token: &String| {
            let same = |record: &&Record| record.token.as_ref() == Some(token);
            self.acceptances.iter().any(same)
        };
        if let Some(token) = self.tokens.iter().find(|token| !seen(token)) {
            return Some(format!("the server never gave out the token {token}"));
        }
        // A person may settle a row as created: then there is no token, and maybe no acceptance.
        if accepted > 0 && !is("created") && !is("uncertain") && !may_resend {
            return Some("accepted, but neither created nor uncertain".to_owned());
        }
        None
    }
}

/// The server's name for the customer of a row: the phone in E.164, else the e-mail address.
fn key(source: &Value) -> String {
    let cell = |names: &[&str]| {
        let texts = names.iter().filter_map(|name| source[name].as_str());
        texts.map(str::trim).find(|text| !text.is_empty())
    };
    let phone = cell(&["phoneNumber", "phone", "Mobile", "Phone"]);
    match phone {
        Some(phone) => match phone.strip_prefix('0') {
            Some(national) => format!("+20{national}"),
            None => phone.to_owned(),
        },
        None => cell(&["email", "E-mail"]).unwrap_or_default().to_owned(),
    }
}

/// The first window with more requests than allowed. The log's milliseconds are cut off, so two may be nearer by one.
fn crowded(log: &[Record], limit: usize, window_ms: u64) -> Option<String> {
    log.windows(limit + 1).find_map(|window| {
        let [first, .., last] = window else {
            return None;
        };
        let span_ms = last.at_ms - first.at_ms;
        (span_ms + 1 < window_ms).then(|| {
            format!(
                "{} requests in {span_ms} ms, where {limit} are allowed in {window_ms}",
                limit + 1
            )
        })
    })
}
