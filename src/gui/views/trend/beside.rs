//! What is drawn beside the lines: bands of states, marks of what happened, and the hatching of what is not known.

use super::bands::Said;
use super::marks::{self, Mark, What};
use super::picture::{BandLook, Layout};
use super::sheet::{Anchor, Area, Dash, Ink, Item, Sheet};

/// Where nothing is known.
pub(super) fn hatch(sheet: &mut Sheet, area: Area) {
    sheet.items.push(Item::Hatch { area, ink: Ink::Muted, opacity: 0.35 });
}

pub(super) fn draw_band(sheet: &mut Sheet, layout: &Layout, band: &BandLook, area: &Area) {
    let has_name = area.height() >= 30.0;
    let top = if has_name { area.top + 15.0 } else { area.top };
    let ink = if band.is_selected { Ink::Text } else { Ink::Muted };
    let (at, anchor, room) = match has_name {
        true => ([area.left, area.top + 7.0], Anchor::LeftCentre, area.width()),
        false => ([area.left - 6.0, (area.top + area.bottom) / 2.0], Anchor::RightCentre, area.left - 8.0),
    };
    if area.height() >= 12.0 {
        sheet.words(at, anchor, band.name.clone(), ink);
        sheet.as_in(11.0, band.is_selected, room);
    }
    let row = Area::new(area.left, top, area.right, area.bottom - 3.0);
    sheet.clip(Some(row));
    for (number, piece) in band.pieces.iter().enumerate() {
        let (left, right) = (layout.x(piece.from), layout.x(piece.to));
        if right < area.left || left > area.right {
            continue;
        }
        let place = Area::new(left.max(area.left), row.top, right.min(area.right), row.bottom);
        draw_piece(sheet, place, &piece.said, band.style, number % 2 == 1);
    }
    sheet.clip(None);
    sheet.frame(row, Ink::Rule);
}

fn draw_piece(sheet: &mut Sheet, place: Area, said: &Said, style: usize, is_second: bool) {
    match said {
        Said::Unknown => hatch(sheet, place),
        Said::Several => sheet.fill(place, Ink::Pen(style), 0.75),
        Said::Word(word) => {
            // What stands for "nothing happens" stays empty.
            let is_rest = matches!(&**word, "off" | "0" | "false" | "closed" | "stopped" | "no" | "normal");
            let opacity = if is_rest {
                0.05
            } else if is_second {
                0.22
            } else {
                0.32
            };
            sheet.fill(place, Ink::Pen(style), opacity);
            sheet.rule([place.left, place.top], [place.left, place.bottom], Ink::Pen(style));
            if place.width() > 26.0 && place.height() >= 12.0 {
                let at = [place.left + 5.0, (place.top + place.bottom) / 2.0];
                sheet.words(at, Anchor::LeftCentre, word.to_string(), Ink::Text);
                sheet.as_in(11.0, false, place.width() - 8.0);
            }
        }
    }
}

pub(super) fn draw_marks(sheet: &mut Sheet, layout: &Layout, all: &[Mark]) {
    let inside: Vec<Mark> =
        all.iter().filter(|mark| (layout.bounds[0]..=layout.bounds[1]).contains(&mark.time)).cloned().collect();
    let x = |time: f64| layout.x(time);
    let clusters = marks::clusters(&inside, &x, 18.0);
    for (number, cluster) in clusters.iter().enumerate() {
        let some = &inside[cluster.clone()];
        let next = clusters.get(number + 1).map_or(layout.plot.right, |next| x(inside[next.start].time) - 7.0);
        let Some(mark) = marks::foremost(some) else { continue };
        let at = layout.x(mark.time);
        let alarm = matches!(mark.what, What::Raised { .. }).then_some(mark.priority).flatten();
        let (ink, opacity) = alarm.map_or((Ink::Muted, 0.5), |priority| (Ink::Priority(priority), 0.8));
        let points = vec![[at, layout.lane.bottom - 6.0], [at, layout.plot.bottom]];
        sheet.items.push(Item::Line { points, ink, width: 1.0, dash: Dash::Solid, opacity });
        glyph(sheet, [at, layout.lane.bottom - 14.0], &mark.what, alarm);
        if some.len() > 1 && at + 24.0 < next {
            sheet.words(
                [at + 9.0, layout.lane.bottom - 14.0],
                Anchor::LeftCentre,
                format!("{}", some.len()),
                Ink::Muted,
            );
            sheet.as_in(10.0, false, 18.0);
        }
    }
}

/// A shape for every kind, and for alarms their number: colour alone tells nothing.
fn glyph(sheet: &mut Sheet, [x, y]: [f32; 2], what: &What, priority: Option<usize>) {
    let r = 7.0;
    let square = [[x - r, y - r], [x + r, y - r], [x + r, y + r], [x - r, y + r]];
    let round = || (0..16).map(|place| f64::from(place) / 16.0 * std::f64::consts::TAU);
    let (points, down) = match priority {
        Some(0) => (square.to_vec(), 0.0),
        Some(1) => (vec![[x, y - r], [x + r, y + r], [x - r, y + r]], 2.0),
        Some(2) => (vec![[x - r, y - r], [x + r, y - r], [x, y + r]], -2.0),
        Some(_) => (round().map(|turn| [x + r * turn.cos() as f32, y + r * turn.sin() as f32]).collect(), 0.0),
        None => (vec![[x, y - r], [x + r, y], [x, y + r], [x - r, y]], 0.0),
    };
    let letter = match (what, priority) {
        (_, Some(priority)) => format!("{}", priority + 1),
        (What::Command { .. }, _) => "C".to_owned(),
        (What::Note, _) => "N".to_owned(),
        (What::Raised { .. }, _) => "!".to_owned(),
        (What::Changed { .. }, _) => String::new(),
    };
    let (points, ink, on) = match (what, priority) {
        (_, Some(priority)) => (points, Ink::Priority(priority), Ink::OnPriority(priority)),
        (What::Note, _) => (square.to_vec(), Ink::Muted, Ink::Panel),
        (What::Changed { .. }, _) => {
            (vec![[x, y - 4.0], [x + 4.0, y], [x, y + 4.0], [x - 4.0, y]], Ink::Faint, Ink::Panel)
        }
        _ => (points, Ink::Muted, Ink::Panel),
    };
    sheet.items.push(Item::Shape { points, ink });
    if !letter.is_empty() {
        sheet.words([x, y + down], Anchor::Centre, letter, on);
        sheet.as_in(9.0, true, f32::INFINITY);
    }
}
