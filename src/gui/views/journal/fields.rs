//! What the operator looks for in the journal, and what that means to the records.

use crate::alarm::{AlarmDefinition, Priority};
use crate::gui::scene::Scene;
use crate::gui::views::trend::moment::{Goal, goal};
use crate::gui::widgets::{button, search};
use crate::recorder::{JournalSearch, SearchWord};
use crate::tag::Timestamp;
use egui::{ComboBox, Id, Ui};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    text: String,
    when: String,
    tag: String,
    actor: String,
    area: Option<Arc<str>>,
    priority: Option<Priority>,
}

impl Fields {
    /// This text alone.
    pub(super) fn of_text(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        search(ui, &mut self.text, Id::unique("find in journal"), "Find in the journal", 190.0);
        search(ui, &mut self.when, Id::unique("time in journal"), "When: -8h, 14:00 to 15:00", 190.0);
        search(ui, &mut self.tag, Id::unique("tag in journal"), "Tag", 130.0);
        search(ui, &mut self.actor, Id::unique("who in journal"), "Who", 90.0);
        let words = self.area.clone().unwrap_or_else(|| "any area".into());
        let shown = ComboBox::from_id_salt("journal area").width(110.0).selected_text(&*words).truncate();
        let shown = shown.show_ui(ui, |ui| {
            ui.selectable_value(&mut self.area, None, "any area");
            let areas: BTreeSet<&Arc<str>> =
                scene.snapshot.plan.alarms.iter().filter_map(|alarm| alarm.area.as_ref()).collect();
            for area in areas {
                ui.selectable_value(&mut self.area, Some(area.clone()), &**area);
            }
        });
        let _ = shown.response.accessible_name("Area");
        let words = self.priority.map_or("any priority", Priority::word);
        let shown = ComboBox::from_id_salt("journal priority").width(100.0).selected_text(words);
        let shown = shown.show_ui(ui, |ui| {
            ui.selectable_value(&mut self.priority, None, "any priority");
            for one in Priority::ALL {
                ui.selectable_value(&mut self.priority, Some(one), one.word());
            }
        });
        let _ = shown.response.accessible_name("Priority");
        if *self != Self::default() && button(ui, "Clear", false, &scene.palette).clicked() {
            *self = Self::default();
        }
    }

    /// What is looked for, or why that cannot be understood. Area, priority and message are those of the station file as it is now.
    pub(super) fn search(&self, alarms: &[AlarmDefinition], now: Timestamp) -> Result<JournalSearch, String> {
        let [from, to] = self.times(now)?;
        let names = |fits: &dyn Fn(&AlarmDefinition) -> bool| -> Vec<String> {
            alarms.iter().filter(|alarm| fits(alarm)).map(|alarm| alarm.key.as_str().to_owned()).collect()
        };
        let is_of_place = self.area.is_some() || self.priority.is_some();
        let fits = |alarm: &AlarmDefinition| {
            (self.area.is_none() || self.area == alarm.area)
                && self.priority.is_none_or(|priority| priority == alarm.priority)
        };
        let word = |text: &str| {
            let has = |alarm: &AlarmDefinition| alarm.message.to_lowercase().contains(&text.to_lowercase());
            SearchWord { text: text.to_owned(), alarms: names(&has) }
        };
        Ok(JournalSearch {
            from,
            to,
            alarms: is_of_place.then(|| names(&fits)),
            tag: self.tag.trim().to_owned(),
            actor: self.actor.trim().to_owned(),
            words: self.text.split_whitespace().map(word).collect(),
        })
    }

    /// A moment alone is the first one that is wanted.
    fn times(&self, now: Timestamp) -> Result<[Option<Timestamp>; 2], String> {
        if self.when.trim().is_empty() {
            return Ok([None, None]);
        }
        Ok(match goal(&self.when, now, &chrono::Local)? {
            Goal::Moment(moment) => [Some(Timestamp::from_seconds(moment)), None],
            Goal::Range([one, other]) => {
                [Some(Timestamp::from_seconds(one.min(other))), Some(Timestamp::from_seconds(one.max(other)))]
            }
        })
    }
}
