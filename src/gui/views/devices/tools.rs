//! The tools for the wire of a device: its plan, its traffic, its registers.

use super::edge_nodes::EdgeNodesTab;
use super::plan::PlanTab;
use super::registers::{RegistersTab, Target};
use super::topics::TopicsTab;
use super::traffic::TrafficTab;
use crate::driver::modbus::{Inquiry, WirePlan};
use crate::gui::asking::Repeated;
use crate::gui::scene::Scene;
use crate::gui::widgets::{button, quiet};
use crate::tag::{DeviceDefinition, Generation, WireKind};
use egui::Ui;
use std::sync::Arc;
use std::time::Duration;

/// How often the plan of the wire is asked for.
const FRESH: Duration = Duration::from_secs(1);

/// The tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Plan,
    Traffic,
    Registers,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Plan, Self::Traffic, Self::Registers];

    const fn title(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Traffic => "Traffic",
            Self::Registers => "Registers",
        }
    }
}

/// The tools, as they stand for one device.
#[derive(Debug, Default)]
pub(super) struct Tools {
    of: Option<(Generation, Arc<str>)>,
    tab: Tab,
    wire: Repeated<WirePlan>,
    plan: PlanTab,
    traffic: TrafficTab,
    registers: RegistersTab,
    topics: TopicsTab,
    edge_nodes: EdgeNodesTab,
    /// Of a broker of Sparkplug: whether its topics are shown, rather than its edge nodes.
    are_topics_shown: bool,
}

impl Tools {
    /// Nobody looks at the wire any more.
    pub(super) fn rest(&mut self) {
        self.traffic.rest();
        self.topics.rest();
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, device: &DeviceDefinition) {
        let of = Some((scene.snapshot.generation, Arc::clone(&device.name)));
        if self.of != of {
            // What was unfolded at a broker stays so when the station is reloaded, as after each new tag.
            let is_same = self.of.as_ref().zip(of.as_ref()).is_some_and(|(before, now)| before.1 == now.1);
            let (topics, edge_nodes) = match is_same {
                true => (std::mem::take(&mut self.topics), std::mem::take(&mut self.edge_nodes)),
                false => Default::default(),
            };
            *self = Self {
                of,
                tab: self.tab,
                topics,
                edge_nodes,
                are_topics_shown: self.are_topics_shown,
                ..Self::default()
            };
        }
        let wire = scene.snapshot.plan.directory.connections().get(device.connection.index());
        if wire.is_some_and(|wire| wire.kind == WireKind::Mqtt) {
            self.of_broker(ui, scene, device, wire.is_some_and(|wire| wire.is_sparkplug_host));
            return;
        }
        let palette = scene.palette;
        ui.horizontal(|ui| {
            for tab in Tab::ALL {
                if button(ui, tab.title(), self.tab == tab, &palette).clicked() {
                    self.tab = tab;
                }
            }
        });
        if self.tab != Tab::Traffic {
            self.traffic.rest();
        }
        let (handle, connection) = (scene.handle, device.connection);
        self.wire.keep(ui, scene.now.monotonic, Some(FRESH), || handle.inquire(connection, Inquiry::Plan));
        let Some(wire) = self.wire.answer() else {
            quiet(ui, self.wire.silence(), &palette);
            return;
        };
        let Some(unit) = wire.units.iter().find(|unit| unit.device == device.name) else {
            quiet(ui, "The wire does not know this device.", &palette);
            return;
        };
        match self.tab {
            Tab::Plan => self.plan.ui(ui, scene, wire, unit),
            Tab::Traffic => self.traffic.ui(ui, scene, connection, unit),
            Tab::Registers => {
                let target = Target { connection, unit: unit.unit, device: Some(Arc::clone(&device.name)) };
                self.registers.ui(ui, scene, &target);
            }
        }
    }
    /// What is known at a broker: its topics, and the edge nodes where it is one of Sparkplug.
    fn of_broker(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, device: &DeviceDefinition, is_sparkplug: bool) {
        let palette = scene.palette;
        if is_sparkplug {
            ui.horizontal(|ui| {
                for (words, topics) in [("Edge nodes", false), ("Topics", true)] {
                    if button(ui, words, self.are_topics_shown == topics, &palette).clicked() {
                        self.are_topics_shown = topics;
                    }
                }
            });
        }
        if is_sparkplug && !self.are_topics_shown {
            self.topics.rest();
            self.edge_nodes.begin_at(&device.address);
            self.edge_nodes.ui(ui, scene, device.connection);
        } else {
            self.topics.ui(ui, scene, device);
        }
    }
}
