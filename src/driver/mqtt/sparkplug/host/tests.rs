//! Scripts for the host application: what arrives goes in, and every effect comes out as a line.

mod assertions;
mod faults;
mod properties;

use super::*;
use crate::driver::mqtt::sparkplug::payload::{DataType, Metric, MetricValue, Payload, decode, encode};
use crate::tag::Monotonic;

/// 2026-11-18, and a monotonic clock that runs since an hour.
pub(super) const START: Now =
    Now { utc: Timestamp::from_micros(1_795_000_000_000_000), monotonic: Monotonic::from_micros(3_600_000_000) };

pub(super) struct Script {
    pub(super) host: Host,
    pub(super) now: Now,
    pub(super) effects: Vec<Effect>,
}

pub(super) fn settings() -> HostSettings {
    HostSettings {
        host: "polder".into(),
        is_announced: true,
        groups: vec!["north".into()],
        reordering_timeout: Duration::from_secs(5),
        wanted: Vec::new(),
    }
}

impl Script {
    /// Connected and subscribed; what that does is left out.
    pub(super) fn online() -> Self {
        let mut script = Self::of(settings());
        script.go_online();
        script.lines();
        script
    }

    pub(super) fn of(settings: HostSettings) -> Self {
        Self { host: Host::new(settings), now: START, effects: Vec::new() }
    }

    pub(super) fn go_online(&mut self) {
        self.host.connect(self.now);
        self.host.subscribed(self.now, &mut self.effects);
    }

    pub(super) fn arrives(&mut self, topic: &str, payload: &[u8]) {
        self.host.message(topic, payload, false, self.now, &mut self.effects);
    }

    /// A message with its number and its metrics, sent now.
    pub(super) fn says(&mut self, topic: &str, seq: u64, metrics: &[Metric]) {
        let payload =
            Payload { timestamp: Some(self.millis()), seq: Some(seq), metrics: metrics.to_vec(), ..Payload::default() };
        self.arrives(topic, &encode(&payload));
    }

    /// The birth of the edge node north/edge in a session, with one metric of each way to name it.
    pub(super) fn node_birth(&mut self, seq: u64, session: u64) {
        let metrics = [bd_seq(session), int("Load", Some(1), 10), int("Plain", None, 20)];
        self.says("spBv1.0/north/NBIRTH/edge", seq, &metrics);
    }

    pub(super) fn device_birth(&mut self, seq: u64, device: &str) {
        self.says(&format!("spBv1.0/north/DBIRTH/edge/{device}"), seq, &[int("Speed", Some(7), 100)]);
    }

    /// Data of the node with a new load.
    pub(super) fn load(&mut self, seq: u64, value: u32) {
        self.says("spBv1.0/north/NDATA/edge", seq, &[alias(1, value)]);
    }

    /// Data of a device with a new speed.
    pub(super) fn speed(&mut self, seq: u64, device: &str, value: u32) {
        self.says(&format!("spBv1.0/north/DDATA/edge/{device}"), seq, &[alias(7, value)]);
    }

    pub(super) fn node_death(&mut self, session: u64) {
        let payload = Payload { metrics: vec![bd_seq(session)], ..Payload::default() };
        self.arrives("spBv1.0/north/NDEATH/edge", &encode(&payload));
    }

    pub(super) fn passes(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.host.pass_time(self.now, &mut self.effects);
    }

    pub(super) fn millis(&self) -> u64 {
        (self.now.utc.as_micros() / 1000) as u64
    }

    /// Every effect since the last call, as a line.
    pub(super) fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.effects).iter().flat_map(|effect| line(&self.host, effect)).collect()
    }

    pub(super) fn gives(&mut self, expected: &[&str]) {
        assert_eq!(self.lines(), expected);
    }
}

fn line(host: &Host, effect: &Effect) -> Vec<String> {
    let name = |source: &SourceId| host.source(*source).unwrap().to_string();
    match effect {
        Effect::Publish(message) => vec![publication(message)],
        Effect::Born { source, .. } => vec![format!("born {}", name(source))],
        Effect::Died { source, time, words } => {
            vec![format!("died {} after {} s: {words}", name(source), time.micros_since(START.utc) / 1_000_000)]
        }
        Effect::Fault { source, words } => {
            vec![format!("fault {}: {words}", source.as_ref().map_or_else(|| "?".to_owned(), name))]
        }
        Effect::Values { source, updates } => {
            let metric = |update: &Update| host.metrics(*source)[update.metric as usize].name.clone();
            let updates = updates.iter().filter(|update| &*metric(update) != "bdSeq");
            updates
                .map(|update| {
                    let value =
                        update.value.as_ref().map_or_else(|| update.quality.words().to_owned(), ToString::to_string);
                    let past = if update.is_historical { " historical" } else { "" };
                    format!("{} {}={value}{past}", name(source), metric(update))
                })
                .collect()
        }
    }
}

fn publication(message: &Publication) -> String {
    let payload = match std::str::from_utf8(&message.payload) {
        Ok(text) if text.starts_with('{') => text.to_owned(),
        _ => {
            let payload = decode(&message.payload).unwrap();
            assert_eq!((payload.seq, payload.timestamp.is_some()), (None, true));
            payload.metrics.iter().map(|metric| format!("{:?}={:?}", metric.name.as_deref(), metric.value)).collect()
        }
    };
    format!("publish {} qos {} retain {} {payload}", message.topic, message.qos, message.retain)
}

/// The line of a request for a birth.
pub(super) const REBIRTH: &str =
    "publish spBv1.0/north/NCMD/edge qos 0 retain false Some(\"Node Control/Rebirth\")=Some(Boolean(true))";

pub(super) fn bd_seq(session: u64) -> Metric {
    Metric {
        name: Some("bdSeq".into()),
        datatype: Some(DataType::Int64.code()),
        value: Some(MetricValue::Long(session)),
        ..Metric::default()
    }
}

pub(super) fn int(name: &str, alias: Option<u64>, value: u32) -> Metric {
    Metric {
        name: Some(name.into()),
        alias,
        datatype: Some(DataType::Int32.code()),
        value: Some(MetricValue::Int(value)),
        ..Metric::default()
    }
}

pub(super) fn alias(alias: u64, value: u32) -> Metric {
    Metric { alias: Some(alias), value: Some(MetricValue::Int(value)), ..Metric::default() }
}
