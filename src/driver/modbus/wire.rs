//! One open wire: sends requests and reads answers. After any doubt the wire is thrown away, so that nothing late is believed.

use super::deadline::Deadline;
use super::exchange::{ExchangeError, Question};
use super::framing::{self, HEADER};
use super::pdu::FrameError;
use super::serial_wire::{frame_gap, wait_for_silence};
use super::stream::{self, Stream};
use super::traffic::{Exchange, Traffic};
use super::{SerialLine, Transport};
use crate::driver::socket::{OpenError, TunnelDown};
use crate::tag::Clock;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// Room for what comes in one go: many answers where several requests are under way.
const READ: usize = 4096;

/// Frames with a check sum instead of a transaction.
pub(super) struct Rtu {
    /// Silence that separates frames.
    pub(super) quiet: Duration,
    pub(super) line: Option<SerialLine>,
}

/// An open wire.
pub(super) struct Wire {
    pub(super) stream: Stream,
    pub(super) rtu: Option<Rtu>,
    transaction: u16,
    pub(super) received: Vec<u8>,
    pub(super) outgoing: Vec<u8>,
    /// Requests under way, oldest first.
    open: Vec<Open>,
    deadline: Deadline,
    pub(super) traffic: Arc<Traffic>,
    pub(super) clock: Arc<dyn Clock>,
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
        (transport, only_via, is_slow): (&Transport, Option<&Arc<str>>, bool),
        limit: Duration,
        settle: Option<Duration>,
        transaction: u16,
        traffic: Arc<Traffic>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let mut stream = stream::open(transport, (only_via, is_slow), limit).await?;
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
        let (received, outgoing, deadline) = (Vec::with_capacity(READ), Vec::with_capacity(512), Deadline::new());
        Ok(Self { stream, rtu, transaction, received, outgoing, open: Vec::new(), deadline, traffic, clock })
    }

    /// Whether the other side has closed it, or something unasked-for lies in it: then it must not be used again.
    pub(super) fn is_spent(&self) -> bool {
        !self.received.is_empty() || self.stream.is_spent()
    }

    /// Waits until the interface that it is bound to is lost; for ever where there is none.
    pub(super) async fn tunnel_lost(&mut self) -> TunnelDown {
        self.stream.tunnel_lost().await
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
            let took = begun.elapsed();
            let outcome = in_time(outcome.unwrap_or(Err(ExchangeError::TimedOut(limit))), took, limit);
            let outcome = outcome.and_then(|range| believed(take(place, &self.received[range], took)));
            self.note_serial(question, took, outcome.as_ref().err());
            self.received.clear();
            outcome?;
        }
        Ok(())
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
        let mut sent = 0;
        self.open.clear();
        loop {
            let now = Instant::now();
            self.outgoing.clear();
            while sent < questions.len() && self.open.len() < in_flight {
                self.transaction = self.transaction.wrapping_add(1);
                let question = &questions[sent];
                framing::tcp_frame(&mut self.outgoing, self.transaction, question.unit, question.pdu);
                self.open.push(Open { transaction: self.transaction, place: sent, sent: now });
                sent += 1;
            }
            // Every answer is a sign of life: the next one has its own time.
            let outcome = self.send_and_await(now + limit, limit).await;
            let outcome = outcome.and_then(|()| self.take_answers(questions, take));
            if let Err(error) = outcome {
                self.note_open(questions, &error);
                return Err(error);
            }
            if self.open.is_empty() && sent == questions.len() {
                return Ok(());
            }
        }
    }

    /// Sends what is to be sent, and reads until at least one whole answer is there.
    async fn send_and_await(&mut self, until: Instant, limit: Duration) -> Result<(), ExchangeError> {
        let Self { stream, received, outgoing, deadline, .. } = self;
        let work = async {
            if !outgoing.is_empty() {
                stream.write_all(outgoing).await?;
                stream.flush().await?;
            }
            while !has_frame(received)? {
                received.reserve(READ);
                if stream.read_buf(received).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
            Ok(())
        };
        deadline.within(until, work).await.unwrap_or(Err(ExchangeError::TimedOut(limit)))
    }

    /// Hands over all whole answers.
    fn take_answers(
        &mut self,
        questions: &[Question<'_>],
        take: &mut impl FnMut(usize, &[u8], Duration) -> Result<(), FrameError>,
    ) -> Result<(), ExchangeError> {
        let (mut used, now) = (0, Instant::now());
        while !self.open.is_empty() {
            let rest = &self.received[used..];
            let Some(head) = framing::tcp_head(rest)? else { break };
            let Some(frame) = rest.get(..HEADER + head.length) else { break };
            let Some(found) = self.open.iter().position(|waiting| waiting.transaction == head.transaction) else {
                let due = self.open.first().map_or(0, |waiting| waiting.transaction);
                let words = format!("transaction {} came back for transaction {due}", head.transaction);
                return Err(ExchangeError::BadFrame(words));
            };
            let question = &questions[self.open[found].place];
            if head.unit != question.answers_as {
                let words = format!("unit {} answered for unit {}", head.unit, question.unit);
                return Err(ExchangeError::BadFrame(words));
            }
            let answered = self.open.remove(found);
            let took = now.saturating_duration_since(answered.sent);
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

    fn note_open(&self, questions: &[Question<'_>], error: &ExchangeError) {
        let Some(first) = self.open.first() else { return };
        let (question, took) = (&questions[first.place], first.sent.elapsed());
        let words = Some(error.to_string());
        keep(&self.traffic, self.clock.as_ref(), question, Some(first.transaction), &self.received, took, words);
    }
}

/// A station that stood still for a moment finds a late answer before it looks at the clock: it is late all the same.
fn in_time<T>(outcome: Result<T, ExchangeError>, took: Duration, limit: Duration) -> Result<T, ExchangeError> {
    outcome.and_then(|done| if took > limit { Err(ExchangeError::TimedOut(limit)) } else { Ok(done) })
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

pub(super) fn keep(
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

#[cfg(test)]
mod tests {
    use super::*;

    /// However it came to be taken for one in time.
    #[test]
    fn an_answer_that_is_found_late_is_late() {
        let limit = Duration::from_millis(300);
        let late = |millis: u64| in_time(Ok(7), Duration::from_millis(millis), limit);
        assert!(matches!((late(299), late(300)), (Ok(7), Ok(7))));
        assert!(matches!(late(301), Err(ExchangeError::TimedOut(_))));
    }
}
