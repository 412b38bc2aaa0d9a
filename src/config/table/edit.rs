//! Changes values in a JSON text and leaves every other byte as it was: engineers keep station files in git, and read what changed.

use super::outline::{Outline, Piece};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// What happens to a list.
#[derive(Debug, Default)]
pub(super) struct ListEdit {
    /// Elements that change, by number.
    pub(super) changed: BTreeMap<usize, Value>,
    /// Elements that go, by number.
    pub(super) removed: BTreeSet<usize>,
    /// New elements, at the end.
    pub(super) added: Vec<Value>,
}

impl ListEdit {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty() && self.added.is_empty()
    }
}

/// The text of a file with its list at `path`, such as `tags` or `templates/0/tags`, changed. None where no list stands there.
pub(super) fn with_list(text: &str, path: &str, edit: &ListEdit) -> Option<String> {
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let steps: Vec<&str> = path.split('/').collect();
    Some(format!("{mark}{}", within(text, &steps, "", edit)?))
}

/// `line` is the white space with which lines begin here.
fn within(text: &str, steps: &[&str], line: &str, edit: &ListEdit) -> Option<String> {
    let outline = Outline::of(text)?;
    let Some((step, rest)) = steps.split_first() else {
        return (!outline.is_object).then(|| edited_list(&outline, line, edit));
    };
    let inner = |lead: &str| if lead.contains('\n') { lead.to_owned() } else { line.to_owned() };
    let mut pieces: Vec<_> = outline.members.iter().map(|member| outline.piece(member)).collect();
    if let Some(member) = outline.find(step) {
        let value = within(outline.value(member), rest, &inner(outline.lead(member)), edit)?;
        let place = outline.members.iter().position(|other| other.value == member.value)?;
        pieces[place] = outline.piece_with(member, &value);
    } else if rest.is_empty() && outline.is_object {
        let lead = Piece::lead_at(&pieces, pieces.len());
        let list = within("[]", &[], &inner(&lead), edit)?;
        pieces.push(Piece { lead: lead.into(), body: format!("{}: {list}", Value::from(*step)).into(), trail: "" });
    } else {
        return None;
    }
    Some(outline.with(&pieces))
}

fn edited_list(outline: &Outline<'_>, line: &str, edit: &ListEdit) -> String {
    let kept = outline.members.iter().enumerate().filter(|(number, _)| !edit.removed.contains(number));
    let mut pieces: Vec<_> = kept
        .map(|(number, member)| match edit.changed.get(&number) {
            Some(value) => outline.piece_with(member, &edited(outline.value(member), value)),
            None => outline.piece(member),
        })
        .collect();
    let was_empty = outline.members.is_empty();
    let own_lines = was_empty && line.contains('\n');
    for value in &edit.added {
        let lead = match own_lines {
            true => format!("{line}  "),
            false if pieces.is_empty() && was_empty => String::new(),
            false if was_empty => " ".to_owned(),
            false => lead_of_last(outline),
        };
        let body = in_the_style_of(outline, &lead, value);
        pieces.push(Piece { lead: lead.into(), body: body.into(), trail: "" });
    }
    if own_lines { outline.with_tail(&pieces, line) } else { outline.with(&pieces) }
}

fn lead_of_last(outline: &Outline<'_>) -> String {
    let pieces: Vec<_> = outline.members.iter().map(|member| outline.piece(member)).collect();
    Piece::lead_at(&pieces, pieces.len())
}

/// A new element is written as its last neighbour is: on one line, or with a line for each key.
fn in_the_style_of(outline: &Outline<'_>, lead: &str, value: &Value) -> String {
    let neighbour = outline.members.last().and_then(|last| Outline::of(outline.value(last)));
    let first = neighbour.as_ref().and_then(|neighbour| Some(neighbour.lead(neighbour.members.first()?)));
    match first.filter(|first| first.contains('\n')) {
        Some(first) => on_lines(value, first.strip_prefix(lead).unwrap_or("  "), lead),
        None => on_one_line(value),
    }
}

/// The text of one value, as it has to be for `new`, with everything that did not change as it stands.
pub(in crate::config) fn edited(text: &str, new: &Value) -> String {
    let old = serde_json::from_str::<Value>(text).ok();
    if old.as_ref() == Some(new) {
        return text.to_owned();
    }
    match (new, Outline::of(text)) {
        (Value::Object(members), Some(outline)) if outline.is_object => edited_members(&outline, members),
        (Value::Array(elements), Some(outline)) if !outline.is_object => edited_elements(&outline, elements),
        _ => on_one_line(new),
    }
}

fn edited_members(outline: &Outline<'_>, new: &Map<String, Value>) -> String {
    let mut keys: Vec<&str> = Vec::new();
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for (number, member) in outline.members.iter().enumerate() {
        let Some(value) = new.get(&member.key) else { continue };
        // Of several with one key, only the last one counts: comments stay as they are.
        let counts = !outline.members[number + 1..].iter().any(|later| later.key == member.key);
        keys.push(&member.key);
        pieces.push(match counts {
            true => outline.piece_with(member, &edited(outline.value(member), value)),
            false => outline.piece(member),
        });
    }
    let mut before: Option<&str> = None;
    for (key, value) in new {
        if !keys.contains(&key.as_str()) {
            let place = before.and_then(|before| keys.iter().rposition(|key| *key == before)).map_or(0, |at| at + 1);
            let lead = Cow::Owned(Piece::lead_at(&pieces, place));
            let body = format!("{}: {}", Value::from(key.as_str()), on_one_line(value)).into();
            keys.insert(place, key);
            pieces.insert(place, Piece { lead, body, trail: "" });
        }
        before = Some(key);
    }
    outline.with(&pieces)
}

/// Elements at the beginning and the end that are the same stay; what lies between is changed one by one.
fn edited_elements(outline: &Outline<'_>, new: &[Value]) -> String {
    let texts: Vec<&str> = outline.members.iter().map(|member| outline.value(member)).collect();
    let old: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect();
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let back = old[front..].iter().rev().zip(new[front..].iter().rev()).take_while(|(old, new)| old == new).count();
    let mut pieces = Vec::new();
    let pairs = (old.len() - back).min(new.len() - back);
    for (number, member) in outline.members.iter().enumerate() {
        if number < pairs {
            pieces.push(outline.piece_with(member, &edited(texts[number], &new[number])));
        }
        if number >= old.len() - back {
            pieces.push(outline.piece(member));
        }
    }
    for value in new[..new.len() - back].iter().skip(pairs).rev() {
        let lead = Cow::Owned(Piece::lead_at(&pieces, pairs));
        pieces.insert(pairs, Piece { lead, body: on_one_line(value).into(), trail: "" });
    }
    outline.with(&pieces)
}

fn on_one_line(value: &Value) -> String {
    written(value, OneLine)
}

fn on_lines(value: &Value, unit: &str, lead: &str) -> String {
    // Line breaks in words are written as \n, so that these are all of the layout.
    written(value, serde_json::ser::PrettyFormatter::with_indent(unit.as_bytes())).replace('\n', lead)
}

fn written(value: &Value, formatter: impl serde_json::ser::Formatter) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
    match value.serialize(&mut writer).ok().and_then(|()| String::from_utf8(text).ok()) {
        Some(text) => text,
        None => value.to_string(),
    }
}

/// `{"a": 1, "b": [0, 1]}`: as people write it.
struct OneLine;

impl serde_json::ser::Formatter for OneLine {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn layout_stays() {
        for (text, new, expected) in [
            (r#"{"a":1,"b":2}"#, json!({"b": 2}), r#"{"b":2}"#),
            (r#"{ "a": 1, "b": 2 }"#, json!({"a": 1}), r#"{ "a": 1 }"#),
            (r#"{ "a" : 1.0 }"#, json!({"a": 2, "c": [1, {"d": null}]}), r#"{ "a" : 2, "c": [1, {"d": null}] }"#),
            ("{\n  \"a\": 1\n}", json!({"a": 1, "b": 2}), "{\n  \"a\": 1,\n  \"b\": 2\n}"),
            ("{}", json!({"a": 1}), r#"{"a": 1}"#),
            ("[ 1,2 , 3 ]", json!([1, 3]), "[ 1, 3 ]"),
            ("[1, 2, 3]", json!([1, 2, 5, 3]), "[1, 2, 5, 3]"),
            (r#"[{"a": 1,  "b": 2}, 3]"#, json!([{"a": 1, "b": 5}, 3]), r#"[{"a": 1,  "b": 5}, 3]"#),
            (
                r#"{"//": "one", "a": 1, "//": "two"}"#,
                json!({"//": "two", "a": 2}),
                r#"{"//": "one", "a": 2, "//": "two"}"#,
            ),
            ("1.50", json!(1.5), "1.50"),
        ] {
            assert_eq!(edited(text, &new), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_found_by_path() {
        let edit = |added| ListEdit { added: vec![added], ..ListEdit::default() };
        for (text, path, expected) in [
            ("{\"tags\":[]}", "tags", Some("{\"tags\":[7]}")),
            ("{\"a\": 1}", "tags", Some("{\"a\": 1, \"tags\": [7]}")),
            ("{\n  \"a\": 1\n}", "tags", Some("{\n  \"a\": 1,\n  \"tags\": [\n    7\n  ]\n}")),
            ("{\n  \"tags\": []\n}", "tags", Some("{\n  \"tags\": [\n    7\n  ]\n}")),
            ("{\"t\": [{}, {\"tags\": [1, 2]}]}", "t/1/tags", Some("{\"t\": [{}, {\"tags\": [1, 2, 7]}]}")),
            ("{\"tags\": 5}", "tags", None),
            ("{\"t\": 5}", "t/1/tags", None),
        ] {
            assert_eq!(with_list(text, path, &edit(json!(7))).as_deref(), expected, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-5..5_i32).prop_map(Value::from),
            "[a\"\\\\ é]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-d\"]{1,2}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_becomes_any_value(old in value(), new in value(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&old) } else { serde_json::to_string(&old) }.unwrap();
            let text = edited(&text, &new);
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), new, "{}", text);
        }

        #[test]
        fn any_list_is_edited(
            old in proptest::collection::vec(value(), 0..6),
            added in proptest::collection::vec(value(), 0..3),
            changes: [bool; 6],
            goes: [bool; 6],
            pretty: bool
        ) {
            let file = json!({"a": 1, "tags": old, "z": 2});
            let text = if pretty { serde_json::to_string_pretty(&file) } else { serde_json::to_string(&file) }.unwrap();
            let mut edit = ListEdit { added: added.clone(), ..ListEdit::default() };
            let mut expected = Vec::new();
            for (number, element) in old.iter().enumerate() {
                if changes[number] {
                    edit.changed.insert(number, json!({"new": number}));
                }
                match goes[number] {
                    true => drop(edit.removed.insert(number)),
                    false => expected.push(edit.changed.get(&number).cloned().unwrap_or_else(|| element.clone())),
                }
            }
            expected.extend(added);
            let text = with_list(&text, "tags", &edit).unwrap();
            let found: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(found, json!({"a": 1, "tags": expected, "z": 2}), "{}", text);
        }
    }
}
