//! What messages said, on its way to the engine.

use super::Settings;
use super::intake::{Arrival, Intake, Said};
use crate::driver::report::Reporter;
use crate::driver::{Batch, DriverEvent, Port};
use crate::tag::{Generation, Reason};
use std::sync::Arc;

/// Tells the engine what messages said. The reporters stand in the order of the devices.
pub(super) async fn deliver(
    said: Vec<Said>,
    intake: &Intake,
    settings: &Settings,
    generation: Generation,
    reporters: &mut [Reporter],
    port: &Port,
) {
    for one in said {
        let place = match &one {
            Said::Values(arrival) => arrival.place,
            Said::Online(place) | Said::Offline(place, _) | Said::Unreadable(place) => *place,
            Said::Found(place, _) | Said::LeftOut(place, _) => *place,
        };
        let (Some(reporter), Some(device)) = (reporters.get_mut(place), settings.devices.get(place)) else { continue };
        match one {
            Said::Values(arrival) => {
                if !arrival.details.is_empty() {
                    reporter.count_error();
                }
                // A device that says it is away is brought back by its own word alone.
                if !intake.is_offline(place) {
                    reporter.good(port, None).await;
                }
                send(arrival, device.device, generation, port).await;
            }
            Said::Online(_) => reporter.good(port, None).await,
            Said::Offline(_, detail) => reporter.lost(port, Reason::DeviceOffline, &detail, None).await,
            Said::Unreadable(_) => reporter.count_error(),
            Said::Found(_, found) => port.send(DriverEvent::Found(generation, device.device, found)).await,
            Said::LeftOut(_, count) => {
                if reporter.statistics().names_left_out == 0 {
                    tracing::warn!(
                        "{}: more names were found than \"most\" allows; they are left out",
                        settings.endpoint
                    );
                }
                reporter.statistics().names_left_out = count;
            }
        }
    }
}

async fn send(arrival: Arrival, device: crate::tag::DeviceId, generation: Generation, port: &Port) {
    let Arrival { time, readings, details, is_past, .. } = arrival;
    let batch = Batch { generation, device, time, readings, confirmed: Arc::from([]) };
    port.send(if is_past { DriverEvent::Past(batch) } else { DriverEvent::Batch(batch) }).await;
    for (tag, detail) in details {
        port.send(DriverEvent::Detail(generation, tag, detail)).await;
    }
}
