//! A storm surge: thousands of alarms in a minute, with one cause. A pump trips first; the others follow from its load, and then the water
//! rises at gauge after gauge along the dikes. After five minutes it falls again. For practising, and for measuring.

use serde_json::{Value, json};
use std::time::Duration;

/// Gauges of one device on the dike.
pub(super) const GAUGES_OF_DEVICE: usize = 100;
/// The most gauges that there can be: as many as one connection has units for.
pub const MOST_GAUGES: usize = 200 * GAUGES_OF_DEVICE;
/// Gauges that begin to rise in a second: two thousand in a minute.
const GAUGES_PER_SECOND: f64 = 2000.0 / 57.0;
/// Seconds from the first trip to the next one, and from there to the others.
const FIRST_FOLLOWS: f64 = 2.0;
const NEXT_FOLLOWS: f64 = 0.4;
/// Seconds from the first trip to the first gauge.
const WATER_FOLLOWS: f64 = 3.0;
/// Seconds that the water stands high at a gauge.
const STANDS: f64 = 300.0;
/// Level in cm without a storm, and in it; and how fast it rises, in cm/s.
const CALM_CM: f64 = 60.0;
const HIGH_CM: f64 = 150.0;
const RISE_CM_S: f64 = 45.0;
/// Level in cm from which on a gauge is in alarm.
const LIMIT_CM: u32 = 100;

/// When the storm comes, and how far it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// From the start of the plant to the first trip.
    pub after: Duration,
    /// Gauges along the dikes, each with one alarm; at most [`MOST_GAUGES`].
    pub gauges: usize,
}

impl Storm {
    /// Seconds since the first trip; negative before.
    fn since(self, seconds: f64) -> f64 {
        seconds - self.after.as_secs_f64()
    }

    /// How many of `pumps` have tripped after `seconds`; the first one is the cause.
    pub(super) fn tripped(self, seconds: f64, pumps: usize) -> usize {
        let since = self.since(seconds);
        if since < 0.0 {
            return 0;
        }
        let followers = ((since - FIRST_FOLLOWS) / NEXT_FOLLOWS).floor() + 1.0;
        (1 + followers.max(0.0) as usize).min(pumps)
    }

    /// What a gauge shows after `seconds`, in cm.
    pub(super) fn level_cm(self, gauge: usize, seconds: f64) -> u16 {
        let risen = self.since(seconds) - WATER_FOLLOWS - gauge as f64 / GAUGES_PER_SECOND;
        let up = (CALM_CM + RISE_CM_S * risen).clamp(CALM_CM, HIGH_CM);
        let down = (HIGH_CM - RISE_CM_S * (risen - STANDS)).clamp(CALM_CM, HIGH_CM);
        up.min(down) as u16
    }

    /// What the gauges of a device show, by the number of its unit; none where there is no such unit.
    pub(super) fn levels(self, unit: usize, seconds: f64) -> Option<Vec<u16>> {
        let first = unit.checked_sub(1)? * GAUGES_OF_DEVICE;
        let last = self.gauges.min(first + GAUGES_OF_DEVICE);
        (first < last).then(|| (first..last).map(|gauge| self.level_cm(gauge, seconds)).collect())
    }

    /// Adds what the storm needs to the station file: gauges and their alarms, all of one group with the trips of the pumps.
    pub(super) fn add_to(self, station: &mut Value, port: u16) {
        group_trips(station);
        let devices = (0..self.gauges.div_ceil(GAUGES_OF_DEVICE)).map(device);
        let devices = devices.chain([json!({
            "name": "watch", "connection": "sluices", "unit": 4, "poll": "200ms", "area": "boezem",
        })]);
        let clock = json!({
            "name": "boezem/clock", "device": "watch", "register": "input:0", "type": "u32", "order": "CDAB",
            "description": "Tenths of a second since the start of the plant: whoever looks at it sees whether values stall.",
        });
        extend(
            station,
            "connections",
            [json!({"name": "dikes", "modbus": {"tcp": format!("127.0.0.1:{port}"), "timeout": "1s"}})],
        );
        extend(station, "devices", devices);
        extend(station, "tags", (0..self.gauges).map(gauge).chain([clock]));
    }
}

fn extend(station: &mut Value, list: &str, entries: impl IntoIterator<Item = Value>) {
    if let Some(list) = station.get_mut(list).and_then(Value::as_array_mut) {
        list.extend(entries);
    }
}

/// Trips of pumps belong to the group of the storm.
fn group_trips(station: &mut Value) {
    let tags = station.pointer_mut("/templates/0/tags").and_then(Value::as_array_mut).into_iter().flatten();
    for tag in tags.filter(|tag| tag["name"] == "state") {
        tag["alarms"][0]["group"] = "pumping".into();
    }
}

fn device_name(number: usize) -> String {
    format!("dike-{:02}", number + 1)
}

fn device(number: usize) -> Value {
    let name = device_name(number);
    let lost = json!({"priority": "medium", "message": format!("{name} does not answer")});
    json!({"name": name, "connection": "dikes", "unit": number + 1, "poll": "500ms", "area": "dikes", "lost": lost})
}

/// Few alarms are urgent, as it should be: one in forty high, one in eight medium.
fn gauge(number: usize) -> Value {
    let (device, place) = (device_name(number / GAUGES_OF_DEVICE), number % GAUGES_OF_DEVICE);
    let priority = match number {
        number if number % 40 == 39 => "high",
        number if number % 8 == 3 => "medium",
        _ => "low",
    };
    json!({
        "name": format!("{device}/gauge-{place:02}"), "device": device, "register": format!("input:{place}"), "type": "u16",
        "unit": "cm", "range": [0, 200], "description": "Water against the dike.",
        "alarms": [{
            "high": LIMIT_CM, "priority": priority, "deadband": 5, "group": "pumping",
            "message": format!("{device} gauge {place} high"), "guidance": "Look at the first alarm of this group: it is the cause.",
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORM: Storm = Storm { after: Duration::from_secs(20), gauges: 2000 };

    #[test]
    fn one_pump_trips_first_then_the_others_and_then_the_water_rises() {
        let tripped: Vec<usize> = [0.0, 19.9, 20.0, 21.9, 22.0, 22.5, 60.0].map(|at| STORM.tripped(at, 9)).into();
        assert_eq!(tripped, [0, 0, 1, 1, 2, 3, 9]);
        let high = |at: f64| (0..2000).filter(|gauge| u32::from(STORM.level_cm(*gauge, at)) >= LIMIT_CM).count();
        assert_eq!((high(0.0), high(22.9), high(81.5), high(300.0), high(400.0)), (0, 0, 2000, 2000, 0));
        assert!(high(25.0) > 0 && high(50.0) > 800, "{} {}", high(25.0), high(50.0));
    }

    #[test]
    fn every_gauge_has_a_register_and_an_alarm() {
        let storm = Storm { gauges: 250, ..STORM };
        let counts: Vec<_> = (0..5).map(|unit| storm.levels(unit, 0.0).map(|levels| levels.len())).collect();
        assert_eq!(counts, [None, Some(100), Some(100), Some(50), None]);
        let mut station = json!({"templates": [{"tags": [{"name": "state", "alarms": [{"is": 2}]}]}],
            "connections": [], "devices": [], "tags": []});
        storm.add_to(&mut station, 1502);
        assert_eq!(station["templates"][0]["tags"][0]["alarms"][0]["group"], "pumping");
        let tags = station["tags"].as_array().unwrap();
        assert_eq!(tags.iter().filter(|tag| tag["alarms"][0]["group"] == "pumping").count(), 250);
        assert_eq!((&tags[249]["name"], &tags[249]["register"]), (&json!("dike-03/gauge-49"), &json!("input:49")));
    }
}
