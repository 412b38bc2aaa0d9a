//! Which alarms stand in the list, and in which order. Pure: the alarms and what the operator chose in, lines out.

use super::catalogue::Catalogue;
use super::choice::{Choice, Column, Grouping};
use crate::alarm::{AlarmView, Priority};
use std::cmp::Ordering;
use std::sync::Arc;

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
        catalogue: &Catalogue,
        choice: &Choice,
        value: &dyn Fn(&AlarmView) -> Option<f64>,
    ) -> Self {
        let mut arranged = Self { total: views.len(), ..Self::default() };
        let mut fitting: Vec<usize> = Vec::with_capacity(views.len());
        let sought = choice.filter.sought();
        for (place, view) in views.iter().enumerate() {
            if sought.fits(view, catalogue.known(view)) {
                fitting.push(place);
            } else {
                arranged.hidden_critical += usize::from(is_urgent(view));
            }
        }
        arranged.fitting = fitting.len();
        sort(&mut fitting, views, catalogue, choice, value);
        if choice.grouping == Grouping::None {
            arranged.lines = fitting.into_iter().map(Line::Alarm).collect();
        } else {
            arranged.group(&fitting, views, catalogue, choice);
        }
        arranged
    }

    /// Groups stand in the order of their first alarms, so that with the default order the most urgent one is on top.
    fn group(&mut self, fitting: &[usize], views: &[AlarmView], catalogue: &Catalogue, choice: &Choice) {
        let grouping = choice.grouping;
        let mut groups = catalogue.groups_of(fitting.iter().map(|place| &views[*place]), grouping);
        let mut found: Vec<Option<usize>> = vec![None; catalogue.group_count(grouping)];
        let mut areas = Vec::new();
        for (place, group) in fitting.iter().zip(&mut groups) {
            let view = &views[*place];
            let number = *found[*group].get_or_insert_with(|| {
                let name = catalogue.group_name(grouping, *group);
                let is_closed = choice.closed.contains(&name);
                self.groups.push(Group { name, counts: [0; 4], waiting: 0, is_closed });
                areas.push(catalogue.known(view).area_number());
                self.groups.len() - 1
            });
            self.groups[number].counts[view.priority as usize] += 1;
            self.groups[number].waiting += usize::from(view.state.needs_acknowledgement());
            *group = number;
        }
        let order = match grouping {
            Grouping::AreaAndDevice => by_area(&areas, catalogue.area_count()),
            _ => (0..self.groups.len()).collect(),
        };
        let mut next = self.put_heads(&order);
        for (place, number) in fitting.iter().zip(groups) {
            if self.groups[number].is_closed {
                self.folded += 1;
                self.hidden_critical += usize::from(is_urgent(&views[*place]));
            } else {
                self.lines[next[number]] = Line::Alarm(*place);
                next[number] += 1;
            }
        }
    }

    /// Makes room for all groups in this order, each with its head; where the alarms of each group begin.
    fn put_heads(&mut self, order: &[usize]) -> Vec<usize> {
        let mut begins = vec![0; self.groups.len()];
        for number in order {
            self.lines.push(Line::Head(*number));
            begins[*number] = self.lines.len();
            let group = &self.groups[*number];
            let room = if group.is_closed { 0 } else { group.count() };
            self.lines.resize(self.lines.len() + room, Line::Head(*number));
        }
        begins
    }
}

/// Groups of one area stand together, where the first one of the area does.
fn by_area(areas: &[usize], count: usize) -> Vec<usize> {
    let mut first: Vec<Option<usize>> = vec![None; count];
    let ranks: Vec<usize> =
        areas.iter().enumerate().map(|(number, area)| *first[*area].get_or_insert(number)).collect();
    let mut order: Vec<usize> = (0..areas.len()).collect();
    order.sort_by_key(|number| ranks[*number]);
    order
}

/// Whether nobody may overlook it.
pub(super) fn is_urgent(view: &AlarmView) -> bool {
    view.priority == Priority::Critical && view.state.needs_acknowledgement()
}

/// What is sorted by: numbers before words, and what has none of both comes last.
enum Key<'a> {
    Number(f64),
    Words(&'a str),
    Nothing,
}

impl Key<'_> {
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
    fitting: &mut Vec<usize>,
    views: &[AlarmView],
    catalogue: &Catalogue,
    choice: &Choice,
    value: &dyn Fn(&AlarmView) -> Option<f64>,
) {
    let Some((column, is_reversed)) = choice.sorting else { return };
    let number = |number: Option<f64>| number.map_or(Key::Nothing, Key::Number);
    let key = |place: usize| {
        let view = &views[place];
        match column {
            Column::Priority => Key::Number(f64::from(view.priority.number())),
            Column::Since | Column::Age => Key::Number(-(view.raised.as_micros() as f64)),
            Column::Alarm if view.message.is_empty() => Key::Nothing,
            Column::Alarm => Key::Words(&view.message),
            Column::Value => number(value(view)),
            Column::Limit => number(catalogue.known(view).limit),
            Column::State => Key::Number(f64::from(view.state as u8)),
            // Areas are numbered in the order of their names.
            Column::Area => {
                let known = catalogue.known(view);
                number((!known.area.is_empty()).then(|| known.area_number() as f64))
            }
        }
    };
    let mut keyed: Vec<(Key<'_>, usize)> = fitting.drain(..).map(|place| (key(place), place)).collect();
    keyed.sort_by(|(one, _), (other, _)| match (one, other) {
        // What has nothing to sort by is last in both directions.
        (Key::Nothing, _) | (_, Key::Nothing) => one.rank().cmp(&other.rank()),
        _ if is_reversed => other.compare(one),
        _ => one.compare(other),
    });
    fitting.extend(keyed.into_iter().map(|(_, place)| place));
}
