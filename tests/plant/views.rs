//! The window without a display: what it paints, what a screen reader is told, what it asks of the station. The clock stands still unless
//! a test moves it.

use egui::{Event as Input, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use polder::audit;
use polder::config;
use polder::driver::{Batch, DeviceReport, DriverEvent, Link, Reading, Statistics};
use polder::engine::{Effects, Engine, Event, ReplyId, Request, RequestBody, Restored};
use polder::gui::theme::{DARK, LIGHT};
use polder::gui::{App, View};
use polder::station::Handle;
use polder::tag::{Clock, DeviceId, Generation, Now, Quality, Reason, TagId, Timestamp, Value};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

pub struct StillClock(Mutex<Now>);

impl Clock for StillClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// A plant whose values are set by hand, and the window that shows it.
pub struct Bench {
    engine: Engine,
    effects: Effects,
    pub clock: Arc<StillClock>,
    pub handle: Handle,
    inbox: Receiver<Event>,
}

pub fn noordpolder() -> String {
    let text = include_str!("../../assets/demo/station.json");
    ["pumps-north", "pumps-middle", "pumps-south", "sluices", "broker"]
        .iter()
        .fold(text.to_owned(), |text, name| text.replace(&format!("@{name}@"), "1502"))
}

impl Bench {
    pub fn new(station: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), station).unwrap();
        let plan = config::load(folder.path(), Generation(1)).into_plant().unwrap().plan;
        let now = Now { utc: Timestamp::parse_rfc3339("2026-11-21T13:32:07Z").unwrap(), ..Now::default() };
        let clock = Arc::new(StillClock(Mutex::new(now)));
        let mut engine = Engine::new(Arc::new(plan), Restored::default());
        let (handle, inbox) = Handle::detached(engine.snapshot(now), Arc::clone(&clock) as Arc<dyn Clock>);
        let mut bench = Self { engine, effects: Effects::default(), clock, handle, inbox };
        bench.all_is_well();
        bench
    }

    pub fn step(&mut self, event: Event) {
        self.engine.step(event, self.clock.now(), &mut self.effects);
        self.effects.clear();
    }

    fn all_is_well(&mut self) {
        let plan = Arc::clone(self.engine.plan());
        for slot in 0..plan.directory.devices().len() {
            self.link(slot, Link::Good);
        }
        for (tag, definition) in plan.directory.iter() {
            let name = definition.key.as_str();
            let value = match name.rsplit('/').next().unwrap() {
                "level" => -1.402,
                "target" => -1.4,
                "speed" | "speed-setpoint" => 1182.0,
                "bearing-temperature" => 314.0,
                "records-writable" | "history-writable" => 1.0,
                "history-days" => 1000.0,
                _ => 0.0,
            };
            let value = if name.starts_with("boezem") { -0.4 } else { value };
            self.set(tag, Some(value));
        }
        self.publish();
    }

    pub fn link(&mut self, slot: usize, link: Link) {
        let report = DeviceReport {
            generation: Generation(1),
            device: DeviceId(slot as u32),
            link,
            condition: polder::driver::Condition::Good,
            statistics: Statistics::default(),
        };
        self.step(Event::Driver(DriverEvent::Device(report)));
    }

    pub fn set(&mut self, tag: TagId, value: Option<f64>) {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::NoAnswer) };
        let reading = Reading { tag, value: value.map(Value::Double), quality };
        let time = self.clock.now().utc;
        let batch = Batch {
            generation: Generation(1),
            device: DeviceId(0),
            time,
            readings: vec![reading],
            confirmed: Arc::from([]),
        };
        self.step(Event::Driver(DriverEvent::Batch(batch)));
    }

    pub fn tag(&self, key: &str) -> TagId {
        self.engine.plan().directory.find(key).unwrap()
    }

    pub fn publish(&mut self) {
        let snapshot = self.engine.snapshot(self.clock.now());
        self.handle.publish(snapshot);
    }

    fn pass(&mut self, time: Duration) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.plus(time);
    }

    fn window(&self, size: [f32; 2], theme: egui::Theme) -> Harness<'static, App> {
        let handle = self.handle.clone();
        let builder =
            Harness::builder().with_size(size).with_pixels_per_point(1.0).with_theme(theme).with_max_steps(20);
        builder.build_eframe(move |creation| App::new(&creation.egui_ctx, handle, None))
    }

    /// Lets the engine do what was asked, and records it.
    pub fn carry_out(&mut self, request: Request) {
        self.engine.step(Event::Request(request, ReplyId(0)), self.clock.now(), &mut self.effects);
        let receipts = audit::commit(&mut audit::MemoryStore::default(), &self.effects.drafts).unwrap();
        self.effects.clear();
        self.step(Event::Committed(receipts));
        self.publish();
    }

    pub fn asked(&mut self) -> Vec<Request> {
        let mut asked = Vec::new();
        while let Ok(event) = self.inbox.try_recv() {
            if let Event::Request(request, _) = event {
                asked.push(request);
            }
        }
        asked
    }
}

pub fn small(bench: &Bench) -> Harness<'static, App> {
    bench.window([1280.0, 800.0], egui::Theme::Light)
}

pub fn show(window: &mut Harness<'static, App>, view: View) {
    window.state_mut().show(view);
    window.run_steps(3);
}

fn shapes(window: &Harness<'_, App>) -> Vec<(egui::Rect, egui::Shape)> {
    fn walk(clip: egui::Rect, shape: &egui::Shape, out: &mut Vec<(egui::Rect, egui::Shape)>) {
        match shape {
            egui::Shape::Vec(parts) => parts.iter().for_each(|part| walk(clip, part, out)),
            other => out.push((clip, other.clone())),
        }
    }
    let mut out = Vec::new();
    for clipped in &window.output().shapes {
        walk(clipped.clip_rect, &clipped.shape, &mut out);
    }
    out
}

pub fn texts(window: &Harness<'_, App>) -> Vec<String> {
    let text = |(_, shape): (egui::Rect, egui::Shape)| match shape {
        egui::Shape::Text(text) => Some(text.galley.text().to_owned()),
        _ => None,
    };
    shapes(window).into_iter().filter_map(text).collect()
}

/// Every text has room; how many there are.
pub fn nothing_is_cut(window: &Harness<'_, App>, what: &str) -> usize {
    let mut found = 0;
    for (clip, shape) in shapes(window) {
        let egui::Shape::Text(text) = shape else { continue };
        let rect = text.visual_bounding_rect();
        found += 1;
        // Rows that are scrolled half out of sight are cut above and below, never at the side.
        let fits = rect.left() >= clip.left() - 1.0 && rect.right() <= clip.right() + 1.0;
        let words = text.galley.text();
        assert!(fits || !clip.intersects(rect), "{what}: {words:?} {rect:?} is cut by {clip:?}");
    }
    found
}

/// No text stands on another.
pub fn nothing_is_covered(window: &Harness<'_, App>, what: &str) {
    nothing_is_covered_from(window, what, "");
}

/// No text stands on another, of those that are painted from the one that begins so: a dialog stands over everything else.
pub fn nothing_is_covered_from(window: &Harness<'_, App>, what: &str, first: &str) {
    let painted = shapes(window).into_iter().filter_map(|(clip, shape)| match shape {
        egui::Shape::Text(text) => {
            let rect = text.visual_bounding_rect().intersect(clip).shrink(1.5);
            let words = text.galley.text().to_owned();
            (rect.is_positive() && !words.is_empty()).then_some((rect, words))
        }
        _ => None,
    });
    let painted: Vec<(egui::Rect, String)> = painted.skip_while(|(_, words)| !words.starts_with(first)).collect();
    assert!(painted.len() > 3, "{what}: {first:?} is not painted");
    for (place, (rect, words)) in painted.iter().enumerate() {
        for (other, others) in &painted[place + 1..] {
            assert!(!rect.intersects(*other), "{what}: {words:?} and {others:?} at {rect:?} and {other:?}");
        }
    }
}

#[test]
fn every_view_fits_in_both_sizes_and_themes() {
    let mut bench = Bench::new(&noordpolder());
    bench.set(bench.tag("south/basin/level"), Some(-0.85));
    bench.link(7, Link::Lost { reason: Reason::NoAnswer, detail: "no answer within 1000 ms".into(), next_try: None });
    bench.publish();
    for size in [[1280.0, 800.0], [1920.0, 1080.0]] {
        for theme in [egui::Theme::Light, egui::Theme::Dark] {
            let mut window = bench.window(size, theme);
            for view in View::ALL {
                show(&mut window, view);
                let found = nothing_is_cut(&window, &format!("{view:?} {size:?}"));
                assert!(found > 20, "{view:?} shows almost nothing");
            }
        }
    }
}

/// Two texts that cover each other cannot be read.
#[test]
fn no_text_covers_another() {
    let mut bench = Bench::new(&noordpolder());
    bench.set(bench.tag("south/basin/level"), Some(-0.85));
    bench.set(bench.tag("sluices/sluice-1/position"), Some(100.0));
    let next = bench.clock.now().monotonic.plus(Duration::from_secs(12));
    for slot in 8..12 {
        bench.link(slot, Link::Lost { reason: Reason::NotConnected, detail: "refused".into(), next_try: Some(next) });
    }
    bench.publish();
    for size in [[1280.0, 800.0], [1920.0, 1080.0]] {
        let mut window = bench.window(size, egui::Theme::Light);
        for view in View::ALL {
            show(&mut window, view);
            nothing_is_covered(&window, &format!("{view:?} {size:?}"));
        }
    }
}

#[test]
fn grey_is_normal() {
    let bench = Bench::new(&noordpolder());
    for (theme, palette) in [(egui::Theme::Light, LIGHT), (egui::Theme::Dark, DARK)] {
        let mut window = bench.window([1280.0, 800.0], theme);
        for view in View::ALL {
            show(&mut window, view);
            for (_, shape) in shapes(&window) {
                let fill = match &shape {
                    egui::Shape::Rect(rect) => rect.fill,
                    egui::Shape::Circle(circle) => circle.fill,
                    egui::Shape::Path(path) => path.fill,
                    egui::Shape::Text(text) => text.fallback_color,
                    _ => continue,
                };
                assert!(
                    !palette.priorities.contains(&fill),
                    "{view:?} uses an alarm colour although all is well: {shape:?}"
                );
            }
        }
        assert!(texts(&window).iter().any(|text| text == "Nothing is in alarm."));
    }
}

#[test]
fn f2_acknowledges_what_the_banner_showed() {
    let mut bench = Bench::new(&noordpolder());
    bench.set(bench.tag("south/basin/level"), Some(-0.85));
    bench.publish();
    let mut window = small(&bench);
    assert!(texts(&window).iter().any(|text| text == "South basin level very high"), "{:?}", texts(&window));
    window.key_press(Key::F2);
    window.run_steps(2);
    let asked = bench.asked();
    let RequestBody::Acknowledge { occurrences, .. } = &asked[0].body else { panic!("{asked:?}") };
    let critical = bench.handle.snapshot().alarms.views[0].occurrence;
    assert_eq!((asked.len(), occurrences.as_slice()), (1, &[critical][..]));
}

#[test]
fn acknowledge_shown_names_what_was_painted_and_never_what_came_since() {
    let mut bench = Bench::new(&noordpolder());
    bench.set(bench.tag("south/basin/level"), Some(-1.1));
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    let painted = bench.handle.snapshot().alarms.views.iter().map(|view| view.occurrence).collect::<Vec<_>>();
    assert_eq!(painted.len(), 1);
    let button = window.get_by_label("Acknowledge shown (1)").rect().center();
    // A new alarm arrives between the last frame and the click.
    bench.set(bench.tag("boezem/level"), Some(0.0));
    bench.publish();
    for pressed in [true, false] {
        window.input_mut().events.push(Input::PointerMoved(button));
        window.input_mut().events.push(Input::PointerButton {
            pos: button,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    window.step();
    let asked = bench.asked();
    let RequestBody::Acknowledge { occurrences, .. } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!(occurrences, &painted);
}

fn open_setpoint(bench: &Bench) -> Harness<'static, App> {
    let mut window = small(bench);
    show(&mut window, View::Tags);
    window.get_by_label("Find a tag").focus();
    window.run_steps(2);
    window.get_by_label("Find a tag").type_text("north p1 setpoint");
    window.run_steps(2);
    window.get_by_label_contains("north/P1/speed-setpoint 1").click();
    window.run_steps(2);
    window.get_by_label("Set... F4").click();
    window.run_steps(2);
    window
}

pub fn type_into(window: &mut Harness<'static, App>, field: &str, text: &str) {
    window.get_by_role_and_label(egui::Role::TextInput, field).focus();
    window.run_steps(2);
    window.get_by_role_and_label(egui::Role::TextInput, field).type_text(text);
    window.run_steps(2);
}

#[test]
fn a_setpoint_is_echoed_and_sent_as_it_was_meant() {
    let mut bench = Bench::new(&noordpolder());
    let mut window = open_setpoint(&bench);
    type_into(&mut window, "New value", "1200,5");
    type_into(&mut window, "Reason", "high water");
    let echo = texts(&window).into_iter().find(|text| text.contains('→')).unwrap();
    assert!(echo.contains("1200.5") && echo.contains("(+18.5)"), "every digit is said back: {echo}");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    window.run_steps(2);
    let asked = bench.asked();
    let RequestBody::Command { tag, value, value_seen, reason, .. } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!((tag.as_str(), value, &**reason), ("north/P1/speed-setpoint", &Value::Double(1200.5), "high water"));
    assert_eq!(value_seen, &Some(Value::Double(1182.0)));
    assert_eq!(asked.len(), 1, "sent once");
}

#[test]
fn what_can_be_misread_or_is_out_of_bounds_cannot_be_sent() {
    for (typed, words) in
        [("1.200,5", "is not a number"), ("1451", "above the highest allowed value"), ("fast", "is not a number")]
    {
        let mut bench = Bench::new(&noordpolder());
        let mut window = open_setpoint(&bench);
        type_into(&mut window, "New value", typed);
        type_into(&mut window, "Reason", "test");
        assert!(texts(&window).iter().any(|text| text.contains(words)), "{typed}: {:?}", texts(&window));
        window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
        window.run_steps(2);
        window.get_by_label("Send Ctrl Enter").click();
        window.run_steps(2);
        assert_eq!(bench.asked(), [], "{typed}");
        window.key_press(Key::Escape);
        window.run_steps(3);
        assert!(window.query_by_label("New value").is_none(), "Esc puts it away");
    }
}

/// A digit that went astray between a key and the field that it opens would make another number of it.
#[test]
fn what_is_typed_in_the_same_frame_as_the_key_that_opens_a_field_belongs_there() {
    let bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    let key = |key, modifiers| Input::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
    window.input_mut().events.extend([
        Input::ModifiersChanged(Modifiers::COMMAND),
        key(Key::K, Modifiers::COMMAND),
        Input::ModifiersChanged(Modifiers::NONE),
        Input::Text("north p1 setpoint".to_owned()),
    ]);
    window.step();
    window.run_steps(2);
    assert_eq!(window.get_by_label("Find a tag").value().as_deref(), Some("north p1 setpoint"));
    window.get_by_label_contains("north/P1/speed-setpoint 1").click();
    window.run_steps(2);
    window.input_mut().events.extend([key(Key::F4, Modifiers::NONE), Input::Text("1234,5".to_owned())]);
    window.step();
    window.run_steps(2);
    let field = window.get_by_role_and_label(egui::Role::TextInput, "New value");
    assert_eq!(field.value().as_deref(), Some("1234,5"));
}

#[test]
fn an_old_picture_says_so_in_every_view() {
    let mut bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    bench.pass(Duration::from_millis(2500));
    for view in View::ALL {
        show(&mut window, view);
        assert!(texts(&window).iter().any(|text| text.starts_with("display not updating")), "{view:?}");
    }
    bench.publish();
    window.run_steps(2);
    assert!(!texts(&window).iter().any(|text| text.starts_with("display not updating")));
}

#[test]
fn a_lost_device_shows_its_last_value_only_greyed_with_the_reason() {
    let mut bench = Bench::new(&noordpolder());
    let next = bench.clock.now().monotonic.plus(Duration::from_secs(12));
    bench.link(
        0,
        Link::Lost { reason: Reason::NoAnswer, detail: "no answer within 1000 ms".into(), next_try: Some(next) },
    );
    bench.publish();
    let mut window = small(&bench);
    assert!(texts(&window).iter().any(|text| text.contains("P1: no answer, next try in 12 s")), "{:?}", texts(&window));
    show(&mut window, View::Devices);
    assert!(window.query_by_label_contains("no answer, next try in 12 s (no answer within 1000 ms)").is_some());
    show(&mut window, View::Tags);
    type_into(&mut window, "Find a tag", "north/p1/flow");
    assert!(window.query_by_label_contains("north/P1/flow 0.00 m³/s no answer").is_some());
}

#[test]
fn an_alarm_on_a_lost_value_does_not_show_it_as_live() {
    let mut bench = Bench::new(&noordpolder());
    let level = bench.tag("south/basin/level");
    bench.set(level, Some(-0.85));
    bench.set(level, None);
    bench.publish();
    let mut window = small(&bench);
    for view in [View::Overview, View::Alarms] {
        show(&mut window, view);
        let shown = texts(&window);
        assert!(shown.iter().any(|text| text.contains("last -0.850 m NAP (no answer)")), "{view:?}: {shown:?}");
        assert!(!shown.iter().any(|text| text.contains("now -0.850")), "{view:?}");
    }
    assert!(texts(&window).iter().any(|text| text == "last -0.850 m NAP"));
}

#[test]
fn keys_reach_every_view_and_everything_has_a_name() {
    let bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    for (key, view) in [
        (Key::Num2, View::Tags),
        (Key::Num3, View::Trends),
        (Key::Num4, View::Alarms),
        (Key::Num5, View::Devices),
        (Key::Num1, View::Overview),
    ] {
        window.key_press_modifiers(Modifiers::COMMAND, key);
        window.run_steps(3);
        assert_eq!(window.state().view(), view);
        assert!(window.unnamed_widgets().is_empty(), "{view:?}: {:?}", window.unnamed_widgets());
    }
    window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    window.run_steps(3);
    assert!(window.get_by_label("Find a tag").is_focused());
    window.key_press(Key::F1);
    window.run_steps(3);
    assert!(texts(&window).iter().any(|text| text.contains("acknowledge the alarm in the banner")));
}

#[test]
fn a_hundred_thousand_tags_are_filtered_and_only_what_is_seen_is_painted() {
    let tags: Vec<serde_json::Value> = (0..100_000)
        .map(|number| serde_json::json!({"name": format!("area-{}/tag-{number}", number / 1000), "device": "d", "register": format!("holding:{}", number % 60_000)}))
        .collect();
    let station = serde_json::json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}], "devices": [{"name": "d", "connection": "c"}], "tags": tags});
    let bench = Bench::new(&station.to_string());
    let mut window = small(&bench);
    show(&mut window, View::Tags);
    let rows = window.query_all_by_role(egui::Role::Row).count();
    assert!((10..60).contains(&rows), "{rows} rows are in the tree");
    type_into(&mut window, "Find a tag", "area-7/ tag-7123");
    let found = format!("1 of {}", bench.engine.plan().directory.tags().len());
    assert!(texts(&window).contains(&found), "{:?}", texts(&window));
    let row = window.get_by_label_contains("area-7/tag-7123");
    assert_eq!(row.accesskit_node().role(), egui::Role::Row);
}
