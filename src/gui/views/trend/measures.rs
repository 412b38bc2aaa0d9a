//! The statistics between the cursors, out of every sample, worked out off the window's thread.

use super::statistics::{Gathering, Held, Statistics};
use crate::historian::{QueryError, Reader};
use crate::station::{Handle, Ticket};
use crate::tag::{Monotonic, Sample, TagKey, Timestamp};
use std::time::Duration;

/// A question that is no longer the right one is given up after this long: while a cursor is dragged, answers still come now and then.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
struct Question {
    range: [f64; 2],
    keys: Vec<TagKey>,
}

type Answer = Result<Vec<Statistics>, String>;

/// The last answer and the next question.
#[derive(Default)]
pub(super) struct Measures {
    asked: Option<Question>,
    answered: Option<Question>,
    found: Vec<Statistics>,
    failed: Option<String>,
    pending: Option<(Ticket<Answer>, Monotonic)>,
}

impl Measures {
    /// Asks where the cursors or the pens are others than before; without a range nothing is measured.
    pub(super) fn refresh(&mut self, handle: &Handle, range: Option<[f64; 2]>, keys: Vec<TagKey>, now: Monotonic) {
        self.receive();
        let Some(range) = range else {
            *self = Self::default();
            return;
        };
        let question = Question { range, keys };
        let is_new = self.asked.as_ref() != Some(&question);
        let is_free = self.pending.as_ref().is_none_or(|(_, at)| now.since(*at) > PATIENCE);
        if !is_new || !is_free {
            return;
        }
        self.asked = Some(question.clone());
        let ticket = handle.ask_long(move |context, cancelled| {
            let reader = context.samples().map_err(|error| error.to_string())?;
            let measure = |key| measure(reader, key, question.range, cancelled).map_err(|error| error.to_string());
            question.keys.iter().map(measure).collect()
        });
        self.pending = Some((ticket, now));
    }

    fn receive(&mut self) {
        let Some((ticket, _)) = &mut self.pending else { return };
        let Some(answer) = ticket.poll() else { return };
        self.pending = None;
        match answer {
            Some(Ok(found)) => (self.found, self.answered, self.failed) = (found, self.asked.clone(), None),
            Some(Err(why)) => self.failed = Some(why),
            None => (self.failed, self.asked) = (Some("too many questions wait".to_owned()), None),
        }
    }

    /// The figures of a tag; those before are shown until the new ones are there.
    pub(super) fn of(&self, key: &TagKey) -> Option<&Statistics> {
        let place = self.answered.as_ref()?.keys.iter().position(|asked| asked == key)?;
        self.found.get(place)
    }

    /// Whether what is shown belongs to where the cursors were a moment ago.
    pub(super) fn is_behind(&self) -> bool {
        self.pending.is_some() || self.answered != self.asked
    }

    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }
}

fn held(sample: &Sample) -> Held {
    match sample.value.as_ref().and_then(crate::tag::Value::as_f64) {
        Some(value) if !sample.quality.is_bad() => Held::Known(value),
        _ => Held::Bad,
    }
}

/// The figures of a tag, not beyond what the station knows.
fn measure(
    reader: &Reader,
    key: &TagKey,
    range: [f64; 2],
    cancelled: &dyn Fn() -> bool,
) -> Result<Statistics, QueryError> {
    let [from, to] = range.map(Timestamp::from_seconds);
    let before = reader.before(key, from)?.as_ref().map_or(Held::Nothing, held);
    let mut gathering = Gathering::new(range[0], before);
    let mut count = 0u32;
    reader.visit(key, from, to, |sample| {
        gathering.add(sample.time.as_seconds(), held(&sample));
        count += 1;
        !count.is_multiple_of(4096) || !cancelled()
    })?;
    let known = reader.known_until()?.map_or(range[1], |known| known.as_seconds().min(range[1]));
    Ok(gathering.finish(known))
}
