//! Modbus/TCP Security: pymodbus behind TLS, with certificates that openssl made for the test.

use crate::support::{Folder, ModbusServer, Station, modbus_station, root, words};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// A folder with certificates of every kind.
pub fn certificates() -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let keep = tempfile::tempdir().unwrap();
    let made = Command::new(root().join("tests/peers/certificates.sh")).arg(keep.path()).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    let folder = keep.path().to_owned();
    (keep, move |name: &str| folder.join(name))
}

fn server(at: &impl Fn(&str) -> PathBuf, certificate: &str, more: &[&str]) -> ModbusServer {
    let files = [at(&format!("{certificate}.pem")), at(&format!("{certificate}.key")), at("ca.pem")];
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    ModbusServer::on_socket("tls", &[&files[..], more].concat())
}

fn station(port: u16, at: &impl Fn(&str) -> PathBuf, ca: &str, client: Option<&str>) -> Folder {
    let mut wire = json!({"tls": format!("127.0.0.1:{port}"), "ca": at(ca), "timeout": "2s"});
    if let Some(client) = client {
        wire["certificate"] = json!(at(&format!("{client}.pem")));
        wire["key"] = json!(at(&format!("{client}.key")));
    }
    let mut file = modbus_station(1, "2s", json!([{"name": "level", "device": "plc-1", "register": "holding:10"}]));
    file["connections"][0]["modbus"] = wire;
    Folder::new(&file)
}

fn first_word(folder: &Folder) -> Value {
    let mut station = Station::start(&folder.path);
    station.wait("news of the device", |event| event["event"] == "device" && event["state"] != "starting")
}

#[test]
fn a_device_with_the_right_certificates_is_read() {
    let (_keep, at) = certificates();
    let mut plc = server(&at, "server", &[]);
    plc.set("holding", 10, &[77]);
    let folder = station(plc.port, &at, "ca.pem", Some("client"));
    let mut running = Station::start(&folder.path);
    assert_eq!(running.wait_good("level")["value"], 77);
    plc.process.wait("the client's certificate", |line| line.contains("operator").then_some(()));
}

#[test]
fn each_wrong_certificate_is_an_error_that_says_whose_it_is() {
    let (_keep, at) = certificates();
    for (certificate, ca, client, expected) in [
        ("server", "wrong-ca.pem", Some("client"), "not signed by our certificate authority"),
        ("expired-server", "ca.pem", Some("client"), "the other side's certificate has expired"),
        ("server-othername", "ca.pem", Some("client"), "made out to another name"),
        ("server", "ca.pem", None, "client certificate"),
        ("server", "ca.pem", Some("expired-client"), "our certificate has expired"),
        ("server", "ca.pem", Some("other-client"), "does not know the authority that signed our certificate"),
    ] {
        let plc = server(&at, certificate, &[]);
        let news = first_word(&station(plc.port, &at, ca, client));
        let said = news["reason"].to_string() + &news["detail"].to_string();
        assert!(news["state"] == "lost" && said.contains(expected), "{certificate} {ca} {client:?}: {news}");
    }
}

#[test]
fn a_certificate_that_ends_soon_is_an_alarm_before_it_does() {
    let (_keep, at) = certificates();
    let plc = server(&at, "server", &[]);
    let folder = station(plc.port, &at, "ca.pem", Some("soon-client"));
    let mut running = Station::start(&folder.path);
    let alarm = running.wait_alarm("station/certificate-days:low", "unacknowledged");
    assert!(alarm["value"].as_i64().is_some_and(|days| (3..=5).contains(&days)), "{alarm}");
    running.wait_good("level");
}

#[test]
fn a_role_that_may_not_is_named() {
    let (_keep, at) = certificates();
    let plc = server(&at, "server", &["--role-needed", "1.3.6.1.4.1.50316.802.1"]);
    let folder = station(plc.port, &at, "ca.pem", Some("client-norole"));
    let mut running = Station::start(&folder.path);
    running.wait_sample("level", "refused", |event| event["reason"] == "role not authorised");
    let plain = ModbusServer::tcp();
    let news = first_word(&station(plain.port, &at, "ca.pem", Some("client")));
    assert!(news["state"] == "lost", "a device without TLS: {news}");
}
