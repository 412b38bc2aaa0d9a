//! A device at the far end of a serial line.

use super::answer::{Ask, crc};
use super::device::{Act, Fault, Shared, TICK, pause, perform};
use crate::support::{DEADLINE, Process};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// A line that nobody speaks on for so long is taken to be idle then the next time: of two requests in 100 ms one is followed by that.
const RESTS: Duration = Duration::from_millis(40);

/// Two ends of a serial line, and what comes out of the far one.
pub struct Line {
    #[expect(dead_code, reason = "the line ends with it")]
    socat: Process,
    port: File,
    bytes: Receiver<Vec<u8>>,
}

impl Line {
    pub fn new(ours: &Path, theirs: &Path) -> Self {
        let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
        let socat = Process::start(Command::new("socat").arg(end(ours)).arg(end(theirs)));
        let deadline = Instant::now() + DEADLINE;
        while !(ours.exists() && theirs.exists()) {
            assert!(Instant::now() < deadline, "socat made no serial line");
            std::thread::yield_now();
        }
        let port = OpenOptions::new().read(true).write(true).open(theirs).unwrap();
        let (sender, bytes) = channel();
        let mut reader = port.try_clone().unwrap();
        let read = move || {
            let mut chunk = [0; 256];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        };
        Builder::new().spawn(read).unwrap();
        Self { socat, port, bytes }
    }
}

/// A device at the far end of a serial line, which is plugged out and in again as the fault wants it.
pub fn attend(line: Line, ours: &Path, theirs: &Path, shared: &Shared) {
    let mut line = Some(line);
    while !shared.stopped() {
        if let Fault::Unplug = shared.fault() {
            line = None;
            pause(TICK);
            continue;
        }
        let plugged = line.get_or_insert_with(|| Line::new(ours, theirs));
        if serve(plugged, shared).is_err() {
            line = None;
        }
    }
}

/// Answers until the fault is one of the line.
fn serve(line: &mut Line, shared: &Shared) -> Result<()> {
    let (mut received, mut rhythm) = (Vec::new(), Rhythm::default());
    while !shared.stopped() {
        let fault = shared.fault();
        let patience = match &fault {
            Fault::Unplug => return Ok(()),
            Fault::Idle(every, _) => *every,
            _ => TICK,
        };
        match line.bytes.recv_timeout(patience) {
            Ok(bytes) => received.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(RecvTimeoutError::Timeout) => {
                // Half a request is none.
                received.clear();
                if let Fault::Idle(_, bytes) = &fault {
                    line.port.write_all(bytes)?;
                    shared.commit();
                }
            }
        }
        while let Some(length) = whole(&received) {
            let raw: Vec<u8> = received.drain(..length).collect();
            let (body, sum) = raw.split_at(length - 2);
            if crc(body).to_le_bytes() != sum {
                received.clear();
                break;
            }
            let ask = Ask::parse(&raw, true, false);
            let address = ask.address;
            rhythm.asked();
            let mut acts = shared.state().react(vec![ask]);
            let idle = acts.iter().position(|act| matches!(act, Act::Idle(_)));
            let mut later = idle.map(|place| acts.split_off(place)).unwrap_or_default().into_iter();
            perform(acts, &mut line.port)?;
            rhythm.answered(address);
            let Some(Act::Idle(millis)) = later.next() else { continue };
            if rhythm.rests_after(address) {
                match line.bytes.recv_timeout(Duration::from_millis(millis)) {
                    Ok(bytes) => received.extend(bytes),
                    Err(_) => {
                        perform(later.collect(), &mut line.port)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// How long nothing was asked after each answer lately. Which request follows at once, and which after a rest, is up to the station, and another
/// on a busy machine.
#[derive(Default)]
struct Rhythm {
    rests: HashMap<u16, Duration>,
    last: Option<(u16, Instant)>,
}

impl Rhythm {
    fn asked(&mut self) {
        if let Some((address, at)) = self.last.take() {
            self.rests.insert(address, at.elapsed());
        }
    }

    fn answered(&mut self, address: u16) {
        self.last = Some((address, Instant::now()));
    }

    /// Whether the station left the line alone for long enough when this was asked before.
    fn rests_after(&self, address: u16) -> bool {
        self.rests.get(&address).is_some_and(|rest| *rest > RESTS)
    }
}

/// How long the request at the start is, once it is whole.
fn whole(received: &[u8]) -> Option<usize> {
    let length = match received {
        [_, 15 | 16, _, _, _, _, count, ..] => 9 + usize::from(*count),
        [_, 15 | 16, ..] | [] | [_] => return None,
        _ => 8,
    };
    (received.len() >= length).then_some(length)
}
