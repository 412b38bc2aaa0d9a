//! What a case is, and the words that the tables are written in.

use super::answer::{Answer, Ask};
use super::device::{Act, Device, Fault};
use std::sync::Arc;
use std::time::Duration;

pub const SILENT: &str = "no answer";
pub const AWAY: &str = "not connected";
pub const UNFIT: &str = "answer does not fit the request";

/// What has to become of the tags of a device that behaves like this.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// They stay good, and what they show is new.
    Works,
    /// They turn bad for one of these reasons, and stay so until the fault is over.
    Bad(&'static [&'static str]),
    /// They are good and true, or bad for one of these reasons; both are honest.
    Either(&'static [&'static str]),
    /// The same, and bad at least once.
    Flaky(&'static [&'static str]),
}

impl Expect {
    pub fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Works => &[],
            Self::Bad(reasons) | Self::Either(reasons) | Self::Flaky(reasons) => reasons,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flavour {
    Tcp,
    Serial,
}

/// What a device refuses address by address is asked for again once a minute.
pub const REFUSED: u64 = 20;

/// One fault and what has to become of it.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub flavour: Flavour,
    pub fault: Fault,
    pub expect: Expect,
    /// The one tag that suffers; none for all.
    pub only: Option<&'static str>,
    /// How long everything may take to be well again.
    pub recovery: Duration,
    /// The table that is read.
    pub table: &'static str,
}

impl Case {
    pub fn new(flavour: Flavour, name: &str, fault: Fault, expect: Expect) -> Self {
        let recovery = Duration::from_secs(30);
        Self { name: name.to_owned(), flavour, fault, expect, only: None, recovery, table: "holding" }
    }

    pub fn only(self, tag: &'static str) -> Self {
        Self { only: Some(tag), ..self }
    }

    pub fn recovers_within(self, seconds: u64) -> Self {
        Self { recovery: Duration::from_secs(seconds), ..self }
    }

    pub fn reads(self, table: &'static str) -> Self {
        Self { table, ..self }
    }

    pub fn device(&self) -> Device {
        match self.flavour {
            Flavour::Tcp => Device::tcp(),
            Flavour::Serial => Device::serial(),
        }
    }

    /// Short only where the time-out is what is tried: elsewhere a machine that stands still for a moment is no fault.
    pub fn timeout(&self) -> &'static str {
        match self.flavour {
            _ if self.expect.reasons().contains(&SILENT) => "300ms",
            Flavour::Tcp => "1s",
            // Each line has a program of its own between the station and the device, which has to have its turn as well.
            Flavour::Serial => "2s",
        }
    }
}

/// Reads are answered by a script.
pub fn reads(script: impl Fn(&Ask) -> Vec<Act> + Send + Sync + 'static) -> Fault {
    Fault::Reads(Arc::new(script))
}

/// Reads are answered with poison in an answer that is spoilt besides.
pub fn spoilt(spoil: impl Fn(&mut Answer) + Send + Sync + 'static) -> Fault {
    reads(move |ask| {
        let mut answer = ask.lie();
        spoil(&mut answer);
        vec![send(&answer)]
    })
}

/// Reads are answered with these bytes.
pub fn garbage(bytes: &[u8]) -> Fault {
    let bytes = bytes.to_vec();
    reads(move |_| vec![Act::Send(bytes.clone())])
}

/// Reads are answered with so much of a poisoned answer, and then this happens.
pub fn cut(keep: impl Fn(usize) -> usize + Send + Sync + 'static, then: Option<Act>) -> Fault {
    reads(move |ask| {
        let mut bytes = ask.lie().bytes();
        bytes.truncate(keep(bytes.len()));
        [Act::Send(bytes)].into_iter().chain(then.clone()).collect()
    })
}

/// Reads are answered rightly, in pieces of such a length, with such pauses between them.
pub fn pieces(length: impl Fn(usize) -> usize + Send + Sync + 'static, millis: u64) -> Fault {
    reads(move |ask| {
        let bytes = ask.truth.bytes();
        let parts = bytes.chunks(length(bytes.len()));
        parts.flat_map(|part| [Act::Send(part.to_vec()), Act::Pause(millis)]).collect()
    })
}

/// Reads are refused with this code.
pub fn exception(code: u8) -> Fault {
    spoilt(move |answer| answer.exception(code))
}

/// What each code is in the station's words.
pub fn exceptions(flavour: Flavour, codes: &[u8]) -> Vec<Case> {
    let case = |code: &u8| {
        let (reason, recovery): (&'static [&'static str], u64) = match code {
            1 => (&["device: function not supported"], REFUSED),
            2 => (&["device: address does not exist"], REFUSED),
            3 => (&["device: request not allowed"], REFUSED),
            4 => (&["device: internal failure"], 30),
            5 | 6 => (&["device: busy"], 30),
            10 | 11 => (&["gateway: device does not respond"], 30),
            _ => (&["device: refused"], 30),
        };
        Case::new(flavour, &format!("exception {code}"), exception(*code), Expect::Bad(reason))
            .recovers_within(recovery)
    };
    codes.iter().map(case).collect()
}

pub fn send(answer: &Answer) -> Act {
    Act::Send(answer.bytes())
}

/// Bytes without any meaning, always the same.
pub fn noise(length: usize) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        Some(*state as u8)
    };
    let mut state = 0x2545_F491u32;
    std::iter::from_fn(|| step(&mut state)).take(length).collect()
}
