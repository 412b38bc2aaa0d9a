//! Answers to tools: they share the station's connection, and stand behind commands and polls.

use super::block_state::BlockState;
use super::exchange::{ExchangeError, Question};
use super::inquiry::{Inquiry, PlannedRead, Presence, ReadAnswer, ReadWish, TrustLine, UnitPlan, WirePlan};
use super::pdu;
use super::plan::{MAX_BITS, MAX_REGISTERS};
use super::poll::exception_words;
use super::task::Connection;
use super::traffic::Exchange;
use super::unit::Unit;
use super::{Table, Transport, framing};
use crate::driver::Identity;
use crate::tag::TagId;
use std::sync::Arc;
use std::time::Duration;

/// While polls are due, the wire is theirs for so many times as long as the last question of a tool took.
const TOOLS_REST: u32 = 3;

impl Connection {
    /// Answers the tool that has waited longest; whether there was one.
    pub(super) async fn answer_one(&mut self) -> bool {
        let Some(inquiry) = self.inquiries.pop_front() else { return false };
        let began = self.now();
        // Whoever asked may have gone away; then nobody wants the answer.
        match inquiry {
            Inquiry::Read(wish, reply) if !reply.is_closed() => drop(reply.send(self.read_for_tool(wish).await)),
            Inquiry::Identify(unit, reply) if !reply.is_closed() => {
                drop(reply.send(self.identify_for_tool(unit).await));
            }
            Inquiry::Probe(unit, limit, reply) if !reply.is_closed() => {
                drop(reply.send(self.find_unit(unit, limit).await));
            }
            Inquiry::Echo(unit, reply) if !reply.is_closed() => drop(reply.send(self.echo_for_tool(unit).await)),
            Inquiry::Trace(tag, reply) => drop(reply.send(self.trace(tag))),
            Inquiry::Plan(reply) => drop(reply.send(self.plan())),
            Inquiry::Read(..) | Inquiry::Identify(..) | Inquiry::Probe(..) | Inquiry::Echo(..) => {}
        }
        let now = self.now();
        self.tools_after = now.plus(now.since(began) * TOOLS_REST);
        true
    }

    /// Whether a tool may ask although polls are due: on a wire that is never free it gets its share, and no more. A unit that is silent
    /// holds up the wire for long, and everything that fell due meanwhile goes before the next one.
    pub(super) fn tools_have_a_turn(&self) -> bool {
        self.now() >= self.tools_after
    }

    /// One question of a tool to any unit, whether the station knows it or not.
    pub(super) async fn ask_unit(
        &mut self,
        unit: u8,
        pdu: &[u8],
        limit: Duration,
    ) -> Result<(Vec<u8>, Duration), ExchangeError> {
        if !self.is_connected().await {
            return Err(ExchangeError::Broken(self.why_down.clone()));
        }
        let known = self.units.iter().position(|known| known.settings.unit == unit);
        let accepted = known.and_then(|place| self.units[place].settings.quirks.accept_unit);
        let question = Question { unit, answers_as: accepted.unwrap_or(unit), pdu };
        if let Some(place) = known {
            self.rest(place).await;
        }
        let mut answer = Vec::new();
        let Some(wire) = &mut self.wire else { return Err(ExchangeError::Broken("not connected".to_owned())) };
        match wire.exchange(question, limit, &mut answer).await {
            Ok(took) => {
                self.load.busy += took;
                self.quiet_until = self.now().plus(self.settings.pause);
                if let Some(place) = known {
                    let pause = self.units[place].settings.pause;
                    self.units[place].quiet_until = self.now().plus(pause);
                }
                Ok((answer, took))
            }
            Err(error) => {
                // A tool never judges a unit; but what it left on the wire must not be believed.
                self.drop_wire();
                if let Some(place) = known {
                    self.units[place].unsure = self.settings.transport.is_rtu();
                }
                Err(error)
            }
        }
    }

    async fn read_for_tool(&mut self, wish: ReadWish) -> Result<ReadAnswer, String> {
        let most = if wish.table.is_bits() { MAX_BITS } else { MAX_REGISTERS };
        if wish.count == 0 || wish.count > most || u32::from(wish.address) + u32::from(wish.count) > 65_536 {
            return Err(format!("1 to {most} can be read at once, up to address 65535"));
        }
        let request = pdu::read_request(wish.table, wish.address, wish.count);
        let limit = self.settings.timeout;
        let (answer, took) = self.ask_unit(wish.unit, &request, limit).await.map_err(|error| error.to_string())?;
        let payload = match pdu::check_read(wish.table, wish.count, &answer).map_err(ExchangeError::from) {
            Ok(payload) => payload,
            Err(ExchangeError::Exception(code)) => return Err(exception_words(code)),
            Err(error) => {
                self.drop_wire();
                let is_rtu = self.settings.transport.is_rtu();
                for unit in self.units.iter_mut().filter(|unit| unit.settings.unit == wish.unit) {
                    unit.unsure = is_rtu;
                }
                return Err(error.to_string());
            }
        };
        let values = values(wish.table, wish.count, payload);
        Ok(ReadAnswer { values, micros: took.as_micros() as u32 })
    }

    async fn identify_for_tool(&mut self, unit: u8) -> Result<Identity, String> {
        self.ask_identity(unit).await
    }

    /// Function 8 gives back what is sent: whether the line carries every bit, without touching a register.
    async fn echo_for_tool(&mut self, unit: u8) -> Result<u32, String> {
        let request = pdu::echo(0xA5_5A);
        let limit = self.settings.timeout;
        let (answer, took) = self.ask_unit(unit, &request, limit).await.map_err(|error| error.to_string())?;
        match pdu::check_write(&request, &answer).map_err(ExchangeError::from) {
            Ok(()) => Ok(took.as_micros() as u32),
            Err(ExchangeError::Exception(code)) => Err(exception_words(code)),
            Err(error) => {
                self.drop_wire();
                Err(error.to_string())
            }
        }
    }

    async fn find_unit(&mut self, unit: u8, limit: Duration) -> Presence {
        let request = pdu::read_request(Table::Holding, 0, 1);
        match self.ask_unit(unit, &request, limit).await {
            Ok((answer, _)) if matches!(answer[..], [0x83, 10 | 11]) => Presence::Silent,
            Ok(_) => Presence::Present,
            Err(ExchangeError::TimedOut(_)) => Presence::Silent,
            // Whoever answers wrongly is there as well.
            Err(ExchangeError::BadFrame(_) | ExchangeError::Exception(_)) => Presence::Present,
            Err(ExchangeError::Broken(why) | ExchangeError::TunnelDown(why)) => Presence::NoWire(why),
        }
    }

    fn trace(&self, tag: TagId) -> Option<TrustLine> {
        let unit = self.units.iter().find(|unit| unit.point(tag).is_some())?;
        let (point, state) = (unit.point(tag)?, unit.block_of(tag)?);
        let start = point.address - state.block.address;
        let all = values(point.table, state.block.count, &state.payload);
        let raw = all.get(usize::from(start)..usize::from(start + point.size()))?.to_vec();
        Some(TrustLine {
            raw,
            table: point.table,
            address: point.address,
            kind: point.encoding.kind,
            order: point.encoding.order,
            bits: point.encoding.bits,
            transaction: (!self.settings.transport.is_rtu()).then_some(state.transaction),
            exchange: self.last_exchange(unit, state)?,
            is_rtu: self.settings.transport.is_rtu(),
        })
    }

    /// The last exchange of a block, with the frame as it was.
    fn last_exchange(&self, unit: &Unit, state: &BlockState) -> Option<Exchange> {
        let mut pdu = vec![state.request.first().copied()?, state.payload.len() as u8];
        pdu.extend(&state.payload);
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        let answers_as = unit.settings.quirks.accept_unit.unwrap_or(unit.settings.unit);
        if self.settings.transport.is_rtu() {
            framing::serial_frame(&mut request, unit.settings.unit, &state.request);
            framing::serial_frame(&mut answer, answers_as, &pdu);
        } else {
            framing::tcp_frame(&mut request, state.transaction, unit.settings.unit, &state.request);
            framing::tcp_frame(&mut answer, state.transaction, answers_as, &pdu);
        }
        Some(Exchange {
            number: 0,
            time: state.last?,
            unit: unit.settings.unit,
            request: request.into(),
            answer: answer.into(),
            micros: state.latency?.as_micros() as u32,
            error: None,
        })
    }

    fn plan(&self) -> WirePlan {
        let units: Vec<UnitPlan> = self.units.iter().map(|unit| self.unit_plan(unit)).collect();
        let needed = units.iter().flat_map(|unit| &unit.reads).map(|read| read.load).sum();
        let takes_one = self.at_once < self.settings.in_flight;
        WirePlan { units, busy: self.load.share, needed, takes_one }
    }

    fn unit_plan(&self, unit: &Unit) -> UnitPlan {
        let blocks = unit.groups.iter().flat_map(|group| &group.blocks);
        let reads = blocks.map(|state| self.planned(unit, state)).collect();
        let (device, condition) = (Arc::clone(&unit.settings.name), unit.health.condition());
        UnitPlan { device, unit: unit.settings.unit, condition, reads }
    }

    fn planned(&self, unit: &Unit, state: &BlockState) -> PlannedRead {
        let block = &state.block;
        let refused = unit.learned.is_refused(block);
        let parallel = match self.settings.transport {
            Transport::Tcp { .. } => f32::from(self.at_once.max(1)),
            _ => 1.0,
        };
        let cost = state.latency.map_or(0.0, |latency| {
            (latency.as_secs_f32() / parallel) + (unit.settings.pause + self.settings.pause).as_secs_f32()
        });
        PlannedRead {
            table: block.table,
            address: block.address,
            count: block.count,
            poll: block.poll,
            tags: block.points.len(),
            latency_micros: state.latency.map(|latency| latency.as_micros() as u32),
            load: if refused { 0.0 } else { cost / block.poll.as_secs_f32() },
            answers: state.answers,
            unchanged: state.unchanged,
            refused,
            last: state.last,
        }
    }
}

/// Registers as they are, bits as 0 and 1.
fn values(table: Table, count: u16, payload: &[u8]) -> Vec<u16> {
    if table.is_bits() {
        return (0..usize::from(count)).filter_map(|place| pdu::bit(payload, place).map(u16::from)).collect();
    }
    pdu::registers(payload).collect()
}
