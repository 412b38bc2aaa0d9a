//! Reading: a few blocks at a time, so that commands and other units never wait for a whole device.

use super::Transport;
use super::block_state::{BlockState, Outcome};
use super::exchange::{ExchangeError, Question};
use super::health::{Fault, Verdict};
use super::pdu::{self, FrameError, ReadRequest};
use super::plan::Lesson;
use super::task::{Connection, fault};
use crate::driver::{Batch, DriverEvent, Reading};
use crate::tag::{Monotonic, Now, Reason, TagId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What came back for one block.
struct Arrived {
    block: usize,
    outcome: Outcome,
    now: Now,
    took: Duration,
}

/// The blocks that are read together, and what came of them. Kept from one poll to the next, so that a poll allocates nothing.
#[derive(Default)]
pub(super) struct Chunk {
    blocks: Vec<usize>,
    arrived: Vec<Arrived>,
}

impl Connection {
    /// Reads the next blocks of a group.
    pub(super) async fn poll(&mut self, place: usize, number: usize, now: Monotonic) {
        if self.units[place].unsure && !self.resynchronise(place).await {
            return;
        }
        let group = &mut self.units[place].groups[number];
        let (first, due) = group.under_way.unwrap_or_else(|| {
            let due = group.turn.due();
            group.turn.begin(now);
            (0, due)
        });
        let mut chunk = std::mem::take(&mut self.chunk);
        self.choose(place, number, first, now, &mut chunk);
        let error = self.read_chunk(place, number, &mut chunk).await;
        let behind = chunk.blocks.last().map_or(usize::MAX, |last| last + 1);
        let unanswered = chunk.unanswered();
        let blocks = self.units[place].groups[number].blocks.len();
        let next = (error.is_none() && behind < blocks).then_some(behind);
        self.units[place].groups[number].under_way = next.map(|block| (block, due));
        let answered = !chunk.arrived.is_empty();
        let mut changed = self.take_arrived(place, number, &mut chunk.arrived).await;
        self.chunk = chunk;
        let is_over = error.is_none() && next.is_none();
        changed |= is_over && self.units[place].learned.settle();
        let recalled = answered && std::mem::take(&mut self.units[place].memory.recalled);
        self.units[place].memory.untold |= changed;
        if changed || recalled {
            self.plan_anew(place, now).await;
        } else if is_over {
            self.tell_learned(place, now).await;
        }
        match (error, unanswered) {
            (Some(error @ ExchangeError::TimedOut(_)), Some(block)) if answered && self.at_once > 1 => {
                self.ask_singly(place, number, (block, due), &error);
            }
            (Some(error), Some(block)) if !changed => self.block_failed(place, number, block, &error).await,
            (Some(error), _) => drop(self.note_failure(place, &error, true).await),
            (None, _) => {}
        }
    }

    /// Of several requests under way only some were answered: there are devices that take one at a time, whatever they were said to take.
    /// From here on they get one, beginning with the one that was not answered. Nobody is to blame yet.
    fn ask_singly(&mut self, place: usize, number: usize, next: (usize, Monotonic), error: &ExchangeError) {
        self.note_doubt(place, error, true);
        self.at_once = 1;
        let unit = &mut self.units[place];
        unit.reporter.count_error();
        if let Some(group) = unit.groups.get_mut(number).filter(|group| next.0 < group.blocks.len()) {
            group.under_way = Some(next);
        }
    }

    /// A block was not answered. The first time it is asked again; when that fails as well it rests, so that those behind it are read.
    /// Whether its silence is its own or that of the unit shows in what is asked next: until then only its own tags turn bad.
    async fn block_failed(&mut self, place: usize, number: usize, block: usize, error: &ExchangeError) {
        let now = self.now();
        // It was asked alone: several at once were not what it failed to answer.
        self.at_once = self.settings.in_flight;
        let silent = matches!(error, ExchangeError::TimedOut(_));
        let unit = &mut self.units[place];
        let known = unit.groups[number].blocks[block].is_silent;
        let doubted = silent && !unit.in_doubt && unit.has_others(number, block, now);
        let quiet = known || doubted;
        unit.in_doubt |= doubted;
        let state = &mut unit.groups[number].blocks[block];
        state.failures += 1;
        let again = state.failures >= 2;
        if again || known {
            state.is_silent = true;
            state.quarantine(now);
        }
        if again || quiet {
            let bad = state.all_bad(fault(error).1);
            self.deliver(place, bad, Arc::from([]), self.port.clock.now().utc).await;
        }
        let verdict = if quiet {
            self.note_doubt(place, error, true);
            self.units[place].reporter.count_error();
            Verdict::RetryQuietly
        } else {
            self.note_failure(place, error, true).await
        };
        let unit = &mut self.units[place];
        let next = if again || quiet { block + 1 } else { block };
        let at_once = matches!(verdict, Verdict::RetryQuietly | Verdict::Retry);
        if let Some(group) = unit.groups.get_mut(number) {
            group.under_way = (at_once && next < group.blocks.len()).then_some((next, now));
            if doubted && !again {
                group.turn.hurry(now);
            }
        }
    }

    /// The plan is another one: what is refused alone rests, and everything else is asked for at once.
    async fn plan_anew(&mut self, place: usize, now: Monotonic) {
        let unit = &mut self.units[place];
        unit.replan(now);
        unit.hurry(now);
        let mut bad: Vec<Reading> = Vec::new();
        for state in unit.groups.iter_mut().flat_map(|group| &mut group.blocks) {
            if unit.learned.is_refused(&state.block) && state.is_to_rest() {
                let reason = state.refused_for;
                state.quarantine(now);
                bad.extend(state.all_bad(reason));
            }
        }
        if !bad.is_empty() {
            self.deliver(place, bad, Arc::from([]), self.port.clock.now().utc).await;
        }
    }

    /// The blocks that go out together.
    fn choose(&self, place: usize, number: usize, first: usize, now: Monotonic, chunk: &mut Chunk) {
        let unit = &self.units[place];
        let restless = unit.settings.pause.is_zero() && self.settings.pause.is_zero();
        let several = self.at_once > 1 && restless && !self.settings.transport.is_rtu();
        // Several windows in one go keep the wire filled.
        let at_once = if several { usize::from(self.at_once) * 4 } else { 1 };
        let blocks = unit.groups[number].blocks.iter().enumerate().skip(first);
        let due = blocks.filter(|(_, state)| !state.is_resting(now));
        chunk.arrived.clear();
        chunk.blocks.clear();
        chunk.blocks.extend(due.map(|(block, _)| block).take(at_once));
    }

    async fn read_chunk(&mut self, place: usize, number: usize, chunk: &mut Chunk) -> Option<ExchangeError> {
        let (limit, in_flight) = (self.limit(place), usize::from(self.at_once));
        let wire = self.wire.as_mut()?;
        let unit = &mut self.units[place];
        let (asked, answers_as) = (unit.settings.unit, unit.settings.quirks.accept_unit.unwrap_or(unit.settings.unit));
        let blocks = &mut unit.groups[number].blocks;
        let Chunk { blocks: wanted, arrived } = chunk;
        let request = |block: &usize| blocks[*block].request;
        // One request at a time is the rule, and takes no memory of its own.
        let (single, several): (ReadRequest, Vec<ReadRequest>) = match wanted.as_slice() {
            [] => return None,
            [block] => (request(block), Vec::new()),
            many => (ReadRequest::default(), many.iter().map(request).collect()),
        };
        let question = |pdu| Question { unit: asked, answers_as, pdu };
        let (one, many) = ([question(&single)], several.iter().map(|pdu| question(pdu)).collect::<Vec<_>>());
        let clock = self.port.clock.as_ref();
        // Each request has the number after that of the one before.
        let before = wire.transaction();
        let take = |place: usize, pdu: &[u8], took| {
            let (block, now) = (wanted[place], clock.now());
            let outcome = take_answer(&mut blocks[block], pdu, took, now.utc)?;
            blocks[block].transaction = before.wrapping_add(place as u16 + 1);
            arrived.push(Arrived { block, outcome, now, took });
            Ok(())
        };
        let questions: &[Question<'_>] = if many.is_empty() { &one } else { &many };
        wire.exchange_many(questions, in_flight, limit, take).await.err()
    }

    /// Hands values on; whether the plan has to be made anew.
    async fn take_arrived(&mut self, place: usize, number: usize, arrived: &mut Vec<Arrived>) -> bool {
        let (mut changed, mut figures, mut gateway) = (false, false, None);
        for Arrived { block, outcome, now, took } in arrived.drain(..) {
            match outcome {
                // A gateway says so of every request that it has: the unit failed once.
                Outcome::Exception(code @ (10 | 11)) => gateway = Some(code),
                Outcome::Exception(code) => changed |= self.refused(place, number, block, code, took).await,
                Outcome::Values(readings) => {
                    figures |= self.note_success(place, took, now.monotonic);
                    changed |= self.readmit(place, number, block);
                    let tags = Arc::clone(&self.units[place].groups[number].blocks[block].tags);
                    self.deliver(place, readings, tags, now.utc).await;
                }
            }
        }
        if let Some(code) = gateway {
            let words = format!("the gateway answered {}", exception_words(code));
            let now = self.now();
            self.judge(place, Fault::Gateway, Reason::GatewayNoPath, &words, now).await;
        } else if figures {
            self.units[place].reporter.tell_good(&self.port).await;
        }
        changed
    }

    /// What was refused alone is answered again: it is read with its neighbours, as at the start.
    fn readmit(&mut self, place: usize, number: usize, block: usize) -> bool {
        let unit = &mut self.units[place];
        let state = &mut unit.groups[number].blocks[block];
        if state.not_before.take().is_none() || !unit.learned.is_refused(&state.block) {
            return false;
        }
        unit.learned.readmit(&state.block);
        true
    }

    /// The device answered with an exception; whether the plan has to be made anew.
    async fn refused(&mut self, place: usize, number: usize, block: usize, code: u8, took: Duration) -> bool {
        let now = self.now();
        // Whoever refuses is there.
        if self.note_success(place, took, now) {
            self.units[place].reporter.tell_good(&self.port).await;
        }
        let secure = matches!(&self.settings.transport, Transport::Tcp { tls: Some(_), .. });
        let reason = exception_reason(code, secure);
        let unit = &mut self.units[place];
        unit.reporter.count_error();
        let state = &mut unit.groups[number].blocks[block];
        if matches!(code, 1..=3) && unit.learned.is_refused(&state.block) {
            // Known: it rests again, and nobody else is asked for that.
            state.quarantine(now);
            state.refused_for = reason;
            let readings = state.all_bad(reason);
            self.deliver(place, readings, Arc::from([]), self.port.clock.now().utc).await;
            return false;
        }
        let lesson = match code {
            1 => {
                unit.learned.refuse_table(&unit.settings, state.block.table);
                Lesson::Refused
            }
            2 | 3 => unit.learned.refuse(&state.block),
            _ => {
                let readings = state.all_bad(reason);
                self.deliver(place, readings, Arc::from([]), self.port.clock.now().utc).await;
                return false;
            }
        };
        state.refused_now = lesson == Lesson::Refused;
        let table = state.block.table;
        if lesson == Lesson::Refused {
            unit.note_refusal(table, reason);
        }
        true
    }

    async fn deliver(&self, place: usize, readings: Vec<Reading>, confirmed: Arc<[TagId]>, time: Timestamp) {
        let device = self.units[place].reporter.device();
        let batch = Batch { generation: self.generation, device, time, readings, confirmed };
        self.port.send(DriverEvent::Batch(batch)).await;
    }
}

impl Chunk {
    /// The first block that was asked and did not answer.
    fn unanswered(&self) -> Option<usize> {
        let answered = |block: &usize| self.arrived.iter().any(|answer| answer.block == *block);
        self.blocks.iter().find(|block| !answered(block)).copied()
    }
}

fn take_answer(state: &mut BlockState, pdu: &[u8], took: Duration, time: Timestamp) -> Result<Outcome, FrameError> {
    match pdu::check_read(state.block.table, state.block.count, pdu) {
        Ok(payload) => Ok(state.take(payload, took, time)),
        Err(FrameError::Exception(code)) => Ok(Outcome::Exception(code)),
        Err(wrong) => Err(wrong),
    }
}

/// The reason that a tag gets for an exception. A secure device answers "function not supported" where the role may not (V21, 8.4).
pub(super) const fn exception_reason(code: u8, secure: bool) -> Reason {
    match code {
        1 if secure => Reason::NotAuthorised,
        1 => Reason::IllegalFunction,
        2 => Reason::IllegalAddress,
        3 => Reason::IllegalValue,
        4 => Reason::DeviceFailure,
        5 | 6 => Reason::DeviceBusy,
        10 | 11 => Reason::GatewayNoPath,
        _ => Reason::OtherException,
    }
}

/// An exception in words, with its number.
pub(super) fn exception_words(code: u8) -> String {
    format!("{} (exception {code})", exception_reason(code, false).words())
}
