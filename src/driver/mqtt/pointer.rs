//! Places in a JSON document: JSON pointers (RFC 6901), with one addition. Where a list stands, `[name=inlet]` is the first of its objects
//! whose `name` is `inlet`; on an object it is a key like any other, as the standard has it.

use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Step {
    /// The key of a member, or the digits of an index.
    key: Arc<str>,
    /// What `[key=value]` looks for in a list.
    wanted: Option<(Arc<str>, Arc<str>)>,
}

/// A place in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    text: Arc<str>,
    steps: Vec<Step>,
}

/// Why text is not a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin at the top.
    #[error("a place in JSON begins with /, such as /sensors/0/value or /sensors/[name=inlet]/value")]
    NoSlash,
    /// A tilde stands for nothing.
    #[error("in a place in JSON ~0 stands for ~ and ~1 for /; a ~ before anything else is not known")]
    Tilde,
}

impl Pointer {
    /// Reads a place; the empty text is the whole document.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let Some(rest) = text.strip_prefix('/') else {
            let whole = Self { text: "".into(), steps: Vec::new() };
            return if text.is_empty() { Ok(whole) } else { Err(PointerError::NoSlash) };
        };
        let steps = rest.split('/').map(step).collect::<Result<_, _>>()?;
        Ok(Self { text: text.into(), steps })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The place of a member of what stands here.
    pub fn member(&self, key: &str) -> Self {
        let mut steps = self.steps.clone();
        let written = key.replace('~', "~0").replace('/', "~1");
        steps.push(Step { key: key.into(), wanted: condition(key) });
        Self { text: format!("{}/{written}", self.text).into(), steps }
    }

    /// The keys on the way from `above` to here; none where this place is not below it.
    pub fn below(&self, above: &Self) -> Option<Vec<&str>> {
        let rest = self.steps.strip_prefix(above.steps.as_slice())?;
        Some(rest.iter().map(|step| &*step.key).collect())
    }

    /// What stands here; `find` looks for `[key=value]` in a list.
    pub(super) fn look_up<'a>(
        &self,
        document: &'a Json,
        mut find: impl FnMut(&'a [Json], &str, &str) -> Option<&'a Json>,
    ) -> Option<&'a Json> {
        self.steps.iter().try_fold(document, |at, step| match at {
            Json::Object(members) => members.get(&*step.key),
            Json::Array(list) => match &step.wanted {
                Some((key, value)) => find(list, key, value),
                None => list.get(index(&step.key)?),
            },
            _ => None,
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn step(written: &str) -> Result<Step, PointerError> {
    let escapes = written.split('~').skip(1);
    if escapes.into_iter().any(|rest| !rest.starts_with(['0', '1'])) {
        return Err(PointerError::Tilde);
    }
    let key = written.replace("~1", "/").replace("~0", "~");
    Ok(Step { wanted: condition(&key), key: key.into() })
}

fn condition(key: &str) -> Option<(Arc<str>, Arc<str>)> {
    let (name, value) = key.strip_prefix('[')?.strip_suffix(']')?.split_once('=')?;
    Some((name.into(), value.into()))
}

/// Section 4: digits without leading zeros.
fn index(key: &str) -> Option<usize> {
    let plain = key.bytes().all(|digit| digit.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    if plain { key.parse().ok() } else { None }
}

/// A single value as text: what a condition compares, and what words of a switch are compared with. None for lists, objects and null.
pub(super) fn plain(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Bool(_) | Json::Number(_) => Some(Cow::Owned(value.to_string())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first<'a>(list: &'a [Json], key: &str, value: &str) -> Option<&'a Json> {
        list.iter().find(|item| item.get(key).and_then(plain).as_deref() == Some(value))
    }

    fn check(text: &str, expected: Option<Json>) {
        let document = serde_json::json!({
            "a/b": 1, "m~n": 2, "": 3, "list": [10, {"name": "inlet", "value": 4}, {"name": "outlet", "id": 7, "value": 5}],
            "[name=x]": 6, "deep": {"01": 8},
        });
        let pointer = Pointer::parse(text).unwrap();
        assert_eq!(pointer.as_str(), text);
        assert_eq!(pointer.look_up(&document, first).cloned(), expected, "{text}");
    }

    #[test]
    fn places_are_those_of_the_standard() {
        check("/a~1b", Some(1.into()));
        check("/m~0n", Some(2.into()));
        check("/", Some(3.into()));
        check("/list/0", Some(10.into()));
        for missing in
            ["/list/00", "/list/-", "/list/+1", "/list/3", "/list/99999999999999999999", "/none", "/list/0/x"]
        {
            check(missing, None);
        }
        check("/deep/01", Some(8.into()));
        assert_eq!(Pointer::parse("a"), Err(PointerError::NoSlash));
        assert_eq!(Pointer::parse("/a~2"), Err(PointerError::Tilde));
        assert_eq!(Pointer::parse("/a~"), Err(PointerError::Tilde));
    }

    #[test]
    fn a_condition_finds_an_object_in_a_list_and_nowhere_else() {
        check("/list/[name=inlet]/value", Some(4.into()));
        check("/list/[id=7]/value", Some(5.into()));
        check("/list/[name=none]/value", None);
        check("/[name=x]", Some(6.into()));
    }

    #[test]
    fn places_are_put_together_and_taken_apart() {
        let above = Pointer::parse("/object").unwrap();
        let place = above.member("a/b").member("m~n");
        assert_eq!(place.as_str(), "/object/a~1b/m~0n");
        assert_eq!(Pointer::parse(place.as_str()), Ok(place.clone()));
        assert_eq!(place.below(&above), Some(vec!["a/b", "m~n"]));
        assert_eq!(above.below(&place), None);
    }
}
