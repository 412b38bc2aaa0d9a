//! Links that fail closed: a station whose connections may use a WireGuard tunnel only, beside a default route that leads to the same
//! devices in clear. While the tunnel is down not one packet may go around it.

use crate::mqtt::Broker;
use crate::namespaces::Namespace;
use crate::support::{DEADLINE, Folder, Process, Station, words};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Instant;

const TUNNEL_PORT: &str = "51820";
const MODBUS: u16 = 1502;
const SERIAL: u16 = 1503;
const MQTT: u16 = 1883;

/// The station's side and the devices' side, joined by a wire that everything can take.
struct World {
    station: Namespace,
    far: Namespace,
    packets: Process,
    keys: [String; 2],
}

impl World {
    fn new(test: &str) -> Option<Self> {
        let [station, far] = Namespace::pair(test)?;
        station.ip(&format!("link add up0 type veth peer name up1 netns {}", far.name));
        for (side, wire, address) in [(&station, "up0", "10.9.0.1/24"), (&far, "up1", "10.9.0.2/24")] {
            side.ip(&format!("addr add {address} dev {wire}"));
            side.ip(&format!("link set {wire} up"));
        }
        // The way around the tunnel: it leads to the devices too, so that whatever takes it arrives.
        station.ip("route add default via 10.9.0.2");
        let keys = [genkey(), genkey()];
        let packets = far.peer("packets.py", &["up1", TUNNEL_PORT]);
        let world = Self { station, far, packets, keys };
        world.make_tunnel(&world.far, 1, "10.8.0.2/24");
        world.far.ip(&format!("link set {} up", world.far.tunnel()));
        Some(world)
    }

    /// Makes one end of the tunnel; it is down.
    fn make_tunnel(&self, side: &Namespace, place: usize, address: &str) {
        let name = side.tunnel();
        let begun = side.command("wireguard-go").arg(&name).stdin(Stdio::null()).output().unwrap_or_else(missing);
        assert!(begun.status.success(), "wireguard-go: {}", words(&begun));
        let keep = tempfile::tempdir().unwrap();
        let file = keep.path().join("wg.conf");
        let (own, peer) = (&self.keys[place], public(&self.keys[1 - place]));
        let endpoint = ["10.9.0.2", "10.9.0.1"][place];
        let text = format!(
            "[Interface]\nListenPort = {TUNNEL_PORT}\nPrivateKey = {own}\n[Peer]\nPublicKey = {peer}\nAllowedIPs = 10.8.0.0/24\n\
             Endpoint = {endpoint}:{TUNNEL_PORT}\n"
        );
        std::fs::write(&file, text).unwrap();
        side.run("wg", &["setconf", &name, file.to_str().unwrap()]);
        side.ip(&format!("addr add {address} dev {name}"));
    }

    /// Switches the station's end of the tunnel.
    fn set(&self, state: &str) {
        self.station.ip(&format!("link set {} {state}", self.station.tunnel()));
    }

    fn start(&self, folder: &Folder) -> Station {
        let mut command = self.station.command(env!("CARGO_BIN_EXE_polder"));
        command.args(["run", folder.path.to_str().unwrap(), "--headless", "--events"]);
        Station { process: Process::start(&mut command), folder: folder.path.clone() }
    }

    /// What was seen at the far end until a few seconds from now.
    fn packets_after(&mut self, seconds: u32) -> Value {
        self.packets.send(&seconds.to_string());
        self.packets.wait("a count of packets", |line| serde_json::from_str(line).ok())
    }

    fn assert_nothing_went_around(&mut self, when: &str) {
        // Several attempts of each connection: they are made after 1, 2 and 4 s.
        let seen = self.packets_after(6);
        assert_eq!(seen["around"], 0, "{when}: {seen}");
    }

    /// Publishes as soon as the broker listens.
    fn publish(&self, payload: &str) {
        let (end, mut last) = (Instant::now() + DEADLINE, String::new());
        while Instant::now() < end {
            let mut command = self.far.command("mosquitto_pub");
            command.args(["-h", "10.8.0.2", "-p", "1883", "-t", "level", "-m", payload]);
            let output = command.output().unwrap();
            if output.status.success() {
                return;
            }
            last = words(&output);
        }
        panic!("nothing can be published: {last}");
    }
}

fn missing(error: std::io::Error) -> std::process::Output {
    panic!("wireguard-go cannot be started ({error}): run tests/run, it installs what is missing")
}

fn genkey() -> String {
    let output = Command::new("wg").arg("genkey").output();
    let output = output.unwrap_or_else(|error| panic!("wg cannot be started ({error}): run tests/run"));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn public(key: &str) -> String {
    let mut wg = Process::start(Command::new("wg").arg("pubkey"));
    wg.send(key);
    wg.close();
    wg.rest().concat()
}

/// Modbus TCP with a second address, RTU over TCP, and MQTT: all of them over the tunnel alone, or over anything.
fn station(tunnel: Option<String>) -> Folder {
    let at = |port: u16| format!("10.8.0.2:{port}");
    let mut file = json!({
        "station": {"name": "Test"},
        "connections": [
            {"name": "plc", "modbus": {"tcp": at(MODBUS), "fallback": at(9), "timeout": "1s"}},
            {"name": "gate", "modbus": {"rtu_over_tcp": at(SERIAL), "timeout": "1s"}},
            {"name": "site", "mqtt": {"url": format!("mqtt://{}", at(MQTT)), "keep_alive": "2s"}}],
        "devices": [
            {"name": "plc-1", "connection": "plc", "poll": "200ms"},
            {"name": "gate-1", "connection": "gate", "poll": "60s"},
            {"name": "site-1", "connection": "site"}],
        "tags": [
            {"name": "speed", "device": "plc-1", "register": "holding:10", "command": {}},
            {"name": "flow", "device": "gate-1", "register": "holding:10"},
            {"name": "level", "device": "site-1", "topic": "level"}]});
    for connection in file["connections"].as_array_mut().unwrap().iter_mut() {
        if let Some(tunnel) = &tunnel {
            connection["only_via"] = json!(tunnel);
        }
    }
    Folder::new(&file)
}

/// All three are said to be lost because of the tunnel, in whatever order, and each has its alarm.
fn wait_down(station: &mut Station) {
    let (mut tags, mut alarms) = (vec!["speed", "flow", "level"], vec!["plc", "gate", "site"]);
    station.wait("all tags \"tunnel down\" and all alarms", |event| {
        if event["event"] == "sample" && event["reason"] == "tunnel down" {
            tags.retain(|tag| event["tag"] != *tag);
        }
        let name = event["alarm"].as_str().and_then(|key| key.strip_prefix("station/links/"));
        let name = name.and_then(|key| key.strip_suffix("/tunnel-up:digital"));
        if event["state"] == "unacknowledged" {
            alarms.retain(|alarm| name != Some(alarm));
        }
        tags.is_empty() && alarms.is_empty()
    });
}

/// All three deliver.
fn wait_up(world: &World, station: &mut Station) {
    let mut waiting = vec!["plc-1", "gate-1", "site-1"];
    station.wait("all devices", |event| {
        if event["state"] == "good" {
            waiting.retain(|device| event["device"] != *device);
        }
        waiting.is_empty()
    });
    world.publish("5");
    station.wait_good("level");
}

fn devices(world: &World) -> (Process, Process, Broker) {
    let plc = world.far.peer("modbus_server.py", &["tcp", &MODBUS.to_string(), "--host", "10.8.0.2"]);
    let gate = world.far.peer("modbus_server.py", &["rtu-tcp", &SERIAL.to_string(), "--host", "10.8.0.2"]);
    let mut peers = [plc, gate];
    for peer in &mut peers {
        peer.wait("the Modbus server", |line| line.contains("ready").then_some(()));
    }
    let [plc, gate] = peers;
    (plc, gate, Broker::inside(&world.far, "10.8.0.2", MQTT))
}

#[test]
fn a_tunnel_that_is_down_lets_nothing_out() {
    let Some(mut world) = World::new("a_tunnel_that_is_down_lets_nothing_out") else { return };
    let _devices = devices(&world);
    let folder = station(Some(world.station.tunnel()));
    let mut running = world.start(&folder);
    wait_down(&mut running);
    world.assert_nothing_went_around("there is no tunnel yet");

    world.make_tunnel(&world.station, 0, "10.8.0.1/24");
    world.assert_nothing_went_around("the tunnel is there and down");
    world.set("up");
    wait_up(&world, &mut running);

    world.set("down");
    wait_down(&mut running);
    let refused = running.tool(&["set", "speed", "7", "--reason", "test"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    assert!(words(&refused).contains("tunnel down"), "{}", words(&refused));
    world.assert_nothing_went_around("the tunnel went down under open connections");

    world.set("up");
    wait_up(&world, &mut running);
    // The program of the tunnel dies, and its interface with it.
    world.station.ip(&format!("link del {}", world.station.tunnel()));
    wait_down(&mut running);
    world.assert_nothing_went_around("the tunnel was taken away under open connections");
    let seen = world.packets_after(0);
    assert!(seen["tunnel"].as_u64() > Some(20), "nothing went through the tunnel: {seen}");
    running.stop();
    world.assert_nothing_went_around("the station stopped");
}

/// The other test proves something only where the way around is open: without a binding everything takes it.
#[test]
fn without_a_binding_everything_goes_around() {
    let Some(mut world) = World::new("without_a_binding_everything_goes_around") else { return };
    let _devices = devices(&world);
    let folder = station(None);
    let mut running = world.start(&folder);
    wait_up(&world, &mut running);
    let seen = world.packets_after(1);
    assert!(seen["around"].as_u64() > Some(10), "{seen}");
}
