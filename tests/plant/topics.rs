//! Looking into a broker, and messages by hand: from the command line, against mosquitto.

use crate::history::shim;
use crate::mqtt::Broker;
use crate::support::{Folder, Process, Station, polder, root, run, words};
use polder::recorder::read_audit;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

fn port(broker: &Broker) -> String {
    broker.port.to_string()
}

/// Publishes with somebody else's client; `rest` are its options.
fn publish(broker: &Broker, topic: &str, payload: &str, rest: &[&str]) {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &port(broker), "-t", topic, "-m", payload]).args(rest);
    assert!(command.status().unwrap().success());
}

/// Somebody else's client that hears these topics.
fn subscriber(broker: &Broker, topics: &[&str]) -> Process {
    let mut command = Command::new("stdbuf");
    command.args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &port(broker), "-d", "-F", "%r %q %t %p"]);
    command.args(topics.iter().flat_map(|topic| ["-t", topic]));
    let mut process = Process::start(&mut command);
    process.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
    process
}

fn station(port: u16) -> Value {
    json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{port}"), "keep_alive": "2s"}}],
        "devices": [{"name": "hall", "connection": "site"}],
        "tags": [
            {"name": "speed", "device": "hall", "topic": "pump/state", "command": {"topic": "pump/set"}},
            {"name": "count", "device": "hall", "topic": "count"},
        ],
    })
}

fn running(broker: &Broker) -> (Folder, Station) {
    let folder = Folder::new(&station(broker.port));
    let mut station = Station::start(&folder.path);
    station.wait("the broker", |event| event["device"] == "hall" && event["state"] == "good");
    (folder, station)
}

fn outcome(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts to listen, waits until the broker has granted it, and publishes; what came of it.
fn browse(broker: &Broker, options: &[&str], messages: &[(&str, &str)]) -> Output {
    let mut command = polder();
    command.args(["browse", "mqtt", &format!("mqtt://127.0.0.1:{}", broker.port)]).args(options);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // What is kept by the broker is heard whenever the session is there.
    messages.iter().for_each(|(topic, payload)| publish(broker, topic, payload, &["-r"]));
    child.wait_with_output().unwrap()
}

#[test]
fn a_broker_is_browsed_from_the_command_line() {
    let broker = Broker::new();
    publish(&broker, "hall/sensor", r#"{"t": 21.5}"#, &["-r", "-q", "1"]);
    publish(&broker, "hall/lamp", "on", &["-r"]);
    publish(&broker, "yard", "\u{1b}[2Jx", &["-r"]);
    let output = browse(&broker, &["--for", "300ms"], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", words(&output));
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["hall"], "{text}");
    assert_eq!([&lines[1][..2], &lines[2][..2]], [["lamp", "R"], ["sensor", "R"]], "{text}");
    assert!(text.contains("{\"t\": 21.5}") && !text.contains('\u{1b}'), "{text}");
    assert!(words(&output).contains("3 topics, 3 messages in"), "{}", words(&output));
    let output = browse(&broker, &["--for", "300ms", "--json", "--topic", "hall/+"], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = (found[0]["topic"].clone(), found[0]["retained"].clone());
    assert_eq!((found.len(), told), (2, (json!("hall/lamp"), json!(true))), "{text}");
    assert_eq!((found[1]["payload"].clone(), found[1]["bytes"].clone()), (json!("{\"t\": 21.5}"), json!(11)), "{text}");
}

#[test]
fn what_cannot_be_browsed_is_said_in_words() {
    let gone = crate::support::free_port();
    let output = run(&["browse", "mqtt", &format!("127.0.0.1:{gone}"), "--for", "100ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains(&format!("broker 127.0.0.1:{gone}")), "{}", words(&output));
    for (arguments, expected) in [
        (["mqtt://anna:secret@127.0.0.1", "--for", "1s"], "an address holds no user and no password"),
        (["mqtt://127.0.0.1", "--topic", "a/#/b"], "this is not a filter"),
        (["http://127.0.0.1", "--for", "1s"], "is not a broker's address"),
    ] {
        let output = run(&[&["browse", "mqtt"], &arguments[..]].concat());
        assert!(!output.status.success() && words(&output).contains(expected), "{}", words(&output));
    }
}

/// With a password out of a file, an authority of our own, a certificate of ours, and in both versions.
#[test]
fn a_guarded_broker_is_browsed() {
    let keep = tempfile::tempdir().unwrap();
    let made = Command::new(root().join("tests/peers/certificates.sh")).arg(keep.path()).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    let at = |name: &str| keep.path().join(name).to_str().unwrap().to_owned();
    let [passwords, right, wrong, ca] = ["passwords", "right.txt", "wrong.txt", "ca.pem"].map(at);
    let [certificate, key] = ["client.pem", "client.key"].map(at);
    let made = Command::new("mosquitto_passwd").args(["-b", "-c", &passwords, "anna", "right"]).status();
    assert!(made.unwrap().success());
    std::fs::write(&right, "right\n").unwrap();
    std::fs::write(&wrong, "wrong\n").unwrap();
    let lines = "allow_anonymous false\npassword_file FOLDER/passwords\ncafile FOLDER/ca.pem\ncertfile FOLDER/server.pem\n\
        keyfile FOLDER/server.key\nrequire_certificate true\n";
    let broker = Broker::in_folder(keep, lines);
    let url = format!("mqtts://127.0.0.1:{}", broker.port);
    let browse = |password: &str, version: &str, with_certificate: bool| {
        let mut all = vec!["browse", "mqtt", &url, "--for", "200ms", "--ca", &ca, "--username", "anna"];
        all.extend(["--password-file", password, "--mqtt-version", version]);
        if with_certificate {
            all.extend(["--certificate", &certificate, "--key", &key]);
        }
        run(&all)
    };
    for version in ["3.1.1", "5"] {
        let output = browse(&right, version, true);
        assert!(output.status.success() && words(&output).contains("0 topics"), "{}", words(&output));
        let output = browse(&wrong, version, true);
        assert_eq!(output.status.code(), Some(1));
        assert!(words(&output).contains("not authorised (user anna)"), "{}", words(&output));
    }
    let output = browse(&right, "5", false);
    assert!(!output.status.success() && words(&output).contains("certificate"), "{}", words(&output));
}

/// The tool uses what the station file says, beside the station that runs, and the two do not throw each other out.
#[test]
fn a_broker_of_a_station_is_browsed_while_the_station_runs() {
    let broker = Broker::new();
    let (folder, mut station) = running(&broker);
    publish(&broker, "hall/lamp", "on", &["-r"]);
    let output = run(&["browse", "mqtt", "site", "--station", folder.path.to_str().unwrap(), "--for", "300ms"]);
    assert!(output.status.success() && words(&output).contains("lamp"), "{}", words(&output));
    publish(&broker, "count", "7", &[]);
    assert_eq!(station.wait_good("count")["value"], 7);
    let output = run(&["browse", "mqtt", "nowhere", "--station", folder.path.to_str().unwrap()]);
    assert!(words(&output).contains("has no broker \"nowhere\""), "{}", words(&output));
}

#[test]
fn a_message_by_hand_is_recorded_and_arrives() {
    let broker = Broker::new();
    let (folder, station) = running(&broker);
    let mut heard = subscriber(&broker, &["lamp/#", "pump/set"]);
    let publish = |arguments: &[&str]| outcome(&station.tool(&[&["publish", "site"], arguments].concat()));
    let acknowledged = "published: the broker acknowledged it; who receives it is not known".to_owned();
    assert_eq!(publish(&["lamp/set", "on", "--reason", "a test"]), (Some(0), acknowledged.clone()));
    heard.wait("the message", |line| (line == "0 0 lamp/set on").then_some(()));
    assert_eq!(publish(&["lamp/kept", "-5", "--reason", "a test", "--retain", "--qos", "2"]), (Some(0), acknowledged));
    heard.wait("the message", |line| (line == "0 0 lamp/kept -5").then_some(()));
    let kept = browse(&broker, &["--for", "300ms", "--topic", "lamp/kept"], &[]);
    assert!(words(&kept).contains("R ") && words(&kept).contains("-5"), "{}", words(&kept));
    let unacknowledged = "published: it went out; a broker acknowledges no message of quality of service 0".to_owned();
    assert_eq!(publish(&["lamp/set", "off", "--reason", "a test", "--qos", "0"]), (Some(0), unacknowledged));
    heard.wait("the message", |line| (line == "0 0 lamp/set off").then_some(()));
    // A tag is set through its command, so that its limits hold.
    let refused = "refused: the command of speed goes to this topic; set the tag instead, so that its limits hold";
    assert_eq!(publish(&["pump/set", "9", "--reason", "a test"]), (Some(2), refused.to_owned()));
    assert_eq!(publish(&["lamp/set", "x", "--reason", " "]), (Some(2), "refused: a reason is needed".to_owned()));
    station.stop();
    heard.kill();
    assert!(!heard.rest().iter().any(|line| line.contains("pump/set 9")), "it never went out");
    let audit = read_audit(&folder.path.join("records.sqlite"), 1000).unwrap();
    let first =
        audit.iter().rev().find(|entry| &*entry.action == "publish" && &*entry.subject == "site lamp/set").unwrap();
    let detail: Value = serde_json::from_str(&first.detail).unwrap();
    let told = ["topic", "payload", "qos", "retain", "reason", "confirmed"].map(|key| detail[key].clone());
    assert_eq!(json!(told), json!(["lamp/set", "on", 1, false, "a test", "command-line"]));
    let ends = audit.iter().filter(|entry| &*entry.action == "outcome").count();
    assert_eq!(ends, 5, "{audit:?}");
    assert!(run(&["verify", folder.path.to_str().unwrap()]).status.success());
}

/// What cannot be recorded is not sent.
#[test]
fn a_message_by_hand_is_not_sent_while_records_cannot_be_written() {
    let broker = Broker::new();
    let folder = Folder::new(&station(broker.port));
    let faults = folder.path.join("faults.txt");
    let mut command = polder();
    command.args(["run", folder.path.to_str().unwrap(), "--headless", "--events"]);
    command.env("LD_PRELOAD", shim::build("disk_fault"));
    command.env("POLDER_SHIM_ROOT", &folder.path).env("POLDER_FAULTS", &faults);
    let mut station = Station { process: Process::start(&mut command), folder: folder.path.clone() };
    station.wait("the broker", |event| event["device"] == "hall" && event["state"] == "good");
    let mut heard = subscriber(&broker, &["lamp/#"]);
    let fresh = faults.with_extension("new");
    std::fs::write(&fresh, "write 28 0 records.sqlite\n").unwrap();
    std::fs::rename(&fresh, &faults).unwrap();
    let (code, told) = outcome(&station.tool(&["publish", "site", "lamp/set", "lost", "--reason", "a test"]));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("nothing is sent that is not recorded first"), "{told}");
    std::fs::write(&faults, "").unwrap();
    station.wait_alarm("station/records-writable:digital", "returned-unacknowledged");
    let (code, told) = outcome(&station.tool(&["publish", "site", "lamp/set", "kept", "--reason", "a test"]));
    assert_eq!(code, Some(0), "{told}");
    let first = heard.wait("a message", |line| line.split_once("lamp/set ").map(|(_, payload)| payload.to_owned()));
    assert_eq!(first, "kept", "the first one never went out");
}

/// A message for a broker that is away is not kept for later.
#[test]
fn a_message_by_hand_does_not_wait_for_its_broker() {
    let gone = crate::support::free_port();
    let folder = Folder::new(&station(gone));
    let mut station = Station::start(&folder.path);
    station.wait("the broker", |event| event["device"] == "hall" && event["state"] == "lost");
    let (code, told) = outcome(&station.tool(&["publish", "site", "lamp/set", "on", "--reason", "a test"]));
    assert_eq!((code, &*told), (Some(2), "refused: the broker is not connected"));
    let (code, told) = outcome(&station.tool(&["publish", "plc", "lamp/set", "on", "--reason", "a test"]));
    assert_eq!((code, &*told), (Some(2), "refused: there is no broker \"plc\" in this station"));
}
