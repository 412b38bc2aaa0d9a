//! All devices, a line each.

use crate::driver::{Condition, Link};
use crate::engine::DeviceView;
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::shell::link_words;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, RowWords, Rows, hatch, table_row};
use egui::{Rect, Ui, pos2};

const COLUMNS: [Column; 12] = [
    words("Device", 96.0),
    words("Connection", 92.0),
    words("Address", 48.0),
    words("State", 0.0),
    number("Answers/s", 62.0),
    number("Latency", 66.0),
    number("Late (99 %)", 70.0),
    number("Own load", 58.0),
    number("Wire load", 58.0),
    number("Overruns", 62.0),
    number("Errors", 50.0),
    number("Refused", 50.0),
];
/// The column with the address, which is the number of a unit or the name of a Sparkplug device, and how wide it becomes for the longest one.
const ADDRESS: usize = 2;
const WIDEST_ADDRESS: f32 = 160.0;
/// The column with the state.
const STATE: usize = 3;

/// The table; the row that was chosen in this frame.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, selected: Option<usize>) -> Option<usize> {
    let palette = scene.palette;
    let columns = columns(ui, scene);
    Rows::new("devices", &columns, scene.snapshot.devices.len()).show(ui, selected, &palette, |ui, slot, rect| {
        row(ui, scene, &columns, slot, rect).unwrap_or_else(|| String::new().into())
    })
}

fn columns(ui: &Ui, scene: &Scene<'_>) -> [Column; 12] {
    let addresses = scene.snapshot.plan.directory.devices().iter().map(|device| &device.address);
    let longest = addresses.max_by_key(|address| address.len());
    let wanted = longest.map_or(0.0, |address| Ink::muted(&scene.palette).width_of(ui.painter(), address).ceil());
    let mut columns = COLUMNS;
    columns[ADDRESS] = words("Address", wanted.clamp(48.0, WIDEST_ADDRESS));
    columns
}

fn row(ui: &Ui, scene: &Scene<'_>, columns: &[Column], slot: usize, rect: Rect) -> Option<RowWords> {
    let directory = &scene.snapshot.plan.directory;
    let (view, device) = (scene.snapshot.devices.get(slot)?, directory.devices().get(slot)?);
    let palette = &scene.palette;
    let connection = directory.connections().get(device.connection.index())?;
    let state = state_words(view, scene);
    let mut cells = vec![
        (device.name.to_string(), Ink::bold(palette)),
        (connection.name.to_string(), Ink::muted(palette)),
        (device.address.to_string(), Ink::muted(palette)),
        (state.clone(), if needs_a_look(view) { Ink::bold(palette) } else { Ink::muted(palette) }),
    ];
    cells.extend(numbers(view).map(|words| (words, Ink::value(palette))));
    let drawn = table_row(ui.painter(), columns, rect, &cells);
    if let (Link::Lost { .. }, None, Some(drawn)) = (&view.link, &view.off_scan, drawn.get(STATE)) {
        let (left, right) = (drawn.left() - 11.0, drawn.left() - 3.0);
        let area = Rect::from_min_max(pos2(left, rect.top() + 8.0), pos2(right, rect.bottom() - 8.0));
        hatch(ui.painter(), area, palette.text);
    }
    let words = cells.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>().join(", ");
    Some(RowWords { words, hover: Some(format!("{state}\n{}", connection.address)) })
}

/// Rate, latency, lateness, load of the wire by it and in all, overruns, errors, refused tags.
fn numbers(view: &DeviceView) -> [String; 8] {
    let counts = &view.statistics;
    // Of a device that is not talked to, rates are those of some time ago.
    let live = |words: String| if view.off_scan.is_some() { "-".to_owned() } else { words };
    [
        live(format!("{:.1}", counts.answers_per_second)),
        live(millis(counts.latency_micros)),
        live(millis(counts.lateness_micros)),
        live(percent(counts.busy)),
        live(percent(counts.wire_busy)),
        format::number(counts.overruns as f64, 0),
        format::number(counts.errors as f64, 0),
        counts.refused_tags.to_string(),
    ]
}

/// Microseconds as milliseconds, or as seconds from one on; a dash for none.
pub(super) fn millis(micros: Option<u32>) -> String {
    match micros.map(|micros| f64::from(micros) / 1000.0) {
        None => "-".to_owned(),
        Some(millis) if millis < 1000.0 => format!("{millis:.1} ms"),
        Some(millis) => format!("{:.1} s", millis / 1000.0),
    }
}

/// A share of the time.
pub(super) fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}

fn needs_a_look(view: &DeviceView) -> bool {
    view.off_scan.is_some()
        || matches!(view.link, Link::Lost { .. })
        || !matches!(view.condition, Condition::Good | Condition::Starting)
}

/// How a device is, in words: who took it off scan; or its link, when it is tried again, and what its condition adds to that.
pub(super) fn state_words(view: &DeviceView, scene: &Scene<'_>) -> String {
    if let Some(off_scan) = &view.off_scan {
        return format!("off scan ({}: {})", off_scan.who, off_scan.why);
    }
    let link = match &view.link {
        Link::Lost { detail, .. } => format!("{} ({detail})", link_words(&view.link, scene)),
        other => link_words(other, scene),
    };
    match view.condition {
        Condition::Good | Condition::Starting => link,
        Condition::Slow if view.link == Link::Good => "slow, but it answers".to_owned(),
        condition => format!("{}: {link}", condition.word()),
    }
}
