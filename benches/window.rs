//! Processor of the whole program with its window at 1280x800 under software rendering (Xvfb): while it is minimised, while no value
//! changes, and while values change once a second. Linux only; needs Xvfb, openbox and xdotool.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn serve(moving: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::Builder::new()
        .spawn(move || {
            let started = Instant::now();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 12];
                while stream.read_exact(&mut request).is_ok() {
                    let count = usize::from(request[11]);
                    let value = if moving { started.elapsed().as_secs() as u16 } else { 7 };
                    let mut answer = request[..5].to_vec();
                    answer.extend([(3 + count * 2) as u8, request[6], request[7], (count * 2) as u8]);
                    (0..count).for_each(|place| answer.extend((value + place as u16).to_be_bytes()));
                    if stream.write_all(&answer).is_err() {
                        break;
                    }
                }
            }
        })
        .unwrap();
    port
}

struct Desktop {
    display: String,
    xvfb: Child,
    manager: Child,
}

impl Desktop {
    fn start() -> Self {
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1300x860x24"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is needed: tests/run installs it");
        let mut line = String::new();
        BufReader::new(xvfb.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let display = format!(":{}", line.trim());
        let manager = Command::new("openbox").env("DISPLAY", &display).stderr(Stdio::null()).spawn().unwrap();
        Self { display, xvfb, manager }
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        let _ = self.manager.kill();
        let _ = self.xvfb.kill();
        let _ = (self.manager.wait(), self.xvfb.wait());
    }
}

fn processor(child: &Child) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn measure(child: &Child, seconds: u64) -> f64 {
    std::thread::sleep(Duration::from_secs(4));
    let (before, begun) = (processor(child), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    (processor(child) - before) / begun.elapsed().as_secs_f64() * 100.0
}

fn run(moving: bool) -> (f64, f64) {
    let desktop = Desktop::start();
    let folder = tempfile::tempdir().unwrap();
    let tags: Vec<_> = (0..40).map(|number| json!({"name": format!("tag-{number}"), "device": "d", "register": format!("holding:{number}"), "range": [0, 100]})).collect();
    let station = json!({"station": {"name": "Bench"}, "connections": [{"name": "c", "modbus": {"tcp": format!("127.0.0.1:{}", serve(moving))}}],
        "devices": [{"name": "d", "connection": "c", "poll": "1s"}], "tags": tags});
    std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_polder"));
    command
        .args(["run", folder.path().to_str().unwrap()])
        .env("DISPLAY", &desktop.display)
        .env_remove("WAYLAND_DISPLAY");
    let mut child = command.env("LIBGL_ALWAYS_SOFTWARE", "1").stderr(Stdio::null()).spawn().unwrap();
    let window = desktop.xdotool(&["search", "--sync", "--onlyvisible", "--name", "Bench - Polder"]);
    let window = window.lines().next().unwrap().to_owned();
    desktop.xdotool(&["windowsize", "--sync", &window, "1280", "800"]);
    desktop.xdotool(&["windowactivate", "--sync", &window, "key", "ctrl+2"]);
    let shown = measure(&child, 20);
    desktop.xdotool(&["windowminimize", "--sync", &window]);
    let minimised = measure(&child, 15);
    child.kill().unwrap();
    child.wait().unwrap();
    (shown, minimised)
}

fn main() {
    let (still, minimised) = run(false);
    println!(
        "window: nothing changes {still:.2} %, minimised {minimised:.2} % of a core (the whole program, polling included)"
    );
    let (moving, minimised) = run(true);
    println!("window: 40 values change once a second {moving:.2} %, minimised {minimised:.2} % of a core");
}
