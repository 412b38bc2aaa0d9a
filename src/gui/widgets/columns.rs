//! Columns of a table: fixed ones keep their width, one takes what is left.

use super::text;
use crate::gui::theme::{Palette, plain, size, strong};
use egui::{Align2, Color32, FontId, Painter, Rect, Sense, Ui, pos2, vec2};

/// Space between two columns.
const GAP: f32 = 12.0;
/// Space before the first and behind the last one.
const EDGE: f32 = 12.0;

/// A column. A width of zero takes what the others leave.
#[derive(Clone, Copy, Debug)]
pub(in crate::gui) struct Column {
    words: &'static str,
    width: f32,
    is_number: bool,
}

/// A column of words.
pub(in crate::gui) const fn words(words: &'static str, width: f32) -> Column {
    Column { words, width, is_number: false }
}

/// A column of numbers, which stand at its right.
pub(in crate::gui) const fn number(words: &'static str, width: f32) -> Column {
    Column { words, width, is_number: true }
}

/// How a cell is written.
#[derive(Clone, Debug)]
pub(in crate::gui) struct Ink {
    font: FontId,
    color: Color32,
}

impl Ink {
    /// The room that words take.
    pub(in crate::gui) fn width_of(&self, painter: &Painter, words: &str) -> f32 {
        painter.layout_no_wrap(words.to_owned(), self.font.clone(), self.color).size().x
    }

    /// What is there to be read along.
    pub(in crate::gui) fn muted(palette: &Palette) -> Self {
        Self { font: plain(13.0), color: palette.muted }
    }

    /// A measured number.
    pub(in crate::gui) fn value(palette: &Palette) -> Self {
        Self { font: strong(13.0), color: palette.value }
    }

    /// What is read first.
    pub(in crate::gui) fn bold(palette: &Palette) -> Self {
        Self { font: strong(13.0), color: palette.text }
    }

    /// Ordinary words.
    pub(in crate::gui) fn text(palette: &Palette) -> Self {
        Self { font: plain(13.0), color: palette.text }
    }
}

/// The head of a table; `bar` is the width of the scroll bar beside its rows.
pub(super) fn table_head(ui: &mut Ui, columns: &[Column], bar: f32, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, palette.rule());
    for (column, area) in columns.iter().zip(areas(columns, rect.with_max_x(rect.right() - bar))) {
        cell(ui.painter(), column, area, column.words, &Ink { font: strong(12.0), color: palette.muted });
    }
}

/// The cells of one row; where each was written.
pub(in crate::gui) fn table_row(
    painter: &Painter,
    columns: &[Column],
    rect: Rect,
    cells: &[(String, Ink)],
) -> Vec<Rect> {
    let places = columns.iter().zip(areas(columns, rect)).zip(cells);
    places.map(|((column, area), (words, ink))| cell(painter, column, area, words, ink)).collect()
}

fn cell(painter: &Painter, column: &Column, area: Rect, words: &str, ink: &Ink) -> Rect {
    let (x, align) = match column.is_number {
        true => (area.right(), Align2::RIGHT_CENTER),
        false => (area.left(), Align2::LEFT_CENTER),
    };
    text(painter, pos2(x, area.center().y), align, words, ink.font.clone(), ink.color, area.width())
}

/// The room of a column in a row.
pub(in crate::gui) fn column_width(columns: &[Column], number: usize, rect: Rect) -> f32 {
    areas(columns, rect).nth(number).map_or(0.0, |area| area.width())
}

fn areas(columns: &[Column], rect: Rect) -> impl Iterator<Item = Rect> {
    let fixed: f32 = columns.iter().map(|column| column.width).sum();
    let gaps = GAP * columns.len().saturating_sub(1) as f32;
    let rest = (rect.width() - 2.0 * EDGE - fixed - gaps).max(40.0);
    let mut left = rect.left() + EDGE;
    columns.iter().map(move |column| {
        let width = if column.width == 0.0 { rest } else { column.width };
        let area = Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()));
        left += width + GAP;
        area
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_side_by_side_and_fill_the_width() {
        let columns = [words("a", 100.0), words("b", 0.0), number("c", 60.0)];
        let rect = Rect::from_min_size(pos2(10.0, 0.0), vec2(400.0, 28.0));
        let found: Vec<Rect> = areas(&columns, rect).collect();
        assert!(found.windows(2).all(|pair| pair[0].right() + GAP == pair[1].left()), "{found:?}");
        assert_eq!((found[0].left(), found[2].right()), (rect.left() + EDGE, rect.right() - EDGE));
    }
}
