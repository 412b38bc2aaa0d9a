//! All tags: a tree of areas, a table that shows a hundred thousand rows as quickly as ten, and the faceplate of one tag.

use crate::engine::Snapshot;
use crate::gui::faceplate::Faceplate;
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{self, Palette, plain, size, strong};
use crate::gui::widgets::{self, button, hatch, heading, mark, quiet, search};
use crate::tag::{Generation, Monotonic, TagId};
use egui::{Align, Align2, Layout, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

/// The order by a value that moves is made anew at most this often.
const RESORT: Duration = Duration::from_millis(500);

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Column {
    #[default]
    Name,
    Value,
    Quality,
    Age,
}

/// The rows that are shown, and what they were made for.
#[derive(Default)]
struct Rows {
    made_for: Option<(Generation, String, Option<String>, Column, bool)>,
    made_at: Monotonic,
    ids: Vec<TagId>,
}

/// Names in small letters, for searching; the order by name; and how many tags each branch has.
#[derive(Default)]
struct Index {
    generation: Option<Generation>,
    /// All names one after the other, so that searching a hundred thousand of them walks through memory once.
    text: String,
    /// Where the name of each slot ends in `text`.
    ends: Vec<u32>,
    by_name: Vec<TagId>,
    branches: BTreeMap<String, usize>,
}

/// The tags view.
#[derive(Default)]
pub(in crate::gui) struct TagsView {
    text: String,
    branch: Option<String>,
    column: Column,
    descending: bool,
    rows: Rows,
    index: Index,
    selected: Option<TagId>,
    reveal: bool,
}

impl TagsView {
    /// Puts the keyboard into the search field.
    pub(in crate::gui) fn focus_search(&mut self, ui: &Ui) {
        // At once, so that what is typed in this very frame is not lost.
        ui.memory_mut(|memory| memory.request_focus(egui::Id::unique("find a tag")));
        self.text.clear();
    }

    /// Selects a tag and shows its row.
    pub(in crate::gui) fn select(&mut self, tag: TagId, _snapshot: &Snapshot) {
        self.selected = Some(tag);
        self.text.clear();
        self.branch = None;
        self.reveal = true;
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, faceplate: &mut Faceplate) {
        self.index.update(scene.snapshot);
        self.rows.update(&self.index, scene, &self.text, self.branch.as_deref(), self.column, self.descending);
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            self.head(ui, scene);
            ui.add_space(4.0);
            let room = ui.available_rect_before_wrap();
            let (tree, table) = room.split_left_right_at_x(room.left() + 176.0);
            ui.scope_builder(egui::UiBuilder::new().max_rect(tree.with_max_x(tree.right() - 8.0)), |ui| {
                self.tree(ui, scene)
            });
            ui.scope_builder(egui::UiBuilder::new().max_rect(table), |ui| self.table(ui, scene, faceplate));
        });
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| faceplate.ui(ui, scene));
    }

    fn head(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal(|ui| {
            heading(ui, "Tags", &scene.palette);
            let id = egui::Id::unique("find a tag");
            search(ui, &mut self.text, id, "Find a tag", 280.0);
            let all = scene.snapshot.plan.directory.tags().len();
            quiet(ui, format!("{} of {all}", self.rows.ids.len()), &scene.palette);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if button(ui, "Sheet (CSV)...", false, &scene.palette).clicked() {
                    scene.act(Action::Sheet);
                }
            });
        });
    }

    fn tree(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        let frame = palette.card().inner_margin(egui::Margin::same(4));
        frame.show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let all: usize = scene.snapshot.plan.directory.tags().len();
                let name = scene.snapshot.plan.station.clone();
                if branch_row(ui, &name, all, 0, self.branch.is_none(), &palette) {
                    self.branch = None;
                }
                let mut chosen = None;
                for (branch, count) in &self.index.branches {
                    let depth = branch.matches('/').count() + 1;
                    let parent = branch.rsplit_once('/').map(|(parent, _)| parent);
                    let open = self.branch.as_deref();
                    let visible = parent.is_none_or(|parent| {
                        open.is_some_and(|open| open == parent || open.starts_with(&format!("{parent}/")))
                    });
                    let last = branch.rsplit('/').next().unwrap_or(branch);
                    if visible && branch_row(ui, last, *count, depth, open == Some(branch), &palette) {
                        chosen = Some(branch.clone());
                    }
                }
                self.branch = chosen.or_else(|| self.branch.take());
            });
        });
    }

    fn table(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, faceplate: &mut Faceplate) {
        let palette = scene.palette;
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let spots = Spots::in_width(ui.available_width());
            self.header(ui, &spots, &palette);
            if self.rows.ids.is_empty() {
                ui.add_space(8.0);
                ui.horizontal(|ui| {
                    ui.add_space(12.0);
                    quiet(ui, "No tag has such a name.", &palette);
                });
                return;
            }
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut area = ScrollArea::vertical().id_salt("tag rows").auto_shrink([false, false]);
            if std::mem::take(&mut self.reveal)
                && let Some(place) = self.rows.ids.iter().position(|id| Some(*id) == self.selected)
            {
                area = area.vertical_scroll_offset((place as f32 * size::ROW - 120.0).max(0.0));
            }
            let ids = std::mem::take(&mut self.rows.ids);
            area.show_rows(ui, size::ROW, ids.len(), |ui, range| {
                for &id in &ids[range] {
                    if row(ui, scene, id, &spots, self.selected == Some(id)) {
                        self.selected = Some(id);
                        faceplate.show(id, scene.snapshot);
                    }
                }
            });
            self.rows.ids = ids;
        });
    }

    fn header(&mut self, ui: &mut Ui, spots: &Spots, palette: &Palette) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
        ui.painter().hline(rect.x_range(), rect.bottom(), palette.rule());
        for (column, words, align, x) in [
            (Some(Column::Name), "Tag", Align2::LEFT_CENTER, spots.name),
            (Some(Column::Value), "Value", Align2::RIGHT_CENTER, spots.value),
            (None, "Unit", Align2::LEFT_CENTER, spots.unit),
            (Some(Column::Quality), "Quality", Align2::LEFT_CENTER, spots.quality),
            (Some(Column::Age), "Age", Align2::RIGHT_CENTER, spots.age),
        ] {
            let sorted = column == Some(self.column);
            let arrow = if !sorted {
                ""
            } else if self.descending {
                " ↓"
            } else {
                " ↑"
            };
            let at = pos2(rect.left() + x, rect.center().y);
            let drawn = ui.painter().text(at, align, format!("{words}{arrow}"), strong(12.0), palette.muted);
            let Some(column) = column else { continue };
            let response = ui.interact(drawn.expand(6.0), ui.scope_id().with(words), Sense::click());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {words}")));
            if response.has_focus() {
                ui.painter().rect_stroke(drawn.expand(4.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
            }
            if response.clicked() {
                self.descending = sorted && !self.descending;
                self.column = column;
            }
        }
    }
}

/// Where the columns stand, from the left edge.
struct Spots {
    name: f32,
    mark: f32,
    value: f32,
    unit: f32,
    quality: f32,
    age: f32,
}

impl Spots {
    fn in_width(width: f32) -> Self {
        let age = width - 24.0;
        let quality = age - 190.0;
        let unit = quality - 76.0;
        let value = unit - 8.0;
        Self { name: 12.0, mark: value - 122.0, value, unit, quality, age }
    }
}

fn branch_row(ui: &mut Ui, name: &str, count: usize, depth: usize, selected: bool, palette: &Palette) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    if selected || response.hovered() {
        ui.painter().rect_filled(rect, 3, if selected { palette.select } else { palette.sunk });
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 3, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
    }
    let painter = ui.painter();
    let number =
        painter.text(rect.right_center() - vec2(6.0, 0.0), Align2::RIGHT_CENTER, count, plain(12.0), palette.faint);
    let left = rect.left() + 8.0 + depth as f32 * 12.0;
    let font = if selected { strong(13.0) } else { plain(13.0) };
    widgets::text(
        painter,
        pos2(left, rect.center().y),
        Align2::LEFT_CENTER,
        name,
        font,
        palette.text,
        number.left() - left - 4.0,
    );
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::TreeItem, true, selected, format!("{name}, {count} tags"))
    });
    response.clicked()
}

/// Paints one row; whether it was chosen.
fn row(ui: &mut Ui, scene: &Scene<'_>, id: TagId, spots: &Spots, selected: bool) -> bool {
    let (palette, snapshot) = (&scene.palette, scene.snapshot);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::click_and_drag());
    let (Some(definition), Some(live)) = (snapshot.plan.directory.tag(id), snapshot.live(id)) else { return false };
    let painter = ui.painter();
    if selected || response.hovered() {
        painter.rect_filled(rect, 0, if selected { palette.select } else { palette.sunk });
    }
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    let y = rect.center().y;
    let at = |x: f32| pos2(rect.left() + x, y);
    widgets::text(
        painter,
        at(spots.name),
        Align2::LEFT_CENTER,
        definition.key.as_str(),
        plain(13.0),
        palette.text,
        spots.mark - spots.name - 26.0,
    );
    if let Some(priority) = scene.alarm_of(id) {
        mark(painter, Rect::from_center_size(at(spots.mark - 10.0), vec2(15.0, 15.0)), priority, palette, false);
    }
    let bad = live.quality.is_bad();
    let shown = snapshot.value(id).map_or_else(|| "?".to_owned(), |value| format::value(definition, &value));
    let color = if bad { palette.faint } else { palette.value };
    widgets::text(painter, at(spots.value), Align2::RIGHT_CENTER, &shown, strong(14.0), color, 118.0);
    if bad {
        let area = Rect::from_min_max(
            pos2(rect.left() + spots.mark + 6.0, rect.top() + 5.0),
            pos2(rect.left() + spots.value + 3.0, rect.bottom() - 5.0),
        );
        hatch(painter, area, theme::faded(palette.muted, 0.5));
    }
    widgets::text(painter, at(spots.unit), Align2::LEFT_CENTER, &definition.unit, plain(12.0), palette.muted, 70.0);
    let font = if live.quality.is_good() { plain(13.0) } else { strong(13.0) };
    let ink = if live.quality.is_good() { palette.muted } else { palette.text };
    widgets::text(
        painter,
        at(spots.quality),
        Align2::LEFT_CENTER,
        live.quality.words(),
        font,
        ink,
        spots.age - spots.quality - 54.0,
    );
    let age = live.age_seconds(scene.now.monotonic).map_or_else(String::new, format::age);
    painter.text(at(spots.age), Align2::RIGHT_CENTER, age, plain(12.0), palette.muted);
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(1.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
    }
    response.widget_info(|| {
        let words = format!("{} {shown} {} {}", definition.key, definition.unit, live.quality.words());
        egui::WidgetInfo::selected(egui::Role::Row, true, selected, words)
    });
    if response.drag_started() {
        // It can be let go over the trends, or over their name in the navigation.
        egui::DragAndDrop::set_payload(ui.ctx(), definition.key.clone());
    }
    response.clicked() || response.gained_focus()
}

impl Index {
    fn name(&self, id: TagId) -> &[u8] {
        let start = id.index().checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(id.index()).copied().unwrap_or(start);
        self.text.as_bytes().get(start as usize..end as usize).unwrap_or_default()
    }

    fn update(&mut self, snapshot: &Snapshot) {
        if self.generation == Some(snapshot.generation) {
            return;
        }
        self.generation = Some(snapshot.generation);
        let tags = snapshot.plan.directory.tags();
        (self.text, self.ends) = (String::new(), Vec::with_capacity(tags.len()));
        for tag in tags {
            self.text.push_str(&format!("{} {}", tag.key, tag.description).to_lowercase());
            self.ends.push(self.text.len() as u32);
        }
        self.by_name = (0..tags.len() as u32).map(TagId).collect();
        self.by_name.sort_by_key(|id| &tags[id.index()].key);
        self.branches.clear();
        for tag in tags {
            let name = tag.key.as_str();
            for (place, _) in name.match_indices('/').take(2) {
                *self.branches.entry(name[..place].to_owned()).or_default() += 1;
            }
        }
    }
}

impl Rows {
    fn update(
        &mut self,
        index: &Index,
        scene: &Scene<'_>,
        text: &str,
        branch: Option<&str>,
        column: Column,
        descending: bool,
    ) {
        let wanted = (scene.snapshot.generation, text.to_lowercase(), branch.map(str::to_owned), column, descending);
        let moved = column != Column::Name && scene.now.monotonic.since(self.made_at) >= RESORT;
        if !moved && self.made_for.as_ref() == Some(&wanted) {
            return;
        }
        let tags = scene.snapshot.plan.directory.tags();
        let below = branch.map(|branch| format!("{branch}/"));
        let inside = |id: &TagId| {
            let name = tags.get(id.index()).map_or("", |tag| tag.key.as_str());
            below.as_ref().is_none_or(|below| name.starts_with(below))
        };
        let words: Vec<_> = wanted.1.split_whitespace().map(memchr::memmem::Finder::new).collect();
        let fits = |id: &TagId| words.iter().all(|word| word.find(index.name(*id)).is_some());
        // A text that grows only takes rows away: what did not fit before needs no second look.
        let narrows = self.made_for.as_ref().is_some_and(|made| {
            (made.0, &made.2, made.3, made.4) == (wanted.0, &wanted.2, wanted.3, wanted.4)
                && wanted.1.starts_with(&made.1)
        });
        if narrows && column == Column::Name {
            self.ids.retain(fits);
            self.made_for = Some(wanted);
            return;
        }
        self.ids.clear();
        self.ids.extend(index.by_name.iter().filter(|id| inside(id) && fits(id)));
        sort(&mut self.ids, scene.snapshot, column);
        if descending {
            self.ids.reverse();
        }
        self.made_at = scene.now.monotonic;
        self.made_for = Some(wanted);
    }
}

fn sort(ids: &mut [TagId], snapshot: &Snapshot, column: Column) {
    let values = &snapshot.values;
    let number = |id: &TagId| values.get(id.index()).and_then(|live| live.value.as_f64()).unwrap_or(f64::NEG_INFINITY);
    match column {
        // They come in the order of their names.
        Column::Name => {}
        Column::Value => {
            ids.sort_by(|first, second| number(first).partial_cmp(&number(second)).unwrap_or(Ordering::Equal))
        }
        Column::Quality => {
            let quality = |id: &TagId| values.get(id.index()).map(|live| (live.quality.status, live.quality.reason));
            ids.sort_by_key(|id| std::cmp::Reverse(quality(id)));
        }
        Column::Age => {
            ids.sort_by_key(|id| values.get(id.index()).map(|live| std::cmp::Reverse(live.received_deciseconds)))
        }
    }
}
