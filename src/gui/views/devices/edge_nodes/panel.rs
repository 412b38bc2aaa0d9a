//! The edge nodes at a broker of the station, also where none of them is a device yet.

use super::EdgeNodesTab;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, strong};
use crate::gui::widgets::{button, quiet};
use crate::tag::ConnectionId;
use egui::{Align, ComboBox, Layout, RichText, Ui};
use std::sync::Arc;

/// The panel.
#[derive(Debug, Default)]
pub(in crate::gui::views::devices) struct EdgeNodesPanel {
    connection: Option<Arc<str>>,
    tab: EdgeNodesTab,
}

/// The connections at which the station is a host application of Sparkplug.
fn hosts(scene: &Scene<'_>) -> Vec<(ConnectionId, Arc<str>)> {
    let wires = scene.snapshot.plan.directory.connections().iter().enumerate();
    let hosts = wires.filter(|(_, wire)| wire.is_sparkplug_host);
    hosts.map(|(slot, wire)| (ConnectionId(slot as u32), Arc::clone(&wire.name))).collect()
}

impl EdgeNodesPanel {
    /// Whether there is something to be shown.
    pub(in crate::gui::views::devices) fn is_of_use(scene: &Scene<'_>) -> bool {
        scene.snapshot.plan.directory.connections().iter().any(|wire| wire.is_sparkplug_host)
    }

    /// Paints it; whether it was closed.
    pub(in crate::gui::views::devices) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        let hosts = hosts(scene);
        let chosen = hosts.iter().find(|(_, name)| Some(name) == self.connection.as_ref()).or(hosts.first()).cloned();
        let mut closed = false;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            closed = self.head(ui, &hosts, chosen.as_ref().map(|(_, name)| name), &palette);
            match chosen {
                Some((connection, _)) => self.tab.ui(ui, scene, connection),
                None => {
                    quiet(ui, "No connection speaks Sparkplug: give one \"sparkplug\" in the station file.", &palette)
                }
            }
        });
        closed
    }

    /// The title, the connection, and a button that closes; whether it was pressed.
    fn head(
        &mut self,
        ui: &mut Ui,
        hosts: &[(ConnectionId, Arc<str>)],
        chosen: Option<&Arc<str>>,
        palette: &Palette,
    ) -> bool {
        let row = ui.horizontal(|ui| {
            ui.label(RichText::new("Edge nodes").font(strong(15.0)).color(palette.text));
            if let Some(chosen) = chosen {
                self.choose(ui, hosts, chosen);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| button(ui, "Close", false, palette).clicked())
                .inner
        });
        row.inner
    }

    fn choose(&mut self, ui: &mut Ui, hosts: &[(ConnectionId, Arc<str>)], chosen: &Arc<str>) {
        let mut name = Arc::clone(chosen);
        let chooser = ComboBox::from_id_salt("connection of edge nodes").width(140.0).selected_text(&*name);
        let shown = chooser.show_ui(ui, |ui| {
            for (_, host) in hosts {
                ui.selectable_value(&mut name, Arc::clone(host), &**host);
            }
        });
        let _ = shown.response.accessible_name("Connection");
        if name != *chosen {
            *self = Self { connection: Some(name), tab: EdgeNodesTab::default() };
        }
    }
}
