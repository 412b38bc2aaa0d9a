//! The same through a real broker: mosquitto on a free port, and a publisher in a process of its own that sends one message at a time.

use crate::account::stamp;
use crate::{Comparison, LAST, Load, PACE, PACED_MESSAGES, client_command, packet, topic, write_message};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running mosquitto.
struct Mosquitto {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mosquitto {
    /// None where there is none on this computer.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let file = folder.path().join("mosquitto.conf");
        // Without waiting for more to send: each message goes on by itself.
        let lines =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n");
        std::fs::write(&file, lines).unwrap();
        let start = |program: &str| {
            let mut command = Command::new("taskset");
            command.args(["-c", "0", program, "-c"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
            let mut process = command.spawn().ok()?;
            let deadline = Instant::now() + Duration::from_secs(5);
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                if process.try_wait().unwrap().is_some() || Instant::now() > deadline {
                    return None;
                }
                std::thread::yield_now();
            }
            Some(process)
        };
        // Debian puts it where only root looks for programs.
        let process = start("mosquitto").or_else(|| start("/usr/sbin/mosquitto"))?;
        Some(Self { process, port, _folder: folder })
    }

    /// Lets a client subscribe, and then the publisher begin.
    fn measure(&self, kind: &str, load: Load) -> Value {
        let mut client = client_command(kind, self.port, load.qos, "mosquitto").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready", "{kind}");
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(std::env::current_exe().unwrap());
        let port = self.port.to_string();
        let mut publisher = command.args(["client", "publisher", &port, "0", "paced"]).spawn().unwrap();
        let text = lines.next().unwrap_or_else(|| panic!("{kind} ended")).unwrap();
        client.wait().unwrap();
        publisher.kill().unwrap();
        publisher.wait().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{kind}: {text}"))
    }
}

/// Publishes one message at a time, and the last one again and again until it is stopped.
pub(crate) fn publish(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&[0x10, 21, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 9]).unwrap();
    stream.write_all(b"publisher").unwrap();
    assert_eq!(packet(&mut stream), (0x20, vec![0, 0]), "mosquitto does not take the publisher");
    let (begun, mut message) = (Instant::now(), Vec::new());
    for number in 0..PACED_MESSAGES - 1 {
        // Spinning would take the processor away from the broker.
        std::thread::sleep((PACE * number as u32).saturating_sub(begun.elapsed()));
        write_message(&mut message, &topic(number, PACED_MESSAGES), &stamp().to_string(), number, 0);
        stream.write_all(&message).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        write_message(&mut message, LAST, &stamp().to_string(), 0, 0);
        stream.write_all(&message).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Polder beside those that are woken for each message.
pub(crate) fn compare(load: Load, pairs: usize, has_mqttjs: bool) {
    let Some(mosquitto) = Mosquitto::start() else {
        println!(
            "mqtt: left out: mosquitto, which is not on this computer or does not start (on Debian: apt-get install mosquitto)"
        );
        return;
    };
    let words = "10,000 a second through mosquitto";
    let measure = |kind: &str, load: Load| mosquitto.measure(kind, load);
    for (ours, theirs) in [("session", "rumqttc"), ("whole", "rumqttc"), ("whole", "mqttjs")] {
        if theirs != "mqttjs" || has_mqttjs {
            Comparison { ours, theirs, load, words }.run(pairs, measure);
        }
    }
}
