//! The window's own state, and one frame of it.

use super::bell::SoundDialog;
use super::faceplate::Faceplate;
use super::handover::HandoverDialog;
use super::history::HistoryCache;
use super::reload::Reload;
use super::scene::{Action, AlarmedTags, Extra, Scene, View};
use super::sheet::SheetDialog;
use super::shell::{self, Shell};
use super::theme::{self, Palette};
use super::views::{AlarmsView, DevicesView, OverviewView, TagsView, TrendView, not_done};
use super::widgets;
use crate::alarm::OccurrenceId;
use crate::command::Confirmation;
use crate::engine::{Reply, Snapshot};
use crate::station::{Handle, Pending};
use crate::tag::Now;
use egui::{CentralPanel, Frame, Key, Margin, Modifiers};
use std::sync::Arc;
use std::time::Duration;

/// A picture older than this is not shown as if it were live.
const OLD: Duration = Duration::from_secs(2);
/// Screens are painted again at most this often when values change.
const REPAINT: Duration = Duration::from_millis(100);

/// The window.
pub struct App {
    handle: Handle,
    view: View,
    shell: Shell,
    overview: OverviewView,
    tags: TagsView,
    trends: TrendView,
    alarms: AlarmsView,
    devices: DevicesView,
    faceplate: Faceplate,
    reload: Reload,
    sheet: Option<SheetDialog>,
    handover: Option<HandoverDialog>,
    sound: SoundDialog,
    history: HistoryCache,
    alarmed: AlarmedTags,
    extra: Option<Extra>,
    pending: Vec<Pending<Reply>>,
    close_at: Option<Duration>,
}

impl App {
    /// A window for the station behind `handle`.
    pub fn new(context: &egui::Context, handle: Handle, extra: Option<Extra>) -> Self {
        theme::install(context);
        let waker = context.clone();
        handle.add_waker(move || waker.request_repaint_after(REPAINT));
        Self {
            handle,
            view: View::Overview,
            shell: Shell::default(),
            overview: OverviewView::default(),
            tags: TagsView::default(),
            trends: TrendView::default(),
            alarms: AlarmsView::default(),
            devices: DevicesView::default(),
            faceplate: Faceplate::default(),
            reload: Reload::default(),
            sheet: None,
            handover: None,
            sound: SoundDialog::default(),
            history: HistoryCache::default(),
            alarmed: AlarmedTags::default(),
            extra,
            pending: Vec::new(),
            close_at: None,
        }
    }

    /// The same, but it closes itself after a while.
    #[must_use]
    pub fn closing_after(mut self, duration: Option<Duration>) -> Self {
        self.close_at = duration;
        self
    }

    /// Shows this view.
    pub fn show(&mut self, view: View) {
        self.view = view;
    }

    /// The view that is shown.
    pub fn view(&self) -> View {
        self.view
    }

    /// Paints one frame.
    pub fn frame(&mut self, ui: &mut egui::Ui) {
        let (snapshot, now) = (self.handle.snapshot(), self.handle.now());
        let palette = Palette::of(ui.theme());
        let mut alarmed = std::mem::take(&mut self.alarmed);
        alarmed.refresh(&snapshot);
        let handle = self.handle.clone();
        let mut history = std::mem::take(&mut self.history);
        let mut scene = Scene {
            snapshot: &snapshot,
            now,
            handle: &handle,
            palette,
            history: &mut history,
            alarmed: &alarmed,
            actions: Vec::new(),
        };
        handle.set_watched(ui.input(|input| input.focused));
        self.keys(ui, &mut scene);
        self.shell.is_file_changed(self.reload.is_changed());
        self.shell.frame(ui, &mut scene, &mut self.view, self.extra.as_ref());
        self.body(ui, &mut scene);
        self.dialogs(ui, &mut scene);
        let actions = scene.actions;
        (self.history, self.alarmed) = (history, alarmed);
        self.cover_old_picture(ui, &snapshot, now, &palette);
        actions.into_iter().for_each(|action| self.perform(action, &snapshot));
        self.collect_replies();
    }

    /// Dialogs that stand over every view.
    fn dialogs(&mut self, ui: &egui::Ui, scene: &mut Scene<'_>) {
        if scene.actions.contains(&Action::Reload) {
            self.reload.open(scene);
        }
        if scene.actions.contains(&Action::Sheet) {
            self.sheet.get_or_insert_default();
        }
        self.reload.frame(ui, scene);
        self.sound.frame(ui, scene);
        if HandoverDialog::is_wanted(scene) {
            self.handover.get_or_insert_default();
        }
        if self.handover.as_mut().is_some_and(|handover| handover.ui(ui, scene)) {
            self.handover = None;
        }
        if self.sheet.as_mut().is_some_and(|sheet| sheet.ui(ui, scene)) {
            self.sheet = None;
        }
    }

    fn body(&mut self, ui: &mut egui::Ui, scene: &mut Scene<'_>) {
        if self.view != View::Devices {
            self.devices.rest();
        }
        let frame = Frame::NONE.fill(scene.palette.ground).inner_margin(Margin::same(14));
        CentralPanel::default().frame(frame).show(ui, |ui| match self.view {
            View::Overview => self.overview.ui(ui, scene),
            View::Tags => self.tags.ui(ui, scene, &mut self.faceplate),
            View::Trends => self.trends.ui(ui, scene),
            View::Alarms => self.alarms.ui(ui, scene),
            View::Devices => self.devices.ui(ui, scene),
        });
    }

    /// Keys that work in every view. Those that are letters do not work while somebody types.
    fn keys(&mut self, ui: &mut egui::Ui, scene: &mut Scene<'_>) {
        let pressed = |key: Key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::F2) {
            let chosen = match self.view {
                View::Alarms => self.alarms.acknowledge_key(),
                _ => Vec::new(),
            };
            let occurrences = if chosen.is_empty() { self.shell.banner().into_iter().collect() } else { chosen };
            if !occurrences.is_empty() {
                scene.act(Action::Acknowledge(occurrences, String::new()));
            }
        }
        if pressed(Key::F1) {
            self.shell.toggle_keys();
        }
        if pressed(Key::F3) {
            self.sound.key(scene);
        }
        if pressed(Key::F9) {
            self.shell.open_banner(scene);
        }
        if pressed(Key::F4) && self.view == View::Tags {
            self.faceplate.begin();
        }
        if pressed(Key::F5) {
            scene.act(Action::Reload);
        }
        if pressed(Key::F6) && self.view == View::Tags {
            self.faceplate.toggle_trust();
        }
        if pressed(Key::F7) && self.view == View::Tags {
            self.faceplate.loop_check().begin();
        }
        if pressed(Key::F8) {
            shell::toggle_theme(ui);
        }
        if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::K)) {
            self.view = View::Tags;
            self.tags.focus_search(ui);
        }
        for (number, view) in [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5].into_iter().zip(View::ALL) {
            if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, number)) {
                self.view = view;
            }
        }
    }

    fn perform(&mut self, action: Action, snapshot: &Arc<Snapshot>) {
        match action {
            Action::Show(view) => self.view = view,
            Action::ShowAt(view, part) => {
                self.view = view;
                match view {
                    View::Overview => self.overview.focus(part.area),
                    View::Alarms => self.alarms.focus(part.area),
                    View::Devices => self.devices.select(part.device),
                    View::Tags | View::Trends => {}
                }
            }
            Action::Select(tag) => {
                self.view = View::Tags;
                self.tags.select(tag, snapshot);
                self.faceplate.show(tag, snapshot);
            }
            Action::Trend(key) => {
                self.view = View::Trends;
                self.trends.add(key);
            }
            Action::TrendAt(key, moment) => {
                self.view = View::Trends;
                self.trends.add_at(key, moment, snapshot.taken);
            }
            Action::Request(body) => self.pending.push(self.handle.request(body)),
            Action::OpenAlarm { alarm, occurrence } => {
                self.view = View::Alarms;
                self.alarms.open(&alarm, OccurrenceId(occurrence), snapshot);
            }
            Action::Acknowledge(occurrences, comment) => {
                self.pending.push(self.handle.acknowledge(occurrences, &comment));
            }
            Action::Command { tag, value, seen, reason } => {
                let pending = self.handle.command(tag, value, seen, &reason, Confirmation::Dialog);
                self.faceplate.sent(pending.request().clone());
                self.pending.push(pending);
            }
            Action::LoopCheck { tag, seen, passed, remark } => {
                self.faceplate.loop_check().sent(self.handle.loop_check(tag, seen, passed, &remark));
            }
            // Dialogs were opened while painting.
            Action::Reload | Action::Sheet | Action::Sound | Action::Handover => {}
            Action::Bridge { name, on, reason } => self.pending.push(self.handle.bridge(&name, on, &reason)),
            Action::Scan { device, on, reason } => self.pending.push(self.handle.scan(&device, on, &reason)),
        }
    }

    /// Refusals are said where the operator looks; everything else shows itself in the next picture.
    fn collect_replies(&mut self) {
        let shell = &mut self.shell;
        self.pending.retain_mut(|pending| match pending.poll() {
            None => true,
            Some(reply) => {
                match reply {
                    Some(Reply::Refused { why }) => shell.say(&why),
                    Some(Reply::AlarmsDone { count, refused }) => {
                        not_done(count, &refused).into_iter().for_each(|words| shell.say(&words));
                    }
                    Some(Reply::Acknowledged { count: 0, gone, .. }) if gone > 0 => {
                        shell.say("that alarm is over already; nothing was acknowledged");
                    }
                    Some(Reply::Acknowledged { count: 0, set_aside, .. }) if set_aside > 0 => {
                        shell.say("that alarm is set aside; there is nothing to acknowledge");
                    }
                    Some(_) => {}
                    None => shell.say("the station stopped before it answered"),
                }
                false
            }
        });
    }

    /// A picture that is not live any more says so, over everything.
    fn cover_old_picture(&self, ui: &mut egui::Ui, snapshot: &Snapshot, now: Now, palette: &Palette) {
        let age = now.monotonic.since(snapshot.taken.monotonic);
        if age <= OLD {
            return;
        }
        let rect = ui.max_rect();
        let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("old picture"));
        let painter = ui.ctx().layer_painter(layer);
        widgets::hatch(&painter, rect, theme::faded(palette.text, 0.35));
        let words = format!("display not updating, {:.0} s old", age.as_secs_f32());
        let galley = painter.layout_no_wrap(words, theme::strong(24.0), palette.text);
        let place = egui::Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size());
        painter.rect(
            place.expand(16.0),
            4,
            palette.panel,
            egui::Stroke::new(2.0, palette.text),
            egui::StrokeKind::Inside,
        );
        painter.galley(place.min, galley, palette.text);
    }
}

impl eframe::App for App {
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        if self.close_at.is_some_and(|limit| self.handle.now().monotonic.as_micros() > limit.as_micros() as u64) {
            context.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.frame(ui);
        // The clock and the age of the picture go on when nothing else does.
        ui.request_repaint_after(Duration::from_secs(1));
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
