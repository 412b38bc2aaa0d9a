//! Alarm figures after EEMUA 191 and ISA-18.2: the table against its targets, and the alarms that come most often.

use crate::alarm::figures::{Figures, Period, Row, TOP};
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::columns::{Column, column_width, number, words};
use crate::gui::widgets::{Ink, Rows, button, quiet, table_row};
use crate::historian::write_whole;
use crate::recorder::read_record;
use crate::station::{QueryContext, Ticket};
use crate::tag::Monotonic;
use egui::{RichText, Ui};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The figures are worked out again this often while they are looked at.
const FRESH: Duration = Duration::from_secs(60);
/// The width of the alarms beside the table.
const BESIDE: f32 = 380.0;
/// Letters of a name that have room beside the numbers.
const LETTERS: usize = 32;

/// Periods that can be chosen, in hours.
const PERIODS: [(&str, u64); 4] = [("8 h", 8), ("24 h", 24), ("7 d", 168), ("30 d", 720)];

type Answer = Result<Arc<Figures>, String>;

/// The figures, as far as they were worked out.
pub(super) struct FiguresView {
    hours: u64,
    figures: Option<Arc<Figures>>,
    rows: Vec<Row>,
    failed: Option<String>,
    ticket: Option<Ticket<Answer>>,
    asked: Option<(u64, Monotonic)>,
    row: Option<usize>,
    alarm: Option<usize>,
    export: Option<Ticket<Result<PathBuf, String>>>,
    said: Option<String>,
}

impl Default for FiguresView {
    fn default() -> Self {
        Self {
            hours: 24,
            figures: None,
            rows: Vec::new(),
            failed: None,
            ticket: None,
            asked: None,
            row: None,
            alarm: None,
            export: None,
            said: None,
        }
    }
}

impl FiguresView {
    /// Takes what came, and asks anew where that is due.
    pub(super) fn keep(&mut self, scene: &Scene<'_>) {
        self.receive();
        self.ask(scene);
    }

    /// The figures, as far as they were worked out.
    pub(super) fn shown(&self) -> Option<&Arc<Figures>> {
        self.figures.as_ref()
    }

    /// The length of the period that was chosen, in hours.
    pub(super) const fn hours(&self) -> u64 {
        self.hours
    }

    /// The periods that can be chosen.
    pub(super) fn periods(&mut self, ui: &mut Ui, palette: &Palette) {
        quiet(ui, "The last", palette);
        for (name, hours) in PERIODS {
            if button(ui, name, self.hours == hours, palette).clicked() {
                self.hours = hours;
            }
        }
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.keep(scene);
        self.head(ui, scene);
        ui.add_space(4.0);
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - BESIDE - 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| self.table(ui, scene));
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.most_frequent(ui, scene));
    }

    fn head(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            self.periods(ui, &palette);
            let idle = self.export.is_none() && self.figures.is_some();
            let look = egui::Button::new(RichText::new("Export CSV").font(plain(13.0)).color(palette.text));
            if ui.add_enabled(idle, look).clicked() {
                self.begin_export(scene);
            }
            quiet(ui, self.state(scene), &palette);
        });
        if let Some(said) = &self.said {
            ui.add(egui::Label::new(RichText::new(said).font(plain(12.0)).color(palette.muted)).truncate());
        }
    }

    /// What the figures are of, or why there are none.
    pub(super) fn state(&self, scene: &Scene<'_>) -> String {
        if let Some(why) = &self.failed {
            return format!("The figures cannot be worked out: {why}");
        }
        let Some(figures) = &self.figures else { return "The journal is being read.".to_owned() };
        let ends = [figures.period.from, figures.period.to].map(|time| format::clock(time, scene.now.utc));
        match self.ticket.is_some() && !self.is_of_choice(figures) {
            true => format!("{} to {}; the period that was chosen is being worked out", ends[0], ends[1]),
            false => format!("{} to {}, {}", ends[0], ends[1], format::counted(figures.activations, "activation")),
        }
    }

    fn is_of_choice(&self, figures: &Figures) -> bool {
        (figures.period.seconds() - self.hours as f64 * 3600.0).abs() < 1.0
    }

    fn receive(&mut self) {
        if let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) {
            self.ticket = None;
            match answer {
                Some(Ok(figures)) => {
                    self.rows = figures.table();
                    (self.figures, self.failed) = (Some(figures), None);
                }
                // Figures that cannot be worked out any more would look like those of now.
                Some(Err(why)) => (self.figures, self.rows, self.failed) = (None, Vec::new(), Some(why)),
                None => self.failed = Some("too many questions wait; it is tried again in a minute".to_owned()),
            }
        }
        if let Some(answer) = self.export.as_mut().and_then(Ticket::poll) {
            self.export = None;
            self.said = Some(match answer {
                Some(Ok(path)) => format!("Written: {}", path.display()),
                Some(Err(why)) => format!("Not exported: {why}"),
                None => "Not exported: too many questions wait; try again".to_owned(),
            });
        }
    }

    fn ask(&mut self, scene: &Scene<'_>) {
        let now = scene.now.monotonic;
        let is_due = self.asked.is_none_or(|(hours, at)| hours != self.hours || now.since(at) >= FRESH);
        if !is_due {
            return;
        }
        self.asked = Some((self.hours, now));
        let period = Period::until(scene.now.utc, Duration::from_secs(self.hours * 3600));
        let plan = Arc::clone(&scene.snapshot.plan);
        // A question that is dropped before its turn is not asked.
        self.ticket = Some(scene.handle.ask_long(move |context, _| {
            let priorities: HashMap<&str, _> =
                plan.alarms.iter().map(|alarm| (alarm.key.as_str(), alarm.priority)).collect();
            work_out(context, period, &|alarm| priorities.get(alarm).copied())
        }));
    }

    fn begin_export(&mut self, scene: &Scene<'_>) {
        let Some(figures) = self.figures.clone() else { return };
        let stamp = scene.now.utc.to_rfc3339().replace([':', '.'], "-");
        let path = scene.handle.folder().join("exports").join(format!("alarm-figures-{stamp}.csv"));
        self.said = None;
        self.export = Some(scene.handle.ask_long(move |_, _| {
            let written = write_whole(&path, |out| Ok(out.write_all(figures.to_csv().as_bytes())?));
            written.map(|()| path).map_err(|error| error.to_string())
        }));
    }

    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        const COLUMNS: [Column; 4] =
            [words("Figure", 0.0), number("Value", 110.0), words("Target", 186.0), words("Verdict", 86.0)];
        let palette = scene.palette;
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let rows = &self.rows;
            let chosen =
                Rows::new("alarm figures", &COLUMNS, rows.len()).show(ui, self.row, &palette, |ui, place, rect| {
                    let row = &rows[place];
                    let verdict = match row.judgement.is_wrong() {
                        true => Ink::bold(&palette),
                        false => Ink::muted(&palette),
                    };
                    table_row(
                        ui.painter(),
                        &COLUMNS,
                        rect,
                        &[
                            (row.figure.clone(), Ink::text(&palette)),
                            (row.value.clone(), Ink::bold(&palette)),
                            (row.target.clone(), Ink::muted(&palette)),
                            (row.judgement.words().to_owned(), verdict),
                        ],
                    );
                    format!("{} {} {} {}", row.figure, row.value, row.target, row.judgement.words())
                        .trim_end()
                        .to_owned()
                        .into()
                });
            self.row = chosen.or(self.row);
        });
    }

    fn most_frequent(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        const COLUMNS: [Column; 3] = [words("Most frequent", 0.0), number("Times", 50.0), number("Share", 58.0)];
        let palette = scene.palette;
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let Some(figures) = self.figures.clone() else { return };
            let alarms = &figures.alarms[..figures.alarms.len().min(TOP)];
            let list = ui.available_rect_before_wrap();
            let list = list.with_max_y(list.bottom() - 120.0);
            let shown = ui.scope_builder(egui::UiBuilder::new().max_rect(list), |ui| {
                Rows::new("most frequent alarms", &COLUMNS, alarms.len()).show(
                    ui,
                    self.alarm,
                    &palette,
                    |ui, place, rect| {
                        let one = &alarms[place];
                        let nuisance = one.chattering + one.fleeting;
                        let (name, room) = (Ink::text(&palette), column_width(&COLUMNS, 0, rect));
                        table_row(
                            ui.painter(),
                            &COLUMNS,
                            rect,
                            &[
                                (fitting(ui.painter(), &one.alarm, room, &name), name.clone()),
                                (one.activations.to_string(), Ink::bold(&palette)),
                                (format!("{:.1} %", one.share * 100.0), Ink::muted(&palette)),
                            ],
                        );
                        let words =
                            format!("{} {} times, {nuisance} chattering or fleeting", one.alarm, one.activations);
                        crate::gui::widgets::RowWords { words, hover: Some(one.alarm.to_string()) }
                    },
                )
            });
            self.alarm = shown.inner.or(self.alarm);
            let below = egui::Rect::from_min_max(
                egui::pos2(list.left() + 12.0, list.bottom() + 8.0),
                ui.max_rect().right_bottom(),
            );
            ui.scope_builder(egui::UiBuilder::new().max_rect(below.with_max_x(list.right() - 12.0)), |ui| {
                self.chosen(ui, scene, alarms);
            });
        });
    }

    /// The alarm that was chosen, and the way to it.
    fn chosen(&self, ui: &mut Ui, scene: &mut Scene<'_>, alarms: &[crate::alarm::figures::AlarmFigures]) {
        let palette = scene.palette;
        let Some(one) = self.alarm.and_then(|place| alarms.get(place)) else {
            let words =
                if alarms.is_empty() { "No alarm came in this period." } else { "Choose an alarm to go to it." };
            quiet(ui, words, &palette);
            return;
        };
        let plan = Arc::clone(&scene.snapshot.plan);
        let known = plan.alarms.iter().find(|known| known.key.as_str() == &*one.alarm);
        let message = known.map_or("It is not in the station file any more.", |known| &known.message);
        ui.add(egui::Label::new(RichText::new(message).font(strong(13.0)).color(palette.text)).wrap());
        quiet(ui, format!("{} chattering, {} fleeting", one.chattering, one.fleeting), &palette);
        if button(ui, "Open alarm", false, &palette).clicked() {
            scene.act(Action::OpenAlarm { alarm: one.alarm.to_string(), occurrence: one.last_occurrence });
        }
    }
}

/// A name, of which the end stays where there is no room for all of it.
fn fitting(painter: &egui::Painter, name: &str, room: f32, ink: &Ink) -> String {
    if ink.width_of(painter, name) <= room { name.to_owned() } else { end_of(name) }
}

/// The end of a name, which tells alarms apart, where there is no room for all of it.
fn end_of(name: &str) -> String {
    let count = name.chars().count();
    if count <= LETTERS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - LETTERS + 1).collect();
    match end.split_once('/') {
        Some((_, rest)) => format!("…/{rest}"),
        None => format!("…{end}"),
    }
}

fn work_out(
    context: &QueryContext,
    period: Period,
    priority_of: &dyn Fn(&str) -> Option<crate::alarm::Priority>,
) -> Answer {
    let record = read_record(context.records(), period).map_err(|error| error.to_string())?;
    Ok(Arc::new(Figures::of(&record, period, priority_of)))
}
