//! MQTT 3.1.1 and 5: packets, a session that is pure, a client that puts it on a socket, and the driver that makes readings of messages
//! and messages of commands. How a session is used by others than the driver stands in [`session`].

mod asks;
mod client;
mod commands;
mod edge_side;
mod gather;
mod intake;
mod order;
mod pacing;
mod packet;
mod payload;
pub mod session;
mod settings;
pub mod sparkplug;
mod sparkplug_side;
mod task;

pub use asks::AskSettings;
pub use client::{Client, Traffic};
use commands::Commands;
pub use edge_side::EdgeHome;
use order::Orders;
pub(super) use order::refuse;
pub use order::{Answer, Content, Fate, Format, MetricSample, Order, Telling, Tellings, ToldTag};
pub use packet::{Login, MessageProperties, QoS, ReasonCode, RetainHandling, Subscription, Version, Will};
pub use payload::{Kind, read_payload, write_payload};
pub use session::{Options, Persistence};
pub use settings::{Device, Point, Publication, Settings};
pub(super) use task::run;
