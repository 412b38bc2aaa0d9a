//! Asks the records for what is marked on the time axis.

use super::feed::Sight;
use super::marks::{self, Known, Mark, What};
use crate::alarm::Subject;
use crate::engine::NOTE;
use crate::gui::scene::Scene;
use crate::recorder::{AuditLine, JournalLine, read_actions_after, read_audit_between, read_journal_between};
use crate::station::Ticket;
use crate::tag::{Monotonic, TagKey, Timestamp};
use std::collections::HashSet;
use std::time::Duration;

/// Lines of each record that are drawn at most.
const LINES: usize = 2000;
/// The records are read again this often.
const FRESH: Duration = Duration::from_secs(2);

/// What the records say of a piece of time.
#[derive(Default)]
struct Records {
    journal: Vec<JournalLine>,
    audit: Vec<AuditLine>,
    notes: Vec<AuditLine>,
}

type Answer = Result<Records, String>;

/// The marks of what is in sight.
#[derive(Default)]
pub(super) struct Events {
    records: Records,
    have: Option<[f64; 2]>,
    pending: Option<(Ticket<Answer>, [f64; 2])>,
    asked_at: Option<Monotonic>,
    failed: Option<String>,
    marks: Vec<Mark>,
    /// What the marks were made for.
    made_for: Option<(Vec<TagKey>, bool)>,
}

impl Events {
    /// Asks where it is time to, and makes the marks: of the tags of `keys`, or of everything.
    pub(super) fn refresh(&mut self, scene: &Scene<'_>, sight: Sight, keys: Vec<TagKey>, is_all: bool) {
        if self.receive() || self.made_for.as_ref() != Some(&(keys.clone(), is_all)) {
            self.make(scene, &keys, is_all);
            self.made_for = Some((keys, is_all));
        }
        let now = scene.now.monotonic;
        let age = self.asked_at.map(|at| now.since(at));
        let covers =
            self.have.is_some_and(|have| have[0] <= sight.bounds[0] && have[1] >= sight.bounds[1].min(sight.now));
        let is_old = age.is_none_or(|age| age >= FRESH);
        let is_moved = !covers && age.is_none_or(|age| age >= Duration::from_millis(200));
        if self.pending.is_some() || !(is_old || is_moved) {
            return;
        }
        let range = sight.wanted();
        let range = [range.from, range.to.max(sight.now.min(sight.bounds[1] + 1.0))];
        let last_note = self.records.notes.last().map_or(0, |note| note.number);
        self.asked_at = Some(now);
        self.pending = Some((ask(scene, range, last_note), range));
    }

    fn receive(&mut self) -> bool {
        let Some((ticket, range)) = &mut self.pending else { return false };
        let Some(answer) = ticket.poll() else { return false };
        let range = *range;
        self.pending = None;
        match answer {
            Some(Ok(records)) => {
                self.records.notes.extend(records.notes);
                (self.records.journal, self.records.audit) = (records.journal, records.audit);
                (self.have, self.failed) = (Some(range), None);
            }
            Some(Err(why)) => self.failed = Some(why),
            None => self.failed = Some("too many questions wait".to_owned()),
        }
        true
    }

    fn make(&mut self, scene: &Scene<'_>, keys: &[TagKey], is_all: bool) {
        let keys: HashSet<&str> = keys.iter().map(TagKey::as_str).collect();
        let wanted = |tag: Option<&str>| is_all || tag.is_some_and(|tag| keys.contains(tag));
        let alarms = self.records.journal.iter().filter_map(|line| {
            let (known, tag) = known(scene, line);
            wanted(tag.as_deref()).then(|| marks::of_alarm(line, known)).flatten()
        });
        let commands = self.records.audit.iter().filter(|entry| wanted(Some(&entry.subject)));
        let commands = commands.filter_map(marks::of_command);
        let notes = self.records.notes.iter().filter_map(marks::of_note);
        self.marks = alarms.chain(commands).chain(notes).collect();
        self.marks.sort_by(|first, second| first.time.total_cmp(&second.time));
    }

    /// In order of time.
    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// The marks within `reach` seconds of a moment.
    pub(super) fn near(&self, moment: f64, reach: f64) -> &[Mark] {
        let from = self.marks.partition_point(|mark| mark.time < moment - reach);
        let to = self.marks.partition_point(|mark| mark.time <= moment + reach);
        self.marks.get(from..to).unwrap_or_default()
    }

    /// Asks at once for what has just been written.
    pub(super) fn look_again(&mut self) {
        self.asked_at = None;
    }
}

fn ask(scene: &Scene<'_>, range: [f64; 2], last_note: u64) -> Ticket<Answer> {
    scene.handle.ask(move |context, _| {
        let [from, to] = range.map(Timestamp::from_seconds);
        let path = context.records();
        let journal = read_journal_between(path, from, to, LINES).map_err(|error| error.to_string())?;
        let audit = read_audit_between(path, from, to, LINES).map_err(|error| error.to_string())?;
        let notes = read_actions_after(path, NOTE, last_note).map_err(|error| error.to_string())?;
        Ok(Records { journal, audit, notes })
    })
}

/// An alarm as it is told, and the tag that it is about.
fn known(scene: &Scene<'_>, line: &JournalLine) -> (Known, Option<String>) {
    let plan = &scene.snapshot.plan;
    let found = plan.alarms.iter().find(|alarm| alarm.key.as_str() == line.alarm);
    let tag = found.and_then(|alarm| match alarm.subject {
        Subject::Tag(tag) => plan.directory.tag(tag).map(|definition| definition.key.to_string()),
        Subject::Device(_) => None,
    });
    // Of an alarm that is not configured any more, its name says which tag it was about.
    let tag = tag.or_else(|| line.alarm.rsplit_once(':').map(|(tag, _)| tag.to_owned()));
    let message = || found.map_or_else(|| line.alarm.clone(), |alarm| alarm.message.to_string());
    let message = line.message.clone().unwrap_or_else(message);
    let priority = found.map(|alarm| alarm.priority as usize);
    (Known { message, priority }, tag)
}

/// The alarm of a mark, by its name and activation.
pub(super) fn alarm_of(mark: &Mark) -> Option<(&str, u64)> {
    match &mark.what {
        What::Raised { alarm, occurrence } | What::Changed { alarm, occurrence } => Some((alarm, *occurrence)),
        What::Command { .. } | What::Note => None,
    }
}
