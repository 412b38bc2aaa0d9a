//! The tools of the window: the devices and their wires, where a value comes from, loop checks. Some need a station that really runs,
//! against a small device of their own.

mod devices;
mod tags;
mod trend;

use crate::support::{DEADLINE, Folder};
use crate::views::{nothing_is_covered, nothing_is_cut, show, texts};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use polder::gui::{App, View};
use polder::station::Station;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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

fn serve(mut stream: TcpStream) {
    let mut head = [0; 7];
    while stream.read_exact(&mut head).is_ok() {
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
        if stream.read_exact(&mut pdu).is_err() {
            return;
        }
        let word = |place: usize| u16::from_be_bytes([pdu[place], pdu[place + 1]]);
        let answer = match pdu[0] {
            3 | 4 if word(1) < 1000 => {
                let values = (word(1)..word(1) + word(3)).flat_map(|address| register(address).to_be_bytes());
                let bytes: Vec<u8> = values.collect();
                [vec![pdu[0], bytes.len() as u8], bytes].concat()
            }
            3 | 4 => vec![pdu[0] | 0x80, 2],
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
fn small_device() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// A station that runs, and the window on it.
struct Live {
    window: Harness<'static, App>,
    _station: Station,
    folder: Folder,
}

impl Live {
    fn start() -> Self {
        let speed = json!({"name": "speed", "device": "pump", "register": "input:0", "type": "u16", "unit": "rpm"});
        Self::start_with(&json!([speed]), &json!([]))
    }

    /// With these tags and trends in its station file.
    fn start_with(tags: &serde_json::Value, trends: &serde_json::Value) -> Self {
        let address = format!("127.0.0.1:{}", small_device());
        let folder = Folder::new(&json!({
            "connections": [{"name": "plc", "modbus": {"tcp": address}}],
            "devices": [{"name": "pump", "connection": "plc", "unit": 7, "poll": "100ms"}],
            "tags": tags, "trends": trends}));
        let station = Station::start(&folder.path, None).unwrap();
        let handle = station.handle().clone();
        let window = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_max_steps(20)
            .build_eframe(move |creation| App::new(&creation.egui_ctx, handle, None));
        Self { window, _station: station, folder }
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

    fn click(&mut self, label: &str) {
        self.window.get_by_label(label).click();
        self.window.run_steps(3);
    }

    /// Nothing is cut, covered or without a name.
    fn is_readable(&self, what: &str) {
        assert!(self.window.unnamed_widgets().is_empty(), "{what}: {:?}", self.window.unnamed_widgets());
        nothing_is_cut(&self.window, what);
        nothing_is_covered(&self.window, what);
    }

    fn open_device(&mut self) {
        show(&mut self.window, View::Devices);
        self.wait(&["pump"]);
        self.window.get_by_label_contains("pump, plc, unit 7").click();
        self.window.run_steps(3);
    }
}
