//! The selected alarm: what it means, what to do, how its value went, what happened to it before.

use super::AlarmsView;
use super::row::{age_of, area_of, numbers};
use crate::alarm::{AlarmDefinition, AlarmView, ProcessState, Subject};
use crate::engine::{AlarmName, RequestBody};
use crate::gui::format;
use crate::gui::scene::{Action, Part, Scene, View};
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::{Spark, TrendMark, button, mark_ui, primary_button, quiet, small_trend};
use crate::tag::{TagId, TagKey, Timestamp, Value};
use egui::{Label, RichText, ScrollArea, TextEdit, Ui};
use std::sync::Arc;
use std::time::Duration;

/// How long before the event its trend begins.
const BEFORE: Duration = Duration::from_secs(600);

impl AlarmsView {
    pub(super) fn details(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let Some(view) = self.active.shown().cloned() else {
                quiet(ui, "Choose an alarm to see what it means and what to do.", &palette);
                return;
            };
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                headline(ui, scene, &view);
                self.group(ui, scene, &view);
                self.act(ui, scene);
                facts(ui, scene, &view, self.past.acknowledged(view.key.as_str(), view.occurrence));
                ui.add_space(6.0);
                self.past.ui(ui, scene, view.key.as_str());
            });
        });
    }

    /// The group of the alarm, and the way to the one that was first in it.
    fn group(&mut self, ui: &mut Ui, scene: &Scene<'_>, view: &AlarmView) {
        let (palette, Some(group)) = (scene.palette, &view.group) else { return };
        if view.is_first_out {
            return bold(ui, &format!("First of the group {group}: look here for the cause."), &palette);
        }
        bold(ui, &format!("Of the group {group}; another one was first."), &palette);
        let is_first = |other: &&AlarmView| other.is_first_out && other.group == view.group;
        let Some(first) = scene.snapshot.alarms.views.iter().find(is_first).map(|first| first.occurrence) else {
            return;
        };
        if button(ui, "Show the first", false, &palette).clicked() {
            self.active.open(first);
        }
    }

    /// What can be done, to this alarm or to all that are selected.
    fn act(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        quiet(ui, "Comment", &palette);
        let field = TextEdit::singleline(&mut self.comment).id(egui::Id::unique("comment"));
        ui.add(field.desired_width(f32::INFINITY)).accessible_name("Comment");
        ui.add_space(4.0);
        let selected = self.active.selection.all();
        ui.horizontal_wrapped(|ui| {
            let waiting = self.active.waiting_among_selected();
            let words = match selected.len() {
                0 | 1 => "Acknowledge".to_owned(),
                _ => format!("Acknowledge {}", waiting.len()),
            };
            if primary_button(ui, &words, !waiting.is_empty(), &palette).clicked() {
                scene.act(Action::Acknowledge(waiting, std::mem::take(&mut self.comment)));
            }
            let latched: Vec<AlarmName> = selected
                .iter()
                .filter(|one| self.active.listing.find(**one).is_some_and(is_latched))
                .map(|one| AlarmName::Occurrence(*one))
                .collect();
            let words = if selected.len() > 1 { format!("Reset {}", latched.len()) } else { "Reset".to_owned() };
            if !latched.is_empty() && button(ui, &words, false, &palette).clicked() {
                let comment = std::mem::take(&mut self.comment).into();
                scene.act(Action::Request(RequestBody::Reset { alarms: latched, comment }));
            }
            let can_comment = !self.comment.trim().is_empty();
            let comment = egui::Button::new(RichText::new("Comment only").font(plain(13.0)).color(palette.text));
            if ui.add_enabled(can_comment, comment).clicked() {
                let alarms = selected.iter().map(|one| AlarmName::Occurrence(*one)).collect();
                let comment = std::mem::take(&mut self.comment).into();
                scene.act(Action::Request(RequestBody::Comment { alarms, comment }));
            }
            if button(ui, "Shelve...", false, &palette).clicked() {
                self.begin_shelving(ui, scene);
            }
            if button(ui, "Out of service...", false, &palette).clicked() {
                self.begin_taking_out(ui, scene);
            }
        });
        if selected.len() > 1 {
            quiet(ui, format!("These buttons are about all {} that are selected.", selected.len()), &palette);
        }
    }
}

fn is_latched(view: &AlarmView) -> bool {
    view.state.process().is_some_and(ProcessState::is_latched)
}

fn headline(ui: &mut Ui, scene: &Scene<'_>, view: &AlarmView) {
    let palette = scene.palette;
    ui.horizontal_top(|ui| {
        mark_ui(ui, view.priority, &palette, !view.state.is_active());
        ui.add(Label::new(RichText::new(&*view.message).font(strong(15.0)).color(palette.text)).wrap());
    });
    let area = area_of(scene, view);
    let area = if area.is_empty() { String::new() } else { format!(", {area}") };
    quiet(ui, format!("Priority {}, {}{area}", view.priority.number(), view.priority.word()), &palette);
    if let Some(words) = view.hidden_words() {
        bold(ui, &format!("It {words}: they are judged again when the device answers."), &palette);
    }
}

fn bold(ui: &mut Ui, words: &str, palette: &Palette) {
    ui.add(Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
}

fn facts(ui: &mut Ui, scene: &mut Scene<'_>, view: &AlarmView, acknowledged: Option<Timestamp>) {
    let palette = scene.palette;
    let plan = Arc::clone(&scene.snapshot.plan);
    let Some(alarm) = view.definition(&plan.alarms) else { return };
    ui.add_space(6.0);
    quiet(ui, "Do this", &palette);
    let guidance = if alarm.guidance.is_empty() { "No guidance is written for this alarm." } else { &alarm.guidance };
    ui.add(Label::new(RichText::new(guidance).font(plain(13.0)).color(palette.text)).wrap());
    ui.add_space(6.0);
    say_numbers(ui, scene, view, alarm);
    if view.condition.unevaluated {
        bold(ui, "Its input cannot be trusted at present: the state holds until it can.", &palette);
    }
    let raised = format::clock(view.raised, scene.now.utc);
    let raised = format!("Raised {raised}, {} ago, as occurrence {}", age_of(scene, view), view.occurrence);
    quiet(ui, raised, &palette);
    let Subject::Tag(tag) = view.subject else { return };
    let Some(key) = plan.directory.tag(tag).map(|definition| definition.key.clone()) else { return };
    trend(ui, scene, view, (&key, alarm.condition.limit()), acknowledged);
    ui.horizontal_wrapped(|ui| {
        if button(ui, "Open trend", false, &palette).clicked() {
            scene.act(Action::TrendAt(key.clone(), view.raised));
        }
        if button(ui, "Open tag", false, &palette).clicked() {
            scene.act(Action::Select(tag));
        }
        if button(ui, "Open screen", false, &palette).clicked() {
            open_screen(scene, alarm, (tag, key), view.raised);
        }
    });
}

/// The screen that the station file names, the overview unless it does: at the area, device, tag or moment of the alarm.
fn open_screen(scene: &mut Scene<'_>, alarm: &AlarmDefinition, (tag, key): (TagId, TagKey), raised: Timestamp) {
    let directory = &scene.snapshot.plan.directory;
    let device = directory.tag(tag).and_then(|tag| directory.device(tag.device?)).map(|device| device.name.clone());
    let part = Part { area: alarm.area.clone(), device };
    let view = alarm.presentation.screen.as_deref().and_then(View::of_word).unwrap_or(View::Overview);
    scene.act(match view {
        View::Tags => Action::Select(tag),
        View::Trends => Action::TrendAt(key, raised),
        View::Overview | View::Alarms | View::Devices => Action::ShowAt(view, part),
    });
}

fn say_numbers(ui: &mut Ui, scene: &Scene<'_>, view: &AlarmView, alarm: &AlarmDefinition) {
    let (value, limit) = numbers(scene, view);
    let delay =
        if alarm.on_delay.is_zero() { String::new() } else { format!(", on-delay {} s", alarm.on_delay.as_secs_f32()) };
    let limit = if limit.is_empty() { String::new() } else { format!(", limit {limit}, deadband {}", alarm.deadband) };
    let words = format!("{value}{limit}{delay}");
    if !words.is_empty() {
        quiet(ui, words, &scene.palette);
    }
}

/// From some minutes before the event until now.
fn trend(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    view: &AlarmView,
    (key, limit): (&TagKey, Option<f64>),
    acknowledged: Option<Timestamp>,
) {
    let from = view.raised.minus(BEFORE);
    let now = scene.now.utc;
    let limits: Vec<f64> = limit.into_iter().collect();
    let plan = Arc::clone(&scene.snapshot.plan);
    let definition = plan.directory.find(key.as_str()).and_then(|tag| plan.directory.tag(tag));
    let label = |moment: f64, value: f64| {
        let shown = definition.map_or_else(String::new, |tag| format::with_unit(tag, &Value::Double(value)));
        format!("{shown}  {}", format::clock(Timestamp::from_seconds(moment), now))
    };
    let (columns, span) = scene.history.since(scene.handle, key, from, 300, scene.now);
    let spark = Spark { columns, span, limits: &limits };
    let mark = |time: Timestamp, raised, what: &str| TrendMark {
        time: time.as_seconds(),
        raised,
        words: format!("{what} {}", format::clock(time, now)),
    };
    let raised = mark(view.raised, Some(view.priority), "raised");
    let marks: Vec<TrendMark> =
        [Some(raised), acknowledged.map(|time| mark(time, None, "acknowledged"))].into_iter().flatten().collect();
    small_trend(ui, "Trend from 10 minutes before it until now", 84.0, &spark, &marks, label, &scene.palette);
    quiet(ui, format!("{key}, from 10 minutes before it until now"), &scene.palette);
}
