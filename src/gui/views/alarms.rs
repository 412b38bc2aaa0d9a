//! What needs the operator: active alarms with what to do, and the journal.

use super::alarm_figures::FiguresView;
use super::journal::Journal;
use crate::alarm::{AlarmView, OccurrenceId, Subject};
use crate::engine::Snapshot;
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{Palette, plain, size, strong};
use crate::gui::widgets::{self, Spark, button, heading, mark, mark_ui, primary_button, quiet, sparkline};
use crate::tag::Value;
use egui::{Align2, Layout, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextEdit, Ui, pos2, vec2};

/// The alarms view.
#[derive(Default)]
pub(in crate::gui) struct AlarmsView {
    journal_shown: bool,
    journal: Journal,
    /// Figures are shown, whatever else would be.
    figures_shown: bool,
    figures: FiguresView,
    selected: Option<OccurrenceId>,
    comment: String,
    /// The occurrences that were painted in the last frame: "acknowledge shown" means these.
    painted: Vec<OccurrenceId>,
}

impl AlarmsView {
    /// What F2 means here: the selected alarm.
    pub(in crate::gui) fn acknowledge_key(&self) -> Option<OccurrenceId> {
        self.selected.filter(|_| !self.journal_shown && !self.figures_shown)
    }

    /// Selects an activation, or looks for its alarm in the journal when it is over.
    pub(in crate::gui) fn open(&mut self, alarm: &str, occurrence: OccurrenceId, snapshot: &Snapshot) {
        let is_active = snapshot.alarms.views.iter().any(|view| view.occurrence == occurrence);
        (self.journal_shown, self.figures_shown) = (!is_active, false);
        if is_active {
            self.selected = Some(occurrence);
        } else {
            self.journal.find(alarm);
        }
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.head(ui, scene);
        ui.add_space(4.0);
        if self.figures_shown {
            self.painted.clear();
            self.figures.ui(ui, scene);
            return;
        }
        if self.journal_shown {
            self.painted.clear();
            self.journal.ui(ui, scene);
            return;
        }
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| self.list(ui, scene));
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.details(ui, scene));
    }

    fn head(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            heading(ui, "Alarms", &palette);
            let count = scene.snapshot.alarms.views.len();
            if button(ui, &format!("Active {count}"), !self.journal_shown && !self.figures_shown, &palette).clicked() {
                (self.journal_shown, self.figures_shown) = (false, false);
            }
            if button(ui, "Journal", self.journal_shown && !self.figures_shown, &palette).clicked() {
                (self.journal_shown, self.figures_shown) = (true, false);
            }
            if button(ui, "Figures", self.figures_shown, &palette).clicked() {
                self.figures_shown = true;
            }
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                if self.journal_shown || self.figures_shown {
                    return;
                }
                let waiting = self.waiting_among_painted(scene);
                let words = format!("Acknowledge shown ({})", waiting.len());
                if ui.add_enabled(!waiting.is_empty(), egui::Button::new(words)).clicked() {
                    scene.act(Action::Acknowledge(waiting, String::new()));
                }
            });
        });
    }

    /// Of those that were painted in the last frame, the ones that still wait. What has arrived since is not among them.
    fn waiting_among_painted(&self, scene: &Scene<'_>) -> Vec<OccurrenceId> {
        let waits = |occurrence: &OccurrenceId| {
            scene
                .snapshot
                .alarms
                .views
                .iter()
                .any(|view| view.occurrence == *occurrence && view.state.needs_acknowledgement())
        };
        self.painted.iter().copied().filter(waits).collect()
    }

    fn list(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.spacing_mut().item_spacing.y = 0.0;
            let spots = Spots::in_width(ui.available_width());
            header(ui, &spots, &palette);
            let views = &scene.snapshot.alarms.views;
            self.painted.clear();
            ScrollArea::vertical().id_salt("alarm rows").auto_shrink([false, false]).show_rows(
                ui,
                36.0,
                views.len() + 1,
                |ui, range| {
                    for place in range {
                        let Some(view) = views.get(place) else {
                            closing_words(ui, views.len(), &palette);
                            continue;
                        };
                        self.painted.push(view.occurrence);
                        if row(ui, scene, view, &spots, self.selected == Some(view.occurrence)) {
                            self.selected = Some(view.occurrence);
                        }
                    }
                },
            );
        });
    }

    fn details(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let selected = self
                .selected
                .and_then(|occurrence| scene.snapshot.alarms.views.iter().find(|view| view.occurrence == occurrence));
            let Some(view) = selected.cloned() else {
                self.selected = None;
                quiet(ui, "Choose an alarm to see what it means and what to do.", &palette);
                return;
            };
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.horizontal(|ui| {
                    mark_ui(ui, view.priority, &palette, !view.state.is_active());
                    ui.add(
                        egui::Label::new(RichText::new(&*view.message).font(strong(15.0)).color(palette.text)).wrap(),
                    );
                });
                facts(ui, scene, &view);
                self.acknowledge(ui, scene, &view);
            });
        });
    }

    fn acknowledge(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, view: &AlarmView) {
        let palette = scene.palette;
        ui.add_space(6.0);
        quiet(ui, "Comment", &palette);
        ui.add(TextEdit::singleline(&mut self.comment).id(egui::Id::unique("comment")).desired_width(f32::INFINITY))
            .accessible_name("Comment");
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let waits = view.state.needs_acknowledgement();
            if primary_button(ui, "Acknowledge", waits, &palette).clicked() {
                scene.act(Action::Acknowledge(vec![view.occurrence], std::mem::take(&mut self.comment)));
            }
            let Subject::Tag(tag) = view.subject else { return };
            let key = scene.snapshot.plan.directory.tag(tag).map(|definition| definition.key.clone());
            if button(ui, "Open trend", false, &palette).clicked()
                && let Some(key) = key
            {
                scene.act(Action::Trend(key));
            }
            if button(ui, "Open tag", false, &palette).clicked() {
                scene.act(Action::Select(tag));
            }
        });
    }
}

/// Where the columns stand, from the left edge.
struct Spots {
    since: f32,
    message: f32,
    value: f32,
    limit: f32,
    state: f32,
    area: f32,
    width: f32,
}

impl Spots {
    fn in_width(width: f32) -> Self {
        let area = width - 96.0;
        let state = area - 150.0;
        let limit = state - 18.0;
        let value = limit - 100.0;
        Self { since: 44.0, message: 138.0, value, limit, state, area, width }
    }
}

fn header(ui: &mut Ui, spots: &Spots, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom(), palette.rule());
    for (words, align, x) in [
        ("Since", Align2::LEFT_CENTER, spots.since),
        ("Alarm", Align2::LEFT_CENTER, spots.message),
        ("Value now", Align2::RIGHT_CENTER, spots.value),
        ("Limit", Align2::RIGHT_CENTER, spots.limit),
        ("State", Align2::LEFT_CENTER, spots.state),
        ("Area", Align2::LEFT_CENTER, spots.area),
    ] {
        ui.painter().text(pos2(rect.left() + x, rect.center().y), align, words, strong(12.0), palette.muted);
    }
}

fn closing_words(ui: &mut Ui, count: usize, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::hover());
    let words = if count == 0 { "Nothing is in alarm." } else { "Nothing else is in alarm." };
    ui.painter().text(rect.left_center() + vec2(16.0, 0.0), Align2::LEFT_CENTER, words, plain(13.0), palette.muted);
}

/// Value now and limit of an alarm, in the words of its tag.
fn numbers(scene: &Scene<'_>, view: &AlarmView) -> (String, String) {
    let Subject::Tag(tag) = view.subject else { return (String::new(), String::new()) };
    let Some(definition) = scene.snapshot.plan.directory.tag(tag) else { return (String::new(), String::new()) };
    let value = scene.value_words(tag);
    let limit = view.definition(&scene.snapshot.plan.alarms).and_then(|alarm| alarm.condition.limit());
    let limit = limit.map_or_else(String::new, |limit| format::with_unit(definition, &Value::Double(limit)));
    (value, limit)
}

fn row(ui: &mut Ui, scene: &Scene<'_>, view: &AlarmView, spots: &Spots, selected: bool) -> bool {
    let palette = &scene.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::click());
    let painter = ui.painter();
    if selected || response.hovered() {
        painter.rect_filled(rect, 0, if selected { palette.select } else { palette.sunk });
    }
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    mark(painter, Rect::from_center_size(at(24.0), vec2(16.0, 16.0)), view.priority, palette, !view.state.is_active());
    let waits = view.state.needs_acknowledgement();
    let (font, quiet) =
        (if waits { strong(13.0) } else { plain(13.0) }, if waits { palette.text } else { palette.muted });
    painter.text(
        at(spots.since),
        Align2::LEFT_CENTER,
        format::clock(view.raised, scene.now.utc),
        plain(13.0),
        palette.text,
    );
    let (value, limit) = numbers(scene, view);
    let doubtful = matches!(view.subject, Subject::Tag(tag) if scene.doubt(tag).is_some());
    let ink = if doubtful { palette.faint } else { palette.value };
    let drawn = painter.text(at(spots.value), Align2::RIGHT_CENTER, &value, strong(13.0), ink);
    let room = drawn.left().min(rect.left() + spots.value - 20.0) - rect.left() - spots.message - 12.0;
    widgets::text(painter, at(spots.message), Align2::LEFT_CENTER, &view.message, font, palette.text, room);
    painter.text(at(spots.limit), Align2::RIGHT_CENTER, &limit, plain(13.0), palette.muted);
    // That the input cannot be trusted is said by the value ("last ...") and in the details.
    let state = format::state(view.state);
    widgets::text(
        painter,
        at(spots.state),
        Align2::LEFT_CENTER,
        state,
        if waits { strong(13.0) } else { plain(13.0) },
        quiet,
        142.0,
    );
    let area =
        view.definition(&scene.snapshot.plan.alarms).and_then(|alarm| alarm.area.clone()).unwrap_or_else(|| "".into());
    widgets::text(
        painter,
        at(spots.area),
        Align2::LEFT_CENTER,
        &area,
        plain(13.0),
        palette.muted,
        spots.width - spots.area - 8.0,
    );
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(1.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
    }
    response.widget_info(|| {
        let words = format!("Priority {}, {}, {value}, {state}", view.priority.number(), view.message);
        egui::WidgetInfo::selected(egui::Role::Row, true, selected, words)
    });
    response.clicked() || response.gained_focus()
}

fn facts(ui: &mut Ui, scene: &mut Scene<'_>, view: &AlarmView) {
    let palette = scene.palette;
    let plan = std::sync::Arc::clone(&scene.snapshot.plan);
    let Some(alarm) = view.definition(&plan.alarms) else { return };
    let (value, limit) = numbers(scene, view);
    let delay =
        if alarm.on_delay.is_zero() { String::new() } else { format!(", on-delay {} s", alarm.on_delay.as_secs_f32()) };
    let limit = if limit.is_empty() { String::new() } else { format!(", limit {limit}, deadband {}", alarm.deadband) };
    quiet(ui, format!("{value}{limit}{delay}"), &palette);
    if view.condition.unevaluated {
        let words = "Its input cannot be trusted at present: the state holds until it can.";
        ui.add(egui::Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
    }
    ui.add_space(6.0);
    quiet(ui, "Do this", &palette);
    let guidance = if alarm.guidance.is_empty() { "No guidance is written for this alarm." } else { &alarm.guidance };
    ui.add(egui::Label::new(RichText::new(guidance).font(plain(13.0)).color(palette.text)).wrap());
    ui.add_space(6.0);
    let raised = format!("Raised {} as occurrence {}", format::clock(view.raised, scene.now.utc), view.occurrence);
    quiet(ui, raised, &palette);
    let Subject::Tag(tag) = view.subject else { return };
    let Some(definition) = plan.directory.tag(tag) else { return };
    let limits = scene.limits_of(tag);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 100.0), Sense::hover());
    let (columns, span) = scene.history.last(scene.handle, &definition.key, 1800, 300, scene.now);
    sparkline(ui.painter(), rect, &Spark { columns, span, limits: &limits }, &palette);
    quiet(ui, format!("{}, last half hour", definition.key), &palette);
}
