//! What is known about the devices.

use super::{Effects, Notice, Plan};
use crate::driver::{DeviceReport, Link, Statistics};
use crate::tag::{DeviceId, Now};
use std::sync::Arc;

/// A device as screens show it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceView {
    /// Whether it can be talked to.
    pub link: Link,
    /// Counts.
    pub statistics: Statistics,
}

impl DeviceView {
    pub(super) const NEW: Self = Self {
        link: Link::Starting,
        statistics: Statistics { answers: 0, errors: 0, answers_per_second: 0.0, latency_micros: None },
    };
}

/// All devices.
pub(super) struct DeviceDesk {
    devices: Arc<Vec<DeviceView>>,
}

impl DeviceDesk {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { devices: Arc::new(vec![DeviceView::NEW; plan.directory.devices().len()]) }
    }

    pub(super) fn views(&self) -> &Arc<Vec<DeviceView>> {
        &self.devices
    }

    /// Takes a report; the link when it is not what it was.
    pub(super) fn take(&mut self, report: DeviceReport, now: Now, effects: &mut Effects) -> Option<Link> {
        let view = Arc::make_mut(&mut self.devices).get_mut(report.device.index())?;
        view.statistics = report.statistics;
        let same_kind = view.link.word() == report.link.word();
        view.link = report.link;
        if same_kind && view.link == Link::Good {
            return None;
        }
        if !same_kind {
            effects.notices.push(Notice::Device { device: report.device, link: view.link.clone(), time: now.utc });
        }
        Some(view.link.clone())
    }

    pub(super) fn is_good(&self, device: DeviceId) -> bool {
        self.devices.get(device.index()).is_some_and(|view| view.link == Link::Good)
    }

    /// Why a device cannot take a command now; none where it can.
    pub(super) fn unreachable(&self, plan: &Plan, device: Option<DeviceId>) -> Option<String> {
        let device = device?;
        let name = plan.directory.device(device).map_or("the device", |definition| &definition.name);
        match &self.devices.get(device.index())?.link {
            Link::Good => None,
            Link::Starting => Some(format!("{name} has not answered yet")),
            Link::Lost { reason, .. } => Some(format!("{name}: {}", reason.words())),
        }
    }

    pub(super) fn inherit(&mut self, place: usize, view: DeviceView) {
        if let Some(slot) = Arc::make_mut(&mut self.devices).get_mut(place) {
            *slot = view;
        }
    }
}
