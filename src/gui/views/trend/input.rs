//! What keys and the pointer ask for. Every wish can be made by both.

use super::cursors::{Cursors, Which};
use super::picture::Layout;
use super::sheet::Area;
use egui::{Event, Id, Key, Modifiers, PointerButton, Pos2, Response, Ui};

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wish {
    /// Move by a share of the span.
    Pan(f64),
    /// Zoom the time; without a moment around the middle.
    Zoom(f64, Option<f64>),
    /// Zoom the values of the selected pen's axis around a height.
    ZoomValues(f64, f64),
    /// Move the values of the selected pen's axis by a share of their height.
    PanValues(f64),
    /// Show what a box covers: a piece of time and, where they are given, heights.
    Box([f64; 2], Option<[f64; 2]>),
    /// Show what is between the cursors.
    ShowBetween,
    /// All axes follow what is in sight.
    Automatic,
    Live,
    Pause,
    Back,
    Forward,
    PutCursor(Which, f64),
    /// Put a cursor under the pointer, or into the middle.
    Cursor(Which),
    /// Move the active cursor by pixels.
    StepCursor(f64),
    Clear,
    /// Go to the next mark, or the one before.
    NextMark(bool),
    /// Open what the mark at a moment is about; without a moment, the one at the active cursor.
    OpenMark(Option<f64>),
    Select(isize),
    Reorder(isize),
    Hide,
    Remove,
    OwnAxis,
    Log,
    Linear,
    GoTo,
    Add,
    Note,
    Compare,
    Xy,
    AllMarks,
    Groups,
    Export,
}

/// Keys and what they ask for.
const KEYS: &[(Modifiers, Key, Wish)] = &[
    (Modifiers::ALT, Key::ArrowLeft, Wish::Back),
    (Modifiers::ALT, Key::ArrowRight, Wish::Forward),
    (Modifiers::CTRL, Key::ArrowLeft, Wish::StepCursor(-10.0)),
    (Modifiers::CTRL, Key::ArrowRight, Wish::StepCursor(10.0)),
    (Modifiers::CTRL, Key::ArrowUp, Wish::Reorder(-1)),
    (Modifiers::CTRL, Key::ArrowDown, Wish::Reorder(1)),
    (Modifiers::SHIFT, Key::ArrowLeft, Wish::StepCursor(-1.0)),
    (Modifiers::SHIFT, Key::ArrowRight, Wish::StepCursor(1.0)),
    (Modifiers::SHIFT, Key::ArrowUp, Wish::ZoomValues(0.7, 0.5)),
    (Modifiers::SHIFT, Key::ArrowDown, Wish::ZoomValues(1.0 / 0.7, 0.5)),
    (Modifiers::SHIFT, Key::PageUp, Wish::PanValues(0.1)),
    (Modifiers::SHIFT, Key::PageDown, Wish::PanValues(-0.1)),
    (Modifiers::SHIFT, Key::M, Wish::NextMark(false)),
    (Modifiers::NONE, Key::M, Wish::NextMark(true)),
    (Modifiers::NONE, Key::Enter, Wish::OpenMark(None)),
    (Modifiers::NONE, Key::ArrowLeft, Wish::Pan(-0.25)),
    (Modifiers::NONE, Key::ArrowRight, Wish::Pan(0.25)),
    (Modifiers::NONE, Key::PageUp, Wish::Pan(-1.0)),
    (Modifiers::NONE, Key::PageDown, Wish::Pan(1.0)),
    (Modifiers::NONE, Key::ArrowUp, Wish::Select(-1)),
    (Modifiers::NONE, Key::ArrowDown, Wish::Select(1)),
    (Modifiers::NONE, Key::Plus, Wish::Zoom(0.5, None)),
    (Modifiers::NONE, Key::Equals, Wish::Zoom(0.5, None)),
    (Modifiers::NONE, Key::Minus, Wish::Zoom(2.0, None)),
    (Modifiers::NONE, Key::Num0, Wish::Automatic),
    (Modifiers::NONE, Key::Home, Wish::Live),
    (Modifiers::NONE, Key::Space, Wish::Pause),
    (Modifiers::NONE, Key::A, Wish::Cursor(Which::A)),
    (Modifiers::NONE, Key::B, Wish::Cursor(Which::B)),
    (Modifiers::NONE, Key::Z, Wish::ShowBetween),
    (Modifiers::NONE, Key::Escape, Wish::Clear),
    (Modifiers::NONE, Key::G, Wish::GoTo),
    (Modifiers::NONE, Key::Insert, Wish::Add),
    (Modifiers::NONE, Key::Slash, Wish::Add),
    (Modifiers::NONE, Key::H, Wish::Hide),
    (Modifiers::NONE, Key::Delete, Wish::Remove),
    (Modifiers::NONE, Key::O, Wish::OwnAxis),
    (Modifiers::NONE, Key::L, Wish::Log),
    (Modifiers::NONE, Key::I, Wish::Linear),
    (Modifiers::NONE, Key::N, Wish::Note),
    (Modifiers::NONE, Key::C, Wish::Compare),
    (Modifiers::NONE, Key::X, Wish::Xy),
    (Modifiers::NONE, Key::V, Wish::AllMarks),
    (Modifiers::NONE, Key::T, Wish::Groups),
    (Modifiers::NONE, Key::E, Wish::Export),
];

/// What keys ask for; nothing while the keyboard belongs to another part of the window.
pub(super) fn keys(ui: &Ui, plot: Id) -> Vec<Wish> {
    let focused = ui.memory(|memory| memory.focused());
    if ui.text_edit_focused()
        || focused.is_some_and(|id| id != plot)
        || ui.memory(|memory| memory.top_modal_layer().is_some())
    {
        return Vec::new();
    }
    let pressed = |(modifiers, key, wish): &(Modifiers, Key, Wish)| {
        let times = ui.input_mut(|input| input.count_and_consume_key(*modifiers, *key));
        std::iter::repeat_n(*wish, times)
    };
    let wishes: Vec<Wish> = KEYS.iter().flat_map(pressed).collect();
    for wish in &wishes {
        if matches!(wish, Wish::GoTo | Wish::Add | Wish::Note | Wish::Groups | Wish::Export) {
            // The keyboard goes to a field in this very frame. The letter of the key itself does not belong there.
            ui.input_mut(|input| {
                let letter = input.events.iter().position(|event| matches!(event, Event::Text(_)));
                letter.map(|place| input.events.remove(place))
            });
        }
    }
    wishes
}

/// What is going on with the pointer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Drag {
    Pan,
    Cursor(Which),
    /// From this place.
    Box(Pos2),
}

/// What the pointer asks for. `corner` is where the sheet begins.
pub(super) fn pointer(
    ui: &Ui,
    response: &Response,
    layout: &Layout,
    corner: Pos2,
    cursors: &Cursors,
    drag: &mut Option<Drag>,
) -> (Vec<Wish>, Option<Area>) {
    let mut wishes = Vec::new();
    let place = response.interact_pointer_pos().or(response.hover_pos()).map(|at| at - corner);
    let Some(at) = place else { return (wishes, None) };
    let moment = layout.time(at.x);
    if response.hovered() {
        wishes.extend(wheel(ui, layout, moment, at.y));
    }
    if response.drag_started() {
        *drag = Some(started(ui, response, layout, corner, cursors));
    }
    let mut boxed = None;
    match *drag {
        Some(Drag::Pan) if response.dragged() => {
            let share = -f64::from(response.drag_delta().x / layout.plot.width().max(1.0));
            wishes.extend((share != 0.0).then_some(Wish::Pan(share)));
        }
        Some(Drag::Cursor(which)) if response.dragged() => {
            wishes.push(Wish::PutCursor(which, moment.clamp(layout.bounds[0], layout.bounds[1])));
        }
        Some(Drag::Box(from)) => {
            let with_values = ui.input(|input| input.modifiers.shift);
            let area = area_between(from, corner + at, corner, layout, with_values);
            if response.drag_stopped() {
                wishes.extend(box_wish(&area, layout, with_values));
            } else {
                boxed = Some(area);
            }
        }
        _ => {}
    }
    if response.drag_stopped() {
        *drag = None;
    }
    if response.clicked() {
        let is_mark = layout.lane.contains([at.x, at.y]);
        let which = if ui.input(|input| input.modifiers.shift) { Which::B } else { Which::A };
        wishes.push(if is_mark { Wish::OpenMark(Some(moment)) } else { Wish::PutCursor(which, moment) });
    }
    (wishes, boxed)
}

fn started(ui: &Ui, response: &Response, layout: &Layout, corner: Pos2, cursors: &Cursors) -> Drag {
    let origin = ui.input(|input| input.pointer.press_origin()).unwrap_or(corner);
    if response.drag_started_by(PointerButton::Secondary) {
        return Drag::Box(origin);
    }
    let near = cursors.near(layout.time(origin.x - corner.x), layout.reach(8.0));
    near.map_or(Drag::Pan, Drag::Cursor)
}

fn wheel(ui: &Ui, layout: &Layout, moment: f64, y: f32) -> Option<Wish> {
    let (turned, shift, pinch) =
        ui.input(|input| (input.smooth_scroll_delta(), input.modifiers.shift, f64::from(input.zoom_delta())));
    // With Shift the system turns the wheel sideways.
    let factor = |turned: f32| (1.0 - f64::from(turned) * 0.004).clamp(0.5, 2.0);
    match () {
        () if shift && turned.x + turned.y != 0.0 => {
            Some(Wish::ZoomValues(factor(turned.x + turned.y), layout.height(y).clamp(0.0, 1.0)))
        }
        () if pinch != 1.0 => Some(Wish::Zoom(1.0 / pinch.clamp(0.5, 2.0), Some(moment))),
        () if turned.y != 0.0 => Some(Wish::Zoom(factor(turned.y), Some(moment))),
        () if turned.x != 0.0 => Some(Wish::Pan(-f64::from(turned.x / layout.plot.width().max(1.0)))),
        () => None,
    }
}

fn area_between(from: Pos2, to: Pos2, corner: Pos2, layout: &Layout, with_values: bool) -> Area {
    let (from, to, plot) = (from - corner, to - corner, layout.plot);
    let x = |x: f32| x.clamp(plot.left, plot.right);
    let y = |y: f32| y.clamp(plot.top, plot.bottom);
    let (top, bottom) = if with_values { (y(from.y.min(to.y)), y(from.y.max(to.y))) } else { (plot.top, plot.bottom) };
    Area::new(x(from.x.min(to.x)), top, x(from.x.max(to.x)), bottom)
}

/// A box of a few pixels is a slip of the hand.
fn box_wish(area: &Area, layout: &Layout, with_values: bool) -> Option<Wish> {
    if area.width() < 6.0 || (with_values && area.height() < 6.0) {
        return None;
    }
    let heights = with_values.then(|| [layout.height(area.bottom), layout.height(area.top)]);
    Some(Wish::Box([layout.time(area.left), layout.time(area.right)], heights))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key with fewer modifiers would also take the presses of one with more: the latter has to come first.
    #[test]
    fn keys_with_modifiers_stand_before_those_without() {
        for (place, (modifiers, key, _)) in KEYS.iter().enumerate() {
            let later = KEYS[place + 1..].iter().find(|(_, other, _)| other == key);
            if let Some((other, _, _)) = later {
                assert!(*modifiers != Modifiers::NONE && modifiers != other, "{key:?}");
            }
        }
    }

    #[test]
    fn a_box_is_a_piece_of_time_and_with_shift_of_values_too() {
        let layout = Layout { plot: Area::new(100.0, 0.0, 200.0, 50.0), bounds: [0.0, 10.0], ..Layout::default() };
        let corner = Pos2::ZERO;
        let check = |from: [f32; 2], to: [f32; 2], shift, expected| {
            let area = area_between(from.into(), to.into(), corner, &layout, shift);
            assert_eq!(box_wish(&area, &layout, shift), expected);
        };
        check([150.0, 10.0], [125.0, 30.0], false, Some(Wish::Box([2.5, 5.0], None)));
        check([125.0, 12.5], [150.0, 37.5], true, Some(Wish::Box([2.5, 5.0], Some([0.25, 0.75]))));
        check([0.0, 0.0], [500.0, 50.0], false, Some(Wish::Box([0.0, 10.0], None)));
        check([120.0, 10.0], [123.0, 40.0], false, None);
        check([120.0, 10.0], [150.0, 12.0], true, None);
    }
}
