//! How long samples and minutes are kept, and what follows from a disk that is not endless: pure. Hours are kept for ever.

use super::calendar::{DAY, HOUR, Month, floor};
use crate::tag::Retention;
use std::time::Duration;

/// The file of a month, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MonthUse {
    pub(super) month: Month,
    pub(super) bytes: u64,
}

/// Since when samples and minutes are to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizons {
    pub(super) raw_from: i64,
    pub(super) minutes_from: i64,
}

fn since(now: i64, keep: Option<Duration>) -> i64 {
    let ago = keep.map(|keep| i64::try_from(keep.as_micros()).unwrap_or(i64::MAX));
    ago.map_or(i64::MIN, |ago| floor(now.saturating_sub(ago), HOUR))
}

/// How far a clock may be ahead of what is believed before retention waits: so much may be dropped too early.
pub(super) const BELIEVED_AHEAD: i64 = DAY;

/// A clock that says the same for so long while the station runs is right: somebody would have seen.
const DOUBTED: Duration = Duration::from_secs(7 * 86_400);

/// Until when a clock that says `now` is believed, for the sake of retention: what it drops does not come back, and a clock can be years
/// ahead. It goes on as fast as time `elapsed` while the station ran; where the clock was `doubted` for a week of that, it is believed. Then
/// a station that was off for a month, or began in 1970, catches up. A clock that is set back takes nothing away.
pub(super) fn believed(before: i64, now: i64, elapsed: Duration, doubted: Duration) -> i64 {
    let elapsed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
    let reach = if doubted >= DOUBTED { now } else { before.saturating_add(elapsed) };
    before.max(now.min(reach))
}

/// The horizons at `now`. `all_bytes` is what everything takes, `months` (oldest first) what of it are samples.
pub(super) fn horizons(retention: &Retention, now: i64, months: &[MonthUse], all_bytes: u64) -> Horizons {
    let mut raw_from = since(now, retention.raw);
    let minutes_from = since(now, retention.minutes).min(raw_from);
    let most = retention.most_bytes.unwrap_or(u64::MAX);
    let mut bytes = all_bytes;
    for of in months {
        if bytes <= most {
            break;
        }
        let (start, end) = (of.month.start(), of.month.end().min(now));
        // Whole days go, as many as needed; the last one stays whatever happens.
        let days = (end.saturating_sub(start) / DAY).max(1);
        let a_day = (of.bytes / days as u64).max(1);
        let wanted = i64::try_from((bytes - most).div_ceil(a_day)).unwrap_or(i64::MAX).min(days);
        let border = start.saturating_add(wanted.saturating_mul(DAY)).min(floor(now, DAY));
        raw_from = raw_from.max(border);
        bytes = bytes.saturating_sub(a_day.saturating_mul(wanted as u64));
    }
    Horizons { raw_from, minutes_from }
}

/// What the files take, and how that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// All files of history, in bytes.
    pub bytes: u64,
    /// What they grow by in a day, by the last weeks; 0 while that is not known.
    pub bytes_a_day: u64,
    /// Free on the disk.
    pub free_bytes: u64,
    /// Days until the disk is full, or the cap is reached and the oldest samples go; none when neither is in sight.
    pub days_left: Option<u64>,
    /// Whether what ends first is the cap, not the disk.
    pub cap_first: bool,
}

/// Looks ahead. Growth is what the last two months take, over the days that they cover.
pub(super) fn forecast(retention: &Retention, now: i64, months: &[MonthUse], bytes: u64, free_bytes: u64) -> Forecast {
    let recent = &months[months.len().saturating_sub(2)..];
    let days = recent.first().map_or(0, |of| (now.saturating_sub(of.month.start()) / DAY).max(1));
    let bytes_a_day = recent.iter().map(|of| of.bytes).sum::<u64>() / days.max(1) as u64;
    let until = |room: u64| (bytes_a_day > 0).then(|| room / bytes_a_day);
    let disk = until(free_bytes);
    let cap = retention.most_bytes.and_then(|most| until(most.saturating_sub(bytes)));
    let cap_first = cap.is_some_and(|cap| disk.is_none_or(|disk| cap <= disk));
    Forecast { bytes, bytes_a_day, free_bytes, days_left: if cap_first { cap } else { disk }, cap_first }
}

/// Before so many days an operator hears of it.
const WARN_DAYS: u64 = 14;

impl Forecast {
    /// What an operator should know, if anything.
    pub fn warning(&self) -> Option<String> {
        let days = self.days_left.filter(|days| *days < WARN_DAYS)?;
        let mega = self.bytes_a_day >> 20;
        Some(if self.cap_first {
            format!(
                "history reaches its limit in {days} days, at {mega} MB a day; the oldest samples go then. Raise \"most\" or keep less"
            )
        } else {
            format!("the disk is full in {days} days, at {mega} MB of history a day. Make room, or keep less")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Timestamp;

    fn at(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).unwrap().as_micros()
    }

    fn uses(list: &[(&str, u64)]) -> Vec<MonthUse> {
        list.iter().map(|(words, bytes)| MonthUse { month: Month::parse(words).unwrap(), bytes: *bytes }).collect()
    }

    #[test]
    fn days_and_bytes_set_the_horizon() {
        let now = at("2026-11-16T10:30:00Z");
        let months = uses(&[("2026-09", 3000), ("2026-10", 3100), ("2026-11", 1500)]);
        let day = Duration::from_secs(86_400);
        assert_eq!(
            horizons(&Retention::default(), now, &months, 8000),
            Horizons { raw_from: i64::MIN, minutes_from: i64::MIN }
        );
        let days = Retention { raw: Some(20 * day), ..Retention::default() };
        assert_eq!(horizons(&days, now, &months, 8000).raw_from, at("2026-10-27T10:00:00Z"));
        let bytes = Retention { most_bytes: Some(4500), ..Retention::default() };
        assert_eq!(
            horizons(&bytes, now, &months, 8000).raw_from,
            at("2026-10-06T00:00:00Z"),
            "all of September and 5 days"
        );
        let tiny = Retention { most_bytes: Some(1), ..Retention::default() };
        assert_eq!(horizons(&tiny, now, &months, 8000).raw_from, at("2026-11-16T00:00:00Z"), "today stays");
    }

    #[test]
    fn a_clock_is_believed_step_by_step() {
        let (now, hour) = (at("2026-11-16T10:00:00Z"), Duration::from_secs(3600));
        let (wrong, calm) = (at("2036-01-01T00:00:00Z"), Duration::ZERO);
        assert_eq!(believed(now, now + HOUR, hour, calm), now + HOUR);
        assert_eq!(believed(now, wrong, hour, 100 * hour), now + HOUR);
        assert_eq!(believed(now, wrong, hour, 168 * hour), wrong, "for a week");
        assert_eq!(believed(now, now - DAY, hour, 168 * hour), now);
        assert_eq!(believed(i64::MAX - 1, i64::MAX, Duration::MAX, calm), i64::MAX);
    }

    #[test]
    fn the_end_is_told_before() {
        let now = at("2026-11-16T00:00:00Z");
        let months = uses(&[("2026-10", 31 << 20), ("2026-11", 15 << 20)]);
        let calm = forecast(&Retention::default(), now, &months, 60 << 20, 100 << 30);
        assert_eq!((calm.bytes_a_day, calm.warning()), (1 << 20, None));
        let full = forecast(&Retention::default(), now, &months, 60 << 20, 5 << 20);
        assert!(full.warning().unwrap().contains("full in 5 days"));
        let capped = Retention { most_bytes: Some(70 << 20), ..Retention::default() };
        assert!(forecast(&capped, now, &months, 60 << 20, 100 << 30).warning().unwrap().contains("limit in 10 days"));
        assert_eq!(forecast(&capped, now, &[], 0, 0).days_left, None);
    }
}
