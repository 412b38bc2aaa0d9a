//! What drivers found is kept in `found.json` and taken up by a reload, a few seconds later at most once.

use super::Handle;
use super::reload::{ReloadError, ReloadPlan};
use crate::access::Principal;
use crate::config::{FOUND_FILE, FoundFile, Merged};
use crate::engine::{FoundAt, is_under_way};
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
/// From one reload to the next, doubled while new names go on coming: each reload ends what is under way.
const SHORTEST: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_secs(300);
/// What is known already, with other facts, is taken up this seldom.
const BETWEEN_CHANGES: Duration = Duration::from_secs(300);
/// Things with other facts that wait for that.
const MOST_CHANGES: usize = 1000;
/// How often it is planned anew where somebody else reloaded meanwhile.
const TRIES: usize = 8;
const LOOK: Duration = Duration::from_millis(100);

/// Where news of drivers go.
pub(super) fn channel() -> (Sender<Vec<FoundAt>>, Receiver<Vec<FoundAt>>) {
    queue::bounded("what drivers found", WAITING, WhenFull::Refuse)
}

/// Keeps what is found for as long as the station runs.
pub(super) async fn keep(handle: Handle, mut news: Receiver<Vec<FoundAt>>) {
    let mut pause = SHORTEST;
    let mut changes = Changes::new(Instant::now());
    loop {
        let idle_since = Instant::now();
        let Some(mut all) = changes.next(&mut news).await else { return };
        pause = next_pause(pause, idle_since.elapsed());
        tokio::time::sleep(GATHERED).await;
        while let Ok(more) = news.try_recv() {
            all.extend(more);
        }
        let takes_changes = changes.are_due(Instant::now());
        let taken = match blocking(&handle, move |handle| handle.take_found(all, takes_changes)).await {
            Ok(taken) => {
                changes.note(taken.put_off, taken.changed, Instant::now());
                taken.plan
            }
            Err(why) => Err(why),
        };
        let done = match taken {
            Ok(Some(plan)) => go_on(&handle, plan).await,
            Ok(None) => Ok(()),
            Err(why) => Err(why),
        };
        if let Err(why) = done {
            tracing::warn!("what was found is no tag yet: {why}");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Waits until nothing is under way that a reload would end, and goes on at once. Where somebody reloaded meanwhile, or gave a command that
/// the picture does not show yet, it is planned anew.
async fn go_on(handle: &Handle, plan: ReloadPlan) -> Result<(), String> {
    let mut plan = Some(plan);
    let start = Instant::now();
    for _ in 0..TRIES {
        let Some(next) = plan.take() else { return Ok(()) };
        let waited = nothing_under_way(handle, start).await;
        if blocking(handle, move |handle| handle.go_on_by_itself(next, waited)).await.is_ok() {
            return Ok(());
        }
        plan = blocking(handle, |handle| handle.plan_found(false)).await?;
    }
    Err("the station was reloaded, or given commands, again and again meanwhile".to_owned())
}

async fn blocking<T: Send + 'static, E: Into<String> + Send + 'static>(
    handle: &Handle,
    work: impl FnOnce(&Handle) -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    let handle = handle.clone();
    match tokio::task::spawn_blocking(move || work(&handle)).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err("taking it up broke off".to_owned()),
    }
}

fn next_pause(before: Duration, idle: Duration) -> Duration {
    if idle > before * 2 { SHORTEST } else { (before * 2).min(LONGEST) }
}

/// What is known with other facts, and waits for its time.
struct Changes {
    waiting: Vec<FoundAt>,
    due: Instant,
}

impl Changes {
    const fn new(now: Instant) -> Self {
        Self { waiting: Vec::new(), due: now }
    }

    /// The next news, with what has waited long enough; none when the station stops.
    async fn next(&mut self, news: &mut Receiver<Vec<FoundAt>>) -> Option<Vec<FoundAt>> {
        let first = tokio::select! {
            first = news.recv() => first?,
            () = tokio::time::sleep_until(self.due), if !self.waiting.is_empty() => Vec::new(),
        };
        // What was said later counts.
        let mut all = std::mem::take(&mut self.waiting);
        all.extend(first);
        Some(all)
    }

    fn are_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    fn note(&mut self, mut put_off: Vec<FoundAt>, changed: usize, now: Instant) {
        if put_off.len() > MOST_CHANGES {
            tracing::warn!(
                "{} changes of what was found wait for their drivers to tell them again",
                put_off.len() - MOST_CHANGES
            );
            put_off.truncate(MOST_CHANGES);
        }
        self.waiting = put_off;
        if changed > 0 {
            self.due = now + BETWEEN_CHANGES;
        }
    }
}

/// How long it has waited since then.
async fn nothing_under_way(handle: &Handle, start: Instant) -> Duration {
    loop {
        let (snapshot, waited) = (handle.snapshot(), start.elapsed());
        if !is_under_way(&snapshot.commands, snapshot.messages_under_way, waited) {
            return waited;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What became of news, with what the station goes on with, or why it cannot yet.
struct Taken {
    put_off: Vec<FoundAt>,
    changed: usize,
    plan: Result<Option<ReloadPlan>, String>,
}

impl Handle {
    /// Keeps news; the station file as it runs, with them. A file that was changed meanwhile waits for its person.
    fn take_found(&self, news: Vec<FoundAt>, takes_changes: bool) -> Result<Taken, String> {
        let _one_at_a_time = self.found_file.lock().map_err(|_| "keeping them failed before; restart the station")?;
        let mut file = FoundFile::read(self.folder()).map_err(|error| error.to_string())?;
        let merged = file.merge(news, takes_changes, self.now().utc);
        if merged.is_news() {
            file.write(self.folder()).map_err(|error| error.to_string())?;
        }
        say(&merged);
        // What was put off, or is left alone, changes nothing: it is not worth to compile the plant.
        let may_be_another = merged.is_taken() || merged.again > 0;
        let plan = if may_be_another { self.plan_found(merged.is_taken()) } else { Ok(None) };
        Ok(Taken { put_off: merged.put_off, changed: merged.changed, plan })
    }

    /// Forgets what was found under such names; what it was. The tags are gone with it, until something is said under them again.
    pub(super) fn forget_found(&self, pattern: &str) -> Result<Vec<Arc<str>>, String> {
        let _one_at_a_time = self.found_file.lock().map_err(|_| "keeping them failed before; restart the station")?;
        let forgotten = forget(self.folder(), pattern)?;
        self.reload_found(!forgotten.is_empty())?;
        Ok(forgotten)
    }

    /// Goes on with what is in the file now, for a person who waits for it.
    fn reload_found(&self, is_new: bool) -> Result<(), String> {
        match self.plan_found(is_new)? {
            Some(plan) => Ok(self.go_on_with(&Principal::station(), plan)?),
            None => Ok(()),
        }
    }

    /// What to go on with; none where nothing is another. What was told again without being new is looked at too: a reload may have been put
    /// off before.
    fn plan_found(&self, is_new: bool) -> Result<Option<ReloadPlan>, String> {
        let plan = self.plan_reload().map_err(|error| match error {
            ReloadError::Problems(problems) => {
                format!("the station file has {} problems; polder check names them", problems.len())
            }
            ReloadError::Refused(why) => why,
        })?;
        if !self.runs_from(&plan) {
            return Err("the station file was changed; they are taken up when somebody goes on with it (F5)".to_owned());
        }
        Ok((is_new || !plan.difference.is_empty()).then_some(plan))
    }
}

/// Says what was not taken, and what can be done about it.
fn say(merged: &Merged) {
    if merged.refused > 0 {
        tracing::warn!(
            "{} things were found for which {FOUND_FILE} has no room; polder forget makes some",
            merged.refused
        );
    }
    for name in &merged.waiting {
        tracing::warn!(
            "{name} says something else about its command than when it was found, and stays as it was; \
             polder forget \"{name}\" takes up what it says now"
        );
    }
    for name in &merged.restless {
        tracing::debug!("{name} changes all the time, and stays as it is until tomorrow");
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

    /// What changes waits while what is new does not.
    #[tokio::test]
    async fn changes_are_taken_seldom_and_what_is_new_at_once() {
        let one = |name: &str| FoundAt {
            device: "hall".into(),
            found: crate::driver::Found { kind: "tag".into(), name: name.into(), facts: serde_json::json!({}) },
        };
        let (sender, mut news) = channel();
        let mut changes = Changes::new(Instant::now());
        assert!(changes.are_due(Instant::now()), "the first one at once");
        changes.note(Vec::new(), 1, Instant::now());
        assert!(!changes.are_due(Instant::now()));
        changes.note(vec![one("changed")], 0, Instant::now());
        sender.try_send(vec![one("new")]).unwrap();
        assert_eq!(changes.next(&mut news).await, Some(vec![one("changed"), one("new")]));
        assert!(!changes.are_due(Instant::now()));
        changes.note(vec![one("changed")], 0, Instant::now());
        assert!(changes.due > Instant::now() + BETWEEN_CHANGES - Duration::from_secs(60));
        changes.due = Instant::now();
        assert_eq!(changes.next(&mut news).await, Some(vec![one("changed")]), "its time has come");
        assert!(changes.are_due(Instant::now()));
        drop(sender);
        assert_eq!(changes.next(&mut news).await, None);
    }
}
