//! The ledger: its place, whether it is sound, whose it is, and whether somebody is at work on it.

use std::path::Path;

use super::Chart;
use crate::error::Error;
use crate::ledger::{Binding, Ground, Lock, Reader, Unsteady, ground};

/// Less than this, and a larger sheet may not fit.
const LITTLE_SPACE_BYTES: u64 = 200 << 20;

/// Whether a login may be tried beside this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is none to note requests in, or it is another tenant's.
    Apart,
    /// It is sound and free: requests are noted in it.
    Free,
    /// A run is in progress, whose requests must not be joined by others.
    Busy,
    /// It cannot be used as it is.
    Unusable,
}

/// Looks at the ledger at `path`. `binding` is what it should be bound to, when the settings tell.
pub fn examine(path: &Path, binding: Option<&Binding>, chart: &mut Chart) -> Standing {
    let ground = match ground(path) {
        Ok(ground) => ground,
        Err(complaint) => {
            chart.failure("ledger", complaint);
            return Standing::Unusable;
        }
    };
    let standing = health(&ground, binding, chart);
    if ground.exists {
        files(&ground, chart);
    }
    firmness(&ground, chart);
    space(&ground, chart);
    if standing == Standing::Free && Lock::is_held(path) {
        chart.ok("lock", "A run is in progress");
        return Standing::Busy;
    }
    if ground.exists {
        chart.ok("lock", "Free: no run is in progress");
    }
    standing
}

fn health(ground: &Ground, binding: Option<&Binding>, chart: &mut Chart) -> Standing {
    let reader = match Reader::open(&ground.path) {
        Ok(Some(reader)) => reader,
        Ok(None) => {
            let path = ground.path.display();
            chart.ok(
                "ledger",
                format!("None yet; the first run makes it: {path}"),
            );
            return Standing::Apart;
        }
        Err(complaint) => {
            chart.failure("ledger", complaint);
            return Standing::Unusable;
        }
    };
    let health = match reader.health() {
        Ok(health) => health,
        Err(complaint) => {
            chart.failure("ledger", complaint);
            return Standing::Unusable;
        }
    };
    if let Some(fault) = health.faults.first() {
        let message = format!("The ledger {} is damaged: {fault}", ground.path.display());
        let complaint = Error::unusable("ledger_damaged", message).hint(
            "Send nothing with it. Keep the file and its -wal file as they are, and restore the last good copy beside them.",
        );
        chart.failure("ledger", complaint);
        return Standing::Unusable;
    }
    let path = ground.path.display();
    let size = mebibytes(health.bytes);
    chart.ok("ledger", format!("{path} is sound ({size})"));
    match binding {
        Some(binding) if binding != reader.binding() => {
            chart.failure("binding", bound_elsewhere(reader.binding()));
            Standing::Apart
        }
        _ => {
            let Binding {
                base_url,
                tenancy_name,
            } = reader.binding();
            chart.ok(
                "binding",
                format!("For tenant {tenancy_name} at {base_url}"),
            );
            Standing::Free
        }
    }
}

fn bound_elsewhere(bound: &Binding) -> Error {
    Error::unusable(
        "ledger_bound_elsewhere",
        format!(
            "The ledger belongs to tenant {} at {}, not to the one in the settings.",
            bound.tenancy_name, bound.base_url
        ),
    )
    .hint("Name another ledger with --ledger, or correct the base URL or tenancy name.")
}

fn files(ground: &Ground, chart: &mut Chart) {
    match ground.open_to_others.first() {
        None => chart.ok("permissions", "The ledger's files are its owner's alone"),
        Some(file) => chart.warning(
            "permissions",
            format!(
                "Others may open {}, which holds customers' data",
                file.display()
            ),
            format!("chmod 600 {}*", ground.path.display()),
        ),
    }
}

fn firmness(ground: &Ground, chart: &mut Chart) {
    const MOVE: &str =
        "Keep the ledger on a disk of this machine: name its place with --ledger or VLENS_LEDGER.";
    if !ground.is_writable {
        let complaint = Error::unusable(
            "ledger_folder_not_writable",
            "The ledger's folder takes no new files, and the ledger needs its log beside it.",
        )
        .hint("Give this user the right to write there, or name another place with --ledger.");
        return chart.failure("place", complaint);
    }
    match ground.unsteady {
        None => chart.ok("place", "On a disk of this machine, as far as can be seen"),
        Some(Unsteady::Network(kind)) => chart.warning(
            "place",
            format!("The ledger lies on a network file system ({kind}), where it can be damaged"),
            MOVE,
        ),
        Some(Unsteady::Synced(program)) => chart.warning(
            "place",
            format!(
                "The ledger lies in a folder of {program}, which copies it while it is written, tokens included"
            ),
            MOVE,
        ),
        Some(Unsteady::WindowsMount) => chart.warning(
            "place",
            "The ledger lies on a Windows disk seen through WSL, where locks do not hold",
            MOVE,
        ),
    }
}

fn space(ground: &Ground, chart: &mut Chart) {
    match ground.free_bytes {
        None => {}
        Some(bytes) if bytes < LITTLE_SPACE_BYTES => chart.warning(
            "space",
            format!("Only {} are left on the ledger's disk", mebibytes(bytes)),
            "Make room: a run stops when the disk is full.",
        ),
        Some(bytes) => chart.ok("space", format!("{} are left", mebibytes(bytes))),
    }
}

fn mebibytes(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes if mebibytes < 10_240 => format!("{mebibytes} MiB"),
        mebibytes => format!("{} GiB", mebibytes >> 10),
    }
}
