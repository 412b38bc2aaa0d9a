//! One payload, parsed once for all tags that read it.

use super::PayloadError;
use super::pointer::{Pointer, plain};
use serde_json::Value as Json;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of a payload that stand in the words for why it cannot be read.
const SHOWN: usize = 48;

/// Where the first object with each value of a key stands in a list.
type Places = HashMap<String, usize>;

/// One payload.
pub(super) struct Document<'a> {
    payload: &'a [u8],
    json: OnceCell<Result<Json, PayloadError>>,
    /// By list and key, so that a thousand tags do not look through a list a thousand times.
    lists: RefCell<HashMap<(usize, Arc<str>), Places>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { payload, json: OnceCell::new(), lists: RefCell::default() }
    }

    pub(super) const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The payload as text.
    pub(super) fn text(&self) -> Result<&'a str, PayloadError> {
        std::str::from_utf8(self.payload).map_err(|_| PayloadError::NotUtf8)
    }

    /// The payload as JSON.
    pub(super) fn json(&self) -> Result<&Json, PayloadError> {
        let parsed = self.json.get_or_init(|| {
            serde_json::from_str(self.text()?).map_err(|error| PayloadError::NotJson(error.to_string()))
        });
        parsed.as_ref().map_err(Clone::clone)
    }

    /// What stands at a place; none where there is no such place.
    pub(super) fn find(&self, pointer: &Pointer) -> Result<Option<&Json>, PayloadError> {
        Ok(pointer.look_up(self.json()?, |list, key, value| list.get(self.place(list, key, value)?)))
    }

    fn place(&self, list: &[Json], key: &str, value: &str) -> Option<usize> {
        let mut lists = self.lists.borrow_mut();
        let places = lists.entry((list.as_ptr().addr(), key.into())).or_insert_with(|| {
            let mut places = Places::new();
            for (number, item) in list.iter().enumerate() {
                if let Some(found) = item.get(key).and_then(plain) {
                    places.entry(found.into_owned()).or_insert(number);
                }
            }
            places
        });
        places.get(value).copied()
    }

    /// How the payload begins, for people: text where it is text, else its bytes.
    pub(super) fn beginning(&self) -> String {
        let shown = &self.payload[..self.payload.len().min(SHOWN)];
        let more = if shown.len() < self.payload.len() { " ..." } else { "" };
        let printable = |text: &&str| !text.chars().any(char::is_control);
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            // The cut may lie within a character.
            Err(error) if error.error_len().is_none() => std::str::from_utf8(&shown[..error.valid_up_to()]).ok(),
            Err(_) => None,
        };
        match text.filter(printable) {
            Some("") => "nothing".to_owned(),
            Some(text) => format!("{text}{more}"),
            None => {
                let bytes: Vec<_> = shown.iter().take(SHOWN / 3).map(|byte| format!("{byte:02X}")).collect();
                let more = if self.payload.len() > SHOWN / 3 { " ..." } else { "" };
                format!("bytes {}{more}", bytes.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_readable() {
        for (payload, expected) in [
            (&b"12,5"[..], "12,5"),
            (b"", "nothing"),
            (&[0xFF, 0x00, 0x7F], "bytes FF 00 7F"),
            (b"a\nb", "bytes 61 0A 62"),
        ] {
            assert_eq!(Document::new(payload).beginning(), expected);
        }
        let long = "é".repeat(100);
        assert_eq!(Document::new(long.as_bytes()).beginning(), format!("{} ...", "é".repeat(24)));
        let odd = format!("x{long}");
        assert_eq!(Document::new(odd.as_bytes()).beginning(), format!("x{} ...", "é".repeat(23)));
    }
}
