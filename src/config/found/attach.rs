//! What drivers have to know so that they find things, and tell none twice.

use super::super::compiled::Compiled;
use super::super::drafts::DeviceDraft;
use super::super::mqtt;
use super::super::problem::Problems;
use super::{ListKnown, Pattern};
use crate::driver::Protocol;
use crate::tag::DeviceId;
use std::collections::HashSet;
use std::sync::Arc;

impl Compiled {
    /// What is known of the list of a device need not be told again.
    pub(in crate::config) fn know_list(
        &mut self,
        slot: usize,
        devices: &[DeviceDraft],
        known: ListKnown,
        problems: &mut Problems,
    ) {
        let device = &devices[slot];
        match &mut self.connections[device.connection].1 {
            Some(Protocol::Mqtt(broker)) => {
                let entry = broker.devices.iter_mut().find(|entry| entry.device == DeviceId(slot as u32));
                if let Some(list) = entry.and_then(|entry| entry.discovery.as_mut()) {
                    list.known = Arc::new(known);
                }
            }
            Some(Protocol::Modbus(_)) => {
                problems.error(&device.place.at("discovery"), "\"discovery\" is for devices of MQTT");
            }
            // Said where the connection is wrong.
            None => {}
        }
    }

    pub(in crate::config) fn add_search(
        &mut self,
        pattern: &Pattern,
        known: HashSet<Arc<str>>,
        devices: &[DeviceDraft],
        problems: &mut Problems,
    ) {
        let place = pattern.draft.place.at("name");
        let device = pattern.draft.device.and_then(|slot| devices.get(slot.index()));
        let protocol = device.and_then(|device| self.connections[device.connection].1.as_mut());
        match (protocol, device) {
            (Some(Protocol::Mqtt(broker)), Some(device)) => {
                let entry = broker.devices.iter_mut().find(|entry| Some(entry.device) == pattern.draft.device);
                if let (Some(entry), Some(search)) = (entry, mqtt::search(pattern, device, known, problems)) {
                    entry.searches.push(search);
                }
            }
            (Some(_), _) => problems.error(&place, "a name with {1}, {#} or {json} is for tags of MQTT devices"),
            // Said where the device is wrong.
            (None, _) => {}
        }
    }
}
