//! A session on a socket: reads, writes, and waits for no longer than the session says.

use super::pacing::Pacing;
use super::packet::{Splitter, Subscription, Will};
use super::session::{End, Event, NotPublished, Options, Publication, Receipt, Session, Ticket};
use crate::driver::socket::{self, Endpoint, Socket};
use crate::tag::{Clock, KnownMessage, Monotonic, Now};
use bytes::BytesMut;
use std::collections::HashSet;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite};

/// Bytes that one read takes at most.
const READ_BYTES: usize = 64 * 1024;
/// With less room than this a read is not worth its call.
const LEAST_BYTES: usize = 8 * 1024;
/// With more bytes than this still to be sent, there is no room for what is only told.
const MOST_UNSENT: usize = 16 * 1024;
/// How long the last word may take on its way out, until the broker has closed the connection.
const GOODBYE: Duration = Duration::from_secs(2);

/// A broker's client. See [`Session`] for the order of things; [`Client::turn`] makes them happen.
pub struct Client {
    session: Session,
    endpoint: Endpoint,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    packet_limit: usize,
    wire: Option<Wire>,
    /// Bytes that went over the wire since the start, in both directions.
    traffic: Traffic,
    arrived: Now,
}

/// Bytes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the broker.
    pub sent: u64,
    /// From the broker.
    pub received: u64,
}

struct Wire {
    socket: Socket,
    input: BytesMut,
    splitter: Splitter,
    pacing: Pacing,
    /// No read before this.
    rest_until: Option<Monotonic>,
    /// Since when bytes wait that the socket does not take.
    stuck_since: Option<Monotonic>,
    flushed: bool,
    /// Whether the broker has sent anything.
    heard: bool,
}

/// What a look at the socket gave.
#[derive(Default)]
struct Moved {
    written: usize,
    read: Option<usize>,
}

impl Client {
    /// A client without a connection. Messages over `packet_limit` bytes are left out.
    pub fn new(endpoint: Endpoint, options: Options, packet_limit: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            timeout: options.timeout,
            session: Session::new(options),
            endpoint,
            clock,
            packet_limit,
            wire: None,
            traffic: Traffic::default(),
            arrived: Now::default(),
        }
    }

    /// The will of the connections that are opened from now on: for protocols whose will says which connection it belongs to.
    pub fn set_will(&mut self, will: Option<Will>) {
        self.session.set_will(will);
    }

    /// Opens a connection; whether the broker takes it is told by [`Event::Up`].
    pub async fn connect(&mut self) -> Result<(), End> {
        self.cut();
        let opened = socket::open(&self.endpoint, self.timeout).await;
        let socket = opened.map_err(|error| End::NotOpened(error.to_string()))?;
        self.session.open(self.clock.monotonic())?;
        self.wire = Some(Wire {
            socket,
            input: BytesMut::new(),
            splitter: Splitter::new(self.packet_limit),
            pacing: Pacing::default(),
            rest_until: None,
            stuck_since: None,
            flushed: true,
            heard: false,
        });
        Ok(())
    }

    /// Moves bytes until there is an event, or room again. Nothing is lost when it is dropped half-way. After an error the connection is gone; the
    /// events of its end are still to be fetched.
    pub async fn turn(&mut self) -> Result<(), End> {
        let moved = self.move_until_event().await;
        if moved.is_err() {
            self.say_last_word();
            self.cut();
        }
        moved
    }

    /// The next event.
    pub fn event(&mut self) -> Option<Event> {
        self.session.event()
    }

    /// Whether the broker has taken the connection.
    pub fn is_up(&self) -> bool {
        self.session.is_up()
    }

    /// See [`Session::want`].
    pub fn want(&mut self, list: Vec<Subscription>) -> Result<(), End> {
        self.session.want(list, self.clock.monotonic())
    }

    /// See [`Session::repeat`].
    pub fn repeat(&mut self, filters: &HashSet<Arc<str>>) {
        self.session.repeat(filters);
    }

    /// See [`Session::publish`]. It goes out with the next [`Client::turn`], before anything is read.
    pub fn publish(&mut self, publication: Publication) -> Result<Ticket, NotPublished> {
        self.session.publish(publication, self.clock.monotonic())
    }

    /// See [`Session::publish_ahead`].
    pub fn publish_ahead(&mut self, publication: Publication, expires: Monotonic) -> Result<Ticket, NotPublished> {
        self.session.publish_ahead(publication, expires, self.clock.monotonic())
    }

    /// Whether the link takes what it is given: on a slow one what is only told waits where the newest value replaces the one before.
    pub fn has_room(&self) -> bool {
        self.session.unsent() <= MOST_UNSENT
    }

    /// See [`Session::quota`].
    pub const fn quota(&self) -> u16 {
        self.session.quota()
    }

    /// See [`Session::quota_left`].
    pub fn quota_left(&self) -> u16 {
        self.session.quota_left()
    }

    /// See [`Session::acknowledge`].
    pub fn acknowledge(&mut self, receipt: Receipt) -> Result<(), End> {
        self.session.acknowledge(receipt)
    }

    /// See [`Session::give_back`].
    pub fn give_back(&mut self, receipt: Receipt) {
        self.session.give_back(receipt);
    }

    /// See [`Session::expect_backlog`].
    pub fn expect_backlog(&mut self) {
        self.session.expect_backlog(self.clock.monotonic());
    }

    /// See [`Session::expects_backlog`].
    pub fn expects_backlog(&self) -> bool {
        self.session.expects_backlog()
    }

    /// See [`Session::has_room_for_more`].
    pub fn has_room_for_more(&self) -> bool {
        self.session.has_room_for_more()
    }

    #[cfg(test)]
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// See [`Session::know`].
    pub fn know(&mut self, known: &[KnownMessage]) {
        self.session.know(known);
    }

    /// Bytes that went over the wire since the start.
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// When the messages that are told now arrived: all that one read took have the same moment.
    pub const fn arrived(&self) -> Now {
        self.arrived
    }

    /// Ends the connection at once; its outcomes are told as events.
    pub fn cut(&mut self) {
        self.wire = None;
        self.session.close();
    }

    /// Says goodbye, so that the broker does not publish the will, and ends the connection.
    pub async fn leave(&mut self) {
        self.session.leave();
        self.finish().await;
    }

    /// Says goodbye so that whoever watches knows at once: see [`Session::leave_with_will`].
    pub async fn leave_with_will(&mut self) {
        self.session.leave_with_will(self.clock.monotonic());
        self.finish().await;
    }

    /// See [`Session::give_up_unsent`].
    pub fn give_up_unsent(&mut self) {
        self.session.give_up_unsent();
    }

    async fn finish(&mut self) {
        let deadline = tokio::time::Instant::now() + GOODBYE;
        if let Some(wire) = &mut self.wire {
            let session = &mut self.session;
            let goodbye = async {
                while session.unsent() > 0 || !wire.flushed {
                    if poll_fn(|context| wire.poll(context, session, false)).await.is_err() {
                        return;
                    }
                }
                let _ = poll_fn(|context| Pin::new(&mut wire.socket).poll_shutdown(context)).await;
                wire.drain().await;
            };
            let _ = tokio::time::timeout_at(deadline, goodbye).await;
        }
        self.cut();
    }

    /// The reason why we go, as far as the socket takes it now.
    fn say_last_word(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let _ = wire.poll(&mut context, &mut self.session, false);
    }

    async fn move_until_event(&mut self) -> Result<(), End> {
        while !self.session.has_events() {
            let now = self.clock.monotonic();
            self.session.tick(now)?;
            let had_room = self.has_room();
            let deadline = self.session.deadline();
            let Some(wire) = &mut self.wire else { return Err(End::Socket("there is no connection".to_owned())) };
            let may_read = wire.rest_until.is_none_or(|until| until <= now);
            let stuck = wire.check_stuck(self.session.unsent(), now, self.timeout)?;
            let wake = [deadline, stuck, wire.rest_until.filter(|_| !may_read)].into_iter().flatten().min();
            if !may_read && self.session.unsent() == 0 && wire.flushed {
                wire.socket.rest().map_err(|error| wire.end(&error))?;
            }
            let session = &mut self.session;
            let moved = tokio::select! {
                biased;
                moved = poll_fn(|context| wire.poll(context, session, may_read)) => moved.map_err(|error| wire.end(&error))?,
                () = until(wake, now) => continue,
            };
            self.take(&moved)?;
            if !had_room && self.has_room() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, moved: &Moved) -> Result<(), End> {
        let Some(wire) = &mut self.wire else { return Ok(()) };
        self.arrived = self.clock.now();
        let now = self.arrived.monotonic;
        if moved.written > 0 {
            self.traffic.sent += moved.written as u64;
            wire.stuck_since = None;
        }
        let Some(read) = moved.read else { return Ok(()) };
        if read == 0 {
            return Err(wire.closed());
        }
        self.traffic.received += read as u64;
        wire.heard = true;
        let mut pieces = 0;
        while let Some(piece) = wire.splitter.next(&mut wire.input)? {
            self.session.take(piece, now)?;
            pieces += 1;
        }
        let rest = wire.pacing.rest_after(pieces, self.session.owes_word(), now);
        wire.rest_until = rest.map(|rest| now.plus(rest));
        Ok(())
    }
}

impl Wire {
    /// Writes as much as the socket takes, and reads once.
    fn poll(&mut self, context: &mut Context<'_>, session: &mut Session, may_read: bool) -> Poll<io::Result<Moved>> {
        let mut moved = Moved::default();
        while session.unsent() > 0 {
            let out = session.outgoing();
            if out.is_empty() {
                break;
            }
            match Pin::new(&mut self.socket).poll_write(context, out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    session.wrote(count);
                    moved.written += count;
                    self.flushed = false;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        if !self.flushed && session.unsent() == 0 {
            match Pin::new(&mut self.socket).poll_flush(context) {
                Poll::Ready(done) => {
                    done?;
                    self.flushed = true;
                }
                Poll::Pending => {}
            }
        }
        if may_read {
            if self.input.capacity() - self.input.len() < LEAST_BYTES {
                self.input.reserve(READ_BYTES);
            }
            if let Poll::Ready(read) = pin!(self.socket.read_buf(&mut self.input)).poll(context) {
                moved.read = Some(read?);
            }
        }
        if moved.written > 0 || moved.read.is_some() { Poll::Ready(Ok(moved)) } else { Poll::Pending }
    }

    /// When to give up because the socket takes nothing.
    fn check_stuck(&mut self, unsent: usize, now: Monotonic, limit: Duration) -> Result<Option<Monotonic>, End> {
        if unsent == 0 && self.flushed {
            self.stuck_since = None;
            return Ok(None);
        }
        let since = *self.stuck_since.get_or_insert(now);
        if now.since(since) >= limit { Err(End::Stuck(limit.as_millis())) } else { Ok(Some(since.plus(limit))) }
    }

    /// Reads until the broker closes the connection: it has our last word then. Closed earlier, with something unread, the system would throw
    /// away what is on its way.
    async fn drain(&mut self) {
        loop {
            self.input.clear();
            if !matches!(self.socket.read_buf(&mut self.input).await, Ok(1..)) {
                return;
            }
        }
    }

    fn end(&self, error: &io::Error) -> End {
        match error.kind() {
            _ if socket::is_tls(error) => End::Socket(socket::words(error)),
            io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => self.closed(),
            _ => End::Socket(error.to_string()),
        }
    }

    fn closed(&self) -> End {
        End::Closed(match (self.socket.is_tls(), self.heard) {
            (_, true) => "",
            (false, false) => " before it said anything: it may not speak MQTT here, or not this version of it",
            (true, false) => {
                " before it said anything: it may want a client certificate, not take ours, or not speak this version of MQTT"
            }
        })
    }
}

async fn until(deadline: Option<Monotonic>, now: Monotonic) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(now)).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
impl Client {
    /// One for tests that never connects.
    pub(super) fn unconnected() -> Self {
        struct Still;
        impl Clock for Still {
            fn now(&self) -> Now {
                Now::default()
            }
        }
        let second = Duration::from_secs(1);
        let options = Options {
            version: super::Version::V5,
            client_id: "test".into(),
            login: None,
            persistence: super::Persistence::Clean,
            keep_alive: second,
            timeout: second,
            receive_maximum: 10,
            acknowledge: Default::default(),
            will: None,
        };
        let endpoint = Endpoint { host: "broker".into(), port: 1883, tls: None, only_via: None, is_slow: false };
        Self::new(endpoint, options, 1000, Arc::new(Still))
    }
}
