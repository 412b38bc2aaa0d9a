//! Which programs of this computer play a file or show a message.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Programs that play a WAV file, the best first: each speaks to the sound server where there is one.
pub(super) const PLAYERS: &[&str] =
    if cfg!(target_os = "macos") { &["afplay"] } else { &["pw-play", "paplay", "aplay"] };

/// The programs of these names that are there, in this order. `path` is what the variable PATH says.
pub(super) fn find(names: &[&str], path: &OsStr) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let first = |name: &&str| folders.iter().map(|folder| folder.join(name)).find(|file| is_program(file));
    names.iter().filter_map(first).collect()
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// The name that a person knows a program by.
pub(super) fn name_of(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}
