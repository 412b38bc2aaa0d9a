//! What went over one connection: in the last hour, and in each calendar month. A clock that was wrong for a while makes a month of its own
//! and takes nothing from the right one.

use crate::driver::socket::Counted;
use crate::tag::Monotonic;
use chrono::Datelike;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Months that are kept.
const MONTHS: usize = 24;
/// Minutes that make the last hour.
const MINUTES: u64 = 60;
const MICROS_A_MINUTE: u64 = 60_000_000;

/// A calendar month by the clock of this computer, such as `2026-11`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Month(String);

impl Month {
    pub(super) fn of(date: &impl Datelike) -> Self {
        Self(format!("{:04}-{:02}", date.year(), date.month()))
    }
}

/// What was counted, by month.
pub(super) type Months = BTreeMap<Month, Counted>;

/// The account of one connection.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// What the meter said last.
    last: Counted,
    /// By the minute since the start, oldest first.
    minutes: VecDeque<(u64, Counted)>,
    pub(super) months: Months,
}

impl Account {
    /// An account that goes on with what is known of months.
    pub(super) fn new(months: Months) -> Self {
        Self { months, ..Self::default() }
    }

    /// The meter says this now; whether anything went over the connection since it was last asked.
    pub(super) fn take(&mut self, counted: Counted, month: &Month, now: Monotonic) -> bool {
        // A meter that begins anew has counted all that it says.
        let is_new = counted.sent < self.last.sent || counted.received < self.last.received;
        let fresh = if is_new { counted } else { counted.since(&self.last) };
        self.last = counted;
        let minute = now.as_micros() / MICROS_A_MINUTE;
        while self.minutes.front().is_some_and(|(before, _)| before + MINUTES <= minute) {
            self.minutes.pop_front();
        }
        if fresh == Counted::default() {
            return false;
        }
        match self.minutes.back_mut() {
            Some((same, total)) if *same == minute => *total = total.plus(&fresh),
            _ => self.minutes.push_back((minute, fresh)),
        }
        let total = self.months.entry(month.clone()).or_default();
        *total = total.plus(&fresh);
        while self.months.len() > MONTHS {
            self.months.pop_first();
        }
        true
    }

    /// What went over it in the last hour, to the minute.
    pub(super) fn hour(&self) -> Counted {
        self.minutes.iter().fold(Counted::default(), |sum, (_, counted)| sum.plus(counted))
    }

    /// What went over it in this month.
    pub(super) fn month(&self, month: &Month) -> Counted {
        self.months.get(month).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn bytes(sent: u64) -> Counted {
        Counted { sent, received: 0, packets: 0 }
    }

    fn month(text: &str) -> Month {
        Month(text.to_owned())
    }

    const fn minute(minutes: u64) -> Monotonic {
        Monotonic::from_micros(minutes * MICROS_A_MINUTE)
    }

    #[test]
    fn an_hour_forgets_and_a_month_does_not() {
        let (mut account, november) = (Account::default(), month("2026-11"));
        assert!(account.take(bytes(100), &november, minute(0)));
        assert!(account.take(bytes(150), &november, minute(59)));
        assert_eq!(account.hour(), bytes(150));
        assert!(!account.take(bytes(150), &november, minute(60)), "nothing was sent");
        assert_eq!((account.hour(), account.month(&november)), (bytes(50), bytes(150)));
        assert!(!account.take(bytes(150), &november, minute(119)));
        assert_eq!((account.hour(), account.month(&november)), (bytes(0), bytes(150)));
    }

    #[test]
    fn a_month_begins_at_nothing_and_one_that_is_known_goes_on() {
        let mut account = Account::new(Months::from([(month("2026-11"), bytes(1000))]));
        account.take(bytes(5), &month("2026-11"), minute(0));
        account.take(bytes(7), &month("2026-12"), minute(1));
        assert_eq!((account.month(&month("2026-11")), account.month(&month("2026-12"))), (bytes(1005), bytes(2)));
    }

    #[test]
    fn a_clock_that_was_wrong_takes_nothing_from_the_right_month() {
        let mut account = Account::new(Months::from([(month("2026-11"), bytes(1000))]));
        for (total, wrong) in [(1, "1970-01"), (2, "2038-01")] {
            account.take(bytes(total), &month(wrong), minute(total));
        }
        account.take(bytes(12), &month("2026-11"), minute(3));
        assert_eq!(account.month(&month("2026-11")), bytes(1010));
    }

    #[test]
    fn a_meter_that_begins_anew_is_believed() {
        let mut account = Account::default();
        account.take(bytes(100), &month("2026-11"), minute(0));
        account.take(bytes(30), &month("2026-11"), minute(0));
        assert_eq!(account.month(&month("2026-11")), bytes(130));
    }

    #[test]
    fn two_years_are_kept() {
        let mut account = Account::default();
        for number in 0..30_u32 {
            let name = Month(format!("{:04}-{:02}", 2026 + number / 12, number % 12 + 1));
            account.take(bytes(u64::from(number) + 1), &name, minute(0));
        }
        let first = account.months.first_key_value().map(|(name, _)| name.clone());
        assert_eq!((account.months.len(), first), (MONTHS, Some(month("2026-07"))));
    }

    #[test]
    fn months_are_written_as_people_write_them() {
        let date = chrono::NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        assert_eq!(Month::of(&date), month("2026-03"));
    }
}
