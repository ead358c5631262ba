//! Who speaks to the register: a process of the team, as it says on every connection; and the team's key.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::mapping::names::comparable;
use crate::model::{Binding, Customer, CustomerKey, Secret};

/// A request leaves within this time of asking, or never: whoever takes it for lost waits longer.
pub const FENCE: Duration = Duration::from_secs(5);
/// What clocks and slow machines may add to fence and timeout before a request counts as lost.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// For whom the register keeps its books, and who asks.
pub struct Party {
    pub binding: Binding,
    /// Names this computer's ledger; empty where there is none.
    pub ledger: Vec<u8>,
    /// The last request that the register knew of, as a ledger that has joined before has it; empty where there is none.
    pub newest: Option<Vec<u8>>,
    pub host: String,
    pub os_user: String,
    pub key: TeamKey,
    /// The longest that a request may be under way.
    pub timeout: Duration,
}

impl Party {
    pub(super) fn lease_s(&self) -> f64 {
        (FENCE + self.timeout + LEASE_MARGIN).as_secs_f64()
    }
}

/// A process of the team.
pub(super) struct Member {
    pub(super) party: Party,
    /// This process's number in the register; 0 before it has one.
    pub(super) process: AtomicI32,
    /// Whether the ledger has given what it knows.
    pub(super) is_known: AtomicBool,
    /// Who gives back what was lost may come to a register that has lost it.
    pub(super) may_be_restored: bool,
}

impl Member {
    pub(super) fn process(&self) -> i32 {
        self.process.load(Ordering::Relaxed)
    }
}

/// Keys the hashes of customers: the database's administrator can test no guessed phone.
#[derive(Clone)]
pub struct TeamKey(Hmac<Sha256>);

impl TeamKey {
    fn of(key: [u8; 32]) -> TeamKey {
        // A shorter key than a block is filled up with zeros (RFC 2104).
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        TeamKey(Hmac::new(&block.into()))
    }

    /// Of the file that the team shares, by the text in it.
    pub fn read(path: &Path, text: &Secret) -> Result<TeamKey> {
        let key = from_hex(text.expose().trim());
        let unusable = || Error::of("register_key_unusable", &[&path.display()]);
        key.map(TeamKey::of).ok_or_else(unusable)
    }

    /// Makes one, in a file that must not be there yet.
    pub fn make(path: &Path) -> Result<TeamKey> {
        let key: [u8; 32] = random()?;
        let folder = path.parent().unwrap_or(path);
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            for byte in key {
                write!(file, "{byte:02x}")?;
            }
            writeln!(file)?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path).map_err(|error| error.error)
        });
        let unusable = |error| Error::of("register_key_unusable.made", &[&path.display(), &error]);
        written.map(|_| TeamKey::of(key)).map_err(unusable)
    }

    pub(super) fn customer(&self, key: &CustomerKey) -> Vec<u8> {
        self.hash(b"customer", key)
    }

    fn hash(&self, domain: &[u8], value: &[u8]) -> Vec<u8> {
        let mac = self.0.clone().chain_update(domain).chain_update(value);
        mac.finalize().into_bytes().to_vec()
    }

    /// Of key, columns, body, phone and e-mail.
    pub(super) fn hashes(&self, customer: &Customer) -> [Option<Vec<u8>>; 5] {
        let address = |key: Option<CustomerKey>| key.map(|key| self.customer(&key));
        [
            Some(self.customer(&customer.key)),
            Some(self.hash(b"told by", customer.told_by.as_bytes())),
            Some(self.hash(b"body", comparable(&customer.body).as_bytes())),
            address(customer.addresses.phone),
            address(customer.addresses.email),
        ]
    }

    pub(super) fn check(&self) -> Vec<u8> {
        self.hash(b"check", b"")
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |at| u8::from_str_radix(&text[2 * at..][..2], 16).unwrap_or(0);
    is_hex.then(|| std::array::from_fn(byte))
}

pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let source = rustls::crypto::ring::default_provider().secure_random;
    let filled = source.fill(&mut bytes);
    filled.map_err(|_| Error::of("no_randomness", &[]))?;
    Ok(bytes)
}
