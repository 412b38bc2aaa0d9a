//! The trend: every feature by keyboard and by mouse, on a station that really runs.

use super::Live;
use crate::support::{DEADLINE, run, words};
use crate::views::{Bench, noordpolder, show, small, texts, type_into};
use egui::{Key, Modifiers, PointerButton, Pos2, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use polder::gui::{App, View};
use serde_json::json;
use std::time::Instant;

fn open() -> Live {
    let mut live = Live::start();
    show(&mut live.window, View::Trends);
    live
}

/// Draws the tag by keyboard alone.
fn with_speed() -> Live {
    let mut live = open();
    live.window.key_press(Key::Insert);
    live.window.run_steps(2);
    type_into(&mut live.window, "Add a tag (Insert)", "spee");
    live.window.key_press(Key::Enter);
    live.wait(&["1\u{2009}450 rpm"]);
    live.wait(&["min 1\u{2009}450"]);
    live
}

fn key(live: &mut Live, modifiers: Modifiers, key: Key) {
    live.window.key_press_modifiers(modifiers, key);
    live.window.run_steps(3);
}

fn plain(live: &mut Live, key_name: Key) {
    key(live, Modifiers::NONE, key_name);
}

fn plot(window: &Harness<'_, App>) -> Rect {
    window.get_by_label_contains("Trend of ").rect()
}

fn pointer(window: &mut Harness<'static, App>, button: PointerButton, pressed: bool, at: Pos2, modifiers: Modifiers) {
    let events = &mut window.input_mut().events;
    events.push(egui::Event::ModifiersChanged(modifiers));
    events.push(egui::Event::PointerMoved(at));
    events.push(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
    window.run_steps(2);
}

fn drag(window: &mut Harness<'static, App>, button: PointerButton, from: Pos2, to: Pos2, modifiers: Modifiers) {
    pointer(window, button, true, from, modifiers);
    for share in [0.3, 0.7, 1.0] {
        window.input_mut().events.push(egui::Event::PointerMoved(from.lerp(to, share)));
        window.run_steps(2);
    }
    pointer(window, button, false, to, modifiers);
    window.input_mut().events.push(egui::Event::ModifiersChanged(Modifiers::NONE));
    window.run_steps(2);
}

/// What the picture says of itself to those who do not see it.
fn spoken(live: &Live) -> String {
    let text = live.window.get_by_label_contains("Trend of ");
    egui_kittest::kittest::NodeT::accesskit_node(&text).label().unwrap_or_default()
}

/// The files of a folder, when one of them has this end.
fn exported(live: &Live, end: &str) -> Option<Vec<u8>> {
    let folder = std::fs::read_dir(live.folder.path.join("exports")).ok()?;
    let paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    assert!(paths.iter().all(|path| !path.ends_with(".unfinished")), "{paths:?}");
    std::fs::read(paths.into_iter().find(|path| path.extension().is_some_and(|found| found == end))?).ok()
}

#[test]
fn pens_come_and_go_by_keyboard() {
    let mut live = with_speed();
    live.is_readable("one pen");
    plain(&mut live, Key::H);
    assert!(live.window.get_by_label("Show speed").accesskit_node_toggled() == Some(false), "hidden");
    plain(&mut live, Key::H);
    plain(&mut live, Key::O);
    plain(&mut live, Key::L);
    live.wait(&["rpm log"]);
    plain(&mut live, Key::L);
    plain(&mut live, Key::Delete);
    assert!(live.window.query_by_label("Remove speed").is_none());
    live.wait(&["Add a tag at the right, or drag one here from the tags"]);
}

trait Toggled {
    fn accesskit_node_toggled(&self) -> Option<bool>;
}

impl Toggled for egui_kittest::Node<'_> {
    fn accesskit_node_toggled(&self) -> Option<bool> {
        let node = egui_kittest::kittest::NodeT::accesskit_node(self);
        node.toggled().map(|toggled| toggled == egui::accesskit::Toggled::True).or(node.is_selected())
    }
}

#[test]
fn a_tag_is_dragged_from_the_table_into_the_trend() {
    let mut live = Live::start();
    show(&mut live.window, View::Tags);
    live.wait(&["1\u{2009}450"]);
    let row = live.window.get_by_label_contains("speed 1\u{2009}450 rpm good").rect().center();
    let name = live.window.get_by_label("Trends").rect().center();
    pointer(&mut live.window, PointerButton::Primary, true, row, Modifiers::NONE);
    for share in [0.2, 0.6, 1.0] {
        live.window.input_mut().events.push(egui::Event::PointerMoved(row.lerp(name, share)));
        live.window.run_steps(2);
    }
    assert_eq!(live.window.state().view(), View::Trends, "held over the name of the trends, they open");
    let middle = plot(&live.window).center();
    pointer(&mut live.window, PointerButton::Primary, false, middle, Modifiers::NONE);
    live.wait(&["1\u{2009}450 rpm"]);
    assert!(live.window.query_by_label("Remove speed").is_some());
}

#[test]
fn the_window_of_time_goes_back_and_forward() {
    let mut live = with_speed();
    assert!(spoken(&live).ends_with(", live"));
    plain(&mut live, Key::Space);
    assert!(!spoken(&live).ends_with(", live"), "Space pauses");
    let paused = spoken(&live);
    plain(&mut live, Key::ArrowLeft);
    let earlier = spoken(&live);
    assert_ne!(earlier, paused);
    key(&mut live, Modifiers::ALT, Key::ArrowLeft);
    assert!(spoken(&live).ends_with(", live"), "quick steps are one gesture: {}", spoken(&live));
    key(&mut live, Modifiers::ALT, Key::ArrowRight);
    assert_eq!(spoken(&live), earlier);
    // A keyboard sends the letter after its key: it belongs to the key and not into the field.
    live.window.input_mut().events.push(egui::Event::Key {
        key: Key::G,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::NONE,
    });
    live.window.input_mut().events.push(egui::Event::Text("g".to_owned()));
    live.window.run_steps(3);
    type_into(&mut live.window, "Go to: yesterday 14:00, -2h", "2026-11-20 10:00 to 11:30");
    live.window.key_press(Key::Enter);
    live.window.run_steps(3);
    assert!(spoken(&live).contains("20 Nov 10:00:00 to 20 Nov 11:30:00"), "{}", spoken(&live));
    plain(&mut live, Key::G);
    type_into(&mut live.window, "Go to: yesterday 14:00, -2h", "soonish");
    live.window.key_press(Key::Enter);
    live.wait(&["\"soonish\" is no moment; write 2026-11-21 14:00"]);
    plain(&mut live, Key::Escape);
    live.window.get_by_label("Go live").click();
    live.window.run_steps(3);
    assert!(spoken(&live).ends_with(", live"));
}

#[test]
fn the_mouse_zooms_pans_and_draws_a_box() {
    let mut live = with_speed();
    let rect = plot(&live.window);
    let before = spoken(&live);
    let (left, right) = (rect.left_center() + egui::vec2(100.0, 0.0), rect.right_center() - egui::vec2(20.0, 0.0));
    drag(&mut live.window, PointerButton::Primary, left, right, Modifiers::NONE);
    assert!(!spoken(&live).ends_with(", live"), "dragged into the past: {}", spoken(&live));
    live.window.key_press(Key::Home);
    live.window.run_steps(2);
    let from = rect.center() - egui::vec2(80.0, 100.0);
    drag(&mut live.window, PointerButton::Secondary, from, from + egui::vec2(120.0, 120.0), Modifiers::NONE);
    let boxed = spoken(&live);
    assert!(boxed != before && !boxed.ends_with(", live"), "{boxed}");
    assert!(live.window.query_by_label("Automatic").is_none(), "the values are left alone");
    drag(&mut live.window, PointerButton::Secondary, from, from + egui::vec2(120.0, 120.0), Modifiers::SHIFT);
    assert!(live.window.query_by_label("Automatic").is_some(), "with Shift the values are zoomed too");
    plain(&mut live, Key::Num0);
    assert!(live.window.query_by_label("Automatic").is_none());
    let scroll = |modifiers| egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: egui::vec2(0.0, 3.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers,
    };
    live.window.input_mut().events.push(egui::Event::PointerMoved(rect.center()));
    live.window.input_mut().events.push(scroll(Modifiers::NONE));
    live.window.run_steps(10);
    assert_ne!(spoken(&live), boxed, "the wheel zooms the time");
}

#[test]
fn two_cursors_measure_every_sample_between_them() {
    let mut live = with_speed();
    plain(&mut live, Key::Space);
    plain(&mut live, Key::A);
    plain(&mut live, Key::B);
    key(&mut live, Modifiers::CTRL, Key::ArrowRight);
    for _ in 0..4 {
        key(&mut live, Modifiers::SHIFT, Key::ArrowRight);
    }
    live.wait(&["Between A and B: "]);
    live.wait(&["from every sample; mean and deviation by time"]);
    live.is_readable("between the cursors");
    plain(&mut live, Key::Z);
    let zoomed = spoken(&live);
    plain(&mut live, Key::Escape);
    assert!(texts(&live.window).iter().all(|text| !text.starts_with("Between A and B")), "{zoomed}");
}

#[test]
fn a_note_is_recorded_and_drawn() {
    let mut live = with_speed();
    plain(&mut live, Key::N);
    live.is_readable("note");
    type_into(&mut live.window, "Note", "called the contractor");
    live.window.key_press(Key::Enter);
    live.wait(&["The note is recorded."]);
    live.window.run_steps(5);
    let told = texts(&live.window);
    assert!(told.iter().all(|text| !text.contains("not be kept") && !text.contains("not kept")), "{told:?}");
    // The mark comes with the next look into the records.
    let end = Instant::now() + DEADLINE;
    while !texts(&live.window).iter().any(|text| text.contains("called the contractor · Enter opens it")) {
        assert!(Instant::now() < end, "{:?}", texts(&live.window));
        plain(&mut live, Key::M);
    }
    let folder = live.folder.path.to_str().unwrap().to_owned();
    assert!(words(&run(&["verify", &folder])).contains("hold"));
}

/// More pens than questions that may wait at once: all of them come.
#[test]
fn a_hundred_pens_of_a_group_of_the_station_file_are_drawn() {
    let names: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    let tag =
        |number: usize| json!({"name": names[number], "device": "pump", "register": format!("input:{}", number + 3)});
    let tags: Vec<_> = (0..100).map(tag).collect();
    let pens: Vec<_> = names.iter().map(|name| json!({"tag": name})).collect();
    let mut live = Live::start_with(&json!(tags), &json!([{"name": "All", "span": "1m", "pens": pens}]));
    show(&mut live.window, View::Trends);
    plain(&mut live, Key::T);
    live.wait(&["100 pens, station file"]);
    type_into(&mut live.window, "Name of a group", "all");
    live.window.key_press(Key::Enter);
    let end = Instant::now() + DEADLINE;
    loop {
        live.window.run_steps(1);
        let known = texts(&live.window).iter().filter(|text| text.starts_with("min ")).count();
        if known == 100 {
            return;
        }
        assert!(Instant::now() < end, "only {known} pens have their figures");
    }
}

#[test]
fn groups_are_saved_and_opened_by_keyboard() {
    let mut live = with_speed();
    plain(&mut live, Key::T);
    live.is_readable("groups");
    type_into(&mut live.window, "Name of a group", "Storm");
    key(&mut live, Modifiers::COMMAND, Key::Enter);
    let file = live.folder.path.join("trends.json");
    let end = Instant::now() + DEADLINE;
    while !file.exists() {
        assert!(Instant::now() < end, "the group was not saved");
        live.window.run_steps(1);
    }
    plain(&mut live, Key::Delete);
    assert!(live.window.query_by_label("Remove speed").is_none());
    plain(&mut live, Key::T);
    live.wait(&["1 pen, by "]);
    type_into(&mut live.window, "Name of a group", "sto");
    live.window.key_press(Key::Enter);
    live.window.run_steps(3);
    assert!(live.window.query_by_label("Remove speed").is_some(), "its pens are drawn again");
    live.wait(&["Storm T"]);
}

#[test]
fn samples_and_drawings_are_exported() {
    let mut live = with_speed();
    plain(&mut live, Key::E);
    live.is_readable("export");
    live.click("Dutch Excel");
    live.is_readable("export for Excel");
    plain(&mut live, Key::Enter);
    live.wait(&["lines in", "trend-"]);
    let bytes = exported(&live, "csv").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("\u{feff}time;utc_offset;tag;value;quality;reason\r\n"), "{text}");
    assert!(text.contains(";speed;1450;good;"), "{text}");
    let (folder, out) = (live.folder.path.to_str().unwrap().to_owned(), live.folder.path.join("wide.csv"));
    let range = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--out", out.to_str().unwrap()];
    let said =
        run(&[&["export", &folder, "--tag", "speed", "--excel", "english", "--layout", "wide"], &range[..]].concat());
    assert!(said.status.success(), "{}", words(&said));
    let wide = std::fs::read_to_string(&out).unwrap();
    assert!(wide.starts_with("\u{feff}time,utc_offset,speed\r\n") && wide.contains(",1450\r\n"), "{wide}");
    let said = run(&[&["export", &folder, "--tag", "speed", "--decimal", ","], &range[..]].concat());
    assert!(words(&said).contains("take --separator ';'"), "{}", words(&said));
    plain(&mut live, Key::E);
    live.click("SVG");
    plain(&mut live, Key::Enter);
    live.wait(&["Written: ", ".svg"]);
    let drawing = String::from_utf8(exported(&live, "svg").unwrap()).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.contains(">speed</text>"), "{drawing}");
}

/// The window takes its picture when the dialog is gone, and what comes is kept.
#[test]
fn the_picture_of_the_window_is_exported() {
    let mut live = with_speed();
    plain(&mut live, Key::E);
    live.click("PNG");
    live.window.key_press(Key::Enter);
    let end = Instant::now() + DEADLINE;
    let asked = loop {
        live.window.step();
        let commands = live.window.output().viewport_output.values().flat_map(|viewport| viewport.commands.clone());
        let found = commands.into_iter().find_map(|command| match command {
            egui::ViewportCommand::Screenshot(callback) => Some(callback),
            _ => None,
        });
        if let Some(found) = found {
            break found;
        }
        assert!(Instant::now() < end, "the window was not asked for its picture");
    };
    assert!(texts(&live.window).iter().all(|text| text != "Export Enter"), "the dialog is not in the picture");
    asked.complete(std::sync::Arc::new(egui::ColorImage::filled([1280, 800], egui::Color32::GRAY)));
    live.wait(&["Written: ", ".png"]);
    assert!(exported(&live, "png").unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn everything_in_the_trend_can_be_read_and_has_a_name() {
    let mut bench = Bench::new(&noordpolder());
    bench.set(bench.tag("south/basin/level"), Some(-0.85));
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Trends);
    for name in ["p7 bearing", "p7 state", "p8 speed", "p7 mode", "tide"] {
        type_into(&mut window, "Add a tag (Insert)", name);
        window.key_press(Key::Enter);
        window.run_steps(3);
    }
    window.key_press(Key::C);
    window.run_steps(3);
    assert!(window.unnamed_widgets().is_empty(), "{:?}", window.unnamed_widgets());
    crate::views::nothing_is_cut(&window, "trend of eight pens");
    crate::views::nothing_is_covered(&window, "trend of eight pens");
}

fn with_three() -> Live {
    let alarm = json!([{"high": 1000, "message": "Speed high"}]);
    let tags = json!([
        {"name": "speed", "device": "pump", "register": "input:0", "type": "u16", "unit": "rpm", "alarms": alarm},
        {"name": "level", "device": "pump", "register": "input:4", "type": "u16", "unit": "m"},
        {"name": "state", "device": "pump", "register": "input:5", "type": "u16", "states": {"5": "filling"}},
    ]);
    let pens = json!([{"tag": "speed"}, {"tag": "level"}, {"tag": "state"}]);
    let mut live = Live::start_with(&tags, &json!([{"name": "All", "span": "20s", "pens": pens}]));
    show(&mut live.window, View::Trends);
    plain(&mut live, Key::T);
    live.wait(&["3 pens, station file"]);
    live.window.key_press(Key::Enter);
    live.wait(&["min 1\u{2009}450"]);
    live
}

#[test]
fn an_alarm_is_a_mark_that_opens_it() {
    let mut live = with_three();
    let end = Instant::now() + DEADLINE;
    while !texts(&live.window).iter().any(|text| text.contains("Speed high, raised · Enter opens it")) {
        assert!(Instant::now() < end, "{:?}", texts(&live.window));
        plain(&mut live, Key::M);
    }
    live.is_readable("a mark");
    plain(&mut live, Key::Enter);
    assert_eq!(live.window.state().view(), View::Alarms);
    live.wait(&["Raised ", " as occurrence "]);
}

#[test]
fn states_are_bands_and_two_pens_stand_over_each_other() {
    let mut live = with_three();
    let end = Instant::now() + DEADLINE;
    while texts(&live.window).iter().filter(|text| *text == "filling").count() < 2 {
        assert!(Instant::now() < end, "the word stands in the legend and in its band: {:?}", texts(&live.window));
        live.window.run_steps(1);
    }
    live.is_readable("a band");
    plain(&mut live, Key::X);
    live.wait(&["level (m)"]);
    live.wait(&["speed (rpm)"]);
    live.is_readable("pen over pen");
    plain(&mut live, Key::Escape);
    assert!(texts(&live.window).iter().all(|text| text != "level (m)"));
    plain(&mut live, Key::C);
    live.wait(&["Thin dashed lines: the same hours yesterday"]);
}

/// The old answer is drawn until the new one is there.
#[test]
fn no_frame_is_empty_while_history_is_asked_again() {
    let mut live = with_three();
    for key in [Key::Minus, Key::Minus, Key::Minus, Key::Plus, Key::Minus, Key::Minus, Key::Minus, Key::Minus] {
        live.window.key_press(key);
        for _ in 0..3 {
            live.window.step();
            let told = texts(&live.window);
            assert!(told.iter().any(|text| text.starts_with("min 1\u{2009}450")), "{told:?}");
        }
    }
}
