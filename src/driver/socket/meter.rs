//! What goes over the sockets of a connection, counted where they meet the system: what TLS adds is in it.

use super::bound::poll_write_piece;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most bytes of a packet that are not headers, about: what is sent or received at once is cut into packets of this size.
const SEGMENT: u64 = 1400;
/// Headers of IPv4 and TCP with time stamps, in bytes. IPv6 and a tunnel take more.
const HEADERS: u64 = 52;
/// What is taken at most from a socket that rests.
const TAKEN_AT_REST: usize = 16 * 1024;

tokio::task_local! {
    static METER: Arc<Meter>;
}

/// What has gone over the sockets of a connection since the start of the station. Nothing here ever counts back.
#[derive(Debug, Default)]
pub struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    packets: AtomicU64,
}

/// What a meter counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Counted {
    /// Bytes that were handed to the system.
    pub sent: u64,
    /// Bytes that came from it.
    pub received: u64,
    /// Packets, about: those that carry bytes, and those that confirm what was received.
    pub packets: u64,
}

impl Counted {
    /// Bytes on the line, about: with the headers of the packets, which whoever sells the line counts as well.
    pub const fn on_the_line(&self) -> u64 {
        self.sent.saturating_add(self.received).saturating_add(self.packets.saturating_mul(HEADERS))
    }

    /// What came on top of an earlier count.
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            received: self.received.saturating_sub(earlier.received),
            packets: self.packets.saturating_sub(earlier.packets),
        }
    }

    /// Both together.
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            received: self.received.saturating_add(other.received),
            packets: self.packets.saturating_add(other.packets),
        }
    }
}

impl Meter {
    /// Runs the work of a connection: every socket that it opens counts here, whether it thinks of it or not.
    pub(in crate::driver) async fn count<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        METER.scope(self, work).await
    }

    /// The meter of the connection whose work this is; one that nobody reads for a tool that belongs to no connection.
    pub(super) fn here() -> Arc<Self> {
        METER.try_with(Arc::clone).unwrap_or_default()
    }

    /// What was counted until now.
    pub fn counted(&self) -> Counted {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counted { sent: load(&self.sent), received: load(&self.received), packets: load(&self.packets) }
    }

    fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.packets.fetch_add((bytes as u64).div_ceil(SEGMENT), Ordering::Relaxed);
    }

    fn add_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        // Each is confirmed, at the latest when nothing more is sent for a moment.
        self.packets.fetch_add(2 * (bytes as u64).div_ceil(SEGMENT), Ordering::Relaxed);
    }

    /// Three packets open a connection, and about as many close it.
    pub(super) fn add_connection(&self) {
        self.packets.fetch_add(6, Ordering::Relaxed);
    }
}

/// A socket that counts.
pub(super) struct Metered {
    state: State,
    meter: Arc<Meter>,
    /// Whether it is given to the system in small pieces.
    is_slow: bool,
}

/// The system tells of each piece of data that arrives, whether anybody waits for it or not. Who wants to hear nothing for a moment takes the
/// socket out of the list; it comes back with the first look at it that has to wait.
enum State {
    Watched(TcpStream),
    Resting(std::net::TcpStream),
    /// It could not be put on the list again.
    Gone,
}

impl Metered {
    pub(super) const fn new(stream: TcpStream, meter: Arc<Meter>, is_slow: bool) -> Self {
        Self { state: State::Watched(stream), meter, is_slow }
    }

    /// The socket, where it is not resting.
    pub(super) const fn watched(&self) -> Option<&TcpStream> {
        match &self.state {
            State::Watched(stream) => Some(stream),
            _ => None,
        }
    }

    /// Lets nobody be woken by what arrives, until a read or write has to wait.
    pub(super) fn rest(&mut self) -> io::Result<()> {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Watched(stream) => State::Resting(stream.into_std()?),
            other => other,
        };
        Ok(())
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        if matches!(self.state, State::Resting(_))
            && let State::Resting(stream) = std::mem::replace(&mut self.state, State::Gone)
        {
            self.state = State::Watched(TcpStream::from_std(stream)?);
        }
        match &mut self.state {
            State::Watched(stream) => Ok(stream),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The socket, where it rests: it is read and written without being put on the list, as long as it has something to give or to take.
    const fn resting(&mut self) -> Option<&mut std::net::TcpStream> {
        match &mut self.state {
            State::Resting(stream) => Some(stream),
            _ => None,
        }
    }

    fn sent(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &outcome {
            self.meter.add_sent(*bytes);
        }
        outcome
    }
}

/// What a look at a socket gave that does not wait; none where it would have to.
fn at_once(outcome: io::Result<usize>) -> Option<io::Result<usize>> {
    match outcome {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
        outcome => Some(outcome),
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(stream) = self.resting() {
            let room = buffer.remaining().min(TAKEN_AT_REST);
            if let Some(read) = at_once(stream.read(buffer.initialize_unfilled_to(room))) {
                let count = read?;
                buffer.advance(count);
                self.meter.add_received(count);
                return Poll::Ready(Ok(()));
            }
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(self.stream()?).poll_read(context, buffer);
        if outcome.is_ready() {
            self.meter.add_received(buffer.filled().len().saturating_sub(before));
        }
        outcome
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let is_slow = self.is_slow;
        if !is_slow && let Some(written) = self.resting().and_then(|stream| at_once(stream.write(bytes))) {
            return self.sent(Poll::Ready(written));
        }
        let stream = self.stream()?;
        let outcome = match is_slow {
            true => poll_write_piece(stream, context, bytes),
            false => Pin::new(stream).poll_write(context, bytes),
        };
        self.sent(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_slow {
            let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
            return self.poll_write(context, first);
        }
        let outcome = Pin::new(self.stream()?).poll_write_vectored(context, parts);
        self.sent(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written at rest is with the system already.
        if self.resting().is_some() { Poll::Ready(Ok(())) } else { Pin::new(self.stream()?).poll_flush(context) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_messages_cost_mostly_headers() {
        let meter = Meter::default();
        meter.add_sent(12);
        meter.add_received(29);
        let counted = meter.counted();
        assert_eq!(counted, Counted { sent: 12, received: 29, packets: 3 });
        assert_eq!(counted.on_the_line(), 12 + 29 + 3 * 52);
        meter.add_sent(2801);
        assert_eq!(meter.counted().since(&counted), Counted { sent: 2801, received: 0, packets: 3 });
    }

    #[tokio::test]
    async fn whoever_works_for_a_connection_counts_there() {
        let meter = Arc::new(Meter::default());
        let inside = Arc::clone(&meter).count(async { Meter::here() }).await;
        assert!(Arc::ptr_eq(&meter, &inside));
        assert!(!Arc::ptr_eq(&meter, &Meter::here()));
    }

    /// Nobody is woken, nothing is lost.
    #[tokio::test]
    async fn a_socket_that_rested_reads_what_came_meanwhile() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let meter = Arc::new(Meter::default());
        let mut socket = Metered::new(stream, Arc::clone(&meter), false);
        for round in 0..3_u8 {
            socket.rest().unwrap();
            socket.rest().unwrap();
            assert!(socket.watched().is_none());
            other.write_all(&[round]).await.unwrap();
            assert_eq!(socket.read_u8().await.unwrap(), round);
            socket.rest().unwrap();
            socket.write_u8(round).await.unwrap();
            assert_eq!(other.read_u8().await.unwrap(), round);
        }
        assert_eq!((meter.counted().sent, meter.counted().received), (3, 3));
        drop(other);
        socket.rest().unwrap();
        assert!(socket.read_u8().await.is_err(), "the end is seen");
    }

    /// The system is asked to tell of a socket only where that has nothing to give.
    #[tokio::test]
    async fn what_is_there_already_is_read_at_rest_and_what_fits_is_written_at_rest() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let meter = Arc::new(Meter::default());
        let mut socket = Metered::new(stream, Arc::clone(&meter), false);
        other.write_all(&[7; 40_000]).await.unwrap();
        let (mut buffer, mut read) = (Vec::with_capacity(50_000), 0);
        socket.watched().unwrap().readable().await.unwrap();
        socket.rest().unwrap();
        read += socket.read_buf(&mut buffer).await.unwrap();
        assert!(read > 0 && socket.watched().is_none(), "it was read at rest");
        while read < 40_000 {
            read += socket.read_buf(&mut buffer).await.unwrap();
        }
        assert_eq!(buffer, [7; 40_000]);
        socket.rest().unwrap();
        socket.write_all(&[8; 1000]).await.unwrap();
        socket.flush().await.unwrap();
        assert!(socket.watched().is_none(), "it was written at rest");
        other.read_exact(&mut [0; 1000]).await.unwrap();
        assert_eq!((meter.counted().sent, meter.counted().received), (1000, 40_000));
        // More than the system takes at once: the rest waits for room, and nothing is lost.
        socket.rest().unwrap();
        let (much, mut got) = (vec![9; 20_000_000], vec![0; 20_000_000]);
        let (written, taken) = tokio::join!(socket.write_all(&much), other.read_exact(&mut got));
        assert!(written.is_ok() && taken.is_ok() && got == much);
    }
}
