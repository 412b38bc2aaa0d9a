//! One device in all particulars.

use super::scan::OffScanDialog;
use super::table::state_words;
use super::tools::Tools;
use crate::driver::{Heartbeat, Identity};
use crate::engine::DeviceView;
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::{button, key_value, quiet};
use crate::tag::{ConnectionDefinition, DeviceDefinition, WireKind};
use egui::{Align, Label, Layout, RichText, ScrollArea, Ui, UiBuilder};
use std::sync::Arc;

/// Width of what is said about the device itself.
const ABOUT: f32 = 300.0;

/// The particulars of the selected device.
#[derive(Debug, Default)]
pub(super) struct Detail {
    dialog: Option<OffScanDialog>,
    tools: Tools,
}

impl Detail {
    /// Nobody looks at the wire any more.
    pub(super) fn rest(&mut self) {
        self.tools.rest();
    }

    /// Paints the particulars of the device in this place; whether they were closed.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, place: usize) -> bool {
        let plan = Arc::clone(&scene.snapshot.plan);
        let (Some(device), Some(view)) = (plan.directory.devices().get(place), scene.snapshot.devices.get(place))
        else {
            return true;
        };
        let palette = scene.palette;
        let mut closed = false;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let (left, right) = ui.available_rect_before_wrap().split_left_right_at_x(ui.min_rect().left() + ABOUT);
            ui.scope_builder(UiBuilder::new().max_rect(left), |ui| {
                closed = title(ui, device, &palette);
                ScrollArea::vertical().id_salt("about the device").auto_shrink([false, false]).show(ui, |ui| {
                    about(ui, scene, device, view);
                    connection(ui, scene, device);
                    self.scan(ui, scene, device, view);
                });
            });
            let right = right.with_min_x(right.left() + 12.0);
            ui.scope_builder(UiBuilder::new().max_rect(right), |ui| self.tools.ui(ui, scene, device));
        });
        if self.dialog.as_mut().is_some_and(|dialog| dialog.ui(ui, scene)) {
            self.dialog = None;
        }
        closed
    }

    fn scan(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, device: &DeviceDefinition, view: &DeviceView) {
        let palette = scene.palette;
        ui.add_space(6.0);
        if view.off_scan.is_none() {
            if button(ui, "Take off scan...", false, &palette).clicked() {
                self.dialog = Some(OffScanDialog::open(Arc::clone(&device.name)));
            }
        } else if button(ui, "Put back on scan", false, &palette).clicked() {
            scene.act(Action::Scan { device: Arc::clone(&device.name), on: true, reason: String::new() });
        }
    }
}

/// The name of the device, and a button that closes; whether it was pressed.
fn title(ui: &mut Ui, device: &DeviceDefinition, palette: &Palette) -> bool {
    let row = ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let closed = button(ui, "Close", false, palette).clicked();
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(&*device.name).font(strong(15.0)).color(palette.text)).truncate());
            });
            closed
        })
    });
    row.inner.inner
}

fn about(ui: &mut Ui, scene: &Scene<'_>, device: &DeviceDefinition, view: &DeviceView) {
    let palette = scene.palette;
    wrapped(ui, state_words(view, scene), &palette);
    if let Some(off_scan) = &view.off_scan {
        key_value(ui, "Off scan since", format::clock(off_scan.since, scene.now.utc), &palette);
    }
    if view.statistics.names_left_out > 0 {
        key_value(ui, "Names found beyond \"most\"", view.statistics.names_left_out.to_string(), &palette);
    }
    if view.statistics.broke_off > 0 {
        key_value(ui, "Driver broke off, times", view.statistics.broke_off.to_string(), &palette);
    }
    ui.add_space(6.0);
    // Who it is, and whether it is there, a device behind a broker says in its messages or not at all.
    let is_asked = wire(scene, device).is_some_and(|wire| wire.kind != WireKind::Mqtt);
    match (&view.identity, &view.known_as) {
        (None, _) if !is_asked => {}
        (None, _) => quiet(ui, "It has not said who it is.", &palette),
        (Some(identity), None) => identity_lines(ui, identity, &palette),
        (Some(identity), Some(known)) => {
            let words = "Another device answers here. It says:";
            ui.label(RichText::new(words).font(strong(13.0)).color(palette.text));
            identity_lines(ui, identity, &palette);
            ui.label(RichText::new("It was known as:").font(strong(13.0)).color(palette.text));
            identity_lines(ui, known, &palette);
            wrapped(ui, "Acknowledge its alarm to accept the new one.", &palette);
        }
    }
    ui.add_space(6.0);
    match &view.heartbeat {
        None if !is_asked => {}
        None => quiet(ui, "It gets no sign of life from the station.", &palette),
        Some(Heartbeat::Beating) => quiet(ui, "It gets the station's sign of life.", &palette),
        Some(Heartbeat::Failing(why)) => {
            let words = format!("The station's sign of life does not reach it: {why}");
            ui.add(Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
        }
    }
}

fn wire<'a>(scene: &'a Scene<'_>, device: &DeviceDefinition) -> Option<&'a ConnectionDefinition> {
    scene.snapshot.plan.directory.connections().get(device.connection.index())
}

/// Which way its connection goes, and what went over it; nothing for a serial line.
fn connection(ui: &mut Ui, scene: &Scene<'_>, device: &DeviceDefinition) {
    let directory = &scene.snapshot.plan.directory;
    let Some(connection) = directory.connections().get(device.connection.index()) else { return };
    let links = &scene.snapshot.health.links;
    let Some(link) = links.iter().find(|link| link.connection == connection.name) else { return };
    ui.add_space(6.0);
    let words = format!("{} goes {}: {}.", connection.name, link.way_words(), link.traffic_words());
    wrapped(ui, words, &scene.palette);
}

fn identity_lines(ui: &mut Ui, identity: &Identity, palette: &Palette) {
    for (name, words) in
        [("Vendor", &identity.vendor), ("Product", &identity.product), ("Revision", &identity.revision)]
    {
        if !words.is_empty() {
            key_value(ui, name, &**words, palette);
        }
    }
    for (number, words) in &identity.others {
        key_value(ui, other_name(*number).unwrap_or(&format!("Object {number}")), &**words, palette);
    }
}

/// The names of the regular objects (Application Protocol V1.1b3, section 6.21).
const fn other_name(number: u8) -> Option<&'static str> {
    match number {
        3 => Some("Vendor's page"),
        4 => Some("Product name"),
        5 => Some("Model"),
        6 => Some("Application"),
        _ => None,
    }
}

fn wrapped(ui: &mut Ui, words: impl Into<String>, palette: &Palette) {
    ui.add(Label::new(RichText::new(words).font(plain(13.0)).color(palette.text)).wrap());
}
