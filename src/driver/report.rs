//! Keeping the engine informed about one device: its link when it changes, its figures once a second.

use super::{Condition, DeviceReport, DriverEvent, Link, Port, Statistics};
use crate::tag::{DeviceId, Generation, Monotonic, Reason};
use std::time::Duration;

/// Figures are sent at most this often.
const PERIOD: Duration = Duration::from_secs(1);

/// What is known about one device, and what the engine was told.
#[derive(Debug)]
pub(super) struct Reporter {
    generation: Generation,
    device: DeviceId,
    link: Link,
    condition: Condition,
    statistics: Statistics,
    told: Option<Monotonic>,
    counted: u64,
}

impl Reporter {
    pub(super) fn new(generation: Generation, device: DeviceId) -> Self {
        Self {
            generation,
            device,
            link: Link::Starting,
            condition: Condition::Starting,
            statistics: Statistics::default(),
            told: None,
            counted: 0,
        }
    }

    /// The same device stands in another slot of another plant now.
    pub(super) fn move_to(&mut self, generation: Generation, device: DeviceId) {
        (self.generation, self.device) = (generation, device);
    }

    pub(super) fn device(&self) -> DeviceId {
        self.device
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.link, Link::Lost { .. })
    }

    pub(super) fn statistics(&mut self) -> &mut Statistics {
        &mut self.statistics
    }

    /// How it is doing, told with the next report.
    pub(super) fn set_condition(&mut self, condition: Condition) {
        self.condition = condition;
    }

    /// Something usable arrived; `latency` where it was asked for. Whether figures are due.
    pub(super) fn note_answer(&mut self, latency: Option<Duration>, now: Monotonic) -> bool {
        self.statistics.answers += 1;
        if let Some(latency) = latency {
            let micros = latency.as_micros() as u32;
            let before = self.statistics.latency_micros.unwrap_or(micros);
            self.statistics.latency_micros = Some(((u64::from(before) * 7 + u64::from(micros)) / 8) as u32);
        }
        self.link != Link::Good || self.told.is_none_or(|told| now.since(told) >= PERIOD)
    }

    /// It answers: told when that is new, and once a second with its figures.
    pub(super) async fn good(&mut self, port: &Port, latency: Option<Duration>) {
        self.good_at(port, latency, port.clock.monotonic()).await;
    }

    /// The same where it is known since when: who takes many answers together reads the clock once.
    pub(super) async fn good_at(&mut self, port: &Port, latency: Option<Duration>, now: Monotonic) {
        if self.note_answer(latency, now) {
            self.link = Link::Good;
            self.tell(port, now).await;
        }
    }

    /// Tells what is known, figures included.
    pub(super) async fn tell_good(&mut self, port: &Port) {
        self.link = Link::Good;
        self.tell(port, port.clock.now().monotonic).await;
    }

    /// It does not answer, or cannot be reached.
    pub(super) async fn lost(&mut self, port: &Port, reason: Reason, detail: &str, retry_in: Option<Duration>) {
        self.statistics.errors += 1;
        let now = port.clock.now().monotonic;
        self.link = Link::Lost { reason, detail: detail.into(), next_try: retry_in.map(|pause| now.plus(pause)) };
        self.tell(port, now).await;
    }

    /// A request failed, but the device lives.
    pub(super) fn count_error(&mut self) {
        self.statistics.errors += 1;
    }

    async fn tell(&mut self, port: &Port, now: Monotonic) {
        let span = self.told.map_or(1.0, |told| now.since(told).as_secs_f32().max(0.001));
        let fresh = (self.statistics.answers - self.counted) as f32 / span;
        let before = self.statistics.answers_per_second;
        self.statistics.answers_per_second = if self.told.is_none() { fresh } else { before * 0.7 + fresh * 0.3 };
        self.told = Some(now);
        self.counted = self.statistics.answers;
        self.statistics.broke_off = port.broke_off;
        let report = DeviceReport {
            generation: self.generation,
            device: self.device,
            link: self.link.clone(),
            condition: self.condition,
            statistics: self.statistics,
        };
        port.send(DriverEvent::Device(report)).await;
    }
}
