//! Networks of their own for a test: a station on one side, its devices on the other. It takes root; where that or the kernel does not
//! permit it, the test says so.

use crate::support::{Process, root, words};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A network of its own; everything in it ends with it.
pub struct Namespace {
    pub name: String,
}

/// Runs `ip`; the words of what went wrong.
fn try_ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("ip {}: {}", arguments.join(" "), words(&output))) }
}

impl Namespace {
    /// A name for its end of a tunnel. The program of the tunnel has a socket of this name that all namespaces share.
    pub fn tunnel(&self) -> String {
        self.name.replace("polder-", "wg").replace('-', "n")
    }

    /// Two of them. None where the system does not permit it: then the test has tested nothing, and says so where no test runner hides it.
    pub fn pair(test: &str) -> Option<[Self; 2]> {
        match (Self::new(), Self::new()) {
            (Ok(one), Ok(other)) => Some([one, other]),
            (Err(why), _) | (_, Err(why)) => {
                let required = std::env::var_os("POLDER_NAMESPACES").is_some();
                assert!(!required, "POLDER_NAMESPACES is set, and no network namespace can be made: {why}");
                // Standard error itself: `eprintln!` of a test that passes is not shown.
                let words = format!(
                    "\nNOT TESTED: {test} needs network namespaces, and none can be made here: {}. Run it as root on a machine (or in a \
                     container with CAP_SYS_ADMIN, CAP_NET_ADMIN and /dev/net/tun) that permits them; POLDER_NAMESPACES=required makes \
                     this a failure.\n",
                    why.trim()
                );
                std::io::stderr().write_all(words.as_bytes()).unwrap();
                None
            }
        }
    }

    fn new() -> Result<Self, String> {
        let name = format!("polder-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        try_ip(&["netns", "add", &name])?;
        let made = Self { name };
        made.try_link(&["set", "lo", "up"])?;
        // Whoever may make a namespace may not always make a tunnel.
        made.try_run(&["tuntap", "add", "probe0", "mode", "tun"])?;
        made.try_link(&["del", "probe0"])?;
        Ok(made)
    }

    fn try_run(&self, arguments: &[&str]) -> Result<(), String> {
        try_ip(&[&["-n", &self.name], arguments].concat())
    }

    fn try_link(&self, arguments: &[&str]) -> Result<(), String> {
        self.try_run(&[&["link"], arguments].concat())
    }

    /// Runs `ip` in it.
    pub fn ip(&self, arguments: &str) {
        self.try_run(&arguments.split_whitespace().collect::<Vec<_>>()).unwrap();
    }

    /// A command that will run in it.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program.as_ref());
        command
    }

    /// Runs a command in it to its end.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", words(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a peer in Python in it.
    pub fn peer(&self, script: &str, arguments: &[&str]) -> Process {
        let mut command = self.command(crate::support::python());
        command.arg(root().join("tests/peers").join(script)).args(arguments);
        Process::start(&mut command)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program itself, so that whoever started it ends it; tunnels of their own accord stay behind.
        let left = Command::new("ip").args(["netns", "pids", &self.name]).output();
        let left = left.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for process in left.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", process]).status();
        }
        let _ = try_ip(&["netns", "del", &self.name]);
    }
}
