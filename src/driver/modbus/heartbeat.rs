//! The sign of life that a device may want: given on time, its beginning and its failure told once.

use super::exchange::ExchangeError;
use super::task::Connection;
use super::{Table, WriteWith, pdu};
use crate::driver::{DriverEvent, Heartbeat};

impl Connection {
    /// Gives a device its sign of life.
    pub(super) async fn beat(&mut self, place: usize) {
        let now = self.now();
        let unit = &mut self.units[place];
        let Some(settings) = unit.settings.heartbeat else { return };
        unit.beat.due = now.plus(settings.period);
        unit.beat.count = unit.beat.count.wrapping_add(1);
        let multiple = unit.settings.quirks.write_with == WriteWith::Multiple;
        let pdu = match settings.table {
            Table::Coil => pdu::write_coil(settings.address, unit.beat.count % 2 == 1, multiple),
            _ => pdu::write_registers(settings.address, &[unit.beat.count], multiple),
        };
        let mut answer = Vec::new();
        let outcome = self.ask(place, &pdu, &mut answer).await;
        match outcome.and_then(|took| Ok(pdu::check_write(&pdu, &answer).map(|()| took)?)) {
            Ok(took) => {
                self.succeed(place, took).await;
                self.heart_beats(place).await;
            }
            Err(ExchangeError::Exception(code)) => {
                let words = self.refusal_words(code);
                self.heart_fails(place, &words).await;
            }
            Err(error) => drop(self.note_failure(place, &error, false).await),
        }
    }

    async fn heart_beats(&mut self, place: usize) {
        let unit = &mut self.units[place];
        if unit.beat.beating == Some(true) {
            return;
        }
        unit.beat.beating = Some(true);
        let device = unit.reporter.device();
        self.port.send(DriverEvent::Heartbeat(self.generation, device, Heartbeat::Beating)).await;
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
