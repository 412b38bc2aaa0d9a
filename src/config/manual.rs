//! Tags whose values people enter.

use super::alarms;
use super::compiled::Compiled;
use super::drafts::TagDraft;
use super::problem::Problems;
use super::tag_entries::{ManualEntry, TagEntry};
use crate::command::CommandSettings;
use crate::tag::{TagDefinition, TagId, Value};
use std::collections::HashMap;

impl Compiled {
    /// Such a tag can always be set: by an operator, within its range, where nothing else is said.
    pub(super) fn add_manual(
        &mut self,
        id: TagId,
        draft: &TagDraft,
        definition: &mut TagDefinition,
        settings: &mut Option<CommandSettings>,
        slots: &HashMap<String, TagId>,
        problems: &mut Problems,
    ) {
        let Some(entry) = &draft.entry.manual else { return };
        for key in fields_of_devices(&draft.entry) {
            problems.error(&draft.place.at(key), "a tag with \"manual\" is read from no device");
        }
        definition.address = "entered by hand".into();
        let allowed = settings.get_or_insert_with(|| alarms::command(draft, slots, problems));
        let value = match entry {
            ManualEntry::Switch(on) => Value::Bool(*on),
            ManualEntry::Number(number) => Value::Double(*number),
            ManualEntry::Text(text) => Value::Text(text.as_str().into()),
        };
        (allowed.boolean, allowed.text) = (matches!(value, Value::Bool(_)), matches!(value, Value::Text(_)));
        if let Err(words) = allowed.check(&value) {
            problems.error(&draft.place.at("manual"), words);
        }
        self.manual.insert(id, value);
    }
}

fn fields_of_devices(entry: &TagEntry) -> Vec<&'static str> {
    let given = [
        ("device", entry.device.is_some()),
        ("register", entry.register.is_some()),
        ("topic", entry.topic.is_some()),
        ("json", entry.json.is_some()),
        ("metric", entry.metric.is_some()),
        ("scale", entry.scale.is_some()),
        ("stale_after", entry.stale_after.is_some()),
        ("poll", entry.poll.is_some()),
        ("rolls_over_at", entry.rolls_over_at.is_some()),
    ];
    given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
}
