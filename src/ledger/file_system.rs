//! Looks at where a ledger lies: its file system, the space that is left, and who else may read its files. Changes nothing.

use std::path::{Path, PathBuf};

use super::place;
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemCheck {
    /// The ledger's true path.
    pub path: PathBuf,
    pub exists: bool,
    pub hazard: Option<Hazard>,
    /// Space left for this user; unknown where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Whether the folder takes new files, which the log beside the ledger needs.
    pub is_writable: bool,
    /// Files of the ledger that others may read or write.
    pub open_to_others: Vec<PathBuf>,
}

/// Places where SQLite's write-ahead log is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// A file system on another machine; its kind.
    Network(&'static str),
    /// A folder that a program copies to elsewhere while the ledger is written; the program.
    Synced(&'static str),
    /// A Windows disk seen from Linux (WSL).
    WindowsMount,
}

/// Looks at the place of the ledger at `path`, which need not exist yet.
pub fn check_file_system(path: &Path) -> Result<FileSystemCheck, Error> {
    let path = place::canonical(path)?;
    let folder = path.parent().unwrap_or(&path).to_path_buf();
    let files =
        ["", "-wal", "-shm", ".lock", place::UNFINISHED].map(|suffix| place::beside(&path, suffix));
    Ok(FileSystemCheck {
        exists: path.exists(),
        hazard: hazard(&path, network_kind(&folder), is_wsl()),
        free_bytes: free_bytes(&folder),
        is_writable: is_writable(&folder),
        open_to_others: files
            .into_iter()
            .filter(|file| is_open_to_others(file))
            .collect(),
        path,
    })
}

/// Folder names of programs that keep copies elsewhere, as they stand at the beginning of a part of the path.
const SYNCED: [(&str, &str); 8] = [
    ("onedrive", "OneDrive"),
    ("dropbox", "Dropbox"),
    ("google drive", "Google Drive"),
    ("googledrive", "Google Drive"),
    ("icloud", "iCloud"),
    ("mobile documents", "iCloud"),
    ("nextcloud", "Nextcloud"),
    ("creative cloud files", "Creative Cloud"),
];

fn hazard(path: &Path, network: Option<&'static str>, is_wsl: bool) -> Option<Hazard> {
    if is_wsl && is_windows_mount(path) {
        return Some(Hazard::WindowsMount);
    }
    if let Some(kind) = network {
        return Some(Hazard::Network(kind));
    }
    if path.to_string_lossy().starts_with(r"\\") && !path.to_string_lossy().starts_with(r"\\?\") {
        return Some(Hazard::Network("a network share"));
    }
    let parts = path.parent()?.iter();
    parts
        .map(|part| part.to_string_lossy().to_lowercase())
        .find_map(|part| {
            let synced = SYNCED.iter().find(|(name, _)| part.starts_with(name))?;
            Some(Hazard::Synced(synced.1))
        })
}

/// `/mnt/c/…`: where WSL shows the disks of Windows.
fn is_windows_mount(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let mut parts = text.split('/').skip(1);
    parts.next() == Some("mnt")
        && parts
            .next()
            .is_some_and(|disk| disk.len() == 1 && disk.chars().all(|c| c.is_ascii_alphabetic()))
}

#[cfg(target_os = "linux")]
fn is_wsl() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .is_ok_and(|release| release.to_lowercase().contains("microsoft"))
}

#[cfg(not(target_os = "linux"))]
fn is_wsl() -> bool {
    false
}

/// The kind of file system on another machine, by the numbers of Linux's `statfs(2)`.
#[cfg(target_os = "linux")]
fn network_kind(folder: &Path) -> Option<&'static str> {
    const KINDS: [(i64, &str); 9] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0x0102_1997, "9P"),
        (0x5346_414F, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x0116_1970, "GFS2"),
        (0x0BD0_0BD0, "Lustre"),
    ];
    let found = rustix::fs::statfs(folder).ok()?;
    #[expect(
        clippy::useless_conversion,
        reason = "the word's size differs between machines"
    )]
    let kind = i64::from(found.f_type) & 0xFFFF_FFFF;
    KINDS
        .iter()
        .find(|(number, _)| *number == kind)
        .map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn network_kind(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// By trying: a folder on a disk mounted read-only has fine permissions.
fn is_writable(folder: &Path) -> bool {
    tempfile::Builder::new()
        .prefix(".vlens-batch-")
        .tempfile_in(folder)
        .is_ok()
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_not_safe_are_known() {
        use Hazard::{Network, Synced, WindowsMount};
        for (path, network, is_wsl, expected) in [
            ("/home/mona/vlens/acme.db", None, false, None),
            (
                "/home/mona/acme.db",
                Some("NFS"),
                false,
                Some(Network("NFS")),
            ),
            (
                "/mnt/c/Users/mona/acme.db",
                Some("9P"),
                true,
                Some(WindowsMount),
            ),
            ("/mnt/c/Users/mona/acme.db", None, false, None),
            ("/mnt/data/acme.db", None, true, None),
            (
                "/home/mona/OneDrive - Acme/acme.db",
                None,
                false,
                Some(Synced("OneDrive")),
            ),
            (
                "/Users/mona/Library/Mobile Documents/x/acme.db",
                None,
                false,
                Some(Synced("iCloud")),
            ),
            (
                "/home/mona/Dropbox/acme.db",
                None,
                false,
                Some(Synced("Dropbox")),
            ),
            ("/home/mona/dropbox.db", None, false, None),
            (
                r"\\server\share\acme.db",
                None,
                false,
                Some(Network("a network share")),
            ),
        ] {
            assert_eq!(hazard(Path::new(path), network, is_wsl), expected, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn looking_changes_nothing_and_finds_files_open_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.db");
        let before = check_file_system(&path).unwrap();
        assert!(!before.exists && before.is_writable && before.open_to_others.is_empty());
        assert!(before.free_bytes.is_some());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let after = check_file_system(&path).unwrap();
        assert_eq!(after.open_to_others, std::slice::from_ref(&after.path));
    }
}
