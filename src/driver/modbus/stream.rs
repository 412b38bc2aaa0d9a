//! Opens the way to a wire: a socket, a socket with TLS, a serial port. What travels over it is not known here.

use super::serial_port::open_serial;
use super::tls;
use super::{Tls, Transport};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_serial::SerialStream;

/// An open way to a wire.
pub(super) enum Stream {
    /// A socket.
    Tcp(TcpStream),
    /// A socket with TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// A serial port.
    Serial(SerialStream),
}

/// Opens it; the error is a sentence that names the address.
pub(super) async fn open(transport: &Transport, limit: Duration) -> Result<Stream, String> {
    match transport {
        Transport::Tcp { host, port, tls: None } | Transport::RtuOverTcp { host, port } => {
            open_tcp(host, *port, limit).await.map(Stream::Tcp)
        }
        Transport::Tcp { host, port, tls: Some(tls) } => open_tls(host, *port, tls, limit).await,
        Transport::Serial(line) => open_serial(line).map(Stream::Serial),
    }
}

async fn open_tcp(host: &str, port: u16, limit: Duration) -> Result<TcpStream, String> {
    let connected = timeout(limit, TcpStream::connect((host, port))).await;
    let stream = match connected {
        Err(_) => return Err(format!("{host}:{port} did not accept a connection within {} ms", limit.as_millis())),
        Ok(Err(error)) => return Err(format!("{host}:{port}: {error}")),
        Ok(Ok(stream)) => stream,
    };
    stream.set_nodelay(true).map_err(|error| format!("{host}:{port}: {error}"))?;
    Ok(stream)
}

async fn open_tls(host: &str, port: u16, tls: &Tls, limit: Duration) -> Result<Stream, String> {
    let client = tls::client(tls)?;
    let name = tls::server_name(tls, host)?;
    let stream = open_tcp(host, port, limit).await?;
    match timeout(limit, client.connect(name, stream)).await {
        Err(_) => Err(format!("{host}:{port} did not finish the TLS handshake within {} ms", limit.as_millis())),
        Ok(Err(error)) => Err(format!("{host}:{port}: {}", tls::words(&error))),
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
    }
}

impl Stream {
    /// Whether the other side has closed it, or something unasked-for lies in it.
    pub(super) fn is_spent(&self) -> bool {
        let socket = match self {
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Serial(_) => return false,
        };
        match self {
            // A server may send session tickets at any time, so bytes alone prove nothing here.
            Self::Tls(_) => socket_is_closed(socket),
            _ => !matches!(socket.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock),
        }
    }
}

fn socket_is_closed(socket: &TcpStream) -> bool {
    // Looking without taking: what lies there belongs to TLS.
    let mut byte = [std::mem::MaybeUninit::uninit(); 1];
    let mut buffer = ReadBuf::uninit(&mut byte);
    let mut context = Context::from_waker(std::task::Waker::noop());
    match socket.poll_peek(&mut context, &mut buffer) {
        Poll::Ready(Ok(count)) => count == 0,
        Poll::Ready(Err(_)) => true,
        Poll::Pending => false,
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Serial(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Serial(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Serial(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Serial(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
