//! Asks history for what is shown and a margin on both sides, and keeps the last answer until the next one is there.

use super::bands::{Piece, Pieces, Said};
use super::curve::Point;
use crate::historian::QueryError;
use crate::station::{Handle, Ticket};
use crate::tag::{Monotonic, Now, TagKey, Timestamp};
use std::time::Duration;

/// Share of the span that is asked for beyond each edge.
const MARGIN: f64 = 0.5;
/// While the present is shown, it is asked for again at least this seldom.
const SELDOM: f64 = 30.0;

/// A piece of time in equal columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) columns: usize,
}

/// What is to be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) bounds: [f64; 2],
    pub(super) pixels: usize,
    pub(super) now: f64,
    pub(super) is_live: bool,
}

impl Sight {
    /// Seconds that a pixel covers.
    fn pixel(&self) -> f64 {
        ((self.bounds[1] - self.bounds[0]) / self.pixels.max(1) as f64).max(1e-6)
    }

    /// What to ask for. Columns begin at whole multiples of their width, so that the same samples fall into the same column however often
    /// it is asked: a picture that creeps along does not flicker.
    pub(super) fn wanted(&self) -> Range {
        let (pixel, span) = (self.pixel(), self.bounds[1] - self.bounds[0]);
        let from = ((self.bounds[0] - MARGIN * span) / pixel).floor() * pixel;
        let right = if self.is_live { self.now } else { (self.bounds[1] + MARGIN * span).min(self.now) };
        let columns = ((right - from) / pixel).ceil().clamp(1.0, 10_000.0);
        Range { from, to: from + columns * pixel, columns: columns as usize }
    }

    /// Whether an answer for `range` shows what is to be seen, finely enough, with `spare` of the span left over at the edges.
    fn is_served_by(&self, range: &Range, spare: f64) -> bool {
        let [from, to] = self.bounds;
        let spare = spare * (to - from);
        let fineness = (range.to - range.from) / range.columns.max(1) as f64 / self.pixel();
        // What has just happened comes with the live value.
        let right = if self.is_live { f64::MIN } else { (to + spare).min(self.now - self.pixel()) };
        range.from <= from - spare && range.to >= right && (0.45..=1.6).contains(&fineness)
    }

    /// Whether to ask now.
    pub(super) fn is_due(&self, have: Option<&Range>, pending: Option<&Range>, age: Option<Duration>) -> bool {
        if let Some(pending) = pending {
            // An answer that will do is waited for: asking anew in every frame of a drag would never bring one.
            return !self.is_served_by(pending, 0.0);
        }
        let Some(have) = have else { return age.is_none_or(|age| age >= Duration::from_secs(1)) };
        let old = age.is_none_or(|age| age.as_secs_f64() >= self.pixel().clamp(1.0, SELDOM));
        !self.is_served_by(have, 0.1) || (self.is_live && old)
    }
}

/// What history said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Points(Vec<Point>),
    Pieces(Vec<Piece>),
}

type Answer = Result<Data, QueryError>;

/// The question of one pen.
pub(super) struct Feed {
    data: Data,
    have: Option<Range>,
    pending: Option<(Ticket<Answer>, Range)>,
    asked_at: Option<Monotonic>,
    failed: Option<String>,
    /// Whose answers these are, where that changes.
    of: Option<TagKey>,
}

impl Default for Feed {
    fn default() -> Self {
        let data = Data::Points(Vec::new());
        Self { data, have: None, pending: None, asked_at: None, failed: None, of: None }
    }
}

impl Feed {
    /// What is known, the newest answer that there is.
    pub(super) fn points(&self) -> &[Point] {
        match &self.data {
            Data::Points(points) => points,
            Data::Pieces(_) => &[],
        }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        match &self.data {
            Data::Pieces(pieces) => pieces,
            Data::Points(_) => &[],
        }
    }

    /// Where the answer ends.
    pub(super) fn end(&self) -> Option<f64> {
        self.have.map(|range| range.to)
    }

    /// Why the last question failed.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes an answer that has come, and asks where it is time to.
    pub(super) fn refresh(&mut self, handle: &Handle, key: &TagKey, sight: Sight, is_text: bool, now: Now) {
        self.receive();
        let age = self.asked_at.map(|at| now.monotonic.since(at));
        let is_other_kind = is_text != matches!(self.data, Data::Pieces(_)) && self.pending.is_none();
        let pending = self.pending.as_ref().map(|(_, range)| range);
        if self.failed.is_some() && age.is_some_and(|age| age < Duration::from_secs(1)) {
            return;
        }
        if !sight.is_due(self.have.as_ref().filter(|_| !is_other_kind), pending, age) {
            return;
        }
        let (range, key) = (sight.wanted(), key.clone());
        self.asked_at = Some(now.monotonic);
        // The question before it, if it still runs, is cancelled with its ticket.
        let ticket = match is_text {
            true => handle.ask(move |context, cancelled| pieces(context.samples()?, &key, range, cancelled)),
            false => handle.ask(move |context, cancelled| {
                let [from, to] = [range.from, range.to].map(Timestamp::from_seconds);
                let columns = context.samples()?.columns(&key, from, to, range.columns, cancelled)?;
                Ok(Data::Points(columns.iter().map(Point::from).collect()))
            }),
        };
        self.pending = Some((ticket, range));
    }

    /// The same where the tag is not always the same one.
    pub(super) fn refresh_for(&mut self, handle: &Handle, key: &TagKey, sight: Sight, now: Now) {
        if self.of.as_ref() != Some(key) {
            *self = Self { of: Some(key.clone()), ..Self::default() };
        }
        self.refresh(handle, key, sight, false, now);
    }

    fn receive(&mut self) {
        let Some((ticket, range)) = &mut self.pending else { return };
        let Some(answer) = ticket.poll() else { return };
        let range = *range;
        self.pending = None;
        match answer {
            Some(Ok(data)) => (self.data, self.have, self.failed) = (data, Some(range), None),
            Some(Err(error)) => self.failed = Some(error.to_string()),
            None => self.failed = Some("too many questions wait; asked again".to_owned()),
        }
    }
}

/// The words of a text over time.
fn pieces(
    reader: &crate::historian::Reader,
    key: &TagKey,
    range: Range,
    cancelled: &dyn Fn() -> bool,
) -> Result<Data, QueryError> {
    let said = |sample: &crate::tag::Sample| match &sample.value {
        Some(value) if !sample.quality.is_bad() => Said::Word(value.to_string().into()),
        _ => Said::Unknown,
    };
    let mut gathering = Pieces::new((range.to - range.from) / range.columns.max(1) as f64);
    let [from, to] = [range.from, range.to].map(Timestamp::from_seconds);
    if let Some(before) = reader.before(key, from)? {
        gathering.add(range.from, said(&before));
    }
    let mut count = 0u32;
    reader.visit(key, from, to, |sample| {
        gathering.add(sample.time.as_seconds(), said(&sample));
        count += 1;
        !count.is_multiple_of(4096) || !cancelled()
    })?;
    Ok(Data::Pieces(gathering.finish(range.to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(bounds: [f64; 2], is_live: bool) -> Sight {
        Sight { bounds, pixels: 100, now: 1000.0, is_live }
    }

    #[test]
    fn a_margin_is_asked_for_on_both_sides_but_never_the_future() {
        assert_eq!(sight([400.0, 500.0], false).wanted(), Range { from: 350.0, to: 550.0, columns: 200 });
        assert_eq!(sight([900.0, 1000.0], true).wanted(), Range { from: 850.0, to: 1000.0, columns: 150 });
        assert_eq!(sight([890.0, 990.0], false).wanted().to, 1000.0);
        let creeping = |shift: f64| sight([400.0 + shift, 500.0 + shift], false).wanted().from;
        assert_eq!((creeping(0.0), creeping(0.4), creeping(1.2)), (350.0, 350.0, 351.0));
    }

    /// Whether is asked, out of what is there, what is on its way, and how long ago the last question was.
    fn check(
        bounds: [f64; 2],
        is_live: bool,
        have: Option<[f64; 3]>,
        pending: Option<[f64; 3]>,
        age: u64,
        expected: bool,
    ) {
        let range = |[from, to, columns]: [f64; 3]| Range { from, to, columns: columns as usize };
        let (have, pending) = (have.map(range), pending.map(range));
        let found = sight(bounds, is_live).is_due(have.as_ref(), pending.as_ref(), Some(Duration::from_millis(age)));
        assert_eq!(found, expected, "{bounds:?} {have:?} {pending:?} {age}");
    }

    #[test]
    fn it_is_asked_before_the_edge_is_reached_and_not_in_every_frame() {
        let middle = Some([350.0, 550.0, 200.0]);
        check([400.0, 500.0], false, None, None, 2000, true);
        check([400.0, 500.0], false, middle, None, 60_000, false);
        check([430.0, 530.0], false, middle, None, 100, false);
        check([445.0, 545.0], false, middle, None, 100, true);
        check([445.0, 545.0], false, middle, Some([395.0, 595.0, 200.0]), 100, false);
        check([500.0, 600.0], false, middle, Some([395.0, 550.0, 155.0]), 100, true);
        // Zoomed in to less than half: too coarse. A little: fine enough.
        check([440.0, 460.0], false, middle, None, 100, true);
        check([410.0, 490.0], false, middle, None, 100, false);
        check([900.0, 1000.0], true, Some([850.0, 1000.0, 150.0]), None, 500, false);
        check([900.0, 1000.0], true, Some([850.0, 1000.0, 150.0]), None, 1000, true);
        check([900.0, 1000.0], true, Some([850.0, 1000.0, 150.0]), Some([850.0, 1000.0, 150.0]), 5000, false);
        // Standing still at the present.
        check([900.0, 1000.0], false, Some([850.0, 1000.0, 150.0]), None, 5000, false);
    }
}
