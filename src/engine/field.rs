//! What drivers say besides present values: values of before.

use super::{Effects, Engine};
use crate::driver::Batch;

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
}
