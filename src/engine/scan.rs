//! Devices that are off scan, and devices that are not who they were.

use super::{Effects, Engine, Reply, ReplyId, Request, RequestBody};
use crate::access::{Role, permit};
use crate::alarm::{Condition, Subject, Verdict};
use crate::driver::Identity;
use crate::tag::{DeviceId, Generation, Now, Reason};
use std::sync::Arc;

impl Engine {
    /// Somebody wants a device off scan, or back.
    pub(super) fn take_scan(&mut self, request: &Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Scan { device, on, reason } = &request.body else { return };
        let permitted = permit(&request.principal, Role::Operator);
        let exists = self.plan.directory.devices().iter().any(|known| known.name == *device);
        let refusal = match permitted {
            Err(denied) => Some(denied.to_string()),
            Ok(_) if !exists => Some(format!("there is no device \"{device}\"")),
            Ok(_) if !on && reason.trim().is_empty() => Some("say why it is taken off scan".to_owned()),
            Ok(_) => None,
        };
        if let Some(why) = refusal {
            effects.replies.push((reply, Reply::Refused { why }));
            return;
        }
        let (id, who) = (&request.id, &request.principal);
        self.devices.request_scan(id, who, device.clone(), *on, reason.clone(), reply, now, effects);
    }

    /// A device is off scan, or back, from now on. Its tags say so; it raises no alarm of its own.
    pub(super) fn apply_scan(&mut self, device: DeviceId, on: bool, now: Now, effects: &mut Effects) {
        if !on {
            self.worsen_all(device, Reason::OffScan, now, effects);
            self.judge_device(device, Condition::DeviceLost, Verdict::Inactive, now, effects);
        }
        self.tell_scans(effects);
    }

    /// The drivers learn who is off scan: they start without knowing.
    pub(super) fn tell_scans(&mut self, effects: &mut Effects) {
        let names =
            self.devices.off_scan().filter_map(|device| Some(Arc::clone(&self.plan.directory.device(device)?.name)));
        effects.off_scan = Some(Arc::new(names.collect()));
    }

    /// A device says who it is.
    pub(super) fn take_identity(
        &mut self,
        generation: Generation,
        device: DeviceId,
        identity: Identity,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(device) = self.slot_of_device(generation, device) else { return };
        let plan = Arc::clone(&self.plan);
        if let Some(is_another) = self.devices.take_identity(&plan, device, identity, now, effects) {
            self.judge_device(device, Condition::OtherIdentity, is_another.into(), now, effects);
        }
    }

    /// Whoever acknowledges that another device answers makes it the known one.
    pub(super) fn accept_acknowledged(&mut self, slots: &[usize], now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for slot in slots {
            let Some(alarm) = plan.alarms.get(*slot) else { continue };
            if let (Subject::Device(device), Condition::OtherIdentity) = (alarm.subject, &alarm.condition) {
                self.devices.accept_identity(&plan, device, now, effects);
                self.judge_device(device, Condition::OtherIdentity, Verdict::Inactive, now, effects);
            }
        }
    }
}
