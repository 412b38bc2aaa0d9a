//! Writing: exactly one write request a command, never repeated, never late.

use super::exchange::ExchangeError;
use super::health::Fault;
use super::pdu;
use super::poll::{exception_reason, exception_words};
use super::task::Connection;
use super::{Encoding, Kind, Point, Quirks, Table, Transport, WriteBits, WriteWith, codec, encode};
use crate::command::{Dispatch, WriteAnswer};
use crate::driver::{DriverEvent, Written};
use crate::tag::{Monotonic, Reason, Value};

/// What a command becomes on the wire.
#[derive(Debug, PartialEq)]
enum Request {
    /// One write.
    Write(Vec<u8>),
    /// A read of this register, and then one write of what it held, with other bits.
    Change { address: u16, keep: u16, set: u16 },
}

impl Connection {
    /// Carries out one command and says what became of it.
    pub(super) async fn write(&mut self, dispatch: Dispatch) {
        let answer = self.try_write(&dispatch).await;
        let written = Written { request: dispatch.id().clone(), answer };
        self.port.send(DriverEvent::Written(written)).await;
    }

    async fn try_write(&mut self, dispatch: &Dispatch) -> WriteAnswer {
        let not_sent = |words: &str| WriteAnswer::NotSent(words.to_owned());
        if self.now() >= dispatch.expires() {
            return not_sent("it expired while it waited for the wire");
        }
        if dispatch.generation() != self.generation {
            return not_sent("the station file was reloaded");
        }
        let Some((place, point)) = self.find(dispatch) else {
            return not_sent("this connection does not know the tag");
        };
        let unit = &self.units[place];
        if !unit.on_scan {
            return not_sent("the device is off scan");
        }
        if unit.reporter.is_lost() || unit.health.probe_at().is_some() || !self.is_connected().await {
            return not_sent("the device is not connected");
        }
        self.rest(place).await;
        if self.now() >= dispatch.expires() {
            return not_sent("it expired while the connection was made");
        }
        let quirks = self.units[place].settings.quirks;
        match request(&point, dispatch.value(), quirks) {
            Err(why) => WriteAnswer::NotSent(why),
            Ok(Request::Write(pdu)) if self.units[place].settings.is_broadcast(&self.settings.transport) => {
                self.broadcast(place, &pdu).await
            }
            Ok(Request::Write(pdu)) => self.send_write(place, &pdu).await,
            Ok(Request::Change { address, keep, set }) => {
                self.change_bits(place, (address, keep, set), dispatch.expires()).await
            }
        }
    }

    /// Waits out the rest that the device was promised; it is never longer than the engineer said.
    pub(super) async fn rest(&self, place: usize) {
        let until = self.units[place].quiet_until.max(self.quiet_until);
        let rest = until.since(self.now());
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
    }

    async fn broadcast(&mut self, place: usize, pdu: &[u8]) -> WriteAnswer {
        let Some(wire) = &mut self.wire else { return WriteAnswer::NotSent("the device is not connected".to_owned()) };
        match wire.broadcast(pdu, self.settings.timeout).await {
            Ok(()) => {
                self.units[place].health.forgive();
                WriteAnswer::SentToAll
            }
            Err(error) => {
                self.note_failure(place, &error, false).await;
                WriteAnswer::Unknown(error.to_string())
            }
        }
    }

    async fn send_write(&mut self, place: usize, pdu: &[u8]) -> WriteAnswer {
        let mut answer = Vec::new();
        let outcome = self.ask(place, pdu, &mut answer).await;
        let outcome = outcome.and_then(|took| Ok(check_answer(pdu, &answer).map(|()| took)?));
        let now = self.now();
        match outcome {
            Ok(took) => {
                self.succeed(place, took).await;
                // The read-back should not have to wait for the next turn.
                self.units[place].hurry(now);
                WriteAnswer::Accepted
            }
            // 5 means that the device took it and works on it; 10 and 11 are a gateway's, which may have passed it on.
            Err(ExchangeError::Exception(5)) => {
                self.units[place].hurry(now);
                WriteAnswer::Accepted
            }
            Err(ExchangeError::Exception(code @ (10 | 11))) => {
                let words = exception_words(code);
                self.judge(place, Fault::Gateway, Reason::GatewayNoPath, &words, now).await;
                WriteAnswer::Unknown(words)
            }
            Err(ExchangeError::Exception(code)) => WriteAnswer::Failed(self.refusal_words(code)),
            Err(error) => {
                self.note_failure(place, &error, false).await;
                WriteAnswer::Unknown(error.to_string())
            }
        }
    }

    pub(super) fn refusal_words(&self, code: u8) -> String {
        let secure = matches!(&self.settings.transport, Transport::Tcp { tls: Some(_), .. });
        format!("{} (exception {code})", exception_reason(code, secure).words())
    }

    /// Nothing else of ours goes over the wire between the read and the write.
    async fn change_bits(&mut self, place: usize, bits: (u16, u16, u16), expires: Monotonic) -> WriteAnswer {
        let (address, keep, set) = bits;
        // What is read here is written back: nothing late may be taken for it.
        if self.units[place].unsure && !self.resynchronise(place).await {
            return WriteAnswer::NotSent("the line is not in step after a disturbance".to_owned());
        }
        let mut answer = Vec::new();
        let read = pdu::read_request(Table::Holding, address, 1);
        let outcome = self.ask(place, &read, &mut answer).await;
        let outcome = outcome.and_then(|took| {
            let now = self.now();
            self.note_success(place, took, now);
            Ok(pdu::registers(pdu::check_read(Table::Holding, 1, &answer)?).next().unwrap_or_default())
        });
        let before = match outcome {
            Ok(before) => before,
            Err(ExchangeError::Exception(code)) => {
                return WriteAnswer::Failed(format!("reading the register: {}", self.refusal_words(code)));
            }
            Err(error) => {
                self.note_failure(place, &error, true).await;
                return WriteAnswer::NotSent(format!("the register could not be read before the write: {error}"));
            }
        };
        self.rest(place).await;
        if self.now() >= expires {
            return WriteAnswer::NotSent("it expired while the register was read".to_owned());
        }
        let multiple = self.units[place].settings.quirks.write_with == WriteWith::Multiple;
        let wanted = (before & keep) | (set & !keep);
        self.send_write(place, &pdu::write_registers(address, &[wanted], multiple)).await
    }

    fn find(&self, dispatch: &Dispatch) -> Option<(usize, Point)> {
        self.units.iter().enumerate().find_map(|(place, unit)| Some((place, unit.point(dispatch.tag())?.clone())))
    }
}

/// Words for a wish that cannot become a request.
fn request(point: &Point, value: &Value, quirks: Quirks) -> Result<Request, String> {
    let multiple = quirks.write_with == WriteWith::Multiple;
    match (point.table, value) {
        (Table::Coil, Value::Bool(on)) => Ok(Request::Write(pdu::write_coil(point.address, *on, multiple))),
        (Table::Coil, _) => Err("a coil takes true or false".to_owned()),
        (Table::Holding, _) if point.encoding.bits.is_some() => request_for_bits(point, value, quirks),
        (Table::Holding, _) => {
            let registers = whole_registers(value, &point.encoding, point)?;
            if registers.len() > 1 && quirks.write_with == WriteWith::Single {
                return Err("a value of several registers is written at once, and this device takes single ones".into());
            }
            if quirks.write_with == WriteWith::ReadWrite {
                let count = registers.len() as u16;
                return Ok(Request::Write(pdu::read_write(point.address, count, point.address, &registers)));
            }
            Ok(Request::Write(pdu::write_registers(point.address, &registers, multiple)))
        }
        (Table::Discrete | Table::Input, _) => Err("this table can only be read".to_owned()),
    }
}

/// Function 23 answers with what it read; every other write with what it wrote.
fn check_answer(request: &[u8], answer: &[u8]) -> Result<(), pdu::FrameError> {
    match request {
        [23, _, _, high, low, ..] => pdu::check_read_write(u16::from_be_bytes([*high, *low]), answer).map(|_| ()),
        _ => pdu::check_write(request, answer),
    }
}

fn whole_registers(value: &Value, encoding: &Encoding, point: &Point) -> Result<Vec<u16>, String> {
    encode(value, encoding, point.scaling).map_err(|error| error.to_string())
}

fn request_for_bits(point: &Point, value: &Value, quirks: Quirks) -> Result<Request, String> {
    if !matches!(point.encoding.kind, Kind::Bool | Kind::U16) {
        return Err("only bits of one register can be set".to_owned());
    }
    let (keep, set) = codec::field_masks(value, &point.encoding).map_err(|error| error.to_string())?;
    Ok(match quirks.write_bits {
        WriteBits::Mask => Request::Write(pdu::mask_write(point.address, keep, set)),
        WriteBits::ReadModifyWrite => Request::Change { address: point.address, keep, set },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::testing::point;
    use crate::driver::modbus::{Bits, Order};

    fn check(point: &Point, value: Value, quirks: Quirks, expected: &str) {
        let words = match request(point, &value, quirks) {
            Ok(Request::Write(pdu)) => pdu.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" "),
            Ok(Request::Change { address, keep, set }) => format!("change {address} {keep:04X} {set:04X}"),
            Err(words) => words,
        };
        assert_eq!(words, expected);
    }

    #[test]
    fn quirks_choose_the_function() {
        let standard = Quirks::default();
        let multiple = Quirks { write_with: WriteWith::Multiple, ..standard };
        let single = Quirks { write_with: WriteWith::Single, ..standard };
        let (coil, word) = (point(0, Table::Coil, 5, Kind::Bool), point(0, Table::Holding, 5, Kind::U16));
        let long = point(0, Table::Holding, 5, Kind::U32);
        check(&coil, Value::Bool(true), standard, "05 00 05 FF 00");
        check(&coil, Value::Bool(true), multiple, "0F 00 05 00 01 01 01");
        check(&word, Value::Unsigned(258), standard, "06 00 05 01 02");
        check(&word, Value::Unsigned(258), multiple, "10 00 05 00 01 02 01 02");
        check(&long, Value::Unsigned(1), standard, "10 00 05 00 02 04 00 00 00 01");
        let words = "a value of several registers is written at once, and this device takes single ones";
        check(&long, Value::Unsigned(1), single, words);
        let at_once = Quirks { write_with: WriteWith::ReadWrite, ..standard };
        check(&word, Value::Unsigned(258), at_once, "17 00 05 00 01 00 05 00 01 02 01 02");
        assert!(check_answer(&pdu::read_write(5, 1, 5, &[258]), &[23, 2, 1, 2]).is_ok());
        assert!(check_answer(&pdu::read_write(5, 1, 5, &[258]), &[23, 4, 1, 2, 0, 0]).is_err());
        check(&point(0, Table::Input, 5, Kind::U16), Value::Unsigned(1), standard, "this table can only be read");
        check(&coil, Value::Unsigned(1), standard, "a coil takes true or false");
    }

    #[test]
    fn bits_are_masked_or_changed_where_the_engineer_allows_it() {
        let encoding = Encoding { bits: Some(Bits { low: 4, count: 1 }), ..Encoding::new(Kind::Bool, Order::Abcd) };
        let bit = Point { encoding, ..point(0, Table::Holding, 5, Kind::Bool) };
        check(&bit, Value::Bool(true), Quirks::default(), "16 00 05 FF EF 00 10");
        let change = Quirks { write_bits: WriteBits::ReadModifyWrite, ..Quirks::default() };
        check(&bit, Value::Bool(true), change, "change 5 FFEF 0010");
    }
}
