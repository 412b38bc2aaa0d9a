//! The program without a window against a Modbus server in this process: time from start to the first request, and processor and memory for
//! 1,000 registers a second with all of them kept in history. Linux only: it reads /proc.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Seen {
    first: Mutex<Option<Instant>>,
    requests: AtomicU64,
}

/// Answers reads of holding registers; every value is another one each second.
fn serve(seen: Arc<Seen>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::Builder::new()
        .spawn(move || {
            let started = Instant::now();
            for stream in listener.incoming() {
                let (mut stream, seen) = (stream.unwrap(), Arc::clone(&seen));
                stream.set_nodelay(true).unwrap();
                std::thread::Builder::new()
                    .spawn(move || {
                        let mut request = [0; 12];
                        while stream.read_exact(&mut request).is_ok() {
                            seen.first.lock().unwrap().get_or_insert_with(Instant::now);
                            seen.requests.fetch_add(1, Ordering::Relaxed);
                            let count = usize::from(request[11]);
                            let second = started.elapsed().as_secs() as u16;
                            let mut answer = request[..5].to_vec();
                            answer.extend([(3 + count * 2) as u8, request[6], request[7], (count * 2) as u8]);
                            (0..count)
                                .for_each(|place| answer.extend((second.wrapping_mul(7) ^ place as u16).to_be_bytes()));
                            if stream.write_all(&answer).is_err() {
                                break;
                            }
                        }
                    })
                    .unwrap();
            }
        })
        .unwrap();
    port
}

fn station(port: u16, tags: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tags: Vec<_> = (0..tags)
        .map(|number| json!({"name": format!("tag-{number}"), "device": "d", "register": format!("holding:{number}")}))
        .collect();
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": format!("127.0.0.1:{port}")}}],
        "devices": [{"name": "d", "connection": "c", "poll": "1s"}], "tags": tags});
    std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
    folder
}

fn start(folder: &tempfile::TempDir) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polder"));
    command.args(["run", folder.path().to_str().unwrap(), "--headless"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Processor seconds so far, and resident megabytes.
fn usage(child: &Child) -> (f64, f64) {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let memory = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap();
    (ticks / 100.0, memory / 1024.0)
}

fn main() {
    let mut times = Vec::new();
    for _ in 0..5 {
        let seen = Arc::new(Seen::default());
        let folder = station(serve(Arc::clone(&seen)), 1000);
        let begun = Instant::now();
        let mut child = start(&folder);
        while seen.first.lock().unwrap().is_none() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(seen.first.lock().unwrap().unwrap().duration_since(begun).as_secs_f64() * 1000.0);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    times.sort_by(f64::total_cmp);
    println!("headless: start to first request {:.0} ms (median of 5, longest {:.0} ms)", times[2], times[4]);
    let seen = Arc::new(Seen::default());
    let folder = station(serve(Arc::clone(&seen)), 1000);
    let mut child = start(&folder);
    std::thread::sleep(Duration::from_secs(5));
    let (before, begun, asked) = (usage(&child).0, Instant::now(), seen.requests.load(Ordering::Relaxed));
    std::thread::sleep(Duration::from_secs(30));
    let ((after, memory), seconds) = (usage(&child), begun.elapsed().as_secs_f64());
    let rate = (seen.requests.load(Ordering::Relaxed) - asked) as f64 / seconds;
    println!(
        "headless: 1,000 registers a second, all kept: {:.2} % of a core, {memory:.1} MB, {rate:.1} requests/s",
        (after - before) / seconds * 100.0
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
