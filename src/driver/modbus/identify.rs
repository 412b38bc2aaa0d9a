//! Who a unit says that it is (function 43/14).

use super::exchange::ExchangeError;
use super::pdu;
use super::poll::exception_words;
use super::task::Connection;
use crate::driver::{DriverEvent, Identity};
use std::sync::Arc;
use std::time::Duration;

/// The parts that an identification is asked for at most.
const IDENTITY_PARTS: usize = 16;
/// How often an identification is tried, and how long it rests in between.
const IDENTITY_TRIES: u32 = 3;
const IDENTITY_REST: Duration = Duration::from_secs(10);

impl Connection {
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
