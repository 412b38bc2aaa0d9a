//! Pictures and tables out of the trend, written off the window's thread into the station's folder `exports`.

use super::axes::Axis;
use super::curve::{self, Point};
use super::input::Wish;
use super::paint::color;
use super::pens::Kind;
use super::picture::dash_of;
use super::sheet::{Anchor, Ink, Item, Sheet};
use super::{TrendView, png, svg};
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{LIGHT, plain, strong};
use crate::gui::widgets::{button, primary_button, quiet};
use crate::historian::{
    Dialect, ExportError, ExportOptions, Moments, Progress, QueryError, Setting, Shape, Table, export_parquet,
    export_table, write_whole,
};
use crate::station::Ticket;
use crate::tag::{TagKey, Timestamp};
use egui::{Id, Key, Modal, Modifiers, Rect, RichText, Ui};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Content {
    /// Every sample of the window.
    #[default]
    Samples,
    /// The same for pandas, DuckDB and their like.
    Parquet,
    /// Lowest, last and highest value of every pixel.
    Shown,
    /// A drawing that can be enlarged.
    Svg,
    /// The picture as it is on the screen.
    Png,
}

/// For whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reader {
    #[default]
    Programs,
    EnglishExcel,
    DutchExcel,
}

/// What the dialog says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) content: Content,
    pub(super) reader: Reader,
    pub(super) is_wide: bool,
    pub(super) is_local: bool,
}

impl Choice {
    pub(super) fn dialect(&self) -> Dialect {
        let dialect = match self.reader {
            Reader::Programs => Dialect::default(),
            Reader::EnglishExcel => Dialect::english_excel(),
            Reader::DutchExcel => Dialect::dutch_excel(),
        };
        let dialect = dialect.shaped(if self.is_wide { Shape::Wide } else { Shape::Long });
        match (self.reader, self.is_local) {
            (Reader::Programs, true) => Dialect { moments: Moments::Local, ..dialect },
            _ => dialect,
        }
    }

    fn end(&self) -> &'static str {
        match self.content {
            Content::Samples | Content::Shown => "csv",
            Content::Parquet => "parquet",
            Content::Svg => "svg",
            Content::Png => "png",
        }
    }
}

type Answer = Result<(PathBuf, u64), String>;

/// The place of a picture that the window has been asked for.
type Photograph = Arc<Mutex<Option<Arc<egui::ColorImage>>>>;

/// An export that is under way, and the dialog before it.
#[derive(Default)]
pub(super) struct Exporting {
    pub(super) is_open: bool,
    choice: Choice,
    ticket: Option<Ticket<Answer>>,
    progress: Arc<Mutex<Progress>>,
    said: Option<String>,
    /// A picture of the window is wanted as soon as nothing covers it.
    wants_picture: bool,
    /// Where the window puts its picture once it was asked for it.
    picture: Option<Photograph>,
}

impl TrendView {
    pub(super) fn export_button(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.receive_export();
        if self.exporting.ticket.is_some() {
            if button(ui, "Cancel", false, &scene.palette).clicked() {
                // The job sees that nobody waits any more, and takes its file away.
                (self.exporting.ticket, self.exporting.said) = (None, Some("export cancelled".to_owned()));
                return;
            }
            let progress = self.exporting.progress.lock().map(|progress| *progress).unwrap_or_default();
            let bar = egui::ProgressBar::new(progress.share as f32).desired_width(90.0);
            ui.add(bar.fill(scene.palette.focus).text(format!("{:.0} %", progress.share * 100.0)));
            quiet(ui, format!("{} lines", format::number(progress.lines as f64, 0)), &scene.palette);
            ui.request_repaint_after(std::time::Duration::from_millis(200));
        } else if button(ui, "Export... E", false, &scene.palette).clicked() {
            self.carry_out(ui, scene, Wish::Export);
        }
    }

    pub(super) fn open_export(&mut self) {
        self.exporting.is_open = true;
    }

    fn receive_export(&mut self) {
        let Some(answer) = self.exporting.ticket.as_mut().and_then(Ticket::poll) else { return };
        self.exporting.ticket = None;
        self.exporting.said = Some(match answer {
            Some(Ok((path, 0))) => format!("Written: {}", path.display()),
            Some(Ok((path, lines))) => {
                format!("{} lines in {}", format::number(lines as f64, 0), path.display())
            }
            Some(Err(why)) => format!("Not exported: {why}"),
            None => "Not exported: too many questions wait; try again".to_owned(),
        });
    }

    /// What became of the last export.
    pub(super) fn export_words(&self) -> Option<&str> {
        self.exporting.said.as_deref()
    }

    pub(super) fn forget_export_words(&mut self) {
        self.exporting.said = None;
    }

    pub(super) fn export_dialog(&mut self, ui: &Ui, scene: &Scene<'_>, seen: Rect) {
        self.take_picture(ui, scene, seen);
        if !self.exporting.is_open {
            return;
        }
        let palette = scene.palette;
        let choice = &mut self.exporting.choice;
        let id = Id::unique("export");
        let area = Modal::default_area(id).accessible_name("Export");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(470.0);
            ui.label(RichText::new("Export").font(strong(15.0)).color(palette.text));
            let words = "Of the pens that are drawn, for the time that is shown. The file goes into the folder exports of the station.";
            ui.add(egui::Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).wrap());
            line(ui, "What", &mut choice.content, &[
                (Content::Samples, "Every sample"),
                (Content::Parquet, "Parquet"),
                (Content::Shown, "As drawn"),
                (Content::Svg, "SVG"),
                (Content::Png, "PNG"),
            ], &palette);
            if matches!(choice.content, Content::Samples | Content::Shown) {
                line(ui, "For", &mut choice.reader, &[
                    (Reader::Programs, "Programs"),
                    (Reader::EnglishExcel, "English Excel"),
                    (Reader::DutchExcel, "Dutch Excel"),
                ], &palette);
                line(ui, "Lines", &mut choice.is_wide, &[(false, "One a sample"), (true, "One a moment")], &palette);
                if choice.reader == Reader::Programs {
                    line(ui, "Time", &mut choice.is_local, &[(false, "UTC"), (true, "Local with offset")], &palette);
                }
            }
            quiet(ui, explained(choice), &palette);
            ui.add_space(6.0);
            let (mut go, mut cancel) = (false, false);
            ui.horizontal(|ui| {
                go = primary_button(ui, "Export Enter", true, &palette).clicked();
                cancel = button(ui, "Cancel Esc", false, &palette).clicked();
            });
            let nothing_focused = ui.memory(|memory| memory.focused()).is_none();
            go |= nothing_focused && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
            (go, cancel)
        });
        let (go, cancel) = shown.inner;
        let closes = shown.should_close();
        if go || cancel || closes {
            self.exporting.is_open = false;
        }
        if go {
            self.export(scene);
        }
    }

    fn export(&mut self, scene: &Scene<'_>) {
        self.exporting.said = None;
        match self.exporting.choice.content {
            Content::Samples | Content::Parquet => self.export_samples(scene),
            Content::Shown => self.export_shown(scene),
            Content::Svg => {
                let text = self.drawing(scene);
                self.write(scene, move |out| Ok(out.write_all(text.as_bytes()).map(|()| 0)?));
            }
            Content::Png => self.exporting.wants_picture = true,
        }
    }

    fn path(&self, scene: &Scene<'_>) -> PathBuf {
        let stamp = scene.now.utc.to_rfc3339().replace([':', '.'], "-");
        scene.handle.folder().join("exports").join(format!("trend-{stamp}.{}", self.exporting.choice.end()))
    }

    /// Writes a file that needs nothing of history.
    fn write(
        &mut self,
        scene: &Scene<'_>,
        fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<u64, ExportError> + Send + 'static,
    ) {
        let path = self.path(scene);
        self.begin();
        self.exporting.ticket = Some(scene.handle.ask_long(move |_, _| finished(&path, write_whole(&path, fill))));
    }

    fn begin(&mut self) {
        self.exporting.progress = Arc::default();
    }

    fn export_samples(&mut self, scene: &Scene<'_>) {
        let [from, to] = self.window.bounds(scene.now.utc).map(Timestamp::from_seconds);
        let patterns = self.pens.list.iter().filter(|pen| !pen.is_hidden).map(|pen| pen.key.to_string()).collect();
        let options = ExportOptions { patterns, from, to, every: None };
        let (path, choice) = (self.path(scene), self.exporting.choice);
        self.begin();
        let progress = Arc::clone(&self.exporting.progress);
        self.exporting.ticket = Some(scene.handle.ask_long(move |context, cancelled| {
            let report = |now: Progress| {
                if let Ok(mut progress) = progress.lock() {
                    *progress = now;
                }
                !cancelled()
            };
            let reader = context.samples().map_err(|error| error.to_string())?;
            let setting = Setting { dialect: choice.dialect(), offset: &local_offset, report: &report };
            finished(
                &path,
                write_whole(&path, |out| match choice.content {
                    Content::Parquet => export_parquet(reader, &options, &report, out),
                    _ => export_table(reader, &options, &setting, out),
                }),
            )
        }));
    }

    /// What is drawn: it is here already, and small.
    fn export_shown(&mut self, scene: &Scene<'_>) {
        let bounds = self.window.bounds(scene.now.utc);
        let until = scene.now.utc.as_seconds();
        let pens = self.pens.list.iter().filter(|pen| !pen.is_hidden && pen.kind != Kind::Text);
        let shown: Vec<(TagKey, Vec<Point>)> = pens
            .map(|pen| {
                let points = curve::in_sight(pen.feed.points(), bounds).iter();
                (pen.key.clone(), points.filter(|point| point.time <= until).copied().collect())
            })
            .collect();
        let dialect = self.exporting.choice.dialect();
        self.write(scene, move |out| {
            if dialect.has_mark {
                out.write_all("\u{feff}".as_bytes())?;
            }
            write_shown(&shown, &Setting { dialect, offset: &local_offset, report: &|_| true }, out)
        });
    }

    /// The drawing with its legend, on white paper whatever the colours of the window are.
    fn drawing(&mut self, scene: &Scene<'_>) -> String {
        let size = [self.plot_rect.width().max(400.0), self.plot_rect.height().max(240.0)];
        let mut sheet = self.sheet(scene, size, None, None);
        let bounds = self.window.bounds(scene.now.utc);
        let mut rows = Vec::new();
        for pen in self.pens.list.iter().filter(|pen| !pen.is_hidden) {
            let definition = pen.tag(scene).map(|(_, definition)| definition);
            let unit = definition.map_or("", |definition| &definition.unit);
            let decimals = definition.map_or(2, |definition| definition.decimals);
            let number = |value| format::number(value, decimals);
            let figures = curve::figures(pen.feed.points(), bounds).filter(|_| pen.kind == Kind::Line);
            let figures = figures.map_or_else(String::new, |found| {
                format!("min {}   mean {}   max {} {unit}", number(found.low), number(found.mean), number(found.high))
            });
            rows.push((pen.style, pen.key.to_string(), figures));
        }
        legend_below(&mut sheet, &rows, &self.axes);
        svg::svg(&sheet, &|ink| {
            let [red, green, blue, _] = color(ink, &LIGHT).to_array();
            format!("#{red:02x}{green:02x}{blue:02x}")
        })
    }

    /// Asks the window for its picture when the dialog is gone, and keeps it when it comes.
    fn take_picture(&mut self, ui: &Ui, scene: &Scene<'_>, seen: Rect) {
        if std::mem::take(&mut self.exporting.wants_picture) {
            let place = Photograph::default();
            self.exporting.picture = Some(Arc::clone(&place));
            let context = ui.ctx().clone();
            let taken = egui::ScreenshotCallback::new(move |image| {
                if let Ok(mut place) = place.lock() {
                    *place = Some(image);
                }
                context.request_repaint();
            });
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Screenshot(taken));
            ui.request_repaint();
            return;
        }
        let taken = self.exporting.picture.as_ref().and_then(|place| place.lock().ok()?.take());
        let Some(image) = taken else { return };
        self.exporting.picture = None;
        let per_point = ui.pixels_per_point();
        self.write(scene, move |out| match png::png(&image, seen, per_point) {
            Some(Ok(bytes)) => Ok(out.write_all(&bytes).map(|()| 0)?),
            Some(Err(why)) => Err(std::io::Error::other(why).into()),
            None => Err(std::io::Error::other("nothing of the trend is in the picture of the window").into()),
        });
    }
}

fn local_offset(time: Timestamp) -> i32 {
    format::local(time).map_or(0, |time| time.offset().local_minus_utc())
}

fn finished(path: &Path, written: Result<u64, ExportError>) -> Answer {
    match written {
        Ok(lines) => Ok((path.to_owned(), lines)),
        Err(ExportError::Query(QueryError::Cancelled)) => Err("cancelled; nothing is left of the file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn line<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    choices: &[(T, &str)],
    palette: &crate::gui::theme::Palette,
) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.add_sized([44.0, 24.0], egui::Label::new(RichText::new(name).color(palette.muted)));
        for (choice, words) in choices {
            if button(ui, words, value == choice, palette).clicked() {
                *value = *choice;
            }
        }
    });
}

fn explained(choice: &Choice) -> &'static str {
    match (choice.content, choice.reader) {
        (Content::Svg, _) => "A drawing with its legend, for reports: sharp at any size.",
        (Content::Png, _) => "The picture as it is on the screen, with the pens beside it.",
        (Content::Parquet, _) => "A table for pandas, DuckDB and their like, every value with all its digits.",
        (_, Reader::Programs) => "Commas, decimal points, RFC 3339 moments.",
        (_, Reader::EnglishExcel) => "Commas, decimal points, local time, its offset in a column of its own.",
        (_, Reader::DutchExcel) => "Semicolons, decimal commas, local time, its offset in a column of its own.",
    }
}

/// Lowest, last and highest value of every pixel: in lines a tag, or side by side.
fn write_shown(shown: &[(TagKey, Vec<Point>)], setting: &Setting<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut table = Table::new(setting, out);
    let cells =
        |table: &Table<'_, _>, point: &Point| [point.low, point.last, point.high].map(|value| table.number(value));
    if setting.dialect.shape == Shape::Long {
        table.head(["tag", "min", "last", "max"])?;
        for (key, points) in shown {
            for point in points {
                let [low, last, high] = cells(&table, point);
                table.line(Timestamp::from_seconds(point.time), [key.as_str(), &low, &last, &high])?;
            }
        }
        return table.finish();
    }
    let heads: Vec<String> =
        shown.iter().flat_map(|(key, _)| ["min", "last", "max"].map(|what| format!("{key} {what}"))).collect();
    table.head(heads.iter().map(String::as_str))?;
    let mut lines: std::collections::BTreeMap<i64, Vec<String>> = std::collections::BTreeMap::new();
    for (place, (_, points)) in shown.iter().enumerate() {
        for point in points {
            let time = Timestamp::from_seconds(point.time).as_micros();
            let line = lines.entry(time).or_insert_with(|| vec![String::new(); heads.len()]);
            line[place * 3..place * 3 + 3].clone_from_slice(&cells(&table, point));
        }
    }
    for (time, cells) in lines {
        table.line(Timestamp::from_micros(time), cells.iter().map(String::as_str))?;
    }
    table.finish()
}

/// Adds the legend below a drawing.
fn legend_below(sheet: &mut Sheet, rows: &[(usize, String, String)], axes: &[Axis]) {
    let [width, height] = sheet.size;
    let mut y = height + 16.0;
    for (style, name, figures) in rows {
        sheet.line(vec![[8.0, y], [34.0, y]], Ink::Pen(*style), 2.2, dash_of(*style));
        sheet.words([42.0, y], Anchor::LeftCentre, name.clone(), Ink::Text);
        sheet.words([width * 0.5, y], Anchor::LeftCentre, figures.clone(), Ink::Muted);
        y += 18.0;
    }
    if axes.iter().any(|axis| axis.hides) {
        let words = "Values that are not above zero have no place on a logarithmic axis.";
        sheet.words([8.0, y], Anchor::LeftCentre, words, Ink::Muted);
        y += 18.0;
    }
    sheet.size = [width, y];
    let paper = super::sheet::Area::new(0.0, 0.0, width, y);
    sheet.items.insert(0, Item::Fill { area: paper, ink: Ink::Panel, opacity: 1.0 });
}

#[cfg(test)]
mod tests {
    use super::super::curve::tests::points;
    use super::*;

    fn check(choice: Choice, expected: &str) {
        let shown = [(TagKey::from("a"), points("1 2..4.5")), (TagKey::from("b"), points("7 ?"))];
        let setting = Setting { dialect: choice.dialect(), offset: &|_| 3600, report: &|_| true };
        let mut out = Vec::new();
        write_shown(&shown, &setting, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().replace("\r\n", "|"), expected, "{choice:?}");
    }

    #[test]
    fn what_is_drawn_is_written_in_every_dialect() {
        let choice = Choice { content: Content::Shown, ..Choice::default() };
        check(
            choice,
            "time,tag,min,last,max|1970-01-01T00:00:00.000000Z,a,1,1,1|1970-01-01T00:00:01.000000Z,a,2,4.5,4.5|\
             1970-01-01T00:00:00.000000Z,b,7,7,7|1970-01-01T00:00:01.000000Z,b,,,|",
        );
        check(
            Choice { is_wide: true, reader: Reader::DutchExcel, ..choice },
            "time;utc_offset;a min;a last;a max;b min;b last;b max|1970-01-01 01:00:00,000;+01:00;1;1;1;7;7;7|\
             1970-01-01 01:00:01,000;+01:00;2;4,5;4,5;;;|",
        );
        check(
            Choice { is_wide: true, is_local: true, ..choice },
            "time,a min,a last,a max,b min,b last,b max|1970-01-01T01:00:00.000000+01:00,1,1,1,7,7,7|\
             1970-01-01T01:00:01.000000+01:00,2,4.5,4.5,,,|",
        );
    }
}
