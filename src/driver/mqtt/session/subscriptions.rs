//! What is to be subscribed to, and what the broker says to that.

use super::waits::Wait;
use super::{End, Event, Session, with_text};
use crate::driver::mqtt::packet::{Granted, Outgoing, Subscription};
use crate::tag::Monotonic;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Filters in one packet, so that neither it nor its answer is over anybody's limit.
const FILTERS: usize = 64;
/// Bytes of filters in one packet, as far as more than one is in it.
const FILTER_BYTES: usize = 4096;

#[derive(Debug)]
enum Asked {
    Subscribe(Vec<Arc<str>>),
    Unsubscribe,
}

#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    wanted: BTreeMap<Arc<str>, Subscription>,
    /// What the session at the broker may still hold although nobody wants it.
    unwanted: BTreeSet<Arc<str>>,
    asked: HashMap<u16, (u64, Asked)>,
    serial: u64,
    /// Whether the end of the first round on this connection was told.
    ready: bool,
}

impl Subscriptions {
    pub(super) fn is_asked(&self, id: u16, serial: u64) -> bool {
        self.asked.get(&id).is_some_and(|(asked, _)| *asked == serial)
    }

    pub(super) fn uses(&self, id: u16) -> bool {
        self.asked.contains_key(&id)
    }

    /// Whether the broker has answered all subscriptions of this connection once.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// The broker knows nothing of us.
    pub(super) fn forget(&mut self) {
        self.unwanted.clear();
    }

    pub(super) fn lose_connection(&mut self) {
        self.asked.clear();
        self.ready = false;
    }
}

impl Session {
    /// Says what is to be subscribed to from now on: what is new goes out, what is gone is unsubscribed from.
    pub fn want(&mut self, list: Vec<Subscription>, now: Monotonic) -> Result<(), End> {
        let wanted: BTreeMap<_, _> = list.into_iter().map(|one| (Arc::clone(&one.filter), one)).collect();
        let before = std::mem::take(&mut self.subscriptions.wanted);
        let fresh: Vec<_> = wanted.values().filter(|one| before.get(&one.filter) != Some(*one)).cloned().collect();
        let gone = before.into_keys().filter(|filter| !wanted.contains_key(filter));
        self.subscriptions.unwanted.extend(gone);
        self.subscriptions.unwanted.retain(|filter| !wanted.contains_key(filter));
        self.subscriptions.wanted = wanted;
        if self.is_up() {
            self.unsubscribe_unwanted(now)?;
            self.subscribe(fresh, now)?;
        }
        Ok(())
    }

    /// The next [`Session::want`] subscribes to these once more, if it wants them, so that the broker sends what it keeps there.
    pub fn repeat(&mut self, filters: &HashSet<Arc<str>>) {
        self.subscriptions.wanted.retain(|filter, _| !filters.contains(filter));
    }

    /// Everything, on a new connection: also where the broker still knows the session, for the file may have changed meanwhile.
    pub(super) fn subscribe_all(&mut self, now: Monotonic) -> Result<(), End> {
        self.unsubscribe_unwanted(now)?;
        let all = self.subscriptions.wanted.values().cloned().collect();
        self.subscribe(all, now)?;
        self.tell_ready();
        Ok(())
    }

    fn unsubscribe_unwanted(&mut self, now: Monotonic) -> Result<(), End> {
        let list: Vec<_> = std::mem::take(&mut self.subscriptions.unwanted).into_iter().collect();
        for part in parts(&list, |filter| filter.len()) {
            let id = self.ask(Asked::Unsubscribe, now)?;
            self.send(&Outgoing::Unsubscribe(id, part.to_vec()))?;
        }
        Ok(())
    }

    fn subscribe(&mut self, list: Vec<Subscription>, now: Monotonic) -> Result<(), End> {
        for part in parts(&list, |one| one.filter.len()) {
            let filters = part.iter().map(|one| Arc::clone(&one.filter)).collect();
            let id = self.ask(Asked::Subscribe(filters), now)?;
            self.send(&Outgoing::Subscribe(id, part.to_vec()))?;
        }
        Ok(())
    }

    fn ask(&mut self, asked: Asked, now: Monotonic) -> Result<u16, End> {
        let id = self.free_id().ok_or_else(|| End::TooLong("all packet identifiers are in use".to_owned()))?;
        self.subscriptions.serial += 1;
        self.subscriptions.asked.insert(id, (self.subscriptions.serial, asked));
        self.waits.begin(Wait::Subscription(id, self.subscriptions.serial), now);
        Ok(id)
    }

    pub(super) fn take_suback(&mut self, granted: &Granted) -> Result<(), End> {
        let Some((_, Asked::Subscribe(filters))) = self.subscriptions.asked.remove(&granted.id) else {
            return Err(self.out_of_place("an answer to a subscription that was not asked for"));
        };
        if granted.codes.len() != filters.len() {
            return Err(self.out_of_place("an answer that does not fit the subscription"));
        }
        for (filter, code) in filters.into_iter().zip(&granted.codes) {
            // What was taken back meanwhile interests nobody.
            if code.is_refusal() && self.subscriptions.wanted.contains_key(&filter) {
                let words = format!("{} may not subscribe to {filter}: {}", self.user(), code.words());
                self.events.push_back(Event::Refused { filter, why: with_text(words, granted.text.as_deref()) });
            }
        }
        self.tell_ready();
        Ok(())
    }

    pub(super) fn take_unsuback(&mut self, id: u16) -> Result<(), End> {
        match self.subscriptions.asked.remove(&id) {
            Some((_, Asked::Unsubscribe)) => {
                self.tell_ready();
                Ok(())
            }
            _ => Err(self.out_of_place("an answer to an end of a subscription that was not asked for")),
        }
    }

    fn tell_ready(&mut self) {
        if !self.subscriptions.ready && self.subscriptions.asked.is_empty() {
            self.subscriptions.ready = true;
            self.events.push_back(Event::Ready);
        }
    }
}

fn parts<T>(list: &[T], size: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let (mut count, mut bytes) = (0, 0);
        while count < rest.len().min(FILTERS) && (count == 0 || bytes + size(&rest[count]) <= FILTER_BYTES) {
            bytes += size(&rest[count]);
            count += 1;
        }
        let (part, others) = rest.split_at(count);
        rest = others;
        (count > 0).then_some(part)
    })
}
