//! Where the value of a column stands in the entry of a tag: how it is taken out, put in, and found again from a problem's path.

use super::columns::{COLUMNS, Column};
use serde_json::{Map, Value};

/// The list of alarms in an entry.
const ALARMS: &str = "alarms";

/// A place in the entry of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// A key of the entry.
    Key(&'static str),
    /// Whether the entry has this object at all.
    Given(&'static str),
    /// A key in an object of the entry.
    Inside(&'static str, &'static str),
    /// Lower (0) or upper (1) end of a span.
    End(&'static [&'static str], usize),
    /// The limit of the alarm with this condition.
    Limit(&'static str),
    /// A detail of the alarm with this condition.
    Detail(&'static str, &'static str),
}

impl Home {
    /// The value in an entry; what is null is not there.
    pub(super) fn get(&self, entry: &Value) -> Option<Value> {
        let found = match *self {
            Self::Key(key) => entry.get(key),
            Self::Given(key) => return entry.get(key).filter(|value| !value.is_null()).map(|_| Value::Bool(true)),
            Self::Inside(object, key) => entry.get(object)?.get(key),
            Self::End(path, end) => span(entry, path)?.get(end),
            Self::Limit(condition) => alarm(entry, condition)?.get(condition),
            Self::Detail(condition, key) => alarm(entry, condition)?.get(key),
        };
        found.filter(|value| !value.is_null()).cloned()
    }

    /// Puts the value in, or takes it out where there is none.
    pub(super) fn set(&self, entry: &mut Map<String, Value>, value: Option<Value>) -> Result<(), String> {
        match *self {
            Self::Key(key) => put(entry, key, value),
            Self::Given(key) if value.is_some() => drop(object(entry, key)),
            Self::Given(key) => drop(entry.shift_remove(key)),
            Self::Inside(key, inner) => {
                if let Some(object) = object_for(entry, key, value.as_ref()) {
                    put(object, inner, value);
                }
            }
            Self::End(path, end) => set_end(entry, path, end, value),
            Self::Limit(condition) => set_limit(entry, condition, value),
            Self::Detail(condition, key) => match alarm_mut(entry, condition) {
                Some(alarm) => put(alarm, key, value),
                None if value.is_none() => {}
                None => return Err(format!("the tag has no alarm \"{condition}\"; give it a limit in that column")),
            },
        }
        Ok(())
    }

    /// Whether a problem at this path of an entry is one of this column.
    pub(super) fn covers(&self, path: &str, entry: &Value) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        match (*self, parts.as_slice()) {
            (Self::Key(key) | Self::Given(key), [first]) => *first == key,
            (Self::Key(key), [first, ..]) => *first == key,
            (Self::Inside(object, key), [first, second, ..]) => *first == object && *second == key,
            (Self::End(path, end), parts) => match parts.strip_prefix(path) {
                Some([number, ..]) => *number == end.to_string(),
                Some([]) => end == 0,
                None => end == 0 && !parts.is_empty() && path.starts_with(parts),
            },
            (Self::Limit(condition), [ALARMS, number]) => condition_at(entry, number) == Some(condition),
            (Self::Limit(condition), [ALARMS, number, key]) => {
                *key == condition && condition_at(entry, number) == Some(condition)
            }
            (Self::Detail(condition, key), [ALARMS, number, last]) => {
                *last == key && condition_at(entry, number) == Some(condition)
            }
            _ => false,
        }
    }

    /// The key of the entry in which it stands.
    fn key(&self) -> &'static str {
        match *self {
            Self::Key(key) | Self::Given(key) | Self::Inside(key, _) => key,
            Self::End(path, _) => path.first().copied().unwrap_or_default(),
            Self::Limit(_) | Self::Detail(..) => ALARMS,
        }
    }
}

/// Keys of what goes with this column when it is emptied, and that no column shows.
pub(super) fn lost_with(home: Home, entry: &Value) -> Vec<String> {
    let (own, owner) = match home {
        Home::Given(object) => (object, entry.get(object).and_then(Value::as_object)),
        Home::Limit(condition) => (condition, alarm(entry, condition)),
        _ => return Vec::new(),
    };
    let part = |home: Home| match home {
        Home::Inside(object, key) => Some((object, key)),
        Home::Limit(condition) => Some((condition, condition)),
        Home::Detail(condition, key) => Some((condition, key)),
        _ => None,
    };
    let is_shown = |key: &str| COLUMNS.iter().any(|column| part(column.home) == Some((own, key)));
    let keys = owner.into_iter().flat_map(Map::keys);
    keys.filter(|key| !key.starts_with("//") && !is_shown(key)).cloned().collect()
}

/// Columns of spans of which the other end is given, and this one is not.
pub(super) fn missing_ends(entry: &Value) -> Vec<&'static Column> {
    let is_missing = |column: &&Column| match column.home {
        Home::End(path, end) => span(entry, path).is_some_and(|ends| ends.get(end).is_none_or(Value::is_null)),
        _ => false,
    };
    COLUMNS.iter().filter(is_missing).collect()
}

fn put(map: &mut Map<String, Value>, key: &'static str, value: Option<Value>) {
    match value {
        Some(value) if map.contains_key(key) => drop(map.insert(key.to_owned(), value)),
        Some(value) => drop(map.shift_insert(place_of(map, key), key.to_owned(), value)),
        None => drop(map.shift_remove(key)),
    }
}

/// Behind the last key that stands before this one in the order of the columns; at the end where there is none.
fn place_of(map: &Map<String, Value>, key: &str) -> usize {
    let rank = |key: &str| COLUMNS.iter().position(|column| column.home.key() == key);
    let Some(own) = rank(key) else { return map.len() };
    let before = map.keys().enumerate().filter_map(|(at, other)| Some((rank(other)?, at)));
    before.filter(|(rank, _)| *rank < own).max().map_or(map.len(), |(_, at)| at + 1)
}

/// The object of this key; where there is none it is made for a value that has to go into it.
fn object_for<'a>(
    map: &'a mut Map<String, Value>,
    key: &'static str,
    value: Option<&Value>,
) -> Option<&'a mut Map<String, Value>> {
    if value.is_some() || map.contains_key(key) { object(map, key) } else { None }
}

/// The object of this key, made where there is none.
fn object<'a>(map: &'a mut Map<String, Value>, key: &'static str) -> Option<&'a mut Map<String, Value>> {
    if !map.get(key).is_some_and(Value::is_object) {
        put(map, key, Some(Value::Object(Map::new())));
    }
    map.get_mut(key).and_then(Value::as_object_mut)
}

fn span<'a>(entry: &'a Value, path: &[&str]) -> Option<&'a Vec<Value>> {
    path.iter().try_fold(entry, |value, key| value.get(*key))?.as_array()
}

/// A span without ends is none, and a scale without spans is none.
fn set_end(map: &mut Map<String, Value>, path: &[&'static str], end: usize, value: Option<Value>) {
    match path {
        [key] => {
            let mut ends = map.get(*key).and_then(Value::as_array).cloned().unwrap_or_default();
            ends.resize(2, Value::Null);
            ends[end] = value.unwrap_or_default();
            let empty = ends.iter().all(Value::is_null);
            put(map, key, (!empty).then_some(Value::Array(ends)));
        }
        [key, rest @ ..] => {
            let Some(inner) = object_for(map, key, value.as_ref()) else { return };
            set_end(inner, rest, end, value);
            if inner.keys().all(|key| key.starts_with("//")) {
                map.shift_remove(*key);
            }
        }
        [] => {}
    }
}

fn alarm<'a>(entry: &'a Value, condition: &str) -> Option<&'a Map<String, Value>> {
    let alarms = entry.get(ALARMS)?.as_array()?;
    alarms.iter().filter_map(Value::as_object).find(|alarm| alarm.contains_key(condition))
}

fn alarm_mut<'a>(entry: &'a mut Map<String, Value>, condition: &str) -> Option<&'a mut Map<String, Value>> {
    let alarms = entry.get_mut(ALARMS)?.as_array_mut()?;
    alarms.iter_mut().filter_map(Value::as_object_mut).find(|alarm| alarm.contains_key(condition))
}

/// An alarm without a limit is none.
fn set_limit(entry: &mut Map<String, Value>, condition: &'static str, value: Option<Value>) {
    match (alarm_mut(entry, condition), value) {
        (Some(alarm), Some(value)) => put(alarm, condition, Some(value)),
        (None, Some(value)) => {
            let mut alarms = entry.get(ALARMS).and_then(Value::as_array).cloned().unwrap_or_default();
            alarms.push(Value::Object(Map::from_iter([(condition.to_owned(), value)])));
            put(entry, ALARMS, Some(Value::Array(alarms)));
        }
        (Some(_), None) => {
            let mut alarms = entry.get(ALARMS).and_then(Value::as_array).cloned().unwrap_or_default();
            let first = alarms.iter().position(|alarm| alarm.get(condition).is_some());
            first.map(|first| alarms.remove(first));
            put(entry, ALARMS, (!alarms.is_empty()).then_some(Value::Array(alarms)));
        }
        (None, None) => {}
    }
}

fn condition_at(entry: &Value, number: &str) -> Option<&'static str> {
    let alarm = entry.get(ALARMS)?.get(number.parse::<usize>().ok()?)?;
    COLUMNS.iter().find_map(|column| match column.home {
        Home::Limit(condition) if alarm.get(condition).is_some() => Some(condition),
        _ => None,
    })
}
