//! Reason codes in words.

/// A reason code of MQTT 5. The return codes of 3.1.1 are translated into these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonCode(pub u8);

impl ReasonCode {
    /// All is well; also the levels granted to a subscription begin here.
    pub const SUCCESS: Self = Self(0);
    /// A client goes, and its will is to be published.
    pub const WITH_WILL: Self = Self(0x04);
    /// A publication that nobody is subscribed to.
    pub const NO_SUBSCRIBERS: Self = Self(0x10);
    /// Something that has no code of its own.
    pub const UNSPECIFIED: Self = Self(0x80);
    /// Bytes that are no packet.
    pub const MALFORMED: Self = Self(0x81);
    /// A packet that may not come now.
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    /// The other side cannot do it.
    pub const IMPLEMENTATION: Self = Self(0x83);
    /// The broker does not speak this version.
    pub const UNSUPPORTED_VERSION: Self = Self(0x84);
    /// The user may not do this.
    pub const NOT_AUTHORISED: Self = Self(0x87);
    /// The packet identifier is not in use.
    pub const UNKNOWN_IDENTIFIER: Self = Self(0x92);
    /// More messages under way than agreed.
    pub const RECEIVE_MAXIMUM: Self = Self(0x93);
    /// Larger than agreed.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);

    /// Whether it is a refusal.
    pub const fn is_refusal(self) -> bool {
        self.0 >= 0x80
    }

    /// The return code of a CONNACK of 3.1.1.
    pub(super) const fn of_connack_3(code: u8) -> Self {
        Self(match code {
            0 => 0,
            1 => 0x84,
            2 => 0x85,
            3 => 0x88,
            4 => 0x86,
            5 => 0x87,
            _ => 0x80,
        })
    }

    /// What an operator reads.
    pub fn words(self) -> String {
        let words = match self.0 {
            0x00..=0x02 => "no error",
            0x04 => "disconnected with its will",
            0x10 => "nobody is subscribed",
            0x11 => "there was no such subscription",
            0x81 => "it found a packet of ours malformed",
            0x82 => "it found a packet of ours against the protocol",
            0x83 => "it cannot do this",
            0x84 => "it does not speak this version of MQTT",
            0x85 => "it does not take the client identifier",
            0x86 => "user name or password is wrong",
            0x87 => "not authorised",
            0x88 => "the broker is not available",
            0x89 => "the broker is busy",
            0x8A => "banned",
            0x8B => "the broker shuts down",
            0x8C => "it wants another way of authentication",
            0x8D => "it heard nothing of us for too long",
            0x8E => "another client took over with the same client identifier",
            0x8F => "the topic filter is not accepted",
            0x90 => "the topic is not accepted",
            0x91 => "the packet identifier is in use",
            0x92 => "the packet identifier is not known",
            0x93 => "more messages were under way than agreed",
            0x94 => "a topic alias is not valid",
            0x95 => "the packet is too large",
            0x96 => "messages come too fast",
            0x97 => "a quota is used up",
            0x98 => "an administrator ended it",
            0x99 => "the payload is not of the kind that it is said to be",
            0x9A => "it keeps no retained messages",
            0x9B => "it does not support this QoS",
            0x9C => "another broker is to be used for now",
            0x9D => "the broker has moved",
            0x9E => "it has no shared subscriptions",
            0x9F => "connections come too fast",
            0xA0 => "the connection lasted as long as it may",
            0xA1 => "it has no subscription identifiers",
            0xA2 => "it has no subscriptions with wildcards",
            _ => "it gives no reason",
        };
        match self.0 {
            0x80 => words.to_owned(),
            code if words == "it gives no reason" => format!("reason code {code:#04x}"),
            _ => words.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_words() {
        assert_eq!(ReasonCode(0x87).words(), "not authorised");
        assert_eq!(ReasonCode(0x80).words(), "it gives no reason");
        assert_eq!(ReasonCode(0xEE).words(), "reason code 0xee");
        assert_eq!(ReasonCode::of_connack_3(4).words(), "user name or password is wrong");
        assert!((0..=255).all(|code| !ReasonCode(code).words().is_empty()));
    }
}
