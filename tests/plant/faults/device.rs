//! A device that does as it is told, rightly or wrongly: over TCP in plain threads, or at the end of a serial line.

use super::answer::{Answer, Ask, truth};
use super::line::{Line, attend};
use super::socket::listen;
use std::collections::BTreeMap;
use std::io::{Result, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How soon a device takes notice of a new fault when nobody asks it anything.
pub const TICK: Duration = Duration::from_millis(25);

/// One thing that a device does.
#[derive(Clone, Debug)]
pub enum Act {
    Send(Vec<u8>),
    Pause(u64),
    /// A pause of so many milliseconds at a time when nothing is asked, as far as that can be known; on a serial line what follows is left out
    /// where something is.
    Idle(u64),
    /// Ends the connection as it should be ended.
    Close,
    /// Ends it with a reset: what was received last is not read.
    Reset,
}

type Script = Arc<dyn Fn(&Ask) -> Vec<Act> + Send + Sync>;
type Together = Arc<dyn Fn(&[Ask]) -> Vec<Act> + Send + Sync>;

/// What a device makes of a write before it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    It,
    Nothing,
    /// It keeps something else.
    Other(u16),
}

/// What is wrong with a device.
#[derive(Clone, Default)]
pub enum Fault {
    #[default]
    None,
    /// Reads are answered like this; writes as they should be.
    Reads(Script),
    /// Writes are carried out and answered like this; reads as they should be.
    Writes(Takes, Script),
    /// Reads and writes alike; writes are carried out.
    All(Script),
    /// Requests that stand in the socket together are answered like this.
    Together(Together),
    /// Everything is answered as it should be, and this is sent so often in between.
    Idle(Duration, Vec<u8>),
    /// Nobody listens.
    Refuse,
    /// Connections are taken and ended at once.
    HangUp,
    /// Connections are taken and nothing is ever read from them.
    NeverRead,
    /// The serial adapter is pulled out.
    Unplug,
}

pub struct State {
    fault: Fault,
    epoch: u16,
    /// Register 0 counts the requests.
    counts: bool,
    written: BTreeMap<u16, u16>,
    asked: BTreeMap<u8, u64>,
    /// When each unit was asked last, and how long it was not asked at most.
    pauses: BTreeMap<u8, (Instant, Duration)>,
    committed: u64,
    writes: u64,
    before: Option<Answer>,
}

impl State {
    fn honest(&self, ask: &mut Ask) {
        if ask.is_write() {
            return;
        }
        let held = |register: u16| match self.written.get(&register) {
            Some(value) => *value,
            None if self.counts && register == 0 => self.asked.values().sum::<u64>() as u16,
            None => truth(self.epoch, register),
        };
        let addresses = ask.address..ask.address.saturating_add(ask.second());
        let payload: Vec<u8> = if ask.function <= 2 {
            let bits: Vec<bool> = addresses.map(|bit| self.written.get(&bit).is_some_and(|held| *held != 0)).collect();
            bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
        } else {
            addresses.flat_map(|register| held(register).to_be_bytes()).collect()
        };
        ask.truth.count = Some(payload.len() as u8);
        ask.truth.payload = payload;
    }

    fn take(&mut self, ask: &Ask) {
        self.writes += 1;
        let takes = if let Fault::Writes(takes, _) = &self.fault { *takes } else { Takes::It };
        let values: Vec<u16> = match ask.function {
            16 => ask.pdu()[6..].chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
            _ => vec![ask.second()],
        };
        for (place, value) in values.into_iter().enumerate() {
            match takes {
                Takes::It => self.written.insert(ask.address + place as u16, value),
                Takes::Other(value) => self.written.insert(ask.address + place as u16, value),
                Takes::Nothing => None,
            };
        }
    }

    /// What is done about requests: one, or several that came together.
    pub fn react(&mut self, mut asks: Vec<Ask>) -> Vec<Act> {
        for ask in &mut asks {
            *self.asked.entry(ask.unit).or_default() += 1;
            let now = Instant::now();
            let (last, longest) = self.pauses.entry(ask.unit).or_insert((now, Duration::ZERO));
            (*last, *longest) = (now, (*longest).max(now - *last));
            self.honest(ask);
            if ask.is_write() {
                self.take(ask);
            }
            ask.number = self.committed;
            ask.before = self.before.replace(ask.lie());
        }
        let honest = |asks: &[Ask]| asks.iter().map(|ask| Act::Send(ask.truth.bytes())).collect();
        let each = |asks: &[Ask], script: &Script| asks.iter().flat_map(|ask| script(ask)).collect();
        let writes = asks.iter().any(Ask::is_write);
        let acts = match &self.fault {
            Fault::Reads(script) if !writes => each(&asks, script),
            Fault::Writes(_, script) if writes => each(&asks, script),
            Fault::All(script) => each(&asks, script),
            Fault::Together(script) => script(&asks),
            // The fault came while the request was on its way.
            Fault::Refuse | Fault::HangUp | Fault::Unplug => vec![Act::Close],
            Fault::NeverRead => Vec::new(),
            _ => return honest(&asks),
        };
        self.committed += 1;
        acts
    }
}

/// What the threads of a device share.
pub struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
}

impl Shared {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn fault(&self) -> Fault {
        self.state().fault.clone()
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn commit(&self) {
        self.state().committed += 1;
    }
}

/// A device. It ends when it is dropped.
pub struct Device {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    reach: Reach,
}

enum Reach {
    Tcp(u16),
    Serial(PathBuf, #[expect(dead_code, reason = "it keeps the folder of the line")] tempfile::TempDir),
}

impl Device {
    fn shared() -> Arc<Shared> {
        let state = State {
            fault: Fault::None,
            epoch: 1,
            counts: false,
            written: BTreeMap::new(),
            asked: BTreeMap::new(),
            pauses: BTreeMap::new(),
            committed: 0,
            writes: 0,
            before: None,
        };
        Arc::new(Shared { state: Mutex::new(state), stop: AtomicBool::new(false) })
    }

    pub fn tcp() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Self::shared();
        let inside = Arc::clone(&shared);
        let thread = Builder::new().spawn(move || listen(listener, port, &inside)).unwrap();
        Self { shared, thread: Some(thread), reach: Reach::Tcp(port) }
    }

    pub fn serial() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let (ours, theirs) = (keep.path().join("ours"), keep.path().join("theirs"));
        let shared = Self::shared();
        let (inside, line) = (Arc::clone(&shared), Line::new(&ours, &theirs));
        let path = ours.clone();
        let thread = Builder::new().spawn(move || attend(line, &path, &theirs, &inside)).unwrap();
        Self { shared, thread: Some(thread), reach: Reach::Serial(ours, keep) }
    }

    /// One whose register 0 counts its requests.
    pub fn counter() -> Self {
        let device = Self::tcp();
        device.shared.state().counts = true;
        device
    }

    /// The `modbus` entry of a station file.
    pub fn reach(&self, timeout: &str) -> serde_json::Value {
        match &self.reach {
            Reach::Tcp(port) => serde_json::json!({"tcp": format!("127.0.0.1:{port}"), "timeout": timeout}),
            Reach::Serial(path, _) => {
                serde_json::json!({"serial": path, "baud": 19200, "parity": "none", "timeout": timeout})
            }
        }
    }

    /// From now on it behaves like this.
    pub fn set(&self, fault: Fault, epoch: u16) {
        let refuses = matches!(fault, Fault::Refuse);
        {
            let mut state = self.shared.state();
            state.fault = fault;
            state.epoch = epoch;
            state.committed = 0;
        }
        if refuses {
            self.wake();
        }
    }

    /// What it holds where nothing was written is another thing now; it goes on behaving as it does.
    pub fn become_true(&self, epoch: u16) {
        let mut state = self.shared.state();
        state.epoch = epoch;
        state.written.clear();
    }

    /// What was written into a register.
    pub fn holds(&self, register: u16) -> Option<u16> {
        self.shared.state().written.get(&register).copied()
    }

    /// The thread that waits for a connection gets one, and looks around.
    fn wake(&self) {
        if let Reach::Tcp(port) = self.reach {
            let _ = TcpStream::connect(("127.0.0.1", port));
        }
    }

    /// How often it has done wrong since the fault was set.
    pub fn committed(&self) -> u64 {
        self.shared.state().committed
    }

    /// How many writes came over the wire.
    pub fn writes(&self) -> u64 {
        self.shared.state().writes
    }

    /// For how long a unit was not asked at most, since this was last wanted to know.
    pub fn longest_pause(&self, unit: u8) -> Duration {
        self.shared.state().pauses.remove(&unit).map_or(Duration::ZERO, |(_, longest)| longest)
    }

    /// How often a unit was asked.
    pub fn asked(&self, unit: u8) -> u64 {
        self.shared.state().asked.get(&unit).copied().unwrap_or_default()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A device takes its time: this is how it behaves, not how anything is waited for.
pub fn pause(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::thread::park_timeout(end.saturating_duration_since(Instant::now()));
    }
}

pub enum End {
    None,
    Close,
    Reset,
}

pub fn perform(acts: Vec<Act>, out: &mut impl Write) -> Result<End> {
    for act in acts {
        match act {
            Act::Send(bytes) => out.write_all(&bytes)?,
            Act::Pause(millis) | Act::Idle(millis) => pause(Duration::from_millis(millis)),
            Act::Close => return Ok(End::Close),
            Act::Reset => return Ok(End::Reset),
        }
    }
    Ok(End::None)
}
