//! The metrics of a source, as its birth declared them, and what messages say about them.

use super::Update;
use crate::driver::mqtt::sparkplug::payload::{
    BIRTH_DEATH_SEQUENCE, DataType, Metric, MetricValue, Payload, Properties, read, timestamp,
};
use crate::tag::{Quality, Reason, Timestamp, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A clock of an edge node that is further ahead than this is not believed.
const AHEAD: Duration = Duration::from_secs(60);
/// Metrics of one birth of which it is told what is wrong with them; of the others, how many they are.
const TOLD: usize = 5;
/// Bytes of the name of a metric of a stranger; one with a longer name is left out.
pub(super) const LONGEST_NAME: usize = 1024;
/// Bytes of the unit of such a metric; the rest is cut.
const LONGEST_UNIT: usize = 64;
/// Bytes of its description; the rest is cut.
const LONGEST_DESCRIPTION: usize = 512;
/// Times before this are those of a clock that was never set: 2000-01-01.
const NEVER_SET: Timestamp = Timestamp::from_micros(946_684_800_000_000);

/// A metric as its birth declared it.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDefinition {
    /// Its name.
    pub name: Arc<str>,
    /// The number that stands for it in this session.
    pub alias: Option<u64>,
    /// Its data type; none where birth gave one that the specification does not have.
    pub kind: Option<DataType>,
    /// What its properties say.
    pub properties: Properties,
}

/// All metrics of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) metrics: Vec<MetricDefinition>,
    by_name: HashMap<Arc<str>, u32>,
    /// None where two metrics claim the same number: then it means neither.
    by_alias: HashMap<u64, Option<u32>>,
    /// Metrics of the birth, a stranger's, that are left out.
    pub(super) left_out: usize,
    /// Its units and descriptions that are cut.
    cut: usize,
}

impl Table {
    /// Reads a birth; with what was wrong in it, in words. Anybody who may publish can invent strangers, and what these say is bounded.
    pub(super) fn of_birth(payload: &Payload, is_stranger: bool) -> (Self, Vec<String>) {
        let (mut table, mut wrong, mut others) = (Self::default(), Vec::new(), 0);
        for metric in &payload.metrics {
            if is_stranger && metric.name.as_deref().is_some_and(|name| name.len() > LONGEST_NAME) {
                table.left_out += 1;
                continue;
            }
            match table.declare(metric, is_stranger) {
                Ok(()) => {}
                Err(words) if wrong.len() < TOLD => wrong.push(words),
                Err(_) => others += 1,
            }
        }
        if others > 0 {
            wrong.push(format!("its birth has {others} more metrics that are not as they have to be"));
        }
        if !table.is_whole() {
            let Self { left_out, cut, .. } = &table;
            wrong.push(format!(
                "no entry of the station file names it: {left_out} of its metrics with a name over {LONGEST_NAME} bytes are left out, and \
                 {cut} units over {LONGEST_UNIT} or descriptions over {LONGEST_DESCRIPTION} bytes are cut"
            ));
        }
        (table, wrong)
    }

    /// Whether it holds all that the birth said.
    pub(super) fn is_whole(&self) -> bool {
        self.left_out == 0 && self.cut == 0
    }

    fn declare(&mut self, metric: &Metric, is_stranger: bool) -> Result<(), String> {
        let Some(name) = metric.name.as_deref().filter(|name| !name.is_empty()) else {
            return Err("its birth has a metric without a name".to_owned());
        };
        // Values of several moments may stand in one birth.
        if self.by_name.contains_key(name) || is_definition(metric) {
            return Ok(());
        }
        let (place, name) = (self.metrics.len() as u32, Arc::<str>::from(name));
        let kind = metric.datatype.and_then(DataType::from_code);
        let mut properties = metric.properties.as_deref().map(Properties::of).unwrap_or_default();
        if is_stranger {
            self.cut += usize::from(cut(&mut properties.unit, LONGEST_UNIT));
            self.cut += usize::from(cut(&mut properties.description, LONGEST_DESCRIPTION));
        }
        self.metrics.push(MetricDefinition { name: Arc::clone(&name), alias: metric.alias, kind, properties });
        self.by_name.insert(Arc::clone(&name), place);
        let taken =
            metric.alias.and_then(|alias| self.by_alias.insert(alias, Some(place)).map(|before| (alias, before)));
        if let Some((alias, _)) = taken {
            self.by_alias.insert(alias, None);
            return Err(format!("its birth gives the alias {alias} to {name} and to another metric"));
        }
        match kind {
            Some(_) => Ok(()),
            None => Err(format!("its birth declares {name} with the unknown data type {:?}", metric.datatype)),
        }
    }

    /// The place of a metric by its name.
    pub(super) fn place(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// What a message says; with how many of its metrics no birth declared.
    pub(super) fn updates(&self, payload: &Payload, now: Timestamp) -> (Vec<Update>, usize) {
        let mut updates = Vec::with_capacity(payload.metrics.len());
        let mut unknown = 0;
        for metric in payload.metrics.iter().filter(|metric| !is_definition(metric)) {
            match self.place_of(metric) {
                Some(place) => updates.push(self.update(place, metric, payload, now)),
                None => unknown += 1,
            }
        }
        (updates, unknown)
    }

    fn place_of(&self, metric: &Metric) -> Option<u32> {
        match (&metric.name, metric.alias) {
            (Some(name), _) if !name.is_empty() => self.place(name),
            (_, Some(alias)) => self.by_alias.get(&alias).copied().flatten(),
            _ => None,
        }
    }

    fn update(&self, place: u32, metric: &Metric, payload: &Payload, now: Timestamp) -> Update {
        let (value, quality) = value(metric, self.metrics[place as usize].kind);
        Update {
            metric: place,
            value,
            quality,
            time: believed(metric.timestamp.or(payload.timestamp), now),
            is_historical: metric.is_historical == Some(true),
            is_transient: metric.is_transient == Some(true),
        }
    }
}

/// Leaves as much of a text as fits into so many bytes; whether that is not all of it.
fn cut(text: &mut Option<Arc<str>>, most: usize) -> bool {
    let Some(whole) = text.as_ref().filter(|text| text.len() > most) else { return false };
    *text = Some(whole[..whole.floor_char_boundary(most)].into());
    true
}

/// The time that a message carries, or that of its arrival where it carries none that can be right.
pub(super) fn believed(millis: Option<u64>, now: Timestamp) -> Timestamp {
    let carried = millis.and_then(timestamp);
    carried.filter(|carried| (NEVER_SET..=now.plus(AHEAD)).contains(carried)).unwrap_or(now)
}

/// Births carry the definitions of templates as well: these are no values.
fn is_definition(metric: &Metric) -> bool {
    matches!(&metric.value, Some(MetricValue::Template(template)) if template.is_definition == Some(true))
}

fn value(metric: &Metric, kind: Option<DataType>) -> (Option<Value>, Quality) {
    let (Some(carried), false) = (&metric.value, metric.is_null == Some(true)) else {
        return (None, Quality::bad(Reason::NotAvailable));
    };
    let Some(Ok(value)) = kind.map(|kind| read(carried, kind)) else { return (None, Quality::bad(Reason::BadPayload)) };
    let quality = metric.properties.as_deref().and_then(Properties::quality_of).unwrap_or(Quality::GOOD);
    (Some(value), quality)
}

/// The number by which births and deaths belong together.
pub(super) fn birth_death_sequence(payload: &Payload) -> Option<u64> {
    let metric = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some(BIRTH_DEATH_SEQUENCE))?;
    match metric.value {
        Some(MetricValue::Int(number)) => Some(u64::from(number)),
        Some(MetricValue::Long(number)) => Some(number),
        _ => None,
    }
}
