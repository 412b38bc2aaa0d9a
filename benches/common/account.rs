//! What a client used, and how old messages were when they were there.

use crate::common::figures::processor;
use serde_json::{Value, json};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock in microseconds, which is what paced messages say.
pub(crate) fn stamp() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

/// How old a message is that says this, in microseconds; none where it says no moment.
pub(crate) fn delay(value: f64, now: i64) -> Option<u32> {
    (value > 1e15).then(|| (now - value as i64).max(0) as u32)
}

/// The account of one client.
pub(crate) struct Account {
    way: String,
    begun: Instant,
    /// Seconds of processor that were used before.
    used: f64,
    delays: Vec<u32>,
    /// Seconds, and those of the processor.
    total: (f64, f64),
}

impl Account {
    pub(crate) fn open(way: &str) -> Self {
        let delays = Vec::with_capacity(expected(way));
        Self { way: way.to_owned(), begun: Instant::now(), used: 0.0, delays, total: (0.0, 0.0) }
    }

    /// How many delays there will be.
    pub(crate) fn expected(&self) -> usize {
        expected(&self.way)
    }

    /// The subscriptions are there. Who publishes through mosquitto waits for that, and all that was used before does not count.
    pub(crate) fn is_ready(&mut self) {
        if self.way == "mosquitto" {
            println!("ready");
            (self.begun, self.used) = (Instant::now(), processor() / 1e9);
        }
    }

    /// A message is there.
    pub(crate) fn note(&mut self, payload: &[u8]) {
        if self.way != "blast" {
            let value = std::str::from_utf8(payload).unwrap().trim_ascii().parse().unwrap();
            self.delays.extend(delay(value, stamp()));
        }
    }

    /// All are there. The threads still live, so that each tells what it used.
    pub(crate) fn close(&mut self, delays: Vec<u32>) {
        self.total = (self.begun.elapsed().as_secs_f64(), processor() / 1e9 - self.used);
        self.delays.extend(delays);
    }

    pub(crate) fn figures(mut self) -> Value {
        self.delays.sort_unstable();
        let last = self.delays.len().saturating_sub(1);
        let share = |part: f64| self.delays.get((last as f64 * part) as usize).copied().unwrap_or_default();
        let delay = json!({"median": share(0.5), "of_99_in_100": share(0.99), "worst": share(1.0)});
        json!({"seconds": self.total.0, "cpu_seconds": self.total.1, "delay_micros": delay})
    }
}

fn expected(way: &str) -> usize {
    if way == "blast" { 0 } else { crate::PACED_MESSAGES as usize }
}
