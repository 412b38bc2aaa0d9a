//! The MQTT session beside rumqttc and mqtt.js, against one broker that does nothing but send: messages a second and processor time per
//! message, as the median ratio of interleaved runs. Polder's figure is the whole way to the tag table (session, intake, queue, engine), and
//! the session alone; the others are bare loops that count. Then at 10,000 messages a second, one at a time, which is what a broker's
//! subscriber meets: there the session rests up to 2 ms and reads many at once. Once more the same through a real mosquitto, with a publisher
//! in a process of its own; and how old a message is when it is there. Linux only: it reads /proc and pins with taskset.
//!
//! `cargo bench --bench mqtt`, or `cargo bench --bench mqtt -- pairs 20`, with `only blast`, `only paced`, `only mqttjs` or `only mosquitto`
//! behind that. What needs mosquitto or node says so and is left out where they are missing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod common {
    pub(crate) mod account;
    pub(crate) mod ends;
    pub(crate) mod figures;
    pub(crate) mod mosquitto;
}

use common::account::{self, Account, stamp};
use common::ends::{Ends, OrNowhere};
use common::figures::interval;
use common::mosquitto;
use polder::driver::mqtt::session::Event as Told;
use polder::driver::mqtt::{
    Acknowledge, Client, Device, Options, Persistence, Point, QoS, Settings, Subscription, Version,
};
use polder::driver::socket::Endpoint;
use polder::driver::{ConnectionSettings, Drivers, Link, LinkSettings, Port, Protocol};
use polder::engine::run::{Inlets, run};
use polder::engine::{Engine, Event, Plan, Restored, Snapshot};
use polder::queue::{self, WhenFull};
use polder::station::SystemClock;
use polder::tag::{
    Clock, ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, HistoryRow,
    TagDefinition, TagId, WireKind,
};
use serde_json::Value;
use std::io::{BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

const TOPICS: u64 = 1000;
const PAYLOAD_BYTES: usize = 100;
/// The topic of the last message; it sorts behind all others, so that a subscription to it is the last one.
const LAST: &str = "bench/z";
/// Messages of QoS 1 that wait for their acknowledgement.
const WINDOW: u64 = 100;
/// From one message to the next where they come one at a time.
const PACE: Duration = Duration::from_micros(100);
const PACED_MESSAGES: u64 = 30_000;

/// What the broker sends.
#[derive(Clone, Copy)]
struct Load {
    messages: u64,
    qos: u8,
    /// From one message to the next; as fast as it goes where it is zero.
    gap: Duration,
}

impl Load {
    /// As clients know it.
    fn way(self) -> &'static str {
        if self.gap.is_zero() { "blast" } else { "paced" }
    }
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
        while !load.gap.is_zero() && begun.elapsed() < load.gap * number as u32 {
            std::hint::spin_loop();
        }
        let value = if load.gap.is_zero() { format!("{}.5", number % 997) } else { stamp().to_string() };
        write_message(&mut message, &topic(number, load.messages), &value, number, load.qos);
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

/// The topic of a message out of so many.
fn topic(number: u64, messages: u64) -> String {
    if number + 1 >= messages { LAST.to_owned() } else { format!("bench/t{}", number % TOPICS) }
}

fn write_message(message: &mut Vec<u8>, topic: &str, value: &str, number: u64, qos: u8) {
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
    message.extend(value.as_bytes());
    message.resize(message.len() + PAYLOAD_BYTES - value.len(), b' ');
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
        acknowledge: Acknowledge::TakenIn,
        will: None,
    }
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint { host: "127.0.0.1".into(), port, tls: None, only_via: None, is_slow: false }
}

/// What becomes known behind the engine.
enum News {
    /// The subscriptions are there.
    Ready,
    /// The last message is in the tag table, and the delays of all.
    Arrived(Vec<u32>),
}

/// Looks at what went into the tag table, and at nothing else.
struct Watcher {
    news: SyncSender<News>,
    is_ready: bool,
    delays: Vec<u32>,
}

impl Ends for Watcher {
    fn history(&mut self, rows: &mut Vec<HistoryRow>) {
        let (now, mut is_last) = (stamp(), false);
        for row in rows.drain(..) {
            is_last |= row.tag == TagId(TOPICS as u32);
            let value = row.sample.value.and_then(|value| value.as_f64()).unwrap_or_default();
            self.delays.extend(account::delay(value, now));
        }
        if is_last {
            let _ = self.news.try_send(News::Arrived(std::mem::take(&mut self.delays)));
        }
    }
    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        if !self.is_ready && snapshot.devices.iter().any(|device| device.link == Link::Good) {
            self.is_ready = true;
            let _ = self.news.try_send(News::Ready);
        }
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
fn whole(port: u16, qos: u8, account: &mut Account) {
    let (connection, directory) = plant(port, qos);
    let plan = Plan { generation: Generation(1), directory: Arc::new(directory), ..Plan::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (urgent, urgent_inbox) = queue::bounded("urgent", 64, WhenFull::Refuse);
    let (field, field_inbox) = queue::bounded("field", 1024, WhenFull::Wait);
    let engine = Engine::new(Arc::new(plan), Restored::default());
    let engine_clock = Arc::clone(&clock);
    let (news, told) = sync_channel(2);
    let watcher = Watcher { news, is_ready: false, delays: Vec::with_capacity(account.expected()) };
    let mut outlets = OrNowhere(watcher);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(engine, Inlets { urgent: urgent_inbox, field: field_inbox }, engine_clock, &mut outlets));
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut drivers = Drivers::default();
    runtime.block_on(async { drivers.reconfigure(vec![connection], &Port::new(field, clock), Generation(1)) });
    follow(&told, account);
    drop((drivers, runtime));
    let _ = urgent.try_send(Event::Stop);
    thread.join().unwrap();
}

/// Waits without waking anybody.
fn follow(told: &Receiver<News>, account: &mut Account) {
    loop {
        match told.recv_timeout(Duration::from_secs(120)).expect("the last message did not arrive") {
            News::Ready => account.is_ready(),
            News::Arrived(delays) => return account.close(delays),
        }
    }
}

/// Polder's session, which counts.
fn session(port: u16, qos: u8, account: &mut Account) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = Client::new(endpoint(port), options(), 1_000_000, Arc::new(SystemClock::new()));
        client.want(vec![Subscription::new("bench/#", QoS::from_number(qos).unwrap())]).unwrap();
        client.connect().await.unwrap();
        loop {
            client.turn().await.unwrap();
            while let Some(event) = client.event() {
                let message = match event {
                    Told::Message(message) => message,
                    Told::Ready => {
                        account.is_ready();
                        continue;
                    }
                    _ => continue,
                };
                if let Some(receipt) = message.receipt {
                    client.acknowledge(receipt).unwrap();
                }
                account.note(&message.payload);
                if &*message.topic == LAST {
                    return;
                }
            }
        }
    });
    account.close(Vec::new());
}

/// rumqttc's event loop, which counts.
fn rumqttc(port: u16, qos: u8, account: &mut Account) {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = MqttOptions::new("bench", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(600));
        options.set_max_packet_size(1_000_000, 1_000_000);
        let (client, mut events) = AsyncClient::new(options, 64);
        client.subscribe("bench/#", rumqttc::qos(qos).unwrap()).await.unwrap();
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => account.is_ready(),
                Event::Incoming(Packet::Publish(message)) => {
                    account.note(&message.payload);
                    if message.topic == LAST {
                        return;
                    }
                }
                _ => {}
            }
        }
    });
    account.close(Vec::new());
}

/// One side of a comparison, in a process of its own: its processor time is its own then.
fn client(arguments: &[String]) {
    let (kind, port, qos) = (arguments[0].as_str(), arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let mut account = Account::open(&arguments[3]);
    match kind {
        "whole" => whole(port, qos, &mut account),
        "session" => session(port, qos, &mut account),
        "rumqttc" => rumqttc(port, qos, &mut account),
        _ => return mosquitto::publish(port),
    }
    println!("{}", account.figures());
}

/// The command of a client: the processor core that it has for itself, and what it is told.
fn client_command(kind: &str, port: u16, qos: u8, way: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]);
    match kind {
        "mqttjs" => command.arg("node").arg(rivals().join("mqttjs/client.js")),
        _ => command.arg(std::env::current_exe().unwrap()).args(["client", kind]),
    };
    command.args([port.to_string(), qos.to_string(), way.to_owned()]).stderr(Stdio::inherit());
    command
}

fn rivals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rivals")
}

/// Whether mqtt.js is there to be measured.
fn has_mqttjs() -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/build.sh");
    let built = Command::new(script).arg(rivals()).arg("mqttjs").stdout(Stdio::null()).status().unwrap().success();
    if !built {
        println!("mqtt: left out: mqtt.js, which could not be installed (it needs node, npm and its registry)");
    }
    built
}

fn measure(kind: &str, load: Load) -> Value {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || broker(&listener, load));
    let output = client_command(kind, port, load.qos, load.way()).output().unwrap();
    serving.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{kind}: {text}"))
}

fn number(run: &Value, key: &str) -> f64 {
    run[key].as_f64().unwrap()
}

/// Two clients, one after the other, again and again.
struct Comparison<'a> {
    ours: &'a str,
    theirs: &'a str,
    load: Load,
    /// What it goes through and how, in words.
    words: &'a str,
}

impl Comparison<'_> {
    fn run(&self, pairs: usize, measure: impl Fn(&str, Load) -> Value) {
        let (mut speeds, mut costs, mut last) = (Vec::new(), Vec::new(), None);
        for _ in 0..pairs {
            let (ours, theirs) = (measure(self.ours, self.load), measure(self.theirs, self.load));
            speeds.push(number(&theirs, "seconds") / number(&ours, "seconds"));
            costs.push(number(&ours, "cpu_seconds") / number(&theirs, "cpu_seconds"));
            last = Some((ours, theirs));
        }
        let Some((ours, theirs)) = last else { return };
        let messages = self.load.messages as f64;
        let rate = |run: &Value| messages / number(run, "seconds") / 1e3;
        let cost = |run: &Value| number(run, "cpu_seconds") * 1e6 / messages;
        println!(
            "mqtt: QoS {}, {PAYLOAD_BYTES} bytes, {}, {}: messages/s {} x {}, processor per message {} x ({:.0}k beside {:.0}k a second, \
             {:.2} beside {:.2} us in the last round)",
            self.load.qos,
            self.words,
            name(self.ours),
            interval(speeds),
            name(self.theirs),
            interval(costs),
            rate(&ours),
            rate(&theirs),
            cost(&ours),
            cost(&theirs),
        );
        if !self.load.gap.is_zero() {
            println!("      from sent to there: {}, beside {}", delay(&ours), delay(&theirs));
        }
    }
}

fn name(kind: &str) -> &str {
    match kind {
        "whole" => "to the tag table",
        "session" => "the session alone",
        "mqttjs" => "mqtt.js",
        _ => "rumqttc's bare loop",
    }
}

fn delay(run: &Value) -> String {
    let millis = |key: &str| run["delay_micros"][key].as_f64().unwrap() / 1e3;
    format!(
        "{:.2} ms (median; 99 of 100 {:.2}, worst {:.2})",
        millis("median"),
        millis("of_99_in_100"),
        millis("worst")
    )
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == "client") {
        return client(&arguments[1..]);
    }
    let word = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let pairs = word("pairs").map_or(10, |count| count.parse().unwrap());
    let is_wanted = |part: &str| word("only").is_none_or(|only| only == part);
    let blast = |qos, messages| Load { messages, qos, gap: Duration::ZERO };
    let paced = Load { messages: PACED_MESSAGES, qos: 0, gap: PACE };
    let has_mqttjs = (is_wanted("mqttjs") || is_wanted("mosquitto")) && has_mqttjs();
    for load in [blast(0, 2_000_000), blast(1, 500_000)].into_iter().filter(|_| is_wanted("blast")) {
        for ours in ["session", "whole"] {
            Comparison { ours, theirs: "rumqttc", load, words: "as fast as it goes" }.run(pairs, measure);
        }
    }
    // mqtt.js begins slowly and is compiled while it runs: a short flood shows that, a long one the rest.
    let (first, warm) = ("the first 80,000 as fast as they go", "as fast as it goes");
    let floods = [(blast(0, 80_000), first), (blast(0, 1_000_000), warm), (blast(1, 300_000), warm)];
    for (load, words) in floods.into_iter().filter(|_| has_mqttjs && is_wanted("mqttjs")) {
        Comparison { ours: "whole", theirs: "mqttjs", load, words }.run(pairs, measure);
    }
    for ours in ["session", "whole"].into_iter().filter(|_| is_wanted("paced")) {
        Comparison { ours, theirs: "rumqttc", load: paced, words: "10,000 a second" }.run(pairs, measure);
    }
    if is_wanted("mosquitto") {
        mosquitto::compare(paced, pairs, has_mqttjs);
    }
}
