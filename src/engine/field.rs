//! What drivers say besides present values: values of before, why a value is bad, what they found.

use super::{Effects, Engine};
use crate::driver::{Batch, Found};
use crate::tag::{DeviceId, Generation, TagId};
use std::sync::Arc;

/// Something that was found at a device.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundAt {
    /// The name of the device.
    pub device: Arc<str>,
    /// What.
    pub found: Found,
}

impl Engine {
    /// Values of before go into history at their time; what is shown and judged stays what it is.
    pub(super) fn take_past(&mut self, batch: Batch, effects: &mut Effects) {
        let Some(device) = self.slot_of_device(batch.generation, batch.device) else { return };
        if self.devices.is_off_scan(device) {
            return;
        }
        for reading in batch.readings {
            if let Some(tag) = self.slot_of_tag(batch.generation, reading.tag) {
                self.tags.remember(&self.plan, tag, &reading, batch.time, effects);
            }
        }
    }

    /// Why the value of a tag is bad.
    pub(super) fn take_detail(&mut self, generation: Generation, tag: TagId, detail: Arc<str>) {
        if let Some(tag) = self.slot_of_tag(generation, tag) {
            self.tags.explain(tag, detail);
        }
    }

    /// What was found is kept by the station, under the name of its device.
    pub(super) fn take_found(
        &self,
        generation: Generation,
        device: DeviceId,
        found: Vec<Found>,
        effects: &mut Effects,
    ) {
        let slot = self.slot_of_device(generation, device).filter(|device| !self.devices.is_off_scan(*device));
        let Some(definition) = slot.and_then(|device| self.plan.directory.device(device)) else { return };
        let at = |found| FoundAt { device: Arc::clone(&definition.name), found };
        effects.found.extend(found.into_iter().map(at));
    }
}
