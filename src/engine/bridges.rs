//! Bridges: tags that are copied to other tags. What they want goes the command path as everybody else's wishes do.

use super::deadlines::Deadline;
use super::unchanged::Unchanged;
use super::{Effects, Engine, Plan, Reply, ReplyId, Request, RequestBody};
use crate::access::{Principal, PrincipalKind, Role, permit};
use crate::audit::{Draft, RequestId};
use crate::automation::{BACK_AND_FORTH, Bridge, BridgeState, Next};
use crate::command::{CommandRequest, Confirmation, Outcome};
use crate::driver::Reading;
use crate::tag::{Monotonic, Now, Origin, Quality, Reason, TagId, TagKey, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How long a command of a bridge may take until it is sent.
const EXPIRY: Duration = Duration::from_secs(10);
/// How often a bridge looks whether the device of its target can be talked to again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The word of the audit record for a bridge that was stopped.
pub const BRIDGE_STOP: &str = "bridge-stop";
/// The word of the audit record for a bridge that was started again.
pub const BRIDGE_START: &str = "bridge-start";

/// Who stopped a bridge, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoppedBridge {
    /// Who; the bridge itself where it went back and forth.
    pub who: Principal,
    /// Why.
    pub why: Arc<str>,
    /// When.
    pub since: Timestamp,
}

/// A bridge as screens and tools show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BridgeView {
    /// Its name.
    pub name: Arc<str>,
    /// The tag that is copied.
    pub from: TagKey,
    /// The tag that is set.
    pub to: TagKey,
    /// How it is doing.
    pub state: BridgeState,
    /// What there is to say about that; may be empty.
    pub detail: Arc<str>,
    /// Copies since the start of the station.
    pub copies: u64,
    /// When the last copy ended well.
    pub last_copy: Option<Timestamp>,
    /// What the target was set to last, as far as that is known.
    pub value: Option<Value>,
}

/// A wish to stop or start a bridge, whose record is being written.
struct Pending {
    name: Arc<str>,
    stopped: Option<StoppedBridge>,
    reply: Option<ReplyId>,
}

/// All bridges.
#[derive(Default)]
pub(super) struct BridgeDesk {
    bridges: Vec<Bridge>,
    /// By tag, the bridges that copy it or set it.
    concerned: HashMap<TagId, Vec<u32>>,
    /// Those that have to look again at the end of this step.
    news: BTreeSet<u32>,
    /// By bridge, when it looks again; each stands in the heap at least once.
    wakes: HashMap<u32, Monotonic>,
    /// By name; those that are not in the station file now are among them.
    stopped: HashMap<Arc<str>, StoppedBridge>,
    pending: HashMap<RequestId, Pending>,
    asked: u64,
    views: Arc<Vec<BridgeView>>,
}

impl BridgeDesk {
    pub(super) fn new(plan: &Plan, stopped: HashMap<Arc<str>, StoppedBridge>) -> Self {
        Self { stopped, ..Self::default() }.for_plan(plan, |_, _| false)
    }

    /// `is_same_target` says whether a tag of the plant before is one of this, and set by the same command.
    fn for_plan(mut self, plan: &Plan, is_same_target: impl Fn(TagId, TagId) -> bool) -> Self {
        let mut before: HashMap<_, _> =
            self.bridges.drain(..).map(|bridge| (Arc::clone(&bridge.definition().name), bridge)).collect();
        self.bridges = plan
            .bridges
            .iter()
            .map(|(definition, _)| match before.remove(&definition.name) {
                Some(bridge) => {
                    let is_same = is_same_target(bridge.definition().to, definition.to);
                    bridge.moved_to(definition.clone(), is_same)
                }
                None => Bridge::new(definition.clone()),
            })
            .collect();
        (self.concerned, self.wakes) = (HashMap::new(), HashMap::new());
        for (slot, (definition, _)) in plan.bridges.iter().enumerate() {
            for tag in [definition.from, definition.to] {
                self.concerned.entry(tag).or_default().push(slot as u32);
            }
        }
        self.news = (0..plan.bridges.len() as u32).collect();
        self
    }

    /// A tag has another value or quality than before.
    pub(super) fn note(&mut self, tag: TagId) {
        if !self.concerned.is_empty()
            && let Some(slots) = self.concerned.get(&tag)
        {
            self.news.extend(slots);
        }
    }

    /// The time has come at which a bridge wanted to look again.
    pub(super) fn wake(&mut self, slot: u32) {
        self.wakes.remove(&slot);
        self.news.insert(slot);
    }

    pub(super) fn views(&self) -> Arc<Vec<BridgeView>> {
        Arc::clone(&self.views)
    }

    /// The records of these wishes could not be written: nothing happened. A bridge that stopped by itself stays stopped.
    pub(super) fn refuse_unrecorded(&mut self, requests: &[RequestId], why: &str, effects: &mut Effects) {
        for reply in requests.iter().filter_map(|request| self.pending.remove(request)?.reply) {
            effects.replies.push((reply, Reply::Refused { why: format!("nothing was done: {why}") }));
        }
    }

    /// The record of a wish is durable: it holds from now on. Whether the receipt is of such a wish.
    pub(super) fn committed(&mut self, request: &RequestId, effects: &mut Effects) -> bool {
        let Some(Pending { name, stopped, reply }) = self.pending.remove(request) else { return false };
        let slot = self.bridges.iter().position(|bridge| bridge.definition().name == name);
        match stopped {
            Some(stopped) => drop(self.stopped.insert(name, stopped)),
            None => {
                self.stopped.remove(&name);
                slot.and_then(|slot| self.bridges.get_mut(slot)).into_iter().for_each(Bridge::start_anew);
            }
        }
        self.news.extend(slot.map(|slot| slot as u32));
        effects.replies.extend(reply.map(|reply| (reply, Reply::Done)));
        true
    }

    fn named(&mut self, name: &str) -> Option<(u32, &mut Bridge)> {
        let slot = self.bridges.iter().position(|bridge| &*bridge.definition().name == name)?;
        Some((slot as u32, &mut self.bridges[slot]))
    }
}

impl Engine {
    /// A plan follows another one: bridges of the same name go on. Their commands have ended with the plant before: what the target has now is
    /// not known, and after the pause of a failure it is set anew.
    pub(super) fn inherit_bridges(&mut self, unchanged: Unchanged<'_>, now: Now) {
        for (name, outcome, words) in self.commands.take_ended() {
            if let Some((_, bridge)) = self.bridges.named(&name) {
                bridge.ended(outcome, &words, now.utc, now.monotonic);
            }
        }
        let is_same_target = |before, now| unchanged.command(before, now);
        self.bridges = std::mem::take(&mut self.bridges).for_plan(&self.plan, is_same_target);
    }

    /// Everything that happened in this step is known: bridges that it concerns look again.
    pub(super) fn run_bridges(&mut self, now: Now, effects: &mut Effects) {
        for (name, outcome, words) in self.commands.take_ended() {
            if let Some((slot, bridge)) = self.bridges.named(&name) {
                bridge.ended(outcome, &words, now.utc, now.monotonic);
                self.bridges.news.insert(slot);
            }
        }
        let mut looked = false;
        while let Some(slot) = self.bridges.news.pop_first() {
            self.run_bridge(slot, now, effects);
            looked = true;
            // What is refused at once has ended already.
            for (name, outcome, words) in self.commands.take_ended() {
                if let Some((_, bridge)) = self.bridges.named(&name) {
                    bridge.ended(outcome, &words, now.utc, now.monotonic);
                    self.bridges.news.insert(slot);
                }
            }
        }
        if looked {
            self.show_bridges(now, effects);
        }
    }

    fn run_bridge(&mut self, slot: u32, now: Now, effects: &mut Effects) {
        let Some(bridge) = self.bridges.bridges.get_mut(slot as usize) else { return };
        let (from, to) = (bridge.definition().from, bridge.definition().to);
        let value = |tag: TagId| {
            let live = self.tags.live().get(tag.index()).copied().unwrap_or(crate::tag::Live::UNREAD);
            (live.value.to_value(self.tags.text(tag)), live.quality)
        };
        let ((source, quality), (target, target_quality)) = (value(from), value(to));
        bridge.look_at_source(source, quality);
        if self.bridges.stopped.contains_key(&bridge.definition().name) {
            return;
        }
        let next = bridge.next(target.filter(|_| target_quality.is_good()).as_ref(), now.monotonic);
        let waits = self.bridge_waits(to).is_some();
        match next {
            _ if waits => self.look_at_bridge_again(slot, now.monotonic.plus(LOOK_AGAIN)),
            Next::Nothing => {}
            Next::At(then) => self.look_at_bridge_again(slot, then),
            Next::Set(value) => self.ask_for_copy(slot, value, now, effects),
        }
    }

    fn look_at_bridge_again(&mut self, slot: u32, then: Monotonic) {
        if self.bridges.wakes.get(&slot).is_none_or(|due| *due > then) {
            self.bridges.wakes.insert(slot, then);
            self.deadlines.push(then, Deadline::Bridge(slot));
        }
    }

    /// Why the target of a bridge cannot be set at the moment; a command then would only be refused.
    fn bridge_waits(&self, to: TagId) -> Option<String> {
        let device = self.plan.directory.tag(to).and_then(|definition| definition.device);
        self.devices.unreachable(&self.plan, device)
    }

    fn ask_for_copy(&mut self, slot: u32, value: Value, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        let Some(bridge) = self.bridges.bridges.get_mut(slot as usize) else { return };
        let (name, from, to) =
            (Arc::clone(&bridge.definition().name), bridge.definition().from, bridge.definition().to);
        let key = |tag: TagId| plan.directory.tag(tag).map(|definition| definition.key.clone());
        let (Some(source), Some(target)) = (key(from), key(to)) else { return };
        if bridge.asked(value.clone(), now.monotonic) {
            bridge.ended(Outcome::Refused, BACK_AND_FORTH, now.utc, now.monotonic);
            self.trip_bridge(name, now, effects);
            return;
        }
        self.bridges.asked += 1;
        let id = format!("bridge-{}-{}", now.utc.as_micros(), self.bridges.asked);
        let request = CommandRequest {
            id: RequestId::from(id.as_str()),
            tag: target.clone(),
            value,
            value_seen: None,
            reason: format!("copy of {source}").into(),
            principal: principal(&name),
            expires: now.utc.plus(EXPIRY),
        };
        let facts = self.facts(&plan, &target);
        self.commands.request_by_bridge(request.confirm(Confirmation::Rule), facts, name, now, effects);
    }

    /// A bridge that went back and forth stops by itself, whether that can be recorded or not.
    fn trip_bridge(&mut self, name: Arc<str>, now: Now, effects: &mut Effects) {
        let stopped = StoppedBridge { who: principal(&name), why: BACK_AND_FORTH.into(), since: now.utc };
        let id = RequestId::from(format!("bridge-trip-{name}-{}", now.utc.as_micros()).as_str());
        effects.drafts.push(draft(&id, &name, &stopped.who, BRIDGE_STOP, &stopped.why, true, now));
        self.bridges.stopped.insert(name, stopped);
    }

    /// A person wants to stop or start a bridge: first it is recorded.
    pub(super) fn take_bridge(&mut self, request: &Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Bridge { name, on, reason } = &request.body else { return };
        let is_known = self.bridges.named(name).is_some();
        let refusal = match permit(&request.principal, Role::Operator) {
            Err(denied) => Some(denied.to_string()),
            Ok(_) if !is_known => Some(format!("there is no bridge \"{name}\"")),
            Ok(_) if !on && reason.trim().is_empty() => Some("say why it is stopped".to_owned()),
            Ok(_) if *on != self.bridges.stopped.contains_key(name) => {
                Some(format!("the bridge \"{name}\" is {} already", if *on { "not stopped" } else { "stopped" }))
            }
            Ok(_) => None,
        };
        if let Some(why) = refusal {
            effects.replies.push((reply, Reply::Refused { why }));
            return;
        }
        let action = if *on { BRIDGE_START } else { BRIDGE_STOP };
        effects.drafts.push(draft(&request.id, name, &request.principal, action, reason, false, now));
        let stopped = StoppedBridge { who: request.principal.clone(), why: Arc::clone(reason), since: now.utc };
        let pending = Pending { name: Arc::clone(name), stopped: (!on).then_some(stopped), reply: Some(reply) };
        self.bridges.pending.insert(request.id.clone(), pending);
    }

    /// What screens see of the bridges, and the tags in which they speak about themselves.
    fn show_bridges(&mut self, now: Now, effects: &mut Effects) {
        let views: Vec<BridgeView> =
            self.bridges.bridges.iter().filter_map(|bridge| self.bridge_view(bridge)).collect();
        let tags: Vec<TagId> = self.plan.bridges.iter().map(|(_, tag)| *tag).collect();
        for (tag, view) in tags.into_iter().zip(&views) {
            let value = Value::Unsigned(view.state as u64);
            let live = self.tags.live().get(tag.index()).copied();
            let is_told = live.is_some_and(|live| {
                live.quality.reason != Reason::NotYetRead && live.value == crate::tag::Scalar::from(&value)
            });
            if !is_told {
                let reading = Reading { tag, value: Some(value), quality: Quality::GOOD };
                self.take_reading(reading, now.utc, Origin::Calculated, now, effects);
            }
        }
        if *self.bridges.views != views {
            self.bridges.views = Arc::new(views);
            self.changed = true;
        }
    }

    fn bridge_view(&self, bridge: &Bridge) -> Option<BridgeView> {
        let definition = bridge.definition();
        let key = |tag: TagId| self.plan.directory.tag(tag).map(|definition| definition.key.clone());
        let (from, to) = (key(definition.from)?, key(definition.to)?);
        let (state, detail) = match self.bridges.stopped.get(&definition.name) {
            Some(stopped) if stopped.who.kind == PrincipalKind::Rule => (BridgeState::Tripped, stopped.why.to_string()),
            Some(stopped) => (BridgeState::Stopped, format!("{}: {}", stopped.who, stopped.why)),
            None => match (bridge.state(from.as_str()), self.bridge_waits(definition.to)) {
                ((BridgeState::Copying | BridgeState::Failing, _), Some(why)) => (BridgeState::Waiting, why),
                (told, _) => told,
            },
        };
        Some(BridgeView {
            name: Arc::clone(&definition.name),
            from,
            to,
            state,
            detail: detail.into(),
            copies: bridge.copies(),
            last_copy: bridge.last_copy(),
            value: bridge.last_value().cloned(),
        })
    }
}

/// In whose name a bridge commands.
fn principal(bridge: &str) -> Principal {
    Principal::rule(&format!("bridge {bridge}"))
}

fn draft(id: &RequestId, name: &str, who: &Principal, action: &str, reason: &str, essential: bool, now: Now) -> Draft {
    Draft {
        request: id.clone(),
        time: now.utc,
        principal: who.clone(),
        action: action.into(),
        subject: name.into(),
        detail: serde_json::json!({ "reason": reason }).to_string().into(),
        essential,
    }
}

#[cfg(test)]
mod tests;
