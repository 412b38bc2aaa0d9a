//! What happened beside the lines: alarms, commands and notes, as marks on the time axis.

use crate::audit::Entry;
use crate::recorder::JournalLine;
use crate::tag::{TagKey, Timestamp};
use std::ops::Range;

/// What a mark is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// An alarm became active.
    Raised { alarm: String, occurrence: u64 },
    /// It was acknowledged or is over.
    Changed { alarm: String, occurrence: u64 },
    /// Somebody set a tag.
    Command { tag: TagKey },
    /// Somebody pinned words to a moment.
    Note,
}

/// A mark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// In seconds since 1970.
    pub(super) time: f64,
    pub(super) what: What,
    /// Priority of the alarm, from 0; none for others.
    pub(super) priority: Option<usize>,
    /// What a pointer is told.
    pub(super) words: String,
}

/// How an alarm is told: its message, and its priority where it is still configured.
pub(super) struct Known {
    pub(super) message: String,
    pub(super) priority: Option<usize>,
}

/// A mark of a line of the journal.
pub(super) fn of_alarm(line: &JournalLine, known: Known) -> Option<Mark> {
    let (alarm, occurrence) = (line.alarm.clone(), line.occurrence);
    let is_remark = matches!(line.occasion.as_str(), "commented" | "not-done" | "group-normal");
    let is_raised = line.state == "unacknowledged" && !is_remark;
    let what = if is_raised { What::Raised { alarm, occurrence } } else { What::Changed { alarm, occurrence } };
    let became = match line.state.as_str() {
        // What somebody said is told; what the station notes for itself is not.
        _ if line.occasion == "commented" => "comment",
        _ if is_remark => return None,
        // Remarks of the station are no changes.
        "" => return None,
        "unacknowledged" => "raised",
        "acknowledged" => "acknowledged",
        "returned-unacknowledged" => "returned, not acknowledged",
        "normal" => "over",
        other => other,
    };
    let who = line.actor.as_ref().map_or_else(String::new, |actor| format!(" by {actor}"));
    let comment = if line.comment.is_empty() { String::new() } else { format!(": {}", line.comment) };
    let words = format!("{}, {became}{who}{comment}", known.message);
    Some(Mark { time: line.time.as_seconds(), what, priority: known.priority, words })
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct CommandDetail {
    value: Option<crate::tag::Value>,
    old: Option<crate::tag::Value>,
    reason: String,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct NoteDetail {
    at: Timestamp,
    words: String,
}

/// A mark of an entry of the audit record that says that a command was sent.
pub(super) fn of_command(entry: &Entry) -> Option<Mark> {
    if &*entry.action != "command" {
        return None;
    }
    let detail: CommandDetail = serde_json::from_str(&entry.detail).unwrap_or_default();
    let value = detail.value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    let old = detail.old.map_or_else(String::new, |old| format!("{old} → "));
    let reason = if detail.reason.is_empty() { String::new() } else { format!(": {}", detail.reason) };
    let words = format!("{} {old}{value} by {}{reason}", entry.subject, entry.principal);
    let what = What::Command { tag: TagKey::from(&*entry.subject) };
    Some(Mark { time: entry.time.as_seconds(), what, priority: None, words })
}

/// A mark of an entry that pins words to a moment.
pub(super) fn of_note(entry: &Entry) -> Option<Mark> {
    if &*entry.action != crate::engine::NOTE {
        return None;
    }
    let detail: NoteDetail = serde_json::from_str(&entry.detail).ok()?;
    let words = format!("{}: {}", entry.principal, detail.words);
    Some(Mark { time: detail.at.as_seconds(), what: What::Note, priority: None, words })
}

/// Marks that stand too close together for their own place. `marks` are in order of time.
pub(super) fn clusters(marks: &[Mark], x: &dyn Fn(f64) -> f32, reach: f32) -> Vec<Range<usize>> {
    let mut clusters: Vec<Range<usize>> = Vec::new();
    for (place, mark) in marks.iter().enumerate() {
        match clusters.last_mut() {
            Some(last) if x(mark.time) - x(marks[last.start].time) < reach => last.end = place + 1,
            _ => clusters.push(place..place + 1),
        }
    }
    clusters
}

/// The one of a cluster that is drawn: the most urgent alarm, else a note, else a command.
pub(super) fn foremost(marks: &[Mark]) -> Option<&Mark> {
    let rank = |mark: &&Mark| match (&mark.what, mark.priority) {
        (What::Raised { .. }, priority) => priority.unwrap_or(4),
        (What::Note, _) => 5,
        (What::Command { .. }, _) => 6,
        (What::Changed { .. }, _) => 7,
    };
    marks.iter().min_by_key(rank)
}

/// The mark after or before a moment.
pub(super) fn next(marks: &[Mark], moment: f64, is_forward: bool) -> Option<&Mark> {
    // A mark on which a cursor stands is not its own neighbour.
    let dust = 1e-4;
    match is_forward {
        true => marks.iter().find(|mark| mark.time > moment + dust),
        false => marks.iter().rev().find(|mark| mark.time < moment - dust),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;

    fn line(state: &str) -> JournalLine {
        JournalLine {
            time: Timestamp::from_micros(5_000_000),
            alarm: "level/high".into(),
            occurrence: 7,
            state: state.into(),
            value: None,
            actor: Some("anna".into()),
            comment: "seen".into(),
            occasion: String::new(),
            condition: String::new(),
            message: None,
        }
    }

    fn entry(action: &str, detail: &str) -> Entry {
        Entry {
            version: 1,
            number: 1,
            time: Timestamp::from_micros(5_000_000),
            request: "r".into(),
            principal: Principal::person("anna"),
            action: action.into(),
            subject: "pump/speed".into(),
            detail: detail.into(),
        }
    }

    #[test]
    fn records_become_marks_in_words() {
        let known = || Known { message: "Level high".into(), priority: Some(1) };
        let raised = of_alarm(&line("unacknowledged"), known()).unwrap();
        assert_eq!((raised.words.as_str(), raised.priority), ("Level high, raised by anna: seen", Some(1)));
        assert!(matches!(raised.what, What::Raised { occurrence: 7, .. }));
        assert_eq!(of_alarm(&line("normal"), known()).unwrap().words, "Level high, over by anna: seen");
        assert_eq!(of_alarm(&line(""), known()), None);
        let command = of_command(&entry("command", r#"{"value":1200.0,"old":1100.0,"reason":"high water"}"#)).unwrap();
        assert_eq!(command.words, "pump/speed 1100 → 1200 by anna: high water");
        assert_eq!(of_command(&entry("outcome", "{}")), None);
        let note = of_note(&entry("note", r#"{"at":9000000,"words":"filter changed"}"#)).unwrap();
        assert_eq!((note.time, note.words.as_str()), (9.0, "anna: filter changed"));
    }

    fn marks(times: &[f64]) -> Vec<Mark> {
        times.iter().map(|time| Mark { time: *time, what: What::Note, priority: None, words: String::new() }).collect()
    }

    #[test]
    fn neighbours_share_a_place_and_the_most_urgent_one_is_drawn() {
        let mut all = marks(&[0.0, 5.0, 9.0, 30.0, 39.0, 41.0]);
        assert_eq!(clusters(&all, &|time| time as f32, 10.0), [0..3, 3..5, 5..6]);
        all[1].what = What::Raised { alarm: String::new(), occurrence: 1 };
        all[1].priority = Some(2);
        assert_eq!(foremost(&all[0..3]), Some(&all[1]));
    }

    #[test]
    fn keys_go_from_mark_to_mark() {
        let all = marks(&[1.0, 2.0, 3.0]);
        let time = |moment, is_forward| next(&all, moment, is_forward).map(|mark| mark.time);
        assert_eq!(
            (time(2.0, true), time(2.0, false), time(3.0, true), time(0.0, false)),
            (Some(3.0), Some(1.0), None, None)
        );
    }

    /// A comment on an alarm that waits is not that alarm raised again.
    #[test]
    fn what_was_only_said_about_an_alarm_is_no_activation() {
        let known = || Known { message: "Level high".to_owned(), priority: Some(0) };
        let of = |occasion: &str| {
            of_alarm(&JournalLine { occasion: occasion.to_owned(), ..line("unacknowledged") }, known())
        };
        assert!(matches!(of("condition-active").unwrap().what, What::Raised { .. }));
        let comment = of("commented").unwrap();
        assert!(matches!(comment.what, What::Changed { .. }));
        assert_eq!(comment.words, "Level high, comment by anna: seen");
        assert!(of("not-done").is_none() && of("group-normal").is_none());
    }
}
