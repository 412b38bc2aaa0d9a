//! Home Assistant MQTT discovery: `<prefix>/<component>/[<node>/]<object>/config` says one thing, with long keys or abbreviated ones.

use super::{Tag, put, range};
use crate::driver::mqtt::Pointer;
use serde_json::{Value as Json, json};

/// Steps from the top of a document to what a template reads.
const MOST_STEPS: usize = 32;
/// Signs of a template that stand in the words for why it is refused.
const SHOWN: usize = 100;

/// A message of discovery.
struct Config<'a> {
    json: &'a Json,
}

impl<'a> Config<'a> {
    /// A key by its long or its short name.
    fn get(&self, long: &str, short: &str) -> Option<&'a Json> {
        self.json.get(long).or_else(|| self.json.get(short))
    }

    fn text(&self, long: &str, short: &str) -> Option<&'a str> {
        self.get(long, short)?.as_str()
    }

    /// A topic, where `~` at its begin or end stands for the base topic.
    fn topic(&self, long: &str, short: &str) -> Option<String> {
        let (topic, base) = (self.text(long, short)?, self.text("~", "~").unwrap_or_default());
        if let Some(rest) = topic.strip_prefix('~') {
            return Some(format!("{base}{rest}"));
        }
        Some(topic.strip_suffix('~').map_or_else(|| topic.to_owned(), |rest| format!("{rest}{base}")))
    }

    /// A word of a switch: JSON may say it as text, a number or a truth value.
    fn word(&self, long: &str, short: &str) -> Option<String> {
        match self.get(long, short)? {
            Json::String(word) => Some(word.clone()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
            other => Some(other.to_string()),
        }
    }
}

/// The tag that a message says, with its name; none where it is of another component, or takes one away.
pub(super) fn tag(prefix: &str, topic: &str, json: &Json) -> Option<(String, Json)> {
    let rest = topic.strip_prefix(prefix)?.strip_prefix('/')?.strip_suffix("/config")?;
    let (component, name) = rest.split_once('/')?;
    if !["sensor", "binary_sensor", "switch", "number"].contains(&component) {
        return None;
    }
    let config = Config { json };
    let state = config.topic("state_topic", "stat_t")?;
    let mut tag = Tag::new();
    tag.insert("name".to_owned(), name.into());
    tag.insert("topic".to_owned(), state.into());
    match place(config.text("value_template", "val_tpl")) {
        Err(template) => {
            let more = if template.chars().nth(SHOWN).is_some() { " ..." } else { "" };
            let shown: String = template.chars().take(SHOWN).collect();
            let words = format!("its template {shown}{more} is more than a place in JSON");
            return Some((name.to_owned(), json!({ "refused": words })));
        }
        Ok(None) => {}
        Ok(Some(pointer)) => {
            tag.insert("json".to_owned(), pointer.as_str().into());
            tag.insert("optional".to_owned(), true.into());
        }
    }
    put(&mut tag, "description", description(&config));
    let seconds = config.get("expire_after", "exp_aft").and_then(Json::as_u64).filter(|seconds| *seconds > 0);
    put(&mut tag, "stale_after", seconds.map(|seconds| format!("{seconds}s")));
    match component {
        "sensor" | "number" => number(&config, component, name, &mut tag),
        _ => switch(&config, component, name, &mut tag),
    }
    Some((name.to_owned(), tag.into()))
}

fn description(config: &Config<'_>) -> Option<String> {
    let device = config.get("device", "dev").and_then(|device| device.get("name")?.as_str());
    let own = config.text("name", "name");
    match (device, own) {
        (Some(device), Some(own)) => Some(format!("{device}: {own}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// A sensor without unit, class of states and class of device says text or numbers: nobody knows which, and text is never wrong.
fn number(config: &Config<'_>, component: &str, name: &str, tag: &mut Tag) {
    let unit = config.text("unit_of_measurement", "unit_of_meas");
    let class = config.text("state_class", "stat_cla");
    put(tag, "unit", unit);
    if component == "sensor" {
        put(tag, "type", (unit.is_none() && class.is_none()).then_some("string"));
        return;
    }
    let limit = |key: &str| config.get(key, key).and_then(Json::as_f64);
    // The limits of Home Assistant where none are given.
    let (low, high) = (limit("min").unwrap_or(1.0), limit("max").unwrap_or(100.0));
    put(tag, "range", range(Some(low), Some(high)));
    // A command by a template cannot be put into the words of the station file.
    if config.get("command_template", "cmd_tpl").is_none() {
        let topic = config.topic("command_topic", "cmd_t");
        put(tag, "command", topic.map(|topic| json!({"topic": topic, "read_back": name, "min": low, "max": high})));
    }
}

fn switch(config: &Config<'_>, component: &str, name: &str, tag: &mut Tag) {
    let on = config.word("payload_on", "pl_on").unwrap_or_else(|| "ON".to_owned());
    let off = config.word("payload_off", "pl_off").unwrap_or_else(|| "OFF".to_owned());
    let shown_on = config.word("state_on", "stat_on").unwrap_or_else(|| on.clone());
    let shown_off = config.word("state_off", "stat_off").unwrap_or_else(|| off.clone());
    let is_same = shown_on == on && shown_off == off;
    tag.insert("type".to_owned(), "bool".into());
    tag.insert("true".to_owned(), shown_on.into());
    tag.insert("false".to_owned(), shown_off.into());
    // Where it says its state in other words than it takes, it is only shown.
    if component == "switch" && is_same && config.get("command_template", "cmd_tpl").is_none() {
        let topic = config.topic("command_topic", "cmd_t");
        put(tag, "command", topic.map(|topic| json!({"topic": topic, "read_back": name})));
    }
}

/// The place that a template reads: `{{ value_json.a['b'][0] }}`, with filters that change nothing; none for the whole payload.
fn place(template: Option<&str>) -> Result<Option<Pointer>, &str> {
    let Some(template) = template else { return Ok(None) };
    let refuse = || template;
    let inner = template.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).ok_or_else(refuse)?;
    let inner = inner.trim_matches(['-', ' ']);
    let mut parts = inner.split('|').map(str::trim);
    let path = parts.next().unwrap_or_default();
    if !parts.all(|filter| ["float", "float(0)", "is_defined"].contains(&filter)) {
        return Err(template);
    }
    if path == "value" {
        return Ok(None);
    }
    let rest = path.strip_prefix("value_json").ok_or_else(refuse)?;
    let whole = Pointer::parse("").map_err(|_| template)?;
    steps(rest, whole).map(Some).ok_or_else(refuse)
}

fn steps(mut rest: &str, mut place: Pointer) -> Option<Pointer> {
    for _ in 0..MOST_STEPS {
        if rest.is_empty() {
            break;
        }
        let (key, after) = step(rest)?;
        (rest, place) = (after, place.member(key));
    }
    rest.is_empty().then_some(place)
}

/// The next key, and what follows it.
fn step(rest: &str) -> Option<(&str, &str)> {
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, rest) = rest.split_at(end);
        let plain = !key.is_empty() && key.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
        return plain.then_some((key, rest));
    }
    let (inside, rest) = rest.strip_prefix('[')?.split_once(']')?;
    let quoted = ['\'', '"'].iter().find_map(|quote| inside.strip_prefix(*quote)?.strip_suffix(*quote));
    let number = Some(inside).filter(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()));
    Some((quoted.or(number)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_that_are_places() {
        for (template, expected) in [
            ("{{ value_json.temperature }}", Ok(Some("/temperature"))),
            ("{{value_json['DS18B20'].Temperature|float}}", Ok(Some("/DS18B20/Temperature"))),
            ("{{ value_json[\"a/b\"][0].c | is_defined }}", Ok(Some("/a~1b/0/c"))),
            ("{{ value_json }}", Ok(Some(""))),
            ("{{ value }}", Ok(None)),
            ("{{ value_json.t * 1.8 + 32 }}", Err(())),
            ("{{ value_json.t | round(1) }}", Err(())),
            ("{% if value_json.x %}1{% endif %}", Err(())),
            ("{{ value_json.a..b }}", Err(())),
            ("{{ value_json[ }}", Err(())),
            ("{{ states('x') }}", Err(())),
            ("{{", Err(())),
        ] {
            let found = place(Some(template)).map(|found| found.map(|pointer| pointer.as_str().to_owned()));
            assert_eq!(found.map_err(drop), expected.map(|found| found.map(str::to_owned)), "{template}");
        }
    }

    /// Found by thinking of it: each step took a call, and a long template the stack of the whole program.
    #[test]
    fn a_template_of_very_many_steps_is_refused() {
        for step in [".a", "[0]"] {
            let template = format!("{{{{ value_json{} }}}}", step.repeat(200_000));
            assert_eq!(place(Some(&template)), Err(&*template));
            let json = json!({"state_topic": "a", "value_template": template});
            let (_, facts) = tag("homeassistant", "homeassistant/sensor/x/config", &json).unwrap();
            assert!(facts["refused"].as_str().is_some_and(|words| words.len() < 200), "{facts}");
        }
    }
}
