//! `polder sound-test`: whether the alarms of a station can be heard on this computer.

use super::output::out_line;
use crate::alarm::Priority;
use crate::alarm::annunciation::SoundSettings;
use crate::config;
use crate::sound::{Player, Said};
use crate::station::SystemClock;
use crate::tag::{Clock, Generation};
use anyhow::{Context, anyhow};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How often it is looked whether a sound is over. The player itself has a deadline.
const LOOK: Duration = Duration::from_millis(10);

pub(super) fn test(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let settings = match folder {
        Some(folder) => config::load(folder, Generation(1)).into_plant().map_err(|words| anyhow!(words))?.plan.sound,
        None => SoundSettings::default(),
    };
    let mut player = Player::new(&std::env::var_os("PATH").unwrap_or_default(), &own_folder()?);
    let clock = SystemClock::new();
    for priority in Priority::ALL.into_iter().rev() {
        match play(&mut player, priority, settings.volume_percent, &clock) {
            Said::Played(program) => {
                out_line!("{}: played by {program}{}", priority.word(), remark(&settings, priority))
            }
            Said::Failed(why) => {
                out_line!("{}: {why}", priority.word());
                return Ok(ExitCode::from(1));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was turned off is played as a test all the same.
fn remark(settings: &SoundSettings, priority: Priority) -> &'static str {
    if settings.hears(priority) { "" } else { " (the station file turns it off)" }
}

fn play(player: &mut Player, priority: Priority, volume_percent: u8, clock: &dyn Clock) -> Said {
    if let Err(why) = player.start(Some(priority), volume_percent, clock.monotonic()) {
        return Said::Failed(why);
    }
    loop {
        match player.poll(clock.monotonic()) {
            Some(said) => return said,
            None => std::thread::park_timeout(LOOK),
        }
    }
}

/// A new folder of our own: in one that was there, somebody else could change what is played.
fn own_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("polder-sound-test-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("{} cannot be made for the sounds", folder.display()))?;
    Ok(folder)
}
