use super::*;
use crate::config::{self, Loaded};
use crate::driver::Found;
use crate::driver::Protocol;
use crate::engine::FoundAt;
use crate::tag::{Generation, Timestamp};
use serde_json::{Value, json};

fn load(station: &Value, found: &Value) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
    std::fs::write(folder.path().join(FOUND_FILE), found.to_string()).unwrap();
    config::load(folder.path(), Generation(1))
}

fn station(tags: Value) -> Value {
    json!({
        "connections": [{"name": "site", "mqtt": {"url": "mqtt://127.0.0.1"}}, {"name": "plc", "modbus": {"tcp": "127.0.0.1"}}],
        "devices": [{"name": "hall", "connection": "site"}, {"name": "pump", "connection": "plc"}],
        "tags": tags,
    })
}

fn things(facts: &[Value]) -> Value {
    let thing = |facts: &Value| {
        let json = facts["json"].as_str().map_or(String::new(), |json| format!(" {json}"));
        let name = format!("{}{json}", facts["topic"].as_str().unwrap());
        json!({"device": "hall", "kind": "topic", "name": name, "facts": facts, "since": "2026-11-22T00:00:00Z"})
    };
    json!({"found": facts.iter().map(thing).collect::<Vec<_>>()})
}

/// The tags of the plant with their addresses, and the warnings.
fn tags(loaded: &Loaded) -> (Vec<String>, Vec<String>) {
    let plant = loaded.plant.as_ref().unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let words = |(_, tag): (_, &crate::tag::TagDefinition)| format!("{} <- {}", tag.key, tag.address);
    let own = plant.plan.directory.iter().filter(|(_, tag)| !tag.key.as_str().starts_with("station/"));
    (own.map(words).collect(), loaded.problems.iter().map(|problem| problem.words.clone()).collect())
}

#[test]
fn each_match_is_a_tag_with_what_the_pattern_says() {
    let pattern = json!([{"name": "plant/{1}/temp", "device": "hall", "topic": "plant/+/temp", "unit": "°C",
        "description": "Temperature of {1}.", "alarms": [{"high": 80}],
        "command": {"topic": "plant/{1}/set", "min": 0, "max": 9}}]);
    let found = things(&[json!({"topic": "plant/oven 1:a/temp"}), json!({"topic": "plant/b/temp"})]);
    let loaded = load(&station(pattern), &found);
    let (names, warnings) = tags(&loaded);
    assert_eq!(names, ["plant/oven_1_a/temp <- plant/oven 1:a/temp", "plant/b/temp <- plant/b/temp"]);
    assert_eq!(warnings, Vec::<String>::new());
    let plant = loaded.plant.unwrap();
    assert_eq!(plant.found.len(), 2);
    assert!(plant.plan.alarms.iter().any(|alarm| alarm.key.to_string() == "plant/oven_1_a/temp:high"));
    let Protocol::Mqtt(broker) = &plant.connections[0].protocol else { panic!() };
    let device = &broker.devices[0];
    let publication = device.points[0].publication.as_ref().unwrap();
    assert_eq!(&*publication.topic, "plant/oven 1:a/set", "topics are as they are");
    assert_eq!((device.searches[0].most, device.searches[0].known.len()), (100, 2));
    assert_eq!(broker.filters(), HashSet::from([Arc::from("plant/+/temp")]));
}

#[test]
fn values_below_a_place_and_the_rest_of_a_topic_are_names_too() {
    let patterns = json!([
        {"name": "lora/{2}/{json}", "device": "hall", "topic": "application/+/device/+/up", "json": "/object/*"},
        {"name": "all/{#}", "device": "hall", "topic": "raw/#", "type": "string"}]);
    let found = things(&[
        json!({"topic": "application/1/device/a1/up", "json": "/object/t"}),
        json!({"topic": "application/1/device/a1/up", "json": "/object/door/open", "type": "bool"}),
        json!({"topic": "raw/x/y z"}),
    ]);
    let loaded = load(&station(patterns), &found);
    let (names, warnings) = tags(&loaded);
    assert_eq!(
        names,
        [
            "lora/a1/t <- application/1/device/a1/up /object/t",
            "lora/a1/door/open <- application/1/device/a1/up /object/door/open",
            "all/x/y_z <- raw/x/y z",
        ]
    );
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn names_that_are_taken_and_names_beyond_the_limit_are_told() {
    let patterns = json!([
        {"name": "plant/a/temp", "device": "hall", "topic": "plant/first/temp"},
        {"name": "plant/{1}/temp", "device": "hall", "topic": "plant/+/temp", "most": 2}]);
    let topics = ["plant/a/temp", "plant/b/temp", "plant/c/temp", "plant/d/temp", "gone/x"];
    let found = things(&topics.map(|topic| json!({ "topic": topic })));
    let (names, warnings) = tags(&load(&station(patterns), &found));
    assert_eq!(names, ["plant/a/temp <- plant/first/temp", "plant/b/temp <- plant/b/temp"]);
    assert_eq!(
        warnings,
        [
            "\"plant/a/temp\" is left out: the tag \"plant/a/temp\" is there already",
            "2 names are left out: \"most\" allows 2",
            "1 names are of no pattern in the station file any more; polder forget removes them",
        ]
    );
}

#[test]
fn a_pattern_that_cannot_be_one_is_told() {
    for (entry, words) in [
        (json!({"name": "a/{2}", "device": "hall", "topic": "x/+"}), "number 2 of the topic"),
        (json!({"name": "a/{#}", "device": "hall", "topic": "x/+"}), "{#} stands for what # matches"),
        (json!({"name": "a/{json}", "device": "hall", "topic": "x", "json": "/a"}), "ends in /* then"),
        (json!({"name": "a/{1}", "device": "hall", "topic": "x/+", "json": "/a/*"}), "the name needs {json}"),
        (json!({"name": "a/{1}", "device": "pump", "topic": "x/+"}), "is for tags of MQTT devices"),
        (json!({"name": "a/{1}", "device": "hall", "topic": "x/+", "most": 0}), "at least one tag"),
        (json!({"name": "a", "device": "hall", "topic": "x", "most": 5}), "which stand for many tags"),
    ] {
        let loaded = load(&station(json!([entry])), &json!({"found": []}));
        assert!(loaded.plant.is_none(), "{entry}");
        assert!(loaded.problems.iter().any(|problem| problem.words.contains(words)), "{:?}", loaded.problems);
    }
}

#[test]
fn a_damaged_file_stops_no_station() {
    for found in [
        json!(7),
        json!({"found": [{"device": "hall"}]}),
        json!({"found": [{"device": "hall", "kind": "topic",
        "name": "x", "facts": {"topic": 7}, "since": ""}]}),
    ] {
        let pattern = json!([{"name": "plant/{1}", "device": "hall", "topic": "plant/+"}]);
        let loaded = load(&station(pattern), &found);
        assert!(loaded.plant.is_some() && loaded.problems.len() == 1, "{:?}", loaded.problems);
    }
}

#[test]
fn odd_characters_come_into_no_name() {
    for (text, expected) in [("oven-1.a_b", "oven-1.a_b"), ("a b:{c}*?\u{7}é", "a_b__c____é"), ("", "_"), ("/", "_")]
    {
        assert_eq!(name_part(text), expected);
    }
    assert_eq!(name_part(&"x".repeat(1000)).len(), 64);
}

#[test]
fn the_file_is_bounded_and_says_what_is_new() {
    let at = |name: &str, facts: Value| {
        let found = Found { kind: "topic".into(), name: name.into(), facts };
        FoundAt { device: "hall".into(), found }
    };
    let mut file = FoundFile::default();
    let now = Timestamp::from_micros(0);
    let mut merge = |news: Vec<FoundAt>| {
        let merged = file.merge(news, true, now);
        (merged.taken + merged.changed, merged.refused)
    };
    assert_eq!(merge(vec![at("a", json!({"x": 1})), at("b", json!({})), at("a", json!({"x": 1}))]), (2, 0));
    assert_eq!(merge(vec![at("a", json!({"x": 1}))]), (0, 0));
    assert_eq!(merge(vec![at("a", json!({"x": 2}))]), (1, 0));
    assert_eq!(merge(vec![at("c", json!({"x": "y".repeat(5000)}))]), (0, 1));
    let many = (0..MOST_FOUND).map(|number| at(&format!("n{number}"), json!({}))).collect();
    assert_eq!(merge(many), (MOST_FOUND - 2, 2));
    let folder = tempfile::tempdir().unwrap();
    file.write(folder.path()).unwrap();
    let mut back = FoundFile::read(folder.path()).unwrap();
    assert_eq!(back, file);
    assert_eq!(back.forget(|name| name == "hall/a" || name == "b").len(), 2);
    assert_eq!(back.found.len(), MOST_FOUND - 2);
}

fn news(name: &str, facts: Value) -> FoundAt {
    FoundAt { device: "hall".into(), found: Found { kind: "tag".into(), name: name.into(), facts } }
}

/// Whatever is said, and whatever it takes to write it: what the station wrote it can read.
#[test]
fn the_file_that_is_written_can_be_read() {
    let text = "\u{7}".repeat(640);
    let mut file = FoundFile::default();
    let all = (0..MOST_FOUND).map(|number| news(&format!("n{number}"), json!({"description": text}))).collect();
    let merged = file.merge(all, true, Timestamp::from_micros(0));
    assert_eq!(merged.taken + merged.refused, MOST_FOUND);
    assert!(merged.refused > 0 && merged.taken > 3500, "{}", merged.taken);
    let folder = tempfile::tempdir().unwrap();
    file.write(folder.path()).unwrap();
    assert_eq!(FoundFile::read(folder.path()).unwrap().found.len(), merged.taken);
    // Nor does it grow by changes.
    let first = file.found[0].name.clone();
    let changes = (0..8).map(|number| news(&format!("n{number}"), json!({"a": [[[[[1, 2, 3]]]]], "d": text})));
    file.merge(changes.collect(), true, Timestamp::from_micros(0));
    file.write(folder.path()).unwrap();
    assert_eq!(FoundFile::read(folder.path()).unwrap().found[0].name, first);
}

#[test]
fn facts_that_change_all_the_time_are_left_alone_for_a_day() {
    let mut file = FoundFile::default();
    let minute = |minute: i64| Timestamp::from_micros(minute * 60_000_000);
    file.merge(vec![news("a", json!({"unit": "0"}))], false, minute(0));
    let later = file.merge(vec![news("a", json!({"unit": "1"})), news("a", json!({"unit": "2"}))], false, minute(1));
    assert_eq!(later.put_off, [news("a", json!({"unit": "2"}))], "the newest waits");
    assert!(!later.is_news());
    let taken = (1..10).filter(|number| {
        let merged = file.merge(vec![news("a", json!({"unit": number.to_string()}))], true, minute(number * 5));
        assert_eq!(merged.restless.len() + merged.changed, 1);
        merged.changed == 1
    });
    assert_eq!(taken.count(), 4);
    let merged = file.merge(vec![news("a", json!({"unit": "x"}))], true, minute(24 * 60 + 21));
    assert_eq!((merged.changed, file.found[0].changes), (1, 1), "a day later it may");
}

/// Whoever can publish to a broker must not turn a command elsewhere, nor widen its limits.
#[test]
fn what_is_said_about_a_command_stays_as_it_was_first_until_a_person_forgets_it() {
    let first = json!({"name": "s", "topic": "s", "type": "bool", "true": "ON", "false": "OFF", "description": "one",
        "command": {"topic": "s/set", "max": 5}});
    let with = |key: &str, value: Value| {
        let mut facts = first.clone();
        facts[key] = value;
        facts
    };
    let without = json!({"name": "s", "topic": "s", "type": "bool"});
    for (before, after) in [
        (first.clone(), with("command", json!({"topic": "other/set", "max": 5}))),
        (first.clone(), with("command", json!({"topic": "s/set", "max": 5000}))),
        (first.clone(), with("true", "OFF".into())),
        (first.clone(), with("topic", "t".into())),
        (first.clone(), without.clone()),
        (without, first.clone()),
    ] {
        let mut file = FoundFile::default();
        file.merge(vec![news("s", before.clone())], true, Timestamp::from_micros(0));
        let merged = file.merge(vec![news("s", after.clone())], true, Timestamp::from_micros(1));
        assert_eq!((merged.waiting, &file.found[0].facts), (vec!["hall/s".to_owned()], &before), "{after}");
        let again = file.merge(vec![news("s", after.clone())], true, Timestamp::from_micros(1));
        assert!(!again.is_news() && again.waiting.is_empty(), "it is said once");
        let mut plant = station(json!([]));
        plant["devices"][0]["discovery"] = "homeassistant".into();
        let (_, warnings) = tags(&load(&plant, &serde_json::to_value(&file).unwrap()));
        assert!(warnings.iter().any(|words| words.contains("polder forget \"hall/s\"")), "{warnings:?}");
        file.forget(|name| name == "hall/s");
        file.merge(vec![news("s", after.clone())], true, Timestamp::from_micros(2));
        assert_eq!((&file.found[0].facts, file.found[0].waits), (&after, false));
    }
    let mut file = FoundFile::default();
    file.merge(vec![news("s", first.clone())], true, Timestamp::from_micros(0));
    let merged = file.merge(vec![news("s", with("description", "two".into()))], true, Timestamp::from_micros(1));
    assert_eq!((merged.changed, merged.waiting.len()), (1, 0));
}

#[test]
fn a_found_command_goes_where_no_command_of_the_station_file_goes() {
    let mut file = station(json!([{"name": "own", "device": "hall", "topic": "x",
        "command": {"topic": "x/set", "min": 0, "max": 9}}]));
    file["devices"][0]["discovery"] = "homeassistant".into();
    file["connections"].as_array_mut().unwrap().push(json!({"name": "again", "mqtt": {"url": "mqtt://127.0.0.1"}}));
    file["devices"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "far", "connection": "again", "discovery": "homeassistant"}));
    let mut found = listed(&[
        json!({"name": "past", "topic": "y", "command": {"topic": "x/set", "max": 9999}}),
        json!({"name": "free", "topic": "y", "command": {"topic": "y/set", "max": 9999}}),
        json!({"name": "same", "topic": "z", "command": {"topic": "y/set", "max": 9999}}),
        json!({"name": "elsewhere", "topic": "y", "command": {"topic": "x/set", "max": 9999}}),
    ]);
    found["found"][3]["device"] = "far".into();
    let (names, warnings) = tags(&load(&file, &found));
    assert_eq!(names, ["own <- x", "hall/free <- y", "hall/same <- z"]);
    assert!(warnings.iter().filter(|words| words.contains("past the limits of own")).count() == 2, "{warnings:?}");
}

#[test]
fn built_in_templates_are_in_the_words_of_the_station_file() {
    for name in ["chirpstack", "owntracks", "tasmota"] {
        let mut file = station(json!([]));
        file["devices"][0]["template"] = name.into();
        let loaded = load(&file, &json!({"found": []}));
        let plant = loaded.plant.unwrap_or_else(|| panic!("{name}: {:?}", loaded.problems));
        let Protocol::Mqtt(broker) = &plant.connections[0].protocol else { panic!() };
        assert!(!broker.devices[0].searches.is_empty(), "{name}");
    }
}

fn listed(tags: &[Value]) -> Value {
    let thing = |facts: &Value| {
        let name = facts["name"].as_str().unwrap_or("?");
        json!({"device": "hall", "kind": "tag", "name": name, "facts": facts, "since": ""})
    };
    json!({"found": tags.iter().map(thing).collect::<Vec<_>>()})
}

#[test]
fn what_a_list_says_becomes_tags_and_stops_no_station() {
    let mut file = station(json!([{"name": "hall/taken", "device": "hall", "topic": "x"}]));
    file["devices"][0]["discovery"] = "zigbee2mqtt".into();
    let found = listed(&[
        json!({"name": "plug one/state", "topic": "z/plug one", "json": "/state", "type": "bool", "true": "ON", "false": "OFF",
            "command": {"topic": "z/plug one/set", "payload": "{\"state\": ${value}}", "read_back": "plug one/state"}}),
        json!({"name": "taken", "topic": "x"}),
        json!({"name": "all", "topic": "#"}),
        json!({"name": "place", "topic": "x", "json": "no/slash"}),
        json!({"name": "range", "topic": "x", "range": [5, 1]}),
        json!({"name": "words", "topic": "x", "true": "a", "false": "a"}),
        json!({"name": "late", "topic": "x", "stale_after": "soon"}),
        json!({"name": "alarm", "topic": "x", "alarms": [{"high": 1}]}),
        json!({"name": "other", "topic": "x", "device": "pump"}),
        json!({"name": "shape", "topic": 7}),
        json!({"refused": "its template is odd", "name": "template"}),
        json!({"name": "set", "topic": "x", "command": {"topic": "a/+"}}),
    ]);
    let loaded = load(&file, &found);
    let (names, warnings) = tags(&loaded);
    assert_eq!(names, ["hall/taken <- x", "hall/plug_one/state <- z/plug one /state"]);
    for name in ["taken", "all", "place", "range", "words", "late", "alarm", "other", "shape", "template", "set"] {
        assert!(warnings.iter().any(|words| words.starts_with(&format!("\"{name}\""))), "{name}: {warnings:?}");
    }
    let plant = loaded.plant.unwrap();
    let slot = plant.plan.directory.find("hall/plug_one/state").unwrap();
    assert_eq!(plant.plan.commands[&slot].read_back, Some(slot));
    let Protocol::Mqtt(broker) = &plant.connections[0].protocol else { panic!() };
    assert_eq!(broker.devices[0].discovery.as_ref().unwrap().known.len(), 12, "none of it need be told again");
}

/// The alarm of a pattern may not fit what is found: that costs the thing, and not the station.
#[test]
fn a_thing_that_does_not_fit_its_pattern_is_left_out() {
    let pattern = json!([{"name": "m/{json}", "device": "hall", "topic": "m", "json": "/*", "alarms": [{"rate": 80}]},
        {"name": "n/{1}", "device": "hall", "topic": "n/+"}]);
    let found = things(&[json!({"topic": "m", "json": "/t"}), json!({"topic": "n/a"})]);
    let loaded = load(&station(pattern), &found);
    let (names, warnings) = tags(&loaded);
    assert_eq!(names, ["n/a <- n/a"]);
    assert!(warnings.len() == 1 && warnings[0].starts_with("\"m /t\" of hall is left out: "), "{warnings:?}");
    let Protocol::Mqtt(broker) = &loaded.plant.as_ref().unwrap().connections[0].protocol else { panic!() };
    assert_eq!(broker.devices[0].searches[0].known.len(), 1, "it need not be told again");
}
