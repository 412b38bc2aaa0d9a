//! The pens with their values and figures, what is between the cursors, and the field that adds a tag.

use super::axes::parse_range;
use super::cursors::duration;
use super::input::Wish;
use super::paint::color;
use super::pens::{Kind, Pen};
use super::picture::dash_of;
use super::sheet::{Ink, Sheet};
use super::statistics::Statistics;
use super::wishes::add_id;
use super::{TrendView, curve, paint};
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{plain, strong};
use crate::gui::widgets::{self, button, quiet, search};
use crate::tag::{TagDefinition, TagKey};
use egui::{Align2, Key, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextEdit, Ui, pos2, vec2};

/// Height of a pen with its figures.
const ROW: f32 = 44.0;

impl TrendView {
    pub(super) fn legend(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.horizontal(|ui| {
                ui.label(RichText::new("Pens").font(strong(15.0)).color(palette.text));
                let words = match self.cursors.read() {
                    Some(_) => format!("values at cursor {}", self.cursors.active.letter()),
                    None => "values now".to_owned(),
                };
                quiet(ui, words, &palette);
            });
            self.adder(ui, scene);
            ScrollArea::vertical().id_salt("pens").auto_shrink([false, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let mut gone = None;
                for place in 0..self.pens.list.len() {
                    if self.row(ui, scene, place) {
                        gone = Some(place);
                    }
                    if place == self.pens.selected {
                        self.settings(ui, scene);
                    }
                }
                if let Some(place) = gone {
                    self.pens.remove(place);
                }
                self.between(ui, scene);
            });
        });
    }

    /// One pen; whether it is to go.
    fn row(&mut self, ui: &mut Ui, scene: &Scene<'_>, place: usize) -> bool {
        let palette = scene.palette;
        let Some(pen) = self.pens.list.get(place) else { return false };
        let is_selected = place == self.pens.selected;
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
        let (swatch, cross) = (rect.with_max_x(rect.left() + 30.0), rect.with_min_x(rect.right() - 22.0));
        let cross = cross.with_max_y(rect.top() + 24.0);
        let body = rect.with_min_x(swatch.right()).with_max_x(cross.left());
        let id = ui.scope_id().with(("pen", pen.key.as_str()));
        let row = ui.interact(body, id, Sense::click());
        let show = ui.interact(swatch, id.with("show"), Sense::click());
        let remove = ui.interact(cross, id.with("remove"), Sense::click());
        let (value, is_known) = self.value_words(scene, pen);
        let painter = ui.painter();
        if is_selected || row.hovered() {
            painter.rect_filled(rect, 3, if is_selected { palette.select } else { palette.sunk });
        }
        swatch_of(ui, pen, swatch, is_selected, &palette);
        let ink = if is_known { palette.value } else { palette.faint };
        let y = body.top() + 14.0;
        let written = widgets::text(
            painter,
            pos2(body.right() - 2.0, y),
            Align2::RIGHT_CENTER,
            &value,
            strong(13.0),
            ink,
            body.width() * 0.55,
        );
        let name = if is_selected { strong(13.0) } else { plain(13.0) };
        let room = written.left() - body.left() - 8.0;
        let at = pos2(body.left() + 2.0, y);
        widgets::text(painter, at, Align2::LEFT_CENTER, short_name(pen.key.as_str(), room), name, palette.text, room);
        let figures = self.figures_words(scene, pen);
        let at = pos2(body.left() + 2.0, body.top() + 32.0);
        widgets::text(
            painter,
            at,
            Align2::LEFT_CENTER,
            &figures,
            plain(12.0),
            palette.muted,
            rect.right() - at.x - 4.0,
        );
        widgets::text(painter, cross.center(), Align2::CENTER_CENTER, "×", plain(14.0), palette.muted, 20.0);
        for (response, area) in [(&row, body), (&show, swatch), (&remove, cross)] {
            if response.has_focus() {
                painter.rect_stroke(area.shrink(1.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
            }
        }
        let (key, hidden) = (pen.key.clone(), pen.is_hidden);
        row.widget_info(|| {
            let words = format!("{key} {value}, {figures}");
            egui::WidgetInfo::selected(egui::Role::Row, true, is_selected, words)
        });
        show.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, !hidden, format!("Show {key}")));
        remove.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Remove {key}")));
        if row.on_hover_text(key.as_str()).clicked() {
            self.pens.selected = place;
        }
        if show.on_hover_text("Show or hide: H").clicked()
            && let Some(pen) = self.pens.list.get_mut(place)
        {
            pen.is_hidden = !pen.is_hidden;
        }
        remove.clicked()
    }

    /// Lowest, mean and highest value in sight, or why there is none.
    fn figures_words(&self, scene: &Scene<'_>, pen: &Pen) -> String {
        if let Some(why) = pen.feed.failed() {
            return why.to_owned();
        }
        let Some((_, definition)) = pen.tag(scene) else { return "only its history is shown".to_owned() };
        if pen.kind != Kind::Line {
            return definition.description.to_string();
        }
        let bounds = self.window.bounds(scene.now.utc);
        match curve::figures(pen.feed.points(), bounds) {
            Some(figures) => {
                let number = |value| format::number(value, definition.decimals);
                format!("min {}   mean {}   max {}", number(figures.low), number(figures.mean), number(figures.high))
            }
            None if pen.feed.is_waiting() => "history is being asked".to_owned(),
            None => "nothing is known in this window".to_owned(),
        }
    }

    /// How the selected pen is drawn.
    fn settings(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        let Some(id) = self.selected_axis(scene) else { return };
        let setting = self.axis_settings.get(&id).copied().unwrap_or_default();
        let Some(pen) = self.pens.selected_mut().filter(|pen| pen.kind == Kind::Line) else { return };
        let (own, linear) = (pen.has_own_axis, pen.is_linear);
        let mut wishes = Vec::new();
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for (words, is_on, wish, hint) in [
                ("Own axis", own, Wish::OwnAxis, "Or shared with pens of the same unit: O"),
                ("Log", setting.is_log, Wish::Log, "Equal distances are equal factors: L"),
                ("Straight", linear, Wish::Linear, "Straight from sample to sample instead of in steps: I"),
                ("↑", false, Wish::Reorder(-1), "Move up: Ctrl Up"),
                ("↓", false, Wish::Reorder(1), "Move down: Ctrl Down"),
            ] {
                if button(ui, words, is_on, &palette).on_hover_text(hint).clicked() {
                    wishes.push(wish);
                }
            }
        });
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            quiet(ui, "Axis", &palette);
            let hint = setting
                .range
                .map_or_else(|| "automatic".to_owned(), |[low, high]| format!("{} .. {}", tidy(low), tidy(high)));
            let field =
                TextEdit::singleline(&mut pen.range_text).id(egui::Id::unique("axis range")).desired_width(130.0);
            let field = ui.add(field.hint_text(hint)).accessible_name("Range of the axis");
            if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                match parse_range(&pen.range_text) {
                    Ok(range) => {
                        self.axis_settings.entry(id.clone()).or_default().range = range;
                        (pen.range_error, _) = (None, pen.range_text.clear());
                    }
                    Err(why) => pen.range_error = Some(why),
                }
            }
            if setting.range.is_some()
                && button(ui, "Automatic", false, &palette).on_hover_text("All axes: 0").clicked()
            {
                self.axis_settings.entry(id).or_default().range = None;
            }
        });
        if let Some(why) = &pen.range_error {
            ui.add(egui::Label::new(RichText::new(why).font(plain(12.0)).color(palette.text)).wrap());
        }
        ui.add_space(6.0);
        for wish in wishes {
            self.carry_out(ui, scene, wish);
        }
    }

    /// What happened between the cursors.
    fn between(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        let Some([from, to]) = self.cursors.between() else { return };
        ui.add_space(8.0);
        ui.separator();
        ui.add_space(4.0);
        let time = format!("Between A and B: {}", duration(to - from));
        ui.label(RichText::new(time).font(strong(14.0)).color(palette.text));
        let state = match self.measures.failed() {
            Some(why) => why.to_owned(),
            None if self.measures.is_behind() => "being worked out from every sample".to_owned(),
            None => "from every sample; mean and deviation by time".to_owned(),
        };
        quiet(ui, state, &palette);
        for pen in self.pens.list.iter().filter(|pen| !pen.is_hidden && pen.kind != Kind::Text) {
            let Some(found) = self.measures.of(&pen.key) else { continue };
            let definition = pen.tag(scene).map(|(_, definition)| definition.clone());
            ui.add_space(6.0);
            measured(ui, scene, pen, definition.as_ref(), found, to - from);
        }
    }

    /// A field that adds a tag by its name.
    fn adder(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        let width = ui.available_width() - 18.0;
        let field = search(ui, &mut self.add_text, add_id(), "Add a tag (Insert)", width);
        let words = self.add_text.to_lowercase();
        if words.trim().is_empty() {
            ui.add_space(4.0);
            return;
        }
        let tags = scene.snapshot.plan.directory.tags();
        let fits = |name: &str| words.split_whitespace().all(|word| name.contains(word));
        let found: Vec<TagKey> = tags
            .iter()
            .filter(|tag| fits(&tag.key.as_str().to_lowercase()))
            .take(8)
            .map(|tag| tag.key.clone())
            .collect();
        if found.is_empty() {
            quiet(ui, "No tag has such a name.", &palette);
        }
        let first = found.first().cloned();
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let mut chosen = if entered { first } else { None };
        for key in found {
            if button(ui, key.as_str(), false, &palette).clicked() {
                chosen = Some(key);
            }
        }
        ui.add_space(4.0);
        if let Some(key) = chosen {
            self.add_text.clear();
            scene.act(Action::Trend(key));
        }
    }
}

/// The line of a pen, as it is drawn; an empty box where it is hidden.
fn swatch_of(ui: &Ui, pen: &Pen, area: egui::Rect, is_selected: bool, palette: &crate::gui::theme::Palette) {
    let middle = pos2(area.center().x, area.top() + 14.0);
    if pen.is_hidden {
        let frame = egui::Rect::from_center_size(middle, vec2(20.0, 10.0));
        ui.painter().rect_stroke(frame, 1, Stroke::new(1.0, palette.muted), StrokeKind::Inside);
        return;
    }
    if pen.kind != Kind::Line {
        let frame = egui::Rect::from_center_size(middle, vec2(20.0, 10.0));
        ui.painter().rect_filled(frame, 1, color(Ink::Pen(pen.style), palette));
        return;
    }
    let mut sheet = Sheet::new([20.0, 2.0]);
    let width = if is_selected { 3.5 } else { 2.2 };
    sheet.line(vec![[0.0, 0.0], [20.0, 0.0]], Ink::Pen(pen.style), width, dash_of(pen.style));
    paint::paint(ui.painter(), pos2(middle.x - 10.0, middle.y), &sheet, palette);
}

/// The end of a name says more than its beginning.
fn short_name(name: &str, room: f32) -> &str {
    let fits = (room / 7.3).max(4.0) as usize;
    let mut rest = name;
    while rest.chars().count() > fits {
        match rest.split_once('/') {
            Some((_, after)) => rest = after,
            None => break,
        }
    }
    rest
}

fn tidy(value: f64) -> String {
    let digits = 4 - (value.abs().max(1e-9).log10().floor() as i32).clamp(-6, 4);
    let text = format!("{value:.*}", digits.max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn measured(
    ui: &mut Ui,
    scene: &Scene<'_>,
    pen: &Pen,
    definition: Option<&TagDefinition>,
    found: &Statistics,
    seconds: f64,
) {
    let palette = scene.palette;
    ui.label(RichText::new(pen.key.as_str()).font(strong(13.0)).color(palette.text));
    for (name, value) in measured_words(definition, found, seconds, pen.kind == Kind::Band) {
        widgets::key_value(ui, name, value, &palette);
    }
}

/// Names and figures. A rate and an integral are told per hour, as a plant counts.
fn measured_words(
    definition: Option<&TagDefinition>,
    found: &Statistics,
    seconds: f64,
    is_band: bool,
) -> Vec<(&'static str, String)> {
    let decimals = definition.map_or(2, |definition| definition.decimals);
    let unit = definition.map_or("", |definition| &definition.unit);
    let with = |value: f64, more: u8, unit: &str| {
        format!("{} {unit}", format::number(value, decimals.saturating_add(more).min(6))).trim().to_owned()
    };
    let mut words = Vec::new();
    if let (Some([first, last]), false) = (found.ends, is_band) {
        let sign = if last > first { "+" } else { "" };
        let rate = (last - first) / seconds * 3600.0;
        words.push((
            "change",
            format!("{sign}{} ({sign}{})", with(last - first, 0, unit), with(rate, 0, &format!("{unit}/h"))),
        ));
    }
    match (found.mean.zip(found.extremes), is_band) {
        (Some((mean, _)), true) => {
            let on = found.integral.clamp(0.0, found.known_seconds);
            words.push(("on", format!("{}, {:.1} %", duration(on), mean.clamp(0.0, 1.0) * 100.0)));
        }
        (Some((mean, [low, high])), false) => {
            let three = format!("{}, {}, {}", with(low, 0, ""), with(mean, 1, ""), with(high, 0, unit));
            words.push(("min, mean, max", three));
            words.push(("deviation", with(found.deviation.unwrap_or(0.0), 1, unit)));
            let (sum, unit) = integral_in(found.integral, unit);
            words.push(("integral", with(sum, 1, &unit)));
        }
        (None, _) => words.push(("", "nothing is known here".to_owned())),
    }
    let bad =
        if found.bad_seconds > 0.0 { format!(", bad for {}", duration(found.bad_seconds)) } else { String::new() };
    words.push(("samples", format!("{}{bad}", format::number(found.samples as f64, 0))));
    words
}

/// An integral over seconds in the unit that people count in: of `m³/h` it is `m³`, of `kW` it is `kW·h`.
fn integral_in(seconds: f64, unit: &str) -> (f64, String) {
    for (end, length) in [("/h", 3600.0), ("/min", 60.0), ("/s", 1.0)] {
        if let Some(counted) = unit.strip_suffix(end) {
            return (seconds / length, counted.to_owned());
        }
    }
    (seconds / 3600.0, format!("{unit}·h"))
}

#[cfg(test)]
mod tests {
    use super::super::statistics::{Gathering, Held};
    use super::*;

    #[test]
    fn figures_carry_their_units() {
        let definition = TagDefinition { unit: "m³/h".into(), decimals: 1, ..TagDefinition::named("flow") };
        let mut gathering = Gathering::new(0.0, Held::Known(10.0));
        gathering.add(1800.0, Held::Known(20.0));
        gathering.add(3000.0, Held::Bad);
        let found = gathering.finish(3600.0);
        let words: Vec<String> = measured_words(Some(&definition), &found, 3600.0, false)
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(words[0], "change: +10.0 m³/h (+10.0 m³/h/h)");
        assert!(words.contains(&"min, mean, max: 10.0, 14.00, 20.0 m³/h".to_owned()), "{words:?}");
        assert!(words.contains(&"integral: 11.67 m³".to_owned()), "{words:?}");
        assert!(words.contains(&"samples: 2, bad for 10 min 0 s".to_owned()), "{words:?}");
    }

    #[test]
    fn an_integral_is_counted_in_what_flows() {
        assert_eq!(integral_in(7200.0, "m³/h"), (2.0, "m³".to_owned()));
        assert_eq!(integral_in(7200.0, "m³/s"), (7200.0, "m³".to_owned()));
        assert_eq!(integral_in(7200.0, "L/min"), (120.0, "L".to_owned()));
        assert_eq!(integral_in(7200.0, "kW"), (2.0, "kW·h".to_owned()));
    }

    #[test]
    fn names_lose_their_beginning_first() {
        assert_eq!(short_name("south/P7/bearing-temperature", 150.0), "bearing-temperature");
        assert_eq!(short_name("south/P7/speed", 150.0), "south/P7/speed");
        assert_eq!((tidy(0.5), tidy(1234.5678), tidy(-0.00123)), ("0.5".into(), "1234.6".into(), "-0.00123".into()));
    }
}
