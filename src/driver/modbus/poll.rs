//! Reading: a few blocks at a time, so that commands and other units never wait for a whole device.

use super::Transport;
use super::health::{Fault, Verdict};
use super::pdu::{self, FrameError};
use super::plan::Lesson;
use super::task::{Connection, fault};
use super::unit::{BlockState, Group, Outcome};
use super::wire::{ExchangeError, Question, Wire};
use crate::driver::{Batch, DriverEvent, Heartbeat, Identity, Reading};
use crate::tag::{Clock, Monotonic, Reason, TagId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// The parts that an identification is asked for at most.
const IDENTITY_PARTS: usize = 16;
/// How often an identification is tried, and how long it rests in between.
const IDENTITY_TRIES: u32 = 3;
const IDENTITY_REST: Duration = Duration::from_secs(10);

/// What came back for one block.
struct Arrived {
    block: usize,
    outcome: Outcome,
    time: Timestamp,
    took: Duration,
}

impl Connection {
    /// Reads the next blocks of a group.
    pub(super) async fn poll(&mut self, place: usize, number: usize) {
        let now = self.now();
        if self.units[place].unsure && !self.resynchronise(place).await {
            return;
        }
        let group = &mut self.units[place].groups[number];
        let (first, due) = group.under_way.unwrap_or_else(|| {
            let due = group.turn.due();
            group.turn.begin(now);
            (0, due)
        });
        let chunk = self.chunk(place, number, first, now);
        let behind = chunk.last().map_or(usize::MAX, |last| last + 1);
        let (arrived, error) = self.read_chunk(place, number, &chunk).await;
        let unanswered = chunk.iter().find(|block| !arrived.iter().any(|answer| answer.block == **block)).copied();
        let blocks = self.units[place].groups[number].blocks.len();
        let next = (error.is_none() && behind < blocks).then_some(behind);
        self.units[place].groups[number].under_way = next.map(|block| (block, due));
        let answered = !arrived.is_empty();
        let mut changed = self.take_arrived(place, number, arrived).await;
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
            (Some(error), Some(block)) if !changed => self.block_failed(place, number, block, &error).await,
            (Some(error), _) => drop(self.note_failure(place, &error, true).await),
            (None, _) => {}
        }
    }

    /// A block was not answered. The first time it is asked again; when that fails as well it rests, so that those behind it are read.
    /// Whether its silence is its own or that of the unit shows in what is asked next: until then only its own tags turn bad.
    async fn block_failed(&mut self, place: usize, number: usize, block: usize, error: &ExchangeError) {
        let now = self.now();
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
    fn chunk(&self, place: usize, number: usize, first: usize, now: Monotonic) -> Vec<usize> {
        let unit = &self.units[place];
        let restless = unit.settings.pause.is_zero() && self.settings.pause.is_zero();
        let several = self.settings.in_flight > 1 && restless && !self.settings.transport.is_rtu();
        // Several windows in one go keep the wire filled.
        let at_once = if several { usize::from(self.settings.in_flight) * 4 } else { 1 };
        let blocks = unit.groups[number].blocks.iter().enumerate().skip(first);
        let due = blocks.filter(|(_, state)| !state.is_resting(now));
        due.map(|(block, _)| block).take(at_once).collect()
    }

    async fn read_chunk(
        &mut self,
        place: usize,
        number: usize,
        chunk: &[usize],
    ) -> (Vec<Arrived>, Option<ExchangeError>) {
        let (limit, in_flight) = (self.limit(place), usize::from(self.settings.in_flight));
        let Some(wire) = &mut self.wire else { return (Vec::new(), None) };
        let unit = &mut self.units[place];
        let (asked, answers_as) = (unit.settings.unit, unit.settings.quirks.accept_unit.unwrap_or(unit.settings.unit));
        let group = &mut unit.groups[number];
        read_blocks(wire, group, chunk, [asked, answers_as], in_flight, limit, self.port.clock.as_ref()).await
    }

    /// Hands values on; whether the plan has to be made anew.
    async fn take_arrived(&mut self, place: usize, number: usize, arrived: Vec<Arrived>) -> bool {
        let (mut changed, mut figures, mut gateway) = (false, false, None);
        for Arrived { block, outcome, time, took } in arrived {
            match outcome {
                // A gateway says so of every request that it has: the unit failed once.
                Outcome::Exception(code @ (10 | 11)) => gateway = Some(code),
                Outcome::Exception(code) => changed |= self.refused(place, number, block, code, took).await,
                Outcome::Values(readings) => {
                    figures |= self.note_success(place, took);
                    changed |= self.readmit(place, number, block);
                    let tags = Arc::clone(&self.units[place].groups[number].blocks[block].tags);
                    self.deliver(place, readings, tags, time).await;
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
        if self.note_success(place, took) {
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

    /// Asks a unit that was silent one small question.
    pub(super) async fn probe(&mut self, place: usize) {
        if self.units[place].unsure && !self.resynchronise(place).await {
            return;
        }
        let Some(request) = self.units[place].smallest_block().map(|state| state.request.clone()) else {
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
                if self.note_success(place, took) {
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

    /// Asks a unit who it is, in as many parts as it wants. What it cannot say is never held against it.
    pub(super) async fn identify(&mut self, place: usize) {
        self.units[place].unidentified = false;
        let unit = self.units[place].settings.unit;
        match self.ask_identity(unit).await {
            Ok(identity) => {
                self.meet(place, &identity);
                self.tell_identity(place, identity).await;
            }
            // Who refuses will refuse again; who was busy or disturbed is asked a few times more.
            Err(why) if !why.contains("exception") => {
                let now = self.now();
                let unit = &mut self.units[place];
                unit.identify_failures += 1;
                unit.unidentified = unit.identify_failures < IDENTITY_TRIES;
                unit.identify_at = now.plus(IDENTITY_REST);
            }
            Err(_) => {}
        }
    }

    async fn tell_identity(&mut self, place: usize, identity: Identity) {
        let device = self.units[place].reporter.device();
        self.port.send(DriverEvent::Identity(self.generation, device, identity)).await;
    }

    /// Extended identification first; a device that has less says what it has, or refuses and is asked for the basic one.
    pub(super) async fn ask_identity(&mut self, unit: u8) -> Result<Identity, String> {
        let mut refusal = String::new();
        for code in [3, 1] {
            match self.identity_parts(unit, code).await {
                Ok(objects) => return Ok(identity(objects)),
                Err(ExchangeError::Exception(code)) => refusal = exception_words(code),
                Err(error) => {
                    self.drop_wire();
                    return Err(error.to_string());
                }
            }
        }
        Err(refusal)
    }

    async fn identity_parts(&mut self, unit: u8, code: u8) -> Result<Vec<(u8, String)>, ExchangeError> {
        let (mut objects, mut next) = (Vec::new(), Some(0));
        let limit = self.settings.timeout;
        for _ in 0..IDENTITY_PARTS {
            let Some(object) = next else { break };
            let (answer, _) = self.ask_unit(unit, &pdu::identification(code, object), limit).await?;
            let part = pdu::check_identification(code, &answer)?;
            objects.extend(part.objects);
            // A device that sends in circles is told apart by going back.
            next = part.next.filter(|following| *following > object);
        }
        Ok(objects)
    }

    /// The sign of life that the unit gets failed: said once.
    pub(super) async fn heart_fails(&mut self, place: usize, why: &str) {
        let unit = &mut self.units[place];
        if unit.settings.heartbeat.is_some() && unit.beat.beating != Some(false) {
            unit.beat.beating = Some(false);
            let device = unit.reporter.device();
            let news = DriverEvent::Heartbeat(self.generation, device, Heartbeat::Failing(why.into()));
            self.port.send(news).await;
        }
    }
}

fn identity(objects: Vec<(u8, String)>) -> Identity {
    let mut identity = Identity::default();
    for (number, text) in objects {
        let text: Arc<str> = text.into();
        match number {
            0 => identity.vendor = text,
            1 => identity.product = text,
            2 => identity.revision = text,
            _ => drop(identity.others.insert(number, text)),
        }
    }
    identity
}

async fn read_blocks(
    wire: &mut Wire,
    group: &mut Group,
    chunk: &[usize],
    [unit, answers_as]: [u8; 2],
    in_flight: usize,
    limit: Duration,
    clock: &dyn Clock,
) -> (Vec<Arrived>, Option<ExchangeError>) {
    let requests: Vec<Vec<u8>> = chunk.iter().map(|block| std::mem::take(&mut group.blocks[*block].request)).collect();
    let questions: Vec<_> = requests.iter().map(|pdu| Question { unit, answers_as, pdu }).collect();
    let mut arrived = Vec::with_capacity(chunk.len());
    // Each request has the number after that of the one before.
    let before = wire.transaction();
    let outcome = wire
        .exchange_many(&questions, in_flight, limit, |place, pdu, took| {
            let (block, time) = (chunk[place], clock.now().utc);
            let outcome = take_answer(&mut group.blocks[block], pdu, took, time)?;
            group.blocks[block].transaction = before.wrapping_add(place as u16 + 1);
            arrived.push(Arrived { block, outcome, time, took });
            Ok(())
        })
        .await;
    for (block, request) in chunk.iter().zip(requests) {
        group.blocks[*block].request = request;
    }
    (arrived, outcome.err())
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
