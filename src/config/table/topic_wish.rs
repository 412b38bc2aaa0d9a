//! One new tag out of a message at a broker: planned as a sheet of one row would be, so that a person sees what changes before it does.

use super::plan::{Effect, ImportOptions, ImportPlan, plan_import};
use crate::config::problem::{Problem, Severity};
use crate::config::read::Texts;
use crate::driver::Protocol;
use crate::driver::mqtt::{Kind, Point, Pointer};
use crate::tag::Generation;
use std::path::Path;

/// What the row is called in problems.
pub(super) const SHEET: &str = "new tag";

/// A tag that somebody wants to see, out of a message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTagWish {
    /// Its name.
    pub name: String,
    /// Name of its device.
    pub device: String,
    /// The topic, as it came.
    pub topic: String,
    /// The place in the payload as a JSON pointer; empty where the payload is the value.
    pub pointer: String,
    /// What kind of value it is.
    pub kind: Kind,
    /// Engineering unit; empty for none.
    pub unit: String,
}

/// Finds out what the tag would change in the station in `folder`. Nothing is written.
pub fn plan_topic_tag(folder: &Path, wish: &TopicTagWish) -> ImportPlan {
    if wish.name.trim().is_empty() {
        return refused("a tag needs a name");
    }
    let Ok(sheet) = sheet(wish) else { return refused("this topic cannot be written into a sheet") };
    let plan = plan_import(folder, SHEET, &sheet, &ImportOptions::default());
    match plan.changes.as_slice() {
        _ if !plan.is_fine() => plan,
        [change] if change.effect == Effect::Added => match is_heard(folder, &plan, wish) {
            Ok(true) => plan,
            // A topic that reads like a pattern of the station file would become another one.
            Ok(false) => refused("the station file cannot name this topic: it would be read as a pattern"),
            Err(why) => refused(&why),
        },
        _ => refused(&format!("there is a tag \"{}\" already", wish.name.trim())),
    }
}

pub(super) fn refused(words: &str) -> ImportPlan {
    let words = words.to_owned();
    ImportPlan::refused(vec![Problem { severity: Severity::Error, file: SHEET.to_owned(), path: String::new(), words }])
}

/// The word of the station file; a number has none.
pub(super) const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Text => "string",
        Kind::Number => "",
    }
}

fn sheet(wish: &TopicTagWish) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let (name, device, unit) = (wish.name.trim(), wish.device.trim(), wish.unit.trim());
    writer.write_record(["name", "device", "topic", "json", "type", "unit"])?;
    writer.write_record([name, device, &wish.topic, &wish.pointer, kind_word(wish.kind), unit])?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Whether the new tag would hear just what it was made of.
fn is_heard(folder: &Path, plan: &ImportPlan, wish: &TopicTagWish) -> Result<bool, String> {
    let texts: Texts = plan.files.iter().map(|file| (file.name.clone(), file.new.clone())).collect();
    let plant = crate::config::load_with(folder, &texts, Generation(1)).into_plant()?;
    let tag = plant.plan.directory.find(wish.name.trim());
    let brokers = plant.connections.iter().filter_map(|connection| match &connection.protocol {
        Protocol::Mqtt(settings) => Some(settings),
        Protocol::Modbus(_) => None,
    });
    let mut points = brokers.flat_map(|settings| &settings.devices).flat_map(|device| &device.points);
    let hears = |point: &Point| {
        *point.filter == *wish.topic && point.pointer.as_ref().map_or("", Pointer::as_str) == wish.pointer
    };
    Ok(points.find(|point| Some(point.tag) == tag).is_some_and(hears))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::apply;

    const STATION: &str = r#"{
        "connections": [{"name": "site", "mqtt": {"url": "mqtt://127.0.0.1"}}],
        "devices": [{"name": "hall", "connection": "site"}],
        "tags": [{"name": "hall/known", "device": "hall", "topic": "a"}]}"#;

    fn wish(name: &str, topic: &str, pointer: &str, kind: Kind) -> TopicTagWish {
        let [name, topic, pointer] = [name, topic, pointer].map(str::to_owned);
        TopicTagWish { name, device: "hall".to_owned(), topic, pointer, kind, unit: "°C".to_owned() }
    }

    fn words(plan: &ImportPlan) -> String {
        plan.problems.iter().map(|problem| problem.words.clone()).collect()
    }

    #[test]
    fn a_tag_is_planned_and_written_with_its_topic_place_kind_and_unit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("station.json");
        std::fs::write(&file, STATION).unwrap();
        // What a sheet has to quote, and what a spreadsheet would take for a formula, stays as it is.
        let topic = "=1-1, \"x\"/state";
        let plan = plan_topic_tag(folder.path(), &wish("hall/t", topic, "/t~1x", Kind::Bool));
        assert_eq!(words(&plan), "");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), STATION, "a plan writes nothing");
        apply(folder.path(), &plan).unwrap();
        let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let expected = serde_json::json!({
            "name": "hall/t", "device": "hall", "type": "bool", "topic": topic, "json": "/t~1x", "unit": "°C"});
        assert_eq!(written["tags"][1], expected);
    }

    #[test]
    fn what_cannot_be_a_tag_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), STATION).unwrap();
        let planned = |wish: &TopicTagWish| words(&plan_topic_tag(folder.path(), wish));
        assert_eq!(planned(&wish(" ", "a", "", Kind::Number)), "a tag needs a name");
        assert_eq!(planned(&wish("hall/known", "b", "", Kind::Number)), "there is a tag \"hall/known\" already");
        let pattern = planned(&wish("hall/x", "${device}/x", "", Kind::Number));
        assert_eq!(pattern, "the station file cannot name this topic: it would be read as a pattern");
        let nowhere = TopicTagWish { device: "yard".to_owned(), ..wish("hall/x", "b", "", Kind::Number) };
        assert!(planned(&nowhere).contains("yard"), "{}", planned(&nowhere));
    }
}
