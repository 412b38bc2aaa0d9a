//! Which part of a range comes out of samples, of minutes, of hours: pure.

use super::calendar::{HOUR, MINUTE, ceiling, floor};
use super::rollups::Resolution;

/// A column out of rollups holds at least this many buckets, so that a bucket on its border shifts by a quarter of a pixel at most.
const BUCKETS: i64 = 4;

/// What there is to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Samples from before are dropped.
    pub(super) raw_from: i64,
    /// Minutes from before are dropped.
    pub(super) minutes_from: i64,
    /// From here on rollups are not complete.
    pub(super) rolled_to: i64,
}

/// A part of a range, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Samples, if none.
    pub(super) resolution: Option<Resolution>,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Part {
    pub(super) const fn samples(from: i64, to: i64) -> Self {
        Self { resolution: None, from, to }
    }
}

/// The parts of what is known of a range (`known`) that ends at `to`, for a picture of so many columns.
pub(super) fn parts(known: [i64; 2], to: i64, width: usize, kept: &Kept) -> Vec<Part> {
    let [mut from, end] = known;
    let column = to.saturating_sub(from) / width.max(1) as i64;
    let wanted = if column >= BUCKETS * HOUR {
        Some(Resolution::Hours)
    } else if column >= BUCKETS * MINUTE {
        Some(Resolution::Minutes)
    } else {
        None
    };
    let mut parts = Vec::new();
    for (since, resolution) in [(kept.minutes_from, Resolution::Hours), (kept.raw_from, Resolution::Minutes)] {
        let border = floor(since, resolution.width()).min(end);
        if from < border {
            let start = floor(from, resolution.width());
            let hours = wanted == Some(Resolution::Hours);
            if resolution == Resolution::Minutes && hours {
                split(wanted, [start, border], kept, true, &mut parts);
            } else {
                parts.push(Part { resolution: Some(resolution), from: start, to: border });
            }
            from = border;
        }
    }
    split(wanted, [from, end], kept, false, &mut parts);
    // The last moment belongs to the range, and never to a bucket of it.
    if parts.last().is_none_or(|part| part.resolution.is_some()) && end >= kept.raw_from {
        parts.push(Part::samples(end, end));
    }
    parts
}

/// The inner part at the wanted resolution, its edges at the next finer one.
fn split(wanted: Option<Resolution>, [from, to]: [i64; 2], kept: &Kept, no_samples: bool, parts: &mut Vec<Part>) {
    if from >= to {
        return;
    }
    let Some(resolution) = wanted else { return parts.push(Part::samples(from, to)) };
    let width = resolution.width();
    if no_samples && resolution == Resolution::Minutes {
        return parts.push(Part { resolution: wanted, from, to });
    }
    let finer = if resolution == Resolution::Hours { Some(Resolution::Minutes) } else { None };
    let (start, end) = (ceiling(from, width), floor(to.min(kept.rolled_to), width));
    if start >= end {
        return split(finer, [from, to], kept, no_samples, parts);
    }
    split(finer, [from, start], kept, no_samples, parts);
    parts.push(Part { resolution: Some(resolution), from: start, to: end });
    split(finer, [end, to], kept, no_samples, parts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historian::calendar::DAY;
    use Resolution::{Hours, Minutes};

    const ALL: Kept = Kept { raw_from: i64::MIN, minutes_from: i64::MIN, rolled_to: i64::MAX };

    fn shown(known: [i64; 2], width: usize, kept: &Kept) -> Vec<(Option<Resolution>, i64, i64)> {
        let parts = parts(known, known[1], width, kept);
        for pair in parts.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "no hole, nothing twice");
        }
        parts.into_iter().map(|part| (part.resolution, part.from, part.to)).collect()
    }

    #[test]
    fn wide_columns_come_out_of_rollups_with_exact_edges() {
        assert_eq!(shown([5, DAY], 1000, &ALL), [(None, 5, DAY)]);
        let half = MINUTE / 2;
        assert_eq!(
            shown([half, 30 * DAY + half], 1000, &ALL),
            [(None, half, MINUTE), (Some(Minutes), MINUTE, 30 * DAY), (None, 30 * DAY, 30 * DAY + half)]
        );
        assert_eq!(
            shown([half, 365 * DAY], 1000, &ALL),
            [
                (None, half, MINUTE),
                (Some(Minutes), MINUTE, HOUR),
                (Some(Hours), HOUR, 365 * DAY),
                (None, 365 * DAY, 365 * DAY)
            ]
        );
    }

    #[test]
    fn what_is_not_sealed_yet_comes_out_of_samples() {
        let kept = Kept { rolled_to: 29 * DAY + HOUR / 2 + 1, ..ALL };
        let border = 29 * DAY + HOUR / 2;
        assert_eq!(shown([0, 30 * DAY], 1000, &kept), [(Some(Minutes), 0, border), (None, border, 30 * DAY)]);
        let kept = Kept { rolled_to: i64::MIN, ..ALL };
        assert_eq!(shown([0, 30 * DAY], 1000, &kept), [(None, 0, 30 * DAY)]);
    }

    #[test]
    fn what_is_not_kept_any_more_comes_out_of_what_is() {
        let kept = Kept { raw_from: 20 * HOUR, minutes_from: 10 * HOUR, ..ALL };
        assert_eq!(
            shown([HOUR + 5, DAY], 1000, &kept),
            [(Some(Hours), HOUR, 10 * HOUR), (Some(Minutes), 10 * HOUR, 20 * HOUR), (None, 20 * HOUR, DAY)]
        );
    }
}
