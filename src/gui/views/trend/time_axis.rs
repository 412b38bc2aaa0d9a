//! Marks at round moments of the local clock.

use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};

/// Local time: how many seconds before UTC it is at a moment, in seconds since 1970.
pub(super) struct Clock<'a> {
    offset: &'a dyn Fn(f64) -> i32,
}

impl<'a> Clock<'a> {
    pub(super) fn new(offset: &'a dyn Fn(f64) -> i32) -> Self {
        Self { offset }
    }

    #[cfg(test)]
    pub(super) fn utc() -> Self {
        Self { offset: &|_| 0 }
    }

    pub(super) fn offset(&self, seconds: f64) -> f64 {
        f64::from((self.offset)(seconds))
    }

    fn local(&self, seconds: f64) -> Option<DateTime<FixedOffset>> {
        let zone = FixedOffset::east_opt((self.offset)(seconds)).unwrap_or(Utc.fix());
        zone.timestamp_micros((seconds * 1e6) as i64).single()
    }

    /// A moment in chrono's words.
    pub(super) fn show(&self, seconds: f64, pattern: &str) -> String {
        self.local(seconds).map_or_else(|| "?".to_owned(), |moment| moment.format(pattern).to_string())
    }

    /// How much earlier the same time of the clock was some days ago: not always whole days, because clocks are put forward and back.
    pub(super) fn days_ago(&self, seconds: f64, days: u32) -> f64 {
        let whole = f64::from(days) * 86_400.0;
        whole - (self.offset(seconds) - self.offset(seconds - whole))
    }
}

/// Steps of marks, in seconds.
const STEPS: [f64; 30] = [
    0.01,
    0.1,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1200.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    14_400.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    604_800.0,
    1_209_600.0,
    2_592_000.0,
    7_776_000.0,
    31_557_600.0,
];

/// Round moments between two, not more than `at_most`, and the step between them.
pub(super) fn marks_of(bounds: [f64; 2], at_most: usize, clock: &Clock<'_>) -> (Vec<f64>, f64) {
    let span = bounds[1] - bounds[0];
    let step = STEPS.into_iter().find(|step| span / step <= at_most as f64).unwrap_or(span / 6.0);
    let zone = clock.offset(bounds[0]);
    let first = ((bounds[0] + zone) / step).ceil() * step - zone;
    let mark = |place: i32| {
        let moment = first + f64::from(place) * step;
        // Steps of hours and more stay at round hours when the clock is changed in between.
        if step >= 3600.0 { moment - (clock.offset(moment) - zone) } else { moment }
    };
    ((0..200).map(mark).take_while(|moment| *moment <= bounds[1]).collect(), step)
}

/// What stands below a mark.
pub(super) fn label(seconds: f64, step: f64, clock: &Clock<'_>) -> String {
    let pattern = match step {
        step if step < 1.0 => "%H:%M:%S%.3f",
        step if step < 60.0 => "%H:%M:%S",
        step if step < 86_400.0 => "%H:%M",
        step if step < 2_592_000.0 => "%a %d %b",
        _ => "%b %Y",
    };
    // Midnight is where a new day begins.
    if (3600.0..86_400.0).contains(&step) && clock.show(seconds, "%H:%M") == "00:00" {
        return clock.show(seconds, "%a %d %b");
    }
    clock.show(seconds, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: f64, span: f64, expected: &str) {
        let zone = |_: f64| 3600;
        let clock = Clock::new(&zone);
        let (marks, step) = marks_of([from, from + span], 6, &clock);
        let words: Vec<String> = marks.iter().map(|mark| label(*mark, step, &clock)).collect();
        assert_eq!(words.join(" "), expected, "{from} {span}");
    }

    #[test]
    fn marks_stand_at_round_moments_of_the_local_clock() {
        check(82_800.0, 300.0, "00:00 00:01 00:02 00:03 00:04 00:05");
        check(1000.0, 10.0, "01:16:40 01:16:42 01:16:44 01:16:46 01:16:48 01:16:50");
        check(0.0, 86_400.0, "04:00 08:00 12:00 16:00 20:00 Fri 02 Jan");
        check(0.0, 30.0 * 86_400.0, "Thu 08 Jan Thu 15 Jan Thu 22 Jan Thu 29 Jan");
        check(0.5, 2.0, "01:00:00.500 01:00:01.000 01:00:01.500 01:00:02.000 01:00:02.500");
    }

    #[test]
    fn the_same_hour_of_another_day_survives_a_change_of_the_clock() {
        // The clock is put back by an hour at 100,000 s.
        let zone = |seconds: f64| if seconds < 100_000.0 { 7200 } else { 3600 };
        let clock = Clock::new(&zone);
        assert_eq!(clock.days_ago(150_000.0, 1), 90_000.0);
        assert_eq!(clock.days_ago(300_000.0, 1), 86_400.0);
        assert_eq!(clock.days_ago(604_800.0 + 50_000.0, 7), 604_800.0 + 3600.0);
    }
}
