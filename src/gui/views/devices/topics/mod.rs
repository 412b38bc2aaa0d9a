//! What a broker says: its topics as a tree, the last message of one, tags made of what is in it, and messages by hand. It is heard in a
//! session of its own, for as long as somebody looks.

mod message;
mod publish;
mod tree;

use super::new_tag::NewTagDialog;
use crate::driver::mqtt::topics::{TopicRow, Topics};
use crate::driver::mqtt::{EVERY_TOPIC, Ear, EarState, Hearing, Listening, is_filter};
use crate::gui::format::counted;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain};
use crate::gui::widgets::{Fold, Rows, button, search, table_row};
use crate::tag::{DeviceDefinition, Generation, Monotonic};
use egui::{Id, Label, RichText, Ui, UiBuilder};
use message::{Asked, MessagePanel};
use publish::PublishDialog;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often the window looks at what came.
const LOOK: Duration = Duration::from_millis(250);
/// Topics that a search shows.
const FOUND: usize = 500;
/// The share of the width that the tree has.
const SHARE: f32 = 0.56;

/// The tab.
#[derive(Debug)]
pub(super) struct TopicsTab {
    /// The plant that the ear belongs to; while it is here, the broker is heard.
    heard: Option<(Generation, Arc<Ear>, Listening)>,
    filter: String,
    words: String,
    open: BTreeSet<Arc<str>>,
    rows: Vec<TopicRow>,
    state: EarState,
    /// When the rows were worked out; none where they have to be now.
    looked: Option<Monotonic>,
    /// What was known when somebody asked for a pause.
    paused: Option<Topics>,
    selected: Option<Arc<str>>,
    message: MessagePanel,
    new_tag: Option<NewTagDialog>,
    publish: Option<PublishDialog>,
}

impl Default for TopicsTab {
    fn default() -> Self {
        Self {
            heard: None,
            filter: EVERY_TOPIC.to_owned(),
            words: String::new(),
            open: BTreeSet::new(),
            rows: Vec::new(),
            state: EarState::default(),
            looked: None,
            paused: None,
            selected: None,
            message: MessagePanel::default(),
            new_tag: None,
            publish: None,
        }
    }
}

impl TopicsTab {
    /// Nobody looks any more: the broker need not be heard.
    pub(super) fn rest(&mut self) {
        self.heard = None;
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, device: &DeviceDefinition) {
        let palette = scene.palette;
        self.listen(scene, device);
        self.controls(ui, scene, device);
        self.look(ui, scene);
        ui.add(Label::new(RichText::new(self.state_words()).font(plain(12.0)).color(palette.text)).truncate());
        let (left, right) = ui.available_rect_before_wrap().split_left_right_at_fraction(SHARE);
        ui.scope_builder(UiBuilder::new().max_rect(left.with_max_x(left.right() - 8.0)), |ui| self.tree(ui, &palette));
        let asked = ui.scope_builder(UiBuilder::new().max_rect(right), |ui| self.message.ui(ui, scene)).inner;
        match (asked, self.selected.clone()) {
            (Some(Asked::Tag(field)), Some(topic)) => {
                self.new_tag = Some(NewTagDialog::open(&topic, field, device));
            }
            (Some(Asked::Publish), Some(topic)) => self.publish = Some(PublishDialog::open(scene, device, &topic)),
            _ => {}
        }
        if self.new_tag.as_mut().is_some_and(|dialog| dialog.ui(ui, scene, device.connection)) {
            self.new_tag = None;
        }
        if self.publish.as_mut().is_some_and(|dialog| dialog.ui(ui, scene)) {
            self.publish = None;
        }
    }

    /// Listens while somebody looks. After a reload the ear may be another one.
    fn listen(&mut self, scene: &Scene<'_>, device: &DeviceDefinition) {
        let generation = scene.snapshot.generation;
        if self.heard.as_ref().is_some_and(|(of, ..)| *of == generation) {
            return;
        }
        let Some(ear) = scene.handle.ear(device.connection) else {
            self.heard = None;
            return;
        };
        self.heard = match self.heard.take() {
            Some((_, before, listening)) if Arc::ptr_eq(&before, &ear) => Some((generation, ear, listening)),
            _ => {
                let listening = ear.listen(self.filter.trim());
                Some((generation, ear, listening))
            }
        };
        self.looked = None;
    }

    fn controls(&mut self, ui: &mut Ui, scene: &Scene<'_>, device: &DeviceDefinition) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            let found = search(ui, &mut self.words, Id::unique("topics search"), "Find: topic or payload", 170.0);
            if found.changed() {
                self.looked = None;
            }
            let filter = search(ui, &mut self.filter, Id::unique("topics filter"), "Filter, such as hall/#", 130.0);
            if filter.lost_focus() {
                self.listen_to_filter();
            }
            if button(ui, "Pause", self.paused.is_some(), &palette).clicked() {
                self.pause();
            }
            if button(ui, "Clear", false, &palette).clicked() {
                self.clear();
            }
            if button(ui, "Publish...", false, &palette).clicked() {
                self.publish = Some(PublishDialog::open(scene, device, ""));
            }
        });
    }

    /// Another filter is another subscription. What is none is not taken.
    fn listen_to_filter(&mut self) {
        let filter = self.filter.trim();
        if !is_filter(filter) {
            return;
        }
        if let Some((_, ear, listening)) = &mut self.heard
            && !ear.hears(filter)
        {
            *listening = ear.listen(filter);
            (self.paused, self.selected, self.looked) = (None, None, None);
        }
    }

    fn pause(&mut self) {
        self.paused = match (&self.paused, &self.heard) {
            (None, Some((_, ear, _))) => Some(ear.copy()),
            _ => None,
        };
        self.looked = None;
    }

    fn clear(&mut self) {
        if let Some((_, ear, _)) = &self.heard {
            ear.clear();
        }
        (self.paused, self.selected, self.looked) = (None, None, None);
    }

    /// Works the lines out anew, where that is due.
    fn look(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let now = scene.now.monotonic;
        let Some((_, ear, _)) = &self.heard else { return };
        ui.request_repaint_after(LOOK);
        if self.looked.is_some_and(|looked| now.since(looked) < LOOK) {
            return;
        }
        let before = self.place();
        self.looked = Some(now);
        self.state = ear.state(now);
        let selected = self.selected.as_deref();
        let topic = match &self.paused {
            Some(topics) => {
                self.rows = topics.shown(&self.open, &self.words, FOUND, now);
                selected.and_then(|topic| topics.get(topic)).cloned()
            }
            None => {
                self.rows = ear.rows(&self.open, &self.words, FOUND, now);
                selected.and_then(|topic| ear.topic(topic))
            }
        };
        self.message.show(topic);
        self.table().follow(ui, before, self.place());
    }

    fn table(&self) -> Rows<'static> {
        Rows::new("topics", &tree::COLUMNS, self.rows.len()).folding()
    }

    fn place(&self) -> Option<usize> {
        self.rows.iter().position(|row| Some(&row.path) == self.selected.as_ref())
    }

    fn tree(&mut self, ui: &mut Ui, palette: &Palette) {
        let (table, place) = (self.table(), self.place());
        if let (Some(fold), Some(place)) = (table.fold(ui, place), place) {
            let to = self.fold(fold, place);
            table.follow(ui, Some(place), Some(to));
            self.choose(to);
        }
        let place = self.place();
        let chosen = table.show(ui, place, palette, |ui, row, rect| {
            let row = &self.rows[row];
            let is_open = self.open.contains(&row.path);
            table_row(ui.painter(), &tree::COLUMNS, rect, &tree::cells(row, is_open, palette));
            tree::said(row, is_open)
        });
        match chosen {
            // Choosing what is chosen already folds it or unfolds it.
            Some(row) if Some(row) == place => self.toggle(row),
            Some(row) => self.choose(row),
            None => {}
        }
        if self.looked.is_none() {
            ui.request_repaint();
        }
    }

    fn choose(&mut self, row: usize) {
        self.selected = self.rows.get(row).map(|row| Arc::clone(&row.path));
        self.looked = None;
    }

    fn toggle(&mut self, row: usize) {
        let Some(row) = self.rows.get(row).filter(|row| row.below > 0) else { return };
        if !self.open.remove(&row.path) {
            self.open.insert(Arc::clone(&row.path));
        }
        self.looked = None;
    }

    /// Folds or unfolds a line; the line that is chosen from now on.
    fn fold(&mut self, fold: Fold, place: usize) -> usize {
        let Some(row) = self.rows.get(place) else { return place };
        let is_open = self.open.contains(&row.path);
        match fold {
            Fold::In if row.below > 0 && !is_open => self.toggle(place),
            Fold::In if row.below > 0 => return place + 1,
            Fold::Out if is_open => self.toggle(place),
            Fold::Out => {
                let above = self.rows[..place].iter().rposition(|above| above.depth < row.depth);
                return above.unwrap_or(place);
            }
            Fold::In => {}
        }
        place
    }

    fn state_words(&self) -> String {
        if self.heard.is_none() {
            return "! Not heard: the station has no session to this broker.".to_owned();
        }
        if !is_filter(self.filter.trim()) {
            return "! This is not a filter; + stands for a level, # for the rest at the end.".to_owned();
        }
        let state = &self.state;
        match &state.hearing {
            Hearing::Off | Hearing::Connecting => "The broker is being connected.".to_owned(),
            Hearing::Failed(why) => format!("! Not heard: {why}. It is tried again."),
            Hearing::On { .. } => {
                let paused = if self.paused.is_some() { "Paused. " } else { "" };
                let left_out = match state.left_out {
                    0 => String::new(),
                    count => format!("; {count} messages came too fast or had no room, and are left out"),
                };
                let found = match self.words.trim().is_empty() {
                    true => String::new(),
                    false if self.rows.len() >= FOUND => format!("; the first {FOUND} found are shown"),
                    false => format!("; {} found", self.rows.len()),
                };
                let rate = state.per_second;
                format!("{paused}{}, {rate:.1} messages a second{found}{left_out}.", counted(state.topics, "topic"))
            }
        }
    }
}
