//! Tools that look at a station folder without running it.

use super::output::out_line;
use crate::config::{self, FOUND_FILE, STATION_FILE, Severity};
use crate::recorder::{RECORDS_FILE, Verified, verify_folder};
use crate::tag::Generation;
use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn new(folder: &Path) -> anyhow::Result<ExitCode> {
    let path = folder.join(STATION_FILE);
    if path.exists() {
        bail!("{} is there already; nothing was changed", path.display());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    std::fs::write(&path, config::STARTER).with_context(|| format!("{} cannot be written", path.display()))?;
    out_line!("{} was written. Change it, then: polder check {}", path.display(), folder.display());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check(folder: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(folder, Generation(1));
    for problem in &loaded.problems {
        out_line!("{problem}");
    }
    if loaded.problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Ok(ExitCode::from(1));
    }
    if let Some(plant) = loaded.plant {
        let directory = &plant.plan.directory;
        let counts =
            (directory.connections().len(), directory.devices().len(), directory.tags().len(), plant.plan.alarms.len());
        out_line!("good: {} connections, {} devices, {} tags, {} alarms", counts.0, counts.1, counts.2, counts.3);
        if !plant.found.is_empty() {
            out_line!("{} of the tags were found at run time ({FOUND_FILE})", plant.found.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn schema() -> anyhow::Result<ExitCode> {
    out_line!("{}", serde_json::to_string_pretty(&config::schema())?);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn tags(folder: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let plant = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    let directory = &plant.plan.directory;
    let lines: Vec<_> = directory
        .iter()
        .map(|(id, tag)| {
            let device = tag.device.and_then(|device| directory.device(device));
            serde_json::json!({
                "tag": tag.key, "device": device.map(|device| &*device.name), "address": &*tag.address, "unit": &*tag.unit,
                "command": plant.plan.commands.contains_key(&id), "description": &*tag.description,
                "found": plant.found.contains(&id),
            })
        })
        .collect();
    if as_json {
        out_line!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(ExitCode::SUCCESS);
    }
    for (id, tag) in directory.iter() {
        let device = tag.device.and_then(|device| directory.device(device)).map_or("", |device| &device.name);
        let found = if plant.found.contains(&id) { " (found)" } else { "" };
        out_line!("{:<40} {:<16} {:<28} {}{found}", tag.key.as_str(), device, tag.address, tag.unit);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn verify(folder: &Path) -> anyhow::Result<ExitCode> {
    let path = folder.join(RECORDS_FILE);
    if !path.exists() {
        bail!("{} has no records yet", folder.display());
    }
    match verify_folder(folder)? {
        Ok(verified) => {
            say(&verified);
            Ok(ExitCode::from(u8::from(!verified.is_whole())))
        }
        Err(broken) => {
            out_line!("{broken}");
            Ok(ExitCode::from(1))
        }
    }
}

/// A record that was begun because the one before was damaged is not whole by itself, and is not called so.
fn say(verified: &Verified) {
    if verified.formers.is_empty() && verified.unnamed.is_empty() {
        out_line!("the record holds: {} entries, without gaps", verified.entries);
        return;
    }
    out_line!("{RECORDS_FILE}: its {} entries hold, without gaps; it is not the whole record", verified.entries);
    for (former, state) in &verified.formers {
        let at = former.time.to_rfc3339();
        out_line!("{}: set aside at {at} because it was damaged ({}); {state}", former.file, former.damage);
    }
    for name in &verified.unnamed {
        out_line!("{name}: set aside earlier; no record that can be read says how far it went");
    }
    if verified.is_whole() {
        out_line!("together they hold as far as they could be read when they were set aside");
    } else {
        out_line!("what was before cannot be proved");
    }
}
