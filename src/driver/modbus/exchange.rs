//! A request, and why there is no answer to it.

use super::pdu::FrameError;
use crate::driver::socket;
use std::io;
use std::time::Duration;

/// Why there is no answer to believe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExchangeError {
    /// The device refused. The wire is fine.
    #[error("exception {0}")]
    Exception(u8),
    /// Nothing came in time.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The wire broke.
    #[error("{0}")]
    Broken(String),
    /// The interface that the wire is bound to went down.
    #[error("{0}")]
    TunnelDown(String),
    /// Something came that does not fit.
    #[error("{0}")]
    BadFrame(String),
}

impl From<FrameError> for ExchangeError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Exception(code) => Self::Exception(code),
            FrameError::Wrong(words) => Self::BadFrame(words),
        }
    }
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        if let Some(down) = socket::tunnel_down(&error) {
            return Self::TunnelDown(down.to_string());
        }
        Self::Broken(match error.kind() {
            _ if socket::is_tls(&error) => socket::words(&error),
            io::ErrorKind::UnexpectedEof => "the device closed the connection".to_owned(),
            _ => error.to_string(),
        })
    }
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The unit that is asked.
    pub(super) unit: u8,
    /// The unit that answers; the same one by the standard.
    pub(super) answers_as: u8,
    /// The request without its frame.
    pub(super) pdu: &'a [u8],
}
