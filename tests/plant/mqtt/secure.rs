//! Passwords, TLS and certificates, against mosquitto.

use super::{Broker, running, station_of};
use crate::support::{Folder, Station, root, words};
use serde_json::{Value, json};
use std::process::Command;

const TLS: &str = "allow_anonymous true\ncafile FOLDER/ca.pem\ncertfile FOLDER/server.pem\nkeyfile FOLDER/server.key\n";

/// The broker does not like what we show.
const OURS: &str = "our certificate";

/// A folder with certificates of every kind.
fn certificates() -> tempfile::TempDir {
    let keep = tempfile::tempdir().unwrap();
    let made = Command::new(root().join("tests/peers/certificates.sh")).arg(keep.path()).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    keep
}

fn station(broker: Value) -> Value {
    station_of(broker, json!([{"name": "level", "device": "site", "topic": "level"}]))
}

fn first_word(folder: &Folder) -> Value {
    let mut station = Station::start(&folder.path);
    station.wait("news of the device", |event| event["event"] == "device" && event["state"] != "starting")
}

#[test]
fn a_wrong_password_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let made =
        Command::new("mosquitto_passwd").args(["-b", "-c", file.to_str().unwrap(), "station1", "right"]).output();
    assert!(made.unwrap().status.success());
    let broker = Broker::in_folder(folder, "allow_anonymous false\npassword_file FOLDER/passwords\n");
    for version in ["3.1.1", "5"] {
        for (password, state) in [("right", "good"), ("wrong", "lost")] {
            let url = format!("mqtt://127.0.0.1:{}", broker.port);
            let folder = Folder::new(&station(json!({
                "url": url, "version": version, "username": "station1", "password": {"secret": "site"}
            })));
            let secrets = folder.path.join("secrets.json");
            std::fs::write(&secrets, json!({"site": password}).to_string()).unwrap();
            std::process::Command::new("chmod").arg("600").arg(&secrets).status().unwrap();
            let news = first_word(&folder);
            assert_eq!(news["state"], state, "{news}");
            if state == "lost" {
                assert!(news.to_string().contains("not authorised (user station1)"), "{news}");
                assert!(!news.to_string().contains(password), "the password was told: {news}");
            }
        }
    }
}

#[test]
fn tls_with_and_without_a_certificate_of_ours() {
    let open = Broker::in_folder(certificates(), TLS);
    let mutual = Broker::in_folder(certificates(), &format!("{TLS}require_certificate true\n"));
    for (broker, shown) in [(&open, None), (&mutual, Some("client"))] {
        for version in ["3.1.1", "5"] {
            let at = |name: &str| broker.keep.path().join(name);
            let mut wire = json!({
                "url": format!("mqtts://127.0.0.1:{}", broker.port), "ca": at("ca.pem"), "version": version, "tls": "required"
            });
            if let Some(name) = shown {
                wire["certificate"] = json!(at(&format!("{name}.pem")));
                wire["key"] = json!(at(&format!("{name}.key")));
            }
            let mut site = running(&station(wire));
            site.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
            publish_over_tls(broker, "level", "5", shown);
            assert_eq!(site.wait_good("level")["value"], 5);
        }
    }
}

fn publish_over_tls(broker: &Broker, topic: &str, payload: &str, shown: Option<&str>) {
    let at = |name: &str| broker.keep.path().join(name).to_str().unwrap().to_owned();
    let mut arguments = vec!["--cafile".to_owned(), at("ca.pem"), "-t".to_owned(), topic.to_owned()];
    if let Some(name) = shown {
        arguments.extend([
            "--cert".to_owned(),
            at(&format!("{name}.pem")),
            "--key".to_owned(),
            at(&format!("{name}.key")),
        ]);
    }
    arguments.extend(["-m".to_owned(), payload.to_owned()]);
    broker.publish_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn each_wrong_certificate_is_an_error_that_says_whose_it_is() {
    for (certificate, ca, client, expected) in [
        ("server", "wrong-ca", None, "not signed by our certificate authority"),
        ("expired-server", "ca", None, "the other side's certificate has expired"),
        ("server-othername", "ca", None, "made out to another name"),
        ("server", "ca", Some(""), "client certificate"),
        ("server", "ca", Some("expired-client"), OURS),
        ("server", "ca", Some("other-client"), OURS),
    ] {
        let demand = if client.is_some() { "require_certificate true\n" } else { "" };
        let lines = TLS.replace("server.", &format!("{certificate}.")) + demand;
        let broker = Broker::in_folder(certificates(), &lines);
        let at = |name: String| broker.keep.path().join(name);
        let mut wire = json!({"url": format!("mqtts://127.0.0.1:{}", broker.port), "ca": at(format!("{ca}.pem"))});
        if let Some(client) = client.filter(|client| !client.is_empty()) {
            wire["certificate"] = json!(at(format!("{client}.pem")));
            wire["key"] = json!(at(format!("{client}.key")));
        }
        let news = first_word(&Folder::new(&station(wire)));
        // The alert that says more may be lost with the connection.
        let said = news.to_string();
        let fits = said.contains(expected) || (expected == OURS && said.contains("not take ours"));
        assert!(news["state"] == "lost" && fits, "{certificate} {ca} {client:?}: {news}");
    }
    // A broker in clear.
    let plain = Broker::new();
    let keep = certificates();
    let ca = keep.path().join("ca.pem");
    let url = format!("mqtts://127.0.0.1:{}", plain.port);
    let news = first_word(&Folder::new(&station(json!({"url": url, "ca": ca}))));
    assert!(news["state"] == "lost" && news.to_string().contains("speak no TLS here"), "{news}");
}

#[test]
fn another_name_can_be_asked_for_and_a_certificate_that_ends_soon_is_an_alarm() {
    let lines = TLS.replace("server.", "server-othername.") + "require_certificate true\n";
    let broker = Broker::in_folder(certificates(), &lines);
    let at = |name: &str| broker.keep.path().join(name);
    let mut site = running(&station(json!({
        "url": format!("mqtts://127.0.0.1:{}", broker.port), "ca": at("ca.pem"), "server_name": "elsewhere.example",
        "certificate": at("soon-client.pem"), "key": at("soon-client.key"),
    })));
    let (mut alarm, mut good) = (false, false);
    site.wait("the broker and the alarm", |event| {
        alarm |= event["alarm"] == "station/certificate-days:low" && event["state"] == "unacknowledged";
        good |= event["device"] == "site" && event["state"] == "good";
        alarm && good
    });
}
