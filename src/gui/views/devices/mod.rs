//! The devices: how they are, who they are, what is asked of them and what goes over their wires.

mod bridges;
mod detail;
mod edge_nodes;
mod exchanges;
mod new_tag;
mod plan;
mod readings;
mod registers;
mod scan;
mod table;
mod tools;
mod topics;
mod traffic;
mod unit_scan;
mod units;

use crate::driver::Link;
use crate::engine::DeviceView;
use crate::gui::scene::Action;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, size};
use crate::gui::widgets::{button, heading, quiet};
use crate::queue::{QueueView, queues};
use bridges::BridgesPanel;
use detail::Detail;
use edge_nodes::EdgeNodesPanel;
use egui::{Align, Label, Layout, RichText, Ui, vec2};
use std::sync::Arc;
use units::UnitsPanel;

/// Heights of the table and of the queues below it; beside particulars the table has a share of the room, and never less.
const TABLE_WITH_DETAIL: f32 = 8.0 * size::ROW;
const SHARE: f32 = 0.37;
const QUEUES: f32 = 150.0;

/// The devices view.
#[derive(Default)]
pub(in crate::gui) struct DevicesView {
    selected: Option<Arc<str>>,
    detail: Detail,
    units: UnitsPanel,
    bridges: BridgesPanel,
    edge_nodes: EdgeNodesPanel,
    aside: Aside,
}

/// What is shown below the table beside the particulars of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Aside {
    #[default]
    Nothing,
    Units,
    EdgeNodes,
}

impl Aside {
    /// Pressed again, a button puts away what it brought.
    fn or_away(self, pressed: Self) -> Self {
        if self == pressed { Self::Nothing } else { pressed }
    }
}

impl DevicesView {
    /// Shows the particulars of this device; none shows those that were chosen.
    pub(in crate::gui) fn select(&mut self, device: Option<Arc<str>>) {
        if device.is_some() {
            (self.selected, self.aside) = (device, Aside::Nothing);
        }
    }

    /// Another view is shown: nobody looks at the wires any more.
    pub(in crate::gui) fn rest(&mut self) {
        self.detail.rest();
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            heading(ui, "Devices", &palette);
            quiet(ui, answer_words(&scene.snapshot.devices), &palette);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if button(ui, "Reload... F5", false, &palette).clicked() {
                    scene.act(Action::Reload);
                }
                if button(ui, "Find units...", self.aside == Aside::Units, &palette).clicked() {
                    self.aside = self.aside.or_away(Aside::Units);
                }
                if EdgeNodesPanel::is_of_use(scene)
                    && button(ui, "Edge nodes...", self.aside == Aside::EdgeNodes, &palette).clicked()
                {
                    self.aside = self.aside.or_away(Aside::EdgeNodes);
                }
            });
        });
        ui.add_space(4.0);
        let devices = scene.snapshot.plan.directory.devices();
        let place = devices.iter().position(|device| Some(&device.name) == self.selected.as_ref());
        let is_shared = place.is_some() || self.aside != Aside::Nothing;
        let shared = (ui.available_height() * SHARE / size::ROW).floor() * size::ROW;
        let room = if is_shared {
            shared.max(TABLE_WITH_DETAIL)
        } else {
            ui.available_height() - QUEUES - BridgesPanel::height(scene)
        };
        let chosen = palette.card().inner_margin(0).show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), room));
            ui.set_max_height(room);
            table::show(ui, scene, place)
        });
        if let Some(chosen) = chosen.inner {
            self.selected = devices.get(chosen).map(|device| Arc::clone(&device.name));
            // A scan goes on; only closing its panel stops it.
            self.aside = Aside::Nothing;
        }
        ui.add_space(8.0);
        if self.aside != Aside::Nothing {
            self.detail.rest();
            self.aside(ui, scene);
            return;
        }
        match place {
            Some(place) if self.detail.ui(ui, scene, place) => self.selected = None,
            Some(_) => {}
            None => {
                self.detail.rest();
                self.bridges.ui(ui, scene);
                queue_lines(ui, scene);
            }
        }
    }
}

impl DevicesView {
    fn aside(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        match self.aside {
            Aside::Units if self.units.ui(ui, scene) => (self.units, self.aside) = Default::default(),
            Aside::EdgeNodes if self.edge_nodes.ui(ui, scene) => (self.edge_nodes, self.aside) = Default::default(),
            Aside::Units | Aside::EdgeNodes | Aside::Nothing => {}
        }
    }
}

/// How many devices answer, and how many are off scan.
fn answer_words(devices: &[DeviceView]) -> String {
    let off_scan = devices.iter().filter(|device| device.off_scan.is_some()).count();
    let good = devices.iter().filter(|device| device.link == Link::Good && device.off_scan.is_none()).count();
    let words = format!("{good} of {} answer", devices.len());
    if off_scan == 0 { words } else { format!("{words}, {off_scan} off scan") }
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
        for (queue, count) in alike(queues()) {
            let times = if count == 1 { String::new() } else { format!(" ({count} of them)") };
            let words = format!("{} {}/{}{times}", queue.name, queue.high_water, queue.capacity);
            // Whole: a name that is broken off at the end of a line cannot be read.
            let words = RichText::new(format!("{words}   ")).font(plain(12.0)).color(palette.muted);
            ui.add(Label::new(words).extend());
        }
    });
}

/// Queues of one name and bound as one, with the most that any of them ever held, and how many they are: every connection has its own.
fn alike(queues: Vec<QueueView>) -> Vec<(QueueView, usize)> {
    let mut found: Vec<(QueueView, usize)> = Vec::new();
    for queue in queues {
        let same = |(other, _): &&mut (QueueView, usize)| {
            (other.name, other.capacity, other.when_full) == (queue.name, queue.capacity, queue.when_full)
        };
        match found.iter_mut().find(same) {
            Some((other, count)) => {
                other.high_water = other.high_water.max(queue.high_water);
                *count += 1;
            }
            None => found.push((queue, 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::WhenFull;

    #[test]
    fn queues_of_one_kind_stand_together_with_the_most_of_any() {
        let queue = |name, high_water| QueueView { name, capacity: 16, when_full: WhenFull::Refuse, high_water };
        let found = alike(vec![queue("a", 1), queue("b", 0), queue("a", 5), queue("a", 2)]);
        let told: Vec<_> = found.iter().map(|(queue, count)| (queue.name, queue.high_water, *count)).collect();
        assert_eq!(told, [("a", 5, 3), ("b", 0, 1)]);
    }
}
