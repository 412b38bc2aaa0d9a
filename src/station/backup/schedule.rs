//! When the next backup is due, what it is called, and which ones go: pure.

use crate::config::BackupTime;
use crate::tag::Timestamp;
use chrono::{Days, LocalResult, NaiveDateTime, TimeZone};
use std::time::Duration;

/// A backup that failed is tried again after this long.
pub(super) const AGAIN: Duration = Duration::from_secs(600);

/// When the next backup is due after the one of `last`, or, where there was none, after `started`. A moment that has passed is due now.
pub(super) fn due<Zone: TimeZone>(
    when: BackupTime,
    last: Option<Timestamp>,
    started: Timestamp,
    zone: &Zone,
) -> Timestamp {
    match (when, last) {
        (BackupTime::Every(time), Some(last)) => last.plus(time),
        (BackupTime::Every(_), None) => started,
        (BackupTime::At(minutes), last) => next_at(minutes, last.unwrap_or(started), zone),
    }
}

/// The first moment after `after` at which local clocks show this time. In the night in which they leave it out, it is the hour after.
fn next_at<Zone: TimeZone>(minutes: u16, after: Timestamp, zone: &Zone) -> Timestamp {
    let Some(utc) = after.to_chrono() else { return after };
    let today = utc.with_timezone(zone).date_naive();
    let shows = |local: NaiveDateTime| match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Some(moment),
        LocalResult::None => zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest(),
    };
    let days = (0..3).filter_map(|days| {
        let day = today.checked_add_days(Days::new(days))?;
        let local = day.and_hms_opt(u32::from(minutes / 60), u32::from(minutes % 60), 0)?;
        shows(local).map(|moment| Timestamp::from_micros(moment.timestamp_micros()))
    });
    let mut later = days.filter(|moment| *moment > after);
    later.next().unwrap_or_else(|| after.plus(Duration::from_secs(86_400)))
}

/// What names of backups of this station begin with.
pub(super) fn prefix(station: &str) -> String {
    let sign = |sign: char| if sign.is_alphanumeric() { sign.to_ascii_lowercase() } else { '-' };
    // A name may be long, and a file name has 255 bytes at most.
    format!("{}-backup-", station.chars().take(40).map(sign).collect::<String>())
}

/// The name of a backup of that moment.
pub(super) fn name(prefix: &str, now: Timestamp) -> String {
    let moment = now.to_rfc3339();
    let seconds = moment.split('.').next().unwrap_or(&moment).replace(':', "-");
    format!("{prefix}{seconds}Z.tar")
}

/// The moment in such a name; none for any other.
pub(super) fn moment(prefix: &str, name: &str) -> Option<Timestamp> {
    let words = name.strip_prefix(prefix)?.strip_suffix("Z.tar")?;
    let (day, time) = words.split_once('T')?;
    Timestamp::parse_rfc3339(&format!("{day}T{}Z", time.replace('-', ":")))
}

/// The names that go, so that the newest `keep` stay; what is no backup of this station is none of it. Those of the future were made by a
/// clock that was wrong, and go first: they must not outlive what is made now.
pub(super) fn outdated(prefix: &str, names: &[String], keep: usize, now: Timestamp) -> Vec<String> {
    let mut ours: Vec<(Timestamp, &String)> =
        names.iter().filter_map(|name| Some((moment(prefix, name)?, name))).collect();
    ours.sort_by_key(|(moment, name)| (*moment <= now, *moment, *name));
    let gone = ours.len().saturating_sub(keep);
    ours.into_iter().take(gone).map(|(_, name)| name.clone()).collect()
}

/// Whether a name is of a backup of this station that was never finished.
pub(super) fn is_unfinished(prefix: &str, name: &str) -> bool {
    [".part", ".writing"].iter().filter_map(|end| name.strip_suffix(end)).any(|name| moment(prefix, name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn backups_are_due_by_the_clock_or_after_the_last_one() {
        let zone = FixedOffset::east_opt(3600).unwrap();
        let (day, started) = (BackupTime::Every(Duration::from_secs(86_400)), at("2026-11-22T10:00:00Z"));
        assert_eq!(due(day, None, started, &zone), started, "the first one at once");
        assert_eq!(due(day, Some(at("2026-11-21T12:00:00Z")), started, &zone), at("2026-11-22T12:00:00Z"));
        assert_eq!(due(day, Some(at("2026-11-01T12:00:00Z")), started, &zone), at("2026-11-02T12:00:00Z"), "overdue");
        let night = BackupTime::At(150);
        assert_eq!(due(night, None, started, &zone), at("2026-11-23T01:30:00Z"), "02:30 by local clocks");
        let last = at("2026-11-22T01:30:05Z");
        assert_eq!(due(night, Some(last), started, &zone), at("2026-11-23T01:30:00Z"));
        assert_eq!(due(night, Some(at("2026-11-22T01:29:59Z")), started, &zone), at("2026-11-22T01:30:00Z"));
        assert_eq!(due(BackupTime::At(10), None, at("2026-11-22T23:30:00Z"), &zone), at("2026-11-23T23:10:00Z"));
    }

    #[test]
    fn names_tell_their_moment_and_only_ours_go() {
        let prefix = prefix("Noordpolder / 1");
        let name = |time: &str| name(&prefix, at(time));
        assert_eq!(name("2026-11-22T02:30:00.25Z"), "noordpolder---1-backup-2026-11-22T02-30-00Z.tar");
        assert_eq!(moment(&prefix, &name("2026-11-22T02:30:00Z")), Some(at("2026-11-22T02:30:00Z")));
        let mut names: Vec<String> = (10..20).map(|day| name(&format!("2026-11-{day}T02:30:00Z"))).collect();
        names.extend(["notes.tar", "other-backup-2020-01-01T00-00-00Z.tar"].map(str::to_owned));
        names.push(format!("{prefix}yesterday.tar"));
        names.reverse();
        let now = at("2026-11-30T00:00:00Z");
        let gone = outdated(&prefix, &names, 8, now);
        assert_eq!(gone, [name("2026-11-10T02:30:00Z"), name("2026-11-11T02:30:00Z")]);
        assert_eq!(outdated(&prefix, &names, 20, now), Vec::<String>::new());
        // A clock was years ahead for a while: what it made goes before what is made now.
        let early = at("2026-11-11T00:00:00Z");
        let gone = outdated(&prefix, &names, 1, early);
        assert_eq!(gone.len(), 9);
        assert!(!gone.contains(&name("2026-11-10T02:30:00Z")), "{gone:?}");
        assert!(is_unfinished(&prefix, &format!("{}.part", name("2026-11-10T02:30:00Z"))));
        assert!(!is_unfinished(&prefix, "notes.part") && !is_unfinished(&prefix, &names[0]));
    }
}
