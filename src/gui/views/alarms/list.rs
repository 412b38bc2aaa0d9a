//! The rows of the active list: only what can be seen is painted. By mouse and by keyboard.

use super::active::ActiveAlarms;
use super::arrange::Line;
use super::columns::Spots;
use super::listing::Listing;
use super::row::{self, HEIGHT, Look};
use super::selection::Manner;
use crate::alarm::OccurrenceId;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain};
use egui::{Align2, EventFilter, Id, Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use std::sync::Arc;

/// Where the keyboard is in the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Alarm(OccurrenceId),
    Head(Arc<str>),
}

impl Place {
    pub(super) fn id(&self) -> Id {
        Id::unique(("active alarms", self))
    }
}

/// What was done to a row.
enum Done {
    Chosen(OccurrenceId, Manner),
    Folded(Arc<str>),
}

impl ActiveAlarms {
    pub(super) fn rows(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let spots = Spots::in_width(ui.available_width());
        super::columns::heads(ui, &spots, &mut self.choice, &scene.palette);
        self.rows_rect = ui.available_rect_before_wrap();
        let moved = self.moved(ui);
        let stop = self.cursor.as_ref().and_then(|place| self.row_of(place));
        self.painted.clear();
        let count = self.listing.arrangement().lines.len();
        let mut done = None;
        let area = ScrollArea::vertical().id_salt("alarm rows").auto_shrink([false, false]);
        area.show_rows(ui, HEIGHT, count + 1, |ui, range| {
            if let Some(row) = moved {
                let top = ui.max_rect().top() + (row as f32 - range.start as f32) * HEIGHT;
                ui.scroll_to_rect(Rect::from_min_size(pos2(ui.max_rect().left(), top), vec2(1.0, HEIGHT)), None);
            }
            let stop = stop.filter(|row| range.contains(row)).unwrap_or(range.start);
            for row in range {
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
                match self.listing.line(row) {
                    None => closing_words(ui, rect, &self.listing, &scene.palette),
                    Some(line) => done = self.line(ui, scene, line, &spots, rect, row == stop).or(done.take()),
                }
            }
        });
        match done {
            Some(Done::Folded(name)) => self.choice.fold(&name),
            Some(Done::Chosen(occurrence, manner)) => {
                self.cursor = Some(Place::Alarm(occurrence));
                self.selection.choose(occurrence, manner, self.listing.order());
            }
            None => {}
        }
    }

    fn line(
        &mut self,
        ui: &Ui,
        scene: &Scene<'_>,
        line: Line,
        spots: &Spots,
        rect: Rect,
        is_stop: bool,
    ) -> Option<Done> {
        let sense = if is_stop { Sense::click() } else { Sense::CLICK };
        match line {
            Line::Head(number) => {
                let group = self.listing.arrangement().groups.get(number)?;
                let place = Place::Head(group.name.clone());
                let response = ui.interact(rect, place.id(), sense);
                let words = row::head(ui, group, rect, &response, &scene.palette);
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &words));
                response.clicked().then(|| {
                    response.request_focus();
                    let name = group.name.clone();
                    self.cursor = Some(place);
                    Done::Folded(name)
                })
            }
            Line::Alarm(number) => {
                let (view, is_over) = self.listing.alarm(number)?;
                let occurrence = view.occurrence;
                let is_selected = self.selection.contains(&occurrence);
                let response = ui.interact(rect, Place::Alarm(occurrence).id(), sense);
                let words = row::alarm(ui, scene, view, spots, rect, &response, Look { is_selected, is_over });
                response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Row, true, is_selected, &words));
                if !is_over {
                    self.painted.push(occurrence);
                }
                let clicked = response.clicked();
                if clicked {
                    response.request_focus();
                }
                let modifiers = ui.input(|input| input.modifiers);
                let _ = response.on_hover_text(&*view.message);
                clicked.then(|| Done::Chosen(occurrence, Manner::of(modifiers)))
            }
        }
    }

    fn row_of(&self, place: &Place) -> Option<usize> {
        match place {
            Place::Alarm(occurrence) => self.listing.row_of(*occurrence),
            Place::Head(name) => {
                let arrangement = self.listing.arrangement();
                let number = arrangement.groups.iter().position(|group| group.name == *name)?;
                arrangement.lines.iter().position(|line| *line == Line::Head(number))
            }
        }
    }

    fn place_of(&self, row: usize) -> Option<Place> {
        Some(match self.listing.line(row)? {
            Line::Head(number) => Place::Head(self.listing.arrangement().groups.get(number)?.name.clone()),
            Line::Alarm(number) => Place::Alarm(self.listing.alarm(number)?.0.occurrence),
        })
    }

    /// Whether the keyboard is in the list.
    pub(super) fn has_focus(&self, ui: &Ui) -> bool {
        let Some(focused) = ui.memory(egui::Memory::focused) else { return false };
        self.cursor.as_ref().is_some_and(|place| place.id() == focused)
            || self.painted.first().is_some_and(|first| Place::Alarm(*first).id() == focused)
            || self.listing.arrangement().groups.iter().any(|group| Place::Head(group.name.clone()).id() == focused)
    }

    /// The row that a key goes to. Shift takes a range along, Ctrl A takes all.
    fn moved(&mut self, ui: &Ui) -> Option<usize> {
        let focused = ui.memory(egui::Memory::focused)?;
        if !self.has_focus(ui) {
            return None;
        }
        let filter = EventFilter { vertical_arrows: true, escape: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(focused, filter));
        if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A)) {
            self.selection.take_all(self.listing.order());
            return None;
        }
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            self.selection.clear();
        }
        let last = self.listing.arrangement().lines.len().checked_sub(1)?;
        let current = self.cursor.as_ref().and_then(|place| self.row_of(place));
        let page = ((self.rows_rect.height() / HEIGHT) as usize).max(2) - 1;
        // A key without modifiers is taken with Shift too, so that one comes first.
        let (row, with_range) = [Modifiers::SHIFT, Modifiers::NONE].into_iter().find_map(|modifiers| {
            let pressed = |key| ui.input_mut(|input| input.consume_key(modifiers, key));
            let from = current.unwrap_or(0);
            let row = match () {
                () if pressed(Key::ArrowDown) => from + usize::from(current.is_some()),
                () if pressed(Key::ArrowUp) => from.saturating_sub(1),
                () if pressed(Key::PageDown) => from + page,
                () if pressed(Key::PageUp) => from.saturating_sub(page),
                () if pressed(Key::Home) => 0,
                () if pressed(Key::End) => last,
                () => return None,
            };
            Some((row.min(last), modifiers.shift))
        })?;
        let place = self.place_of(row)?;
        if let Place::Alarm(occurrence) = place {
            let manner = if with_range { Manner::UpTo } else { Manner::Alone };
            self.selection.choose(occurrence, manner, self.listing.order());
        }
        ui.memory_mut(|memory| memory.request_focus(place.id()));
        self.cursor = Some(place);
        Some(row)
    }
}

fn closing_words(ui: &Ui, rect: Rect, listing: &Listing, palette: &Palette) {
    let arrangement = listing.arrangement();
    let words = match (arrangement.total, arrangement.lines.len()) {
        _ if listing.unseen() > 0 => "More came while you were at it; they come in when you leave the list.",
        (0, _) => "Nothing is in alarm.",
        (_, 0) => "No alarm fits what is looked for.",
        _ if arrangement.fitting == arrangement.total => "Nothing else is in alarm.",
        _ => "Nothing else fits what is looked for.",
    };
    ui.painter().text(rect.left_center() + vec2(16.0, 0.0), Align2::LEFT_CENTER, words, plain(13.0), palette.muted);
}
