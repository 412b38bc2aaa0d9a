//! One pen over another: what belongs together, whenever it was.

use super::axes::Axis;
use super::picture::dash_of;
use super::sheet::{Anchor, Area, Dash, Ink, Item, Sheet};
use crate::gui::format;

/// What is drawn.
pub(super) struct XyLook<'a> {
    /// Time, value of the pen across, value of the pen upwards.
    pub(super) pairs: &'a [[f64; 3]],
    pub(super) across: (&'a Axis, &'a str, usize),
    pub(super) upwards: (&'a Axis, &'a str, usize),
    /// Cursors with their letters, as pairs.
    pub(super) cursors: Vec<(&'static str, [f64; 2])>,
}

const LEFT: f32 = 74.0;
const FOOT: f32 = 40.0;
const HEAD: f32 = 30.0;
/// Steps in which older pairs become fainter.
const AGES: usize = 5;

/// Draws it.
pub(super) fn draw(size: [f32; 2], look: &XyLook<'_>) -> Sheet {
    let mut sheet = Sheet::new(size);
    let plot = Area::new(LEFT, HEAD, size[0] - 12.0, size[1] - FOOT);
    sheet.fill(plot, Ink::Panel, 1.0);
    let x = |value: f64| Some(plot.left + (look.across.0.scale.share(value)? * f64::from(plot.width())) as f32);
    let y = |value: f64| Some(plot.bottom - (look.upwards.0.scale.share(value)? * f64::from(plot.height())) as f32);
    let (marks, decimals) = look.across.0.scale.marks((plot.width() / 90.0).max(2.0) as usize);
    for (value, at) in marks.into_iter().filter_map(|value| Some((value, x(value)?))) {
        sheet.rule([at, plot.top], [at, plot.bottom], Ink::Rule);
        if at < plot.right - 16.0 {
            sheet.words([at, plot.bottom + 4.0], Anchor::CentreTop, format::number(value, decimals), Ink::Muted);
        }
    }
    let (marks, decimals) = look.upwards.0.scale.marks((plot.height() / 56.0).max(2.0) as usize);
    for (value, at) in marks.into_iter().filter_map(|value| Some((value, y(value)?))) {
        sheet.rule([plot.left, at], [plot.right, at], Ink::Rule);
        sheet.words([plot.left - 8.0, at], Anchor::RightCentre, format::number(value, decimals), Ink::Muted);
        sheet.as_in(12.0, false, LEFT - 10.0);
    }
    names(&mut sheet, look, plot);
    sheet.clip(Some(plot));
    let place = |[time, across, upwards]: &[f64; 3]| Some((*time, [x(*across)?, y(*upwards)?]));
    let places: Vec<(f64, [f32; 2])> = look.pairs.iter().filter_map(place).collect();
    dots(&mut sheet, &places, look.upwards.2);
    for (letter, [across, upwards]) in &look.cursors {
        let Some((x, y)) = x(*across).zip(y(*upwards)) else { continue };
        sheet.fill(Area::new(x - 8.0, y - 8.0, x + 8.0, y + 8.0), Ink::Text, 1.0);
        sheet.words([x, y], Anchor::Centre, *letter, Ink::Panel);
        sheet.as_in(11.0, true, f32::INFINITY);
    }
    sheet.clip(None);
    sheet.frame(plot, Ink::Rule);
    sheet
}

fn names(sheet: &mut Sheet, look: &XyLook<'_>, plot: Area) {
    let (across, name, _) = look.across;
    let middle = [(plot.left + plot.right) / 2.0, plot.bottom + 21.0];
    sheet.words(middle, Anchor::CentreTop, format!("{name} ({})", unit(across)), Ink::Text);
    sheet.as_in(12.0, true, plot.width());
    let (upwards, name, style) = look.upwards;
    sheet.words([plot.left + 34.0, 14.0], Anchor::LeftCentre, format!("{name} ({})", unit(upwards)), Ink::Text);
    sheet.as_in(12.0, true, plot.width() / 2.0);
    sheet.line(vec![[plot.left, 14.0], [plot.left + 26.0, 14.0]], Ink::Pen(style), 2.5, dash_of(style));
    sheet.words([plot.right, 14.0], Anchor::RightCentre, "older pairs are fainter, the ring is the newest", Ink::Muted);
    sheet.as_in(12.0, false, plot.width() / 2.0 - 40.0);
}

fn unit(axis: &Axis) -> &str {
    if axis.unit.is_empty() { "no unit" } else { &axis.unit }
}

fn dots(sheet: &mut Sheet, places: &[(f64, [f32; 2])], style: usize) {
    let ink = Ink::Pen(style);
    let step = places.len().div_ceil(AGES).max(1);
    let ages = places.len().div_ceil(step);
    for (age, some) in places.chunks(step).enumerate() {
        let opacity = 0.25 + 0.75 * (age + 1) as f32 / ages as f32;
        // The way from one to the next, faintly: it shows loops. Over a time in which one was not known there is none.
        for way in some.chunk_by(|before, after| after.0 - before.0 <= shortest(places) * 3.0) {
            let points: Vec<[f32; 2]> = way.iter().map(|(_, place)| *place).collect();
            if points.len() > 1 {
                sheet.items.push(Item::Line { points, ink, width: 0.8, dash: Dash::Solid, opacity: opacity * 0.4 });
            }
        }
        let points = some.iter().map(|(_, place)| *place).collect();
        sheet.items.push(Item::Dots { points, ink, opacity });
    }
    if let Some((_, [x, y])) = places.last().copied() {
        let ring = (0..=20).map(|place| f64::from(place) / 20.0 * std::f64::consts::TAU);
        let ring = ring.map(|turn| [x + 6.0 * turn.cos() as f32, y + 6.0 * turn.sin() as f32]).collect();
        sheet.line(ring, Ink::Text, 1.5, Dash::Solid);
    }
}

/// Seconds between neighbours: columns are equally far apart, and more is a gap.
fn shortest(places: &[(f64, [f32; 2])]) -> f64 {
    let first = places.iter().zip(places.iter().skip(1)).take(16);
    first.map(|(before, after)| after.0 - before.0).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::super::axes::{AxisId, Scale};
    use super::*;

    #[test]
    fn pairs_stand_where_both_axes_say() {
        let axis = |unit: &str, high: f64| Axis {
            id: AxisId::Unit(unit.into()),
            unit: unit.into(),
            scale: Scale { low: 0.0, high, is_log: false },
            pens: vec![0],
            hides: false,
        };
        let (across, upwards) = (axis("rpm", 100.0), axis("A", 10.0));
        let look = XyLook {
            pairs: &[[0.0, 0.0, 0.0], [1.0, 100.0, 10.0]],
            across: (&across, "speed", 0),
            upwards: (&upwards, "current", 1),
            cursors: vec![("A", [50.0, 5.0])],
        };
        let sheet = draw([500.0, 400.0], &look);
        let ways = |sheet: &Sheet| {
            sheet.items.iter().filter(|item| matches!(item, Item::Line { width, .. } if *width == 0.8)).count()
        };
        let dots: Vec<[f32; 2]> = sheet
            .items
            .iter()
            .filter_map(|item| if let Item::Dots { points, .. } = item { Some(points.clone()) } else { None })
            .flatten()
            .collect();
        assert_eq!(dots, [[LEFT, 360.0], [488.0, HEAD]]);
        assert_eq!(ways(&sheet), 0, "a pair alone has no way");
        // Nothing is known for a while: no way leads over that.
        let pairs: Vec<[f64; 3]> = (0..40)
            .map(|place| if place < 20 { place } else { place + 60 })
            .map(|time| [f64::from(time), 1.0, 5.0])
            .collect();
        let look = XyLook { pairs: &pairs, cursors: Vec::new(), ..look };
        assert_eq!(ways(&draw([500.0, 400.0], &look)), 6, "five ages, one of them in two pieces");
        assert!(sheet.items.iter().any(|item| matches!(item, Item::Words { words, .. } if words == "speed (rpm)")));
    }
}
