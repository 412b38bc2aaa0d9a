//! Questions to history that are asked again and again: for sparklines and small trends.

use crate::historian::{Column, QueryError};
use crate::station::{Handle, Ticket};
use crate::tag::{Monotonic, Now, TagKey, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// An answer is shown this long before it is asked for again.
const FRESH: Duration = Duration::from_secs(5);
/// Answers that nobody looked at for this long are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

type Answer = Result<Vec<Column>, QueryError>;

struct Entry {
    /// None when the last question failed.
    columns: Option<Vec<Column>>,
    span: [f64; 2],
    ticket: Option<(Ticket<Answer>, [f64; 2])>,
    asked: Option<Monotonic>,
    looked_at: Monotonic,
}

/// How far back a picture goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reach {
    /// So many seconds.
    Last(u64),
    /// To this moment.
    Since(Timestamp),
}

/// Answers by tag and span.
#[derive(Default)]
pub(super) struct HistoryCache {
    entries: HashMap<(TagKey, Reach), Entry>,
}

impl HistoryCache {
    /// The last `seconds` of a tag in `width` columns, as far as they are known, and the span that they cover; none when history
    /// cannot be read, as what was there before would look like now.
    pub(super) fn last(
        &mut self,
        handle: &Handle,
        key: &TagKey,
        seconds: u64,
        width: usize,
        now: Now,
    ) -> (Option<&[Column]>, [f64; 2]) {
        self.look(handle, key, Reach::Last(seconds), width, now)
    }

    /// The same from a moment until now.
    pub(super) fn since(
        &mut self,
        handle: &Handle,
        key: &TagKey,
        from: Timestamp,
        width: usize,
        now: Now,
    ) -> (Option<&[Column]>, [f64; 2]) {
        self.look(handle, key, Reach::Since(from), width, now)
    }

    fn look(
        &mut self,
        handle: &Handle,
        key: &TagKey,
        reach: Reach,
        width: usize,
        now: Now,
    ) -> (Option<&[Column]>, [f64; 2]) {
        self.entries.retain(|_, entry| now.monotonic.since(entry.looked_at) < FORGOTTEN);
        let entry = self.entries.entry((key.clone(), reach)).or_insert_with(|| Entry {
            columns: Some(Vec::new()),
            span: [0.0, 1.0],
            ticket: None,
            asked: None,
            looked_at: now.monotonic,
        });
        entry.looked_at = now.monotonic;
        entry.receive();
        let stale = entry.asked.is_none_or(|asked| now.monotonic.since(asked) >= FRESH);
        if stale && entry.ticket.is_none() {
            let (to, key) = (now.utc, key.clone());
            let from = match reach {
                Reach::Last(seconds) => to.minus(Duration::from_secs(seconds)),
                Reach::Since(from) => from.min(to),
            };
            let ticket =
                handle.ask(move |context, cancelled| context.samples()?.columns(&key, from, to, width, cancelled));
            entry.ticket = Some((ticket, [from.as_seconds(), to.as_seconds()]));
            entry.asked = Some(now.monotonic);
        }
        (entry.columns.as_deref(), entry.span)
    }
}

impl Entry {
    fn receive(&mut self) {
        let Some((ticket, span)) = &mut self.ticket else { return };
        let Some(answer) = ticket.poll() else { return };
        let span = *span;
        self.ticket = None;
        self.take(answer, span);
    }

    fn take(&mut self, answer: Option<Answer>, span: [f64; 2]) {
        (self.columns, self.span) = (answer.and_then(Result::ok), span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_failed_leaves_nothing_that_looks_fresh() {
        let column = Vec::<Column>::new;
        let looked_at = Monotonic::from_micros(0);
        let mut entry = Entry { columns: None, span: [0.0, 1.0], ticket: None, asked: None, looked_at };
        entry.take(Some(Ok(column())), [0.0, 5.0]);
        assert!(entry.columns.is_some());
        entry.take(Some(Err(QueryError::TooMany)), [5.0, 10.0]);
        assert!(entry.columns.is_none());
        entry.take(Some(Ok(column())), [5.0, 10.0]);
        entry.take(None, [10.0, 15.0]);
        assert!(entry.columns.is_none(), "nobody answers");
    }
}
