//! MQTT 3.1.1 and 5: packets, a session that is pure, a client that puts it on a socket, and the driver that makes readings of messages
//! and messages of commands. How a session is used by others than the driver stands in [`session`].

mod asks;
mod binary;
mod client;
mod commands;
mod deliver;
mod discovery;
mod document;
mod ear;
mod edge_side;
mod gather;
mod intake;
mod listener;
pub mod look;
mod marks;
mod order;
mod pacing;
mod packet;
mod payload;
mod pointer;
mod points;
pub mod proof;
mod search;
pub mod session;
mod settings;
mod source_time;
pub mod sparkplug;
mod sparkplug_side;
mod task;
#[cfg(test)]
mod test_settings;
pub mod topics;

pub use asks::AskSettings;
pub use binary::{Binary, BinaryKind};
pub use client::{Client, Traffic};
use commands::Commands;
pub use discovery::{Discovery, Source, TAG};
pub use ear::{EVERY_TOPIC, Ear, EarState, Hearing, Listening, is_filter};
pub use edge_side::EdgeHome;
pub use intake::topic_matches;
pub use listener::listen;
use order::Orders;
pub(super) use order::refuse;
pub use order::{Answer, Content, Fate, Format, MetricSample, Order, Promise, Telling, Tellings, ToldTag};
pub use packet::{Login, MessageProperties, QoS, ReasonCode, RetainHandling, Subscription, Version, Will};
pub use payload::{Kind, PayloadError, Words, read_payload};
pub use pointer::{Pointer, PointerError};
pub use points::{Availability, Device, FRESH, Point, Publication, Search};
pub use search::TOPIC;
pub use session::{Acknowledge, Options, Persistence};
pub use settings::Settings;
pub use source_time::{SourceTime, TimeFormat};
pub(super) use task::run;
