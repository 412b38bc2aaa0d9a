//! Modbus against pymodbus, over TCP and over a serial line; and against a device that talks nonsense.

use crate::support::{Folder, ModbusServer, Process, Station, command, modbus_station, words};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

/// Registers of `bytes` (most significant first) in an order, worked out here without Polder's own code.
fn registers(bytes: &[u8], order: &str) -> Vec<u16> {
    let mut words: Vec<[u8; 2]> = bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    if matches!(order, "CDAB" | "DCBA") {
        words.reverse();
    }
    if matches!(order, "BADC" | "DCBA") {
        words.iter_mut().for_each(|pair| pair.reverse());
    }
    words.into_iter().map(|[high, low]| u16::from(high) << 8 | u16::from(low)).collect()
}

fn cases() -> Vec<(&'static str, Vec<u8>, Value)> {
    vec![
        ("i16", (-12_345i16).to_be_bytes().to_vec(), json!(-12_345)),
        ("u16", 54_321u16.to_be_bytes().to_vec(), json!(54_321)),
        ("i32", (-1_234_567_890i32).to_be_bytes().to_vec(), json!(-1_234_567_890)),
        ("u32", 4_123_456_789u32.to_be_bytes().to_vec(), json!(4_123_456_789u32)),
        ("i64", (-9_007_199_254_740_993i64).to_be_bytes().to_vec(), json!(-9_007_199_254_740_993i64)),
        ("u64", u64::MAX.wrapping_sub(2).to_be_bytes().to_vec(), json!(u64::MAX - 2)),
        ("f32", 0.1f32.to_be_bytes().to_vec(), json!(0.1)),
        ("f64", (-1.0e-300f64 / 3.0).to_be_bytes().to_vec(), json!(-1.0e-300 / 3.0)),
        ("bcd16", vec![0x12, 0x34], json!(1234)),
        ("bcd32", vec![0x12, 0x34, 0x56, 0x78], json!(12_345_678)),
    ]
}

#[test]
fn every_type_and_order_reads_exactly_and_leaves_as_csv() {
    let mut server = ModbusServer::tcp();
    let (mut tags, mut expected, mut address) = (Vec::new(), Vec::new(), 0u16);
    for table in ["holding", "input"] {
        for (kind, bytes, value) in cases() {
            for order in ["ABCD", "CDAB", "BADC", "DCBA"] {
                let words = registers(&bytes, order);
                server.set(table, address, &words);
                let name = format!("{table}/{kind}-{order}");
                tags.push(json!({"name": name, "device": "plc-1", "register": format!("{table}:{address}"), "type": kind, "order": order}));
                expected.push((name, value.clone()));
                address += words.len() as u16 + 1;
            }
        }
        address = 0;
    }
    server.set("holding", 500, &registers(b"Pump 3\0\0", "ABCD"));
    server.set("holding", 510, &[0b0100_0000_0000_0001]);
    command(&mut server.process, &json!({"set": {"table": "coil", "address": 17, "values": [true]}}));
    command(&mut server.process, &json!({"set": {"table": "discrete", "address": 3, "values": [true]}}));
    for (name, register, extra, value) in [
        ("text", "holding:500", json!({"type": "string", "length": 8}), json!("Pump 3")),
        ("bit-14", "holding:510", json!({"bit": 14}), json!(true)),
        ("bit-1", "holding:510", json!({"bit": 1}), json!(false)),
        ("coil", "coil:17", json!({}), json!(true)),
        ("discrete", "discrete:3", json!({}), json!(true)),
        ("no-coil", "coil:16", json!({}), json!(false)),
    ] {
        let mut tag = json!({"name": name, "device": "plc-1", "register": register});
        tag.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        tags.push(tag);
        expected.push((name.to_owned(), value));
    }
    let folder = Folder::new(&modbus_station(server.port, "1s", json!(tags)));
    let mut station = Station::start(&folder.path);
    let mut missing = expected.clone();
    while !missing.is_empty() {
        let sample = station.wait("a good sample", |event| event["event"] == "sample" && event["quality"] == "good");
        if let Some(place) = missing.iter().position(|(name, _)| sample["tag"] == **name) {
            let (name, value) = missing.remove(place);
            assert_eq!(sample["value"], value, "{name}");
        }
    }
    station.stop();
    check_csv(&folder, &expected);
}

fn check_csv(folder: &Folder, expected: &[(String, Value)]) {
    let out = folder.path.join("all.csv");
    let path = folder.path.to_str().unwrap();
    let to = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--out", out.to_str().unwrap()];
    let output = crate::support::run(&[&["export", path, "--tag", "*"], &to[..]].concat());
    assert!(output.status.success(), "{}", words(&output));
    let text = std::fs::read_to_string(out).unwrap();
    assert!(text.starts_with("time,tag,value,quality,reason\r\n"));
    for (name, value) in expected {
        let line = text
            .lines()
            .find(|line| line.split(',').nth(1) == Some(name))
            .unwrap_or_else(|| panic!("{name} is not in the CSV"));
        let written = line.split(',').nth(2).unwrap();
        match value {
            Value::String(text) => assert_eq!(written, text),
            // The same number, whichever of the shortest notations was chosen.
            Value::Number(number) if number.is_f64() => {
                assert_eq!(written.parse::<f64>().ok(), number.as_f64(), "{name}")
            }
            other => assert_eq!(written, other.to_string(), "{name}"),
        }
    }
}

fn setpoint(extra: Value) -> Value {
    let mut tag =
        json!({"name": "setpoint", "device": "plc-1", "register": "holding:40", "type": "f32", "order": "CDAB"});
    tag["command"] = extra;
    json!([tag])
}

#[test]
fn a_setpoint_arrives_exactly_once_and_is_read_back() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "1s", setpoint(json!({"min": 0, "max": 2000}))));
    let mut station = Station::start(&folder.path);
    station.wait_good("setpoint");
    let output = station.tool(&["set", "setpoint", "1234,5", "--reason", "test"]);
    assert_eq!((output.status.code(), words(&output).trim()), (Some(0), "verified: reads back 1234.5"));
    let refused = station.tool(&["set", "setpoint", "1.234,5", "--reason", "test"]);
    assert_eq!(refused.status.code(), Some(1), "what can be misread is not sent: {}", words(&refused));
    let refused = station.tool(&["set", "setpoint", "2001", "--reason", "test"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    station.stop();
    let bytes = registers(&1234.5f32.to_be_bytes(), "CDAB");
    let expected = json!({"write": {"function": 16, "address": 40, "values": bytes}}).to_string().replace([' '], "");
    command(&mut server.process, &json!({"delay": 0}));
    server.process.kill();
    let writes: Vec<String> = server.process.rest().into_iter().filter(|line| line.contains("\"write\"")).collect();
    assert_eq!(writes.iter().map(|line| line.replace(' ', "")).collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_device_that_confirms_and_keeps_its_own_value_is_a_mismatch() {
    let mut server = ModbusServer::tcp();
    command(&mut server.process, &json!({"keep": [40]}));
    let folder = Folder::new(&modbus_station(server.port, "1s", setpoint(json!({"within": "1s"}))));
    let mut station = Station::start(&folder.path);
    station.wait_good("setpoint");
    let output = station.tool(&["set", "setpoint", "7", "--reason", "test"]);
    assert_eq!((output.status.code(), words(&output).trim()), (Some(4), "mismatch: sent 7, the device kept 0"));
}

#[test]
fn set_without_a_running_station_starts_one() {
    let server = ModbusServer::tcp();
    let mut file = modbus_station(server.port, "1s", setpoint(json!({})));
    file["devices"][0]["identify"] = json!(false);
    let folder = Folder::new(&file);
    let path = folder.path.to_str().unwrap();
    let output = crate::support::run(&["set", path, "setpoint", "8.5", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(0));
    let said = words(&output);
    assert!(said.starts_with("verified: reads back 8.5") && said.contains("No station runs in"), "{said}");
    let output = crate::support::run(&["verify", path]);
    assert_eq!(words(&output).trim(), "the record holds: 2 entries, without gaps");
}

#[test]
fn one_refused_address_takes_no_neighbour_down() {
    let mut server = ModbusServer::tcp();
    command(&mut server.process, &json!({"refuse": [5]}));
    let tags: Vec<Value> = (0..10)
        .map(|place| json!({"name": format!("t{place}"), "device": "plc-1", "register": format!("holding:{place}")}))
        .collect();
    let folder = Folder::new(&modbus_station(server.port, "1s", json!(tags)));
    let mut station = Station::start(&folder.path);
    let mut good = std::collections::BTreeSet::new();
    let mut refused = None;
    while good.len() < 9 || refused.is_none() {
        let sample = station
            .wait("samples", |event| event["event"] == "sample" && event["reason"] != "waiting for the first value");
        match sample["tag"].as_str() {
            Some("t5") => refused = Some(sample["reason"].clone()),
            Some(tag) if tag.starts_with('t') => {
                assert_eq!(sample["quality"], "good", "{sample}");
                good.insert(tag.to_owned());
            }
            _ => {}
        }
    }
    assert_eq!(refused, Some(json!("device: address does not exist")));
}

/// After a time-out nothing late is believed: the first good value after it is the new one.
fn late_answers_are_not_believed(process: &mut Process, station: &mut Station) {
    let set = |process: &mut Process, value: u16| {
        command(process, &json!({"set": {"table": "holding", "address": 0, "values": [value]}}));
        command(process, &json!({"set": {"table": "holding", "address": 100, "values": [value + 1000]}}));
    };
    set(process, 1);
    station.wait_sample("low", "1", |event| event["value"] == 1);
    command(process, &json!({"delay": 0.9}));
    station.wait_sample("low", "no answer", |event| event["reason"] == "no answer");
    set(process, 2);
    command(process, &json!({"delay": 0}));
    assert_eq!(station.wait_all_good(&["low", "high"]), [json!(2), json!(1002)], "an old answer was believed");
}

fn two_far_tags() -> Value {
    json!([
        {"name": "low", "device": "plc-1", "register": "holding:0"},
        {"name": "high", "device": "plc-1", "register": "holding:100"},
    ])
}

#[test]
fn late_answers_over_tcp() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "400ms", two_far_tags()));
    let mut station = Station::start(&folder.path);
    late_answers_are_not_believed(&mut server.process, &mut station);
}

/// Two ends of a serial line.
pub fn line() -> (Process, PathBuf, PathBuf, tempfile::TempDir) {
    let keep = tempfile::tempdir().unwrap();
    let (ours, theirs) = (keep.path().join("ours"), keep.path().join("theirs"));
    let end = |path: &PathBuf| format!("pty,raw,echo=0,link={}", path.display());
    let mut socat = Command::new("socat");
    let process = Process::start(socat.arg(end(&ours)).arg(end(&theirs)));
    let deadline = std::time::Instant::now() + crate::support::DEADLINE;
    while !(ours.exists() && theirs.exists()) {
        assert!(std::time::Instant::now() < deadline, "socat made no serial line");
        std::thread::yield_now();
    }
    (process, ours, theirs, keep)
}

#[test]
fn a_serial_line_reads_writes_and_believes_nothing_late() {
    let (_socat, ours, theirs, _keep) = line();
    let mut server = ModbusServer::serial(&theirs);
    let mut tags = two_far_tags();
    tags.as_array_mut()
        .unwrap()
        .push(json!({"name": "setpoint", "device": "plc-1", "register": "holding:40", "type": "f32", "command": {}}));
    tags.as_array_mut().unwrap().push(json!({"name": "coil", "device": "plc-1", "register": "coil:3", "command": {}}));
    let mut file = modbus_station(1, "400ms", tags);
    file["connections"][0]["modbus"] = json!({"serial": ours, "baud": 19200, "parity": "none", "timeout": "400ms"});
    let folder = Folder::new(&file);
    let mut station = Station::start(&folder.path);
    station.wait_good("setpoint");
    for (tag, value, words_expected) in
        [("setpoint", "21.25", "verified: reads back 21.25"), ("coil", "on", "verified: reads back true")]
    {
        let output = station.tool(&["set", tag, value, "--reason", "test"]);
        assert_eq!((output.status.code(), words(&output).trim()), (Some(0), words_expected));
    }
    late_answers_are_not_believed(&mut server, &mut station);
}

/// Answers every request with something else; says which.
fn nonsense(kind: usize) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 12];
                while stream.read_exact(&mut request).is_ok() {
                    let mut answer = vec![request[0], request[1], 0, 0, 0, 5, request[6], request[7], 2, 0x12, 0x34];
                    match kind {
                        0 => answer[1] ^= 1,
                        1 => answer[3] = 7,
                        2 => answer[6] = 9,
                        3 => answer[7] = 4,
                        4 => {
                            answer[5] = 7;
                            answer[8] = 4;
                            answer.extend([0, 0]);
                        }
                        5 => answer[8] = 4,
                        6 => answer[4] = 0xFF,
                        _ => answer = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
                    }
                    if stream.write_all(&answer).is_err() {
                        break;
                    }
                }
            }
        })
        .unwrap();
    port
}

#[test]
fn a_device_that_talks_nonsense_turns_its_own_tags_bad() {
    for kind in 0..8 {
        let mut server = ModbusServer::tcp();
        server.set("holding", 0, &[42]);
        let mut file =
            modbus_station(nonsense(kind), "1s", json!([{"name": "bad", "device": "plc-1", "register": "holding:0"}]));
        let connections = file["connections"].as_array_mut().unwrap();
        connections.push(json!({"name": "fine", "modbus": {"tcp": format!("127.0.0.1:{}", server.port)}}));
        file["devices"].as_array_mut().unwrap().push(json!({"name": "fine", "connection": "fine", "poll": "200ms"}));
        file["tags"].as_array_mut().unwrap().push(json!({"name": "good", "device": "fine", "register": "holding:0"}));
        let folder = Folder::new(&file);
        let mut station = Station::start(&folder.path);
        let (mut bad, mut good) = (None, None);
        while bad.is_none() || good.is_none() {
            let sample = station.wait("both tags", |event| {
                event["event"] == "sample" && event["reason"] != "waiting for the first value"
            });
            match sample["tag"].as_str() {
                Some("bad") => bad = Some(sample),
                Some("good") => good = Some(sample),
                _ => {}
            }
        }
        assert_eq!(bad.unwrap()["reason"], "answer does not fit the request", "nonsense {kind}");
        assert_eq!(good.unwrap()["value"], 42);
    }
}
