//! A plant for benchmarks of the engine.

use polder::alarm::{AlarmDefinition, AlarmKey, Condition, Presentation, Priority, Subject};
use polder::engine::Plan;
use polder::tag::{Directory, Generation, TagDefinition, TagId};
use std::sync::Arc;
use std::time::Duration;

/// So many tags, and an alarm at 100 on those of these numbers.
pub(crate) fn plan(tags: u32, alarms: impl Iterator<Item = u32>, deadband: f64) -> Plan {
    let definitions = (0..tags).map(|number| TagDefinition::named(&format!("tag-{number}"))).collect();
    let alarm = |number: u32| AlarmDefinition {
        key: AlarmKey::new(&format!("tag-{number}"), "high"),
        subject: Subject::Tag(TagId(number)),
        condition: Condition::High(100.0),
        deadband,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        priority: Priority::High,
        message: "high".into(),
        guidance: "".into(),
        area: None,
        latch: false,
        group: None,
        suppress_when: None,
        presentation: Presentation::default(),
    };
    Plan {
        generation: Generation(1),
        directory: Arc::new(Directory::new(definitions, Vec::new(), Vec::new())),
        alarms: alarms.map(alarm).collect(),
        ..Plan::default()
    }
}
