//! A program that was started to do one small thing: it is owned, has a deadline, and nobody waits for it.

use crate::tag::Monotonic;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What a program says when it fails; the first line counts.
const MOST_WORDS: u64 = 400;

/// A running program. It is killed when it is dropped.
pub(super) struct Owned {
    child: Child,
    name: String,
    deadline: Monotonic,
    words: PathBuf,
}

impl Owned {
    /// Starts `program`; what it says goes to the file `words`, so that no pipe can keep anybody waiting.
    pub(super) fn start(
        program: &Path,
        arguments: &[&std::ffi::OsStr],
        words: &Path,
        deadline: Monotonic,
    ) -> Result<Self, String> {
        let name = super::programs::name_of(program);
        let said = |error: std::io::Error| format!("{name} cannot be started: {error}");
        let folder = words.parent().map_or(Ok(()), std::fs::create_dir_all);
        let file = folder.and_then(|()| File::create(words)).map_err(said)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().map_err(said)?;
        Ok(Self { child, name, deadline, words: words.to_owned() })
    }

    /// How it ended; none while it goes on. Beyond its deadline it is killed.
    pub(super) fn poll(&mut self, now: Monotonic) -> Option<Result<(), String>> {
        match self.child.try_wait() {
            Ok(Some(status)) if status.success() => Some(Ok(())),
            Ok(Some(status)) => Some(Err(self.complaint(&status.to_string()))),
            Ok(None) if now < self.deadline => None,
            Ok(None) => {
                self.kill();
                Some(Err(self.complaint("it did not end in time and was stopped")))
            }
            Err(error) => Some(Err(format!("{}: {error}", self.name))),
        }
    }

    fn complaint(&self, status: &str) -> String {
        let mut words = Vec::new();
        let read = File::open(&self.words).and_then(|file| file.take(MOST_WORDS).read_to_end(&mut words));
        let words = read.map(|_| String::from_utf8_lossy(&words).into_owned()).unwrap_or_default();
        match words.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{}: {line}", self.name),
            None => format!("{}: {status}", self.name),
        }
    }

    /// Ends it. A program that the system cannot end at once is waited for a moment, and then left to the system.
    fn kill(&mut self) {
        let _ = self.child.kill();
        for _ in 0..50 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.kill();
    }
}
