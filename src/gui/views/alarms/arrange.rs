//! Which alarms stand in the list, and in which order. Pure: the alarms and what the operator chose in, lines out.

use super::choice::{Choice, Column, Grouping};
use crate::alarm::{AlarmView, Priority, Subject};
use crate::engine::Plan;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// What the station file says about an alarm, as far as it is sorted, grouped and searched by.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) area: Arc<str>,
    pub(super) device: Arc<str>,
    pub(super) tag: Arc<str>,
    pub(super) limit: Option<f64>,
}

impl Known {
    /// Of this alarm; nothing where the plan does not know it.
    pub(super) fn of(view: &AlarmView, plan: &Plan) -> Self {
        let Some(alarm) = view.definition(&plan.alarms) else { return Self::default() };
        let directory = &plan.directory;
        let (tag, device) = match alarm.subject {
            Subject::Tag(tag) => {
                let definition = directory.tag(tag);
                (definition.map(|tag| tag.key.as_str().into()), definition.and_then(|tag| tag.device))
            }
            Subject::Device(device) => (None, Some(device)),
        };
        Self {
            area: alarm.area.clone().unwrap_or_default(),
            device: device.and_then(|id| directory.device(id)).map(|device| device.name.clone()).unwrap_or_default(),
            tag: tag.unwrap_or_default(),
            limit: alarm.condition.limit(),
        }
    }
}

/// One line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The head of the group in this place.
    Head(usize),
    /// The alarm in this place of the board.
    Alarm(usize),
}

/// Alarms that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// What they share.
    pub(super) name: Arc<str>,
    /// How many there are, by priority.
    pub(super) counts: [usize; 4],
    /// How many wait for an acknowledgement.
    pub(super) waiting: usize,
    /// Whether only the head is shown.
    pub(super) is_closed: bool,
}

impl Group {
    /// How many alarms it has.
    pub(super) fn count(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// The list, from top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement {
    pub(super) lines: Vec<Line>,
    pub(super) groups: Vec<Group>,
    /// Alarms that pass the filter.
    pub(super) fitting: usize,
    /// Alarms that pass the filter and stand in a group that is closed.
    pub(super) folded: usize,
    /// Alarms that there are.
    pub(super) total: usize,
    /// Of the critical ones that wait for an acknowledgement, those that are not among the lines.
    pub(super) hidden_critical: usize,
}

impl Arrangement {
    /// Arranges alarms that stand in the order of the board. `value` is the present value of an alarm's tag.
    pub(super) fn of(
        views: &[AlarmView],
        plan: &Plan,
        choice: &Choice,
        value: &dyn Fn(&AlarmView) -> Option<f64>,
    ) -> Self {
        let mut arranged = Self { total: views.len(), ..Self::default() };
        let mut fitting: Vec<(usize, Known)> = Vec::with_capacity(views.len());
        for (place, view) in views.iter().enumerate() {
            let known = Known::of(view, plan);
            if choice.filter.fits(view, &known) {
                fitting.push((place, known));
            } else {
                arranged.hidden_critical += usize::from(is_urgent(view));
            }
        }
        arranged.fitting = fitting.len();
        sort(&mut fitting, views, choice, value);
        if choice.grouping == Grouping::None {
            arranged.lines = fitting.into_iter().map(|(place, _)| Line::Alarm(place)).collect();
        } else {
            arranged.group(&fitting, views, choice);
        }
        arranged
    }

    /// Groups stand in the order of their first alarms, so that with the default order the most urgent one is on top.
    fn group(&mut self, fitting: &[(usize, Known)], views: &[AlarmView], choice: &Choice) {
        let names = names(fitting, views, choice.grouping);
        let mut places: HashMap<&Arc<str>, usize> = HashMap::new();
        let mut members: Vec<Vec<usize>> = Vec::new();
        for ((place, _), name) in fitting.iter().zip(&names) {
            let group = *places.entry(name).or_insert_with(|| {
                let is_closed = choice.closed.contains(name);
                self.groups.push(Group { name: name.clone(), counts: [0; 4], waiting: 0, is_closed });
                members.push(Vec::new());
                members.len() - 1
            });
            let view = &views[*place];
            self.groups[group].counts[view.priority as usize] += 1;
            self.groups[group].waiting += usize::from(view.state.needs_acknowledgement());
            members[group].push(*place);
        }
        for number in self.order_of_groups(fitting, &members, choice.grouping) {
            self.lines.push(Line::Head(number));
            let members = &members[number];
            if self.groups[number].is_closed {
                self.folded += members.len();
                self.hidden_critical += members.iter().filter(|place| is_urgent(&views[**place])).count();
            } else {
                self.lines.extend(members.iter().map(|place| Line::Alarm(*place)));
            }
        }
    }

    /// Groups of one area stand together, where the area of the most urgent one does.
    fn order_of_groups(&self, fitting: &[(usize, Known)], members: &[Vec<usize>], grouping: Grouping) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        if grouping == Grouping::AreaAndDevice {
            let areas: HashMap<usize, &Arc<str>> = fitting.iter().map(|(place, known)| (*place, &known.area)).collect();
            let mut first: HashMap<&Arc<str>, usize> = HashMap::new();
            for (number, members) in members.iter().enumerate() {
                members.first().and_then(|place| areas.get(place)).map(|area| first.entry(area).or_insert(number));
            }
            let area_of = |number: &usize| members[*number].first().and_then(|place| areas.get(place));
            order.sort_by_key(|number| area_of(number).and_then(|area| first.get(area)).copied());
        }
        order
    }
}

/// The group of each alarm. By area and device, those that are alone at their device stand together.
fn names(fitting: &[(usize, Known)], views: &[AlarmView], grouping: Grouping) -> Vec<Arc<str>> {
    let name = |(place, known): &(usize, Known)| grouping.name_of(&views[*place], known);
    if grouping != Grouping::AreaAndDevice {
        return fitting.iter().map(name).collect();
    }
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for (_, known) in fitting {
        *counts.entry((&known.area, &known.device)).or_default() += 1;
    }
    // Each name is made once, however many alarms have it.
    let mut made: HashMap<(&str, Option<&str>), Arc<str>> = HashMap::new();
    let names = fitting.iter().map(|one| {
        let known = &one.1;
        let is_alone = counts.get(&(&*known.area, &*known.device)) == Some(&1);
        let make = || match is_alone {
            true => format!("{}, one alarm of each device", Grouping::Area.name_of(&views[one.0], known)).into(),
            false => name(one),
        };
        let device = (!is_alone).then_some(&*known.device);
        made.entry((&*known.area, device)).or_insert_with(make).clone()
    });
    names.collect()
}

/// Whether nobody may overlook it.
fn is_urgent(view: &AlarmView) -> bool {
    view.priority == Priority::Critical && view.state.needs_acknowledgement()
}

/// What is sorted by: numbers before words, and what has none of both comes last.
enum Key {
    Number(f64),
    Words(Arc<str>),
    Nothing,
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Words(one), Self::Words(other)) => one.cmp(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Words(_) => 1,
            Self::Nothing => 2,
        }
    }
}

/// Alarms that are equal stay in the order of the board.
fn sort(
    fitting: &mut Vec<(usize, Known)>,
    views: &[AlarmView],
    choice: &Choice,
    value: &dyn Fn(&AlarmView) -> Option<f64>,
) {
    let Some((column, is_reversed)) = choice.sorting else { return };
    let words = |words: &Arc<str>| if words.is_empty() { Key::Nothing } else { Key::Words(words.clone()) };
    let number = |number: Option<f64>| number.map_or(Key::Nothing, Key::Number);
    let key = |(place, known): &(usize, Known)| {
        let view = &views[*place];
        match column {
            Column::Priority => Key::Number(f64::from(view.priority.number())),
            Column::Since | Column::Age => Key::Number(-(view.raised.as_micros() as f64)),
            Column::Alarm => words(&view.message),
            Column::Value => number(value(view)),
            Column::Limit => number(known.limit),
            Column::State => Key::Number(f64::from(view.state as u8)),
            Column::Area => words(&known.area),
        }
    };
    let mut keyed: Vec<(Key, (usize, Known))> = fitting.drain(..).map(|one| (key(&one), one)).collect();
    keyed.sort_by(|(one, _), (other, _)| match (one, other) {
        // What has nothing to sort by is last in both directions.
        (Key::Nothing, _) | (_, Key::Nothing) => one.rank().cmp(&other.rank()),
        _ if is_reversed => other.compare(one),
        _ => one.compare(other),
    });
    fitting.extend(keyed.into_iter().map(|(_, one)| one));
}
