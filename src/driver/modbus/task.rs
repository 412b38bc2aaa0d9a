//! The task of one wire: one request at a time, commands first, fair turns, silent units left alone.

use super::frame::{self, Data};
use super::plan::{Block, plan_blocks};
use super::wire::{self, ExchangeError, Wire};
use super::{Device, Point, Settings, Table, Transport, decode, encode};
use crate::command::{Dispatch, WriteAnswer};
use crate::driver::backoff::Backoff;
use crate::driver::report::Reporter;
use crate::driver::{Batch, DriverEvent, Port, Reading, Written};
use crate::tag::{Quality, Reason, Value};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A block that a device refused for one tag alone is asked for again this rarely.
const QUARANTINE: Duration = Duration::from_secs(60);

/// A block and when it may be asked for again.
struct Planned {
    block: Block,
    not_before: Option<Instant>,
}

/// A unit on the wire, as the task sees it.
struct Unit {
    settings: Device,
    blocks: Vec<Planned>,
    rejoin: bool,
    due: Instant,
    backoff: Backoff,
    reporter: Reporter,
}

fn fresh_blocks(settings: &Device) -> Vec<Planned> {
    plan_blocks(settings).into_iter().map(|block| Planned { block, not_before: None }).collect()
}

impl Unit {
    fn new(settings: Device, due: Instant) -> Self {
        let blocks = fresh_blocks(&settings);
        let reporter = Reporter::new(settings.device);
        Self { blocks, rejoin: false, due, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), reporter, settings }
    }

    /// Keeps the phase; a turn that was missed is skipped, so that an overloaded wire slows down evenly.
    fn schedule(&mut self, now: Instant) {
        self.due += self.settings.poll;
        if self.due <= now {
            self.due = now + self.settings.poll;
        }
    }
}

struct Connection {
    settings: Settings,
    port: Port,
    wire: Option<Wire>,
    doubtful: bool,
    backoff: Backoff,
    connect_after: Instant,
    units: Vec<Unit>,
}

/// Runs one wire until its inbox is closed.
pub async fn run(settings: Settings, port: Port, mut inbox: Receiver<Dispatch>) {
    let mut connection = Connection::new(settings, port);
    loop {
        let Some(next) = connection.next_due() else {
            // Nothing to poll: only commands, which there is no device for.
            match inbox.recv().await {
                Some(dispatch) => connection.write(dispatch).await,
                None => return,
            }
            continue;
        };
        tokio::select! {
            biased;
            dispatch = inbox.recv() => match dispatch {
                Some(dispatch) => connection.write(dispatch).await,
                None => return,
            },
            () = tokio::time::sleep_until(next) => connection.turn(&mut inbox).await,
        }
    }
}

impl Connection {
    fn new(settings: Settings, port: Port) -> Self {
        let now = Instant::now();
        // Whoever used a serial line before may have left a question open on it.
        let doubtful = matches!(settings.transport, Transport::Serial { .. });
        let units = settings.devices.iter().map(|device| Unit::new(device.clone(), now)).collect();
        Self {
            settings,
            port,
            wire: None,
            doubtful,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            connect_after: now,
            units,
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let due = self.units.iter().map(|unit| unit.due).min()?;
        Some(if self.wire.is_none() { due.max(self.connect_after) } else { due })
    }

    /// One turn: connects where needed and polls the unit that has waited longest.
    async fn turn(&mut self, inbox: &mut Receiver<Dispatch>) {
        if self.wire.is_none() && !self.connect().await {
            return;
        }
        let now = Instant::now();
        let Some(place) = (0..self.units.len()).min_by_key(|&place| self.units[place].due) else { return };
        if self.units[place].due > now {
            return;
        }
        self.poll(place, inbox).await;
    }

    async fn connect(&mut self) -> bool {
        let settle = self.doubtful.then_some(self.settings.timeout);
        match wire::open(&self.settings.transport, self.settings.timeout.max(Duration::from_secs(2)), settle).await {
            Ok(wire) => {
                self.wire = Some(wire);
                self.doubtful = false;
                true
            }
            Err(why) => {
                let pause = self.backoff.fail();
                self.connect_after = Instant::now() + pause;
                for unit in &mut self.units {
                    unit.due = self.connect_after;
                    unit.reporter.lost(&self.port, Reason::NotConnected, &why, Some(pause)).await;
                }
                false
            }
        }
    }

    async fn poll(&mut self, place: usize, inbox: &mut Receiver<Dispatch>) {
        let mut block = 0;
        while block < self.units[place].blocks.len() {
            while let Ok(dispatch) = inbox.try_recv() {
                self.write(dispatch).await;
            }
            if !self.is_connected().await {
                // A command cost the wire; this unit is not to blame, and is asked at the next turn.
                return;
            }
            match self.read_block(place, block).await {
                Step::Next => block += 1,
                Step::Again => {}
                Step::Stop => return,
            }
        }
        let now = Instant::now();
        let unit = &mut self.units[place];
        if std::mem::take(&mut unit.rejoin) {
            unit.blocks = fresh_blocks(&unit.settings);
        }
        unit.schedule(now);
    }

    /// Whether there is a wire; one that the device has closed in the meantime is opened anew before anything is sent over it.
    async fn is_connected(&mut self) -> bool {
        if self.wire.as_ref().is_some_and(Wire::is_spent) {
            self.wire = None;
        }
        self.wire.is_some() || (Instant::now() >= self.connect_after && self.connect().await)
    }

    async fn read_block(&mut self, place: usize, number: usize) -> Step {
        let now = Instant::now();
        let planned = &self.units[place].blocks[number];
        if planned.not_before.is_some_and(|moment| moment > now) {
            return Step::Next;
        }
        let block = planned.block.clone();
        let request = frame::read_request(block.table, block.address, block.count);
        let answer = self.exchange(place, &request).await;
        let data = answer.and_then(|pdu| Ok(frame::parse_read(block.table, block.count, &pdu)?));
        match data {
            Ok(data) => {
                self.succeed(place, now.elapsed()).await;
                // What was refused alone is answered again: next time the unit is read in large blocks, as at the start.
                let unit = &mut self.units[place];
                unit.rejoin |= unit.blocks[number].not_before.take().is_some();
                self.deliver(place, read_all(&block, &data)).await;
                Step::Next
            }
            Err(ExchangeError::Exception(code @ 1..=3)) => self.refused(place, number, &block, code).await,
            Err(ExchangeError::Exception(code @ (10 | 11))) => {
                self.fail(place, Reason::GatewayNoPath, &format!("the gateway answered exception {code}")).await;
                Step::Stop
            }
            Err(ExchangeError::Exception(code)) => {
                self.succeed(place, now.elapsed()).await;
                self.deliver(place, all_bad(&block, exception_reason(code))).await;
                Step::Next
            }
            Err(error) => {
                let reason = self.doubt(&error);
                self.fail(place, reason, &error.to_string()).await;
                Step::Stop
            }
        }
    }

    /// The device refused a block: it is halved until only the tag that it refuses stands alone.
    async fn refused(&mut self, place: usize, number: usize, block: &Block, code: u8) -> Step {
        let unit = &mut self.units[place];
        unit.reporter.count_error();
        unit.backoff.succeed();
        if let Some(halves) = block.split() {
            let halves = halves.map(|block| Planned { block, not_before: None });
            unit.blocks.splice(number..=number, halves);
            return Step::Again;
        }
        unit.blocks[number].not_before = Some(Instant::now() + QUARANTINE);
        unit.reporter.good(&self.port, None).await;
        self.deliver(place, all_bad(block, exception_reason(code))).await;
        Step::Next
    }

    async fn exchange(&mut self, place: usize, pdu: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let unit = self.units[place].settings.unit;
        match &mut self.wire {
            Some(wire) => wire.exchange(unit, pdu, self.settings.timeout).await,
            None => Err(ExchangeError::Broken("not connected".to_owned())),
        }
    }

    /// After any doubt the wire is thrown away.
    fn doubt(&mut self, error: &ExchangeError) -> Reason {
        self.wire = None;
        self.doubtful = matches!(self.settings.transport, Transport::Serial { .. });
        match error {
            ExchangeError::TimedOut(_) => Reason::NoAnswer,
            ExchangeError::BadFrame(_) => Reason::BadFrame,
            ExchangeError::Broken(_) | ExchangeError::Exception(_) => Reason::NotConnected,
        }
    }

    async fn succeed(&mut self, place: usize, latency: Duration) {
        self.backoff.succeed();
        let unit = &mut self.units[place];
        unit.backoff.succeed();
        unit.reporter.good(&self.port, Some(latency)).await;
    }

    async fn fail(&mut self, place: usize, reason: Reason, detail: &str) {
        let unit = &mut self.units[place];
        unit.blocks = fresh_blocks(&unit.settings);
        let pause = unit.backoff.fail();
        unit.due = Instant::now() + pause;
        unit.reporter.lost(&self.port, reason, detail, Some(pause)).await;
    }

    async fn deliver(&self, place: usize, readings: Vec<Reading>) {
        let batch = Batch {
            generation: self.port.generation(),
            device: self.units[place].reporter.device(),
            time: self.port.clock.now().utc,
            readings,
        };
        self.port.send(DriverEvent::Batch(batch)).await;
    }

    /// Carries out one command and says what became of it.
    async fn write(&mut self, dispatch: Dispatch) {
        let answer = self.try_write(&dispatch).await;
        let written = Written { request: dispatch.id().clone(), answer };
        self.port.send(DriverEvent::Written(written)).await;
    }

    async fn try_write(&mut self, dispatch: &Dispatch) -> WriteAnswer {
        if self.port.clock.now().monotonic >= dispatch.expires() {
            return WriteAnswer::NotSent("it expired while it waited for the wire".to_owned());
        }
        if dispatch.generation() != self.port.generation() {
            return WriteAnswer::NotSent("the station file was reloaded".to_owned());
        }
        let Some((place, point)) = self.find(dispatch) else {
            return WriteAnswer::NotSent("this connection does not know the tag".to_owned());
        };
        if self.units[place].reporter.is_lost() || !self.is_connected().await {
            return WriteAnswer::NotSent("the device is not connected".to_owned());
        }
        if self.port.clock.now().monotonic >= dispatch.expires() {
            return WriteAnswer::NotSent("it expired while the connection was made".to_owned());
        }
        let request = match write_request(&point, dispatch.value()) {
            Ok(request) => request,
            Err(why) => return WriteAnswer::NotSent(why),
        };
        let answer = self.exchange(place, &request).await;
        match answer.and_then(|pdu| Ok(frame::parse_write(&request, &pdu)?)) {
            Ok(()) => {
                // The read-back should not have to wait for the next turn.
                self.units[place].due = Instant::now();
                WriteAnswer::Accepted
            }
            // 5 means that the device took it and works on it; 10 and 11 are a gateway's, which may have passed it on.
            Err(ExchangeError::Exception(5)) => {
                self.units[place].due = Instant::now();
                WriteAnswer::Accepted
            }
            Err(ExchangeError::Exception(code @ (10 | 11))) => {
                WriteAnswer::Unknown(format!("{}; it may have arrived", exception_words(code)))
            }
            Err(ExchangeError::Exception(code)) => WriteAnswer::Failed(exception_words(code)),
            Err(error) => {
                let reason = self.doubt(&error);
                self.fail(place, reason, &error.to_string()).await;
                WriteAnswer::Unknown(format!("{error}; it may have arrived"))
            }
        }
    }

    fn find(&self, dispatch: &Dispatch) -> Option<(usize, Point)> {
        self.units.iter().enumerate().find_map(|(place, unit)| {
            let point = unit.settings.points.iter().find(|point| point.tag == dispatch.tag())?;
            Some((place, *point))
        })
    }
}

enum Step {
    Next,
    Again,
    Stop,
}

fn write_request(point: &Point, value: &Value) -> Result<Vec<u8>, String> {
    match (point.table, value) {
        (Table::Coil, Value::Bool(on)) => Ok(frame::write_coil(point.address, *on)),
        (Table::Coil, _) => Err("a coil takes true or false".to_owned()),
        (Table::Holding, _) => {
            let registers = encode(value, &point.encoding, point.scaling).map_err(|error| error.to_string())?;
            Ok(frame::write_registers(point.address, &registers))
        }
        (Table::Discrete | Table::Input, _) => Err("this table can only be read".to_owned()),
    }
}

fn read_all(block: &Block, data: &Data) -> Vec<Reading> {
    block.points.iter().map(|point| read_point(block, point, data)).collect()
}

fn read_point(block: &Block, point: &Point, data: &Data) -> Reading {
    let start = usize::from(point.address - block.address);
    let value = match data {
        Data::Bits(bits) => bits.get(start).map(|bit| Value::Bool(*bit)).ok_or(Reason::BadFrame),
        Data::Registers(registers) => {
            let end = start + usize::from(point.encoding.registers());
            registers.get(start..end).ok_or(Reason::BadFrame).and_then(|part| decode(part, &point.encoding))
        }
    };
    match value {
        Ok(value) => Reading { tag: point.tag, value: Some(value), quality: Quality::GOOD },
        Err(reason) => Reading { tag: point.tag, value: None, quality: Quality::bad(reason) },
    }
}

fn all_bad(block: &Block, reason: Reason) -> Vec<Reading> {
    let bad = |point: &Point| Reading { tag: point.tag, value: None, quality: Quality::bad(reason) };
    block.points.iter().map(bad).collect()
}

const fn exception_reason(code: u8) -> Reason {
    match code {
        1 => Reason::IllegalFunction,
        2 => Reason::IllegalAddress,
        3 => Reason::IllegalValue,
        4 => Reason::DeviceFailure,
        5 | 6 => Reason::DeviceBusy,
        10 | 11 => Reason::GatewayNoPath,
        _ => Reason::OtherException,
    }
}

fn exception_words(code: u8) -> String {
    format!("{} (exception {code})", exception_reason(code).words())
}
