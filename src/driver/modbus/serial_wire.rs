//! The wire where frames carry a check sum instead of a transaction: silence parts them, and one exchange follows the other.

use super::exchange::{ExchangeError, Question};
use super::framing;
use super::stream::Stream;
use super::wire::{Wire, keep};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// After a broadcast every unit needs a moment to work on it (serial line standard, 2.4.1).
const BROADCAST_REST: Duration = Duration::from_millis(100);

impl Wire {
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

    /// One exchange with serial frames; where in `received` the answer lies.
    pub(super) async fn exchange_serial(
        &mut self,
        question: &Question<'_>,
    ) -> Result<std::ops::Range<usize>, ExchangeError> {
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
    pub(super) fn line_time(&self, pdu: &[u8]) -> Duration {
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

    pub(super) fn note_serial(&self, question: &Question<'_>, took: Duration, error: Option<&ExchangeError>) {
        if error.is_some() || self.traffic.is_watched(self.clock.as_ref()) {
            let words = error.map(ToString::to_string);
            keep(&self.traffic, self.clock.as_ref(), question, None, &self.received, took, words);
        }
    }
}

/// 3.5 characters of silence end a frame, 1.75 ms above 19,200 baud (serial line standard, 2.5.1.1).
pub(super) fn frame_gap(baud: u32) -> Duration {
    if baud > 19_200 {
        Duration::from_micros(1_750)
    } else {
        Duration::from_secs_f64(3.5 * 11.0 / f64::from(baud.max(300)))
    }
}

pub(super) async fn wait_for_silence(stream: &mut Stream, settle: Duration) -> io::Result<()> {
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
