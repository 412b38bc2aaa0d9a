//! One frame of the trend, run and tessellated: ten pens with a million samples in the window, live, so that the window moves in every frame.
//! The station runs; its history is written before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

use polder::gui::{App, View};
use polder::historian::{Historian, OpenedHistory};
use polder::station::{Station, SystemClock};
use polder::tag::{Clock, Directory, HistoryRow, Quality, Sample, TagDefinition, TagId, TagKey, Value};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PENS: u32 = 10;
const SAMPLES: u64 = 100_000;
/// The window shows two hours.
const SECONDS: u64 = 7200;

fn station_file() -> String {
    let tag = |number: u32| serde_json::json!({"name": format!("pen-{number}"), "device": "d", "register": format!("input:{number}"), "unit": format!("u{}", number % 4)});
    let tags: Vec<_> = (0..PENS).map(tag).collect();
    let pens: Vec<_> = (0..PENS).map(|number| serde_json::json!({"tag": format!("pen-{number}")})).collect();
    serde_json::json!({
        "connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1:1"}}],
        "devices": [{"name": "d", "connection": "c", "poll": "1h"}],
        "tags": tags,
        "trends": [{"name": "All", "span": "2h", "pens": pens}],
    })
    .to_string()
}

/// Noise on a wave: every pixel column has another lowest and highest value, which is the worst for drawing.
fn value(pen: u32, place: u64) -> f64 {
    let noise = (place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(pen) * 977) >> 33) as f64 / 2e9;
    (place as f64 / 9000.0 + f64::from(pen)).sin() * 10.0 + noise
}

fn write_history(folder: &Path) {
    let clock = SystemClock::new();
    let now = clock.now().utc;
    let opened = OpenedHistory::open(folder, now).unwrap();
    let historian = Historian::start(opened, Arc::new(clock), |_| {}).unwrap();
    let tags = (0..PENS).map(|number| TagDefinition::named(&format!("pen-{number}"))).collect();
    assert!(historian.set_plan(Arc::new(Directory::new(tags, Vec::new(), Vec::new())), HashMap::new()));
    let step = SECONDS * 1_000_000 / SAMPLES;
    for first in (0..SAMPLES).step_by(500) {
        let row = |pen: u32, place: u64| {
            let time = now.minus(Duration::from_micros((SAMPLES - place) * step));
            let sample = Sample { time, value: Some(Value::Double(value(pen, place))), quality: Quality::GOOD };
            HistoryRow { tag: TagId(pen), sample }
        };
        let rows = (first..first + 500).flat_map(|place| (0..PENS).map(move |pen| row(pen, place))).collect();
        let mut waiting = Some(rows);
        while let Some(rows) = waiting.take() {
            waiting = historian.rows(rows).err();
            std::thread::sleep(Duration::from_millis(u64::from(waiting.is_some())));
        }
    }
    historian.stop();
}

struct Bench {
    context: egui::Context,
    app: App,
    time: f64,
    texts: String,
}

impl Bench {
    /// Milliseconds of one frame, and how many triangles it has.
    fn frame(&mut self, events: Vec<egui::Event>) -> (f64, usize) {
        self.time += 0.1;
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1920.0, 1080.0))),
            time: Some(self.time),
            events,
            ..egui::RawInput::default()
        };
        let start = Instant::now();
        let mut output = self.context.run_ui(input, |ui| self.app.frame(ui));
        output.textures_delta.clear();
        self.texts = texts(&output.shapes);
        let painted = self.context.tessellate(output.shapes, output.pixels_per_point);
        let time = start.elapsed().as_secs_f64() * 1000.0;
        let triangles = painted.iter().map(|part| match &part.primitive {
            egui::epaint::Primitive::Mesh(mesh) => mesh.indices.len() / 3,
            egui::epaint::Primitive::Callback(_) => 0,
        });
        (time, triangles.sum())
    }
}

fn texts(shapes: &[egui::epaint::ClippedShape]) -> String {
    let text = |clipped: &egui::epaint::ClippedShape| match &clipped.shape {
        egui::Shape::Text(text) => Some(text.galley.text().to_owned()),
        _ => None,
    };
    shapes.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

fn key(key: egui::Key) -> Vec<egui::Event> {
    let modifiers = egui::Modifiers::NONE;
    let event = |pressed| egui::Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    vec![event(true), event(false)]
}

fn print(what: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("trend, {what}: median {:.2} ms, 95 % {:.2} ms, longest {:.2} ms a frame", at(0.5), at(0.95), at(1.0));
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), station_file()).unwrap();
    write_history(folder.path());
    let station = Station::start(folder.path(), None).unwrap();
    let context = egui::Context::default();
    context.enable_accesskit();
    let mut app = App::new(&context, station.handle().clone(), None);
    app.show(View::Trends);
    let mut bench = Bench { context, app, time: 0.0, texts: String::new() };
    // The group of all pens is opened as an operator opens it.
    bench.frame(Vec::new());
    bench.frame(key(egui::Key::T));
    bench.frame(Vec::new());
    bench.frame(vec![egui::Event::Text("All".to_owned())]);
    bench.frame(key(egui::Key::Enter));
    let end = Instant::now() + Duration::from_secs(60);
    let drawn = loop {
        let (_, triangles) = bench.frame(Vec::new());
        let known = bench.texts.matches("mean ").count();
        if known >= PENS as usize {
            break triangles;
        }
        assert!(Instant::now() < end, "history does not come: {}", bench.texts);
        std::thread::sleep(Duration::from_millis(20));
    };
    let first = TagKey::from("pen-0");
    let [from, to] = [station.handle().now().utc.minus(Duration::from_secs(SECONDS)), station.handle().now().utc];
    let count =
        station.handle().ask(move |context, _| context.samples().unwrap().samples(&first, from, to).unwrap().len());
    let count = count.wait_blocking().unwrap();
    println!("{PENS} pens with {count} samples each in the window, {drawn} triangles");
    let mut times: Vec<f64> = (0..200).map(|_| bench.frame(Vec::new()).0).collect();
    print("live, 1920x1080", &mut times);
    let mut times: Vec<f64> = (0..100).map(|_| bench.frame(key(egui::Key::ArrowLeft)).0).collect();
    print("panning by a quarter in every frame", &mut times);
    drop(bench);
    station.stop();
}
