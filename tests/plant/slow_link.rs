//! A slow and lossy line: 800 ms from a packet to its answer, 32 kbit/s each way, and 5 of 100 packets lost, with the kernel's own TCP over
//! it. Devices behind it are read, set and counted.

use crate::mqtt::Broker;
use crate::namespaces::Namespace;
use crate::support::{Folder, Process, Station, words};
use serde_json::{Value, json};

/// One way, in milliseconds.
const DELAY: &str = "400";
const RATE: &str = "32000";
const LOSS: &str = "5";

/// The two ends of a line, and who carries packets between them.
struct Line {
    station: Namespace,
    far: Namespace,
    _ends: [Process; 2],
    _keep: tempfile::TempDir,
}

impl Line {
    fn new(test: &str) -> Option<Self> {
        Self::losing(test, LOSS)
    }

    /// One that loses so many of 100 packets.
    fn losing(test: &str, loss: &str) -> Option<Self> {
        let [station, far] = Namespace::pair(test)?;
        let keep = tempfile::tempdir().unwrap();
        let path = |name: &str| keep.path().join(name).to_str().unwrap().to_owned();
        let (near, away) = (path("near"), path("away"));
        let end = |side: &Namespace, name: &str, address: &str, own: &str, other: &str| {
            side.ip(&format!("tuntap add {name} mode tun"));
            side.ip(&format!("addr add {address} dev {name}"));
            side.ip(&format!("link set {name} mtu 1400 up"));
            let mut process = side.peer("slow_line.py", &[name, own, other, DELAY, RATE, loss]);
            process.wait("the line", |line| line.contains("ready").then_some(()));
            process
        };
        let ends =
            [end(&station, "modem0", "10.7.0.1/24", &near, &away), end(&far, "modem1", "10.7.0.2/24", &away, &near)];
        Some(Self { station, far, _ends: ends, _keep: keep })
    }

    fn start(&self, folder: &Folder) -> Station {
        let mut command = self.station.command(env!("CARGO_BIN_EXE_polder"));
        command.args(["run", folder.path.to_str().unwrap(), "--headless", "--events"]);
        Station { process: Process::start(&mut command), folder: folder.path.clone() }
    }

    /// Bytes that the kernel counted at the station's end, both ways.
    fn bytes(&self) -> u64 {
        let of = |direction: &str| {
            let path = format!("/sys/class/net/modem0/statistics/{direction}_bytes");
            self.station.run("cat", &[&path]).trim().parse::<u64>().unwrap()
        };
        of("rx") + of("tx")
    }
}

fn station(tags: Value, protocol: (&str, Value)) -> Folder {
    let mut connection = json!({"name": "site", "link": "slow", "budget": "20MB/month"});
    connection[protocol.0] = protocol.1;
    Folder::new(&json!({
        "station": {"name": "Test"}, "connections": [connection],
        "devices": [{"name": "far", "connection": "site"}], "tags": tags}))
}

/// What the station keeps of its only connection in its only month, headers included.
fn on_the_line(kept: &Value) -> u64 {
    let months = kept["connections"]["site"].as_object().unwrap();
    let month = months.values().next().unwrap();
    let number = |key: &str| month[key].as_u64().unwrap();
    number("sent") + number("received") + number("packets") * 52
}

/// A device that is lost, or a value that is bad.
fn is_trouble(event: &Value) -> bool {
    event["state"] == "lost" || (event["event"] == "sample" && event["quality"] == "bad")
}

#[test]
fn modbus_is_read_and_set_over_a_slow_line() {
    let Some(line) = Line::new("modbus_is_read_and_set_over_a_slow_line") else { return };
    let mut plc = line.far.peer("modbus_server.py", &["tcp", "1502", "--host", "10.7.0.2"]);
    plc.wait("the Modbus server", |line| line.contains("ready").then_some(()));
    let tags = json!([
        {"name": "level", "device": "far", "register": "holding:10", "poll": "2s"},
        {"name": "setpoint", "device": "far", "register": "holding:20", "command": {"within": "30s"}}]);
    let folder = station(tags, ("modbus", json!({"tcp": "10.7.0.2:1502"})));
    let mut running = line.start(&folder);
    running.wait_all_good(&["level", "setpoint"]);
    let mut troubles = 0;
    for value in 1..=5_u16 {
        crate::support::command(&mut plc, &json!({"set": {"table": "holding", "address": 10, "values": [value]}}));
        running.wait(&format!("level {value}"), |event| {
            troubles += u32::from(is_trouble(event));
            event["tag"] == "level" && event["value"] == value
        });
    }
    assert_eq!(troubles, 0, "a lost packet is no lost device");
    let output = running.tool(&["set", "setpoint", "7", "--reason", "test"]);
    assert_eq!((output.status.code(), words(&output).trim()), (Some(0), "verified: reads back 7"));
    running.wait("bytes", |event| event["tag"] == "station/links/site/month" && event["value"] != 0);
    let output = running.tool(&["links"]);
    assert!(
        words(&output).contains("over any interface") && words(&output).contains("% of 20.0 MB"),
        "{}",
        words(&output)
    );
    running.stop();
    let kept = std::fs::read_to_string(folder.path.join("traffic.json")).unwrap();
    let (kept, line) = (on_the_line(&serde_json::from_str(&kept).unwrap()), line.bytes());
    // Packets that are lost and sent again are known to the kernel alone.
    assert!((0.6..1.4).contains(&(kept as f64 / line as f64)), "{kept} bytes are told, and {line} went over the line");
}

#[test]
fn mqtt_comes_in_over_a_slow_line_and_goes_out() {
    let Some(line) = Line::new("mqtt_comes_in_over_a_slow_line_and_goes_out") else { return };
    let _broker = Broker::inside(&line.far, "10.7.0.2", 1883);
    let tags = json!([
        {"name": "level", "device": "far", "topic": "level"},
        {"name": "setpoint", "device": "far", "topic": "setpoint",
         "command": {"topic": "setpoint"}}]);
    let folder = station(tags, ("mqtt", json!({"url": "mqtt://10.7.0.2:1883"})));
    let mut running = line.start(&folder);
    running.wait("the broker", |event| event["device"] == "far" && event["state"] == "good");
    let mut troubles = 0;
    for value in 1..=5_u16 {
        let payload = value.to_string();
        line.far.run("mosquitto_pub", &["-h", "10.7.0.2", "-p", "1883", "-t", "level", "-m", &payload]);
        running.wait(&format!("level {value}"), |event| {
            troubles += u32::from(is_trouble(event));
            event["tag"] == "level" && event["value"] == value
        });
    }
    assert_eq!(troubles, 0, "a lost packet is no lost broker");
    let output = running.tool(&["set", "setpoint", "7", "--reason", "test"]);
    // The broker confirmed it; nobody reads it back.
    let words = words(&output);
    assert!(output.status.code() == Some(5) && words.contains("the device took it"), "{words}");
}

/// Texts of a kilobyte each, of which the line takes four a second.
const TEXTS: usize = 60;

/// A station that tells the far broker what comes from one beside it.
fn telling(url: &str, ca: &std::path::Path) -> Folder {
    let mut site = json!({"url": url, "will": {"topic": "gone", "payload": "yes"}});
    if url.starts_with("mqtts") {
        (site["ca"], site["server_name"]) = (json!(ca), json!("127.0.0.1"));
    }
    let texts = (0..TEXTS).map(|number| {
        json!({"name": format!("text/{number}"), "device": "near", "topic": "texts", "json": format!("/{number}"), "type": "string"})
    });
    let setpoint = json!({"name": "setpoint", "device": "far", "topic": "said", "command": {"topic": "setpoint", "within": "60s"}});
    Folder::new(&json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "link": "slow", "mqtt": site}, {"name": "here", "mqtt": {"url": "mqtt://127.0.0.1:1884"}}],
        "devices": [{"name": "far", "connection": "site"}, {"name": "near", "connection": "here"}],
        "tags": texts.chain([setpoint]).collect::<Vec<_>>(),
        "publications": [{"connection": "site", "tags": ["text/*"], "topic": "told/{tag}", "format": "value"}],
    }))
}

/// What the system has taken goes before a command, so it takes little.
fn a_command_overtakes(test: &str, scheme: &str, lines: &str) {
    let Some(line) = Line::losing(test, "0") else { return };
    let _here = Broker::inside(&line.station, "127.0.0.1", 1884);
    let (keep, at) = crate::tls::certificates();
    let ca = at("ca.pem");
    let _far = Broker::inside_with(
        &line.far,
        "10.7.0.2",
        1883,
        keep,
        &format!("allow_anonymous true\n{lines}listener 1999 127.0.0.1\n"),
    );
    let folder = telling(&format!("{scheme}://10.7.0.2:1883"), &ca);
    let mut running = line.start(&folder);
    let mut away = vec!["far", "near"];
    running.wait("both brokers", |event| {
        away.retain(|device| event["device"] != *device || event["state"] != "good");
        away.is_empty()
    });
    let mut heard = Process::start(
        line.far
            .command("stdbuf")
            .args("-oL mosquitto_sub -h 127.0.0.1 -p 1999 -d -v -t told/# -t setpoint".split(' ')),
    );
    heard.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
    let texts: Vec<String> = (0..TEXTS).map(|number| format!("{number:01000}")).collect();
    line.station.run("mosquitto_pub", &["-p", "1884", "-t", "texts", "-m", &json!(texts).to_string()]);
    let is_told = |line: &str| line.starts_with("told/").then_some(());
    for _ in 0..8 {
        heard.wait("what is told", is_told);
    }
    let begun = std::time::Instant::now();
    let (mut before, mut took) = (0, None);
    let path = folder.path.to_str().unwrap();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| crate::support::run(&["set", path, "setpoint", "7", "--reason", "test"]));
        heard.wait("the command", |line| {
            before += usize::from(is_told(line).is_some());
            (line == "setpoint 7").then_some(())
        });
        took = Some(begun.elapsed());
        let outcome = words(&asked.join().unwrap());
        assert!(outcome.contains("the device took it"), "{outcome}");
    });
    // A second of the line, half a round trip, and what came while the tool was started.
    assert!(before <= 12, "{before} texts of a kilobyte were told before the command, in {took:?}");
    heard.wait("what was told later", is_told);
    // Nor does the last word wait for what is stored anyhow.
    running.stop();
    let told = heard.seen().iter().filter(|line| is_told(line).is_some()).count();
    assert!(told < TEXTS, "the line was not full");
}

#[test]
fn a_command_overtakes_what_is_told() {
    a_command_overtakes("a_command_overtakes_what_is_told", "mqtt", "");
}

#[test]
fn a_command_overtakes_what_is_told_over_tls() {
    let lines = "cafile FOLDER/ca.pem\ncertfile FOLDER/server.pem\nkeyfile FOLDER/server.key\n";
    a_command_overtakes("a_command_overtakes_what_is_told_over_tls", "mqtts", lines);
}

#[test]
fn a_handshake_has_the_time_that_a_slow_line_needs() {
    let Some(line) = Line::new("a_handshake_has_the_time_that_a_slow_line_needs") else { return };
    let (_keep, at) = crate::tls::certificates();
    let files = ["server.pem", "server.key", "ca.pem"].map(|name| at(name).to_str().unwrap().to_owned());
    let mut plc =
        line.far.peer("modbus_server.py", &["tls", "8020", &files[0], &files[1], &files[2], "--host", "10.7.0.2"]);
    plc.wait("the Modbus server", |line| line.contains("ready").then_some(()));
    crate::support::command(&mut plc, &json!({"set": {"table": "holding", "address": 10, "values": [77]}}));
    let tags = json!([{"name": "level", "device": "far", "register": "holding:10"}]);
    let wire = json!({"tls": "10.7.0.2:8020", "ca": at("ca.pem"), "certificate": at("client.pem"), "key": at("client.key"),
        "server_name": "127.0.0.1"});
    let folder = station(tags, ("modbus", wire));
    let mut running = line.start(&folder);
    // The first attempt already.
    running.wait("level", |event| {
        assert!(event["state"] != "lost", "{event}");
        event["tag"] == "level" && event["value"] == 77 && event["quality"] == "good"
    });
}
