//! The station file: from what a person wrote to what the engine and the drivers run, with every problem named at once, at its place.

mod alarm_entries;
mod alarm_kinds;
mod alarm_words;
mod alarms;
mod backup;
mod bridge_entries;
mod bridges;
mod closed_topics;
mod compile;
mod compiled;
mod connection_entries;
mod copy;
mod device_entries;
mod drafts;
mod file;
mod found;
mod history;
mod link;
mod manual;
mod modbus;
mod mqtt;
mod mqtt_entries;
mod names;
mod picture;
mod plant;
mod problem;
mod publication_entries;
mod publications;
mod read;
mod screen_entries;
mod shape;
mod sounds;
mod sparkplug_entries;
mod starter;
mod system;
pub mod table;
mod tag_entries;
mod tags;
mod templates;
mod tls;
mod trends;
mod units;

pub use backup::{BackupSettings, BackupTime};
pub use copy::{NewWay, readdressed};
pub use file::schema;
pub use found::{FOUND_FILE, FoundFile, FoundThing, MOST_FOUND, Merged};
pub use plant::Plant;
pub use problem::{Problem, Severity};
pub use starter::STARTER;
pub use units::duration as parse_duration;
pub use units::host_and_port as parse_address;

use crate::tag::Generation;
use std::path::Path;

/// The name of the main file in a station folder.
pub const STATION_FILE: &str = "station.json";
/// The name of the file with passwords.
pub const SECRETS_FILE: &str = "secrets.json";

/// A station file that can run, or everything that is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// The plant; none where a problem is an error.
    pub plant: Option<Plant>,
    /// Problems, in the order of the file.
    pub problems: Vec<Problem>,
    /// The files that it was made from, relative to the station folder; the file of passwords always among them.
    pub files: Vec<String>,
}

impl Loaded {
    /// The plant, or all problems as text, a line each.
    pub fn into_plant(self) -> Result<Plant, String> {
        let words = || self.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        match self.plant {
            Some(plant) => Ok(plant),
            None => Err(words()),
        }
    }
}

/// Reads, checks and compiles the station in `folder`.
pub fn load(folder: &Path, generation: Generation) -> Loaded {
    load_with(folder, &read::Texts::new(), generation)
}

/// What the password of a tool is called.
const TOOL_SECRET: &str = "password of a tool";

/// The settings of a wire alone, out of what would stand as "modbus" in the station file; all problems as text, a line each.
pub fn wire(entry: &serde_json::Value, folder: &Path) -> Result<crate::driver::modbus::Settings, String> {
    let entry = serde_json::from_value(entry.clone()).map_err(|error| error.to_string())?;
    let mut problems = problem::Problems::default();
    let settings = modbus::settings(&entry, 0, &[], folder, &problem::Place::new("", ""), &mut problems);
    alone(settings, problems)
}

/// The settings of a broker alone, out of what would stand as "mqtt" in the station file, with a password that stands in no file of a
/// station; all problems as text, a line each.
pub fn broker(
    entry: &serde_json::Value,
    folder: &Path,
    password: Option<String>,
) -> Result<crate::driver::mqtt::Settings, String> {
    let mut entry = entry.clone();
    if password.is_some() {
        entry["password"] = serde_json::json!({ "secret": TOOL_SECRET });
    }
    let entry = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let secrets = read::Secrets::alone(folder, TOOL_SECRET, password);
    let (mut problems, place) = (problem::Problems::default(), problem::Place::new("", ""));
    let settings = mqtt::settings(&entry, 0, "polder", &[], &secrets, &place, &mut problems);
    alone(settings, problems)
}

/// Settings that stand in no file, or what is wrong with them, without a place.
fn alone<T>(settings: Option<T>, problems: problem::Problems) -> Result<T, String> {
    let words = problems.into_list().into_iter().map(|problem| problem.words).collect::<Vec<_>>().join("\n");
    settings.filter(|_| words.is_empty()).ok_or(words)
}

/// The same, as the station would be with these texts in place of its files.
fn load_with(folder: &Path, texts: &read::Texts, generation: Generation) -> Loaded {
    let mut problems = problem::Problems::default();
    let sources = read::read(folder, texts, &mut problems);
    let secrets = read::Secrets::read(folder, &mut problems);
    let things = found::read(folder, &mut problems);
    let (plant, problems) = found::leave_out_faulty(things, |things| {
        let mut problems = problems.clone();
        let plant = compile::compile(&sources, &secrets, generation, things, &mut problems);
        (plant, problems)
    });
    let plant = plant.filter(|_| !problems.has_errors());
    let names = sources.iter().map(|source| source.name.as_str()).chain([STATION_FILE, SECRETS_FILE]);
    let files = names.map(str::to_owned).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    Loaded { plant, problems: problems.into_list(), files }
}

#[cfg(test)]
mod tests;
