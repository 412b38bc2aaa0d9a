//! Where the value of a tag comes from: from the engineering value back to the bytes on the wire.

use super::asking::Repeated;
use super::format;
use super::scene::Scene;
use super::theme::{Palette, plain};
use super::widgets::{button, quiet};
use crate::driver::modbus::{Encoding, TrustLine, decode, words};
use crate::tag::{Generation, TagDefinition, TagId, Value};
use egui::{Label, RichText, Ui};
use std::time::Duration;

/// How often it is asked for while it is open.
const FRESH: Duration = Duration::from_secs(1);

/// The section of the faceplate.
#[derive(Debug, Default)]
pub(super) struct Trust {
    is_open: bool,
    /// Whether it still has to come into sight.
    is_hidden: bool,
    of: Option<(Generation, TagId)>,
    line: Repeated<Option<TrustLine>>,
}

impl Trust {
    /// Opens or closes it.
    pub(super) fn toggle(&mut self) {
        self.is_open = !self.is_open;
        self.is_hidden = self.is_open;
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, id: TagId, definition: &TagDefinition) {
        let palette = scene.palette;
        if button(ui, "Where this value comes from F6", self.is_open, &palette).clicked() {
            self.toggle();
        }
        if !self.is_open {
            return;
        }
        if definition.device.is_none() {
            return quiet(ui, "The station itself makes this value; it comes over no wire.", &palette);
        }
        let of = Some((scene.snapshot.generation, id));
        if self.of != of {
            (self.of, self.line) = (of, Repeated::default());
        }
        let handle = scene.handle;
        self.line.keep(ui, scene.now.monotonic, Some(FRESH), || handle.trace(id));
        match self.line.answer() {
            Some(Some(line)) => {
                let section = ui.scope(|ui| lines(ui, scene, id, definition, line)).response;
                if std::mem::take(&mut self.is_hidden) {
                    section.scroll_to_me(None);
                }
            }
            Some(None) => quiet(ui, "Nothing was read of it yet.", &palette),
            None => quiet(ui, self.line.silence(), &palette),
        }
    }
}

/// From the value back to the request.
fn lines(ui: &mut Ui, scene: &Scene<'_>, id: TagId, definition: &TagDefinition, line: &TrustLine) {
    let palette = scene.palette;
    let (caption, value) = match as_read(definition, line) {
        Some(value) => ("Value, as it was read", Some(value)),
        None => ("Value, as it stands now", scene.snapshot.value(id)),
    };
    let shown = value.map_or_else(|| "?".to_owned(), |value| format::with_unit(definition, &value));
    step(ui, caption, &shown, &palette);
    step(ui, if line.table.is_bits() { "Bit" } else { "Registers" }, &raw_words(line), &palette);
    let bits = line.bits.map_or_else(String::new, |bits| format!(", {} of it", bits.words()));
    step(ui, "Read as", &format!("{}{bits}", definition.address), &palette);
    let exchange = &line.exchange;
    let answer = words::answer_words(words::pdu(&exchange.answer, line.is_rtu));
    step(ui, &format!("Answer, {answer}"), &words::hexadecimal(&exchange.answer), &palette);
    let request = words::request_words(words::pdu(&exchange.request, line.is_rtu));
    step(ui, &format!("Request, {request}"), &words::hexadecimal(&exchange.request), &palette);
    if let Some(number) = line.transaction {
        step(
            ui,
            "Number of the exchange",
            &format!("{number} ({number:04X}), in the first two bytes of both"),
            &palette,
        );
    }
    step(ui, "Wire", &format!("unit {} on {}", exchange.unit, wire_words(scene, definition)), &palette);
    let age = scene.now.utc.micros_since(exchange.time) as f64 / 1e6;
    let millis = f64::from(exchange.micros) / 1000.0;
    let words = format!("read {} ago, answered in {millis:.1} ms", format::age(age.max(0.0)));
    step(ui, "When", &words, &palette);
}

/// The value that these registers were read as.
fn as_read(definition: &TagDefinition, line: &TrustLine) -> Option<Value> {
    if line.table.is_bits() {
        return line.raw.first().map(|bit| Value::Bool(*bit != 0));
    }
    let length = (line.raw.len() * 2) as u16;
    let value =
        decode(&line.raw, &Encoding { length, bits: line.bits, ..Encoding::new(line.kind, line.order) }).ok()?;
    match (&definition.scaling, value.as_f64()) {
        (Some(scaling), Some(raw)) => Some(Value::Double(scaling.to_engineering(raw))),
        _ => Some(value),
    }
}

/// Registers in hexadecimal and decimal.
fn raw_words(line: &TrustLine) -> String {
    if line.table.is_bits() {
        return line.raw.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    }
    let hex = line.raw.iter().map(|value| format!("{value:04X}")).collect::<Vec<_>>().join(" ");
    let decimal = line.raw.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!("{hex} ({decimal})")
}

fn wire_words(scene: &Scene<'_>, definition: &TagDefinition) -> String {
    let directory = &scene.snapshot.plan.directory;
    let device = definition.device.and_then(|device| directory.device(device));
    let wire = device.and_then(|device| directory.connections().get(device.connection.index()));
    wire.map_or_else(|| "?".to_owned(), |wire| format!("{}, {}", wire.name, wire.address))
}

fn step(ui: &mut Ui, caption: &str, words: &str, palette: &Palette) {
    ui.add(Label::new(RichText::new(caption).font(plain(12.0)).color(palette.muted)).truncate());
    ui.add(Label::new(RichText::new(words).font(plain(13.0)).color(palette.text)).wrap());
}
