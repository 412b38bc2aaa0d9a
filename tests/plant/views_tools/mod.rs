//! The tools of the window: the devices and their wires, where a value comes from, loop checks. Some need a station that really runs,
//! against a small device of their own.

mod alarm_figures;
mod alarm_panel;
mod bad_actors;
mod bridges;
mod devices;
mod edge_nodes;
mod handover;
mod journal;
mod reload;
mod sheet;
mod tags;
mod topics;
mod trend;
mod units;

use crate::support::{DEADLINE, Folder};
use crate::views::{nothing_is_covered_from, nothing_is_cut, show, texts};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use polder::gui::{App, View};
use polder::station::Station;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Registers of the small device: 1450, and 21.5 as a float in the order of the standard; all others count up.
fn register(address: u16) -> u16 {
    match address {
        0 => 1450,
        1 => 0x41AC,
        2 => 0,
        other => other,
    }
}

/// What the small device was asked.
#[derive(Default)]
struct Asked {
    /// Requests to units that it is, and to units that it is not.
    known: AtomicUsize,
    silent: AtomicUsize,
}

/// It says who it is (function 43/14): vendor, product, revision.
fn identity(asked_for: u8) -> Vec<u8> {
    let objects = ["Acme", "P-7", "1.0"].iter().enumerate();
    let objects = objects.flat_map(|(number, words)| [&[number as u8, words.len() as u8], words.as_bytes()].concat());
    [vec![0x2B, 0x0E, asked_for, 1, 0, 0, 3], objects.collect()].concat()
}

fn serve(mut stream: TcpStream, asked: &Asked) {
    let mut head = [0; 7];
    while stream.read_exact(&mut head).is_ok() {
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
        if stream.read_exact(&mut pdu).is_err() {
            return;
        }
        // It is two units, and silent as any other.
        let is_known = [3, 7].contains(&head[6]);
        let count = if is_known { &asked.known } else { &asked.silent };
        count.fetch_add(1, Ordering::Relaxed);
        if !is_known {
            continue;
        }
        let word = |place: usize| u16::from_be_bytes([pdu[place], pdu[place + 1]]);
        let answer = match pdu[0] {
            3 | 4 if word(1) < 1000 => {
                let values = (word(1)..word(1) + word(3)).flat_map(|address| register(address).to_be_bytes());
                let bytes: Vec<u8> = values.collect();
                [vec![pdu[0], bytes.len() as u8], bytes].concat()
            }
            3 | 4 => vec![pdu[0] | 0x80, 2],
            0x2B => identity(pdu[2]),
            other => vec![other | 0x80, 1],
        };
        let length = (answer.len() as u16 + 1).to_be_bytes();
        let frame = [&head[..4], &length, &head[6..], &answer].concat();
        if stream.write_all(&frame).is_err() {
            return;
        }
    }
}

/// A device that ends with the test program.
fn small_device(asked: &Arc<Asked>) -> u16 {
    let asked = Arc::clone(asked);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || serve(stream, &asked));
        }
    });
    port
}

/// A station that runs, and the window on it.
struct Live {
    window: Harness<'static, App>,
    station: Station,
    folder: Folder,
    asked: Arc<Asked>,
}

impl Live {
    fn start() -> Self {
        Self::with_more_tags(&[])
    }

    /// With these tags and trends in its station file.
    fn start_with(tags: &serde_json::Value, trends: &serde_json::Value) -> Self {
        let asked = Arc::default();
        let mut plant = Self::plant(small_device(&asked), &[]);
        (plant["tags"], plant["trends"]) = (tags.clone(), trends.clone());
        Self { asked, ..Self::start_in(Folder::new(&plant)) }
    }

    fn start_on(port: u16) -> Self {
        Self::start_in(Folder::new(&Self::plant(port, &[])))
    }

    /// With these tags of the same device besides.
    fn with_more_tags(more: &[serde_json::Value]) -> Self {
        let asked = Arc::default();
        let port = small_device(&asked);
        Self { asked, ..Self::start_in(Folder::new(&Self::plant(port, more))) }
    }

    fn plant(port: u16, more: &[serde_json::Value]) -> serde_json::Value {
        let speed = json!({"name": "speed", "device": "pump", "register": "input:0", "type": "u16", "unit": "rpm"});
        let (address, tags) = (format!("127.0.0.1:{port}"), [&[speed], more].concat());
        json!({
            "connections": [{"name": "plc", "modbus": {"tcp": address}}],
            "devices": [{"name": "pump", "connection": "plc", "unit": 7, "poll": "100ms"}],
            "tags": tags})
    }

    fn start_in(folder: Folder) -> Self {
        let station = Station::start(&folder.path, None).unwrap();
        let handle = station.handle().clone();
        let window = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_max_steps(20)
            .build_eframe(move |creation| App::new(&creation.egui_ctx, handle, None));
        Self { window, station, folder, asked: Arc::default() }
    }

    /// Paints until a text holds all of these words.
    fn wait(&mut self, words: &[&str]) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            self.window.run_steps(1);
            let found = texts(&self.window).into_iter().find(|text| words.iter().all(|word| text.contains(word)));
            match found {
                Some(found) => return found,
                None => assert!(Instant::now() < end, "{words:?} never came: {:?}", texts(&self.window)),
            }
            std::thread::yield_now();
        }
    }

    /// Paints until something is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !is_so(self) {
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", texts(&self.window));
            self.window.run_steps(1);
            std::thread::yield_now();
        }
    }

    /// How often units were asked that nobody is.
    fn asked_for_units(&self) -> usize {
        self.asked.silent.load(Ordering::Relaxed)
    }

    /// Waits until the device was polled so many times more.
    fn polls(&mut self, count: usize) {
        let before = self.asked.known.load(Ordering::Relaxed);
        self.until("polls", |live| live.asked.known.load(Ordering::Relaxed) >= before + count);
    }

    /// Types a number into the field of this name.
    fn set_number(&mut self, field: &str, number: u16) {
        self.window.get_by_label(field).focus();
        self.window.run_steps(2);
        self.window.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.window.run_steps(1);
        self.window.get_by_label(field).type_text(&number.to_string());
        self.window.run_steps(2);
        self.window.key_press(Key::Enter);
        self.window.run_steps(2);
    }

    fn click(&mut self, label: &str) {
        self.window.get_by_label(label).click();
        self.window.run_steps(3);
    }

    /// Nothing is cut, covered or without a name, in a small window and in a large one.
    fn is_readable(&mut self, what: &str) {
        self.is_readable_from(what, "");
    }

    /// The same of a dialog with this title.
    fn is_readable_from(&mut self, what: &str, title: &str) {
        for size in [egui::vec2(1920.0, 1080.0), egui::vec2(1280.0, 800.0)] {
            self.window.set_size(size);
            self.window.run_steps(3);
            let what = format!("{what} {size:?}");
            assert!(self.window.unnamed_widgets().is_empty(), "{what}: {:?}", self.window.unnamed_widgets());
            nothing_is_cut(&self.window, &what);
            nothing_is_covered_from(&self.window, &what, title);
        }
    }

    fn open_device(&mut self) {
        show(&mut self.window, View::Devices);
        self.wait(&["pump"]);
        self.window.get_by_label_contains("pump, plc, unit 7").click();
        self.window.run_steps(3);
    }
}
