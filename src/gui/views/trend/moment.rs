//! Moments as people write them: `2026-11-21 14:00`, `yesterday 14:00`, `14:00`, `-2h`, and two of them with `to` in between.

use crate::tag::Timestamp;
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::gui) enum Goal {
    /// To a moment, in seconds since 1970.
    Moment(f64),
    /// To a piece of time.
    Range([f64; 2]),
}

/// What a text means at `now` in a time zone, or why it means nothing.
pub(in crate::gui) fn goal<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Result<Goal, String> {
    let text = text.trim().to_lowercase();
    for separator in [" to ", " .. ", ".."] {
        if let Some((from, to)) = text.split_once(separator) {
            let from = moment(from.trim(), now, zone)?;
            // "yesterday 14:00 to 16:00": the second one is of the same day.
            let to = match NaiveTime::parse_from_str(to.trim(), "%H:%M") {
                Ok(time) => at(local(from, zone)?.date(), time, zone)?,
                Err(_) => moment(to.trim(), now, zone)?,
            };
            return Ok(Goal::Range([from.as_seconds(), to.as_seconds()]));
        }
    }
    moment(&text, now, zone).map(|moment| Goal::Moment(moment.as_seconds()))
}

fn moment<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(moment) = Timestamp::parse_rfc3339(&text.to_uppercase()) {
        return Ok(moment);
    }
    if let Some(ago) = text.strip_prefix(['-', '−']) {
        let seconds = duration(ago).ok_or_else(|| wrong(text))?;
        return Ok(Timestamp::from_seconds(now.as_seconds() - seconds));
    }
    let today = local(now, zone)?;
    let is_date = text.starts_with(|sign: char| sign.is_ascii_digit());
    let halves = text.split_once(' ').or_else(|| text.split_once('t').filter(|_| is_date));
    let (day, time) = match halves {
        Some((day, time)) if day_of(day, today.date()).is_some() => (day, Some(time.trim())),
        _ if clock(text).is_some() => ("today", Some(text)),
        _ => (text, None),
    };
    let date = day_of(day, today.date()).ok_or_else(|| wrong(text))?;
    let time = match time {
        Some(time) => clock(time).ok_or_else(|| wrong(text))?,
        None => NaiveTime::MIN,
    };
    let found = at(date, time, zone)?;
    // A time of day alone is the last one that there was.
    if day == "today" && found > now && !text.starts_with("today") {
        let before = date.checked_sub_days(Days::new(1)).ok_or_else(|| wrong(text))?;
        return at(before, time, zone);
    }
    Ok(found)
}

fn local<Z: TimeZone>(moment: Timestamp, zone: &Z) -> Result<NaiveDateTime, String> {
    let moment: Option<DateTime<Z>> = zone.timestamp_micros(moment.as_micros()).single();
    moment.map(|moment| moment.naive_local()).ok_or_else(|| "this clock shows no date".to_owned())
}

/// A local moment. Of an hour that happens twice the first one is meant; one that is left out does not exist.
fn at<Z: TimeZone>(date: NaiveDate, time: NaiveTime, zone: &Z) -> Result<Timestamp, String> {
    match zone.from_local_datetime(&date.and_time(time)) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => {
            Ok(Timestamp::from_micros(moment.timestamp_micros()))
        }
        LocalResult::None => Err(format!("there was no {} on {date}: the clock was put forward", time.format("%H:%M"))),
    }
}

fn day_of(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    match word {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        _ => {
            if let Ok(weekday) = word.parse::<chrono::Weekday>() {
                // The last one that there was.
                return (1..=7).filter_map(|days| today.checked_sub_days(Days::new(days))).find(|date| {
                    use chrono::Datelike;
                    date.weekday() == weekday
                });
            }
            NaiveDate::parse_from_str(word, "%Y-%m-%d").or_else(|_| NaiveDate::parse_from_str(word, "%d-%m-%Y")).ok()
        }
    }
}

fn clock(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// Seconds of `2h`, `90 min`, `1.5 d`, `1h30m`.
fn duration(text: &str) -> Option<f64> {
    let mut seconds = None;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !(sign.is_ascii_digit() || sign == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_and_rest = rest[digits..].trim_start();
        let end = unit_and_rest.find(|sign: char| !sign.is_alphabetic()).unwrap_or(unit_and_rest.len());
        let unit = match &unit_and_rest[..end] {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" | "u" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            "y" | "year" | "years" => 365.25 * 86_400.0,
            _ => return None,
        };
        seconds = Some(seconds.unwrap_or(0.0) + number * unit);
        rest = unit_and_rest[end..].trim_start();
    }
    seconds
}

fn wrong(text: &str) -> String {
    format!("\"{text}\" is no moment; write 2026-11-21 14:00, yesterday 14:00, 14:00, monday 08:00 or -2h")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    /// It is Saturday, 2026-11-21 14:32:07 in a zone one hour before UTC.
    fn check(script: &str, expected: &str) {
        let zone = FixedOffset::east_opt(3600).unwrap();
        let now = Timestamp::parse_rfc3339("2026-11-21T13:32:07Z").unwrap();
        let words = |seconds: f64| {
            let text = Timestamp::from_seconds(seconds).to_rfc3339();
            text[..19].to_owned()
        };
        let found = match goal(script, now, &zone) {
            Ok(Goal::Moment(moment)) => words(moment),
            Ok(Goal::Range([from, to])) => format!("{} {}", words(from), words(to)),
            Err(why) => why,
        };
        assert!(found.starts_with(expected), "{script}: {found}");
    }

    #[test]
    fn moments_are_understood_as_people_write_them() {
        check("2026-11-21 14:00", "2026-11-21T13:00:00");
        check("2026-11-21T14:00:30", "2026-11-21T13:00:30");
        check("2026-11-21T14:00:00Z", "2026-11-21T14:00:00");
        check("21-11-2026 14:00", "2026-11-21T13:00:00");
        check("2026-11-20", "2026-11-19T23:00:00");
        check("yesterday 14:00", "2026-11-20T13:00:00");
        check("Yesterday", "2026-11-19T23:00:00");
        check("today 09:15", "2026-11-21T08:15:00");
        check("14:00", "2026-11-21T13:00:00");
        check("23:00", "2026-11-20T22:00:00");
        check("monday 08:00", "2026-11-16T07:00:00");
        check("saturday 08:00", "2026-11-14T07:00:00");
        check("-2h", "2026-11-21T11:32:07");
        check("-90 min", "2026-11-21T12:02:07");
        check("-1h30m", "2026-11-21T12:02:07");
        check("-1.5 d", "2026-11-20T01:32:07");
        check("now", "2026-11-21T13:32:07");
        check("yesterday 14:00 to 16:30", "2026-11-20T13:00:00 2026-11-20T15:30:00");
        check("-2h to -1h", "2026-11-21T11:32:07 2026-11-21T12:32:07");
        check("2026-11-01 .. 2026-11-08", "2026-10-31T23:00:00 2026-11-07T23:00:00");
    }

    #[test]
    fn nonsense_is_told_with_what_would_be_right() {
        for text in ["soon", "", "25:00", "-2x", "-", "2026-13-01", "yesterday noon", "to"] {
            check(text, &format!("\"{}", text.to_lowercase()));
        }
    }
}
