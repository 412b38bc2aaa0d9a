//! Topics of the namespace `spBv1.0`: who speaks, and what kind of message it is.

use std::fmt;
use std::sync::Arc;

/// The first level of every topic.
pub const NAMESPACE: &str = "spBv1.0";

/// Where a message comes from or goes to: an edge node, or a device behind one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Group of the edge node.
    pub group: Arc<str>,
    /// Edge node, unique in its group.
    pub node: Arc<str>,
    /// Device behind the node, unique behind it; none for the node itself.
    pub device: Option<Arc<str>>,
}

impl Source {
    /// Reads `group/node` or `group/node/device`.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let mut parts = text.split('/');
        let group = identifier(parts.next().unwrap_or_default())?;
        let node = identifier(parts.next().ok_or(TopicError::NoNode)?)?;
        let device = parts.next().map(identifier).transpose()?;
        if parts.next().is_some() {
            return Err(TopicError::Levels);
        }
        if &*group == "STATE" {
            return Err(TopicError::Identifier("STATE".to_owned()));
        }
        Ok(Self { group, node, device })
    }

    /// The node that it is or stands behind.
    pub fn of_node(&self) -> Self {
        Self { device: None, ..self.clone() }
    }

    /// Whether it is an edge node, not a device behind one.
    pub fn is_node(&self) -> bool {
        self.device.is_none()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.group, self.node)?;
        self.device.as_ref().map_or(Ok(()), |device| write!(formatter, "/{device}"))
    }
}

/// What a message of an edge node or a device is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The sender is there, with everything that it will ever say.
    Birth,
    /// What changed.
    Data,
    /// The sender is gone.
    Death,
    /// An instruction to it.
    Command,
}

/// A topic of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Of an edge node or a device.
    Message(Kind, Source),
    /// Whether a host application is there.
    State {
        /// The host application.
        host: Arc<str>,
    },
}

/// Why a topic is not one of Sparkplug B 3.0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Another namespace: an older Sparkplug, or none.
    #[error("the topic does not begin with spBv1.0/")]
    Namespace,
    /// The message type is not known.
    #[error("\"{0}\" is not a message type of Sparkplug B")]
    Verb(String),
    /// A device where none belongs, none where one belongs, or more levels than there are.
    #[error(
        "the topic has too many or too few levels; spBv1.0/group/NDATA/node and spBv1.0/group/DDATA/node/device are right"
    )]
    Levels,
    /// A group without an edge node.
    #[error("an edge node is needed: group/node or group/node/device")]
    NoNode,
    /// A name that cannot stand in a topic.
    #[error(
        "\"{0}\" cannot be the name of a group, node, device or host: it is empty or reserved, or holds + # / or a control character"
    )]
    Identifier(String),
}

impl Topic {
    /// Reads a topic as the broker gave it.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let mut levels = text.split('/');
        if levels.next() != Some(NAMESPACE) {
            return Err(TopicError::Namespace);
        }
        let (Some(group), Some(verb)) = (levels.next(), levels.next()) else { return Err(TopicError::Levels) };
        let (third, fourth, rest) = (levels.next(), levels.next(), levels.next());
        if group == "STATE" {
            return match third {
                None => Ok(Self::State { host: identifier(verb)? }),
                Some(_) => Err(TopicError::Levels),
            };
        }
        let (kind, is_device) = verb_of(verb)?;
        let (Some(node), None, true) = (third, rest, fourth.is_some() == is_device) else {
            return Err(TopicError::Levels);
        };
        let device = fourth.map(identifier).transpose()?;
        Ok(Self::Message(kind, Source { group: identifier(group)?, node: identifier(node)?, device }))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { host } => write!(formatter, "{NAMESPACE}/STATE/{host}"),
            Self::Message(kind, Source { group, node, device: None }) => {
                write!(formatter, "{NAMESPACE}/{group}/N{}/{node}", word(*kind))
            }
            Self::Message(kind, Source { group, node, device: Some(device) }) => {
                write!(formatter, "{NAMESPACE}/{group}/D{}/{node}/{device}", word(*kind))
            }
        }
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Birth => "BIRTH",
        Kind::Data => "DATA",
        Kind::Death => "DEATH",
        Kind::Command => "CMD",
    }
}

/// The message type, and whether it is one of devices.
fn verb_of(verb: &str) -> Result<(Kind, bool), TopicError> {
    let unknown = || TopicError::Verb(verb.to_owned());
    let (level, rest) = verb.split_at_checked(1).ok_or_else(unknown)?;
    let kind = [Kind::Birth, Kind::Data, Kind::Death, Kind::Command].into_iter().find(|kind| word(*kind) == rest);
    match (kind, level) {
        (Some(kind), "N") => Ok((kind, false)),
        (Some(kind), "D") => Ok((kind, true)),
        _ => Err(unknown()),
    }
}

/// A name of a group, node, device or host: any characters but those that MQTT keeps for itself.
pub fn identifier(text: &str) -> Result<Arc<str>, TopicError> {
    if text.is_empty() || text.contains(['+', '#', '/']) || text.chars().any(char::is_control) {
        return Err(TopicError::Identifier(text.to_owned()));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::parse(text).unwrap()
    }

    #[test]
    fn topics_read_back() {
        for (text, expected) in [
            ("spBv1.0/north/NBIRTH/edge", Topic::Message(Kind::Birth, source("north/edge"))),
            ("spBv1.0/north/NDATA/edge", Topic::Message(Kind::Data, source("north/edge"))),
            ("spBv1.0/north/NDEATH/edge", Topic::Message(Kind::Death, source("north/edge"))),
            ("spBv1.0/north/NCMD/edge", Topic::Message(Kind::Command, source("north/edge"))),
            ("spBv1.0/north/DBIRTH/edge/pump 1", Topic::Message(Kind::Birth, source("north/edge/pump 1"))),
            ("spBv1.0/é/DDATA/ü/ñ", Topic::Message(Kind::Data, source("é/ü/ñ"))),
            ("spBv1.0/north/DDEATH/edge/pump", Topic::Message(Kind::Death, source("north/edge/pump"))),
            ("spBv1.0/north/DCMD/edge/pump", Topic::Message(Kind::Command, source("north/edge/pump"))),
            ("spBv1.0/STATE/polder", Topic::State { host: "polder".into() }),
        ] {
            assert_eq!(Topic::parse(text), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_of_the_namespace_is_refused_in_words() {
        let wrong = |text: &str| Topic::parse(text).unwrap_err();
        for text in ["", "spAv1.0/north/NDATA/edge", "spbv1.0/north/NDATA/edge", "STATE/polder"] {
            assert_eq!(wrong(text), TopicError::Namespace, "{text}");
        }
        for text in [
            "spBv1.0",
            "spBv1.0/north",
            "spBv1.0/north/NDATA",
            "spBv1.0/north/NDATA/edge/pump",
            "spBv1.0/north/DDATA/edge",
            "spBv1.0/north/DDATA/edge/pump/x",
            "spBv1.0/STATE/polder/x",
        ] {
            assert_eq!(wrong(text), TopicError::Levels, "{text}");
        }
        for verb in ["", "N", "NDATA2", "ndata", "XDATA", "STATE", "éDATA"] {
            assert_eq!(wrong(&format!("spBv1.0/north/{verb}/edge")), TopicError::Verb(verb.to_owned()));
        }
        for text in ["spBv1.0//NDATA/edge", "spBv1.0/north/NDATA/", "spBv1.0/north/DDATA/edge/", "spBv1.0/a+/NDATA/e"] {
            assert!(matches!(wrong(text), TopicError::Identifier(_)), "{text}");
        }
    }

    #[test]
    fn names_of_the_station_file() {
        assert_eq!(source("north/edge/pump").to_string(), "north/edge/pump");
        assert_eq!(source("north/edge/pump").of_node(), source("north/edge"));
        for text in ["", "north", "north/", "a/b/c/d", "a/+", "a/b/#", "STATE/polder"] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }
}
