//! One frame of the tag view, run and tessellated: 100,000 tags, 2,000 of them changed since the last frame (20,000 a second at ten frames),
//! 64 rows on screen; and the frames in which a filter key is struck or the order by value is made anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

mod common {
    pub(crate) mod window;
}

use common::window::{StepClock, click};
use polder::driver::{Batch, DriverEvent, Reading};
use polder::engine::{Effects, Engine, Event, Plan, Restored};
use polder::gui::{App, View};
use polder::station::Handle;
use polder::tag::{Clock, DeviceId, Directory, Generation, Now, Quality, TagDefinition, TagId, Value};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TAGS: u32 = 100_000;
const CHANGES: u32 = 2_000;

struct Bench {
    engine: Engine,
    effects: Effects,
    clock: Arc<StepClock>,
    handle: Handle,
    context: egui::Context,
    app: App,
    frame: u32,
    /// Where the heading of the values stands: a click on it sorts by them.
    heading: Option<egui::Pos2>,
}

impl Bench {
    fn new() -> Self {
        let tags =
            (0..TAGS).map(|number| TagDefinition::named(&format!("area-{}/tag-{number}", number / 1000))).collect();
        let plan = Plan {
            generation: Generation(1),
            directory: Arc::new(Directory::new(tags, Vec::new(), Vec::new())),
            ..Plan::default()
        };
        let clock = Arc::new(StepClock(Mutex::new(Now::default())));
        let mut engine = Engine::new(Arc::new(plan), Restored::default());
        let (handle, _inbox) = Handle::detached(engine.snapshot(Now::default()), Arc::clone(&clock) as Arc<dyn Clock>);
        let context = egui::Context::default();
        context.enable_accesskit();
        let mut app = App::new(&context, handle.clone(), None);
        app.show(View::Tags);
        Self { engine, effects: Effects::default(), clock, handle, context, app, frame: 0, heading: None }
    }

    fn change(&mut self) {
        self.frame += 1;
        let now = self.clock.now().plus(Duration::from_millis(100));
        *self.clock.0.lock().unwrap() = now;
        let read = |place: u32| {
            let tag = (place * 49 + self.frame * 7) % TAGS;
            Reading {
                tag: TagId(tag),
                value: Some(Value::Double(f64::from(self.frame * place % 10_000) / 7.0)),
                quality: Quality::GOOD,
            }
        };
        let readings: Vec<_> = (0..CHANGES).map(read).collect();
        let batch =
            Batch { generation: Generation(1), device: DeviceId(0), time: now.utc, readings, confirmed: Arc::from([]) };
        self.engine.step(Event::Driver(DriverEvent::Batch(batch)), now, &mut self.effects);
        self.effects.clear();
        self.handle.publish(self.engine.snapshot(now));
    }

    /// Milliseconds of one frame.
    fn paint(&mut self, events: Vec<egui::Event>) -> f64 {
        let size = egui::vec2(1280.0, 64.0 * 28.0 + 190.0);
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
            time: Some(f64::from(self.frame) / 10.0),
            events,
            ..egui::RawInput::default()
        };
        let start = Instant::now();
        let mut output = self.context.run_ui(input, |ui| self.app.frame(ui));
        output.textures_delta.clear();
        let heading = output.shapes.iter().find_map(|clipped| match &clipped.shape {
            egui::Shape::Text(text) if text.galley.text() == "Value" => Some(text.visual_bounding_rect().center()),
            _ => None,
        });
        self.heading = heading.or(self.heading);
        let painted = self.context.tessellate(output.shapes, output.pixels_per_point);
        let time = start.elapsed().as_secs_f64() * 1000.0;
        assert!(painted.len() > 10, "nothing was painted");
        time
    }

    fn sort_by_value(&mut self) {
        let at = self.heading.expect("the heading of the values");
        for events in click(at) {
            self.paint(events);
        }
    }

    fn frames(&mut self, count: u32, events: impl Fn(u32) -> Vec<egui::Event>) -> Vec<f64> {
        let mut times: Vec<f64> = (0..count)
            .map(|number| {
                self.change();
                self.paint(events(number))
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }
}

fn print(what: &str, times: &[f64]) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("tag view, {what}: median {:.2} ms, 95 % {:.2} ms, longest {:.2} ms a frame", at(0.5), at(0.95), at(1.0));
}

fn key(key: egui::Key, modifiers: egui::Modifiers) -> Vec<egui::Event> {
    vec![
        egui::Event::ModifiersChanged(modifiers),
        egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers },
        egui::Event::Key { key, physical_key: None, pressed: false, repeat: false, modifiers },
        egui::Event::ModifiersChanged(egui::Modifiers::NONE),
    ]
}

fn main() {
    let mut bench = Bench::new();
    bench.frames(20, |_| Vec::new());
    let times = bench.frames(200, |_| Vec::new());
    print("20,000 changes/s, 64 rows", &times);
    bench.sort_by_value();
    let times = bench.frames(100, |_| Vec::new());
    print("the same, sorted by a value that moves", &times);
    let mut bench = Bench::new();
    bench.frames(20, |_| Vec::new());
    bench.paint(key(egui::Key::K, egui::Modifiers::COMMAND));
    bench.paint(Vec::new());
    let times = bench.frames(60, |number| match number % 6 {
        5 => vec![key(egui::Key::Backspace, egui::Modifiers::NONE); 5].concat(),
        place => vec![egui::Event::Text("tag-1".chars().nth(place as usize).unwrap().to_string())],
    });
    print("a filter key in every frame", &times);
}
