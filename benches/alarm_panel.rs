//! One frame of the alarm panel, run and tessellated, at 1280x800: 10,000 alarms are active, and in every frame one of them is raised anew,
//! so that the board is another one; in the order of the board, sorted by area, grouped in the flood that this is, and searched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

use polder::alarm::{AlarmDefinition, AlarmKey, Condition, Presentation, Priority, Subject};
use polder::driver::{Batch, DriverEvent, Reading};
use polder::engine::{Effects, Engine, Event, Plan, Restored};
use polder::gui::{App, View};
use polder::station::Handle;
use polder::tag::{Clock, DeviceId, Directory, Generation, Now, Quality, TagDefinition, TagId, Value};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ALARMS: u32 = 10_000;

struct StepClock(Mutex<Now>);

impl Clock for StepClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

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
    let alarm = |number: u32| AlarmDefinition {
        key: AlarmKey::new(&format!("area-{}/tag-{number}", number / 500), "high"),
        subject: Subject::Tag(TagId(number)),
        condition: Condition::High(10.0),
        deadband: 0.0,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        priority: Priority::ALL[number as usize % 4],
        message: format!("Level {number} of the polder is too high").into(),
        guidance: "".into(),
        area: Some(format!("area-{}", number / 500).into()),
        latch: false,
        suppress_when: None,
        presentation: Presentation::default(),
        group: None,
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
        let button = |pressed| egui::Event::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        };
        self.paint(vec![egui::Event::PointerMoved(pos)]);
        self.paint(vec![button(true)]);
        self.paint(vec![button(false)]);
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

fn main() {
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
