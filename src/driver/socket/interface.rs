//! The interface that a connection is bound to, such as a tunnel. While it is missing or down nothing is sent, and never another way: the
//! kernel holds a bound socket to its interface (SO_BINDTODEVICE) for its whole life; here is only found out, and said, that it is gone.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

/// Where the kernel says how its interfaces are.
const INTERFACES: &str = "/sys/class/net";
/// How often an interface is looked at while a socket is bound to it.
const LOOK: Duration = Duration::from_millis(500);
/// The longest name of an interface that the kernel takes, in bytes.
const LONGEST_NAME: usize = 15;

/// The interface that a connection is bound to cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TunnelDown {
    /// There is none of this name.
    #[error("the tunnel is down: there is no interface {0}; nothing is sent another way")]
    Missing(Arc<str>),
    /// It is there, but does not carry anything; what the kernel calls that.
    #[error("the tunnel is down: the interface {0} is {1}; nothing is sent another way")]
    Down(Arc<str>, Arc<str>),
    /// It went away while a socket was bound to it; one of the same name is another one.
    #[error("the tunnel was down: the interface {0} was made anew; nothing was sent another way")]
    Replaced(Arc<str>),
}

impl From<TunnelDown> for io::Error {
    fn from(down: TunnelDown) -> Self {
        Self::new(io::ErrorKind::NetworkDown, down)
    }
}

/// Whether the kernel can have an interface of this name; words where it cannot.
pub fn check_interface_name(name: &str) -> Result<(), String> {
    let is_fine = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !matches!(name, "." | "..")
        && !name.contains(|sign: char| sign == '/' || sign == ':' || sign.is_whitespace() || sign.is_control());
    if is_fine { Ok(()) } else { Err(format!("\"{name}\" is not the name of an interface; write it as wg0 or tun0")) }
}

/// Whether an interface is there and up; its number, which another interface of the same name does not have.
pub fn look_at_interface(name: &Arc<str>) -> Result<u32, TunnelDown> {
    look_in(Path::new(INTERFACES), name)
}

fn look_in(interfaces: &Path, name: &Arc<str>) -> Result<u32, TunnelDown> {
    let missing = || TunnelDown::Missing(Arc::clone(name));
    let read = |file: &str| std::fs::read_to_string(interfaces.join(&**name).join(file)).map_err(|_| missing());
    let (number, flags, state) = (read("ifindex")?, read("flags")?, read("operstate")?);
    let number = number.trim().parse().map_err(|_| missing())?;
    let down = |word: &str| TunnelDown::Down(Arc::clone(name), word.into());
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).map_err(|_| missing())?;
    // IFF_UP: what an administrator switches. The state says whether anything is carried; tunnels mostly say that they do not know.
    match (flags & 1, state.trim()) {
        (0, _) => Err(down("switched off")),
        (_, "up" | "unknown") => Ok(number),
        (_, word) => Err(down(word)),
    }
}

/// Binds a socket to an interface before it connects.
pub(super) fn bind(socket: &TcpSocket, name: &Arc<str>) -> Result<(), BindError> {
    bind_to(socket, name).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => BindError::NotPermitted(Arc::clone(name)),
        // ENODEV has no kind of its own.
        _ if look_at_interface(name).is_err() || error.raw_os_error() == Some(19) => {
            BindError::Down(TunnelDown::Missing(Arc::clone(name)))
        }
        _ => BindError::Refused(Arc::clone(name), error.to_string()),
    })
}

/// Why a socket cannot be bound to its interface. It is never connected then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BindError {
    #[error(transparent)]
    Down(TunnelDown),
    #[error(
        "the system does not let this account bind a connection to the interface {0}, and it is not opened without: kernels before 5.7 \
         want the capability CAP_NET_RAW (setcap cap_net_raw+ep on the program, or AmbientCapabilities= of the service)"
    )]
    NotPermitted(Arc<str>),
    #[error("the system does not bind a connection to the interface {0} ({1}), and it is not opened without")]
    Refused(Arc<str>, String),
}

#[cfg(target_os = "linux")]
fn bind_to(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn bind_to(_socket: &TcpSocket, _name: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux can do that"))
}

/// Watches the interface of an open socket; it ends with the socket.
pub(super) struct Guard {
    task: JoinHandle<()>,
    interface: Arc<str>,
    seen: Arc<OnceLock<TunnelDown>>,
}

impl Guard {
    /// Begins to watch the interface that had this number when the socket was bound.
    pub(super) fn new(interface: &Arc<str>, number: u32) -> Self {
        let (name, seen) = (Arc::clone(interface), Arc::new(OnceLock::new()));
        let tell = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let _ = tell.set(lost(&name, number).await);
        });
        Self { task, interface: Arc::clone(interface), seen }
    }

    /// How the interface was lost; none while it is there.
    pub(super) fn lost(&self) -> Option<TunnelDown> {
        let seen = self.seen.get().cloned();
        // When nobody watches any more it cannot be said that the interface is there.
        let unwatched = || TunnelDown::Down(Arc::clone(&self.interface), "not watched any more".into());
        seen.or_else(|| self.task.is_finished().then(unwatched))
    }

    /// Ready once the interface is lost.
    pub(super) fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<TunnelDown> {
        if let Some(down) = self.lost() {
            return Poll::Ready(down);
        }
        match Pin::new(&mut self.task).poll(context) {
            Poll::Ready(_) => self.lost().map_or(Poll::Pending, Poll::Ready),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until the interface that has this number is lost.
async fn lost(name: &Arc<str>, number: u32) -> TunnelDown {
    loop {
        if let Some(down) = change(look_at_interface(name), name, number) {
            return down;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What became of the interface that had this number; none while all is well.
fn change(seen: Result<u32, TunnelDown>, name: &Arc<str>, number: u32) -> Option<TunnelDown> {
    match seen {
        Ok(seen) if seen == number => None,
        Ok(_) => Some(TunnelDown::Replaced(Arc::clone(name))),
        Err(down) => Some(down),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces(number: &str, flags: &str, state: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("wg0");
        std::fs::create_dir(&one).unwrap();
        for (file, text) in [("ifindex", number), ("flags", flags), ("operstate", state)] {
            std::fs::write(one.join(file), format!("{text}\n")).unwrap();
        }
        folder
    }

    #[track_caller]
    fn check(flags: &str, state: &str, expected: Result<u32, &str>) {
        let name = Arc::from("wg0");
        let seen = look_in(interfaces("7", flags, state).path(), &name);
        let expected = expected.map_err(|word| TunnelDown::Down(name, word.into()));
        assert_eq!(seen, expected, "{flags} {state}");
    }

    #[test]
    fn an_interface_is_up_when_the_kernel_says_nothing_against_it() {
        check("0x1091", "unknown", Ok(7));
        check("0x1003", "up", Ok(7));
        check("0x1090", "down", Err("switched off"));
        check("0x1090", "unknown", Err("switched off"));
        for state in ["down", "lowerlayerdown", "notpresent", "dormant", "testing", ""] {
            check("0x1003", state, Err(state));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        let (folder, name) = (tempfile::tempdir().unwrap(), Arc::from("wg0"));
        assert_eq!(look_in(folder.path(), &name), Err(TunnelDown::Missing(Arc::clone(&name))));
        for (number, flags) in [("x", "0x1091"), ("7", "many"), ("", "")] {
            let seen = look_in(interfaces(number, flags, "up").path(), &name);
            assert_eq!(seen, Err(TunnelDown::Missing(Arc::clone(&name))), "{number} {flags}");
        }
    }

    #[test]
    fn another_interface_of_the_same_name_is_another_one() {
        let name = Arc::from("wg0");
        assert_eq!(change(Ok(7), &name, 7), None);
        assert_eq!(change(Ok(8), &name, 7), Some(TunnelDown::Replaced(Arc::clone(&name))));
        let missing = TunnelDown::Missing(Arc::clone(&name));
        assert_eq!(change(Err(missing.clone()), &name, 7), Some(missing));
    }

    #[test]
    fn names_that_no_interface_has() {
        for name in ["wg0", "tun-site_1", "enp3s0.100", "abcdefghijklmno"] {
            assert_eq!(check_interface_name(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "a/b", "../eth0", "wg 0", "eth0:1", "abcdefghijklmnop"] {
            assert!(check_interface_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_system_that_refuses_is_told_in_words() {
        let words = BindError::NotPermitted("wg0".into()).to_string();
        assert!(words.contains("CAP_NET_RAW") && words.contains("not opened without"), "{words}");
    }
}
