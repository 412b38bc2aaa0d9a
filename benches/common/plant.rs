//! A plant for benchmarks of the engine.

use polder::alarm::{AlarmDefinition, AlarmKey, Condition, Priority, Subject};
use polder::engine::Plan;
use polder::tag::{Directory, Generation, TagDefinition, TagId};
use std::sync::Arc;

/// So many tags, and an alarm at 100 on those of these numbers.
pub(crate) fn plan(tags: u32, alarms: impl Iterator<Item = u32>, deadband: f64) -> Plan {
    let definitions = (0..tags).map(|number| TagDefinition::named(&format!("tag-{number}"))).collect();
    let alarm = |number: u32| {
        let key = AlarmKey::new(&format!("tag-{number}"), "high");
        let plain = AlarmDefinition::plain(key, Subject::Tag(TagId(number)), Condition::High(100.0));
        AlarmDefinition { deadband, priority: Priority::High, message: "high".into(), ..plain }
    };
    Plan {
        generation: Generation(1),
        directory: Arc::new(Directory::new(definitions, Vec::new(), Vec::new())),
        alarms: alarms.map(alarm).collect(),
        ..Plan::default()
    }
}
