//! The register's functions against a real server, by clients that live and die at random: nobody is claimed twice, no window is
//! exceeded, a late answer moves what is still its own, and the database's clock may be set as it likes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::support::Postgres;

const PER_SECOND: usize = 20;
const PER_MINUTE: usize = 110;

/// A server with the register for one tenant.
fn register() -> Option<Postgres> {
    let server = Postgres::start()?;
    server.sql(concat!(
        "BEGIN;",
        include_str!("../../migrations/register/0001.sql"),
        "; COMMIT"
    ));
    server.sql("GRANT USAGE ON SCHEMA vlens_batch TO clerk");
    server.sql(&format!("SELECT vlens_batch.enter_tenant('u', 'acme', '\\x01', {PER_SECOND}, {PER_MINUTE}, '900 ms')"));
    Some(server)
}

/// One process: its connection, its number, and the clock that it goes by.
struct Process {
    client: Client,
    number: i32,
    began: Instant,
}

impl Process {
    async fn begin(url: &str, began: Instant) -> Process {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .expect("a connection");
        tokio::spawn(connection);
        let begin = "SELECT caller, verdict FROM vlens_batch.begin_process('u', 'acme', '\\x01', '\\x0a', 'h', 'u', '0', '1 ms', $1::bigint, NULL, NULL)";
        let ms = i64::try_from(began.elapsed().as_millis()).expect("a time");
        let row = client.query_one(begin, &[&ms]).await.expect("a process");
        assert_eq!(row.get::<_, &str>(1), "ready");
        Process {
            number: row.get(0),
            client,
            began,
        }
    }

    /// Its clock, read up to a third of a second before the call arrives.
    fn ms(&self) -> i64 {
        let now = i64::try_from(self.began.elapsed().as_millis()).expect("a time");
        now.saturating_sub(fastrand::i64(0..300)).max(0)
    }

    async fn open(&self, id: &str, key: u8, word: Option<&Word>) -> Answer {
        let open = "SELECT verdict, wait, status, attempt::text FROM vlens_batch.open_attempt($1, $2::text::uuid, $3, NULL, NULL, '', $3, $4, $5::text::uuid, $6)";
        let key = vec![key];
        let over = word.map(|word| &word.over);
        let known = word.and_then(|word| word.known.as_ref());
        let row = self
            .client
            .query_one(open, &[&self.number, &id, &key, &over, &known, &self.ms()])
            .await
            .expect("a verdict");
        Answer {
            verdict: row.get(0),
            wait: row.get::<_, Option<i64>>(1).unwrap_or(0),
            status: row.get(2),
            by: row.get(3),
        }
    }

    async fn close(&self, id: &str, status: &str) {
        // One that never left says so, and its customer is free again.
        let close = "SELECT vlens_batch.close_attempt($1, $2::text::uuid, $3, CASE $3 WHEN 'withdrawn' THEN 'pending' ELSE $3 END, 0, $4)";
        self.client
            .execute(close, &[&self.number, &id, &status, &self.ms()])
            .await
            .expect("an end");
    }

    /// True when it was done.
    async fn settle(&self, key: u8, status: &str) -> bool {
        let settle = "SELECT place FROM vlens_batch.settle($1, ARRAY[$2::bytea], $3, $4)";
        let key = vec![key];
        let refused = self
            .client
            .query(settle, &[&self.number, &key, &status, &self.ms()])
            .await
            .expect("an answer");
        refused.is_empty()
    }
}

/// What the register says to one more request: of a customer who is taken, how he stands by which request.
struct Answer {
    verdict: String,
    wait: i64,
    status: Option<String>,
    by: Option<String>,
}

/// A person's, said of a status that came of a request; and whether a request was made by it that left.
struct Word {
    over: String,
    known: Option<String>,
    is_used: bool,
}

/// What the vendor sees, and how often each customer may be asked for: once, and once more after each word that allows it.
#[derive(Default)]
struct Vendor {
    arrivals: Vec<Instant>,
    allowed: HashMap<u8, i32>,
    created: HashSet<u8>,
    wrong: Vec<String>,
}

impl Vendor {
    /// By a person's word, or since a request came to nothing.
    fn allow_one_more(&mut self, key: u8) {
        *self.allowed.entry(key).or_insert(1) += 1;
    }

    fn is_asked(&mut self, key: u8, by_word: bool) {
        self.arrivals.push(Instant::now());
        let allowed = self.allowed.entry(key).or_insert(1);
        *allowed -= 1;
        if *allowed < 0 || self.created.contains(&key) && !by_word {
            let wrong = format!("customer {key} was asked for once too often");
            self.wrong.push(wrong);
        }
    }
}

fn uuid() -> String {
    let n = fastrand::u128(..);
    format!("{n:032x}")
}

async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// A life: some requests, and at last a death with or without one under way.
async fn life(url: String, began: Instant, vendor: Arc<Mutex<Vendor>>, until: Instant) {
    let vendor = || vendor.lock().expect("the vendor");
    let mut process = Process::begin(&url, began).await;
    let mut words: HashMap<u8, Word> = HashMap::new();
    while Instant::now() < until {
        let (id, key) = (uuid(), fastrand::u8(0..40));
        let answer = process.open(&id, key, words.get(&key)).await;
        match answer.verdict.as_str() {
            "wait" => sleep_ms(answer.wait.clamp(1, 300).unsigned_abs()).await,
            "taken" => match answer.status.as_deref() {
                // What follows is a person's word, and may be followed by one more request.
                Some("uncertain")
                    if fastrand::u8(0..4) == 0 && process.settle(key, "pending").await =>
                {
                    vendor().allow_one_more(key);
                }
                Some("uncertain" | "rejected" | "created") if fastrand::u8(0..4) == 0 => {
                    let word = Word {
                        over: answer.status.unwrap_or_default(),
                        known: answer.by,
                        is_used: false,
                    };
                    words.insert(key, word);
                }
                _ => {}
            },
            "granted" if fastrand::u8(0..8) == 0 => {
                // A word that was given for it still holds.
                process.close(&id, "withdrawn").await;
            }
            "granted" => {
                let word = words.remove(&key);
                if word.as_ref().is_some_and(|word| !word.is_used) {
                    vendor().allow_one_more(key);
                }
                vendor().is_asked(key, word.is_some());
                sleep_ms(fastrand::u64(0..60)).await;
                match fastrand::u8(0..10) {
                    0 => {
                        // Killed: nobody tells of it.
                        drop(process);
                        process = Process::begin(&url, began).await;
                        words.clear();
                    }
                    1 | 2 => {
                        // Nothing was made of it: it goes on by the same word.
                        vendor().allow_one_more(key);
                        if let Some(Word { over, .. }) = word {
                            let word = Word {
                                over,
                                known: Some(id.clone()),
                                is_used: true,
                            };
                            words.insert(key, word);
                        }
                        process.close(&id, "pending").await;
                    }
                    3 => process.close(&id, "uncertain").await,
                    4 => process.close(&id, "rejected").await,
                    _ => {
                        vendor().created.insert(key);
                        process.close(&id, "created").await;
                    }
                }
            }
            other => panic!("{other}"),
        }
    }
}

fn judge(vendor: &Vendor) {
    assert!(vendor.wrong.is_empty(), "{:?}", vendor.wrong);
    let mut arrivals = vendor.arrivals.clone();
    arrivals.sort();
    for (most, length) in [(PER_SECOND, 1), (PER_MINUTE, 60)] {
        for window in arrivals.windows(most + 1) {
            let span = window[most] - window[0];
            assert!(
                span >= Duration::from_secs(length),
                "{} requests in {span:?}",
                most + 1
            );
        }
    }
    assert!(arrivals.len() > 40, "only {} requests", arrivals.len());
}

#[test]
fn lives_at_random_ask_for_nobody_twice_and_exceed_no_window() {
    let Some(server) = register() else { return };
    let vendor = Arc::new(Mutex::new(Vendor::default()));
    let runtime = tokio::runtime::Runtime::new().expect("what the test needs");
    runtime.block_on(async {
        let began = Instant::now();
        let until = began + Duration::from_secs(6);
        let lives: Vec<_> = (0..6)
            .map(|_| tokio::spawn(life(server.url(), began, Arc::clone(&vendor), until)))
            .collect();
        for life in lives {
            life.await.expect("a life");
        }
        // After the last process has ended and its lease is over, nothing is open any more.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let last = Process::begin(&server.url(), began).await;
        last.open(&uuid(), 200, None).await;
        last.open(&uuid(), 201, None).await;
    });
    judge(&vendor.lock().expect("the vendor"));
    let open = server.sql("SELECT count(*) FROM vlens_batch.attempts WHERE closed IS NULL AND key NOT IN ('\\xc8', '\\xc9')");
    assert_eq!(open, ["0"]);
    let sending = server.sql("SELECT count(*) FROM vlens_batch.claims WHERE status = 'sending' AND key NOT IN ('\\xc8', '\\xc9')");
    assert_eq!(sending, ["0"]);
    let twice = server.sql("SELECT key FROM vlens_batch.attempts WHERE closed IS NULL GROUP BY key HAVING count(*) > 1");
    assert!(twice.is_empty(), "two open requests for one customer");
}

#[test]
fn a_late_answer_moves_what_is_still_its_own_and_nothing_else() {
    let Some(server) = register() else { return };
    let runtime = tokio::runtime::Runtime::new().expect("what the test needs");
    let status = |key: u8| {
        server
            .sql(&format!(
                "SELECT status FROM vlens_batch.claims WHERE key = '\\x{key:02x}'"
            ))
            .concat()
    };
    let began = Instant::now();
    let mut lost = Vec::new();
    runtime.block_on(async {
        let dying = Process::begin(&server.url(), began).await;
        let look = dying
            .client
            .execute("SELECT 1 FROM vlens_batch.claims", &[]);
        assert!(look.await.is_err(), "a clerk may not look into the tables");
        for key in 1..=4 {
            let id = uuid();
            assert_eq!(dying.open(&id, key, None).await.verdict, "granted");
            lost.push(id);
        }
        // The same question has the same answer.
        let again = dying.open(&lost[0], 1, None).await;
        assert_eq!(again.verdict, "granted");
        let person = Process::begin(&server.url(), began).await;
        // Younger than the lease, it may still leave.
        assert!(!person.settle(1, "pending").await);
        assert!(!person.settle(1, "created").await);
        drop(dying);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let swept = person.open(&uuid(), 1, None).await;
        assert_eq!(swept.status.as_deref(), Some("uncertain"));
        assert!(person.settle(2, "created").await, "a person's word");
        assert!(person.settle(3, "pending").await);
        let newer = person.open(&uuid(), 3, None).await;
        assert_eq!(newer.verdict, "granted");
        for (id, status) in lost
            .iter()
            .zip(["created", "pending", "pending", "rejected"])
        {
            person.close(id, status).await;
        }
        // Of a request that never left nothing came: who was created still is, and the word to send him again still holds.
        let word = Word {
            over: "created".to_owned(),
            known: Some(lost[0].clone()),
            is_used: false,
        };
        for _ in 0..2 {
            let id = uuid();
            let answer = person.open(&id, 1, Some(&word)).await;
            assert_eq!(answer.verdict, "granted");
            person.close(&id, "withdrawn").await;
            let other = person.open(&uuid(), 1, None).await;
            assert_eq!(other.status.as_deref(), Some("created"));
        }
    });
    let statuses: Vec<String> = (1..=4).map(status).collect();
    assert_eq!(statuses, ["created", "created", "sending", "rejected"]);
}
