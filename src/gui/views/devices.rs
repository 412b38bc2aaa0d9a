//! How the devices are: state, why, latency, errors, answers a second, next try.

use crate::driver::Link;
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::shell::link_words;
use crate::gui::theme::{plain, size, strong};
use crate::gui::widgets::{self, hatch, heading, quiet};
use crate::queue::queues;
use egui::{Align2, Rect, ScrollArea, Sense, Ui, pos2, vec2};

/// The devices view.
#[derive(Default)]
pub(in crate::gui) struct DevicesView;

/// Columns: words, alignment, place from the left as a share of the width.
const COLUMNS: [(&str, Align2, f32); 8] = [
    ("Device", Align2::LEFT_CENTER, 0.0),
    ("Connection", Align2::LEFT_CENTER, 0.13),
    ("Address", Align2::LEFT_CENTER, 0.25),
    ("State", Align2::LEFT_CENTER, 0.49),
    ("Answers/s", Align2::RIGHT_CENTER, 0.77),
    ("Latency", Align2::RIGHT_CENTER, 0.85),
    ("Answers", Align2::RIGHT_CENTER, 0.93),
    ("Errors", Align2::RIGHT_CENTER, 1.0),
];

impl DevicesView {
    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            heading(ui, "Devices", &palette);
            let good = scene.snapshot.devices.iter().filter(|device| device.link == Link::Good).count();
            quiet(ui, format!("{good} of {} answer", scene.snapshot.devices.len()), &palette);
        });
        ui.add_space(4.0);
        let below = 150.0;
        let room = ui.available_height() - below;
        palette.card().inner_margin(egui::Margin::symmetric(0, 0)).show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), room));
            ui.set_max_height(room);
            ui.spacing_mut().item_spacing.y = 0.0;
            let cells: Vec<String> = COLUMNS.iter().map(|(words, _, _)| (*words).to_owned()).collect();
            line(ui, scene, &cells, None);
            let count = scene.snapshot.devices.len();
            ScrollArea::vertical().auto_shrink([false, false]).show_rows(ui, size::ROW, count, |ui, range| {
                for slot in range {
                    device(ui, scene, slot);
                }
            });
        });
        ui.add_space(8.0);
        self.queues(ui, scene);
    }

    /// Every queue between tasks, with the most that it ever held.
    fn queues(&self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        quiet(ui, "Queues between tasks: the most that each ever held, and its bound", &palette);
        ui.horizontal_wrapped(|ui| {
            for queue in queues() {
                let words = format!("{} {}/{}", queue.name, queue.high_water, queue.capacity);
                quiet(ui, format!("{words}   "), &palette);
            }
        });
    }
}

fn device(ui: &mut Ui, scene: &Scene<'_>, slot: usize) {
    let directory = &scene.snapshot.plan.directory;
    let (Some(view), Some(device)) = (scene.snapshot.devices.get(slot), directory.devices().get(slot)) else { return };
    let connection = directory.connections().get(device.connection.index());
    let detail = match &view.link {
        Link::Lost { detail, .. } => format!("{} ({detail})", link_words(&view.link, scene)),
        other => link_words(other, scene),
    };
    let latency = view
        .statistics
        .latency_micros
        .map_or_else(|| "-".to_owned(), |micros| format!("{:.1} ms", f64::from(micros) / 1000.0));
    let wire = connection.map_or_else(String::new, |wire| format!("{} · {}", device.address, wire.address));
    let cells = [
        device.name.to_string(),
        connection.map_or_else(String::new, |wire| wire.name.to_string()),
        wire,
        detail,
        format!("{:.1}", view.statistics.answers_per_second),
        latency,
        format::number(view.statistics.answers as f64, 0),
        format::number(view.statistics.errors as f64, 0),
    ];
    line(ui, scene, &cells, Some(&view.link));
}

/// One line of the table; the heading where there is no link.
fn line(ui: &mut Ui, scene: &Scene<'_>, cells: &[String], link: Option<&Link>) {
    let palette = scene.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.bottom() - 0.5, palette.rule());
    let inner = rect.shrink2(vec2(12.0, 0.0));
    let x = |share: f32| inner.left() + share * inner.width();
    for (place, (cell, (_, align, share))) in cells.iter().zip(COLUMNS).enumerate() {
        let next = COLUMNS.get(place + 1).map_or(1.0, |(_, _, share)| *share);
        let width = if align == Align2::RIGHT_CENTER { inner.width() * 0.09 } else { x(next) - x(share) - 22.0 };
        let width = if place == 3 { inner.width() * 0.22 } else { width };
        let lost = matches!(link, Some(Link::Lost { .. }));
        let (font, color) = match link {
            None => (strong(12.0), palette.muted),
            Some(_) if place == 0 || (place == 3 && lost) => (strong(13.0), palette.text),
            Some(_) if place >= 4 => (strong(13.0), palette.value),
            Some(_) => (plain(13.0), palette.muted),
        };
        let drawn = widgets::text(painter, pos2(x(share), rect.center().y), align, cell, font, color, width);
        if place == 3 && lost {
            let area = Rect::from_min_max(
                pos2(drawn.left() - 14.0, rect.top() + 8.0),
                pos2(drawn.left() - 4.0, rect.bottom() - 8.0),
            );
            hatch(painter, area, palette.text);
        }
    }
    if link.is_some() {
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, cells.join(", ")));
        let _ = response.on_hover_text(cells.get(3).cloned().unwrap_or_default());
    }
}
