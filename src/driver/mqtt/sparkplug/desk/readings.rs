//! What metrics say, as readings of tags.

use super::{Say, Target};
use crate::driver::Reading;
use crate::driver::mqtt::Kind;
use crate::driver::mqtt::sparkplug::host::Update;
use crate::driver::mqtt::sparkplug::settings::{Device, Point};
use crate::tag::{Quality, Reason, Timestamp, Value};

/// Its tags lose their quality at the time of its death, where that is news, and the device with them.
pub(super) fn lost(device: &Device, time: Option<Timestamp>, words: String) -> Say {
    let quality = Quality::bad(Reason::NotConnected);
    let readings = device.points.iter().filter(|_| time.is_some());
    let readings = readings.map(|point| Reading { tag: point.tag, value: None, quality }).collect();
    Say::Lost { place: device.place, time: time.unwrap_or_default(), readings, words }
}

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Present and history.
    Both,
    /// Transient.
    PresentAlone,
    /// Historical.
    HistoryAlone,
}

impl Worth {
    /// What is of before and not for history is for nothing.
    pub(super) fn of(update: &Update) -> Option<Self> {
        match (update.is_historical, update.is_transient) {
            (false, false) => Some(Self::Both),
            (false, true) => Some(Self::PresentAlone),
            (true, false) => Some(Self::HistoryAlone),
            (true, true) => None,
        }
    }
}

pub(super) fn close(place: usize, open: Option<(Timestamp, Worth, Vec<Reading>)>, says: &mut Vec<Say>) {
    let Some((time, worth, readings)) = open else { return };
    says.push(match worth {
        Worth::Both => Say::Values { place, time, readings },
        Worth::PresentAlone => Say::Transient { place, time, readings },
        Worth::HistoryAlone => Say::Past { place, time, readings },
    });
}

/// A tag whose metric the birth did not declare.
pub(super) fn absent(point: &Point) -> Reading {
    Reading { tag: point.tag, value: None, quality: Quality::bad(Reason::IllegalAddress) }
}

pub(super) fn reading(target: Target, update: &Update) -> Reading {
    let Target { tag, kind } = target;
    match update.value.as_ref().map(|value| fitted(value, kind)) {
        None => Reading { tag, value: None, quality: update.quality },
        Some(Some(value)) => Reading { tag, value: Some(value), quality: update.quality },
        Some(None) => Reading { tag, value: None, quality: Quality::bad(Reason::BadPayload) },
    }
}

/// The value as the kind that the tag wants; none where it is none.
fn fitted(value: &Value, kind: Kind) -> Option<Value> {
    match (kind, value) {
        (Kind::Number, Value::Bool(value)) => Some(Value::Signed(i64::from(*value))),
        (Kind::Number, Value::Text(_)) => None,
        (Kind::Text, Value::Text(_)) | (Kind::Bool, Value::Bool(_)) | (Kind::Number, _) => Some(value.clone()),
        (Kind::Text, other) => Some(Value::Text(other.to_string().into())),
        (Kind::Bool, other) => match other.as_f64() {
            Some(0.0) => Some(Value::Bool(false)),
            Some(1.0) => Some(Value::Bool(true)),
            _ => None,
        },
    }
}
