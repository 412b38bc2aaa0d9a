//! Opens sockets, in clear or with TLS, for every driver that speaks over TCP. What travels over them is not known here.

mod tls;

pub use tls::{CertificateFacts, certificate_facts};
pub(super) use tls::{is_tls, words};

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

/// How TLS is spoken to the other side. The files are read at each connection, so that renewed certificates are taken up.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// Certificates of those who may sign the other side's certificate, PEM.
    pub authority: Arc<Path>,
    /// Our certificate with its chain, PEM.
    pub certificate: Option<Arc<Path>>,
    /// The key of our certificate, PEM.
    pub key: Option<Arc<Path>>,
    /// The name in the other side's certificate; the host where none is given.
    pub server_name: Option<Arc<str>>,
}

/// Where a socket leads, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Name or address.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// TLS; none in clear.
    pub tls: Option<Tls>,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// An open socket.
pub(super) enum Socket {
    /// In clear.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens it; the error is a sentence that names the address.
pub(super) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Socket, String> {
    let Some(tls) = &endpoint.tls else { return connect(endpoint, limit).await.map(Socket::Plain) };
    let client = tls::client(tls)?;
    let name = tls::server_name(tls, &endpoint.host)?;
    let stream = connect(endpoint, limit).await?;
    match timeout(limit, client.connect(name, stream)).await {
        Err(_) => Err(format!("{endpoint} did not finish the TLS handshake within {} ms", limit.as_millis())),
        Ok(Err(error)) => Err(format!("{endpoint}: {}", words(&error))),
        Ok(Ok(stream)) => Ok(Socket::Tls(Box::new(stream))),
    }
}

async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<TcpStream, String> {
    let connected = timeout(limit, TcpStream::connect((&*endpoint.host, endpoint.port))).await;
    let stream = match connected {
        Err(_) => return Err(format!("{endpoint} did not accept a connection within {} ms", limit.as_millis())),
        Ok(Err(error)) => return Err(format!("{endpoint}: {error}")),
        Ok(Ok(stream)) => stream,
    };
    stream.set_nodelay(true).map_err(|error| format!("{endpoint}: {error}"))?;
    Ok(stream)
}

impl Socket {
    /// Whether the other side has closed it, or something unasked-for lies in it.
    pub(super) fn is_spent(&self) -> bool {
        match self {
            // A server may send session tickets at any time, so bytes alone prove nothing here.
            Self::Tls(stream) => is_closed(stream.get_ref().0),
            Self::Plain(socket) => {
                !matches!(socket.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }
}

fn is_closed(socket: &TcpStream) -> bool {
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

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
