//! What is known about the devices: whether they answer, who they are, and who took them off scan.

use super::{Effects, Notice, Plan, Reply, ReplyId};
use crate::access::Principal;
use crate::audit::{Draft, RequestId};
use crate::driver::modbus::Holes;
use crate::driver::{Condition, DeviceReport, Heartbeat, Identity, Link, Statistics};
use crate::tag::{DeviceId, Generation, Now, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Who took a device off scan, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffScan {
    /// Who.
    pub who: Principal,
    /// Why.
    pub why: Arc<str>,
    /// When.
    pub since: Timestamp,
}

/// A device as screens show it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceView {
    /// Whether it can be talked to.
    pub link: Link,
    /// How it is doing, finer than its link.
    pub condition: Condition,
    /// Counts.
    pub statistics: Statistics,
    /// Who took it off scan; none while it is on scan.
    pub off_scan: Option<OffScan>,
    /// Who it says that it is.
    pub identity: Option<Identity>,
    /// Who it was known to be, where that is somebody else.
    pub known_as: Option<Identity>,
    /// How the sign of life from the station goes; none where it gets none.
    pub heartbeat: Option<Heartbeat>,
}

impl DeviceView {
    pub(super) const NEW: Self = Self {
        link: Link::Starting,
        condition: Condition::Starting,
        statistics: Statistics {
            answers: 0,
            errors: 0,
            answers_per_second: 0.0,
            latency_micros: None,
            lateness_micros: None,
            overruns: 0,
            busy: 0.0,
            wire_busy: 0.0,
            refused_tags: 0,
            names_left_out: 0,
            broke_off: 0,
        },
        off_scan: None,
        identity: None,
        known_as: None,
        heartbeat: None,
    };

    /// Whether it answers and is listened to.
    pub fn is_good(&self) -> bool {
        self.link == Link::Good && self.off_scan.is_none()
    }
}

/// A wish to take a device off scan, or back, whose record is being written.
struct Pending {
    device: Arc<str>,
    on: bool,
    off_scan: OffScan,
    reply: ReplyId,
}

/// What a wish came to when its record was durable.
pub(super) struct Scanned {
    pub(super) device: DeviceId,
    pub(super) on: bool,
}

/// All devices.
pub(super) struct DeviceDesk {
    devices: Arc<Vec<DeviceView>>,
    known: HashMap<Arc<str>, Identity>,
    /// Who took devices off scan that are not in the station file now: when they come back, that still holds.
    absent: HashMap<Arc<str>, OffScan>,
    pending: HashMap<RequestId, Pending>,
}

impl DeviceDesk {
    pub(super) fn new(
        plan: &Plan,
        mut off_scan: HashMap<Arc<str>, OffScan>,
        known: HashMap<Arc<str>, Identity>,
    ) -> Self {
        let view = |device: &crate::tag::DeviceDefinition| DeviceView {
            off_scan: off_scan.remove(&device.name),
            ..DeviceView::NEW
        };
        let devices = Arc::new(plan.directory.devices().iter().map(view).collect());
        Self { devices, known, absent: off_scan, pending: HashMap::new() }
    }

    pub(super) fn views(&self) -> &Arc<Vec<DeviceView>> {
        &self.devices
    }

    /// Takes a report; the link when it is not what it was.
    pub(super) fn take(&mut self, report: DeviceReport, now: Now, effects: &mut Effects) -> Option<Link> {
        let view = Arc::make_mut(&mut self.devices).get_mut(report.device.index())?;
        view.statistics = report.statistics;
        view.condition = report.condition;
        if view.off_scan.is_some() {
            // What was under way when it was taken off scan.
            return None;
        }
        let same_kind = view.link.word() == report.link.word();
        view.link = report.link;
        if same_kind && view.link == Link::Good {
            return None;
        }
        if !same_kind {
            effects.notices.push(Notice::Device { device: report.device, link: view.link.clone(), time: now.utc });
        }
        Some(view.link.clone())
    }

    pub(super) fn is_good(&self, device: DeviceId) -> bool {
        self.devices.get(device.index()).is_some_and(DeviceView::is_good)
    }

    pub(super) fn is_off_scan(&self, device: DeviceId) -> bool {
        self.devices.get(device.index()).is_some_and(|view| view.off_scan.is_some())
    }

    /// Every device that is off scan.
    pub(super) fn off_scan(&self) -> impl Iterator<Item = DeviceId> + '_ {
        let views = self.devices.iter().enumerate();
        views.filter(|(_, view)| view.off_scan.is_some()).map(|(slot, _)| DeviceId(slot as u32))
    }

    /// Why a device cannot take a command now; none where it can.
    pub(super) fn unreachable(&self, plan: &Plan, device: Option<DeviceId>) -> Option<String> {
        let device = device?;
        let name = plan.directory.device(device).map_or("the device", |definition| &definition.name);
        let view = self.devices.get(device.index())?;
        if let Some(off_scan) = &view.off_scan {
            return Some(format!("{name} is off scan ({}: {})", off_scan.who, off_scan.why));
        }
        match &view.link {
            Link::Good => None,
            Link::Starting => Some(format!("{name} has not answered yet")),
            Link::Lost { reason, .. } => Some(format!("{name}: {}", reason.words())),
        }
    }

    /// Carries over what is known from another generation.
    pub(super) fn inherit(&mut self, place: usize, view: DeviceView) {
        if let Some(slot) = Arc::make_mut(&mut self.devices).get_mut(place) {
            *slot = view;
        }
    }

    /// What outlives a generation: who took which devices off scan, those of `plan` included, and who they were known to be.
    pub(super) fn hand_over(&mut self, plan: &Plan) -> (HashMap<Arc<str>, OffScan>, HashMap<Arc<str>, Identity>) {
        let mut off_scan = std::mem::take(&mut self.absent);
        let named = plan.directory.devices().iter().zip(self.devices.iter());
        off_scan.extend(named.filter_map(|(device, view)| Some((Arc::clone(&device.name), view.off_scan.clone()?))));
        (off_scan, std::mem::take(&mut self.known))
    }

    /// Takes over wishes whose record is being written.
    pub(super) fn adopt_pending(&mut self, previous: &mut Self) {
        self.pending = std::mem::take(&mut previous.pending);
    }

    /// Somebody wants a device off scan, or back: first it is recorded.
    #[expect(clippy::too_many_arguments, reason = "a wish has these parts")]
    pub(super) fn request_scan(
        &mut self,
        request: &RequestId,
        who: &Principal,
        device: Arc<str>,
        on: bool,
        why: Arc<str>,
        reply: ReplyId,
        now: Now,
        effects: &mut Effects,
    ) {
        effects.drafts.push(Draft {
            request: request.clone(),
            time: now.utc,
            principal: who.clone(),
            action: if on { "on-scan" } else { "off-scan" }.into(),
            subject: Arc::clone(&device),
            detail: serde_json::json!({ "reason": why }).to_string().into(),
            essential: false,
        });
        let off_scan = OffScan { who: who.clone(), why, since: now.utc };
        self.pending.insert(request.clone(), Pending { device, on, off_scan, reply });
    }

    /// The record of a wish is durable: it holds from now on.
    pub(super) fn committed(&mut self, plan: &Plan, request: &RequestId, effects: &mut Effects) -> Option<Scanned> {
        let pending = self.pending.remove(request)?;
        let place = plan.directory.devices().iter().position(|device| device.name == pending.device);
        let Some(place) = place else {
            let why = format!("there is no device \"{}\" any more", pending.device);
            effects.replies.push((pending.reply, Reply::Refused { why }));
            return None;
        };
        let view = &mut Arc::make_mut(&mut self.devices)[place];
        view.off_scan = (!pending.on).then_some(pending.off_scan);
        (view.link, view.condition) = (Link::Starting, Condition::Starting);
        effects.replies.push((pending.reply, Reply::Done));
        Some(Scanned { device: DeviceId(place as u32), on: pending.on })
    }

    /// The records of these wishes could not be written: nothing happened.
    pub(super) fn refuse_unrecorded(&mut self, requests: &[RequestId], why: &str, effects: &mut Effects) {
        for request in requests {
            if let Some(pending) = self.pending.remove(request) {
                effects.replies.push((pending.reply, Reply::Refused { why: format!("nothing was done: {why}") }));
            }
        }
    }

    /// A device says who it is. What is heard for the first time is known from then on; whether it is somebody else than before.
    pub(super) fn take_identity(
        &mut self,
        plan: &Plan,
        device: DeviceId,
        identity: Identity,
        now: Now,
        effects: &mut Effects,
    ) -> Option<bool> {
        let name = Arc::clone(&plan.directory.device(device)?.name);
        let known = self.known.get(&name).cloned();
        if known.is_none() {
            self.know(plan.generation, &name, identity.clone(), Principal::station(), now, effects);
        }
        let view = Arc::make_mut(&mut self.devices).get_mut(device.index())?;
        view.known_as = known.filter(|known| *known != identity);
        view.identity = Some(identity);
        Some(view.known_as.is_some())
    }

    /// A person acknowledged that another device answers: it is the known one from now on.
    pub(super) fn accept_identity(&mut self, plan: &Plan, device: DeviceId, now: Now, effects: &mut Effects) {
        let Some(view) = Arc::make_mut(&mut self.devices).get_mut(device.index()) else { return };
        view.known_as = None;
        let Some(identity) = view.identity.clone() else { return };
        let Some(definition) = plan.directory.device(device) else { return };
        let name = Arc::clone(&definition.name);
        self.know(plan.generation, &name, identity, Principal::station(), now, effects);
    }

    fn know(
        &mut self,
        generation: Generation,
        name: &Arc<str>,
        identity: Identity,
        principal: Principal,
        now: Now,
        effects: &mut Effects,
    ) {
        effects.drafts.push(Draft {
            request: RequestId::from(format!("identity-{}-{name}-{}", generation.0, now.utc.as_micros()).as_str()),
            time: now.utc,
            principal,
            action: "identity".into(),
            subject: Arc::clone(name),
            detail: serde_json::to_string(&identity).unwrap_or_default().into(),
            essential: true,
        });
        self.known.insert(Arc::clone(name), identity);
    }

    /// What a device refuses goes into the record, from which it comes back at the next start.
    pub(super) fn take_holes(&self, plan: &Plan, device: DeviceId, holes: &Holes, now: Now, effects: &mut Effects) {
        let Some(definition) = plan.directory.device(device) else { return };
        let name = Arc::clone(&definition.name);
        effects.drafts.push(Draft {
            request: RequestId::from(format!("learned-{name}-{}", now.utc.as_micros()).as_str()),
            time: now.utc,
            principal: Principal::station(),
            action: "learned".into(),
            subject: name,
            detail: serde_json::to_string(holes).unwrap_or_default().into(),
            essential: true,
        });
    }

    /// The sign of life that the station gives a device began, failed or ends: that is recorded, not each beat.
    pub(super) fn take_heartbeat(
        &mut self,
        plan: &Plan,
        device: DeviceId,
        heartbeat: Heartbeat,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(definition) = plan.directory.device(device) else { return };
        let detail = match &heartbeat {
            Heartbeat::Beating => serde_json::json!({"state": "beating"}),
            Heartbeat::Failing(why) => serde_json::json!({"state": "failing", "reason": why}),
        };
        effects.drafts.push(heartbeat_draft(&definition.name, detail, now));
        if let Some(view) = Arc::make_mut(&mut self.devices).get_mut(device.index()) {
            view.heartbeat = Some(heartbeat);
        }
    }

    /// The station stops: so does every sign of life.
    pub(super) fn stop_heartbeats(&mut self, plan: &Plan, why: &str, now: Now, effects: &mut Effects) {
        for (slot, view) in self.devices.iter().enumerate() {
            let definition = plan.directory.device(DeviceId(slot as u32));
            if let (Some(Heartbeat::Beating), Some(definition)) = (&view.heartbeat, definition) {
                let detail = serde_json::json!({"state": "stopped", "reason": why});
                effects.drafts.push(heartbeat_draft(&definition.name, detail, now));
            }
        }
    }
}

fn heartbeat_draft(name: &Arc<str>, detail: serde_json::Value, now: Now) -> Draft {
    Draft {
        request: RequestId::from(format!("heartbeat-{name}-{}", now.utc.as_micros()).as_str()),
        time: now.utc,
        principal: Principal::station(),
        action: "heartbeat".into(),
        subject: Arc::clone(name),
        detail: detail.to_string().into(),
        essential: true,
    }
}
