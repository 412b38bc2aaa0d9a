//! Plays one sound at a time, with the first program that can.

use super::child::Owned;
use super::programs::{PLAYERS, find, name_of};
use super::tone::wave;
use crate::alarm::Priority;
use crate::tag::Monotonic;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A sound lasts less than a second; a program that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(5);

/// What is played: the sound of a priority, or a moment of silence, which only shows whether it could be.
pub type Sound = Option<Priority>;

/// How a sound ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It was played, by this program.
    Played(Arc<str>),
    /// No program could play it; why not, and what to do.
    Failed(Arc<str>),
}

/// The player. Its files are removed with it.
pub struct Player {
    /// What the variable PATH says.
    path: OsString,
    folder: PathBuf,
    volume_percent: Option<u8>,
    /// The program that played last; it is tried first.
    good: Option<PathBuf>,
    turn: Option<Turn>,
}

/// One sound on its way through the programs.
struct Turn {
    file: PathBuf,
    /// Those that were not tried yet.
    programs: VecDeque<PathBuf>,
    complaints: Vec<String>,
    child: Option<(PathBuf, Owned)>,
}

impl Player {
    /// A player that uses the programs that `path` (the variable PATH) has, and keeps its sounds in `folder`, which it makes when it needs it.
    pub fn new(path: &OsStr, folder: &Path) -> Self {
        let (path, folder) = (path.to_owned(), folder.to_owned());
        Self { path, folder, volume_percent: None, good: None, turn: None }
    }

    /// Begins a sound; what was playing is cut off. `volume_percent` is 1 to 100.
    pub fn start(&mut self, sound: Sound, volume_percent: u8, now: Monotonic) -> Result<(), Arc<str>> {
        self.stop();
        // Looked up each time: somebody may just have installed one.
        let mut programs = VecDeque::from(find(PLAYERS, &self.path));
        if programs.is_empty() {
            let names = PLAYERS.join(", ");
            return Err(format!("no program that plays sounds is installed; install one of {names}").into());
        }
        if let Some(place) = programs.iter().position(|program| self.good.as_ref() == Some(program)) {
            programs.make_contiguous()[..=place].rotate_right(1);
        }
        self.write(volume_percent).map_err(|error| -> Arc<str> {
            format!("the sounds cannot be written to {}: {error}; make room there", self.folder.display()).into()
        })?;
        self.turn = Some(Turn { file: self.file(sound), programs, complaints: Vec::new(), child: None });
        self.go_on(now);
        Ok(())
    }

    /// Cuts off what is playing.
    pub fn stop(&mut self) {
        self.turn = None;
    }

    /// Whether something is playing.
    pub fn is_playing(&self) -> bool {
        self.turn.is_some()
    }

    /// How the sound ended, told once; none while it goes on. A program that fails makes way for the next one.
    pub fn poll(&mut self, now: Monotonic) -> Option<Said> {
        let turn = self.turn.as_mut()?;
        if let Some((program, child)) = &mut turn.child {
            match child.poll(now)? {
                Ok(()) => {
                    let said = Said::Played(name_of(program).into());
                    self.good = Some(std::mem::take(program));
                    self.turn = None;
                    return Some(said);
                }
                Err(why) => turn.complaints.push(why),
            }
            turn.child = None;
        }
        self.go_on(now);
        self.give_up()
    }

    /// Starts the next program that can be started.
    fn go_on(&mut self, now: Monotonic) {
        let Some(turn) = &mut self.turn else { return };
        while turn.child.is_none()
            && let Some(program) = turn.programs.pop_front()
        {
            let quiet = (name_of(&program) == "aplay").then_some(OsStr::new("-q"));
            let arguments: Vec<&OsStr> = quiet.into_iter().chain([turn.file.as_os_str()]).collect();
            match Owned::start(&program, &arguments, &self.folder.join("words"), now.plus(DEADLINE)) {
                Ok(child) => turn.child = Some((program, child)),
                Err(why) => turn.complaints.push(why),
            }
        }
    }

    fn give_up(&mut self) -> Option<Said> {
        let turn = self.turn.take_if(|turn| turn.child.is_none())?;
        let words =
            format!("no sound can be played ({}); look for a sound device that is on", turn.complaints.join("; "));
        Some(Said::Failed(words.into()))
    }

    fn file(&self, sound: Sound) -> PathBuf {
        self.folder.join(format!("{}.wav", sound.map_or("silence", Priority::word)))
    }

    /// Makes the files, where they are not there at this volume.
    fn write(&mut self, volume_percent: u8) -> std::io::Result<()> {
        if self.volume_percent == Some(volume_percent) && self.file(None).exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder)?;
        for sound in Priority::ALL.into_iter().map(Some).chain([None]) {
            std::fs::write(self.file(sound), wave(sound, volume_percent))?;
        }
        self.volume_percent = Some(volume_percent);
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests;
