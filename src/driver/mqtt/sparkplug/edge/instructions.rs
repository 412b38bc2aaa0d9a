//! What hosts ask of an edge node: births, and values to be set.

use super::metrics::told_name;
use super::{EdgeEffect, EdgeMetric, EdgeNode, FIRST_ALIAS};
use crate::driver::mqtt::sparkplug::payload::{Metric, MetricValue, REBIRTH, decode, read};
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::tag::Monotonic;
use std::sync::Arc;

/// Metrics that one instruction may name.
pub(super) const MOST_METRICS: usize = 100;

impl EdgeNode {
    /// Carries out what an instruction asks for, as far as that may be.
    pub(super) fn obey(&mut self, source: &Source, payload: &[u8], now: Monotonic, effects: &mut Vec<EdgeEffect>) {
        let payload = match decode(payload) {
            Ok(payload) => payload,
            Err(words) => return effects.push(EdgeEffect::Fault(format!("an instruction from afar: {words}"))),
        };
        if payload.metrics.len() > MOST_METRICS {
            let count = payload.metrics.len();
            let words = format!("an instruction for {source} names {count} metrics, and {MOST_METRICS} are the most");
            return effects.push(EdgeEffect::Fault(words));
        }
        for metric in &payload.metrics {
            let is_rebirth = source.is_node() && metric.name.as_deref() == Some(REBIRTH);
            match &metric.value {
                Some(MetricValue::Boolean(true)) if is_rebirth => {
                    self.birth_due.get_or_insert(self.next_birth.max(now));
                }
                _ if is_rebirth => {}
                value => effects.push(self.setting(source, metric, value.as_ref())),
            }
        }
    }

    fn setting(&self, source: &Source, metric: &Metric, value: Option<&MetricValue>) -> EdgeEffect {
        let here = |one: &EdgeMetric| one.device == source.device;
        let name = metric.name.as_deref();
        let place = match metric.alias.and_then(|alias| usize::try_from(alias.checked_sub(FIRST_ALIAS)?).ok()) {
            Some(place) => Some(place),
            None => self.settings.metrics.iter().position(|one| here(one) && Some(&*one.name) == name),
        };
        let Some(found) = place.and_then(|place| self.settings.metrics.get(place)).filter(|one| here(one)) else {
            return EdgeEffect::Fault(format!(
                "an instruction names a metric that {source} does not have: {}",
                told_name(metric)
            ));
        };
        if !self.settings.takes_commands {
            return EdgeEffect::Fault(format!("{} is not set from afar: this edge node takes no commands", found.tag));
        }
        let Some(value) = value.filter(|_| metric.is_null != Some(true)) else {
            return EdgeEffect::Fault(format!("an instruction for {} has no value", found.tag));
        };
        match read(value, found.kind) {
            Ok(value) => EdgeEffect::Set { tag: Arc::clone(&found.tag), value },
            Err(error) => EdgeEffect::Fault(format!("an instruction for {}: {error}", found.tag)),
        }
    }
}
