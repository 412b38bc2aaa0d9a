//! Payloads of Sparkplug B: what stands on the wire, the data types, and how values are read and written.

mod array;
mod command;
mod data_type;
mod json;
mod message;
mod properties;
mod value;

pub use command::{Unfit, command, rebirth_request};
pub use data_type::DataType;
pub use message::{
    DataSet, Element, ElementValue, MetaData, Metric, MetricValue, Parameter, ParameterValue, Payload, PropertyContent,
    PropertySet, PropertySetList, PropertyValue, Row, Template,
};
pub use properties::Properties;
pub use value::{Unreadable, read};

pub(super) use command::{millis, write};
pub(super) use value::timestamp;

/// The metric by which a session of an edge node and its death are told from others.
pub const BIRTH_DEATH_SEQUENCE: &str = "bdSeq";
/// The metric that makes an edge node announce itself anew.
pub const REBIRTH: &str = "Node Control/Rebirth";

/// Reads a payload. The error is a sentence.
pub fn decode(bytes: &[u8]) -> Result<Payload, String> {
    prost::Message::decode(bytes).map_err(|error| format!("it is not a payload of Sparkplug B: {error}"))
}

/// Writes a payload.
pub fn encode(payload: &Payload) -> Vec<u8> {
    prost::Message::encode_to_vec(payload)
}

#[cfg(test)]
mod tests;
