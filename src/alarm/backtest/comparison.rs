//! Activations with the present settings against those with others.

use super::Span;
use crate::tag::Timestamp;

/// What other settings would have made of a period. An activation is missed when at no moment of it the alarm would have been active with the
/// other settings; one that remains is delayed by as much as the other begins later.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// Activations with the present settings.
    pub activations: usize,
    /// Activations with the other settings.
    pub changed: usize,
    /// How many fewer that is; negative when there are more.
    pub removed: i64,
    /// Activations with the present settings of which nobody would have been told.
    pub missed: usize,
    /// The longest of those.
    pub longest_missed: Option<Span>,
    /// Activations with the other settings that the present ones do not have.
    pub added: usize,
    /// By how much those that remain would have come later, in seconds: half of them not more than this; none where none remains.
    pub median_delay_seconds: Option<f64>,
    /// The most, in seconds.
    pub longest_delay_seconds: Option<f64>,
}

impl Comparison {
    /// Compares activations, both in order of time; those that began before `from` are looked at but not counted.
    pub fn of(present: &[Span], other: &[Span], from: Timestamp) -> Self {
        let is_within = |span: &&Span| span.raised >= from;
        let (activations, changed) = (present.iter().filter(is_within).count(), other.iter().filter(is_within).count());
        let missed: Vec<&Span> =
            present.iter().filter(is_within).filter(|span| first_touching(other, span).is_none()).collect();
        let mut delays = Vec::new();
        let mut added = 0;
        for span in other.iter().filter(is_within) {
            match first_touching(present, span) {
                Some(first) => delays.push(span.raised.micros_since(first.raised).max(0)),
                None => added += 1,
            }
        }
        delays.sort_unstable();
        let seconds = |micros: &i64| *micros as f64 / 1e6;
        Self {
            activations,
            changed,
            removed: activations as i64 - changed as i64,
            missed: missed.len(),
            // Of several as long, the first.
            longest_missed: missed
                .into_iter()
                .rev()
                .max_by_key(|span| span.returned.micros_since(span.raised))
                .copied(),
            added,
            median_delay_seconds: delays.get((delays.len().max(1) - 1) / 2).map(seconds),
            longest_delay_seconds: delays.last().map(seconds),
        }
    }
}

impl Comparison {
    /// What the other settings would bring and what they would cost, in sentences without a full stop. `moment` writes a time as the one who
    /// reads it is used to.
    pub fn words(&self, moment: &dyn Fn(Timestamp) -> String) -> Vec<String> {
        let mut lines = vec![match self.removed {
            removed if removed < 0 => format!("{} activations more", -removed),
            removed => format!("{removed} activations fewer"),
        }];
        lines.push(match self.longest_missed {
            None => "no activation would have been missed".to_owned(),
            Some(span) => format!(
                "{} would have been missed; the longest lasted {} s, from {}",
                self.missed,
                span.seconds(),
                moment(span.raised)
            ),
        });
        if let (Some(median), Some(longest)) = (self.median_delay_seconds, self.longest_delay_seconds) {
            lines.push(format!("those that remain would have come {median} s later (median), {longest} s at most"));
        }
        if self.added > 0 {
            lines.push(format!("{} would have come that do not come now", self.added));
        }
        lines
    }
}

/// The first of these that has a moment in common with a span; both may be without length.
fn first_touching<'a>(spans: &'a [Span], span: &Span) -> Option<&'a Span> {
    let place = spans.partition_point(|other| other.returned < span.raised);
    // One that ends where this begins has nothing in common with it, unless one of them is a moment alone.
    let touches = |other: &&Span| {
        let is_moment = other.raised == other.returned || span.raised == span.returned;
        let (begin, end) = (other.raised.max(span.raised), other.returned.min(span.returned));
        begin < end || (is_moment && begin == end)
    };
    spans[place..].iter().take_while(|other| other.raised <= span.returned).find(touches)
}

#[cfg(test)]
mod tests {
    use super::super::replay::tests::at;
    use super::*;

    fn spans(all: &[[i64; 2]]) -> Vec<Span> {
        all.iter().map(|[raised, returned]| Span { raised: at(*raised), returned: at(*returned) }).collect()
    }

    #[test]
    fn what_is_missed_put_together_or_later_is_told() {
        let present = spans(&[[-50, 10], [20, 25], [30, 35], [100, 200], [300, 301], [400, 460]]);
        // Put together by an off-delay; later by an on-delay; missed.
        let found = Comparison::of(&present, &spans(&[[20, 40], [110, 200], [305, 306]]), at(0));
        assert_eq!((found.activations, found.changed, found.removed), (5, 3, 2));
        assert_eq!((found.missed, found.added), (2, 1));
        assert_eq!(found.longest_missed, Some(spans(&[[400, 460]])[0]));
        assert_eq!((found.median_delay_seconds, found.longest_delay_seconds), (Some(0.0), Some(10.0)));
        let nothing = Comparison::of(&present, &[], at(0));
        assert_eq!((nothing.missed, nothing.longest_delay_seconds), (5, None));
        assert_eq!(nothing.longest_missed.map(|span| span.seconds()), Some(100.0));
    }
}
