//! One frame of the alarm panel, run and tessellated, at 1280x800: 10,000 alarms are active, and in every frame one of them is raised anew,
//! so that the board is another one; in the order of the board, sorted by area, grouped in the flood that this is, and searched.
//! With the argument `journal`: a station with a million changes in its journal, searched and scrolled in the window: how long it takes until
//! the first page is there, and the longest frame meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

mod common {
    pub(crate) mod window;
}

use common::window::{StepClock, click};
use polder::alarm::{AlarmDefinition, AlarmKey, Condition, Priority, Subject};
use polder::driver::{Batch, DriverEvent, Reading};
use polder::engine::{Effects, Engine, Event, Plan, Restored};
use polder::gui::{App, View};
use polder::recorder::{RECORDS_FILE, RecordStore};
use polder::station::{Handle, Station};
use polder::tag::{Clock, DeviceId, Directory, Generation, Now, Quality, TagDefinition, TagId, Value};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ALARMS: u32 = 10_000;

struct Bench {
    engine: Engine,
    effects: Effects,
    clock: Arc<StepClock>,
    handle: Handle,
    context: egui::Context,
    app: App,
    frame: u32,
}

fn plan() -> Plan {
    let tags = (0..ALARMS).map(|number| TagDefinition::named(&format!("area-{}/tag-{number}", number / 500))).collect();
    let alarm = |number: u32| {
        let key = AlarmKey::new(&format!("area-{}/tag-{number}", number / 500), "high");
        AlarmDefinition {
            priority: Priority::ALL[number as usize % 4],
            message: format!("Level {number} of the polder is too high").into(),
            area: Some(format!("area-{}", number / 500).into()),
            ..AlarmDefinition::plain(key, Subject::Tag(TagId(number)), Condition::High(10.0))
        }
    };
    Plan {
        generation: Generation(1),
        directory: Arc::new(Directory::new(tags, Vec::new(), Vec::new())),
        alarms: (0..ALARMS).map(alarm).collect(),
        ..Plan::default()
    }
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(StepClock(Mutex::new(Now::default())));
        let mut engine = Engine::new(Arc::new(plan()), Restored::default());
        let (handle, _inbox) = Handle::detached(engine.snapshot(Now::default()), Arc::clone(&clock) as Arc<dyn Clock>);
        let context = egui::Context::default();
        context.enable_accesskit();
        let mut app = App::new(&context, handle.clone(), None);
        app.show(View::Alarms);
        let mut bench = Self { engine, effects: Effects::default(), clock, handle, context, app, frame: 0 };
        bench.set(0..ALARMS, 20.0);
        bench
    }

    fn set(&mut self, tags: std::ops::Range<u32>, value: f64) {
        let now = self.clock.now();
        let reading = |tag: u32| Reading { tag: TagId(tag), value: Some(Value::Double(value)), quality: Quality::GOOD };
        let readings = tags.map(reading).collect();
        let batch =
            Batch { generation: Generation(1), device: DeviceId(0), time: now.utc, readings, confirmed: Arc::from([]) };
        self.engine.step(Event::Driver(DriverEvent::Batch(batch)), now, &mut self.effects);
        self.effects.clear();
    }

    fn change(&mut self) {
        self.frame += 1;
        let now = self.clock.now().plus(Duration::from_millis(100));
        *self.clock.0.lock().unwrap() = now;
        let tag = self.frame * 7 % ALARMS;
        self.set(tag..tag + 1, 0.0);
        self.set(tag..tag + 1, 20.0);
        let snapshot = self.engine.snapshot(now);
        assert_eq!(snapshot.alarms.views.len(), ALARMS as usize);
        self.handle.publish(snapshot);
    }

    /// Milliseconds of one frame.
    fn paint(&mut self, events: Vec<egui::Event>) -> f64 {
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0))),
            time: Some(f64::from(self.frame) / 10.0),
            events,
            ..egui::RawInput::default()
        };
        let start = Instant::now();
        let mut output = self.context.run_ui(input, |ui| self.app.frame(ui));
        output.textures_delta.clear();
        let count = output.shapes.len();
        let painted = self.context.tessellate(output.shapes, output.pixels_per_point);
        let time = start.elapsed().as_secs_f64() * 1000.0;
        assert!(count > 100 && !painted.is_empty(), "nothing was painted");
        time
    }

    /// Presses what has these words.
    fn press(&mut self, words: &str) {
        self.change();
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0))),
            time: Some(f64::from(self.frame) / 10.0),
            ..egui::RawInput::default()
        };
        let output = self.context.run_ui(input, |ui| self.app.frame(ui));
        let found = output.shapes.iter().find_map(|clipped| match &clipped.shape {
            egui::Shape::Text(text) if text.galley.text() == words => Some(text.visual_bounding_rect().center()),
            _ => None,
        });
        let pos = found.expect(words);
        for events in click(pos) {
            self.paint(events);
        }
    }

    fn measure(&mut self, what: &str, count: u32) {
        let frames = (0..count).map(|_| {
            self.change();
            self.paint(Vec::new())
        });
        let mut times: Vec<f64> = frames.collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "alarm panel, 10,000 active, {what}: median {:.2} ms, 95 % {:.2} ms, longest {:.2} ms a frame",
            at(0.5),
            at(0.95),
            at(1.0)
        );
    }
}

/// Changes in the journal.
const CHANGES: i64 = 1_000_000;

/// The window on a station that runs and has been running for years.
struct JournalBench {
    context: egui::Context,
    app: App,
    started: Instant,
    station: Option<Station>,
    _folder: tempfile::TempDir,
}

impl JournalBench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let alarm = r#"{"name":"level","manual":1,"range":[0,20],"alarms":[{"high":10,"message":"Too much water"}]}"#;
        std::fs::write(folder.path().join("station.json"), format!(r#"{{"tags":[{alarm}]}}"#)).unwrap();
        let records = folder.path().join(RECORDS_FILE);
        drop(RecordStore::open(&records).unwrap());
        let sql = "WITH RECURSIVE line(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM line WHERE number < ?1)
            INSERT INTO journal(time, alarm, occurrence, before, after, raised, value, actor, comment, occasion, condition)
            SELECT (unixepoch() - ?1 + number) * 1000000, iif(number % 2, 'level:high', 'pump-' || (number % 5000) || '/flow:low'),
                number, iif(number % 3, 'normal', 'unacknowledged'), iif(number % 3, 'unacknowledged', 'acknowledged'), 0, '1.5',
                iif(number % 3, NULL, 'anna'), iif(number % 3, '', 'seen, number ' || number), '', '' FROM line";
        rusqlite::Connection::open(&records).unwrap().execute(sql, [CHANGES]).unwrap();
        let station = Station::start(folder.path(), None).unwrap();
        let context = egui::Context::default();
        context.enable_accesskit();
        let mut app = App::new(&context, station.handle().clone(), None);
        app.show(View::Alarms);
        Self { context, app, started: Instant::now(), station: Some(station), _folder: folder }
    }

    /// One frame: its milliseconds, and its texts with their places.
    fn paint(&mut self, events: Vec<egui::Event>) -> (f64, Vec<(String, egui::Pos2)>) {
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0))),
            time: Some(self.started.elapsed().as_secs_f64()),
            events,
            ..egui::RawInput::default()
        };
        let start = Instant::now();
        let mut output = self.context.run_ui(input, |ui| self.app.frame(ui));
        output.textures_delta.clear();
        let texts = output.shapes.iter().filter_map(|clipped| match &clipped.shape {
            egui::Shape::Text(text) => Some((text.galley.text().to_owned(), text.visual_bounding_rect().center())),
            _ => None,
        });
        let texts = texts.collect();
        let painted = self.context.tessellate(output.shapes, output.pixels_per_point);
        assert!(!painted.is_empty(), "nothing was painted");
        (start.elapsed().as_secs_f64() * 1000.0, texts)
    }

    fn press(&mut self, words: &str) {
        let (_, texts) = self.paint(Vec::new());
        let pos = texts.iter().find(|(text, _)| text == words).expect(words).1;
        let (button, modifiers) = (egui::PointerButton::Primary, egui::Modifiers::NONE);
        self.paint(vec![egui::Event::PointerMoved(pos)]);
        for pressed in [true, false] {
            self.paint(vec![egui::Event::PointerButton { pos, button, pressed, modifiers }]);
        }
    }

    /// Does something, and paints as fast as it goes until the texts are so.
    fn measure(&mut self, what: &str, events: Vec<egui::Event>, is_there: impl Fn(&[(String, egui::Pos2)]) -> bool) {
        let start = Instant::now();
        let (mut longest, mut texts) = self.paint(events);
        while !is_there(&texts) {
            assert!(start.elapsed() < Duration::from_secs(60), "{what}: {texts:?}");
            std::thread::yield_now();
            let (frame, found) = self.paint(Vec::new());
            (longest, texts) = (longest.max(frame), found);
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("journal of {CHANGES} changes, {what}: {seconds:.3} s, longest frame {longest:.2} ms");
    }
}

fn key(key: egui::Key) -> Vec<egui::Event> {
    let modifiers = egui::Modifiers::NONE;
    vec![egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }]
}

fn journal() {
    let mut bench = JournalBench::new();
    let has = |wanted: &'static str| {
        move |texts: &[(String, egui::Pos2)]| texts.iter().any(|(text, _)| text.contains(wanted))
    };
    let is_read = |texts: &[(String, egui::Pos2)]| texts.iter().all(|(text, _)| text != "...");
    bench.press("Journal");
    bench.measure("opened, first page", Vec::new(), |texts| has("anna: seen")(texts) && is_read(texts));
    bench.measure("the whole of it counted", Vec::new(), has("changes, the whole journal"));
    bench.measure("to its end", key(egui::Key::End), |texts| has("seen, number 3")(texts) && is_read(texts));
    bench.measure("back to its beginning", key(egui::Key::Home), |texts| has("number 999999")(texts) && is_read(texts));
    bench.press("Find in the journal");
    for (words, first) in [("pump-4998/flow", "pump-4998/flow:low"), ("number 999999", "number 999999")] {
        let text = vec![egui::Event::Text(words.to_owned())];
        bench.measure(&format!("searched for {words}, the first found"), text, |texts| {
            texts.iter().any(|(text, _)| text.contains(first) && text != words)
        });
        bench.measure(&format!("searched for {words}, all of it"), Vec::new(), has("found in the whole journal"));
        let all = egui::Event::Key {
            key: egui::Key::A,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: egui::Modifiers::COMMAND,
        };
        bench.paint(vec![all]);
        bench.measure("cleared", key(egui::Key::Backspace), has("changes, the whole journal"));
    }
    if let Some(station) = bench.station.take() {
        station.stop();
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "journal") {
        return journal();
    }
    let count = std::env::var("FRAMES").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let mut bench = Bench::new();
    bench.measure("grouped in the flood", count);
    bench.press("Undo groups");
    bench.measure("in the order of the board", count);
    bench.press("Area");
    bench.measure("sorted by area", count);
    bench.press("Find: message, tag, area");
    bench.paint(vec![egui::Event::Text("polder 77".to_owned())]);
    bench.measure("sorted by area and searched", count);
}
