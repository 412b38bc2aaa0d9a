//! The alarms that are active or wait for an acknowledgement: what is chosen of them, and the bar that says what is not shown.

use super::choice::{Choice, Grouping, Standing};
use super::list::Place;
use super::listing::Listing;
use super::row::{age_of, area_of};
use super::selection::Selection;
use crate::alarm::{AlarmView, FloodState, OccurrenceId, Priority};
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{Palette, plain, size, strong};
use crate::gui::widgets::{self, button, mark, quiet, search};
use crate::tag::Timestamp;
use egui::{Align, Align2, ComboBox, Id, Label, Layout, Rect, RichText, Sense, Stroke, StrokeKind, Ui, vec2};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Height of the line that has the newest critical alarm, and what came while the list is held.
const PINNED: f32 = 36.0;
/// Height of the line that says what is shown.
const SAID: f32 = 22.0;
/// A hand that did nothing for so many seconds is no hand: a pointer that was left on the list hides no alarm.
const HAND_SECONDS: f64 = 5.0;
/// The same for several alarms that were selected, and something else called the operator away.
const SELECTION_SECONDS: f64 = 60.0;

/// So many selected alarms are quickly found in a list.
const FEW: usize = 4;

/// The active alarms.
pub(super) struct ActiveAlarms {
    pub(super) choice: Choice,
    pub(super) listing: Listing,
    pub(super) selection: Selection,
    /// Where the keyboard is.
    pub(super) cursor: Option<Place>,
    /// The activations that were painted in the last frame: "acknowledge shown" means these.
    pub(super) painted: Vec<OccurrenceId>,
    /// Where the rows were in the last frame.
    pub(super) rows_rect: Rect,
    /// The flood of which the operator did not want the groups, by its beginning.
    ungrouped: Option<Timestamp>,
    /// The groups that are shown: in a flood they are chosen for the operator.
    shown_grouping: Grouping,
    /// When a hand last did something, in seconds of the window's time.
    acted: f64,
}

impl Default for ActiveAlarms {
    fn default() -> Self {
        Self {
            choice: Choice::default(),
            listing: Listing::default(),
            selection: Selection::default(),
            cursor: None,
            painted: Vec::new(),
            rows_rect: Rect::NOTHING,
            ungrouped: None,
            shown_grouping: Grouping::None,
            acted: 0.0,
        }
    }
}

impl ActiveAlarms {
    /// Takes the picture of this frame. Rows stay where they are while a hand is at them, and for a while when several are selected.
    pub(super) fn refresh(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let (now, acts) = ui.input(|input| (input.time, input.pointer.is_moving() || !input.events.is_empty()));
        if acts {
            self.acted = now;
        }
        let idle = now - self.acted;
        let is_held = (ui.rect_contains_pointer(self.rows_rect) && idle < HAND_SECONDS)
            || (self.selection.len() > 1 && idle < SELECTION_SECONDS);
        if !is_held {
            self.shown_grouping = self.wanted_grouping(scene.snapshot.alarms.flood);
        }
        let choice = Choice { grouping: self.shown_grouping, ..self.choice.clone() };
        self.listing.refresh(scene.snapshot, &choice, is_held);
        let listing = &self.listing;
        self.selection.keep(|occurrence| listing.find(*occurrence).is_some());
    }

    /// In a flood alarms stand by area and device, unless the operator did not want that.
    fn wanted_grouping(&self, flood: Option<FloodState>) -> Grouping {
        match flood {
            Some(flood) if self.ungrouped != Some(flood.since) => Grouping::AreaAndDevice,
            _ => self.choice.grouping,
        }
    }

    /// Shows this activation and nothing that would hide it.
    pub(super) fn open(&mut self, occurrence: OccurrenceId) {
        self.choice.filter = super::choice::Filter::default();
        self.choice.closed.clear();
        self.selection.only(occurrence);
        self.cursor = Some(Place::Alarm(occurrence));
    }

    /// The alarm whose details are shown.
    pub(super) fn shown(&self) -> Option<&AlarmView> {
        self.listing.find(self.selection.last()?)
    }

    /// Of those that were painted in the last frame, the ones that still wait. What has arrived since is not among them.
    pub(super) fn waiting_among_painted(&self) -> Vec<OccurrenceId> {
        self.listing.waiting(&self.painted)
    }

    /// What is selected, without what a filter or a closed group hides: nobody acknowledges what nobody can see.
    pub(super) fn selected_and_listed(&self) -> Vec<OccurrenceId> {
        match self.selection.all().as_slice() {
            [] => Vec::new(),
            // Few are looked for in the list, many are taken out of it.
            few if few.len() <= FEW => few.iter().filter(|one| self.listing.order().contains(one)).copied().collect(),
            _ => {
                let listed = self.listing.order().iter().filter(|one| self.selection.contains(one));
                listed.copied().collect::<BTreeSet<OccurrenceId>>().into_iter().collect()
            }
        }
    }

    /// Of these, the ones that wait.
    pub(super) fn waiting_among_selected(&self) -> Vec<OccurrenceId> {
        self.listing.waiting(&self.selected_and_listed())
    }

    /// Filters and groups, and in words what they leave out.
    pub(super) fn bar(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            let id = Id::unique("find an alarm");
            search(ui, &mut self.choice.filter.text, id, "Find: message, tag, area", 190.0);
            for priority in Priority::ALL {
                self.priority_switch(ui, priority, &palette);
            }
            self.choosers(ui, scene);
            if self.choice.filter.is_set() && button(ui, "Show all", false, &palette).clicked() {
                self.choice.filter = super::choice::Filter::default();
            }
        });
        ui.allocate_ui(vec2(ui.available_width(), SAID), |ui| {
            ui.set_min_height(SAID);
            ui.horizontal(|ui| {
                self.say_what_is_shown(ui, &palette);
                self.say_flood(ui, scene);
            });
        });
    }

    fn priority_switch(&mut self, ui: &mut Ui, priority: Priority, palette: &Palette) {
        let is_shown = self.choice.filter.priorities[priority as usize];
        let (rect, response) = ui.allocate_exact_size(vec2(30.0, 24.0), Sense::click());
        let painter = ui.painter();
        let fill = if is_shown { palette.select } else { palette.ground };
        painter.rect(rect, 3, fill, palette.rule(), StrokeKind::Inside);
        // Always the weak look: a switch is no alarm.
        mark(painter, Rect::from_center_size(rect.center(), vec2(size::MARK, size::MARK)), priority, palette, true);
        if !is_shown {
            painter.line_segment([rect.left_bottom(), rect.right_top()], Stroke::new(1.5, palette.text));
        }
        if response.has_focus() {
            painter.rect_stroke(rect, 3, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
        }
        let words = format!("Show priority {}, {}", priority.number(), priority.word());
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, is_shown, &words));
        if response.on_hover_text(&words).clicked() {
            self.choice.toggle(priority);
        }
    }

    fn choosers(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let standing = &mut self.choice.filter.standing;
        let shown =
            ComboBox::from_id_salt("alarm state").width(126.0).selected_text(standing.words()).show_ui(ui, |ui| {
                for one in Standing::ALL {
                    ui.selectable_value(standing, one, one.words());
                }
            });
        let _ = shown.response.accessible_name("State");
        let area = &mut self.choice.filter.area;
        let words = area.clone().unwrap_or_else(|| "any area".into());
        let shown = ComboBox::from_id_salt("alarm area").width(120.0).selected_text(&*words).truncate();
        let shown = shown.show_ui(ui, |ui| {
            ui.selectable_value(area, None, "any area");
            for one in areas(scene) {
                ui.selectable_value(area, Some(one.clone()), &*one);
            }
        });
        let _ = shown.response.accessible_name("Area");
        let mut grouping = self.shown_grouping;
        let shown = ComboBox::from_id_salt("alarm groups").width(150.0).selected_text(grouping.words());
        let shown = shown.show_ui(ui, |ui| {
            for one in Grouping::ALL {
                ui.selectable_value(&mut grouping, one, one.words());
            }
        });
        let _ = shown.response.accessible_name("Groups");
        if grouping != self.shown_grouping {
            self.group_by(grouping, scene.snapshot.alarms.flood);
        }
    }

    /// The operator chose the groups, in a flood too.
    fn group_by(&mut self, grouping: Grouping, flood: Option<FloodState>) {
        self.ungrouped = flood.map(|flood| flood.since);
        (self.choice.grouping, self.shown_grouping) = (grouping, grouping);
        self.choice.closed.clear();
    }

    /// That more alarms come than anybody can take, without alarm.
    fn say_flood(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let (palette, flood) = (scene.palette, scene.snapshot.alarms.flood);
        let Some(state) = flood else { return };
        let since = format::local(state.since).map_or_else(|| "?".to_owned(), |time| time.format("%H:%M").to_string());
        let words = format!("Flood since {since}: {} alarms in 10 minutes", state.activations);
        ui.label(RichText::new(words).font(strong(13.0)).color(palette.text));
        if self.shown_grouping != self.choice.grouping && button(ui, "Undo groups", false, &palette).clicked() {
            self.group_by(self.choice.grouping, flood);
        }
    }

    fn say_what_is_shown(&mut self, ui: &mut Ui, palette: &Palette) {
        let arrangement = self.listing.arrangement();
        let shown = arrangement.fitting - arrangement.folded;
        let folded = match arrangement.folded {
            0 => String::new(),
            folded => format!(", {folded} more in closed groups"),
        };
        // What waits to be let in is not shown either.
        let words = match arrangement.total + self.listing.unseen() {
            0 => "0 alarms.".to_owned(),
            total if total == shown => format!("All {total} shown."),
            total => format!("{shown} of {total} shown{folded}."),
        };
        quiet(ui, words, palette);
        let hidden = self.listing.hidden_critical();
        if hidden > 0 {
            let words = match hidden {
                1 => "1 critical alarm waits that is not among them.".to_owned(),
                several => format!("{several} critical alarms wait that are not among them."),
            };
            ui.label(RichText::new(words).font(strong(13.0)).color(palette.text));
            if button(ui, "Show them", false, palette).clicked() {
                self.choice.filter = super::choice::Filter::default();
                self.choice.closed.clear();
                self.listing.let_in();
            }
        }
    }

    /// The newest critical alarm that waits, and how many came while the list is held. It is always there, so that nothing below it moves.
    pub(super) fn pinned(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), PINNED), Sense::hover());
        ui.painter().rect_filled(rect, 0, palette.sunk);
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, palette.rule());
        let fresh = self.listing.fresh();
        let room = if fresh > 0 { 150.0 } else { 0.0 };
        let (left, right) = rect.split_left_right_at_x(rect.right() - room);
        self.newest_critical(ui, scene, left);
        if fresh == 0 {
            return;
        }
        let layout = Layout::right_to_left(Align::Center);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right.shrink2(vec2(8.0, 4.0))).layout(layout), |ui| {
            if button(ui, &format::counted(fresh, "new alarm"), false, &palette).clicked() {
                self.listing.let_in();
            }
        });
    }

    fn newest_critical(&mut self, ui: &Ui, scene: &Scene<'_>, rect: Rect) {
        let palette = &scene.palette;
        let Some(view) = self.listing.newest_critical().cloned() else {
            let words = "No critical alarm waits for an acknowledgement.";
            let at = rect.left_center() + vec2(16.0, 0.0);
            ui.painter().text(at, Align2::LEFT_CENTER, words, plain(13.0), palette.muted);
            return;
        };
        let response = ui.interact(rect, Id::unique("newest critical alarm"), Sense::click());
        let painter = ui.painter();
        if response.hovered() {
            painter.rect_filled(rect.shrink(1.0), 0, palette.select);
        }
        let spot = Rect::from_center_size(rect.left_center() + vec2(22.0, 0.0), vec2(size::MARK, size::MARK));
        mark(painter, spot, view.priority, palette, !view.state.is_active());
        let since = format::clock(view.raised, scene.now.utc);
        let words = format!("{since}  {}  {}  {}", view.message, area_of(scene, &view), age_of(scene, &view));
        let at = rect.left_center() + vec2(44.0, 0.0);
        widgets::text(painter, at, Align2::LEFT_CENTER, &words, strong(13.0), palette.text, rect.width() - 52.0);
        if response.has_focus() {
            painter.rect_stroke(rect.shrink(1.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
        }
        let told = format!("Newest critical alarm: {}", view.message);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &told));
        if response.clicked() {
            self.open(view.occurrence);
        }
    }

    /// Acknowledges what is selected, or what was painted when the click came.
    pub(super) fn acknowledge_buttons(&self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let painted = self.waiting_among_painted();
        let words = format!("Acknowledge shown ({})", painted.len());
        if ui.add_enabled(!painted.is_empty(), egui::Button::new(words)).clicked() {
            scene.act(Action::Acknowledge(painted, String::new()));
        }
        if self.selection.len() < 2 {
            return;
        }
        let selected = self.waiting_among_selected();
        let words = format!("Acknowledge selected ({})", selected.len());
        if ui.add_enabled(!selected.is_empty(), egui::Button::new(words)).clicked() {
            scene.act(Action::Acknowledge(selected, String::new()));
        }
        let words = format!("{} selected", self.selection.len());
        ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(scene.palette.muted)));
    }
}

/// The areas of the alarms that are configured.
pub(super) fn areas(scene: &Scene<'_>) -> BTreeSet<Arc<str>> {
    scene.snapshot.plan.alarms.iter().filter_map(|alarm| alarm.area.clone()).collect()
}
