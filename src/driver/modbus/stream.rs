//! Opens the way to a wire: a socket or a serial port. What travels over it is not known here.

use super::Transport;
use super::serial_port::open_serial;
use crate::driver::socket::{self, Endpoint, OpenError, Socket, TunnelDown};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_serial::SerialStream;

/// An open way to a wire.
pub(super) enum Stream {
    /// A socket, with or without TLS.
    Socket(Socket),
    /// A serial port.
    Serial(SerialStream),
}

/// Opens it, a socket over the interface that it is bound to or not at all; the error is a sentence that names the address.
pub(super) async fn open(
    transport: &Transport,
    (only_via, is_slow): (Option<&Arc<str>>, bool),
    limit: Duration,
) -> Result<Stream, OpenError> {
    let (host, port, tls) = match transport {
        Transport::Tcp { host, port, tls } => (host, *port, tls.clone()),
        Transport::RtuOverTcp { host, port } => (host, *port, None),
        Transport::Serial(line) => return open_serial(line).map(Stream::Serial).map_err(OpenError::Failed),
    };
    let endpoint = Endpoint { host: host.clone(), port, tls, only_via: only_via.cloned(), is_slow };
    socket::open(&endpoint, limit).await.map(Stream::Socket)
}

impl Stream {
    /// Whether the other side has closed it, or something unasked-for lies in it.
    pub(super) fn is_spent(&self) -> bool {
        matches!(self, Self::Socket(socket) if socket.is_spent())
    }

    /// Waits until the interface that it is bound to is lost; for ever where there is none.
    pub(super) async fn tunnel_lost(&mut self) -> TunnelDown {
        match self {
            Self::Socket(socket) => socket.tunnel_lost().await,
            Self::Serial(_) => std::future::pending().await,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Serial(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Serial(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_flush(context),
            Self::Serial(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Serial(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
