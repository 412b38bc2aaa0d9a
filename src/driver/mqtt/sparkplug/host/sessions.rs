//! Births, data and deaths of edge nodes and devices, in their order.

use super::node::{EdgeSession, Life, NodeState};
use super::order::{Numbered, Order, Verdict};
use super::table::{Table, believed, birth_death_sequence};
use super::{Effect, Host, STRANGE_METRICS, Session, SourceId, command_to, fault};
use crate::driver::mqtt::sparkplug::payload::{self, Payload};
use crate::driver::mqtt::sparkplug::topic::Kind;
use crate::tag::{Monotonic, Now, Timestamp};

impl Host {
    /// Takes a message of an edge node or a device.
    pub(super) fn take(&mut self, kind: Kind, source: SourceId, bytes: &[u8], now: Now, effects: &mut Vec<Effect>) {
        let node = self.entries[source.index()].node;
        let payload = match payload::decode(bytes) {
            Ok(payload) => payload,
            Err(words) => {
                fault(effects, Some(source), words);
                return self.ask(node, now, effects);
            }
        };
        if kind == Kind::Death && source == node {
            return self.node_death(node, &payload, now, effects);
        }
        let Some(seq) = payload.seq.and_then(|seq| u8::try_from(seq).ok()) else {
            let words = format!("a message without a sequence number from 0 to 255 was left aside ({:?})", payload.seq);
            fault(effects, Some(source), words);
            return self.ask(node, now, effects);
        };
        let message = Numbered { seq, kind, source, payload, bytes: bytes.len(), arrived: now.monotonic };
        if kind == Kind::Birth && source == node {
            self.node_birth(message, now, effects)
        } else {
            self.in_order(message, now, effects)
        }
    }

    fn in_order(&mut self, message: Numbered, now: Now, effects: &mut Vec<Effect>) {
        let (source, node) = (message.source, self.entries[message.source.index()].node);
        let Some(session) = self.entries[node.index()].node_state().session.as_mut() else {
            fault(effects, Some(source), "a message came, and its edge node has not announced itself".to_owned());
            return self.ask(node, now, effects);
        };
        match session.order.arrive(message) {
            Verdict::Next(message) => {
                session.doubted_until = None;
                self.apply(&message, now, effects);
                self.drain(node, now, effects);
            }
            Verdict::Held => {}
            Verdict::Full => self.give_up(node, now, effects),
            Verdict::Again => fault(effects, Some(source), "a message came twice and was taken once".to_owned()),
        }
    }

    /// What was held and has its turn now.
    fn drain(&mut self, node: SourceId, now: Now, effects: &mut Vec<Effect>) {
        while let Some(message) = self.session_of(node).and_then(|session| session.order.next()) {
            self.apply(&message, now, effects);
        }
    }

    /// What is missing is lost: all that is held is still true, and the node has to say the rest once more.
    fn give_up(&mut self, node: SourceId, now: Now, effects: &mut Vec<Effect>) {
        let held = self.session_of(node).map(|session| session.order.give_up()).unwrap_or_default();
        fault(effects, Some(node), "messages are missing; the edge node is asked to announce itself anew".to_owned());
        for message in held {
            self.apply(&message, now, effects);
        }
        self.ask(node, now, effects);
    }

    fn session_of(&mut self, node: SourceId) -> Option<&mut EdgeSession> {
        self.entries[node.index()].node_state().session.as_mut()
    }

    /// A message whose turn it is.
    fn apply(&mut self, message: &Numbered, now: Now, effects: &mut Vec<Effect>) {
        let (source, payload) = (message.source, &message.payload);
        let is_node = self.entries[source.index()].node == source;
        match message.kind {
            Kind::Birth => self.born(source, payload, now, effects),
            Kind::Data if self.entries[source.index()].life == Life::Alive => self.data(source, payload, now, effects),
            Kind::Death if !is_node => {
                let time = believed(payload.timestamp, now.utc);
                self.die(source, time, "the edge node says that the device is gone", effects);
            }
            Kind::Data | Kind::Death | Kind::Command => {
                fault(effects, Some(source), "data came, and the device has not announced itself".to_owned());
                self.ask(self.entries[source.index()].node, now, effects);
            }
        }
    }

    fn node_birth(&mut self, message: Numbered, now: Now, effects: &mut Vec<Effect>) {
        let (node, payload) = (message.source, &message.payload);
        let birth_death = birth_death_sequence(payload);
        if birth_death.is_none() {
            fault(effects, Some(node), "its birth carries no bdSeq: any death of it counts".to_owned());
        }
        let order = Order::after(message.seq, self.budget.clone());
        let session = EdgeSession { birth_death, order, doubted_until: None };
        let state = self.entries[node.index()].node_state();
        let before = state.session.replace(session);
        state.asking.settle();
        let is_same = before.as_ref().is_some_and(|before| before.birth_death == birth_death);
        if before.is_some() && !is_same {
            let words = "it began a new session, and the one before did not end: if that happens again and again, two edge nodes use \
                         the same name";
            fault(effects, Some(node), words.to_owned());
        }
        self.await_devices(node, is_same, now, effects);
        if !is_same {
            self.entries[node.index()].forget();
        }
        self.born(node, payload, now, effects);
        for later in before.map(|before| before.order.into_held_since(payload.timestamp)).unwrap_or_default() {
            self.in_order(later, now, effects);
        }
    }

    /// A node that announced itself announces its devices next. In a new session nothing of the one before is true any more.
    fn await_devices(&mut self, node: SourceId, is_same_session: bool, now: Now, effects: &mut Vec<Effect>) {
        let until = now.monotonic.plus(self.settings.reordering_timeout);
        for device in self.entries[node.index()].as_node().devices.clone() {
            match self.entries[device.index()].life {
                Life::Alive if is_same_session => {
                    self.entries[device.index()].life = Life::Unconfirmed;
                    self.entries[node.index()].node_state().devices_until = Some(until);
                }
                Life::Alive | Life::Unconfirmed if !is_same_session => {
                    self.die(device, now.utc, "its edge node began a new session", effects);
                }
                _ => {}
            }
        }
    }

    fn born(&mut self, source: SourceId, payload: &Payload, now: Now, effects: &mut Vec<Effect>) {
        let (table, wrong) = Table::of_birth(payload, !self.entries[source.index()].is_wanted);
        for words in wrong {
            fault(effects, Some(source), words);
        }
        if !self.keeps(source, &table) {
            let words = format!(
                "its metrics are left aside: {STRANGE_METRICS} of nodes and devices that are not in the station file are known"
            );
            fault(effects, Some(source), words);
            let entry = &mut self.entries[source.index()];
            entry.table = Table::default();
            return entry.forget();
        }
        self.entries[source.index()].is_born(table, now.utc);
        effects.push(Effect::Born { source, time: now.utc });
        self.values(source, payload, now, effects);
    }

    fn values(&mut self, source: SourceId, payload: &Payload, now: Now, effects: &mut Vec<Effect>) -> usize {
        let (updates, unknown) = self.entries[source.index()].table.updates(payload, now.utc);
        if !updates.is_empty() {
            effects.push(Effect::Values { source, updates });
        }
        unknown
    }

    fn data(&mut self, source: SourceId, payload: &Payload, now: Now, effects: &mut Vec<Effect>) {
        let unknown = self.values(source, payload, now, effects);
        // Where some of its metrics were left out, another birth would not make them known.
        if unknown > 0 && self.entries[source.index()].table.left_out == 0 {
            let words = format!("{unknown} metrics of a message are unknown: its birth did not declare them");
            fault(effects, Some(source), words);
            self.ask(self.entries[source.index()].node, now, effects);
        }
    }

    fn node_death(&mut self, node: SourceId, payload: &Payload, now: Now, effects: &mut Vec<Effect>) {
        let carried = birth_death_sequence(payload);
        let known = self.entries[node.index()].as_node().session.as_ref().map(|session| session.birth_death);
        match (known, carried) {
            (Some(Some(known)), Some(carried)) if known != carried => self.doubt(node, known, carried, now, effects),
            _ => self.end(node, "the broker says that the edge node is gone", now, effects),
        }
    }

    /// A death of another session than the one that is known is a late one, or that of an edge node that counts its sessions wrongly:
    /// the node is asked, and is gone if it does not show itself.
    fn doubt(&mut self, node: SourceId, known: u64, carried: u64, now: Now, effects: &mut Vec<Effect>) {
        let words = format!(
            "a death of session {carried} came, and session {known} is the one that lives: it is asked whether it does"
        );
        fault(effects, Some(node), words);
        let state = self.entries[node.index()].node_state();
        state.asking.want();
        let asked = state.asking.due().unwrap_or_default().max(now.monotonic);
        let until = asked.plus(self.settings.reordering_timeout);
        if let Some(session) = state.session.as_mut() {
            session.doubted_until = session.doubted_until.or(Some(until));
        }
        self.ask_when_due(node, now, effects);
    }

    /// The session of the node is over, and with it all that is behind the node.
    fn end(&mut self, node: SourceId, words: &str, now: Now, effects: &mut Vec<Effect>) {
        let state = self.entries[node.index()].node_state();
        (state.session, state.devices_until) = (None, None);
        state.asking.settle();
        for device in state.devices.clone() {
            self.die(device, now.utc, "its edge node is gone", effects);
        }
        self.die(node, now.utc, words, effects);
    }

    fn die(&mut self, source: SourceId, time: Timestamp, words: &str, effects: &mut Vec<Effect>) {
        if self.entries[source.index()].dies(time) {
            effects.push(Effect::Died { source, time, words: words.to_owned() });
        }
    }

    /// Its birth is needed: the request goes out at once, or as soon as that is allowed again.
    pub(super) fn ask(&mut self, node: SourceId, now: Now, effects: &mut Vec<Effect>) {
        self.entries[node.index()].node_state().asking.want();
        self.ask_when_due(node, now, effects);
    }

    fn ask_when_due(&mut self, node: SourceId, now: Now, effects: &mut Vec<Effect>) {
        let entry = &mut self.entries[node.index()];
        if self.session == Session::Online && entry.node_state().asking.take(now.monotonic) {
            let request = payload::rebirth_request(now.utc);
            effects.push(Effect::Publish(command_to(&entry.source, &request)));
        }
    }

    /// When [`Host::pass_time`] is due at the latest; none when nothing waits for time.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.due.first().map(|(moment, _)| *moment)
    }

    /// Time passed: waiting ends, and requests that had to wait go out.
    pub fn pass_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due = self.due.iter().take_while(|(moment, _)| *moment <= now.monotonic);
        for node in due.map(|(_, node)| *node).collect::<Vec<_>>() {
            let timeout = self.settings.reordering_timeout;
            let waits = self.session_of(node).and_then(|session| session.order.due(timeout));
            if waits.is_some_and(|due| due <= now.monotonic) {
                self.give_up(node, now, effects);
            }
            let doubted = self.session_of(node).and_then(|session| session.doubted_until);
            if doubted.is_some_and(|until| until <= now.monotonic) {
                self.end(
                    node,
                    "the broker says that a session of it ended, and it does not show that another one lives",
                    now,
                    effects,
                );
            }
            self.give_up_devices(node, now, effects);
            self.ask_when_due(node, now, effects);
            self.reschedule(node);
        }
    }

    fn give_up_devices(&mut self, node: SourceId, now: Now, effects: &mut Vec<Effect>) {
        let state = self.entries[node.index()].node_state();
        if state.devices_until.is_none_or(|until| until > now.monotonic) {
            return;
        }
        state.devices_until = None;
        for device in state.devices.clone() {
            if self.entries[device.index()].life == Life::Unconfirmed {
                self.die(device, now.utc, "its edge node announced itself anew, and not this device", effects);
            }
        }
    }

    /// Puts the next deadline of a node right.
    pub(super) fn reschedule(&mut self, node: SourceId) {
        let timeout = self.settings.reordering_timeout;
        let state = self.entries[node.index()].as_node();
        let order = state.session.as_ref().and_then(|session| session.order.due(timeout));
        let doubted = state.session.as_ref().and_then(|session| session.doubted_until);
        let asking = state.asking.due().filter(|_| self.session == Session::Online);
        let due = order.into_iter().chain(doubted).chain(asking).chain(state.devices_until).min();
        let before = std::mem::replace(&mut self.entries[node.index()].node_state().due, due);
        if before != due {
            before.map(|before| self.due.remove(&(before, node)));
            due.map(|due| self.due.insert((due, node)));
        }
    }

    /// The connection broke: nothing is known of any session any more.
    pub fn lost(&mut self) {
        self.session = Session::Down;
        self.due.clear();
        for entry in &mut self.entries {
            entry.forget();
            let devices = std::mem::take(&mut entry.node_state().devices);
            *entry.node_state() = NodeState { devices, ..NodeState::default() };
        }
    }
}
