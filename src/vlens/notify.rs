//! Tells an address of the team's own when a run starts and how it ends, so that somebody notices a run that never comes. It stands
//! beside the API: it counts against no limit, and its failure changes nothing.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::transport::{BaseUrl, Way, http_client};
use crate::error::Error;

const TRIES: u32 = 3;
/// Together with the pauses, three of them take twenty seconds at most.
const TRY_MAX: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_secs(1);

/// An address that is told. It may be a secret itself, so it is never shown.
#[derive(Debug, Clone)]
pub struct Notifier {
    http: reqwest::Client,
    url: BaseUrl,
}

impl Notifier {
    /// Takes `https` addresses, and `http` ones to this machine.
    pub fn new(url: &str, way: &Way) -> Result<Notifier, Error> {
        let url = BaseUrl::parse(url, false).map_err(|_| Error::of("notify_url_invalid", &[]))?;
        Ok(Notifier {
            http: http_client(&url, TRY_MAX, 1, way)?,
            url,
        })
    }

    /// Asks for what is below the address at `path`, or gives it the run's document. Tries three times. What went wrong last is logged,
    /// and nothing else comes of it.
    pub async fn tell(&self, path: &str, document: Option<String>) {
        let mut why = String::new();
        for nth in 0..TRIES {
            if nth > 0 {
                sleep(PAUSE).await;
            }
            let url = self.url.below(path);
            let request = match document.clone() {
                None => self.http.get(url),
                Some(document) => {
                    let request = self.http.post(url).body(document);
                    request.header("content-type", "application/json")
                }
            };
            let told = timeout(TRY_MAX, request.send()).await;
            why = match told {
                Ok(Ok(answer)) if answer.status().is_success() => return,
                Ok(Ok(answer)) => format!("it answers {}", answer.status().as_u16()),
                Ok(Err(error)) if error.is_connect() => "it cannot be reached".to_owned(),
                Ok(Err(_)) => "the connection broke".to_owned(),
                Err(_) => format!("no answer within {} s", TRY_MAX.as_secs()),
            };
        }
        log::warn!("the address under [notify] was not told: {why}; the run is as it is");
    }
}
