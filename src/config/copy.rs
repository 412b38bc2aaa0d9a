//! A station whose connections lead elsewhere, in the engineer's own words apart from that.

use super::problem::Problems;
use super::{read, table};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Where a connection leads in the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewWay {
    /// Modbus TCP: host and port.
    Tcp(String),
    /// Modbus RTU over TCP: host and port.
    RtuOverTcp(String),
    /// A serial line: its path.
    Serial(String),
    /// An MQTT broker: its address as a URL.
    Mqtt(String),
}

/// The files of the station in `folder`, by name, with these ways in place of those of its connections, which are counted as in the plant.
pub fn readdressed(folder: &Path, ways: &HashMap<usize, NewWay>) -> Result<Vec<(String, String)>, String> {
    let mut problems = Problems::default();
    let sources = read::read(folder, &read::Texts::new(), &mut problems);
    let mut connection = 0;
    let mut files = Vec::new();
    for source in sources {
        let mut value = source.with_comments();
        let entries = value.get_mut("connections").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            if let Some(way) = ways.get(&connection) {
                lead(entry, way).ok_or_else(|| format!("{}: connection {connection} has no address", source.name))?;
            }
            connection += 1;
        }
        let (mark, text) = match source.text.strip_prefix('\u{feff}') {
            Some(rest) => ("\u{feff}", rest),
            None => ("", source.text.as_str()),
        };
        files.push((source.name, format!("{mark}{}", table::edited(text, &value))));
    }
    if problems.has_errors() {
        return Err(problems.into_list().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    Ok(files)
}

fn lead(entry: &mut Value, way: &NewWay) -> Option<()> {
    let (protocol, key, address) = match way {
        NewWay::Tcp(address) => ("modbus", "tcp", address),
        NewWay::RtuOverTcp(address) => ("modbus", "rtu_over_tcp", address),
        NewWay::Serial(path) => ("modbus", "serial", path),
        NewWay::Mqtt(url) => ("mqtt", "url", url),
    };
    let wire = entry.get_mut(protocol)?.as_object_mut()?;
    if key != "serial" {
        // What is encrypted at the plant is in clear here.
        for key in ["tls", "ca", "certificate", "key", "server_name"] {
            wire.shift_remove(key);
        }
    }
    // The other way leads to the plant.
    wire.shift_remove("fallback");
    wire.insert(key.to_owned(), json!(address));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_addresses_change() {
        let folder = tempfile::tempdir().unwrap();
        let main = "{ \"//\": \"ours\", \"include\": [\"north.json\"],\n  \"connections\": [\n    {\"name\": \"a\",   \"modbus\": {\"tcp\": \"10.0.0.7:502\", \"fallback\": \"10.0.0.8\", \"timeout\": \"1s\"}}]\n}\n";
        let north = r#"{"connections": [{"name": "b", "modbus": {"tls": "10.0.0.9", "ca": "ca.pem"}},
            {"name": "c", "mqtt": {"url": "mqtt://x:1883"}},
            {"name": "e", "mqtt": {"url": "mqtts://x", "tls": "required", "ca": "ca.pem", "qos": 2}}, {"name": "d", "modbus": {"serial": "/dev/x", "baud": 9600}}]}"#;
        std::fs::write(folder.path().join("station.json"), main).unwrap();
        std::fs::write(folder.path().join("north.json"), north).unwrap();
        let ways = HashMap::from([
            (0, NewWay::Tcp("127.0.0.1:1".to_owned())),
            (1, NewWay::Tcp("127.0.0.1:2".to_owned())),
            (3, NewWay::Mqtt("mqtt://127.0.0.1:3".to_owned())),
            (4, NewWay::Serial("/tmp/y".to_owned())),
        ]);
        let files: HashMap<_, _> = readdressed(folder.path(), &ways).unwrap().into_iter().collect();
        let expected = main.replace("10.0.0.7:502", "127.0.0.1:1").replace(", \"fallback\": \"10.0.0.8\"", "");
        assert_eq!(files["station.json"], expected);
        let north: Value = serde_json::from_str(&files["north.json"]).unwrap();
        assert_eq!(north["connections"][0]["modbus"], json!({"tcp": "127.0.0.1:2"}));
        assert_eq!(north["connections"][1]["mqtt"]["url"], "mqtt://x:1883");
        assert_eq!(north["connections"][2]["mqtt"], json!({"url": "mqtt://127.0.0.1:3", "qos": 2}));
        assert_eq!(north["connections"][3]["modbus"], json!({"serial": "/tmp/y", "baud": 9600}));
    }
}
