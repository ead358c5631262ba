//! `contract-types`: lists the tenant's contract types; `pull` stores their forms, each as the API's own answer, so that a
//! copy saved by hand serves as well. When a form was fetched is its file's time of change.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::deliver::{seeded_limiter, whoami};
use super::target::Target;
use super::{ledgers, sheets};
use crate::cli::args::{ContractTypesAction, ContractTypesArgs, Global, SendArgs};
use crate::cli::clock::SystemClock;
use crate::cli::files::{self, Readers};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::cli::signals;
use crate::error::{Ended, Error};
use crate::ledger::{Binding, Ledger, Lock, Reader, Work, Writer};
use crate::mapping::FormChanges;
use crate::model::{ContractTypeId, Form, Timestamp};
use crate::report::{TypeLine, write_contract_types};
use crate::send::{Api, ApiError, Clock, Limiter, Limits, StopSignal};
use crate::vlens::{CallErrorKind, read_form};

/// Runs the command.
pub async fn contract_types(args: &ContractTypesArgs, global: &Global, output: Output) -> Ended {
    let place = Place::find(global, None)?;
    let (api, lock) = api(args, &place).await?;
    let done = match &args.action {
        None => list(&api, &place, output).await,
        Some(ContractTypesAction::Pull { ids }) => pull(ids, &api, &place, output).await,
    };
    if let Some(writer) = api.into_ledger() {
        drop(writer.stop().await?);
    }
    drop(lock);
    done
}

/// Ready to call, counted in the ledger where there is one for this address and tenant.
async fn api(args: &ContractTypesArgs, place: &Place) -> Result<(Api, Option<Lock>), Error> {
    let options = SendArgs {
        allow_insecure_http: args.allow_insecure_http,
        ..SendArgs::default()
    };
    let sending = place.sending(&options);
    let target = Target::prepare(place, &sending, &options, true).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let stop = Arc::new(StopSignal::default());
    signals::watch(Arc::clone(&stop));
    let counted = counted(
        place,
        &target.binding,
        sending.limits,
        &*clock,
        "contract-types",
    )?;
    let (limiter, writer, lock) = match counted {
        Some((limiter, writer, lock)) => (limiter, Some(writer), Some(lock)),
        None => (Limiter::new(sending.limits), None, None),
    };
    let api = Api::new(
        target.client,
        target.credentials,
        limiter,
        writer,
        clock,
        stop,
    );
    Ok((api, lock))
}

/// The ledger with its lock, and the limiter that it asks for; none when there is none, or only that of another tenant.
pub(super) fn counted(
    place: &Place,
    binding: &Binding,
    limits: Limits,
    clock: &dyn Clock,
    command: &str,
) -> Result<Option<(Limiter, Writer, Lock)>, Error> {
    let path = place.ledger(false);
    match Reader::open(&path)? {
        Some(reader) if reader.binding() == binding => {}
        _ => return Ok(None),
    }
    let lock = ledgers::lock(&path)?;
    let mut ledger = Ledger::open(&path, binding)?;
    let now = clock.moment();
    ledger.recover(&now)?;
    ledger.begin_process(Work::Calling, command, &whoami(), &now)?;
    let limiter = seeded_limiter(&ledger, limits, clock)?;
    let writer = Writer::start(ledger)?;
    Ok(Some((limiter, writer, lock)))
}

async fn list(api: &Api, place: &Place, output: Output) -> Ended {
    let entries = api.contract_types().await?;
    let lines: Vec<TypeLine> = entries
        .into_iter()
        .map(|entry| TypeLine {
            id: entry.id,
            name: entry.name,
            form_pulled_at: pulled_at(&sheets::form_path(place, entry.id)),
        })
        .collect();
    if output.json {
        output.print_json(&serde_json::json!({ "contract_types": lines }))?;
    } else {
        output.print(|out| write_contract_types(out, &lines, output.look()))?;
    }
    Ok(None)
}

/// When a form's file was last written.
fn pulled_at(path: &Path) -> Option<Timestamp> {
    let written = std::fs::metadata(path).and_then(|meta| meta.modified());
    let since = written.ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}

/// A form as stored.
#[derive(serde::Serialize)]
struct Pulled {
    id: ContractTypeId,
    name: String,
    file: String,
    fields: usize,
    /// Since the file that was there before; none when there was none.
    changes: Option<FormChanges>,
}

async fn pull(ids: &[i64], api: &Api, place: &Place, output: Output) -> Ended {
    let mut stored = Vec::new();
    for &id in ids {
        let id = ContractTypeId(id);
        let path = sheets::form_path(place, id);
        let answer = api
            .template_fields(id)
            .await
            .map_err(|error| failure_of(id, error, &path))?;
        let pulled = store(id, &answer, &path)?;
        if !output.json {
            output.print(|out| told(out, &pulled))?;
        }
        stored.push(pulled);
    }
    if output.json {
        output.print_json(&serde_json::json!({ "pulled": stored }))?;
    }
    Ok(None)
}

fn store(id: ContractTypeId, answer: &str, path: &Path) -> Result<Pulled, Error> {
    let form = read_form(answer).map_err(|complaint| {
        Error::refused(
                "form_unreadable",
                format!(
                    "The answer for contract type {id} is not usable. {}",
                    complaint.message
                ),
            )
            .hint("Nothing was stored. Check the address (VLENS_BASE_URL), and whether this contract type has a form.")
    })?;
    let before = before(path);
    files::put_in_new_folder(path, Readers::Everyone, answer.as_bytes())?;
    Ok(Pulled {
        id,
        file: path.display().to_string(),
        fields: form.fields.len(),
        changes: before.map(|before| FormChanges::between(&before, &form)),
        name: form.name,
    })
}

/// The form that was there before, if it can be read.
fn before(path: &Path) -> Option<Form> {
    read_form(&std::fs::read_to_string(path).ok()?).ok()
}

fn told(out: &mut dyn Write, pulled: &Pulled) -> std::io::Result<()> {
    let name = match pulled.name.as_str() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    writeln!(
        out,
        "Contract type {}{name}: {} fields, stored in {}",
        pulled.id, pulled.fields, pulled.file
    )?;
    match &pulled.changes {
        None => Ok(()),
        Some(changes) if changes.is_empty() => writeln!(out, "  nothing changed"),
        Some(changes) => {
            writeln!(out, "  changed since the form that was here before:")?;
            let mut lines = changes.lines().into_iter();
            lines.try_for_each(|line| writeln!(out, "    {line}"))
        }
    }
}

/// For a call about one contract type.
fn failure_of(id: ContractTypeId, error: ApiError, path: &Path) -> Error {
    match error {
        ApiError::Call(error) if error.kind == CallErrorKind::Refused => Error::unusable(
            "contract_type_refused",
            format!("Vlens has no form for contract type {id} ({error})."),
        )
        .hint("`vlens-batch contract-types` lists the tenant's contract types."),
        other => other.explain(&path.display().to_string()),
    }
}
