//! What drivers found is kept in `found.json` and taken up by a reload, a few seconds later at most once.

use super::Handle;
use super::reload::ReloadError;
use crate::access::Principal;
use crate::command::{CommandView, Phase};
use crate::config::{FOUND_FILE, FoundFile};
use crate::engine::FoundAt;
use crate::historian::matches_pattern;
use crate::queue::{self, Sender, WhenFull};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// Lists of news that may wait. What finds no room is told again by its driver.
const WAITING: usize = 256;
/// News that come soon after each other are taken together.
const GATHERED: Duration = Duration::from_secs(1);
/// From one reload to the next, doubled while new names go on coming: each reload begins delays of alarms anew.
const SHORTEST: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_secs(300);
/// How long commands under way are waited for: a reload would end them.
const COMMANDS: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Where news of drivers go.
pub(super) fn channel() -> (Sender<Vec<FoundAt>>, Receiver<Vec<FoundAt>>) {
    queue::bounded("what drivers found", WAITING, WhenFull::Refuse)
}

/// Keeps what is found for as long as the station runs.
pub(super) async fn keep(handle: Handle, mut news: Receiver<Vec<FoundAt>>) {
    let mut pause = SHORTEST;
    loop {
        let idle_since = Instant::now();
        let Some(mut all) = news.recv().await else { return };
        pause = next_pause(pause, idle_since.elapsed());
        tokio::time::sleep(GATHERED).await;
        commands_end(&handle).await;
        while let Ok(more) = news.try_recv() {
            all.extend(more);
        }
        let taker = handle.clone();
        let taken = tokio::task::spawn_blocking(move || taker.take_found(all)).await;
        match taken {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!("what was found is no tag yet: {why}"),
            Err(_) => tracing::warn!("what was found is no tag yet: taking it up broke off"),
        }
        tokio::time::sleep(pause).await;
    }
}

fn next_pause(before: Duration, idle: Duration) -> Duration {
    if idle > before * 2 { SHORTEST } else { (before * 2).min(LONGEST) }
}

async fn commands_end(handle: &Handle) {
    let end = Instant::now() + COMMANDS;
    let is_under_way = |command: &CommandView| !matches!(command.phase, Phase::Ended(..));
    while handle.snapshot().commands.iter().any(is_under_way) && Instant::now() < end {
        tokio::time::sleep(LOOK).await;
    }
}

impl Handle {
    /// Keeps news, and goes on with the station file as it runs and with them. A file that was changed meanwhile waits for its person.
    fn take_found(&self, news: Vec<FoundAt>) -> Result<(), String> {
        let _one_at_a_time = self.found_file.lock().map_err(|_| "keeping them failed before; restart the station")?;
        let mut file = FoundFile::read(self.folder()).map_err(|error| error.to_string())?;
        let merged = file.merge(news, self.now().utc);
        if merged.taken > 0 {
            file.write(self.folder()).map_err(|error| error.to_string())?;
        }
        if merged.refused > 0 {
            tracing::warn!("{} things were found for which {FOUND_FILE} has no room", merged.refused);
        }
        self.reload_found(merged.taken > 0)
    }

    /// Forgets what was found under such names; what it was. The tags are gone with it, until something is said under them again.
    pub(super) fn forget_found(&self, pattern: &str) -> Result<Vec<Arc<str>>, String> {
        let _one_at_a_time = self.found_file.lock().map_err(|_| "keeping them failed before; restart the station")?;
        let forgotten = forget(self.folder(), pattern)?;
        self.reload_found(!forgotten.is_empty())?;
        Ok(forgotten)
    }

    /// What was told again without being new is looked at too: a reload may have been put off before.
    fn reload_found(&self, is_new: bool) -> Result<(), String> {
        let plan = self.plan_reload().map_err(|error| match error {
            ReloadError::Problems(problems) => {
                format!("the station file has {} problems; polder check names them", problems.len())
            }
            ReloadError::Refused(why) => why,
        })?;
        if !self.runs_from(&plan) {
            return Err("the station file was changed; they are taken up when somebody goes on with it (F5)".to_owned());
        }
        if plan.difference.is_empty() && !is_new {
            return Ok(());
        }
        Ok(self.go_on_with(&Principal::station(), plan)?)
    }
}

/// Forgets what was found under such names in a folder; what it was.
pub fn forget(folder: &std::path::Path, pattern: &str) -> Result<Vec<Arc<str>>, String> {
    let mut file = FoundFile::read(folder).map_err(|error| error.to_string())?;
    let forgotten = file.forget(|name| matches_pattern(pattern, name));
    if !forgotten.is_empty() {
        file.write(folder).map_err(|error| error.to_string())?;
    }
    Ok(forgotten.into_iter().map(|thing| format!("{}/{}", thing.device, thing.name).into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However fast names come, the plant is reloaded ever more seldom, until it was quiet for a while.
    #[test]
    fn reloads_become_rare_while_names_go_on_coming() {
        let mut pause = SHORTEST;
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                pause = next_pause(pause, Duration::from_secs(1));
                pause.as_secs()
            })
            .collect();
        assert_eq!(pauses, [8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(next_pause(pause, Duration::from_secs(601)), SHORTEST);
    }
}
