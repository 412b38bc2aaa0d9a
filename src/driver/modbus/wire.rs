//! One open wire: sends requests and reads answers. After any doubt the wire is thrown away, so that nothing late is believed.

use super::framing::{self, HEADER};
use super::pdu::FrameError;
use super::stream::{self, Stream};
use super::tls;
use super::traffic::{Exchange, Traffic};
use super::{SerialLine, Transport};
use crate::tag::Clock;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// After a broadcast every unit needs a moment to work on it (serial line standard, 2.4.1).
const BROADCAST_REST: Duration = Duration::from_millis(100);

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
        Self::Broken(match error.kind() {
            _ if tls::is_tls(&error) => tls::words(&error),
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

/// Frames with a check sum instead of a transaction.
struct Rtu {
    /// Silence that separates frames.
    quiet: Duration,
    line: Option<SerialLine>,
}

/// An open wire.
pub(super) struct Wire {
    stream: Stream,
    rtu: Option<Rtu>,
    transaction: u16,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    traffic: Arc<Traffic>,
    clock: Arc<dyn Clock>,
}

/// A request under way.
struct Open {
    transaction: u16,
    place: usize,
    sent: Instant,
}

impl Wire {
    /// The number of the last request. The next wire goes on from it: a device or gateway may answer on a new connection what was asked
    /// on the one before.
    pub(super) fn transaction(&self) -> u16 {
        self.transaction
    }

    /// Opens the wire. Where frames carry no transaction, what a device may still be sending is waited out: it has to be silent for `settle`.
    pub(super) async fn open(
        transport: &Transport,
        limit: Duration,
        settle: Option<Duration>,
        transaction: u16,
        traffic: Arc<Traffic>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let mut stream = stream::open(transport, limit).await?;
        let rtu = match transport {
            Transport::Tcp { .. } => None,
            Transport::RtuOverTcp { .. } => Some(Rtu { quiet: Duration::ZERO, line: None }),
            Transport::Serial(line) => {
                Some(Rtu { quiet: frame_gap(line.baud) + line.turnaround, line: Some(line.clone()) })
            }
        };
        if let (Some(_), Some(settle)) = (&rtu, settle) {
            let silent = wait_for_silence(&mut stream, settle).await;
            silent.map_err(|error| format!("{}: {error}", transport.words()))?;
        }
        let (received, outgoing) = (Vec::with_capacity(512), Vec::with_capacity(512));
        Ok(Self { stream, rtu, transaction, received, outgoing, traffic, clock })
    }

    /// Whether the other side has closed it, or something unasked-for lies in it: then it must not be used again.
    pub(super) fn is_spent(&self) -> bool {
        !self.received.is_empty() || self.stream.is_spent()
    }

    /// Sends one request and reads its answer into `answer`. On every error but an exception the wire must be dropped.
    pub(super) async fn exchange(
        &mut self,
        question: Question<'_>,
        limit: Duration,
        answer: &mut Vec<u8>,
    ) -> Result<Duration, ExchangeError> {
        let mut latency = Duration::ZERO;
        self.exchange_many(&[question], 1, limit, |_, pdu, took| {
            answer.clear();
            answer.extend(pdu);
            latency = took;
            Ok(())
        })
        .await?;
        Ok(latency)
    }

    /// Sends `questions`, at most `in_flight` of them before the first answer, and hands each answer to `take` with the place of its
    /// question; an answer that `take` does not believe ends it. On an error the wire must be dropped; what was taken before it is true.
    pub(super) async fn exchange_many(
        &mut self,
        questions: &[Question<'_>],
        in_flight: usize,
        limit: Duration,
        mut take: impl FnMut(usize, &[u8], Duration) -> Result<(), FrameError>,
    ) -> Result<(), ExchangeError> {
        if self.rtu.is_none() {
            return self.exchange_tcp(questions, in_flight.max(1), limit, &mut take).await;
        }
        for (place, question) in questions.iter().enumerate() {
            let begun = Instant::now();
            let limit = limit + self.line_time(question.pdu);
            let outcome = timeout(limit, self.exchange_serial(question)).await;
            let outcome = outcome.unwrap_or(Err(ExchangeError::TimedOut(limit)));
            let took = begun.elapsed();
            let outcome = outcome.and_then(|range| believed(take(place, &self.received[range], took)));
            self.note_serial(question, took, outcome.as_ref().err());
            self.received.clear();
            outcome?;
        }
        Ok(())
    }

    /// Sends a request to all units of a serial line; none answers.
    pub(super) async fn broadcast(&mut self, pdu: &[u8], limit: Duration) -> Result<(), ExchangeError> {
        let rest = self.line_time(pdu) + BROADCAST_REST;
        let quiet = self.rtu.as_ref().map_or(Duration::ZERO, |rtu| rtu.quiet);
        let work = async {
            wait_for_silence(&mut self.stream, quiet).await?;
            self.outgoing.clear();
            framing::serial_frame(&mut self.outgoing, 0, pdu);
            self.stream.write_all(&self.outgoing).await?;
            self.stream.flush().await?;
            wait_for_silence(&mut self.stream, rest).await
        };
        let limit = limit + rest * 2;
        Ok(timeout(limit, work).await.map_err(|_| ExchangeError::TimedOut(limit))??)
    }

    async fn exchange_tcp(
        &mut self,
        questions: &[Question<'_>],
        in_flight: usize,
        limit: Duration,
        take: &mut impl FnMut(usize, &[u8], Duration) -> Result<(), FrameError>,
    ) -> Result<(), ExchangeError> {
        if questions.is_empty() {
            return Ok(());
        }
        let mut open: Vec<Open> = Vec::with_capacity(in_flight.min(questions.len()));
        let (mut sent, mut deadline) = (0, Instant::now() + limit);
        loop {
            self.outgoing.clear();
            while sent < questions.len() && open.len() < in_flight {
                self.transaction = self.transaction.wrapping_add(1);
                let question = &questions[sent];
                framing::tcp_frame(&mut self.outgoing, self.transaction, question.unit, question.pdu);
                open.push(Open { transaction: self.transaction, place: sent, sent: Instant::now() });
                sent += 1;
            }
            let outcome = self.send_and_await(deadline, limit).await;
            let outcome = outcome.and_then(|()| self.take_answers(questions, &mut open, take));
            if let Err(error) = outcome {
                self.note_open(questions, &open, &error);
                return Err(error);
            }
            if open.is_empty() && sent == questions.len() {
                return Ok(());
            }
            // Every answer is a sign of life: the next one has its own time.
            deadline = Instant::now() + limit;
        }
    }

    /// Sends what is to be sent, and reads until at least one whole answer is there.
    async fn send_and_await(&mut self, deadline: Instant, limit: Duration) -> Result<(), ExchangeError> {
        let work = async {
            if !self.outgoing.is_empty() {
                self.stream.write_all(&self.outgoing).await?;
                self.stream.flush().await?;
            }
            while !has_frame(&self.received)? {
                self.received.reserve(4096);
                if self.stream.read_buf(&mut self.received).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
            Ok(())
        };
        timeout_at(deadline, work).await.unwrap_or(Err(ExchangeError::TimedOut(limit)))
    }

    /// Hands over all whole answers.
    fn take_answers(
        &mut self,
        questions: &[Question<'_>],
        open: &mut Vec<Open>,
        take: &mut impl FnMut(usize, &[u8], Duration) -> Result<(), FrameError>,
    ) -> Result<(), ExchangeError> {
        let mut used = 0;
        while !open.is_empty() {
            let rest = &self.received[used..];
            let Some(head) = framing::tcp_head(rest)? else { break };
            let Some(frame) = rest.get(..HEADER + head.length) else { break };
            let Some(found) = open.iter().position(|waiting| waiting.transaction == head.transaction) else {
                let due = open.first().map_or(0, |waiting| waiting.transaction);
                let words = format!("transaction {} came back for transaction {due}", head.transaction);
                return Err(ExchangeError::BadFrame(words));
            };
            let question = &questions[open[found].place];
            if head.unit != question.answers_as {
                let words = format!("unit {} answered for unit {}", head.unit, question.unit);
                return Err(ExchangeError::BadFrame(words));
            }
            let answered = open.remove(found);
            let took = answered.sent.elapsed();
            let outcome = believed(take(answered.place, &frame[HEADER..], took));
            if outcome.is_err() || self.traffic.is_watched(self.clock.as_ref()) {
                let (transaction, words) =
                    (Some(answered.transaction), outcome.as_ref().err().map(ToString::to_string));
                keep(&self.traffic, self.clock.as_ref(), question, transaction, frame, took, words);
            }
            outcome?;
            used += frame.len();
        }
        self.received.drain(..used);
        Ok(())
    }

    /// One exchange with serial frames; where in `received` the answer lies.
    async fn exchange_serial(&mut self, question: &Question<'_>) -> Result<std::ops::Range<usize>, ExchangeError> {
        let Some(rtu) = &self.rtu else { return Err(ExchangeError::Broken("not a serial wire".to_owned())) };
        let (quiet, echo) = (rtu.quiet, rtu.line.as_ref().is_some_and(|line| line.echo));
        self.received.clear();
        if !quiet.is_zero() {
            wait_for_silence(&mut self.stream, quiet).await?;
        }
        self.outgoing.clear();
        framing::serial_frame(&mut self.outgoing, question.unit, question.pdu);
        self.stream.write_all(&self.outgoing).await?;
        self.stream.flush().await?;
        let function = question.pdu.first().copied().unwrap_or_default();
        let skip = if echo { self.outgoing.len() } else { 0 };
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let Some(answer) = self.received.get(skip..) else { continue };
            if self.received[..skip] != self.outgoing[..skip] {
                return Err(ExchangeError::BadFrame("the adapter did not give back what was sent".to_owned()));
            }
            match framing::serial_length(answer, function)? {
                Some(length) if answer.len() == length => {
                    framing::open_serial(question.answers_as, answer)?;
                    return Ok(skip + 1..skip + length - 2);
                }
                Some(length) if answer.len() > length => {
                    return Err(ExchangeError::BadFrame(format!(
                        "{} bytes came where {length} were due",
                        answer.len()
                    )));
                }
                _ => {}
            }
        }
    }

    /// How long a request and the longest answer to it travel on a serial line.
    fn line_time(&self, pdu: &[u8]) -> Duration {
        let Some(line) = self.rtu.as_ref().and_then(|rtu| rtu.line.as_ref()) else { return Duration::ZERO };
        let answer = match pdu {
            [3 | 4 | 23, _, _, high, low, ..] => 5 + usize::from(u16::from_be_bytes([*high, *low])) * 2,
            [1 | 2, _, _, high, low, ..] => 5 + usize::from(u16::from_be_bytes([*high, *low])).div_ceil(8),
            [43, ..] => framing::LONGEST_SERIAL,
            _ => 10,
        };
        let echoed = if line.echo { pdu.len() + 3 } else { 0 };
        line.time_of(pdu.len() + 3 + echoed + answer) + line.turnaround
    }

    fn note_open(&self, questions: &[Question<'_>], open: &[Open], error: &ExchangeError) {
        let Some(first) = open.first() else { return };
        let (question, took) = (&questions[first.place], first.sent.elapsed());
        let words = Some(error.to_string());
        keep(&self.traffic, self.clock.as_ref(), question, Some(first.transaction), &self.received, took, words);
    }

    fn note_serial(&self, question: &Question<'_>, took: Duration, error: Option<&ExchangeError>) {
        if error.is_some() || self.traffic.is_watched(self.clock.as_ref()) {
            let words = error.map(ToString::to_string);
            keep(&self.traffic, self.clock.as_ref(), question, None, &self.received, took, words);
        }
    }
}

/// A device that refuses has answered; one whose answer does not fit has not.
fn believed(taken: Result<(), FrameError>) -> Result<(), ExchangeError> {
    match taken {
        Err(FrameError::Wrong(words)) => Err(ExchangeError::BadFrame(words)),
        Ok(()) | Err(FrameError::Exception(_)) => Ok(()),
    }
}

fn has_frame(received: &[u8]) -> Result<bool, ExchangeError> {
    Ok(framing::tcp_head(received)?.is_some_and(|head| received.len() >= HEADER + head.length))
}

fn keep(
    traffic: &Traffic,
    clock: &dyn Clock,
    question: &Question<'_>,
    transaction: Option<u16>,
    answer: &[u8],
    took: Duration,
    error: Option<String>,
) {
    let mut request = Vec::with_capacity(question.pdu.len() + HEADER);
    match transaction {
        Some(transaction) => framing::tcp_frame(&mut request, transaction, question.unit, question.pdu),
        None => framing::serial_frame(&mut request, question.unit, question.pdu),
    }
    traffic.keep(Exchange {
        number: 0,
        time: clock.now().utc.minus(took),
        unit: question.unit,
        request: request.into(),
        answer: answer.into(),
        micros: took.as_micros() as u32,
        error,
    });
}

/// 3.5 characters of silence end a frame, 1.75 ms above 19,200 baud (serial line standard, 2.5.1.1).
fn frame_gap(baud: u32) -> Duration {
    if baud > 19_200 {
        Duration::from_micros(1_750)
    } else {
        Duration::from_secs_f64(3.5 * 11.0 / f64::from(baud.max(300)))
    }
}

async fn wait_for_silence(stream: &mut Stream, settle: Duration) -> io::Result<()> {
    let mut scrap = [0; 256];
    let end = Instant::now() + settle * 10;
    while let Ok(read) = timeout(settle, stream.read(&mut scrap)).await {
        if read? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if Instant::now() > end {
            return Err(io::Error::other("the line is never silent: something else talks on it"));
        }
    }
    Ok(())
}
