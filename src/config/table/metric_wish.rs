//! One new tag out of a metric of Sparkplug, or all metrics of a source at once; with the device that it needs, where no entry names that
//! yet. It is planned as a sheet of one row would be, so that a person sees what changes before it does.

use super::edit::{ListEdit, with_list};
use super::lists::{List, lists_at, name_of};
use super::plan::{Effect, FileChange, ImportOptions, ImportPlan, plan_import_behind};
use super::topic_wish::{SHEET, kind_word, refused};
use crate::config::problem::Problems;
use crate::config::read::{self, Texts};
use crate::driver::mqtt::Kind;
use crate::tag::Generation;
use serde_json::{Value, json};
use std::path::Path;

/// A device that a tag of a metric needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDevice {
    /// Its name.
    pub name: String,
    /// Name of the connection to its broker.
    pub connection: String,
    /// `group/node` or `group/node/device`.
    pub source: String,
    /// Whether the station file has it already.
    pub is_known: bool,
}

/// A tag that somebody wants to see, out of a metric that a birth declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricTagWish {
    /// Its name; it plays no part where the device is taken in whole.
    pub name: String,
    /// Its device.
    pub device: MetricDevice,
    /// The metric; none where the device is taken in whole: then every metric of its births becomes a tag.
    pub metric: Option<String>,
    /// What kind of value it is.
    pub kind: Kind,
    /// Engineering unit; empty for none.
    pub unit: String,
}

/// Finds out what the wish would change in the station in `folder`. Nothing is written.
pub fn plan_metric_tag(folder: &Path, wish: &MetricTagWish) -> ImportPlan {
    let added = if wish.device.is_known { Ok(None) } else { device(folder, wish).map(Some) };
    let (file, entry) = match added {
        Err(why) => return refused(&why),
        Ok(None) => (None, None),
        Ok(Some((file, entry))) => (Some(file), Some(entry)),
    };
    let files: Vec<FileChange> = file.into_iter().collect();
    let devices = files.iter().map(|file| file.name.clone()).zip(entry).collect();
    let plan = match &wish.metric {
        Some(metric) => tag(folder, wish, metric, &files),
        None if files.is_empty() => {
            return refused("this device is in the station file already; add \"take_in\" there");
        }
        None => checked(folder, files),
    };
    ImportPlan { devices, ..plan }
}

fn tag(folder: &Path, wish: &MetricTagWish, metric: &str, files: &[FileChange]) -> ImportPlan {
    if wish.name.trim().is_empty() {
        return refused("a tag needs a name");
    }
    let Ok(sheet) = sheet(wish, metric) else { return refused("this metric cannot be written into a sheet") };
    let plan = plan_import_behind(folder, files, SHEET, &sheet, &ImportOptions::default());
    match plan.changes.as_slice() {
        _ if !plan.is_fine() => plan,
        [change] if change.effect == Effect::Added => plan,
        _ => refused(&format!("there is a tag \"{}\" already", wish.name.trim())),
    }
}

fn sheet(wish: &MetricTagWish, metric: &str) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "device", "metric", "type", "unit"])?;
    let (name, device) = (wish.name.trim(), wish.device.name.trim());
    writer.write_record([name, device, metric, kind_word(wish.kind), wish.unit.trim()])?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn checked(folder: &Path, files: Vec<FileChange>) -> ImportPlan {
    let texts: Texts = files.iter().map(|file| (file.name.clone(), file.new.clone())).collect();
    let problems = crate::config::load_with(folder, &texts, Generation(1)).problems;
    ImportPlan { files, problems, ..ImportPlan::default() }
}

/// The file to which the device is added, and its entry: beside the other devices of its connection, or in the main file.
fn device(folder: &Path, wish: &MetricTagWish) -> Result<(FileChange, Value), String> {
    let MetricDevice { name, connection, source, .. } = &wish.device;
    let name = name.trim();
    if name.is_empty() {
        return Err("a device needs a name".to_owned());
    }
    let mut problems = Problems::default();
    let sources = read::read(folder, &Texts::new(), &mut problems);
    let lists = lists_at(&sources, "devices");
    if lists.iter().flat_map(|list| &list.entries).any(|entry| name_of(entry) == name) {
        return Err(format!("there is a device \"{name}\" already; give this one another name"));
    }
    let is_beside = |list: &&List| list.entries.iter().any(|entry| entry["connection"] == connection.as_str());
    let list = lists.iter().find(is_beside).or(lists.first());
    let list = list.ok_or_else(|| "the station file cannot be read".to_owned())?;
    let mut entry = json!({"name": name, "connection": connection, "sparkplug": source});
    if wish.metric.is_none() {
        entry["take_in"] = json!("all");
    }
    let edit = ListEdit { added: vec![entry.clone()], ..ListEdit::default() };
    let new = with_list(&list.text, &list.path, &edit)
        .ok_or_else(|| format!("{} has no list \"devices\"; [] would be right", list.file))?;
    Ok((FileChange { name: list.file.clone(), old: list.text.clone(), new }, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::apply;
    use serde_json::json;

    const STATION: &str = r#"{
        "connections": [{"name": "site", "mqtt": {"url": "mqtt://127.0.0.1", "sparkplug": {"host_id": "polder", "groups": ["north"]}}}],
        "devices": [
            {"name": "edge", "connection": "site", "sparkplug": "north/edge"}
        ],
        "tags": [{"name": "known", "device": "edge", "metric": "Load"}]}"#;

    fn wish(name: &str, device: &str, is_known: bool, metric: Option<&str>) -> MetricTagWish {
        let source = if is_known { "north/edge" } else { "north/edge/pump" }.to_owned();
        let device = MetricDevice { name: device.to_owned(), connection: "site".to_owned(), source, is_known };
        let (name, metric) = (name.to_owned(), metric.map(str::to_owned));
        MetricTagWish { name, device, metric, kind: Kind::Bool, unit: "rpm".to_owned() }
    }

    fn words(plan: &ImportPlan) -> String {
        plan.problems.iter().map(|problem| problem.words.clone()).collect()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), STATION).unwrap();
        folder
    }

    fn written(folder: &Path) -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join("station.json")).unwrap()).unwrap()
    }

    #[test]
    fn a_metric_of_a_stranger_brings_its_device_along() {
        let folder = folder();
        let plan = plan_metric_tag(folder.path(), &wish("pump/on", "pump", false, Some("Motor, \"left\"/On")));
        assert_eq!(words(&plan), "");
        let device = json!({"name": "pump", "connection": "site", "sparkplug": "north/edge/pump"});
        assert_eq!(plan.devices, [("station.json".to_owned(), device.clone())]);
        assert_eq!(written(folder.path()), serde_json::from_str::<Value>(STATION).unwrap(), "a plan writes nothing");
        apply(folder.path(), &plan).unwrap();
        let now = written(folder.path());
        assert_eq!(now["devices"][1], device);
        let tag =
            json!({"name": "pump/on", "device": "pump", "type": "bool", "metric": "Motor, \"left\"/On", "unit": "rpm"});
        assert_eq!(now["tags"][1], tag);
        let text = std::fs::read_to_string(folder.path().join("station.json")).unwrap();
        assert!(text.starts_with(&STATION[..STATION.find("edge\"}").unwrap()]), "nothing else changes: {text}");
    }

    /// A metric of this name was never found, as the sheet took the space from it.
    #[test]
    fn a_name_with_spaces_around_it_stays_as_it_is() {
        let folder = folder();
        let plan = plan_metric_tag(folder.path(), &wish("on", "edge", true, Some(" On ")));
        assert_eq!(words(&plan), "");
        apply(folder.path(), &plan).unwrap();
        assert_eq!(written(folder.path())["tags"][1]["metric"], " On ");
    }

    #[test]
    fn a_metric_of_a_known_device_adds_a_tag_alone_and_a_source_is_taken_in_whole() {
        let folder = folder();
        let plan = plan_metric_tag(folder.path(), &wish("on", "edge", true, Some("On")));
        assert_eq!((words(&plan), plan.devices.len(), plan.changes.len()), (String::new(), 0, 1));
        let plan = plan_metric_tag(folder.path(), &wish("", "pump", false, None));
        assert_eq!((words(&plan), plan.changes.len()), (String::new(), 0));
        apply(folder.path(), &plan).unwrap();
        assert_eq!(written(folder.path())["devices"][1]["take_in"], "all");
    }

    #[test]
    fn what_cannot_be_a_tag_is_refused_in_words() {
        let folder = folder();
        let planned = |wish: MetricTagWish| words(&plan_metric_tag(folder.path(), &wish));
        assert_eq!(planned(wish(" ", "pump", false, Some("On"))), "a tag needs a name");
        assert_eq!(planned(wish("x", " ", false, Some("On"))), "a device needs a name");
        assert_eq!(planned(wish("known", "edge", true, Some("On"))), "there is a tag \"known\" already");
        let taken = planned(wish("x", "edge", false, Some("On")));
        assert_eq!(taken, "there is a device \"edge\" already; give this one another name");
        let mut elsewhere = wish("x", "pump", false, Some("On"));
        elsewhere.device.source = "south/edge".to_owned();
        assert!(planned(elsewhere).contains("the group south"), "a group that is not listened to");
    }
}
