//! What the station file says about every alarm, as far as the list is sorted, grouped and searched by it. It is made once for a plan, with
//! numbers for the names, so that a list of thousands compares and makes no names for each picture.

use super::choice::Grouping;
use crate::alarm::{AlarmView, Priority, Subject};
use crate::engine::Plan;
use crate::tag::TagKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of one alarm.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) area: Arc<str>,
    pub(super) device: Arc<str>,
    pub(super) tag: Option<TagKey>,
    pub(super) limit: Option<f64>,
    first_out: Arc<str>,
    numbers: Numbers,
}

/// The places of an alarm's names among all names of their kind, which stand in alphabetical order.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    area: usize,
    device: usize,
    area_and_device: usize,
    first_out: usize,
}

impl Known {
    /// The place of its area among all areas in alphabetical order.
    pub(super) const fn area_number(&self) -> usize {
        self.numbers.area
    }

    fn of(slot: usize, plan: &Plan) -> Self {
        let (alarm, directory) = (&plan.alarms[slot], &plan.directory);
        let (tag, device) = match alarm.subject {
            Subject::Tag(tag) => {
                let definition = directory.tag(tag);
                (definition.map(|tag| tag.key.clone()), definition.and_then(|tag| tag.device))
            }
            Subject::Device(device) => (None, Some(device)),
        };
        Self {
            area: alarm.area.clone().unwrap_or_default(),
            device: device.and_then(|id| directory.device(id)).map(|device| device.name.clone()).unwrap_or_default(),
            tag,
            limit: alarm.condition.limit(),
            first_out: alarm.group.clone().unwrap_or_default(),
            numbers: Numbers::default(),
        }
    }
}

/// All alarms of a plan.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    /// By slot.
    known: Vec<Known>,
    /// What stands for an alarm that the plan does not know.
    unknown: Known,
    areas: Vec<Arc<str>>,
    devices: Vec<Arc<str>>,
    areas_and_devices: Vec<Arc<str>>,
    first_outs: Vec<Arc<str>>,
}

impl Catalogue {
    /// Of this plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut known: Vec<Known> = (0..plan.alarms.len()).map(|slot| Known::of(slot, plan)).collect();
        known.push(Known::default());
        let areas = numbered(&mut known, |one| or(&one.area, NO_AREA), |numbers| &mut numbers.area);
        let devices = numbered(&mut known, |one| or(&one.device, NO_DEVICE), |numbers| &mut numbers.device);
        let both = |one: &Known| (or(&one.area, NO_AREA), or(&one.device, NO_DEVICE));
        let pairs = numbered(&mut known, both, |numbers| &mut numbers.area_and_device);
        let first_out = |one: &Known| or(&one.first_out, "no first-out group");
        let first_outs = numbered(&mut known, first_out, |numbers| &mut numbers.first_out);
        Self {
            areas,
            devices,
            areas_and_devices: pairs.into_iter().map(|(area, device)| format!("{area}, {device}").into()).collect(),
            first_outs,
            unknown: known.pop().unwrap_or_default(),
            known,
        }
    }

    /// What is known of this alarm.
    pub(super) fn known(&self, view: &AlarmView) -> &Known {
        self.known.get(view.slot).unwrap_or(&self.unknown)
    }

    /// How many areas there are, alarms without one among them.
    pub(super) const fn area_count(&self) -> usize {
        self.areas.len()
    }

    /// How many groups there can be.
    pub(super) const fn group_count(&self, grouping: Grouping) -> usize {
        match grouping {
            Grouping::None => 1,
            Grouping::Area => self.areas.len(),
            Grouping::Device => self.devices.len(),
            // Those that are alone at their device share a group with the others of their area.
            Grouping::AreaAndDevice => self.areas_and_devices.len() + self.areas.len(),
            Grouping::Priority => Priority::ALL.len(),
            Grouping::FirstOut => self.first_outs.len(),
        }
    }

    /// The group of each of these alarms, by its number. By area and device, those that are alone at their device stand together.
    pub(super) fn groups_of<'a>(&self, views: impl Iterator<Item = &'a AlarmView>, grouping: Grouping) -> Vec<usize> {
        let number = |view: &AlarmView| {
            let numbers = self.known(view).numbers;
            match grouping {
                Grouping::None => 0,
                Grouping::Area => numbers.area,
                Grouping::Device => numbers.device,
                Grouping::AreaAndDevice => numbers.area_and_device,
                Grouping::Priority => view.priority as usize,
                Grouping::FirstOut => numbers.first_out,
            }
        };
        if grouping != Grouping::AreaAndDevice {
            return views.map(number).collect();
        }
        let both: Vec<(usize, usize)> = views.map(|view| (number(view), self.known(view).numbers.area)).collect();
        let mut counts = vec![0_u32; self.areas_and_devices.len()];
        both.iter().for_each(|(number, _)| counts[*number] += 1);
        let shared = self.areas_and_devices.len();
        let group = |(number, area): (usize, usize)| if counts[number] == 1 { shared + area } else { number };
        both.into_iter().map(group).collect()
    }

    /// What the alarms of a group share.
    pub(super) fn group_name(&self, grouping: Grouping, number: usize) -> Arc<str> {
        let alone = |number: usize| format!("{}, one alarm of each device", self.areas[number]).into();
        match grouping {
            Grouping::None => Arc::default(),
            Grouping::Area => self.areas[number].clone(),
            Grouping::Device => self.devices[number].clone(),
            Grouping::AreaAndDevice => match number.checked_sub(self.areas_and_devices.len()) {
                Some(area) => alone(area),
                None => self.areas_and_devices[number].clone(),
            },
            Grouping::Priority => {
                let priority = Priority::ALL[number];
                format!("priority {}, {}", priority.number(), priority.word()).into()
            }
            Grouping::FirstOut => self.first_outs[number].clone(),
        }
    }
}

const NO_AREA: &str = "no area";
const NO_DEVICE: &str = "no device";

fn or(name: &Arc<str>, nothing: &str) -> Arc<str> {
    if name.is_empty() { nothing.into() } else { Arc::clone(name) }
}

/// Numbers names in alphabetical order; the names in this order.
fn numbered<N: Ord>(
    known: &mut [Known],
    name: impl Fn(&Known) -> N,
    number: impl Fn(&mut Numbers) -> &mut usize,
) -> Vec<N> {
    let mut numbers: BTreeMap<N, usize> = known.iter().map(|one| (name(one), 0)).collect();
    numbers.values_mut().enumerate().for_each(|(place, number)| *number = place);
    for one in known {
        let place = numbers.get(&name(one)).copied().unwrap_or_default();
        *number(&mut one.numbers) = place;
    }
    numbers.into_keys().collect()
}
