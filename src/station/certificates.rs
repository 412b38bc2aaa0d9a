//! How long our certificates still hold: said before a link breaks because of them.

use super::outlets::HealthBoard;
use crate::driver::modbus::Transport;
use crate::driver::socket::certificate_facts;
use crate::driver::{ConnectionSettings, Protocol};
use crate::engine::Event;
use crate::queue::Sender;
use crate::tag::{Clock, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(6 * 3600);
const DAY_MICROS: i64 = 86_400_000_000;

/// The files of a plant's own certificates.
pub(super) type Files = Arc<Mutex<Vec<Arc<Path>>>>;

/// The certificates that the connections show.
pub(super) fn files(connections: &[ConnectionSettings]) -> Vec<Arc<Path>> {
    let certificates = connections.iter().flat_map(|connection| match &connection.protocol {
        Protocol::Modbus(wire) => [Some(&wire.transport), wire.fallback.as_ref()].map(|way| way.and_then(of_transport)),
        Protocol::Mqtt(broker) => [broker.endpoint.tls.as_ref().and_then(|tls| tls.certificate.clone()), None],
    });
    certificates.flatten().collect()
}

fn of_transport(transport: &Transport) -> Option<Arc<Path>> {
    match transport {
        Transport::Tcp { tls: Some(tls), .. } => tls.certificate.clone(),
        _ => None,
    }
}

/// Days until the first of them ends; negative when it has. Files that cannot be read say nothing here: the connection does.
fn days_left(files: &[Arc<Path>], now: Timestamp) -> Option<i64> {
    let ends = files.iter().filter_map(|file| Some(certificate_facts(file).ok()?.ends));
    ends.min().map(|end| end.micros_since(now).div_euclid(DAY_MICROS))
}

/// Looks now and then, until the runtime stops.
pub(super) async fn watch(files: Files, board: Arc<HealthBoard>, urgent: Sender<Event>, clock: Arc<dyn Clock>) {
    loop {
        look(&files, &board, &urgent, clock.now().utc);
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks once.
pub(super) fn look(files: &Files, board: &HealthBoard, urgent: &Sender<Event>, now: Timestamp) {
    let files = files.lock().map(|files| files.clone()).unwrap_or_default();
    let days = days_left(&files, now);
    board.update(urgent, |stores| stores.certificate_days = days);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{self, WhenFull};

    #[test]
    fn a_certificate_that_cannot_be_read_any_more_leaves_no_old_number() {
        let (urgent, mut inbox) = queue::bounded("events of a test", 4, WhenFull::Refuse);
        let board = HealthBoard::default();
        board.update(&urgent, |stores| stores.certificate_days = Some(90));
        let gone: Arc<Path> = Path::new("/nowhere/station.pem").into();
        look(&Arc::new(Mutex::new(vec![gone])), &board, &urgent, Timestamp::from_micros(0));
        let mut days = Vec::new();
        while let Ok(Event::Health(health)) = inbox.try_recv() {
            days.push(health.certificate_days);
        }
        assert_eq!(days, [Some(90), None]);
        // Nor does one that the station file does not name any more.
        look(&Arc::default(), &board, &urgent, Timestamp::from_micros(0));
        let Ok(Event::Health(health)) = inbox.try_recv() else { panic!("nothing was said") };
        assert_eq!(health.certificate_days, None);
    }
}
