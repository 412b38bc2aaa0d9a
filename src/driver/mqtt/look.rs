//! A payload for the eye: what it is, how it reads best, and which values in it could become tags.

use super::Kind;
use serde_json::Value as Json;

/// Values of one document that are offered.
const FIELDS: usize = 500;
/// Signs of a value that are shown of it in a list.
const PREVIEW_SIGNS: usize = 60;
/// Signs of a payload on one line.
const LINE_SIGNS: usize = 120;
/// Bytes of a payload that are looked at for that.
const LINE_BYTES: usize = 1 << 10;
/// Bytes of a payload that is not text which are shown.
const BYTES_SHOWN: usize = 256;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON document.
    Json,
    /// Text, a bare number among them.
    Text,
    /// Neither.
    Binary,
    /// Nothing at all: on a retained topic that takes the kept message away.
    Empty,
}

impl Form {
    /// The word that screens show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Text => "text",
            Self::Binary => "bytes",
            Self::Empty => "empty",
        }
    }
}

/// A payload as it reads best.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// What it is.
    pub form: Form,
    /// How it reads: JSON with a value a line, text as it is, bytes in hexadecimal.
    pub text: String,
    /// The values in it that could become tags.
    pub fields: Vec<Field>,
}

/// A value inside a payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Where it stands, as a JSON pointer (RFC 6901); empty for the whole payload.
    pub pointer: String,
    /// The value, shortened.
    pub preview: String,
    /// What kind of tag would hold it.
    pub kind: Kind,
}

/// Looks at a payload; `is_whole` says that nothing of it was cut off.
pub fn look(payload: &[u8], is_whole: bool) -> Look {
    if payload.is_empty() {
        return Look { form: Form::Empty, text: String::new(), fields: Vec::new() };
    }
    let text = match std::str::from_utf8(payload) {
        Ok(text) => text,
        // A cut may go through a sign.
        Err(error) if !is_whole && error.error_len().is_none() => {
            std::str::from_utf8(&payload[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Look { form: Form::Binary, text: hexadecimal(payload), fields: Vec::new() },
    };
    match serde_json::from_str::<Json>(text) {
        Ok(document) if document.is_object() || document.is_array() => {
            let mut fields = Vec::new();
            collect(&document, &mut String::new(), &mut fields);
            let text = serde_json::to_string_pretty(&document).unwrap_or_else(|_| text.to_owned());
            Look { form: Form::Json, text, fields }
        }
        _ => Look { form: Form::Text, text: text.to_owned(), fields: vec![whole(text)] },
    }
}

/// The beginning of a payload on one line, for lists.
pub fn one_line(payload: &[u8]) -> String {
    let beginning = &payload[..payload.len().min(LINE_BYTES)];
    let is_whole = beginning.len() == payload.len();
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if !is_whole && error.error_len().is_none() => {
            std::str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => {
            let shown = beginning.iter().take(LINE_SIGNS / 3).map(|byte| format!("{byte:02X}"));
            let more = if payload.len() > LINE_SIGNS / 3 { " ..." } else { "" };
            return format!("bytes {}{more}", shown.collect::<Vec<_>>().join(" "));
        }
    };
    let words = text.split(|sign: char| sign.is_whitespace() || sign.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match (line.is_empty(), line.char_indices().nth(LINE_SIGNS)) {
        (true, _) if payload.is_empty() => "empty".to_owned(),
        (true, _) if is_whole => "blank".to_owned(),
        (_, Some((end, _))) => format!("{}...", &line[..end]),
        (_, None) if !is_whole => format!("{line}..."),
        (_, None) => line,
    }
}

fn whole(text: &str) -> Field {
    let trimmed = text.trim();
    let kind = match trimmed {
        _ if trimmed.parse::<f64>().is_ok_and(f64::is_finite) => Kind::Number,
        _ if ["true", "false", "on", "off"].iter().any(|word| trimmed.eq_ignore_ascii_case(word)) => Kind::Bool,
        _ => Kind::Text,
    };
    Field { pointer: String::new(), preview: shortened(trimmed), kind }
}

fn collect(document: &Json, pointer: &mut String, fields: &mut Vec<Field>) {
    if fields.len() >= FIELDS {
        return;
    }
    let length = pointer.len();
    match document {
        Json::Object(members) => {
            for (name, value) in members {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                collect(value, pointer, fields);
                pointer.truncate(length);
            }
        }
        Json::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&place.to_string());
                collect(value, pointer, fields);
                pointer.truncate(length);
            }
        }
        value => fields.push(Field { pointer: pointer.clone(), preview: preview(value), kind: kind(value) }),
    }
}

fn preview(value: &Json) -> String {
    match value {
        Json::String(text) => shortened(text),
        other => shortened(&other.to_string()),
    }
}

fn kind(value: &Json) -> Kind {
    match value {
        Json::Bool(_) => Kind::Bool,
        Json::String(text) => whole(text).kind,
        Json::Number(_) | Json::Null | Json::Array(_) | Json::Object(_) => Kind::Number,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(PREVIEW_SIGNS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Sixteen bytes a line.
fn hexadecimal(payload: &[u8]) -> String {
    let shown = &payload[..payload.len().min(BYTES_SHOWN)];
    let lines =
        shown.chunks(16).map(|line| line.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" "));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if payload.len() > shown.len() {
        text.push_str(&format!("\n... {} bytes more", payload.len() - shown.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(payload: &str) -> Vec<(String, String, Kind)> {
        let found = look(payload.as_bytes(), true).fields;
        found.into_iter().map(|field| (field.pointer, field.preview, field.kind)).collect()
    }

    #[test]
    fn every_value_of_a_document_is_offered_with_its_place() {
        let text = r#"{"a/b": 1, "c~": [true, {"d": "21.5"}], "e": null, "f": {}, "g": "x"}"#;
        let expected = [
            ("/a~1b", "1", Kind::Number),
            ("/c~0/0", "true", Kind::Bool),
            ("/c~0/1/d", "21.5", Kind::Number),
            ("/e", "null", Kind::Number),
            ("/g", "x", Kind::Text),
        ];
        let expected = expected.map(|(pointer, preview, kind)| (pointer.to_owned(), preview.to_owned(), kind));
        assert_eq!(fields(text), expected);
        let document: Json = serde_json::from_str(text).unwrap();
        assert!(fields(text).iter().all(|(pointer, ..)| document.pointer(pointer).is_some()));
    }

    #[test]
    fn text_bytes_and_nothing_are_told_apart() {
        for (payload, form, text) in [
            (&b"21.5"[..], Form::Text, "21.5"),
            (b"hello", Form::Text, "hello"),
            (b"{\"a\":1}", Form::Json, "{\n  \"a\": 1\n}"),
            (b"{\"a\":", Form::Text, "{\"a\":"),
            (b"\xFF\x00", Form::Binary, "FF 00"),
            (b"", Form::Empty, ""),
        ] {
            let look = look(payload, true);
            assert_eq!((look.form, look.text.as_str()), (form, text), "{payload:?}");
        }
        assert_eq!(look("abc\u{e9}".as_bytes().split_last().unwrap().1, false).text, "abc");
        assert_eq!(look(&[0xFF; 300], true).text.lines().last(), Some("... 44 bytes more"));
        assert_eq!(fields("ON")[0].2, Kind::Bool);
    }

    #[test]
    fn a_line_is_one_line_whatever_comes() {
        for (payload, expected) in [
            (&b"21.5"[..], "21.5"),
            (b"{\n  \"a\": 1\n}\t\x00x", "{ \"a\": 1 } x"),
            (b"", "empty"),
            (b" \n\x01", "blank"),
            (b"\xFF\x00", "bytes FF 00"),
        ] {
            assert_eq!(one_line(payload), expected);
        }
        assert_eq!(one_line("\u{e9}".repeat(1_000).as_bytes()), format!("{}...", "\u{e9}".repeat(LINE_SIGNS)));
        assert!(one_line(&[0xFF; 100]).ends_with("FF ..."));
        assert_eq!(one_line(&[b' '; 2_000]), "...");
    }

    #[test]
    fn a_deep_or_large_document_is_no_danger() {
        let deep = "[".repeat(100_000);
        assert_eq!(look(deep.as_bytes(), true).form, Form::Text);
        let many = format!("[{}1]", "1,".repeat(10_000));
        assert_eq!(look(many.as_bytes(), true).fields.len(), FIELDS);
    }

    proptest! {
        #[test]
        fn no_payload_stops_it(payload in proptest::collection::vec(any::<u8>(), 0..200), is_whole: bool) {
            let _ = look(&payload, is_whole);
        }
    }
}
