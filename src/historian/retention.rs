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

/// The horizons at `now`. `all_bytes` is what everything takes, `months` (oldest first) what of it are samples, `kept_from` since when these
/// are kept.
pub(super) fn horizons(
    retention: &Retention,
    now: i64,
    months: &[MonthUse],
    all_bytes: u64,
    kept_from: i64,
) -> Horizons {
    let mut raw_from = since(now, retention.raw);
    let minutes_from = since(now, retention.minutes).min(raw_from);
    let most = retention.most_bytes.unwrap_or(u64::MAX);
    let mut bytes = all_bytes;
    for of in months {
        if bytes <= most {
            break;
        }
        if of.month.end() <= kept_from {
            // Its file is about to go.
            bytes = bytes.saturating_sub(of.bytes);
            continue;
        }
        let (start, end) = (of.month.start().max(kept_from), of.month.end().min(now));
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
    /// Days until the disk is full; none when it is not in sight, or when history reaches its cap before.
    pub days_left: Option<u64>,
    /// Days until the cap is reached and the oldest samples go, as they are meant to; none without a cap or while growth is not known.
    pub days_to_cap: Option<u64>,
    /// What all files together may take; none without a cap.
    pub most_bytes: Option<u64>,
    /// Whether samples went because of the cap before, and it is still about reached.
    pub is_capped: bool,
}

/// Looks ahead. Growth is what the last two months take, over the days since their `first` sample. `bytes` is what all files take, and what
/// is free on the disk.
pub(super) fn forecast(
    retention: &Retention,
    now: i64,
    months: &[MonthUse],
    first: i64,
    [bytes, free_bytes]: [u64; 2],
) -> Forecast {
    let recent = recent(months);
    let since = recent.first().map_or(now, |of| of.month.start().max(first));
    let days = (now.saturating_sub(since) / DAY).max(1);
    let bytes_a_day = recent.iter().map(|of| of.bytes).sum::<u64>() / days.unsigned_abs();
    let until = |room: u64| (bytes_a_day > 0).then(|| room / bytes_a_day);
    let room = retention.most_bytes.map(|most| most.saturating_sub(bytes));
    // At the cap history grows no more.
    let fills_disk = room.is_none_or(|room| room > free_bytes);
    let days_left = until(free_bytes).filter(|_| fills_disk);
    let (days_to_cap, most_bytes) = (room.and_then(until), retention.most_bytes);
    Forecast { bytes, bytes_a_day, free_bytes, days_left, days_to_cap, most_bytes, is_capped: false }
}

/// The months by which growth is judged.
pub(super) fn recent(months: &[MonthUse]) -> &[MonthUse] {
    &months[months.len().saturating_sub(2)..]
}

/// Before so many days an operator hears of it.
const WARN_DAYS: u64 = 14;
/// Ten years: as good as never.
const NEVER_DAYS: u64 = 3650;

/// Of the cap: from here on somebody should look.
const NEAR_PERCENT: u64 = 90;
/// Of the cap: below this it is not about reached any more.
pub(super) const WELL_BELOW_PERCENT: u64 = 80;

impl Forecast {
    /// What history takes of its cap, in percent, rounded down; none without a cap, or before the files were looked at.
    pub fn percent(&self) -> Option<u64> {
        let most = self.most_bytes.filter(|most| *most > 0)?;
        Some((u128::from(self.bytes) * 100 / u128::from(most)) as u64)
    }

    /// Why somebody should look before the oldest samples go because of the cap. When they have begun to go, as they are meant to, there is
    /// nothing to be done in time any more, and nothing is said.
    pub fn near_limit(&self) -> Option<String> {
        let (percent, most) = (self.percent()?, self.most_bytes? / 1_000_000);
        let soon = self.days_to_cap.filter(|days| *days < WARN_DAYS);
        if self.is_capped || (percent < NEAR_PERCENT && soon.is_none()) {
            return None;
        }
        let when = soon.map_or_else(String::new, |days| format!(", and reaches them in {days} days"));
        Some(format!("history takes {percent} % of the {most} MB that it may take{when}; then the oldest samples go"))
    }

    /// What an operator should know, if anything.
    pub fn warning(&self) -> Option<String> {
        let days = self.days_left.filter(|days| *days < WARN_DAYS)?;
        let mega = self.bytes_a_day >> 20;
        Some(format!("the disk is full in {days} days, at {mega} MB of history a day. Make room, or keep less"))
    }

    /// Days until the disk is full, at most 3650, which stands for never too; none before the files were looked at.
    pub fn days_shown(&self) -> Option<u64> {
        (self.bytes > 0).then(|| self.days_left.unwrap_or(NEVER_DAYS).min(NEVER_DAYS))
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
            horizons(&Retention::default(), now, &months, 8000, i64::MIN),
            Horizons { raw_from: i64::MIN, minutes_from: i64::MIN }
        );
        let days = Retention { raw: Some(20 * day), ..Retention::default() };
        assert_eq!(horizons(&days, now, &months, 8000, i64::MIN).raw_from, at("2026-10-27T10:00:00Z"));
        let bytes = Retention { most_bytes: Some(4500), ..Retention::default() };
        assert_eq!(
            horizons(&bytes, now, &months, 8000, i64::MIN).raw_from,
            at("2026-10-06T00:00:00Z"),
            "all of September and 5 days"
        );
        let tiny = Retention { most_bytes: Some(1), ..Retention::default() };
        assert_eq!(horizons(&tiny, now, &months, 8000, i64::MIN).raw_from, at("2026-11-16T00:00:00Z"), "today stays");
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
    fn of_a_month_of_which_a_part_is_gone_a_day_takes_what_the_rest_takes() {
        let (now, kept_from) = (at("2026-11-16T00:00:00Z"), at("2026-10-22T00:00:00Z"));
        let months = uses(&[("2026-09", 700), ("2026-10", 1000), ("2026-11", 1500)]);
        let bytes = Retention { most_bytes: Some(2300), ..Retention::default() };
        let after = |kept_from| horizons(&bytes, now, &months, 3200, kept_from).raw_from;
        assert_eq!(after(kept_from), at("2026-10-24T00:00:00Z"), "September is about to go, and two days of ten");
    }

    #[test]
    fn at_the_cap_nothing_is_about_to_be_full() {
        let now = at("2026-11-16T00:00:00Z");
        let months = uses(&[("2026-10", 31 << 20), ("2026-11", 15 << 20)]);
        let capped = Retention { most_bytes: Some(60 << 20), ..Retention::default() };
        let steady = forecast(&capped, now, &months, at("2026-10-01T00:00:00Z"), [60 << 20, 100 << 20]);
        assert_eq!((steady.days_left, steady.days_to_cap, steady.warning()), (None, Some(0), None));
        assert_eq!((steady.days_shown(), Forecast::default().days_shown()), (Some(3650), None), "an alarm ends");
        let full = forecast(&capped, now, &months, at("2026-10-01T00:00:00Z"), [50 << 20, 5 << 20]);
        assert_eq!(full.days_left, Some(5), "the disk ends before the cap");
        let young = forecast(&Retention::default(), now, &uses(&[("2026-11", 10 << 20)]), now - 5 * DAY, [0, 10 << 20]);
        assert_eq!((young.bytes_a_day, young.days_left), (2 << 20, Some(5)), "since the first sample");
    }

    #[test]
    fn the_cap_is_told_before_it_is_reached_and_not_after() {
        let now = at("2026-11-16T00:00:00Z");
        let first = at("2026-10-01T00:00:00Z");
        let at_use = |most: u64, used: u64| {
            let capped = Retention { most_bytes: Some(most), ..Retention::default() };
            forecast(&capped, now, &uses(&[("2026-10", 31_000), ("2026-11", 15_000)]), first, [used, 1 << 40])
        };
        let calm = at_use(100_000, 46_000);
        assert_eq!((calm.percent(), calm.near_limit()), (Some(46), None), "54 days to go");
        let near = at_use(1_000_000, 900_000);
        assert!(near.near_limit().unwrap().starts_with("history takes 90 % of the 1 MB"), "{near:?}");
        assert_eq!(at_use(1_000_000, 899_999).near_limit(), None);
        let soon = at_use(60_000, 46_500).near_limit().unwrap();
        assert!(soon.contains("takes 77 %") && soon.contains("in 13 days"), "by the forecast: {soon}");
        assert_eq!(Forecast { is_capped: true, ..near }.near_limit(), None, "that is how it is meant to be");
        assert_eq!(Forecast::default().percent(), None);
    }

    #[test]
    fn the_end_is_told_before() {
        let now = at("2026-11-16T00:00:00Z");
        let months = uses(&[("2026-10", 31 << 20), ("2026-11", 15 << 20)]);
        let first = at("2026-10-01T00:00:00Z");
        let calm = forecast(&Retention::default(), now, &months, first, [60 << 20, 100 << 30]);
        assert_eq!((calm.bytes_a_day, calm.warning()), (1 << 20, None));
        let full = forecast(&Retention::default(), now, &months, first, [60 << 20, 5 << 20]);
        assert!(full.warning().unwrap().contains("full in 5 days"));
        let capped = Retention { most_bytes: Some(70 << 20), ..Retention::default() };
        assert_eq!(forecast(&capped, now, &months, first, [60 << 20, 100 << 30]).days_to_cap, Some(10));
        assert_eq!(forecast(&capped, now, &[], first, [0, 0]).days_left, None);
    }
}
