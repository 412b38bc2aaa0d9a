//! Rows of which one is selected: by mouse, or with the arrow keys. Tab goes to the selected row alone, and from there on to what follows
//! the table.

use super::columns::{Column, table_head};
use crate::gui::theme::{Palette, size};
use egui::{EventFilter, Id, Key, Modifiers, Rect, Response, ScrollArea, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// A table of rows.
pub(in crate::gui) struct Rows<'a> {
    name: &'static str,
    columns: &'a [Column],
    count: usize,
    follows: bool,
    is_tree: bool,
    /// Rows that are selected besides the one that the keyboard is on.
    others: Option<&'a dyn Fn(usize) -> bool>,
}

/// What an arrow to the side asks of a row that has others below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gui) enum Fold {
    /// Right: unfold it, or go to the first one below.
    In,
    /// Left: fold it, or go to the one above.
    Out,
}

/// What a row says to those who do not see it, and what it shows to a pointer that stays.
pub(in crate::gui) struct RowWords {
    /// The whole row.
    pub(in crate::gui) words: String,
    /// What is shown beside the pointer; none for nothing.
    pub(in crate::gui) hover: Option<String>,
}

impl From<String> for RowWords {
    fn from(words: String) -> Self {
        Self { words, hover: None }
    }
}

impl<'a> Rows<'a> {
    /// A table of `count` rows below the heads of its columns; `name` tells it from others.
    pub(in crate::gui) const fn new(name: &'static str, columns: &'a [Column], count: usize) -> Self {
        Self { name, columns, count, follows: false, is_tree: false, others: None }
    }

    /// Stays at the last row while rows come, unless somebody scrolled away from it.
    pub(in crate::gui) const fn following(self, follows: bool) -> Self {
        Self { follows, ..self }
    }

    /// Its rows fold: arrows to the side do not leave it.
    pub(in crate::gui) const fn folding(self) -> Self {
        Self { is_tree: true, ..self }
    }

    /// What an arrow to the side asks of the selected row, where the keyboard is there.
    pub(in crate::gui) fn fold(&self, ui: &Ui, selected: Option<usize>) -> Option<Fold> {
        let id = self.id(selected.filter(|row| *row < self.count)?);
        if !ui.memory(|memory| memory.has_focus(id)) {
            return None;
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        match () {
            () if pressed(Key::ArrowRight) => Some(Fold::In),
            () if pressed(Key::ArrowLeft) => Some(Fold::Out),
            () => None,
        }
    }

    /// The selected row stands in another place now: the keyboard goes there with it.
    pub(in crate::gui) fn follow(&self, ui: &Ui, before: Option<usize>, now: Option<usize>) {
        let (Some(before), Some(now)) = (before, now) else { return };
        if before != now && ui.memory(|memory| memory.has_focus(self.id(before))) {
            ui.memory_mut(|memory| memory.request_focus(self.id(now)));
        }
    }

    fn id(&self, row: usize) -> Id {
        Id::unique(("rows", self.name)).with(row)
    }

    /// Of rows several can be selected: these besides the one that the keyboard is on.
    pub(in crate::gui) const fn with_others(self, others: &'a dyn Fn(usize) -> bool) -> Self {
        Self { others: Some(others), ..self }
    }

    /// Whether all rows were asked for by Ctrl A, while the keyboard is on this one.
    pub(in crate::gui) fn takes_all(&self, ui: &Ui, selected: Option<usize>) -> bool {
        let current = selected.filter(|row| *row < self.count).unwrap_or(0);
        let id = self.id(current);
        ui.memory(|memory| memory.has_focus(id)) && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A))
    }

    /// Paints its head and what can be seen of its rows; the row that was chosen in this frame, if one was.
    pub(in crate::gui) fn show(
        &self,
        ui: &mut Ui,
        selected: Option<usize>,
        palette: &Palette,
        mut paint: impl FnMut(&Ui, usize, Rect) -> RowWords,
    ) -> Option<usize> {
        ui.spacing_mut().item_spacing.y = 0.0;
        // Numbers stand below the head of their column, with a scroll bar and without one.
        let overflows = (self.count + 1) as f32 * size::ROW > ui.available_height();
        let bar = if overflows { ui.spacing().scroll.allocated_width() } else { 0.0 };
        table_head(ui, self.columns, bar, palette);
        let root = Id::unique(("rows", self.name));
        let moved = self.moved(ui, root, selected);
        let mut chosen = moved;
        // What cannot be focused loses the focus at once: the new row stands in for the old one in this very frame.
        let selected = moved.or(selected);
        let area = ScrollArea::vertical().id_salt(self.name).auto_shrink([false, false]).stick_to_bottom(self.follows);
        area.show_rows(ui, size::ROW, self.count, |ui, range| {
            if let Some(row) = moved {
                let top = ui.max_rect().top() + (row as f32 - range.start as f32) * size::ROW;
                let place = Rect::from_min_size(pos2(ui.max_rect().left(), top), vec2(1.0, size::ROW));
                ui.scroll_to_rect(place, None);
            }
            for row in range {
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
                let is_current = selected == Some(row);
                let is_selected = is_current || self.others.is_some_and(|others| others(row));
                let is_stop = is_current || (row == 0 && selected.is_none_or(|selected| selected >= self.count));
                let sense = if is_stop { Sense::click() } else { Sense::CLICK };
                let response = ui.interact(rect, root.with(row), sense);
                ground(ui, &response, rect, is_selected, palette);
                let RowWords { words, hover } = paint(ui, row, rect);
                response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Row, true, is_selected, &words));
                if response.clicked() {
                    response.request_focus();
                    chosen = Some(row);
                }
                if let Some(hover) = hover {
                    let _ = response.on_hover_text(hover);
                }
            }
        });
        chosen
    }

    /// The row that an arrow key goes to.
    fn moved(&self, ui: &Ui, root: Id, selected: Option<usize>) -> Option<usize> {
        let current = selected.filter(|row| *row < self.count).unwrap_or(0);
        let id = root.with(current);
        if self.count == 0 || !ui.memory(|memory| memory.has_focus(id)) {
            return None;
        }
        let filter = EventFilter { vertical_arrows: true, horizontal_arrows: self.is_tree, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let next = match () {
            () if pressed(Key::ArrowDown) => (current + usize::from(selected.is_some())).min(self.count - 1),
            () if pressed(Key::ArrowUp) => current.saturating_sub(1),
            () if pressed(Key::Home) => 0,
            () if pressed(Key::End) => self.count - 1,
            () => return None,
        };
        ui.memory_mut(|memory| memory.request_focus(root.with(next)));
        Some(next)
    }
}

fn ground(ui: &Ui, response: &Response, rect: Rect, selected: bool, palette: &Palette) {
    let painter = ui.painter();
    if selected || response.hovered() {
        painter.rect_filled(rect, 0, if selected { palette.select } else { palette.sunk });
    }
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(1.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
    }
}
