//! Templates that come with Polder, in the words of the station file: `"template": "tasmota"`. One of the same name in the station file
//! goes before it.

use super::device_entries::TemplateEntry;
use super::drafts::{DeviceDraft, Placed};
use super::problem::{Place, Problems};

/// Name and text of each.
const BUILT_IN: &[(&str, &str)] = &[
    ("chirpstack", include_str!("../../assets/templates/chirpstack.json")),
    ("owntracks", include_str!("../../assets/templates/owntracks.json")),
    ("tasmota", include_str!("../../assets/templates/tasmota.json")),
];

/// Adds those that devices name and the station file does not have.
pub(super) fn add_built_in(
    templates: &mut Vec<Placed<TemplateEntry>>,
    devices: &[DeviceDraft],
    problems: &mut Problems,
) {
    for (name, text) in BUILT_IN {
        let wanted = devices.iter().any(|device| device.entry.template.as_deref() == Some(name));
        if !wanted || templates.iter().any(|template| template.entry.name == *name) {
            continue;
        }
        let place = Place::new(&format!("(built-in template {name})"), "");
        let entry = serde_json::from_str(text).map_err(|error| error.to_string());
        templates.extend(problems.take(&place, entry).map(|entry| Placed { entry, place }));
    }
}

/// What a template says of its devices holds where they say nothing themselves.
pub(super) fn complete(devices: &mut [DeviceDraft], templates: &[Placed<TemplateEntry>]) {
    for device in devices {
        let wanted = device.entry.template.as_deref();
        let template = templates.iter().find(|template| Some(template.entry.name.as_str()) == wanted);
        let Some(template) = template else { continue };
        let (own, common) = (&mut device.entry, &template.entry);
        own.availability = own.availability.take().or_else(|| common.availability.clone());
        own.time = own.time.take().or_else(|| common.time.clone());
        own.time_format = own.time_format.or(common.time_format);
    }
}
