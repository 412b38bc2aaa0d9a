//! The Modbus client beside libmodbus, against one server in C: processor time per register and registers a second, as the median ratio of
//! interleaved runs. Polder's figure is the whole way to the tag table: driver, queue and engine; libmodbus decodes into an array. Beside
//! them runs the least that such a client can cost here: epoll and the system calls in C, nothing checked, no table. And how late polls
//! begin. Linux only: it reads /proc. Needs a C compiler and libmodbus.
//!
//! `cargo bench --bench modbus`, or `cargo bench --bench modbus -- pairs 20`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use polder::audit::Draft;
use polder::command::Dispatch;
use polder::driver::modbus::{Device, Encoding, Inquiry, Kind, Order, Point, Quirks, Settings, Table, Transport};
use polder::driver::{ConnectionSettings, Drivers, LinkSettings, Port, Protocol};
use polder::engine::run::{Inlets, Outlets, run};
use polder::engine::{Engine, Event, Notice, Plan, Reply, ReplyId, Restored, Snapshot};
use polder::queue::{self, WhenFull};
use polder::station::SystemClock;
use polder::tag::{
    ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, HistoryRow, TagDefinition,
    TagId, WireKind,
};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const BLOCK: u16 = 125;

/// What one run does.
#[derive(Clone, Copy)]
struct Work {
    connections: usize,
    registers: usize,
    poll: Duration,
    in_flight: u8,
    kind: Kind,
    seconds: f64,
}

/// Keeps the newest picture and nothing else: the benchmark is about the way up to the tag table.
#[derive(Default)]
struct Nowhere(Arc<Mutex<Option<Arc<Snapshot>>>>);

impl Outlets for Nowhere {
    fn history(&mut self, rows: &mut Vec<HistoryRow>) {
        rows.clear();
    }
    fn records(&mut self, _: Vec<polder::alarm::Transition>, _: Vec<Draft>) -> Result<(), Vec<Draft>> {
        Ok(())
    }
    fn delays(&mut self, _: Vec<polder::alarm::DelayChange>) {}
    fn dispatch(&mut self, _: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch> {
        Err(dispatch)
    }
    fn message(&mut self, message: polder::command::MessageDispatch) -> Result<(), polder::audit::RequestId> {
        Err(message.id().clone())
    }
    fn off_scan(&mut self, _: polder::driver::OffScan) {}
    fn found(&mut self, _: Vec<polder::engine::FoundAt>) {}
    fn answer_link(&mut self, _: polder::driver::LinkAnswer) {}
    fn reply(&mut self, _: ReplyId, _: Reply) {}
    fn notices(&mut self, _: &Engine, _: &[HistoryRow], notices: &mut Vec<Notice>) {
        notices.clear();
    }
    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        *self.0.lock().unwrap() = Some(snapshot);
    }
}

fn device(slot: usize, work: Work) -> Device {
    let encoding = Encoding::new(work.kind, Order::Abcd);
    let size = usize::from(encoding.registers());
    // Blocks of 125 registers hold 62 floats: the last register of each stays unread.
    let per_block = usize::from(BLOCK) / size;
    let tags = work.registers / usize::from(BLOCK) * per_block;
    let point = |tag: usize| Point {
        tag: TagId((slot * tags + tag) as u32),
        table: Table::Holding,
        address: (tag / per_block * usize::from(BLOCK) + tag % per_block * size) as u16,
        encoding,
        scaling: None,
        poll: work.poll,
        not_available: None,
        readable: true,
    };
    Device {
        device: DeviceId(slot as u32),
        name: format!("device-{slot}").into(),
        unit: 1,
        points: (0..tags).map(point).collect(),
        gap: 0,
        max_registers: BLOCK,
        max_bits: 2000,
        pause: Duration::ZERO,
        timeout: None,
        quirks: Quirks::default(),
        heartbeat: None,
        identify: false,
    }
}

fn wires(port: u16, work: Work) -> (Vec<ConnectionSettings>, Directory) {
    let devices: Vec<Device> = (0..work.connections).map(|slot| device(slot, work)).collect();
    let tags = devices.iter().flat_map(|device| device.points.iter().map(|point| (device.device, point.tag)));
    let tags = tags.map(|(device, tag)| {
        let mut definition = TagDefinition::named(&format!("tag-{}", tag.0));
        definition.device = Some(device);
        definition
    });
    let definitions = devices.iter().map(|device| DeviceDefinition {
        name: Arc::clone(&device.name),
        connection: ConnectionId(device.device.0),
        station: None,
        area: None,
        address: "unit 1".into(),
    });
    let names = devices.iter().map(|device| ConnectionDefinition {
        name: Arc::clone(&device.name),
        address: "".into(),
        kind: WireKind::ModbusTcp,
        is_sparkplug_host: false,
    });
    let directory = Directory::new(tags.collect(), definitions.collect(), names.collect());
    let settings = devices.into_iter().map(|device| ConnectionSettings {
        connection: ConnectionId(device.device.0),
        name: Arc::clone(&device.name),
        link: LinkSettings::default(),
        protocol: Protocol::Modbus(Settings {
            only_via: None,
            transport: Transport::Tcp { host: "127.0.0.1".into(), port, tls: None },
            fallback: None,
            timeout: Duration::from_secs(2),
            pause: Duration::ZERO,
            in_flight: work.in_flight,
            devices: vec![device],
        }),
    });
    (settings.collect(), directory)
}

/// A read holds whole values: 62 floats, or 125 words.
fn registers_per_read(kind: Kind) -> u64 {
    let size = u64::from(Encoding::new(kind, Order::Abcd).registers());
    u64::from(BLOCK) / size * size
}

/// Nanoseconds of processor that all threads of this process have used.
fn processor() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let used = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    used.map(|text| text.split_whitespace().next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Reads answered so far, over all wires.
async fn answers(drivers: &Drivers, connections: usize) -> u64 {
    let mut all = 0;
    for connection in 0..connections {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        drivers.inquire(ConnectionId(connection as u32), Inquiry::Plan(sender)).unwrap();
        let plan = receiver.await.unwrap();
        all += plan.units[0].reads.iter().map(|read| read.answers).sum::<u64>();
    }
    all
}

/// Polder's side of a pair: driver tasks, the queue between, and the engine on its own thread.
fn measure(port: u16, work: Work) -> Value {
    let (settings, directory) = wires(port, work);
    let plan = Plan { generation: Generation(1), directory: Arc::new(directory), ..Plan::default() };
    let clock: Arc<dyn polder::tag::Clock> = Arc::new(SystemClock::new());
    let (urgent, urgent_inbox) = queue::bounded("urgent", 64, WhenFull::Refuse);
    let (field, field_inbox) = queue::bounded("field", 1024, WhenFull::Wait);
    let engine = Engine::new(Arc::new(plan), Restored::default());
    let (engine_clock, newest) = (Arc::clone(&clock), Arc::new(Mutex::new(None)));
    let mut outlets = Nowhere(Arc::clone(&newest));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(engine, Inlets { urgent: urgent_inbox, field: field_inbox }, engine_clock, &mut outlets));
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (reads, seconds, busy) = runtime.block_on(async {
        let mut drivers = Drivers::default();
        drivers.reconfigure(settings, &Port::new(field, clock), Generation(1));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (before, begun, used) = (answers(&drivers, work.connections).await, Instant::now(), processor());
        tokio::time::sleep(Duration::from_secs_f64(work.seconds)).await;
        let after = answers(&drivers, work.connections).await;
        let result = (after - before, begun.elapsed().as_secs_f64(), processor() - used);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        result
    });
    let (lateness, overruns) = lateness(newest.lock().unwrap().as_ref().unwrap());
    let _ = urgent.try_send(Event::Stop);
    thread.join().unwrap();
    let registers = reads * registers_per_read(work.kind);
    json!({"reads": reads, "registers": registers, "seconds": seconds, "cpu_seconds": busy / 1e9, "lateness_micros": lateness, "overruns": overruns})
}

/// The worst of the devices' lateness (99 of 100 polls), and all overruns.
fn lateness(snapshot: &Snapshot) -> (u32, u64) {
    let late = snapshot.devices.iter().filter_map(|device| device.statistics.lateness_micros).max();
    (late.unwrap_or_default(), snapshot.devices.iter().map(|device| device.statistics.overruns).sum())
}

struct Rivals {
    folder: PathBuf,
    server: Child,
    port: u16,
}

impl Rivals {
    fn start(change: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/rivals");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/build.sh");
        assert!(Command::new(script).arg(&folder).status().unwrap().success(), "the rivals were not built");
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut server = Command::new("taskset");
        server.args(["-c", "0"]).arg(folder.join("modbus_server")).args([&port.to_string(), "--change", change]);
        let server = server.stdout(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Self { folder, server, port }
    }

    fn libmodbus(&self, connections: usize, seconds: f64, kind: &str) -> Value {
        let registers = registers_per_read(if kind == "f32" { Kind::F32 } else { Kind::U16 }).to_string();
        let arguments = [self.port.to_string(), connections.to_string(), seconds.to_string(), registers, kind.into()];
        on_one_core(Command::new("taskset").args(["-c", "1"]).arg(self.folder.join("libmodbus_client")).args(arguments))
    }

    /// The mark beyond which nothing can be gained.
    fn limit(&self, connections: usize, in_flight: u8, seconds: f64, kind: &str) -> Value {
        let registers = registers_per_read(if kind == "f32" { Kind::F32 } else { Kind::U16 }).to_string();
        let (connections, in_flight) = (connections.to_string(), in_flight.to_string());
        let arguments = [self.port.to_string(), connections, seconds.to_string(), registers, in_flight];
        on_one_core(Command::new("taskset").args(["-c", "1"]).arg(self.folder.join("limit_client")).args(arguments))
    }

    fn polder(&self, connections: usize, registers: usize, in_flight: u8, seconds: f64, kind: &str) -> Value {
        let numbers = [self.port.to_string(), connections.to_string(), registers.to_string(), in_flight.to_string()];
        let mut command = Command::new("taskset");
        command.args(["-c", "1"]).arg(std::env::current_exe().unwrap()).arg("client").args(numbers);
        on_one_core(command.args([&seconds.to_string(), kind, "1"]))
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn on_one_core(command: &mut Command) -> Value {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{command:?}: {text}"))
}

fn per_register(run: &Value) -> f64 {
    run["cpu_seconds"].as_f64().unwrap() / run["registers"].as_f64().unwrap()
}

fn rate(run: &Value) -> f64 {
    run["registers"].as_f64().unwrap() / run["seconds"].as_f64().unwrap()
}

fn interval(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    format!("{:.2} [{:.2} to {:.2}]", ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1])
}

/// Interleaved runs, so that what else the machine does hits all of them.
fn compare(
    rivals: &Rivals,
    count: usize,
    connections: usize,
    registers: usize,
    in_flight: u8,
    kind: &str,
    change: &str,
) {
    let (mut costs, mut speeds, mut least, mut last) = (Vec::new(), Vec::new(), Vec::new(), (0.0, 0.0, 0.0));
    for _ in 0..count {
        let theirs = rivals.libmodbus(connections, 1.0, kind);
        let ours = rivals.polder(connections, registers, in_flight, 1.0, kind);
        let bare = rivals.limit(connections, in_flight, 1.0, kind);
        costs.push(per_register(&ours) / per_register(&theirs));
        least.push(per_register(&bare) / per_register(&theirs));
        speeds.push(rate(&ours) / rate(&theirs));
        last = (rate(&ours), rate(&theirs), rate(&bare));
    }
    println!(
        "modbus: {connections} connections, {in_flight} in flight, {kind} ({} registers a tag), {change} % change: \
         processor per register {} x libmodbus (the bare system calls: {}), registers/s {} x \
         ({:.0}k beside {:.0}k, the bare system calls {:.0}k in the last round)",
        if kind == "f32" { 2 } else { 1 },
        interval(costs),
        interval(least),
        interval(speeds),
        last.0 / 1e3,
        last.1 / 1e3,
        last.2 / 1e3,
    );
}

fn client(arguments: &[String]) {
    let number = |place: usize| arguments[place].parse::<usize>().unwrap();
    let work = Work {
        connections: number(1),
        registers: number(2),
        in_flight: number(3) as u8,
        seconds: arguments[4].parse().unwrap(),
        kind: if arguments[5] == "f32" { Kind::F32 } else { Kind::U16 },
        poll: Duration::from_millis(number(6) as u64),
    };
    println!("{}", measure(number(0) as u16, work));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == "client") {
        return client(&arguments[1..]);
    }
    let count = match arguments.as_slice() {
        [word, count, ..] if word == "pairs" => count.parse().unwrap(),
        _ => 10,
    };
    for change in ["10", "100"] {
        let rivals = Rivals::start(change);
        compare(&rivals, count, 1, 2000, 1, "u16", change);
        compare(&rivals, count, 1, 2000, 1, "f32", change);
        compare(&rivals, count, 32, 2000, 1, "u16", change);
        // So many registers that a pass outlasts the rest of a millisecond before the next one many times.
        compare(&rivals, count, 1, 32_000, 8, "u16", change);
    }
    let rivals = Rivals::start("10");
    for (connections, registers, poll) in [(1, 1000, 1000), (200, 500, 100)] {
        let (poll, seconds) = (Duration::from_millis(poll), 20.0);
        let work = Work { connections, registers, poll, in_flight: 1, kind: Kind::U16, seconds };
        let run = measure(rivals.port, work);
        println!(
            "modbus: {connections} devices x {registers} registers every {} ms: 99 of 100 polls begin within {:.1} ms, {} overruns, {:.1} % of a core",
            poll.as_millis(),
            run["lateness_micros"].as_f64().unwrap() / 1e3,
            run["overruns"],
            run["cpu_seconds"].as_f64().unwrap() / run["seconds"].as_f64().unwrap() * 100.0,
        );
    }
}
