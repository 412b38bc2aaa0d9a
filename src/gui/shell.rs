//! What stands in the same place in every view: top bar, banner, navigation, status line.

use super::format;
use super::scene::{Action, Extra, Scene, View};
use super::theme::{Palette, plain, size, strong};
use super::widgets::{button, mark, mark_ui};
use crate::alarm::{AlarmView, OccurrenceId, Priority};
use crate::driver::Link;
use crate::tag::TagKey;
use egui::{Align, Frame, Label, Layout, Margin, Panel, RichText, Sense, Ui, vec2};

/// State of the shell.
#[derive(Default)]
pub(super) struct Shell {
    banner: Option<OccurrenceId>,
    said: Option<String>,
    keys_shown: bool,
    is_file_changed: bool,
}

impl Shell {
    /// The alarm that the banner showed in the last frame.
    pub(super) fn banner(&self) -> Option<OccurrenceId> {
        self.banner
    }

    /// Shows the alarm that the banner shows.
    pub(super) fn open_banner(&self, scene: &mut Scene<'_>) {
        let views = &scene.snapshot.alarms.views;
        let shown = self.banner.and_then(|occurrence| views.iter().find(|view| view.occurrence == occurrence));
        let Some(view) = shown else { return };
        let (alarm, occurrence) = (view.key.as_str().to_owned(), view.occurrence.0);
        scene.act(Action::OpenAlarm { alarm, occurrence });
    }

    /// Says something to the operator, until they take it away.
    pub(super) fn say(&mut self, words: &str) {
        self.said = Some(words.to_owned());
    }

    /// Whether the station file on the disk is another than the one that runs.
    pub(super) fn is_file_changed(&mut self, is_changed: bool) {
        self.is_file_changed = is_changed;
    }

    pub(super) fn toggle_keys(&mut self) {
        self.keys_shown = !self.keys_shown;
    }

    pub(super) fn frame(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, view: &mut View, extra: Option<&Extra>) {
        let palette = scene.palette;
        let bar = |fill, x, y| Frame::NONE.fill(fill).inner_margin(Margin::symmetric(x, y)).stroke(palette.rule());
        Panel::top("top bar")
            .exact_size(size::TOP_BAR)
            .frame(bar(palette.panel, 16, 6))
            .show_separator_line(false)
            .show(ui, |ui| {
                ui.horizontal_centered(|ui| top_bar(ui, scene, extra));
            });
        Panel::top("banner").exact_size(size::BANNER).frame(bar(palette.sunk, 16, 3)).show_separator_line(false).show(
            ui,
            |ui| {
                ui.horizontal_centered(|ui| self.show_banner(ui, scene));
            },
        );
        Panel::bottom("status")
            .exact_size(size::STATUS)
            .frame(bar(palette.panel, 16, 3))
            .show_separator_line(false)
            .show(ui, |ui| {
                ui.horizontal_centered(|ui| status(ui, scene, self.is_file_changed));
            });
        let navigation =
            Panel::left("navigation").exact_size(size::NAVIGATION).resizable(false).show_separator_line(false);
        navigation.frame(bar(palette.panel, 0, 10)).show(ui, |ui| navigate(ui, scene, view));
        if self.keys_shown {
            self.keys(ui, &palette);
        }
    }

    fn show_banner(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        if let Some(words) = self.said.clone() {
            ui.label(RichText::new(words).font(strong(13.0)).color(palette.text));
            if button(ui, "Understood", false, &palette).clicked() {
                self.said = None;
            }
            return;
        }
        let newest = newest_unacknowledged(&scene.snapshot.alarms.views).cloned();
        let painted_before = self.banner;
        self.banner = newest.as_ref().map(|view| view.occurrence);
        let Some(view) = newest else {
            let words = if scene.snapshot.alarms.views.is_empty() {
                "Nothing is in alarm."
            } else {
                "Every alarm is acknowledged."
            };
            ui.label(RichText::new(words).font(plain(13.0)).color(palette.muted));
            return;
        };
        mark_ui(ui, view.priority, &palette, !view.state.is_active());
        let time = format::clock(view.raised, scene.now.utc);
        ui.label(RichText::new(time).font(plain(13.0)).color(palette.text));
        let message = Label::new(RichText::new(&*view.message).font(strong(13.0)).color(palette.text));
        if ui.add(message.sense(Sense::click())).on_hover_text("Show it: F9").clicked() {
            let (alarm, occurrence) = (view.key.as_str().to_owned(), view.occurrence.0);
            scene.act(Action::OpenAlarm { alarm, occurrence });
        }
        let age = scene.now.utc.micros_since(view.raised) as f64 / 1e6;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let clicked = button(ui, "Acknowledge F2", false, &palette).clicked();
            // What is acknowledged is what was painted when the click came, not what has just arrived.
            if clicked && let Some(occurrence) = painted_before {
                scene.act(Action::Acknowledge(vec![occurrence], String::new()));
            }
            let area = view.definition(&scene.snapshot.plan.alarms).and_then(|alarm| alarm.area.clone());
            let area = area.map_or_else(String::new, |area| format!(", {area}"));
            let words = format!("{}, {}{area}", format::state(view.state), format::age(age.max(0.0)));
            let words = RichText::new(words).font(plain(13.0)).color(palette.muted);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(
                    Label::new(RichText::new(banner_detail(scene, &view)).font(plain(13.0)).color(palette.text))
                        .truncate(),
                );
                ui.add(Label::new(words).truncate());
            });
        });
    }

    fn keys(&mut self, ui: &mut Ui, palette: &Palette) {
        let shown = egui::Modal::new(egui::Id::unique("keys")).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.label(RichText::new("Keys").font(strong(15.0)).color(palette.text));
            ui.horizontal_top(|ui| {
                for keys in [KEYS, TREND_KEYS] {
                    ui.vertical(|ui| keys.iter().for_each(|(key, words)| key_line(ui, key, words, palette)));
                    ui.add_space(8.0);
                }
            });
            button(ui, "Close", false, palette).clicked()
        });
        if shown.inner || shown.should_close() {
            self.keys_shown = false;
        }
    }
}

/// Keys of every view.
const KEYS: &[(&str, &str)] = &[
    ("F1", "this list"),
    ("F2", "acknowledge the alarm in the banner, or the selected one"),
    ("F3", "silence; when nothing sounds, whether alarms can be heard"),
    ("F4", "set a new value of the selected tag"),
    ("F5", "what a changed station file would change"),
    ("F6", "where the value of the selected tag comes from"),
    ("F7", "loop check of the selected tag, for the record"),
    ("F8", "day or night colours"),
    ("F9", "show the alarm in the banner"),
    ("Ctrl 1 to 5", "overview, tags, trends, alarms, devices"),
    ("Ctrl K", "find a tag"),
    ("Tab, Shift Tab", "next and previous control; Enter presses it"),
    ("Up, Down, Home, End", "next, previous, first, last row of a table"),
    ("Shift Up, Ctrl A", "select a range of alarms, all that are shown"),
    ("Ctrl Enter, Esc", "send a command, cancel it"),
];

/// Keys of the trends.
const TREND_KEYS: &[(&str, &str)] = &[
    ("Left, Right", "earlier, later; Page Up and Down by whole windows"),
    ("+, -", "closer, wider; Shift Up, Down: the values"),
    ("Alt Left, Right", "back and forward through windows"),
    ("Space, Home, G", "pause, live, go to a moment such as -2h"),
    ("0", "all axes automatic"),
    ("A, B, Esc", "put a cursor (a click too), take them away"),
    ("Shift, Ctrl Left, Right", "move the cursor by 1 and by 10 pixels"),
    ("Z", "show what is between the cursors"),
    ("M, Shift M, Enter", "next and previous mark, open it"),
    ("V, N", "marks of the whole plant, pin a note"),
    ("Up, Down, Insert, Delete", "select, add, remove a pen"),
    ("Ctrl Up, Ctrl Down, H", "move the pen up and down, hide it"),
    ("O, L, I", "own axis, logarithmic, straight lines"),
    ("C, X", "same hours of another day, pen over pen"),
    ("T, E", "trend groups, export"),
];

fn key_line(ui: &mut Ui, key: &str, words: &str, palette: &Palette) {
    ui.horizontal(|ui| {
        ui.add_sized([152.0, 20.0], Label::new(RichText::new(key).font(strong(13.0)).color(palette.text)));
        ui.label(RichText::new(words).color(palette.text));
    });
}

/// The newest of the most urgent ones that wait: a board begins with it.
fn newest_unacknowledged(views: &[AlarmView]) -> Option<&AlarmView> {
    views.first().filter(|view| view.state.needs_acknowledgement())
}

fn banner_detail(scene: &Scene<'_>, view: &AlarmView) -> String {
    let plan = &scene.snapshot.plan;
    let tag = match view.subject {
        crate::alarm::Subject::Tag(tag) => plan.directory.tag(tag).map(|definition| (tag, definition)),
        crate::alarm::Subject::Device(_) => None,
    };
    let Some((tag, definition)) = tag else { return view.hidden_words().unwrap_or_default() };
    let doubt = scene.doubt(tag).map_or_else(String::new, |reason| format!(" ({reason})"));
    let now = format!("{}{doubt}", scene.value_words(tag));
    let limit = view.definition(&plan.alarms).and_then(|alarm| alarm.condition.limit());
    let limit =
        limit.map_or_else(String::new, |limit| format!(", limit {}", format::number(limit, definition.decimals)));
    format!("{now}{limit}")
}

fn top_bar(ui: &mut Ui, scene: &mut Scene<'_>, extra: Option<&Extra>) {
    let palette = scene.palette;
    ui.label(RichText::new(&*scene.snapshot.plan.station).font(strong(16.0)).color(palette.text));
    ui.label(RichText::new("Polder").font(plain(13.0)).color(palette.muted));
    ui.add_space(16.0);
    links(ui, scene);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let time = format::date_and_zone(scene.now.utc);
        ui.label(RichText::new(time).font(plain(13.0)).color(palette.text));
        ui.add_space(12.0);
        let person = format!("{} (no login)", scene.handle.person());
        ui.label(RichText::new(person).font(plain(13.0)).color(palette.text));
        ui.add_space(12.0);
        if let Some(extra) = extra {
            menu(ui, extra);
            ui.add_space(8.0);
        }
        super::bell::bell(ui, scene);
        counts(ui, scene);
    });
}

fn menu(ui: &mut Ui, extra: &Extra) {
    ui.menu_button(&extra.title, |ui| {
        for (words, act) in &extra.entries {
            if ui.button(words).clicked() {
                act();
                ui.close();
            }
        }
    });
}

/// How many devices answer, and the one that does not.
fn links(ui: &mut Ui, scene: &Scene<'_>) {
    let (palette, snapshot) = (scene.palette, scene.snapshot);
    let good = snapshot.devices.iter().filter(|device| device.link == Link::Good).count();
    ui.label(RichText::new("Links").font(plain(13.0)).color(palette.muted));
    ui.label(RichText::new(format!("{good} of {} good", snapshot.devices.len())).font(plain(13.0)).color(palette.text));
    let lost = snapshot
        .devices
        .iter()
        .zip(snapshot.plan.directory.devices())
        .filter(|(view, _)| matches!(view.link, Link::Lost { .. }));
    let lost: Vec<_> = lost.collect();
    let Some((view, device)) = lost.first() else { return };
    let more = if lost.len() > 1 { format!(" and {} more", lost.len() - 1) } else { String::new() };
    let words = format!("{}: {}{more}", device.name, link_words(&view.link, scene));
    let label = Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).truncate();
    ui.add_sized(vec2((ui.available_width() - 703.0 - super::bell::width(scene)).clamp(40.0, 420.0), 20.0), label);
}

/// A link in words: what is wrong, and when it is tried again.
pub(super) fn link_words(link: &Link, scene: &Scene<'_>) -> String {
    match link {
        Link::Starting => "not heard yet".to_owned(),
        Link::Good => "good".to_owned(),
        Link::Lost { reason, next_try, .. } => {
            let next = next_try.map(|moment| moment.since(scene.now.monotonic).as_secs_f32().ceil());
            let next = next.map_or_else(String::new, |seconds| format!(", next try in {seconds:.0} s"));
            format!("{}{next}", reason.words())
        }
    }
}

/// Alarms by priority: active ones, and in bold those that wait.
fn counts(ui: &mut Ui, scene: &mut Scene<'_>) {
    let (palette, summary) = (scene.palette, scene.snapshot.alarms.summary);
    for priority in Priority::ALL.into_iter().rev() {
        let place = priority as usize;
        let (active, waiting) = (summary.active[place], summary.unacknowledged[place]);
        let calm = active == 0 && waiting == 0;
        let (rect, response) = ui.allocate_exact_size(vec2(46.0, 24.0), Sense::click());
        let spot = egui::Rect::from_center_size(rect.left_center() + vec2(10.0, 0.0), vec2(16.0, 16.0));
        mark(ui.painter(), spot, priority, &palette, calm);
        let (font, color) = if waiting > 0 {
            (strong(14.0), palette.text)
        } else {
            (plain(14.0), if calm { palette.faint } else { palette.text })
        };
        ui.painter().text(
            rect.left_center() + vec2(24.0, 0.0),
            egui::Align2::LEFT_CENTER,
            active.max(waiting),
            font,
            color,
        );
        if response.has_focus() {
            ui.painter().rect_stroke(rect, 3, egui::Stroke::new(1.5, palette.focus), egui::StrokeKind::Inside);
        }
        let words = format!("Priority {}: {active} active, {waiting} not acknowledged", priority.number());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &words));
        if response.on_hover_text(words).clicked() {
            scene.act(Action::Show(View::Alarms));
        }
    }
}

/// A tag that is dragged over the name of the trends opens them; let go there, it is drawn.
fn take_dragged(ui: &Ui, scene: &mut Scene<'_>, rect: egui::Rect, view: &mut View) {
    let is_over = ui.input(|input| input.pointer.hover_pos()).is_some_and(|at| rect.contains(at));
    if !is_over || !egui::DragAndDrop::has_payload_of_type::<TagKey>(ui.ctx()) {
        return;
    }
    *view = View::Trends;
    if ui.input(|input| input.pointer.any_released())
        && let Some(key) = egui::DragAndDrop::take_payload::<TagKey>(ui.ctx())
    {
        scene.act(Action::Trend((*key).clone()));
    }
}

fn navigate(ui: &mut Ui, scene: &mut Scene<'_>, view: &mut View) {
    let palette = scene.palette;
    ui.spacing_mut().item_spacing.y = 2.0;
    for (number, target) in View::ALL.into_iter().enumerate() {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 38.0), Sense::click());
        let selected = *view == target;
        if selected || response.hovered() {
            ui.painter().rect_filled(rect, 0, if selected { palette.select } else { palette.sunk });
        }
        if selected {
            ui.painter().rect_filled(egui::Rect::from_min_size(rect.min, vec2(3.0, rect.height())), 0, palette.focus);
        }
        if response.has_focus() {
            ui.painter().rect_stroke(
                rect.shrink(1.0),
                2,
                egui::Stroke::new(1.5, palette.focus),
                egui::StrokeKind::Inside,
            );
        }
        let font = if selected { strong(13.0) } else { plain(13.0) };
        ui.painter().text(
            rect.left_center() + vec2(18.0, 0.0),
            egui::Align2::LEFT_CENTER,
            target.title(),
            font,
            palette.text,
        );
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, selected, target.title()));
        if target == View::Trends {
            take_dragged(ui, scene, rect, view);
        }
        if response.on_hover_text(format!("Ctrl {}", number + 1)).clicked() {
            *view = target;
        }
    }
    ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
        for words in ["Colours F8", "Keys F1", "Find Ctrl K"] {
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
            ui.painter().text(
                rect.left_center() + vec2(18.0, 0.0),
                egui::Align2::LEFT_CENTER,
                words,
                plain(12.0),
                palette.faint,
            );
        }
    });
}

fn status(ui: &mut Ui, scene: &mut Scene<'_>, is_file_changed: bool) {
    let (palette, snapshot) = (scene.palette, scene.snapshot);
    let rate: f32 = snapshot.devices.iter().map(|device| device.statistics.answers_per_second).sum();
    let health = &snapshot.health;
    let history = health
        .history_failing
        .as_ref()
        .map_or_else(|| "samples safe".to_owned(), |why| format!("SAMPLES NOT WRITTEN: {why}"));
    let records = health
        .records_failing
        .as_ref()
        .map_or_else(|| "records safe".to_owned(), |why| format!("RECORDS NOT WRITTEN: {why}"));
    let age = scene.now.monotonic.since(snapshot.taken.monotonic).as_secs_f64();
    let tags = snapshot.plan.directory.tags().len();
    let mut words = format!("{tags} tags · {rate:.0} answers/s · {history} · {records} · display {age:.1} s");
    for remark in health.remarks() {
        words.extend([" · ", &remark]);
    }
    // A button is as low here as the line.
    ui.spacing_mut().interact_size.y = 18.0;
    ui.spacing_mut().button_padding.y = 0.0;
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if is_file_changed {
            let words = RichText::new("The station file was changed: look F5").font(strong(12.0)).color(palette.text);
            if ui.add(egui::Button::new(words).fill(palette.sunk)).clicked() {
                scene.act(Action::Reload);
            }
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).truncate());
        });
    });
}

/// Day or night.
pub(super) fn toggle_theme(ui: &Ui) {
    let next = match ui.theme() {
        egui::Theme::Dark => egui::Theme::Light,
        egui::Theme::Light => egui::Theme::Dark,
    };
    ui.set_theme(next);
}
