//! The team's key, and what else is drawn at random.

use std::io::Write as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::Error;

/// Keys the hashes of customers: the database's administrator can test no guessed phone.
#[derive(Clone)]
pub struct TeamKey([u8; 32]);

impl TeamKey {
    /// Reads the file that the team shares.
    pub fn read(path: &Path) -> Result<TeamKey, Error> {
        let unusable = |what: &str| {
            let message = format!("The register's key file {} {what}.", path.display());
            Error::unusable("register_key_unusable", message).hint(
                "VLENS_REGISTER_KEY_FILE names a copy of the file that `vlens-batch register init --new-key FILE` made: 64 hexadecimal digits.",
            )
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| unusable(&format!("cannot be read ({error})")))?;
        let bytes = from_hex(text.trim()).ok_or_else(|| unusable("holds no key"))?;
        Ok(TeamKey(bytes))
    }

    /// Makes one, in a file that must not be there yet.
    pub fn make(path: &Path) -> Result<TeamKey, Error> {
        let key = TeamKey(random()?);
        let digits = key.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        let digits: String = digits.collect();
        let written = tempfile::NamedTempFile::new_in(folder_of(path)).and_then(|mut file| {
            writeln!(file, "{digits}")?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path).map_err(|error| error.error)
        });
        written.map(|_| key).map_err(|error| {
            let message = format!("The key file {} cannot be made ({error}).", path.display());
            Error::unusable("register_key_unusable", message)
        })
    }

    pub(super) fn hash(&self, domain: &[u8], value: &[u8]) -> Result<Vec<u8>, Error> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mac =
            mac.map_err(|error| Error::unexpected("register_key_unusable", error.to_string()))?;
        let mac = mac.chain_update(domain).chain_update(value);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    pub(super) fn check(&self) -> Result<Vec<u8>, Error> {
        self.hash(b"check", b"")
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (is_hex && text.len() == 64).then_some(bytes)
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let source = rustls::crypto::ring::default_provider().secure_random;
    let filled = source.fill(&mut bytes);
    filled
        .map_err(|_| Error::unexpected("no_randomness", "The system gives no random numbers."))?;
    Ok(bytes)
}
