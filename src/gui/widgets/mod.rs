//! Small things that several views draw.

mod bar;
pub(super) mod columns;
mod dialog;
mod gauge;
mod mark;
mod rows;
mod small_trend;
mod spark;

pub(super) use bar::{button, heading, key_value, primary_button, quiet, search};
pub(super) use columns::{Ink, table_row};
pub(super) use dialog::{Dialog, Question, Said, is_left};
pub(super) use gauge::{GaugeLook, gauge};
pub(super) use mark::{hatch, mark, mark_ui};
pub(super) use rows::{Fold, RowWords, Rows};
pub(super) use small_trend::{TrendMark, small_trend};
pub(super) use spark::{Spark, sparkline};

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect};

/// Text that ends with "..." where there is no room for it.
pub(super) fn text(
    painter: &Painter,
    at: Pos2,
    align: Align2,
    words: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Rect {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(8.0));
    let galley = painter.layout_job(job);
    let rect = align.anchor_size(at, galley.size());
    painter.galley(rect.min, galley, color);
    rect
}
