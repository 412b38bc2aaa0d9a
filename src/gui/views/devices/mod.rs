//! The devices: how they are, who they are, what is asked of them and what goes over their wires.

mod detail;
mod exchanges;
mod plan;
mod readings;
mod registers;
mod scan;
mod table;
mod tools;
mod traffic;

use crate::driver::Link;
use crate::gui::scene::Scene;
use crate::gui::theme::size;
use crate::gui::widgets::{heading, quiet};
use crate::queue::queues;
use detail::Detail;
use egui::{Ui, vec2};
use std::sync::Arc;

/// Heights of the table and of the queues below it.
const TABLE_WITH_DETAIL: f32 = 8.0 * size::ROW;
const QUEUES: f32 = 150.0;

/// The devices view.
#[derive(Default)]
pub(in crate::gui) struct DevicesView {
    selected: Option<Arc<str>>,
    detail: Detail,
}

impl DevicesView {
    /// Another view is shown: nobody looks at the wires any more.
    pub(in crate::gui) fn rest(&mut self) {
        self.detail.rest();
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            heading(ui, "Devices", &palette);
            let good = scene.snapshot.devices.iter().filter(|device| device.link == Link::Good).count();
            quiet(ui, format!("{good} of {} answer", scene.snapshot.devices.len()), &palette);
        });
        ui.add_space(4.0);
        let devices = scene.snapshot.plan.directory.devices();
        let place = devices.iter().position(|device| Some(&device.name) == self.selected.as_ref());
        let room = if place.is_some() { TABLE_WITH_DETAIL } else { ui.available_height() - QUEUES };
        let chosen = palette.card().inner_margin(0).show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), room));
            ui.set_max_height(room);
            table::show(ui, scene, place)
        });
        if let Some(chosen) = chosen.inner {
            self.selected = devices.get(chosen).map(|device| Arc::clone(&device.name));
        }
        ui.add_space(8.0);
        match place {
            Some(place) if self.detail.ui(ui, scene, place) => self.selected = None,
            Some(_) => {}
            None => {
                self.detail.rest();
                queue_lines(ui, scene);
            }
        }
    }
}

/// Every queue between tasks, with the most that it ever held.
fn queue_lines(ui: &mut Ui, scene: &Scene<'_>) {
    let palette = scene.palette;
    quiet(
        ui,
        "Choose a device to see what is asked of it. Queues between tasks: the most that each ever held, and its bound",
        &palette,
    );
    ui.horizontal_wrapped(|ui| {
        for queue in queues() {
            let words = format!("{} {}/{}", queue.name, queue.high_water, queue.capacity);
            quiet(ui, format!("{words}   "), &palette);
        }
    });
}
