//! From entries to a plan and driver settings.

use super::alarms::Around;
use super::bridge_entries::BridgeEntry;
use super::compiled::Compiled;
use super::connection_entries::ConnectionEntry;
use super::device_entries::TemplateEntry;
use super::drafts::{Placed, devices, drafts, entries, slots, unique};
use super::file::StationFile;
use super::found::{self, Candidate};
use super::names::StationNames;
use super::plant::Plant;
use super::problem::{Place, Problems};
use super::publication_entries::PublicationEntry;
use super::read::{Secrets, Source};
use super::screen_entries::{OverviewEntry, TrendEntry};
use super::system::SystemPart;
use super::{alarms, backup, history, link, modbus, picture, sounds, templates, trends};
use crate::screen::Picture;
use crate::tag::{Generation, TagId};
use std::collections::HashMap;

pub(super) fn compile(
    sources: &[Source],
    secrets: &Secrets,
    generation: Generation,
    things: &[Candidate],
    problems: &mut Problems,
) -> Option<Plant> {
    let station = station_entry(sources)?;
    let name = if station.station.name.is_empty() { "Polder" } else { &station.station.name };
    let mut connections =
        unique(entries::<ConnectionEntry>(sources, "connections", problems), |entry| &entry.name, problems);
    link::fill_in(&mut connections);
    let mut templates = unique(entries::<TemplateEntry>(sources, "templates", problems), |entry| &entry.name, problems);
    let mut devices = devices(sources, &connections, problems);
    link::fill_in_devices(&mut devices, &connections);
    templates::add_built_in(&mut templates, &devices, problems);
    templates::complete(&mut devices, &templates);
    let place = Place::new(&sources.first()?.name, "station".to_owned());
    let history = (station.station.history.clone(), place.at("history"));
    let drafts = drafts(sources, &devices, &templates, &history, problems);
    let (mut drafts, patterns) = found::patterns(drafts, problems);
    let known = found::expand(&patterns, things, &devices, &mut drafts, problems);
    let listed = found::expand_lists(things, &devices, &history, &mut drafts, problems);
    let metrics = found::expand_metrics(things, &devices, &history, &mut drafts, problems);
    let slots = slots(&drafts, problems);
    let device_names = devices.iter().map(|device| device.entry.name.clone()).collect();
    let mut compiled = Compiled::new(name, &connections, &devices, secrets, problems);
    compiled.know_metrics(metrics, &devices);
    for (slot, known) in listed {
        compiled.know_list(slot, &devices, known, problems);
    }
    for (pattern, known) in patterns.iter().zip(known) {
        compiled.add_search(pattern, known, &devices, problems);
    }
    let has_limit = station.station.keep.as_ref().is_some_and(|keep| keep.most.is_some());
    let mut own = SystemPart::new(drafts.len(), compiled.is_secure(), has_limit, station.station.backup.is_some());
    compiled.link_tags = own.add_link_tags(&compiled.links);
    let bridges = entries::<BridgeEntry>(sources, "bridges", problems);
    let bridge_tags = own.add_bridge_tags(&bridges);
    let tellings = entries::<PublicationEntry>(sources, "publications", problems);
    if !tellings.is_empty() || has_edge(&connections) {
        own.add_outbox_tags();
    }
    own.check_names(&drafts, problems);
    let names = StationNames::new(&drafts, &slots, &own);
    let around = Around { names, trends: trend_names(sources), devices: device_names };
    for (slot, draft) in drafts.iter().enumerate() {
        compiled.add_tag(TagId(slot as u32), draft, &slots, &around, &devices, problems);
    }
    modbus::warn_conflicts(&drafts, problems);
    compiled.overview = overview(sources, &slots, problems);
    compiled.trends = trends::groups(entries::<TrendEntry>(sources, "trends", problems), &slots, problems);
    compiled.add_device_alarms(&devices, problems);
    compiled.add_own(own);
    let shelving = alarms::shelving(station.station.shelving.as_ref(), &place.at("shelving"), problems);
    let retention = history::retention(station.station.keep.as_ref(), &place.at("keep"), problems);
    let sound = sounds::settings(station.station.sound.as_ref(), &place.at("sound"), problems);
    let entry = station.station.backup.as_ref();
    let backup = entry.and_then(|entry| backup::settings(entry, secrets.folder(), &place.at("backup"), problems));
    let outbox = (station.station.outbox.as_ref(), place.at("outbox"));
    let places = compiled.add_publications(tellings, name, &connections, outbox, (&around, secrets.folder()), problems);
    compiled.refuse_echoes(&places, problems);
    compiled.refuse_found_commands(&drafts, problems);
    compiled.add_bridges(bridges, &bridge_tags, &slots, &around, problems);
    let mut plant = compiled.finish(name, &devices, generation);
    plant.plan.retention = retention;
    plant.plan.shelving = shelving;
    (plant.plan.sound, plant.plan.notify) = (sound, station.station.notify.unwrap_or(false));
    plant.backup = backup;
    let found = drafts.iter().enumerate().filter(|(_, draft)| draft.is_found);
    plant.found = found.map(|(slot, _)| TagId(slot as u32)).collect();
    Some(plant)
}

/// What the first file says of the station itself.
fn station_entry(sources: &[Source]) -> Option<StationFile> {
    let station = sources.first()?.value.get("station");
    let entry = station.map_or_else(|| serde_json::json!({}), |station| serde_json::json!({ "station": station }));
    // The shape was checked before, with better words.
    Some(serde_json::from_value(entry).unwrap_or_default())
}

/// Whether a connection makes an edge node of the station.
fn has_edge(connections: &[Placed<ConnectionEntry>]) -> bool {
    connections.iter().any(|connection| connection.entry.mqtt.as_ref().is_some_and(|mqtt| mqtt.edge.is_some()))
}

/// The names of all trends of the station file; whether they are right is looked at elsewhere.
fn trend_names(sources: &[Source]) -> Vec<String> {
    let trends = sources.iter().filter_map(|source| source.value.get("trends")?.as_array()).flatten();
    trends.filter_map(|trend| trend.get("name")?.as_str().map(str::to_owned)).collect()
}

fn overview(sources: &[Source], slots: &HashMap<String, TagId>, problems: &mut Problems) -> Option<Picture> {
    let source = sources.first()?;
    let place = Place::new(&source.name, "overview");
    match serde_json::from_value::<OverviewEntry>(source.value.get("overview")?.clone()) {
        Ok(entry) => Some(picture::picture(&entry, slots, &place, problems)),
        Err(error) => {
            if !problems.covers(&place) {
                problems.error(&place, error.to_string());
            }
            None
        }
    }
}
