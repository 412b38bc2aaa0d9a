//! Opens a serial port, and finds it again when it was pulled and put back under another name.

use super::{Parity, SerialLine};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use tokio_serial::{DataBits, SerialPortBuilderExt, SerialStream, StopBits};

/// Where the system lists ports under names that stay the same.
const BY_ID: &str = "/dev/serial/by-id";

/// The lasting names of ports that were open once, by the path that the engineer gave.
static LASTING: LazyLock<Mutex<HashMap<PathBuf, PathBuf>>> = LazyLock::new(Mutex::default);

/// Opens the port for us alone. The error is a sentence that says what to do.
pub fn open_serial(line: &SerialLine) -> Result<SerialStream, String> {
    let given = Path::new(&*line.path);
    let lasting = LASTING.lock().ok().and_then(|names| names.get(given).cloned());
    let path = match lasting {
        // USB adapters are numbered anew when they are plugged in again.
        Some(name) if leads_elsewhere(given, &name) => name,
        _ => given.to_owned(),
    };
    let port = open(&path, line)?;
    if let (Some(name), Ok(mut names)) = (lasting_name(given, Path::new(BY_ID)), LASTING.lock()) {
        names.insert(given.to_owned(), name);
    }
    Ok(port)
}

/// Whether the lasting name now leads to another port than the path that the engineer gave.
fn leads_elsewhere(given: &Path, lasting: &Path) -> bool {
    match (given.canonicalize(), lasting.canonicalize()) {
        (Ok(given), Ok(lasting)) => given != lasting,
        (Err(_), Ok(_)) => true,
        (_, Err(_)) => false,
    }
}

/// The name below `folder` that leads to the same port as `path`.
fn lasting_name(path: &Path, folder: &Path) -> Option<PathBuf> {
    let port = path.canonicalize().ok()?;
    let entries = std::fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.path()));
    names.into_iter().find(|name| name.canonicalize().is_ok_and(|target| target == port))
}

fn open(path: &Path, line: &SerialLine) -> Result<SerialStream, String> {
    let parity = match line.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let stop_bits = if line.stop_bits == 2 { StopBits::Two } else { StopBits::One };
    let builder = tokio_serial::new(path.to_string_lossy(), line.baud);
    let builder = builder.data_bits(DataBits::Eight).parity(parity).stop_bits(stop_bits);
    builder.open_native_async().map_err(|error| words(path, &error))
}

fn words(path: &Path, error: &tokio_serial::Error) -> String {
    let path = path.display();
    match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            format!("{path}: not allowed; add this account to the group dialout and log in again")
        }
        tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => format!("{path}: there is no such port"),
        _ if error.to_string().contains("busy") || error.kind() == tokio_serial::ErrorKind::NoDevice => {
            format!("{path}: another program has it open, or it is no serial port ({error})")
        }
        _ => format!("{path}: {error}"),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_port_is_known_by_its_lasting_name() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("ttyUSB0"), folder.path().join("ttyUSB1"));
        let by_id = folder.path().join("by-id");
        std::fs::create_dir(&by_id).unwrap();
        std::fs::write(&old, "").unwrap();
        let name = by_id.join("usb-adapter-if00");
        symlink(&old, &name).unwrap();
        assert_eq!(lasting_name(&old, &by_id), Some(name.clone()));
        assert!(!leads_elsewhere(&old, &name));
        // Pulled: nothing is there. Put back: another number.
        std::fs::remove_file(&old).unwrap();
        assert!(!leads_elsewhere(&old, &name));
        std::fs::write(&new, "").unwrap();
        std::fs::remove_file(&name).unwrap();
        symlink(&new, &name).unwrap();
        assert!(leads_elsewhere(&old, &name));
        // Somebody else's adapter took the old number.
        std::fs::write(&old, "").unwrap();
        assert!(leads_elsewhere(&old, &name));
    }
}
