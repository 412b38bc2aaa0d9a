//! Commands to the field. Each step is a type that only the step before can make:
//!
//! [`CommandRequest`] -> [`Confirmed`] -> [`Authorised`] -> (audit receipt) -> [`Dispatch`] -> [`WriteAnswer`] -> [`InFlight`] -> [`Outcome`].
//!
//! A command is sent at most once, never after its expiry, never queued for a device that is away, and always ends in words.

mod authorise;
mod in_flight;
mod message;
mod outcome;
mod request;
mod settings;

pub use authorise::{Authorised, Dispatch, Facts, Refusal, WrongReceipt, authorise};
pub use in_flight::{InFlight, Progress};
pub use message::{
    AuthorisedMessage, ConfirmedMessage, LONGEST_PAYLOAD, Message, MessageDispatch, MessageFacts, MessageRequest,
    PUBLISH, authorise_message, check_topic,
};
pub use outcome::{CommandView, Outcome, Phase, WriteAnswer};
pub use request::{CommandRequest, Confirmation, Confirmed};
pub use settings::CommandSettings;
