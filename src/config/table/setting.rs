//! Another setting of one alarm, written into the station file: nothing else in the file changes, and nothing else in the plant.

use super::edit::{self, ListEdit};
use super::lists::{List, lists_at, name_of};
use super::plan::{FileChange, ImportPlan};
use crate::alarm::backtest::Setting;
use crate::alarm::{AlarmDefinition, Subject};
use crate::config::problem::{Problems, Severity};
use crate::config::read::{self, Texts};
use crate::engine::Plan;
use crate::tag::Generation;
use serde_json::{Map, Value};
use std::path::Path;

const ALARMS: &str = "alarms";
const LOST: &str = "lost";

/// Finds out what the setting of an alarm would change in the station in `folder`. `known` is the alarm for which it was worked out: where
/// the file says something else by now, there is nothing to write. Nothing is written.
pub fn plan_setting(folder: &Path, known: &AlarmDefinition, setting: &Setting) -> Result<ImportPlan, String> {
    let key = &known.key;
    let before = loaded(folder, &Texts::new())?;
    let slot = before.alarms.iter().position(|alarm| alarm.key == *key);
    let slot = slot.ok_or_else(|| format!("{key} is not in the station file any more"))?;
    if !is_same(&before.alarms[slot], known) {
        return Err(format!("the station file says something else about {key} by now; work the proposal out again"));
    }
    let file = match known.subject {
        Subject::Tag(_) => of_tag(folder, &before, slot, setting)?,
        Subject::Device(_) => of_device(folder, &before, slot, setting)?,
    };
    let after = loaded(folder, &Texts::from([(file.name.clone(), file.new.clone())]))?;
    let wished = setting.apply(&before.alarms[slot]);
    let is_fine = after.alarms.len() == before.alarms.len()
        && after
            .alarms
            .iter()
            .zip(&before.alarms)
            .enumerate()
            .all(|(place, (after, before))| is_same(after, if place == slot { &wished } else { before }));
    match is_fine {
        true => Ok(ImportPlan { files: vec![file], ..ImportPlan::default() }),
        false => Err(format!("the station file cannot say this of {key} alone; change it there by hand")),
    }
}

/// Whether two readings of the file say the same of an alarm, as far as settings go.
fn is_same(one: &AlarmDefinition, other: &AlarmDefinition) -> bool {
    let settings = |alarm: &AlarmDefinition| (alarm.deadband.to_bits(), alarm.on_delay, alarm.off_delay, alarm.latch);
    one.key == other.key
        && settings(one) == settings(other)
        && one.condition.word() == other.condition.word()
        && one.condition.limit() == other.condition.limit()
}

fn loaded(folder: &Path, texts: &Texts) -> Result<Plan, String> {
    let loaded = crate::config::load_with(folder, texts, Generation(1));
    let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let words = errors.map(ToString::to_string).collect::<Vec<_>>().join("; ");
    loaded.plant.map(|plant| plant.plan).ok_or(words)
}

/// The entry of this name in one of these lists: the list, its number, and the entry.
fn entry(lists: Vec<List>, name: &str) -> Option<(List, usize, Map<String, Value>)> {
    lists.into_iter().find_map(|list| {
        let number = list.entries.iter().position(|entry| name_of(entry) == name)?;
        let entry = list.entries[number].as_object()?.clone();
        Some((list, number, entry))
    })
}

fn of_tag(folder: &Path, plan: &Plan, slot: usize, setting: &Setting) -> Result<FileChange, String> {
    let subject = plan.alarms[slot].subject;
    let Subject::Tag(tag) = subject else { return Err("it is no alarm of a tag".to_owned()) };
    let name = plan.directory.tag(tag).map(|tag| tag.key.clone()).ok_or("its tag is not in the station file")?;
    let found = entry(lists_of(folder, "tags"), name.as_str());
    // Its entry stands once for all devices that have the template.
    let (list, number, mut entry) = found.ok_or_else(|| {
        format!("{name} comes from a template; a change there would be one for all its devices, so make it there")
    })?;
    let before = plan.alarms[..slot].iter().filter(|alarm| alarm.subject == subject).count();
    let alarms = entry.get_mut(ALARMS).and_then(Value::as_array_mut);
    let alarm = alarms.and_then(|alarms| alarms.iter_mut().filter_map(Value::as_object_mut).nth(before));
    put(alarm.ok_or("its alarm was not found in the station file")?, setting);
    changed(&list, number, entry)
}

fn of_device(folder: &Path, plan: &Plan, slot: usize, setting: &Setting) -> Result<FileChange, String> {
    let Subject::Device(device) = plan.alarms[slot].subject else {
        return Err("it is no alarm of a device".to_owned());
    };
    let name = plan.directory.device(device).map(|device| device.name.clone()).unwrap_or_default();
    let found = entry(lists_of(folder, "devices"), &name);
    let (list, number, mut entry) = found.ok_or("its device was not found in the station file")?;
    let lost = entry.entry(LOST).or_insert_with(|| Value::Object(Map::new()));
    put(lost.as_object_mut().ok_or("\"lost\" is no object in the station file")?, setting);
    changed(&list, number, entry)
}

fn lists_of(folder: &Path, path: &str) -> Vec<List> {
    // What is wrong in the files was told when they were loaded.
    lists_at(&read::read(folder, &Texts::new(), &mut Problems::default()), path)
}

/// A limit stands where its kind does, delays as people write them.
fn put(alarm: &mut Map<String, Value>, setting: &Setting) {
    let delay = |seconds: Option<f64>| seconds.map(|seconds| Value::from(format!("{seconds}s")));
    let kinds = ["high_high", "high", "low", "low_low"];
    let limit = kinds.into_iter().find(|kind| alarm.contains_key(*kind)).zip(setting.limit);
    let all = [
        limit.map(|(kind, limit)| (kind, Value::from(limit))),
        setting.deadband.map(|deadband| ("deadband", Value::from(deadband))),
        delay(setting.on_delay_seconds).map(|delay| ("on_delay", delay)),
        delay(setting.off_delay_seconds).map(|delay| ("off_delay", delay)),
    ];
    all.into_iter().flatten().for_each(|(key, value)| drop(alarm.insert(key.to_owned(), value)));
}

fn changed(list: &List, number: usize, entry: Map<String, Value>) -> Result<FileChange, String> {
    let edit = ListEdit { changed: [(number, Value::Object(entry))].into(), ..ListEdit::default() };
    let new = edit::with_list(&list.text, &list.path, &edit);
    let new = new.ok_or_else(|| format!("{} has no list \"{}\"", list.file, list.path))?;
    Ok(FileChange { name: list.file.clone(), old: list.text.clone(), new })
}
