//! The register's functions against a real server, by clients that live and die at random: nobody is claimed twice, no window is
//! exceeded, a late answer moves what is still its own, and the database's clock may be set as it likes.

use std::collections::HashMap;
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
        let begin = "SELECT caller, verdict FROM vlens_batch.begin_process('u', 'acme', '\\x01', '\\x0a', 'h', 'u', '0', '1 ms', $1::bigint, '', NULL)";
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

    async fn open(&self, id: &str, key: u8, over: Option<&str>) -> (String, i64, Option<String>) {
        let open = "SELECT verdict, wait, status FROM vlens_batch.open_attempt($1, $2::text::uuid, $3, $4, $5)";
        let key = vec![key];
        let row = self
            .client
            .query_one(open, &[&self.number, &id, &key, &over, &self.ms()])
            .await
            .expect("a verdict");
        (
            row.get(0),
            row.get::<_, Option<i64>>(1).unwrap_or(0),
            row.get(2),
        )
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
        let settle = "SELECT key FROM vlens_batch.settle($1, ARRAY[$2::bytea], $3, $4)";
        let key = vec![key];
        let refused = self
            .client
            .query(settle, &[&self.number, &key, &status, &self.ms()])
            .await
            .expect("an answer");
        refused.is_empty()
    }
}

/// What the vendor sees, and how often each customer may be asked for: once, and once more after each word that allows it.
#[derive(Default)]
struct Vendor {
    arrivals: Vec<Instant>,
    allowed: HashMap<u8, i32>,
    wrong: Vec<String>,
}

impl Vendor {
    /// A word, or an end that tells of no request: one more may follow.
    fn may_see_again(&mut self, key: u8) {
        *self.allowed.entry(key).or_insert(1) += 1;
    }

    fn sees(&mut self, key: u8) {
        self.arrivals.push(Instant::now());
        let allowed = self.allowed.entry(key).or_insert(1);
        *allowed -= 1;
        if *allowed < 0 {
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
    while Instant::now() < until {
        let (id, key) = (uuid(), fastrand::u8(0..40));
        let words = [None, None, None, Some("uncertain"), Some("rejected")];
        let over = fastrand::choice(words).flatten();
        let (verdict, wait, status) = process.open(&id, key, over).await;
        match verdict.as_str() {
            "wait" => sleep_ms(wait.clamp(1, 300).unsigned_abs()).await,
            "taken" => {
                let may_settle = status.as_deref() == Some("uncertain") && fastrand::u8(0..4) == 0;
                // What follows is a person's word, and may be followed by one more request.
                if may_settle && process.settle(key, "pending").await {
                    vendor().may_see_again(key);
                }
            }
            "granted" => {
                if over.is_some() {
                    vendor().may_see_again(key);
                }
                // The word that was given for it still holds.
                if fastrand::u8(0..8) == 0 {
                    process.close(&id, "withdrawn").await;
                    continue;
                }
                vendor().sees(key);
                sleep_ms(fastrand::u64(0..60)).await;
                match fastrand::u8(0..10) {
                    // Killed: nobody tells of it.
                    0 => process = Process::begin(&url, began).await,
                    1 => {
                        vendor().may_see_again(key);
                        process.close(&id, "pending").await;
                    }
                    2 => process.close(&id, "uncertain").await,
                    3 => process.close(&id, "rejected").await,
                    _ => process.close(&id, "created").await,
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
            lost.push(uuid());
            assert_eq!(
                dying.open(&lost[usize::from(key) - 1], key, None).await.0,
                "granted"
            );
        }
        let again = dying.open(&lost[0], 1, None).await;
        assert_eq!(again.0, "granted", "the same question has the same answer");
        let person = Process::begin(&server.url(), began).await;
        assert!(
            !person.settle(1, "pending").await,
            "younger than the lease, it may still leave"
        );
        assert!(!person.settle(1, "created").await);
        drop(dying);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(
            person.open(&uuid(), 1, None).await.2.as_deref(),
            Some("uncertain"),
            "swept"
        );
        assert!(person.settle(2, "created").await, "a person's word");
        assert!(person.settle(3, "pending").await);
        assert_eq!(
            person.open(&uuid(), 3, None).await.0,
            "granted",
            "a newer request"
        );
        for (id, status) in lost
            .iter()
            .zip(["created", "pending", "pending", "rejected"])
        {
            person.close(id, status).await;
        }
    });
    let statuses: Vec<String> = (1..=4).map(status).collect();
    assert_eq!(statuses, ["created", "created", "sending", "rejected"]);
}
