//! The drawing of the trend: axes, lines, bands, marks and cursors, out of what is known.

use super::axes::Axis;
use super::bands::Piece;
use super::beside::{draw_band, draw_marks, hatch};
use super::cursors::{Cursors, Which};
use super::curve::{Point, gaps};
use super::marks::Mark;
use super::sheet::{Anchor, Area, Dash, Ink, Sheet};
use super::time_axis::{Clock, label, marks_of};
use super::trace::{Ground, trace};
use crate::gui::format;

/// Width of an axis of values.
const AXIS: f32 = 62.0;
/// Width of a sheet for every axis that is drawn; of more axes, the one of the selected pen is among them.
const ROOM_FOR_AXIS: f32 = 230.0;
/// Height above the lines, for units and marks.
const HEAD: f32 = 30.0;
/// Where the date below ends; moments stand behind it.
const DATE: f32 = 108.0;
/// Height of the moments below.
const FOOT: f32 = 22.0;

/// A line.
pub(super) struct LineLook<'a> {
    /// Number of its colour and dashes.
    pub(super) style: usize,
    pub(super) points: &'a [Point],
    /// The same hours of another day, and by how many seconds they are moved.
    pub(super) ghost: Option<(&'a [Point], f64)>,
    /// The value now.
    pub(super) present: Option<f64>,
    pub(super) is_linear: bool,
    pub(super) is_selected: bool,
    /// Its axis, as a place in the list.
    pub(super) axis: usize,
}

/// A band.
pub(super) struct BandLook {
    pub(super) style: usize,
    pub(super) name: String,
    pub(super) pieces: Vec<Piece>,
    pub(super) is_selected: bool,
}

/// A limit of an alarm.
pub(super) struct Limit {
    pub(super) value: f64,
    pub(super) words: String,
    pub(super) axis: usize,
}

/// All that is drawn.
pub(super) struct Content<'a> {
    pub(super) bounds: [f64; 2],
    pub(super) now: f64,
    pub(super) lines: Vec<LineLook<'a>>,
    pub(super) bands: Vec<BandLook>,
    pub(super) axes: &'a [Axis],
    pub(super) limits: Vec<Limit>,
    pub(super) marks: &'a [Mark],
    pub(super) cursors: Cursors,
    /// Where the pointer is, as a moment.
    pub(super) pointer: Option<f64>,
    /// What a box around some of it covers.
    pub(super) boxed: Option<Area>,
    pub(super) clock: &'a Clock<'a>,
}

/// Where things stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    /// The lines.
    pub(super) plot: Area,
    /// Marks of alarms, commands and notes.
    pub(super) lane: Area,
    /// The bands below the lines.
    pub(super) bands: Vec<Area>,
    /// The axes that are drawn, from the lines outwards, with their places in the list.
    pub(super) axes: Vec<(usize, Area)>,
    pub(super) bounds: [f64; 2],
}

impl Layout {
    /// Puts everything into a sheet of this size.
    pub(super) fn new(size: [f32; 2], content: &Content<'_>) -> Self {
        let selected = content.lines.iter().find(|line| line.is_selected).map(|line| line.axis);
        let mut shown: Vec<usize> = selected.into_iter().collect();
        shown.extend((0..content.axes.len()).filter(|place| Some(*place) != selected));
        shown.truncate(((size[0] / ROOM_FOR_AXIS) as usize).clamp(1, 5));
        let left = AXIS * shown.len().max(1) as f32;
        let foot = size[1] - FOOT;
        let row = band_row(content.bands.len(), foot - HEAD, content.lines.is_empty());
        let bottom = foot - row * content.bands.len() as f32;
        let plot = Area::new(left, HEAD, size[0] - 1.0, (bottom - 6.0).max(HEAD + 1.0));
        let band = |place: usize| {
            let top = bottom + row * place as f32;
            Area::new(left, top, plot.right, top + row)
        };
        let axis = |(number, place): (usize, &usize)| {
            let right = left - AXIS * number as f32;
            (*place, Area::new(right - AXIS, plot.top, right, plot.bottom))
        };
        Self {
            lane: Area::new(left, 0.0, plot.right, HEAD),
            bands: (0..content.bands.len()).map(band).collect(),
            axes: shown.iter().enumerate().map(axis).collect(),
            plot,
            bounds: content.bounds,
        }
    }

    /// Where a moment stands.
    pub(super) fn x(&self, time: f64) -> f32 {
        let share = (time - self.bounds[0]) / (self.bounds[1] - self.bounds[0]);
        // Far away is far enough: huge numbers would lose the digits of those that can be seen.
        self.plot.left + (share.clamp(-2.0, 3.0) * f64::from(self.plot.width())) as f32
    }

    /// The moment at a place.
    pub(super) fn time(&self, x: f32) -> f64 {
        let share = f64::from((x - self.plot.left) / self.plot.width().max(1.0));
        self.bounds[0] + share * (self.bounds[1] - self.bounds[0])
    }

    /// How high a place is: 0 at the bottom of the lines, 1 at their top.
    pub(super) fn height(&self, y: f32) -> f64 {
        f64::from((self.plot.bottom - y) / self.plot.height().max(1.0))
    }

    fn y(&self, axis: &Axis, value: f64) -> Option<f32> {
        let share = axis.scale.share(value)?.clamp(-2.0, 3.0);
        Some(self.plot.bottom - (share * f64::from(self.plot.height())) as f32)
    }

    /// The moments that the reach of a pointer covers.
    pub(super) fn reach(&self, points: f32) -> f64 {
        f64::from(points / self.plot.width().max(1.0)) * (self.bounds[1] - self.bounds[0])
    }
}

/// Height of a band. Many bands grow thinner before they take more than half of the room.
fn band_row(count: usize, room: f32, is_alone: bool) -> f32 {
    let share = if is_alone { 0.9 } else { 0.5 };
    (room * share / count.max(1) as f32).clamp(6.0, 36.0)
}

/// How a style is dashed: the first eight are solid, those with the same colours after them are not.
pub(super) const fn dash_of(style: usize) -> Dash {
    match (style / 8) % 4 {
        0 => Dash::Solid,
        1 => Dash::Long,
        2 => Dash::Short,
        _ => Dash::Mixed,
    }
}

/// Draws it.
pub(super) fn draw(size: [f32; 2], content: &Content<'_>) -> (Sheet, Layout) {
    let layout = Layout::new(size, content);
    let mut sheet = Sheet::new(size);
    sheet.fill(layout.plot, Ink::Panel, 1.0);
    time_axis(&mut sheet, &layout, content);
    for (number, (place, area)) in layout.axes.iter().enumerate() {
        value_axis(&mut sheet, &layout, content, &content.axes[*place], area, number == 0);
    }
    hatch_gaps(&mut sheet, &layout, content);
    sheet.clip(Some(layout.plot));
    limits(&mut sheet, &layout, content);
    for line in content.lines.iter().filter(|line| !line.is_selected) {
        draw_line(&mut sheet, &layout, content, line);
    }
    for line in content.lines.iter().filter(|line| line.is_selected) {
        draw_line(&mut sheet, &layout, content, line);
    }
    sheet.clip(None);
    for (band, area) in content.bands.iter().zip(&layout.bands) {
        draw_band(&mut sheet, &layout, band, area);
    }
    sheet.frame(layout.plot, Ink::Rule);
    draw_marks(&mut sheet, &layout, content.marks);
    draw_cursors(&mut sheet, &layout, content);
    if let Some(area) = content.boxed {
        sheet.fill(area, Ink::Focus, 0.12);
        sheet.frame(area, Ink::Focus);
    }
    (sheet, layout)
}

fn time_axis(sheet: &mut Sheet, layout: &Layout, content: &Content<'_>) {
    let bottom = layout.bands.last().map_or(layout.plot.bottom, |band| band.bottom);
    let at_most = (layout.plot.width() / 110.0).max(2.0) as usize;
    let (marks, step) = marks_of(content.bounds, at_most, content.clock);
    for time in marks {
        let x = layout.x(time);
        sheet.rule([x, layout.plot.top], [x, layout.plot.bottom], Ink::Rule);
        let words = label(time, step, content.clock);
        // A label keeps away from both edges, where half of it would be cut.
        let half = words.chars().count() as f32 * 3.6;
        if x - half > DATE && x + half < layout.plot.right {
            sheet.words([x, bottom + 5.0], Anchor::CentreTop, words, Ink::Muted);
        }
    }
    let words = content.clock.show(content.bounds[0], "%a %d %b %Y");
    sheet.words([4.0, bottom + 12.0], Anchor::LeftCentre, words, Ink::Faint);
    sheet.as_in(11.0, false, DATE - 8.0);
}

fn value_axis(sheet: &mut Sheet, layout: &Layout, content: &Content<'_>, axis: &Axis, area: &Area, is_first: bool) {
    let (marks, decimals) = axis.scale.marks((area.height() / 56.0).max(2.0) as usize);
    for value in marks {
        let Some(y) = layout.y(axis, value) else { continue };
        if is_first {
            sheet.rule([layout.plot.left, y], [layout.plot.right, y], Ink::Rule);
        } else {
            sheet.rule([area.right - 4.0, y], [area.right, y], Ink::Rule);
        }
        let words = if axis.scale.is_log { short(value) } else { format::number(value, decimals) };
        sheet.words([area.right - 8.0, y], Anchor::RightCentre, words, Ink::Muted);
        sheet.as_in(12.0, false, AXIS - 10.0);
    }
    if !is_first {
        sheet.rule([area.right, area.top], [area.right, area.bottom], Ink::Rule);
    }
    let log = if axis.scale.is_log { " log" } else { "" };
    let unit = if axis.unit.is_empty() { "-" } else { &axis.unit };
    sheet.words([area.right - 8.0, 8.0], Anchor::RightCentre, format!("{unit}{log}"), Ink::Text);
    sheet.as_in(12.0, true, AXIS - 10.0);
    // The pens of this axis: their lines, short.
    let styles = content.lines.iter().filter(|line| content.axes[line.axis].id == axis.id).map(|line| line.style);
    for (number, style) in styles.take(4).enumerate() {
        let right = area.right - 8.0 - 12.0 * number as f32;
        sheet.line(vec![[right - 10.0, 20.0], [right, 20.0]], Ink::Pen(style), 2.5, dash_of(style));
    }
    if axis.hides {
        sheet.words([area.right - 8.0, area.bottom - 8.0], Anchor::RightCentre, "≤ 0 ▾", Ink::Text);
        sheet.as_in(11.0, true, AXIS - 10.0);
    }
}

/// A number of a logarithmic axis.
fn short(value: f64) -> String {
    match value {
        value if !(0.001..1e6).contains(&value) => format!("{value:.0e}"),
        value if value < 1.0 => format!("{value}"),
        value => format::number(value, 0),
    }
}

/// Where the selected pen is not known.
fn hatch_gaps(sheet: &mut Sheet, layout: &Layout, content: &Content<'_>) {
    let Some(line) = content.lines.iter().find(|line| line.is_selected) else { return };
    let until = content.now.min(content.bounds[1]);
    sheet.clip(Some(layout.plot));
    for gap in gaps(line.points, content.bounds) {
        let area = Area::new(layout.x(gap[0]), layout.plot.top, layout.x(gap[1].min(until)), layout.plot.bottom);
        if area.width() < 1.0 {
            continue;
        }
        hatch(sheet, area);
        if area.width() > 34.0 {
            let at = [(area.left.max(layout.plot.left) + area.right) / 2.0, layout.plot.bottom - 10.0];
            sheet.words(at, Anchor::Centre, "gap", Ink::Muted);
        }
    }
    sheet.clip(None);
}

fn limits(sheet: &mut Sheet, layout: &Layout, content: &Content<'_>) {
    for limit in &content.limits {
        let Some(axis) = content.axes.get(limit.axis) else { continue };
        let Some(y) = layout.y(axis, limit.value).filter(|y| (layout.plot.top..layout.plot.bottom).contains(y)) else {
            continue;
        };
        sheet.line(vec![[layout.plot.left, y], [layout.plot.right, y]], Ink::Muted, 1.0, Dash::Long);
        let below = if y < layout.plot.top + 16.0 { 9.0 } else { -9.0 };
        sheet.words([layout.plot.left + 6.0, y + below], Anchor::LeftCentre, limit.words.clone(), Ink::Muted);
        sheet.as_in(11.0, false, 200.0);
    }
}

fn draw_line(sheet: &mut Sheet, layout: &Layout, content: &Content<'_>, line: &LineLook<'_>) {
    let Some(axis) = content.axes.get(line.axis) else { return };
    let y = |value: f64| layout.y(axis, value);
    if let Some((points, shift)) = line.ghost {
        let x = |time: f64| layout.x(time + shift);
        let bounds = content.bounds.map(|time| time - shift);
        let ground = Ground { bounds, until: content.bounds[1] - shift, x: &x, y: &y };
        for points in trace(points, &ground, line.is_linear, None) {
            let (ink, dash) = (Ink::Pen(line.style), Dash::Long);
            sheet.items.push(super::sheet::Item::Line { points, ink, width: 1.0, dash, opacity: 0.6 });
        }
    }
    let x = |time: f64| layout.x(time);
    let ground = Ground { bounds: content.bounds, until: content.now, x: &x, y: &y };
    let width = if line.is_selected { 2.2 } else { 1.4 };
    for points in trace(line.points, &ground, line.is_linear, line.present) {
        sheet.line(points, Ink::Pen(line.style), width, dash_of(line.style));
    }
}

fn draw_cursors(sheet: &mut Sheet, layout: &Layout, content: &Content<'_>) {
    let bottom = layout.bands.last().map_or(layout.plot.bottom, |band| band.bottom);
    if let Some(moment) = content.pointer.filter(|moment| (layout.bounds[0]..=layout.bounds[1]).contains(moment)) {
        let x = layout.x(moment);
        sheet.rule([x, layout.plot.top], [x, bottom], Ink::Faint);
    }
    for which in Which::ALL {
        let Some(moment) = content.cursors.at(which) else { continue };
        if !(layout.bounds[0]..=layout.bounds[1]).contains(&moment) {
            continue;
        }
        let (x, y) = (layout.x(moment), layout.plot.bottom - 10.0);
        sheet.line(vec![[x, layout.plot.top], [x, bottom]], Ink::Text, 1.2, Dash::Short);
        // Its letter stays whole where it stands at an edge.
        let x = x.clamp(layout.plot.left + 8.0, (layout.plot.right - 8.0).max(layout.plot.left + 8.0));
        let is_active = content.cursors.active == which;
        sheet.fill(Area::new(x - 8.0, y - 8.0, x + 8.0, y + 8.0), if is_active { Ink::Text } else { Ink::Muted }, 1.0);
        sheet.words([x, y], Anchor::Centre, which.letter(), Ink::Panel);
        sheet.as_in(11.0, true, f32::INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::super::axes::{AxisId, Scale};
    use super::super::curve::tests::points;
    use super::super::sheet::Item;
    use super::*;

    fn axis(unit: &str, high: f64) -> Axis {
        let scale = Scale { low: 0.0, high, is_log: false };
        Axis { id: AxisId::Unit(unit.into()), unit: unit.into(), scale, pens: vec![0], hides: false }
    }

    fn content<'a>(points: &'a [Point], axes: &'a [Axis], clock: &'a Clock<'a>) -> Content<'a> {
        let line = |style, axis| LineLook {
            style,
            points,
            ghost: None,
            present: None,
            is_linear: false,
            is_selected: style == 0,
            axis,
        };
        Content {
            bounds: [0.0, 10.0],
            now: 10.0,
            lines: (0..axes.len()).map(|place| line(place * 8, place)).collect(),
            bands: Vec::new(),
            axes,
            limits: Vec::new(),
            marks: &[],
            cursors: Cursors::default(),
            pointer: None,
            boxed: None,
            clock,
        }
    }

    fn lines(sheet: &Sheet, style: usize) -> Vec<(Dash, usize)> {
        let line = |item: &Item| match item {
            Item::Line { ink: Ink::Pen(found), dash, points, .. } if *found == style && points.len() > 2 => {
                Some((*dash, points.len()))
            }
            _ => None,
        };
        sheet.items.iter().filter_map(line).collect()
    }

    #[test]
    fn pens_of_one_colour_differ_by_their_dashes() {
        let (points, clock) = (points("1 5 2 8 3"), Clock::utc());
        let axes = [axis("m", 10.0), axis("A", 10.0)];
        let (sheet, layout) = draw([800.0, 400.0], &content(&points, &axes, &clock));
        assert_eq!(lines(&sheet, 0)[0].0, Dash::Solid);
        assert_eq!(lines(&sheet, 8)[0].0, Dash::Long);
        assert_eq!(layout.axes.len(), 2);
        assert!(layout.plot.left >= 2.0 * AXIS && layout.plot.height() > 300.0);
    }

    #[test]
    fn places_and_moments_are_each_others_inverse() {
        let (points, clock) = (points("1 2"), Clock::utc());
        let axes = [axis("m", 10.0)];
        let layout = Layout::new([640.0, 300.0], &content(&points, &axes, &clock));
        for time in [0.0, 2.5, 10.0] {
            assert!((layout.time(layout.x(time)) - time).abs() < 1e-4);
        }
        assert_eq!((layout.height(layout.plot.bottom), layout.height(layout.plot.top)), (0.0, 1.0));
    }

    #[test]
    fn only_some_axes_are_drawn_and_that_of_the_selected_pen_is_the_first() {
        let (points, clock) = (points("1 2"), Clock::utc());
        let axes: Vec<Axis> = (0..9).map(|place| axis(&format!("u{place}"), 10.0)).collect();
        let mut content = content(&points, &axes, &clock);
        content.lines.iter_mut().enumerate().for_each(|(place, line)| line.is_selected = place == 7);
        let layout = Layout::new([800.0, 400.0], &content);
        assert_eq!(layout.axes.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [7, 0, 1]);
    }

    #[test]
    fn bands_stand_below_the_lines_and_never_take_more_than_half() {
        let (points, clock) = (points("1 2"), Clock::utc());
        let axes = [axis("m", 10.0)];
        for count in [1, 5, 40] {
            let mut content = content(&points, &axes, &clock);
            content.bands = (0..count)
                .map(|style| BandLook { style, name: "pump".into(), pieces: Vec::new(), is_selected: false })
                .collect();
            let layout = Layout::new([800.0, 600.0], &content);
            assert!(layout.plot.height() > 250.0, "{count}");
            let last = layout.bands.last().unwrap();
            assert!((last.bottom - (600.0 - FOOT)).abs() < 0.5, "{count} {last:?}");
        }
    }

    #[test]
    fn the_first_moment_keeps_away_from_the_date() {
        let (points, clock) = (points("1 2"), Clock::utc());
        let axes = [axis("m", 10.0)];
        for start in 0..10 {
            let mut content = content(&points, &axes, &clock);
            content.bounds = [f64::from(start) * 10.0, f64::from(start) * 10.0 + 300.0];
            let (sheet, _) = draw([640.0, 300.0], &content);
            let clocks = sheet.items.iter().filter_map(|item| match item {
                Item::Words { at, words, anchor: Anchor::CentreTop, .. } => Some((at[0], words.chars().count())),
                _ => None,
            });
            assert!(clocks.into_iter().all(|(x, signs)| x - signs as f32 * 3.6 > DATE), "{start}");
        }
    }

    #[test]
    fn a_gap_is_hatched_and_named() {
        let clock = Clock::utc();
        let points = points("1 1 ? ? ? ? 2 2 2 2 2");
        let axes = [axis("m", 10.0)];
        let (sheet, _) = draw([800.0, 400.0], &content(&points, &axes, &clock));
        assert!(sheet.items.iter().any(|item| matches!(item, Item::Hatch { area, .. } if area.width() > 200.0)));
        assert!(sheet.items.iter().any(|item| matches!(item, Item::Words { words, .. } if words == "gap")));
    }
}
