//! Single questions outside the plan: to a unit that was silent, and to a line that may be out of step.

use super::exchange::{ExchangeError, Question};
use super::health::Fault;
use super::pdu::{self, FrameError};
use super::poll::exception_words;
use super::task::Connection;
use crate::tag::Reason;
use std::time::Duration;

impl Connection {
    /// Asks a unit that was silent one small question.
    pub(super) async fn probe(&mut self, place: usize) {
        if self.units[place].unsure && !self.resynchronise(place).await {
            return;
        }
        let Some(request) = self.units[place].smallest_block().map(|state| state.request) else {
            self.units[place].health.forgive();
            return;
        };
        let mut answer = Vec::new();
        match self.ask(place, &request, &mut answer).await {
            Ok(took) if matches!(answer[..], [function, 10 | 11] if function & 0x80 != 0) => {
                let words = format!("the gateway answered {}", exception_words(answer[1]));
                self.load_of(place, took);
                let now = self.now();
                self.judge(place, Fault::Gateway, Reason::GatewayNoPath, &words, now).await;
            }
            // What it says is read at once, with everything else.
            Ok(took) => {
                let now = self.now();
                if self.note_success(place, took, now) {
                    self.units[place].reporter.tell_good(&self.port).await;
                }
            }
            Err(error) => drop(self.note_failure(place, &error, true).await),
        }
    }

    fn load_of(&mut self, place: usize, took: Duration) {
        self.units[place].busy += took;
    }

    /// One request outside the plan. The wire has to be there; on an error it has to be judged with [`Connection::note_failure`].
    pub(super) async fn ask(
        &mut self,
        place: usize,
        request: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<Duration, ExchangeError> {
        self.rest(place).await;
        let limit = self.limit(place);
        let settings = &self.units[place].settings;
        let (unit, answers_as) = (settings.unit, settings.quirks.accept_unit.unwrap_or(settings.unit));
        match &mut self.wire {
            Some(wire) => wire.exchange(Question { unit, answers_as, pdu: request }, limit, answer).await,
            None => Err(ExchangeError::Broken("not connected".to_owned())),
        }
    }

    /// A read was lost on a wire without transactions. A request whose answer has a length of its own shows that the line is in step
    /// again: no late answer fits it, it fits no other request, and behind it nothing late can come. Whether it was answered.
    pub(super) async fn resynchronise(&mut self, place: usize) -> bool {
        let (table, address, count) = self.units[place].distinct_read();
        let request = pdu::read_request(table, address, count);
        let mut answer = Vec::new();
        let outcome = self.ask(place, &request, &mut answer).await;
        let outcome = outcome.and_then(|took| match pdu::check_read(table, count, &answer) {
            Ok(_) | Err(FrameError::Exception(_)) => Ok(took),
            Err(FrameError::Wrong(words)) => Err(ExchangeError::BadFrame(words)),
        });
        match outcome {
            Ok(_) => {
                self.units[place].unsure = false;
                self.rest(place).await;
                true
            }
            Err(error) => {
                self.note_failure(place, &error, true).await;
                false
            }
        }
    }
}
