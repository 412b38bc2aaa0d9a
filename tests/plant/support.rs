//! Foreign peers and stations under test. Nothing here sleeps: everything waits for a condition, with a deadline.

use polder::alarm::{AlarmKey, ConditionState, Occasion, OccurrenceId, Persisted, State, Transition};
use polder::tag::Timestamp;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a condition may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A port that was free a moment ago. Whoever starts a server on it tries again with another one when it lost the race.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A process whose lines are read as they come; it is killed when it is dropped.
pub struct Process {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
            panic!("{command:?} cannot be started ({error}): run tests/run, it installs what is missing")
        });
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::Builder::new()
            .spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
            .unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, lines, seen: Vec::new() }
    }

    pub fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// The first line, from now on, for which `find` has an answer.
    pub fn wait<T>(&mut self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = find(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {what}; last lines:\n{}", self.tail()),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before {what}; last lines:\n{}", self.tail()),
            }
        }
    }

    fn tail(&self) -> String {
        self.seen[self.seen.len().saturating_sub(30)..].join("\n")
    }

    /// Closes its input.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// Every line that was waited past.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Every line until the process ends.
    pub fn rest(&mut self) -> Vec<String> {
        let end = Instant::now() + DEADLINE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(line);
        }
        self.seen.clone()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A pymodbus server.
pub struct ModbusServer {
    pub process: Process,
    pub port: u16,
}

/// Whether a server has come to listen on its port; false when it ended, as it does when it lost the race for the port.
pub fn listens(process: &mut Process, port: u16) -> bool {
    let end = Instant::now() + DEADLINE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nothing listens on port {port}");
        if process.child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    process.child.try_wait().unwrap().is_none()
}

pub fn python() -> PathBuf {
    root().join("target/peers/bin/python")
}

impl ModbusServer {
    pub fn tcp() -> Self {
        for _ in 0..5 {
            let port = free_port();
            let mut process = Self::start(&["tcp", &port.to_string()]);
            if listens(&mut process, port) {
                return Self { process, port };
            }
        }
        panic!("no Modbus server could be started: each port was taken by somebody else");
    }

    /// One of its other ways: `rtu-tcp`, or `tls` with its files behind the port.
    pub fn on_socket(kind: &str, rest: &[&str]) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let text = port.to_string();
            let mut process = Self::start(&[&[kind, &text], rest].concat());
            if listens(&mut process, port) {
                return Self { process, port };
            }
        }
        panic!("no Modbus server could be started: each port was taken by somebody else");
    }

    pub fn tcp_on(port: u16) -> Process {
        Self::start(&["tcp", &port.to_string()])
    }

    pub fn serial(path: &Path) -> Process {
        Self::start(&["serial", path.to_str().unwrap()])
    }

    fn start(arguments: &[&str]) -> Process {
        let mut command = Command::new(python());
        command.arg(root().join("tests/peers/modbus_server.py")).args(arguments).stderr(Stdio::null());
        let mut process = Process::start(&mut command);
        process.wait("the Modbus server", |line| line.contains("ready").then_some(()));
        process
    }

    pub fn set(&mut self, table: &str, address: u16, values: &[u16]) {
        command(&mut self.process, &json!({"set": {"table": table, "address": address, "values": values}}));
    }
}

/// Sends a command to a Modbus server and waits until it was carried out.
pub fn command(process: &mut Process, command: &Value) {
    process.send(&command.to_string());
    process.wait("the command", |line| line.contains("\"done\"").then_some(()));
}

/// A station folder.
pub struct Folder {
    _keep: tempfile::TempDir,
    pub path: PathBuf,
}

impl Folder {
    pub fn new(station: &Value) -> Self {
        let keep = tempfile::tempdir().unwrap();
        std::fs::write(keep.path().join("station.json"), station.to_string()).unwrap();
        Self { path: keep.path().to_owned(), _keep: keep }
    }
}

pub fn polder() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polder"));
    command.env("TZ", "Europe/Amsterdam");
    command
}

pub fn run(arguments: &[&str]) -> Output {
    polder().args(arguments).output().unwrap()
}

pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A station that prints its events.
pub struct Station {
    pub process: Process,
    pub folder: PathBuf,
}

impl Station {
    pub fn start(folder: &Path) -> Self {
        let mut command = polder();
        command.args(["run", folder.to_str().unwrap(), "--headless", "--events"]);
        Self { process: Process::start(&mut command), folder: folder.to_owned() }
    }

    /// The first event, from now on, that fits.
    pub fn wait(&mut self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        self.process.wait(what, |line| {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            fits(&event).then_some(event)
        })
    }

    pub fn wait_sample(&mut self, tag: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait(&format!("{tag} {what}"), |event| event["event"] == "sample" && event["tag"] == tag && fits(event))
    }

    pub fn wait_good(&mut self, tag: &str) -> Value {
        self.wait_sample(tag, "good", |event| event["quality"] == "good")
    }

    /// Good samples of all these tags, in whatever order they come.
    pub fn wait_all_good(&mut self, tags: &[&str]) -> Vec<Value> {
        let mut found = vec![Value::Null; tags.len()];
        while found.contains(&Value::Null) {
            let sample = self.wait(&format!("{tags:?} good"), |event| {
                event["quality"] == "good" && tags.iter().any(|tag| event["tag"] == *tag)
            });
            let place = tags.iter().position(|tag| sample["tag"] == *tag).unwrap();
            found[place] = sample["value"].clone();
        }
        found
    }

    pub fn wait_alarm(&mut self, alarm: &str, state: &str) -> Value {
        self.wait(&format!("{alarm} {state}"), |event| event["alarm"] == alarm && event["state"] == state)
    }

    pub fn tool(&self, arguments: &[&str]) -> Output {
        let mut all = vec![arguments[0], self.folder.to_str().unwrap()];
        all.extend(&arguments[1..]);
        run(&all)
    }

    /// Asks it to stop and waits until it did.
    pub fn stop(mut self) {
        self.process.signal("TERM");
        self.process.rest();
        assert!(self.process.child.wait().unwrap().success());
    }
}

/// A station file with one Modbus connection over TCP, polled five times a second.
pub fn modbus_station(port: u16, timeout: &str, tags: Value) -> Value {
    json!({
        "station": {"name": "Test"},
        "connections": [{"name": "plc", "modbus": {"tcp": format!("127.0.0.1:{port}"), "timeout": timeout}}],
        "devices": [{"name": "plc-1", "connection": "plc", "unit": 1, "poll": "200ms"}],
        "tags": tags,
    })
}

/// A change of an alarm that the plant itself made, as the engine would hand it to the records.
pub fn change_of(alarm: &str, number: u64, [from, to]: [State; 2], [time, raised]: [Timestamp; 2]) -> Transition {
    let occurrence = OccurrenceId(number);
    let kept = (to != State::Normal).then(|| Box::new(Persisted::of_state(to, occurrence, raised, time)));
    Transition {
        alarm: AlarmKey::from(alarm),
        occurrence,
        from,
        to,
        time,
        raised,
        value: None,
        actor: None,
        comment: "".into(),
        occasion: Occasion::default(),
        condition: ConditionState { active: to.is_active(), unevaluated: false },
        kept,
        is_requested: false,
    }
}
