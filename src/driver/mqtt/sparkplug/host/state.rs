//! The STATE messages of host applications: whether they are there, and since when.

use crate::driver::mqtt::sparkplug::payload::millis;
use crate::tag::Timestamp;
use serde::{Deserialize, Serialize};

/// What a STATE message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// Whether the host application is there.
    pub online: bool,
    /// When its session began, or ended on purpose, in milliseconds since 1970.
    pub timestamp: u64,
}

impl HostState {
    /// The state at a moment.
    pub fn at(online: bool, moment: Timestamp) -> Self {
        Self { online, timestamp: millis(moment) }
    }

    /// As it is published: JSON.
    pub fn payload(self) -> Vec<u8> {
        format!(r#"{{"online":{},"timestamp":{}}}"#, self.online, self.timestamp).into_bytes()
    }

    /// Reads what was published; none where it is no such message.
    pub fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_back() {
        let state = HostState::at(true, Timestamp::from_micros(1_795_000_000_123_456));
        assert_eq!(state.payload(), br#"{"online":true,"timestamp":1795000000123}"#);
        assert_eq!(HostState::read(&state.payload()), Some(state));
        for text in [
            "",
            "ONLINE",
            "{}",
            r#"{"online":true}"#,
            r#"{"online":"true","timestamp":1}"#,
            r#"{"online":true,"timestamp":-1}"#,
        ] {
            assert_eq!(HostState::read(text.as_bytes()), None, "{text}");
        }
    }
}
