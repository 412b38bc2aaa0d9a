//! Values that people enter. No device stands behind such a tag; setting it goes the whole command path, and the record of it is what makes
//! it hold: from then on, and over every start.

use super::Effects;
use super::Engine;
use crate::audit::Receipt;
use crate::driver::Reading;
use crate::tag::{Now, Origin, Quality, TagId, Value};
use std::sync::Arc;

impl Engine {
    /// Tags that have no value yet, or one that the station file no longer allows, get the one that was entered last, or, where that is not
    /// allowed either, the first one that the station file gives.
    pub(super) fn enter_first_values(&mut self, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        let allows =
            |tag: &TagId, value: &Value| plan.commands.get(tag).is_none_or(|settings| settings.check(value).is_ok());
        let needs_one = |tag: &TagId| {
            let present = self.tags.live().get(tag.index()).and_then(|live| live.value.to_value(self.tags.text(*tag)));
            !present.is_some_and(|value| allows(tag, &value))
        };
        let mut tags: Vec<TagId> = plan.manual.keys().copied().filter(needs_one).collect();
        tags.sort_unstable();
        for tag in tags {
            let key = plan.directory.tag(tag).map(|definition| definition.key.as_str()).unwrap_or_default();
            let former = plan.formerly.get(&tag).and_then(|former| self.entered.get(former));
            let last = self.entered.get(key).or(former).filter(|value| allows(&tag, value)).cloned();
            if let Some(value) = last.or_else(|| plan.manual.get(&tag).cloned()) {
                self.enter(tag, value, now, effects);
            }
        }
    }

    fn enter(&mut self, tag: TagId, value: Value, now: Now, effects: &mut Effects) {
        let reading = Reading { tag, value: Some(value), quality: Quality::GOOD };
        self.take_reading(reading, now.utc, Origin::Manual, now, effects);
    }

    /// The record of a value that a person entered is durable: it holds now. False where the receipt is of something else.
    pub(super) fn take_entered(&mut self, receipt: &Receipt, now: Now, effects: &mut Effects) -> bool {
        let plan = Arc::clone(&self.plan);
        let Some((tag, value)) = self.commands.entered(receipt, now, &plan, effects) else { return false };
        if let Some(definition) = plan.directory.tag(tag) {
            self.entered.insert(definition.key.as_str().into(), value.clone());
        }
        self.enter(tag, value, now, effects);
        true
    }
}
