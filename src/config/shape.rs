//! Checks the shape of a station file against its own JSON Schema: every unknown key, missing key and wrong type at once. (Reading it
//! into types would stop at the first.)

use super::problem::{Place, Problems, nearest};
use serde_json::{Map, Value};

/// Checks `value` against the root of `schema`, and takes out what does not fit, so that the rest can still be looked at.
pub(super) fn check(value: &mut Value, schema: &Value, place: &Place, problems: &mut Problems) {
    Shape { root: schema }.check(value, schema, place, problems);
}

/// Takes out keys that are comments.
pub(super) fn without_comments(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !key.starts_with("//"));
            map.values_mut().for_each(without_comments);
        }
        Value::Array(list) => list.iter_mut().for_each(without_comments),
        _ => {}
    }
}

struct Shape<'a> {
    root: &'a Value,
}

impl<'a> Shape<'a> {
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
            Some(path) => self.root.pointer(path).unwrap_or(schema),
            None => schema,
        }
    }

    fn check(&self, value: &mut Value, schema: &'a Value, place: &Place, problems: &mut Problems) {
        let schema = self.resolve(schema);
        if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
            return self.check_any(value, options, place, problems);
        }
        if let Some(words) = self.wrong_type(value, schema) {
            return problems.error(place, words);
        }
        match value {
            Value::Object(map) => self.check_object(map, schema, place, problems),
            Value::Array(list) => self.check_array(list, schema, place, problems),
            _ => {}
        }
    }

    /// The one option that is not null says what is wrong; of several, any may fit.
    fn check_any(&self, value: &mut Value, options: &'a [Value], place: &Place, problems: &mut Problems) {
        let real: Vec<_> = options.iter().filter(|option| option.get("type") != Some(&Value::from("null"))).collect();
        if value.is_null() && real.len() < options.len() {
            return;
        }
        if let [single] = real.as_slice() {
            return self.check(value, single, place, problems);
        }
        let fits = real.iter().any(|option| {
            let mut found = Problems::default();
            self.check(&mut value.clone(), option, place, &mut found);
            !found.has_errors()
        });
        if !fits {
            let wanted: Vec<_> = real.iter().map(|option| type_words(self.resolve(option))).collect();
            problems
                .error(place, format!("{} stands here; {} would be right", found_words(value), wanted.join(" or ")));
        }
    }

    fn wrong_type(&self, value: &Value, schema: &Value) -> Option<String> {
        if let Some(words) = self.wrong_word(value, schema) {
            return Some(words);
        }
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(single)) => vec![single],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        if !types.iter().any(|name| is_type(value, name)) {
            return Some(format!("{} stands here; {} would be right", found_words(value), type_words(schema)));
        }
        let number = value.as_f64()?;
        let low = schema.get("minimum").and_then(Value::as_f64).filter(|low| number < *low);
        let high = schema.get("maximum").and_then(Value::as_f64).filter(|high| number > *high);
        match (low, high) {
            (Some(low), _) => Some(format!("{value} is too small; the smallest possible number is {low}")),
            (_, Some(high)) => Some(format!("{value} is too large; the largest possible number is {high}")),
            _ => None,
        }
    }

    /// For lists of allowed words.
    fn wrong_word(&self, value: &Value, schema: &Value) -> Option<String> {
        let words: Vec<&str> = match (schema.get("enum"), schema.get("oneOf")) {
            (Some(Value::Array(list)), _) => list.iter().filter_map(Value::as_str).collect(),
            (_, Some(Value::Array(list))) => {
                let constant = |option: &'_ Value| option.get("const").and_then(Value::as_str).map(str::to_owned);
                return self.wrong_constant(value, list.iter().filter_map(constant).collect());
            }
            _ => return None,
        };
        self.wrong_constant(value, words.into_iter().map(str::to_owned).collect())
    }

    fn wrong_constant(&self, value: &Value, words: Vec<String>) -> Option<String> {
        if words.is_empty() || value.as_str().is_some_and(|text| words.iter().any(|word| word == text)) {
            return None;
        }
        let hint = value.as_str().map_or_else(String::new, |text| nearest(text, words.iter().map(String::as_str)));
        Some(format!("{} stands here; one of {} would be right{hint}", found_words(value), words.join(", ")))
    }

    fn check_object(&self, map: &mut Map<String, Value>, schema: &'a Value, place: &Place, problems: &mut Problems) {
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
        let present: Vec<String> = map.keys().cloned().collect();
        map.retain(|key, value| match known.get(key) {
            Some(schema) => {
                self.check(value, schema, &place.at(key), problems);
                !problems.stands_at(&place.at(key))
            }
            None => {
                let hint = nearest(key, known.keys().map(String::as_str));
                problems.error(&place.at(key), format!("the key \"{key}\" is not known here{hint}"));
                false
            }
        });
        let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for key in required.iter().filter_map(Value::as_str).filter(|key| !present.iter().any(|present| present == key))
        {
            problems.error(place, format!("the key \"{key}\" is missing"));
        }
    }

    fn check_array(&self, list: &mut [Value], schema: &'a Value, place: &Place, problems: &mut Problems) {
        let wanted = schema.get("minItems").and_then(Value::as_u64);
        if wanted.is_some_and(|wanted| list.len() as u64 != wanted) {
            let words = format!("{} numbers stand here; {} would be right", list.len(), wanted.unwrap_or_default());
            problems.error(place, words);
        }
        let Some(items) = schema.get("items") else { return };
        for (number, value) in list.iter_mut().enumerate() {
            self.check(value, items, &place.at(number), problems);
        }
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn found_words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    }
}

fn type_words(schema: &Value) -> &'static str {
    let name = match schema.get("type") {
        Some(Value::Array(several)) => several.first().and_then(Value::as_str),
        other => other.and_then(Value::as_str),
    };
    match name {
        Some("boolean") => "true or false",
        Some("string") => "text in quotes",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        Some("array") => "a list",
        Some("object") => "an object",
        _ => "something else",
    }
}
