//! Opens sockets, in clear or with TLS, for every driver that speaks over TCP. What travels over them is not known here.
//!
//! A socket may be bound to one interface ([`Endpoint::only_via`]): then it is opened over that or not at all, and ends when the interface
//! does; reads and writes fail with [`TunnelDown`] in the error, which [`tunnel_down`] finds again. Every socket counts what goes over it into
//! the meter of the connection that opened it ([`Meter::count`]).

mod bound;
mod interface;
mod meter;
mod tls;

pub use interface::{TunnelDown, check_interface_name, look_at_interface};
pub use meter::{Counted, Meter};
pub use tls::{CertificateFacts, certificate_facts};
pub(super) use tls::{is_tls, words};

use crate::tag::Reason;
use interface::{BindError, Guard};
use meter::Metered;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
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
    /// Name or address; an address where it is bound to an interface: names are asked for outside of it.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// TLS; none in clear.
    pub tls: Option<Tls>,
    /// The interface that it is bound to, such as a tunnel; any where none is given.
    pub only_via: Option<Arc<str>>,
    /// Whether the line is slow: then the system is given little before the line has taken it, so that what is urgent finds little ahead of it.
    pub is_slow: bool,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Why a socket cannot be opened: a sentence that names the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    /// The interface that it is bound to is not there; nothing was sent.
    #[error("{0}: {1}")]
    TunnelDown(String, TunnelDown),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl OpenError {
    /// The reason that tags get for it.
    pub(super) const fn reason(&self) -> Reason {
        match self {
            Self::TunnelDown(..) => Reason::TunnelDown,
            Self::Failed(_) => Reason::NotConnected,
        }
    }
}

impl From<OpenError> for String {
    fn from(error: OpenError) -> Self {
        error.to_string()
    }
}

impl From<String> for OpenError {
    fn from(words: String) -> Self {
        Self::Failed(words)
    }
}

/// The interface of an open socket went down; none where the error is another one.
pub(super) fn tunnel_down(error: &io::Error) -> Option<&TunnelDown> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// An open socket.
pub(super) struct Socket {
    way: Way,
    guard: Option<Guard>,
}

enum Way {
    Plain(Metered),
    Tls(Box<TlsStream<Metered>>),
}

/// Opens it, over the interface that it is bound to or not at all. `limit` is for the connection, and again for the TLS handshake.
pub(super) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Socket, OpenError> {
    let down = |down| OpenError::TunnelDown(endpoint.to_string(), down);
    let Some(interface) = &endpoint.only_via else {
        return Ok(Socket { way: way(endpoint, limit).await?, guard: None });
    };
    let number = look_at_interface(interface).map_err(down)?;
    match way(endpoint, limit).await {
        Ok(way) => Ok(Socket { way, guard: Some(Guard::new(interface, number)) }),
        // It may have gone down meanwhile: that is the better word.
        Err(error) => Err(look_at_interface(interface).err().map_or(error, down)),
    }
}

async fn way(endpoint: &Endpoint, limit: Duration) -> Result<Way, OpenError> {
    let Some(tls) = &endpoint.tls else { return connect(endpoint, limit).await.map(Way::Plain) };
    let client = tls::client(tls)?;
    let name = tls::server_name(tls, &endpoint.host)?;
    let stream = connect(endpoint, limit).await?;
    match timeout(limit, client.connect(name, stream)).await {
        Err(_) => Err(format!("{endpoint} did not finish the TLS handshake within {} ms", limit.as_millis()).into()),
        Ok(Err(error)) => Err(format!("{endpoint}: {}", words(&error)).into()),
        Ok(Ok(stream)) => Ok(Way::Tls(Box::new(stream))),
    }
}

async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Metered, OpenError> {
    let meter = Meter::here();
    meter.add_connection();
    let connected = match &endpoint.only_via {
        None => timeout(limit, TcpStream::connect((&*endpoint.host, endpoint.port))).await,
        Some(interface) => {
            let (socket, address) = bound(endpoint, interface)?;
            timeout(limit, socket.connect(address)).await
        }
    };
    let stream = match connected {
        Err(_) => {
            return Err(format!("{endpoint} did not accept a connection within {} ms", limit.as_millis()).into());
        }
        Ok(Err(error)) => return Err(format!("{endpoint}: {error}").into()),
        Ok(Ok(stream)) => stream,
    };
    stream.set_nodelay(true).map_err(|error| format!("{endpoint}: {error}"))?;
    bound::what_waits(&stream, endpoint.is_slow).map_err(|error| format!("{endpoint}: {error}"))?;
    Ok(Metered::new(stream, meter, endpoint.is_slow))
}

/// A socket that is bound to its interface and not yet connected, and where it is to lead.
fn bound(endpoint: &Endpoint, interface: &Arc<str>) -> Result<(TcpSocket, SocketAddr), OpenError> {
    let address: IpAddr = endpoint.host.parse().map_err(|_| {
        format!("{endpoint}: a connection that is bound to {interface} needs an address, not a name: names are asked for outside of it")
    })?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(|error| format!("{endpoint}: {error}"))?;
    interface::bind(&socket, interface).map_err(|error| match error {
        BindError::Down(down) => OpenError::TunnelDown(endpoint.to_string(), down),
        other => OpenError::Failed(format!("{endpoint}: {other}")),
    })?;
    Ok((socket, SocketAddr::new(address, endpoint.port)))
}

impl Socket {
    /// Whether TLS is spoken on it.
    pub(super) const fn is_tls(&self) -> bool {
        matches!(self.way, Way::Tls(_))
    }

    /// Lets nobody be woken by what arrives, until it is read or written again.
    pub(super) fn rest(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Plain(stream) => stream.rest(),
            Way::Tls(stream) => stream.get_mut().0.rest(),
        }
    }

    /// Whether it is not to be used again: its interface is lost, the other side has closed it, or something unasked-for lies in it.
    pub(super) fn is_spent(&self) -> bool {
        if self.guard.as_ref().is_some_and(|guard| guard.lost().is_some()) {
            return true;
        }
        match &self.way {
            // A server may send session tickets at any time, so bytes alone prove nothing here.
            Way::Tls(stream) => stream.get_ref().0.watched().is_some_and(is_closed),
            Way::Plain(socket) => socket.watched().is_some_and(|stream| {
                !matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }),
        }
    }

    /// Waits until its interface is lost; for ever where it is bound to none.
    pub(super) async fn tunnel_lost(&mut self) -> TunnelDown {
        let Some(guard) = &mut self.guard else { return std::future::pending().await };
        std::future::poll_fn(|context| guard.poll_lost(context)).await
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
        let this = self.get_mut();
        if let Some(guard) = &mut this.guard
            && let Poll::Ready(down) = guard.poll_lost(context)
        {
            return Poll::Ready(Err(down.into()));
        }
        match &mut this.way {
            Way::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Way::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(down) = this.guard.as_ref().and_then(Guard::lost) {
            return Poll::Ready(Err(down.into()));
        }
        match &mut this.way {
            Way::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Way::Tls(stream) => {
                // TLS takes 64 kB whether the line does or not; what is urgent would wait behind them.
                ready!(Pin::new(&mut *stream).poll_flush(context))?;
                Pin::new(stream).poll_write(context, bytes)
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().way {
            Way::Plain(stream) => Pin::new(stream).poll_flush(context),
            Way::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().way {
            Way::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Way::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
