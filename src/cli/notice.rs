//! The address of the team's own (`[notify]`): told when a run starts and how it ends.

use serde_json::json;
use tokio::task::JoinHandle;

use super::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::model::RunSummary;
use crate::send::StopSignal;
use crate::vlens::Notifier;

pub struct Notice {
    notifier: Notifier,
    started: JoinHandle<()>,
}

impl Notice {
    /// Tells of the start while the run goes on; none where nobody wants to be told.
    pub fn begin(settings: &Settings) -> Result<Option<Notice>> {
        let Some(url) = &settings.config.notify.url else {
            return Ok(None);
        };
        let notifier = Notifier::new(url, &settings.way()?)?;
        let told = notifier.clone();
        let started = tokio::spawn(async move { told.tell("/start", None).await });
        Ok(Some(Notice { notifier, started }))
    }

    /// Tells how it ended, unless a signal ends that; that the run was stopped by one is told as well.
    pub async fn end<W>(self, ran: &Result<(RunSummary, Option<Error>, W)>, stop: &StopSignal) {
        let (path, document) = of_end(ran);
        let tell = async {
            // In this order, whatever became of the first.
            let _ = self.started.await;
            self.notifier.tell(path, Some(document)).await;
        };
        if stop.is_stopping() {
            tell.await;
        } else {
            let _ = stop.or_stop(tell).await;
        }
    }
}

/// Below which address, and what: a run's document without a file's name: neither its source nor a path, and no words that may hold one.
fn of_end<W>(ran: &Result<(RunSummary, Option<Error>, W)>) -> (&'static str, String) {
    let (path, mut document) = match ran {
        Ok((run, None, _)) => ("", json!(run)),
        Ok((run, Some(error), _)) if error.kind == Kind::NeedsPerson => ("", json!(run)),
        Ok((run, Some(_), _)) => ("/fail", json!(run)),
        Err(error) => ("/fail", json!({ "error": { "code": error.code } })),
    };
    if let Some(members) = document.as_object_mut() {
        members.retain(|name, _| !["source", "reason", "ledger"].contains(&name.as_str()));
    }
    (path, document.to_string())
}
