//! The metrics of one edge node or device with their last values, and what can be made of them.

use super::tree::facts_words;
use crate::driver::mqtt::look::look;
use crate::driver::mqtt::sparkplug::namespace::{MetricLine, SourceDetail};
use crate::gui::format::{clock, counted};
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::columns::{Column, words};
use crate::gui::widgets::{Ink, RowWords, Rows, button, quiet, table_row};
use egui::{Label, RichText, ScrollArea, Ui, UiBuilder};
use std::sync::Arc;

const COLUMNS: [Column; 4] =
    [words("Metric", 0.0), words("Type", 66.0), words("Last value", 124.0), words("Tag", 84.0)];
/// The largest share of the height that a value has which is shown whole below the list.
const SHARE: f32 = 0.5;
/// A value that is longer than this is shown whole.
const SHORT: usize = 60;
/// Between the list and the value.
const GAP: f32 = 6.0;
/// Height of a line of a value, in points.
const LINE: f32 = 17.0;

/// What is asked for beside the list.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// A tag of this metric.
    Tag(MetricLine),
    /// Tags of all metrics.
    Whole,
}

/// The panel.
#[derive(Debug, Default)]
pub(super) struct MetricsPanel {
    /// The metric that was chosen.
    pub(super) metric: Option<Arc<str>>,
    /// Its value as it reads best, worked out anew only where it is another.
    shown: Option<(Arc<str>, Vec<String>)>,
}

impl MetricsPanel {
    /// Another source is shown.
    pub(super) fn leave(&mut self) {
        *self = Self::default();
    }

    /// Paints it; what was asked for. `device` is the name of the device of the station that the source is, `is_past` says that it is not
    /// known whether it is so still.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        detail: Option<&SourceDetail>,
        device: Option<&str>,
        is_past: bool,
    ) -> Option<Asked> {
        let palette = scene.palette;
        let Some(detail) = detail else {
            quiet(ui, "Choose an edge node or a device to see its metrics.", &palette);
            return None;
        };
        about(ui, scene, detail, device);
        let place = detail.metrics.iter().position(|metric| Some(&metric.name) == self.metric.as_ref());
        let mut asked = buttons(ui, detail, place, device.is_none(), &palette);
        if detail.metrics.is_empty() {
            let words = match detail.facts.metrics {
                0 => "It declares no metrics, or its birth was not seen yet.",
                _ => "None of its metrics has these words in its name.",
            };
            quiet(ui, words, &palette);
            return asked;
        }
        self.look_at(detail);
        let room = ui.available_rect_before_wrap();
        let below = self.shown.as_ref().map_or(0.0, |(_, lines)| lines.len() as f32 * LINE + GAP);
        let list = room.with_max_y(room.bottom() - below.min(room.height() * SHARE));
        let chosen = ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
            let lines = &detail.metrics;
            Rows::new("metrics", &COLUMNS, lines.len()).show(ui, place, &palette, |ui, row, rect| {
                let cells = cells(&lines[row], is_past, scene);
                table_row(ui.painter(), &COLUMNS, rect, &cells);
                said(&lines[row], is_past, scene)
            })
        });
        if let Some((_, lines)) = &self.shown {
            let below = room.with_min_y(list.bottom() + GAP);
            ui.scope_builder(UiBuilder::new().max_rect(below), |ui| whole(ui, lines, &palette));
        }
        if let Some(row) = chosen.inner {
            // Choosing what is chosen already makes a tag of it.
            if Some(row) == place {
                asked = asked.or(tag_of(&detail.metrics[row]));
            }
            self.metric = Some(Arc::clone(&detail.metrics[row].name));
        }
        asked
    }

    /// A long value is shown whole: tables and templates are JSON.
    fn look_at(&mut self, detail: &SourceDetail) {
        let Some(value) = detail.whole.as_ref().filter(|value| value.len() > SHORT) else {
            self.shown = None;
            return;
        };
        if self.shown.as_ref().is_none_or(|(before, _)| before != value) {
            let lines = look(value.as_bytes(), true).text.lines().map(str::to_owned).collect();
            self.shown = Some((Arc::clone(value), lines));
        }
    }
}

fn about(ui: &mut Ui, scene: &Scene<'_>, detail: &SourceDetail, device: Option<&str>) {
    let palette = scene.palette;
    let name = Label::new(RichText::new(&*detail.path).font(strong(13.0)).color(palette.text)).truncate();
    ui.add(name).on_hover_text(&*detail.path);
    let words = facts_words(&detail.facts, scene.now.utc);
    let mut line = |words: String| {
        ui.add(Label::new(RichText::new(&words).font(plain(12.0)).color(palette.muted)).truncate())
            .on_hover_text(words);
    };
    line(words);
    line(match device {
        Some(device) => format!("In the station file it is the device {device}."),
        None => "No entry of the station file names it; a tag brings its device along.".to_owned(),
    });
    if detail.found > detail.metrics.len() {
        let shown = detail.metrics.len();
        line(format!(
            "The first {shown} of {} are shown; words in \"Find: metric\" find the others.",
            counted(detail.found, "metric")
        ));
    }
}

fn buttons(
    ui: &mut Ui,
    detail: &SourceDetail,
    place: Option<usize>,
    is_stranger: bool,
    palette: &Palette,
) -> Option<Asked> {
    let mut asked = None;
    ui.horizontal(|ui| {
        // Without a choice it is the first one.
        let metric = detail.metrics.get(place.unwrap_or(0)).filter(|metric| metric.tag_kind.is_some());
        if let Some(metric) = metric
            && button(ui, "Make a tag...", false, palette).clicked()
        {
            asked = tag_of(metric);
        }
        if is_stranger && button(ui, "Take in whole...", false, palette).clicked() {
            asked = Some(Asked::Whole);
        }
    });
    asked
}

fn tag_of(metric: &MetricLine) -> Option<Asked> {
    metric.tag_kind.map(|_| Asked::Tag(metric.clone()))
}

fn tag_name(metric: &MetricLine, scene: &Scene<'_>) -> String {
    let tag = metric.tag.and_then(|tag| scene.snapshot.plan.directory.tag(tag));
    tag.map_or_else(String::new, |tag| tag.key.to_string())
}

fn cells(metric: &MetricLine, is_past: bool, scene: &Scene<'_>) -> [(String, Ink); 4] {
    let palette = &scene.palette;
    let value = match (&metric.value, is_past || metric.quality.is_bad()) {
        (Some(value), false) => (value.clone(), Ink::value(palette)),
        // What is no value any more does not look like one.
        (Some(value), true) => (format!("({value})"), Ink::muted(palette)),
        (None, _) => ("no value".to_owned(), Ink::muted(palette)),
    };
    let unit = metric.unit.as_ref().filter(|_| metric.value.is_some()).map(|unit| format!(" {unit}"));
    let value = (format!("{}{}", value.0, unit.unwrap_or_default()), value.1);
    [
        (metric.name.to_string(), Ink::text(palette)),
        (metric.kind.to_owned(), Ink::muted(palette)),
        value,
        (tag_name(metric, scene), Ink::muted(palette)),
    ]
}

fn said(metric: &MetricLine, is_past: bool, scene: &Scene<'_>) -> RowWords {
    let unit = metric.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let value = metric.value.as_ref().map_or_else(|| "no value".to_owned(), |value| format!("{value}{unit}"));
    let mut words = format!("{}, {}, {value}", metric.name, metric.kind);
    if !metric.quality.is_good() {
        words.push_str(&format!(", {}", metric.quality.words()));
    }
    if is_past {
        words.push_str(", from before");
    }
    let tag = tag_name(metric, scene);
    if !tag.is_empty() {
        words.push_str(&format!(", tag {tag}"));
    }
    let time = metric.time.map(|time| format!(", at {}", clock(time, scene.now.utc)));
    RowWords { hover: Some(format!("{words}{}", time.unwrap_or_default())), words }
}

/// Only the lines that are seen are laid out.
fn whole(ui: &mut Ui, lines: &[String], palette: &Palette) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().id_salt("whole value").auto_shrink([false, false]);
    area.show_rows(ui, LINE, lines.len(), |ui, range| {
        for line in &lines[range] {
            ui.add(Label::new(RichText::new(line).font(plain(12.0)).color(palette.text)).truncate())
                .on_hover_text(line);
        }
    });
}
