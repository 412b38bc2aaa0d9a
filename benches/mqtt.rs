//! The MQTT session beside rumqttc, against one broker that does nothing but send: messages a second and processor time per message, as the
//! median ratio of interleaved runs. Polder's figure is the whole way to the tag table (session, intake, queue, engine), and the session
//! alone; rumqttc's is its bare event loop that counts. Then both at 10,000 messages a second, one at a time, which is what a broker's
//! subscriber meets: there the session waits up to 2 ms and reads many at once. Linux only: it reads /proc and pins with taskset.
//!
//! `cargo bench --bench mqtt`, or `cargo bench --bench mqtt -- pairs 20`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use polder::audit::{Draft, RequestId};
use polder::command::{Dispatch, MessageDispatch};
use polder::driver::mqtt::session::Event as Told;
use polder::driver::mqtt::{Client, Device, Options, Persistence, Point, QoS, Settings, Subscription, Version};
use polder::driver::socket::Endpoint;
use polder::driver::{ConnectionSettings, Drivers, LinkSettings, Port, Protocol};
use polder::engine::run::{Inlets, Outlets, run};
use polder::engine::{Engine, Event, FoundAt, Notice, Plan, Reply, ReplyId, Restored, Snapshot};
use polder::queue::{self, WhenFull};
use polder::station::SystemClock;
use polder::tag::{
    Clock, ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, HistoryRow,
    TagDefinition, TagId, WireKind,
};
use serde_json::{Value, json};
use std::io::{BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOPICS: u64 = 1000;
const PAYLOAD_BYTES: usize = 100;
/// The topic of the last message; it sorts behind all others, so that a subscription to it is the last one.
const LAST: &str = "bench/z";
/// Messages of QoS 1 that wait for their acknowledgement.
const WINDOW: u64 = 100;

/// What the broker sends.
#[derive(Clone, Copy)]
struct Load {
    messages: u64,
    qos: u8,
    /// From one message to the next; as fast as it goes where it is zero.
    gap: Duration,
}

/// Serves one subscriber: takes it, grants what it asks for, and sends.
fn broker(listener: &TcpListener, load: Load) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    loop {
        let (first, body) = packet(&mut stream);
        match first >> 4 {
            1 => stream.write_all(&[0x20, 2, 0, 0]).unwrap(),
            8 => {
                let (codes, is_last) = granted(&body[2..]);
                let answer = [&[0x90, (codes + 2) as u8, body[0], body[1]][..], &vec![load.qos; codes]].concat();
                stream.write_all(&answer).unwrap();
                if is_last {
                    break;
                }
            }
            other => panic!("packet {other}"),
        }
    }
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (mut reader, counter) = (stream.try_clone().unwrap(), Arc::clone(&acknowledged));
    let acknowledgements = std::thread::spawn(move || {
        let (mut buffer, mut bytes) = ([0; 65536], 0);
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            bytes += count as u64;
            counter.store(bytes / 4, Ordering::Release);
        }
    });
    send(stream, load, &acknowledged);
    acknowledgements.join().unwrap();
}

fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut byte = [0; 1];
    stream.read_exact(&mut byte).unwrap();
    let (first, mut length) = (byte[0], 0);
    for place in 0.. {
        stream.read_exact(&mut byte).unwrap();
        length |= usize::from(byte[0] & 0x7F) << (7 * place);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (first, body)
}

/// How many filters there are, and whether the last topic is among them.
fn granted(mut filters: &[u8]) -> (usize, bool) {
    let (mut count, mut is_last) = (0, false);
    while let Some((length, rest)) = filters.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        is_last |= &rest[..length] == LAST.as_bytes() || &rest[..length] == b"bench/#";
        filters = &rest[length + 1..];
        count += 1;
    }
    (count, is_last)
}

fn send(stream: TcpStream, load: Load, acknowledged: &AtomicU64) {
    let mut out = BufWriter::with_capacity(if load.gap.is_zero() { 1 << 16 } else { 1 }, stream);
    let (begun, mut message) = (Instant::now(), Vec::new());
    for number in 0..load.messages {
        let topic = if number + 1 == load.messages { LAST.to_owned() } else { format!("bench/t{}", number % TOPICS) };
        write_message(&mut message, &topic, number, load.qos);
        while !load.gap.is_zero() && begun.elapsed() < load.gap * number as u32 {
            std::hint::spin_loop();
        }
        if load.qos > 0 && number >= acknowledged.load(Ordering::Acquire) + WINDOW {
            out.flush().unwrap();
            while number >= acknowledged.load(Ordering::Acquire) + WINDOW {
                std::thread::yield_now();
            }
        }
        out.write_all(&message).unwrap();
    }
    out.flush().unwrap();
}

fn write_message(message: &mut Vec<u8>, topic: &str, number: u64, qos: u8) {
    let length = 2 + topic.len() + if qos > 0 { 2 } else { 0 } + PAYLOAD_BYTES;
    message.clear();
    message.extend([0x30 | qos << 1, length as u8]);
    if length > 127 {
        message[1] = (length & 0x7F) as u8 | 0x80;
        message.push((length >> 7) as u8);
    }
    message.extend((topic.len() as u16).to_be_bytes());
    message.extend(topic.as_bytes());
    if qos > 0 {
        message.extend(((number % 60_000) as u16 + 1).to_be_bytes());
    }
    write!(message, "{:<PAYLOAD_BYTES$}", format!("{}.5", number % 997)).unwrap();
}

fn options() -> Options {
    Options {
        version: Version::V3,
        client_id: "bench".into(),
        login: None,
        persistence: Persistence::Clean,
        keep_alive: Duration::from_secs(600),
        timeout: Duration::from_secs(10),
        receive_maximum: 1000,
        will: None,
    }
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint { host: "127.0.0.1".into(), port, tls: None, only_via: None }
}

/// Keeps the newest picture and nothing else.
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
    fn message(&mut self, message: MessageDispatch) -> Result<(), RequestId> {
        Err(message.id().clone())
    }
    fn off_scan(&mut self, _: polder::driver::OffScan) {}
    fn reply(&mut self, _: ReplyId, _: Reply) {}
    fn notices(&mut self, _: &Engine, _: &[HistoryRow], notices: &mut Vec<Notice>) {
        notices.clear();
    }
    fn found(&mut self, _: Vec<FoundAt>) {}
    fn answer_link(&mut self, _: polder::driver::LinkAnswer) {}
    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        *self.0.lock().unwrap() = Some(snapshot);
    }
}

fn plant(port: u16, qos: u8) -> (ConnectionSettings, Directory) {
    let topic = |tag: u64| if tag == TOPICS { LAST.to_owned() } else { format!("bench/t{tag}") };
    let point = |tag: u64| Point::plain(TagId(tag as u32), &topic(tag));
    let tags = (0..=TOPICS).map(|tag| {
        let mut definition = TagDefinition::named(&format!("tag-{tag}"));
        definition.device = Some(DeviceId(0));
        definition
    });
    let device = DeviceDefinition {
        name: "bench".into(),
        connection: ConnectionId(0),
        station: None,
        area: None,
        address: "topics".into(),
    };
    let wire = ConnectionDefinition {
        name: "bench".into(),
        address: "".into(),
        kind: WireKind::Mqtt,
        is_sparkplug_host: false,
    };
    let settings = Settings {
        endpoint: endpoint(port),
        options: options(),
        packet_limit: 1_000_000,
        qos: QoS::from_number(qos).unwrap(),
        devices: vec![Device { points: (0..=TOPICS).map(point).collect(), ..Device::new(DeviceId(0)) }],
        sparkplug: None,
        edge: None,
        asks: Box::default(),
    };
    let connection = ConnectionSettings {
        connection: ConnectionId(0),
        name: "bench".into(),
        link: LinkSettings::default(),
        protocol: Protocol::Mqtt(settings),
    };
    (connection, Directory::new(tags.collect(), vec![device], vec![wire]))
}

/// The whole way to the tag table.
fn whole(port: u16, qos: u8) {
    let (connection, directory) = plant(port, qos);
    let plan = Plan { generation: Generation(1), directory: Arc::new(directory), ..Plan::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
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
    runtime.block_on(async {
        let mut drivers = Drivers::default();
        drivers.reconfigure(vec![connection], &Port::new(field, clock), Generation(1));
        let arrived = || {
            let newest = newest.lock().unwrap();
            newest.as_ref().is_some_and(|snapshot| snapshot.value(TagId(TOPICS as u32)).is_some())
        };
        while !arrived() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let _ = urgent.try_send(Event::Stop);
    thread.join().unwrap();
}

/// Polder's session, which counts.
fn session(port: u16, qos: u8) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = Client::new(endpoint(port), options(), 1_000_000, Arc::new(SystemClock::new()));
        client.want(vec![Subscription::new("bench/#", QoS::from_number(qos).unwrap())]).unwrap();
        client.connect().await.unwrap();
        loop {
            client.turn().await.unwrap();
            while let Some(event) = client.event() {
                let Told::Message(message) = event else { continue };
                if let Some(receipt) = message.receipt {
                    client.acknowledge(receipt).unwrap();
                }
                if &*message.topic == LAST {
                    return;
                }
            }
        }
    });
}

/// rumqttc's event loop, which counts.
fn rumqttc(port: u16, qos: u8) {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = MqttOptions::new("bench", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(600));
        options.set_max_packet_size(1_000_000, 1_000_000);
        let (client, mut events) = AsyncClient::new(options, 64);
        client.subscribe("bench/#", rumqttc::qos(qos).unwrap()).await.unwrap();
        loop {
            if let Event::Incoming(Packet::Publish(message)) = events.poll().await.unwrap()
                && message.topic == LAST
            {
                return;
            }
        }
    });
}

/// Seconds of processor that this process has used.
fn processor() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let used = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    used.map(|text| text.split_whitespace().next().unwrap().parse::<f64>().unwrap()).sum::<f64>() / 1e9
}

/// One side of a comparison, in a process of its own: its processor time is its own then. The threads of the whole way end before it is
/// read, so they are asked for their time through their parent's clock.
fn client(arguments: &[String]) {
    let (port, qos) = (arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let begun = Instant::now();
    match arguments[0].as_str() {
        "whole" => whole(port, qos),
        "session" => session(port, qos),
        _ => rumqttc(port, qos),
    }
    println!("{}", json!({"seconds": begun.elapsed().as_secs_f64(), "cpu_seconds": processor_of_all()}));
}

/// User and system time of this process with the threads that have ended, in ticks of 10 ms; exact enough over seconds.
fn processor_of_all() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    (ticks / 100.0).max(processor())
}

fn measure(kind: &str, load: Load) -> Value {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let serving = std::thread::spawn(move || broker(&listener, load));
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(std::env::current_exe().unwrap()).args(["client", kind, &port]);
    let output = command.arg(load.qos.to_string()).stderr(Stdio::inherit()).output().unwrap();
    serving.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{kind}: {text}"))
}

fn number(run: &Value, key: &str) -> f64 {
    run[key].as_f64().unwrap()
}

fn interval(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    format!("{:.2} [{:.2} to {:.2}]", ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1])
}

fn compare(kind: &str, load: Load, pairs: usize) {
    let (mut speeds, mut costs, mut last) = (Vec::new(), Vec::new(), (0.0, 0.0, 0.0, 0.0));
    for _ in 0..pairs {
        let (ours, theirs) = (measure(kind, load), measure("rumqttc", load));
        speeds.push(number(&theirs, "seconds") / number(&ours, "seconds"));
        costs.push(number(&ours, "cpu_seconds") / number(&theirs, "cpu_seconds"));
        let rate = |run: &Value| load.messages as f64 / number(run, "seconds");
        let cost = |run: &Value| number(run, "cpu_seconds") * 1e6 / load.messages as f64;
        last = (rate(&ours), rate(&theirs), cost(&ours), cost(&theirs));
    }
    let way = if kind == "whole" { "to the tag table" } else { "the session alone" };
    let pace = if load.gap.is_zero() { "as fast as it goes" } else { "10,000 a second" };
    println!(
        "mqtt: QoS {}, {PAYLOAD_BYTES} bytes, {pace}, {way}: messages/s {} x rumqttc's bare loop, processor per message {} x \
         ({:.0}k beside {:.0}k a second, {:.2} beside {:.2} us in the last round)",
        load.qos,
        interval(speeds),
        interval(costs),
        last.0 / 1e3,
        last.1 / 1e3,
        last.2,
        last.3,
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == "client") {
        return client(&arguments[1..]);
    }
    let pairs = match arguments.as_slice() {
        [word, count, ..] if word == "pairs" => count.parse().unwrap(),
        _ => 10,
    };
    for (qos, messages) in [(0, 2_000_000), (1, 500_000)] {
        for kind in ["session", "whole"] {
            compare(kind, Load { messages, qos, gap: Duration::ZERO }, pairs);
        }
    }
    for kind in ["session", "whole"] {
        compare(kind, Load { messages: 30_000, qos: 0, gap: Duration::from_micros(100) }, pairs);
    }
}
