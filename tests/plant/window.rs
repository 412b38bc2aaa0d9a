//! The real window, under Xvfb with a window manager, clicked and typed in.

use crate::support::{DEADLINE, Folder, ModbusServer, Process, modbus_station, polder, run, words};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One desktop at a time: each is busy enough alone.
static ALONE: Mutex<()> = Mutex::new(());

/// An X server on a free display, with a window manager.
struct Desktop {
    display: String,
    _manager: Process,
    _server: Process,
    _alone: MutexGuard<'static, ()>,
}

impl Desktop {
    fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1300x860x24", "-nolisten", "tcp"]).stderr(Stdio::null());
        let mut server = Process::start(&mut xvfb);
        let display =
            server.wait("the display", |line| line.trim().parse::<u32>().ok().map(|number| format!(":{number}")));
        let manager = Process::start(Command::new("openbox").env("DISPLAY", &display).stderr(Stdio::null()));
        Self { display, _manager: manager, _server: server, _alone: alone }
    }

    fn try_xdotool(&self, arguments: &[&str]) -> std::process::Output {
        let output =
            Command::new("timeout").args(["30", "xdotool"]).args(arguments).env("DISPLAY", &self.display).output();
        output.expect("xdotool is needed: run tests/run, it installs what is missing")
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = self.try_xdotool(arguments);
        assert!(output.status.success(), "xdotool {arguments:?}: {}", words(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Finds the window of `program`, and makes it 1280x800.
    fn window(&self, name: &str, program: &mut Process) -> String {
        let end = Instant::now() + DEADLINE;
        let window = loop {
            let mut search = Command::new("xdotool");
            search.args(["search", "--onlyvisible", "--name", name]).env("DISPLAY", &self.display);
            let output = search.output().expect("xdotool is needed: run tests/run, it installs what is missing");
            if let Some(window) = String::from_utf8_lossy(&output.stdout).lines().next() {
                break window.to_owned();
            }
            let ended = program.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "no window appears; the program ended with {ended:?}");
        };
        self.xdotool(&["windowsize", "--sync", &window, "1280", "800"]);
        // The window manager may still be starting.
        while !self.try_xdotool(&["windowactivate", "--sync", &window]).status.success() {
            assert!(Instant::now() < end, "the window cannot be activated");
        }
        window
    }

    fn click(&self, window: &str, x: i32, y: i32, program: &Process) {
        self.xdotool(&["mousemove", "--sync", "--window", window, &x.to_string(), &y.to_string()]);
        self.act(&["click", "1"], program);
    }

    /// Does something and waits until the window has dealt with it: its thread rests, seen ten times with a round trip to the display
    /// server in between.
    fn act(&self, arguments: &[&str], program: &Process) {
        self.xdotool(arguments);
        let (end, mut rests) = (Instant::now() + DEADLINE, 0);
        while rests < 10 {
            assert!(Instant::now() < end, "the window is busy for ever after {arguments:?}");
            self.xdotool(&["getmouselocation"]);
            let state = std::fs::read_to_string(format!("/proc/{}/stat", program.child.id())).unwrap();
            let resting = state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'));
            rests = if resting { rests + 1 } else { 0 };
        }
    }
}

fn alarms(folder: &Path) -> Vec<Value> {
    let output = run(&["alarms", folder.to_str().unwrap(), "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Does something again and again until it has worked: a window that is still being drawn may miss a first click.
fn until(what: &str, mut act: impl FnMut(), done: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    act();
    while !done() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        act();
    }
}

#[test]
fn a_click_acknowledges_and_a_typed_setpoint_arrives_exactly_once() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[150]);
    let tags = json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 100, "priority": "high"}]},
        {"name": "setpoint", "device": "plc-1", "register": "holding:40", "type": "f32", "command": {"min": 0, "max": 2000}},
    ]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let desktop = Desktop::start();
    let mut command = polder();
    command.args(["run", folder.path.to_str().unwrap()]).env("DISPLAY", &desktop.display).env_remove("WAYLAND_DISPLAY");
    let mut program = Process::start(command.env("LIBGL_ALWAYS_SOFTWARE", "1"));
    let window = desktop.window("Test - Polder", &mut program);
    until("the alarm", || (), || !alarms(&folder.path).is_empty());
    // The button at the right end of the banner.
    until(
        "the acknowledgement",
        || desktop.click(&window, 1210, 61, &program),
        || alarms(&folder.path)[0]["state"] == "acknowledged",
    );
    desktop.act(&["key", "ctrl+k"], &program);
    desktop.act(&["type", "--delay", "40", "setpoint"], &program);
    // The first row of the table, which holds the one tag that fits.
    desktop.click(&window, 500, 171, &program);
    desktop.act(&["key", "F4"], &program);
    desktop.act(&["type", "--delay", "40", "1234,5"], &program);
    desktop.act(&["key", "Tab"], &program);
    desktop.act(&["type", "--delay", "40", "typed in a window"], &program);
    desktop.act(&["key", "ctrl+Return"], &program);
    let write = server.process.wait("the write", |line| line.contains("\"write\"").then(|| line.to_owned()));
    let bytes = 1234.5f32.to_be_bytes();
    let registers = [u16::from_be_bytes([bytes[0], bytes[1]]), u16::from_be_bytes([bytes[2], bytes[3]])];
    assert_eq!(
        serde_json::from_str::<Value>(&write).unwrap()["write"],
        json!({"function": 16, "address": 40, "values": registers})
    );
    program.signal("TERM");
    program.rest();
    assert!(program.child.wait().unwrap().success(), "asked to stop, it closes its window and ends well");
    server.process.kill();
    let again = server.process.rest().iter().filter(|line| line.contains("\"write\"")).count();
    assert_eq!(again, 1, "it was written {again} times");
    let output = run(&["verify", folder.path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
}

#[test]
fn a_changed_station_file_is_looked_at_and_taken_up_by_keyboard() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[150]);
    let tags = |unit: &str| json!([{"name": "level", "device": "plc-1", "register": "holding:0", "unit": unit}]);
    let station = |unit: &str| modbus_station(server.port, "1s", tags(unit));
    let folder = Folder::new(&station("cm"));
    let name = folder.path.to_str().unwrap();
    let difference = || words(&run(&["reload", name]));
    let desktop = Desktop::start();
    let mut command = polder();
    command.args(["run", name]).env("DISPLAY", &desktop.display).env_remove("WAYLAND_DISPLAY");
    let mut program = Process::start(command.env("LIBGL_ALWAYS_SOFTWARE", "1"));
    let _window = desktop.window("Test - Polder", &mut program);
    std::fs::write(folder.path.join("station.json"), station("mm").to_string()).unwrap();
    until("the station to be asked", || (), || difference().contains("tag level: unit \"cm\" -> \"mm\""));
    desktop.act(&["key", "F5"], &program);
    desktop.act(&["key", "Escape"], &program);
    assert!(difference().contains("\"mm\""), "what was taken away was not done");
    until(
        "the reload",
        || ["F5", "ctrl+Return", "Escape"].iter().for_each(|key| desktop.act(&["key", key], &program)),
        || difference().contains("nothing is another in the station file"),
    );
    program.signal("TERM");
    program.rest();
    assert!(program.child.wait().unwrap().success());
    let output = run(&["verify", name]);
    assert!(output.status.success(), "{}", words(&output));
}
