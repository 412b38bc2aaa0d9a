//! Lines over time: any number of pens, the present and the past without a seam.
//!
//! What can be thought through without a window stands in files of its own (window, moment, axes, curve, trace, bands, statistics, cursors,
//! marks, compare, picture); these here ask history, take keys and the pointer, and paint.

mod axes;
mod bands;
mod beside;
mod compare;
mod cursors;
mod curve;
mod events;
mod export;
mod feed;
mod groups;
mod head;
mod input;
mod legend;
mod marks;
mod measures;
pub(in crate::gui) mod moment;
mod paint;
mod pens;
mod picture;
mod png;
mod scene_of;
mod sheet;
mod statistics;
mod svg;
mod time_axis;
mod trace;
mod window;
mod wishes;
mod xy;

use crate::engine::Reply;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{plain, size};
use crate::gui::widgets::Dialog;
use crate::station::Pending;
use crate::tag::{Now, TagId, TagKey, Timestamp};
use axes::{Axis, AxisId, AxisSetting};
use compare::Compare;
use cursors::Cursors;
use egui::{Id, Rect, RichText, Sense, Ui, vec2};
use events::Events;
use feed::{Feed, Sight};
use input::Drag;
use measures::Measures;
use pens::{Kind, Pens};
use picture::Layout;
use std::collections::BTreeMap;
use window::{Trail, Window};

/// Questions that wait for an answer at once.
const QUESTIONS: usize = 24;
/// Height of the strip that shows where the window stands in the last days.
const STRIP: f32 = 44.0;
/// Height of the two lines of words below.
const WORDS: f32 = 40.0;

/// The trend view.
pub(in crate::gui) struct TrendView {
    pens: Pens,
    axis_settings: BTreeMap<AxisId, AxisSetting>,
    /// The axes of the last frame, and where its things stood.
    axes: Vec<Axis>,
    layout: Layout,
    window: Window,
    trail: Trail,
    cursors: Cursors,
    drag: Option<Drag>,
    plot_rect: Rect,
    compare: Compare,
    /// Whether the selected pen is drawn over another one, and which.
    xy: Option<usize>,
    /// The pen that is asked for first.
    turn: usize,
    events: Events,
    is_all_marked: bool,
    measures: Measures,
    strip: Feed,
    doubt: scene_of::Doubt,
    started: bool,
    add_text: String,
    goto_text: String,
    /// What was just done or could not be done.
    said: Option<String>,
    note: Option<(Dialog, f64)>,
    pending_note: Option<Pending<Reply>>,
    groups: groups::Groups,
    exporting: export::Exporting,
}

impl Default for TrendView {
    fn default() -> Self {
        Self {
            pens: Pens::default(),
            axis_settings: BTreeMap::new(),
            axes: Vec::new(),
            layout: Layout::default(),
            window: Window { span: 300.0, end: None },
            trail: Trail::default(),
            cursors: Cursors::default(),
            drag: None,
            plot_rect: Rect::NOTHING,
            compare: Compare::default(),
            xy: None,
            turn: 0,
            events: Events::default(),
            is_all_marked: false,
            measures: Measures::default(),
            strip: Feed::default(),
            doubt: scene_of::Doubt::default(),
            started: false,
            add_text: String::new(),
            goto_text: String::new(),
            said: None,
            note: None,
            pending_note: None,
            groups: groups::Groups::default(),
            exporting: export::Exporting::default(),
        }
    }
}

/// The middle of the view, for the keyboard.
fn plot_id() -> Id {
    Id::unique("trend plot")
}

impl TrendView {
    /// Draws one more tag.
    pub(in crate::gui) fn add(&mut self, key: TagKey) {
        self.started = true;
        self.pens.add(key);
    }

    /// Draws one more tag, and goes to a moment.
    pub(in crate::gui) fn add_at(&mut self, key: TagKey, moment: Timestamp, now: Now) {
        self.add(key);
        let before = self.window;
        self.window.centre(moment.as_seconds(), now.utc);
        self.trail.moved(before, now.monotonic);
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.start(scene);
        for wish in input::keys(ui, plot_id()) {
            self.carry_out(ui, scene, wish);
        }
        self.head(ui, scene);
        ui.add_space(4.0);
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        let (plot, below) = left.split_top_bottom_at_y(left.bottom() - STRIP - WORDS);
        self.refresh(scene);
        self.plot(ui, scene, plot);
        let (strip, words) = below.split_top_bottom_at_y(below.top() + STRIP);
        self.strip(ui, scene, strip);
        ui.scope_builder(egui::UiBuilder::new().max_rect(words), |ui| self.words(ui, scene));
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.legend(ui, scene));
        self.dialogs(ui, scene);
        self.group_list(ui, scene);
        self.export_dialog(ui, scene, whole);
        self.take_dropped(ui, whole, scene);
    }

    /// The first picture shows what the overview's small trends show.
    fn start(&mut self, scene: &Scene<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let directory = &scene.snapshot.plan.directory;
        let from_picture: Vec<TagId> =
            scene.snapshot.plan.overview.as_ref().map(|picture| picture.trends.clone()).unwrap_or_default();
        let keys: Vec<_> =
            from_picture.iter().take(3).filter_map(|tag| Some(directory.tag(*tag)?.key.clone())).collect();
        keys.into_iter().for_each(|key| self.add(key));
        self.pens.selected = 0;
    }

    fn sight(&self, scene: &Scene<'_>) -> Sight {
        let pixels = (self.layout.plot.width() as usize).clamp(100, 4000);
        let (now, is_live) = (scene.now.utc.as_seconds(), self.window.is_live());
        Sight { bounds: self.window.bounds(scene.now.utc), pixels, now, is_live }
    }

    /// Asks for what is shown, and a margin on both sides.
    fn refresh(&mut self, scene: &Scene<'_>) {
        let (sight, now) = (self.sight(scene), scene.now);
        let shift = self.compare.shift(sight.bounds[1], &scene_of::clock());
        self.refresh_pens(scene, sight, shift);
        let keys: Vec<TagKey> = self.pens.list.iter().map(|pen| pen.key.clone()).collect();
        self.events.refresh(scene, sight, keys, self.is_all_marked);
        let measured = self.pens.list.iter().filter(|pen| pen.kind != Kind::Text && !pen.is_hidden);
        let measured = measured.map(|pen| pen.key.clone()).collect();
        self.measures.refresh(scene.handle, self.cursors.between(), measured, now.monotonic);
        let around = scene_of::strip_bounds(&self.window, sight);
        if let Some(pen) = self.pens.selected().filter(|pen| pen.kind != Kind::Text) {
            let is_live = around[1] >= sight.now;
            let sight = Sight { bounds: around, is_live, ..sight };
            self.strip.refresh_for(scene.handle, &pen.key, sight, now);
        }
        self.receive_note();
    }

    /// Hundreds of pens are asked for by and by, so that the queue of questions has room for others; whose turn did not come is the first
    /// one the next time.
    fn refresh_pens(&mut self, scene: &Scene<'_>, sight: Sight, shift: Option<f64>) {
        let now = scene.now;
        let mut waiting = self.pens.list.iter().filter(|pen| pen.feed.is_waiting()).count();
        let count = self.pens.list.len();
        let first = std::mem::take(&mut self.turn);
        for place in (0..count).map(|place| (first + place) % count) {
            let Some(pen) = self.pens.list.get_mut(place) else { continue };
            pen.find_kind(scene);
            let was_waiting = pen.feed.is_waiting();
            if waiting >= QUESTIONS && !was_waiting {
                if self.turn == 0 {
                    self.turn = place;
                }
                continue;
            }
            pen.feed.refresh(scene.handle, &pen.key, sight, pen.kind == Kind::Text, now);
            waiting = waiting - usize::from(was_waiting) + usize::from(pen.feed.is_waiting());
            if let (Some(shift), Kind::Line) = (shift, pen.kind) {
                let then = Sight { bounds: sight.bounds.map(|time| time - shift), now: sight.now - shift, ..sight };
                pen.ghost.refresh(scene.handle, &pen.key, then, false, now);
            }
        }
    }

    /// What became of a note: it shows itself as a mark, or it is said why it was not kept.
    fn receive_note(&mut self) {
        let Some(answer) = self.pending_note.as_mut().and_then(Pending::poll) else { return };
        self.pending_note = None;
        self.events.look_again();
        self.said = match answer {
            Some(Reply::Refused { why }) => Some(format!("the note was not kept: {why}")),
            Some(_) => Some("The note is recorded.".to_owned()),
            None => Some("the note may not be kept: the station stopped before it answered".to_owned()),
        };
    }

    fn plot(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, rect: Rect) {
        let response = ui.interact(rect, plot_id(), Sense::click_and_drag());
        if response.has_focus() {
            let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(plot_id(), filter));
        }
        self.plot_rect = rect;
        let corner = rect.min;
        let (wishes, boxed) = input::pointer(ui, &response, &self.layout, corner, &self.cursors, &mut self.drag);
        for wish in wishes {
            self.carry_out(ui, scene, wish);
        }
        let pointer = response.hover_pos().filter(|_| self.xy.is_none()).map(|at| self.layout.time((at - corner).x));
        let sheet = self.sheet(scene, [rect.width(), rect.height()], pointer, boxed);
        paint::paint(&ui.painter().with_clip_rect(rect.expand(1.0)), corner, &sheet, &scene.palette);
        if response.has_focus() {
            let stroke = egui::Stroke::new(1.5, scene.palette.focus);
            ui.painter().rect_stroke(rect.shrink(1.0), 2, stroke, egui::StrokeKind::Inside);
        }
        let words = self.spoken(scene);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, &words));
        if self.xy.is_none() && self.drag.is_none() {
            self.hover(ui, scene, response, corner);
        }
    }

    fn words(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        let failed = self.pens.list.iter().find_map(|pen| pen.feed.failed()).or(self.events.failed());
        let said = self.said.as_deref().or(self.export_words());
        let words = match (said, failed) {
            (Some(said), _) => said.to_owned(),
            (None, Some(why)) => format!("history does not answer: {why}"),
            (None, None) => self.what_is_marked(scene),
        };
        ui.spacing_mut().item_spacing.y = 2.0;
        let line = |ui: &mut Ui, words: &str, color| {
            ui.add(egui::Label::new(RichText::new(words).font(plain(12.0)).color(color)).truncate());
        };
        line(ui, &words, palette.text);
        let keys = "Wheel zooms, Shift wheel the values, drag pans, right drag a box · A, B cursors · M marks · Space pauses · G go to · F1 all keys";
        line(ui, keys, palette.muted);
    }

    /// A tag that was dragged from the tag view and let go here.
    fn take_dropped(&mut self, ui: &Ui, rect: Rect, scene: &mut Scene<'_>) {
        let is_over = ui.input(|input| input.pointer.hover_pos()).is_some_and(|at| rect.contains(at));
        if !egui::DragAndDrop::has_payload_of_type::<TagKey>(ui.ctx()) || !is_over {
            return;
        }
        let stroke = egui::Stroke::new(2.0, scene.palette.focus);
        ui.painter().rect_stroke(rect.expand2(vec2(4.0, 4.0)), 4, stroke, egui::StrokeKind::Inside);
        if ui.input(|input| input.pointer.any_released())
            && let Some(key) = egui::DragAndDrop::take_payload::<TagKey>(ui.ctx())
        {
            scene.act(Action::Trend((*key).clone()));
        }
    }
}
