//! How far a value can be trusted, and why not further (after OPC UA Part 8, reduced to what an operator acts on).

use serde::{Deserialize, Serialize};

/// The three grades of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The value is what the field says now.
    Good,
    /// The value may be right; the reason says what is doubtful.
    Uncertain,
    /// The value must not be used.
    Bad,
}

impl Status {
    /// The word that files and screens show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Uncertain => "uncertain",
            Self::Bad => "bad",
        }
    }
}

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $words:literal;)+) => {
        /// Why a value is not simply good. The codes are stored in history files: never reuse one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[$meta])* $name = $code,)+ }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What the operator reads.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)+ }
            }

            /// The reason with this stored code, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// Nothing is wrong.
    None = 0, "";
    /// No value has arrived since the start.
    NotYetRead = 1, "waiting for the first value";
    /// The device was asked and did not answer in time.
    NoAnswer = 2, "no answer";
    /// There is no connection to the device.
    NotConnected = 3, "not connected";
    /// The value has not been refreshed for longer than its limit.
    Stale = 4, "stale";
    /// Modbus exception 1.
    IllegalFunction = 5, "device: function not supported";
    /// Modbus exception 2.
    IllegalAddress = 6, "device: address does not exist";
    /// Modbus exception 3.
    IllegalValue = 7, "device: request not allowed";
    /// Modbus exception 4.
    DeviceFailure = 8, "device: internal failure";
    /// Modbus exceptions 5 and 6.
    DeviceBusy = 9, "device: busy";
    /// Modbus exceptions 10 and 11.
    GatewayNoPath = 10, "gateway: device does not respond";
    /// Any other exception code.
    OtherException = 11, "device: refused";
    /// A frame arrived that does not fit the request.
    BadFrame = 12, "answer does not fit the request";
    /// A message arrived that cannot be read as this tag.
    BadPayload = 13, "message cannot be read";
    /// The number is not a number, or infinite.
    NotANumber = 14, "not a number";
    /// The digits in the register are not binary coded decimals.
    BadDigits = 15, "not a binary coded decimal";
    /// The value is above or below what the instrument can mean.
    OutOfRange = 16, "outside the instrument's range";
    /// The broker kept this message from before; its age is not known.
    Retained = 17, "kept by the broker, age unknown";
    /// A value was restored from before the last start.
    Restored = 18, "from before the start";
    /// The station was not running, so nothing is known.
    StationOff = 19, "station was off";
    /// A secure device says that our role may not do this.
    NotAuthorised = 20, "role not authorised";
    /// The device sends a code that stands for no value.
    NotAvailable = 21, "device: value not available";
    /// The value is below the span of the instrument.
    UnderRange = 22, "below the instrument's span";
    /// The value is above the span of the instrument.
    OverRange = 23, "above the instrument's span";
    /// A person took the device off scan.
    OffScan = 24, "off scan";
    /// A calculation divided by zero.
    DividedByZero = 25, "divided by zero";
    /// The result of a calculation is larger than a number can be.
    Overflow = 26, "result too large";
    /// The broker does not let us subscribe to the topic.
    NotSubscribed = 36, "the broker refuses the subscription";
    /// A message arrived that is larger than the limit of the connection, and was left out.
    TooLarge = 37, "message over the size limit";
    /// The device's own topic, or its Last Will, says that it is away.
    DeviceOffline = 40, "device says it is offline";
    /// The time in the message lies in the future; the time of arrival is used.
    ClockAhead = 41, "device clock is ahead, time of arrival used";
    /// The message says no time that can be used; the time of arrival is used.
    NoSourceTime = 42, "message without its time, time of arrival used";
    /// The message was older than its limit when it arrived.
    Delayed = 43, "already old on arrival";
    /// The device was away since, and has not said it again.
    BeforeAway = 44, "from before the device was away";
    /// The interface that the connection is bound to is missing or down: nothing is sent another way.
    TunnelDown = 45, "tunnel down";
    /// Messages wait until history can write, and the broker may hold newer ones back meanwhile.
    HeldUp = 46, "messages wait for history, may be old";
}

/// A status with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality {
    /// Grade of trust.
    pub status: Status,
    /// Why it is not simply good; [`Reason::None`] when it is.
    pub reason: Reason,
}

impl Quality {
    /// Nothing is wrong.
    pub const GOOD: Self = Self { status: Status::Good, reason: Reason::None };

    /// Not to be used, because of `reason`.
    pub const fn bad(reason: Reason) -> Self {
        Self { status: Status::Bad, reason }
    }

    /// Doubtful, because of `reason`.
    pub const fn uncertain(reason: Reason) -> Self {
        Self { status: Status::Uncertain, reason }
    }

    /// Whether the value can be used as it is.
    pub const fn is_good(self) -> bool {
        matches!(self.status, Status::Good)
    }

    /// Whether the value must not be used.
    pub const fn is_bad(self) -> bool {
        matches!(self.status, Status::Bad)
    }

    /// The reason, or the status where there is none.
    pub const fn words(self) -> &'static str {
        match self.reason {
            Reason::None => self.status.word(),
            reason => reason.words(),
        }
    }

    /// Two bytes that stand for this quality in history files.
    pub const fn to_code(self) -> (u8, u8) {
        (self.status as u8, self.reason as u8)
    }

    /// Reads what [`Quality::to_code`] wrote; `None` for codes that were never written.
    pub const fn from_code(status: u8, reason: u8) -> Option<Self> {
        let status = match status {
            0 => Status::Good,
            1 => Status::Uncertain,
            2 => Status::Bad,
            _ => return None,
        };
        match Reason::from_code(reason) {
            Some(reason) => Some(Self { status, reason }),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for &reason in Reason::ALL {
            for status in [Status::Good, Status::Uncertain, Status::Bad] {
                let quality = Quality { status, reason };
                let (first, second) = quality.to_code();
                assert_eq!(Quality::from_code(first, second), Some(quality));
            }
        }
        assert_eq!(Quality::from_code(3, 0), None);
        assert_eq!(Quality::from_code(0, 250), None);
    }
}
