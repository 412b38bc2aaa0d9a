//! Which alarms stand where, and that nothing moves under a hand.

use super::arrange::{Arrangement, Line};
use super::catalogue::Catalogue;
use super::choice::{Choice, Column, Filter, Grouping, Standing};
use crate::alarm::{
    AlarmDefinition, AlarmKey, AlarmView, Condition, ConditionState, OccurrenceId, Priority, State, Subject,
};
use crate::engine::Plan;
use crate::tag::{DeviceId, Timestamp};
use std::sync::Arc;

/// Alarms by number: area, priority, state, second at which it was raised.
type Row = (u64, &'static str, Priority, State, i64);

const ROWS: [Row; 5] = [
    (1, "north", Priority::Critical, State::Unacknowledged, 50),
    (2, "south", Priority::High, State::Unacknowledged, 60),
    (3, "north", Priority::Low, State::ReturnedUnacknowledged, 10),
    (4, "", Priority::High, State::Acknowledged, 70),
    (5, "south", Priority::Critical, State::Acknowledged, 20),
];

pub(super) fn plant(rows: &[Row]) -> (Plan, Vec<AlarmView>) {
    let mut plan = Plan::default();
    let mut views = Vec::new();
    for (slot, (number, area, priority, state, raised)) in rows.iter().enumerate() {
        let key = AlarmKey::new(&format!("device-{number}"), "lost");
        plan.alarms.push(AlarmDefinition {
            key: key.clone(),
            subject: Subject::Device(DeviceId(slot as u32)),
            condition: Condition::DeviceLost,
            deadband: 0.0,
            on_delay: std::time::Duration::ZERO,
            off_delay: std::time::Duration::ZERO,
            priority: *priority,
            message: format!("Alarm {number}").into(),
            guidance: "".into(),
            area: (!area.is_empty()).then(|| Arc::from(*area)),
            latch: false,
            suppress_when: None,
            presentation: crate::alarm::Presentation::default(),
            group: None,
        });
        let raised = Timestamp::from_micros(raised * 1_000_000);
        views.push(AlarmView {
            key,
            subject: Subject::Device(DeviceId(slot as u32)),
            slot,
            hides: 0,
            occurrence: OccurrenceId(*number),
            state: *state,
            priority: *priority,
            raised,
            changed: raised,
            value: None,
            message: format!("Alarm {number}").into(),
            condition: ConditionState { active: state.is_active(), unevaluated: false },
            aside: None,
            group: None,
            is_first_out: false,
        });
    }
    views.sort_by_cached_key(AlarmView::sort_key);
    (plan, views)
}

fn arranged(choice: &Choice) -> (Arrangement, Vec<String>) {
    let (plan, views) = plant(&ROWS);
    let arrangement = Arrangement::of(&views, &Catalogue::of(&plan), choice, &|view| Some(view.occurrence.0 as f64));
    let words = |line: &Line| match line {
        Line::Alarm(place) => views[*place].occurrence.to_string(),
        Line::Head(number) => format!("[{}]", arrangement.groups[*number].name),
    };
    let lines = arrangement.lines.iter().map(words).collect();
    (arrangement, lines)
}

#[test]
fn the_most_urgent_is_on_top_unless_somebody_sorts_otherwise() {
    for (sorting, expected) in [
        (None, "1 2 3 5 4"),
        (Some((Column::Priority, false)), "1 5 2 4 3"),
        (Some((Column::Priority, true)), "3 2 4 1 5"),
        (Some((Column::Since, false)), "4 2 1 5 3"),
        (Some((Column::Age, true)), "3 5 1 2 4"),
        (Some((Column::Alarm, false)), "1 2 3 4 5"),
        (Some((Column::Value, true)), "5 4 3 2 1"),
        (Some((Column::State, false)), "1 2 5 4 3"),
        // What has no area is last, in both directions.
        (Some((Column::Area, false)), "1 3 2 5 4"),
        (Some((Column::Area, true)), "2 5 1 3 4"),
    ] {
        let (_, lines) = arranged(&Choice { sorting, ..Choice::default() });
        assert_eq!(lines.join(" "), expected, "{sorting:?}");
    }
}

#[test]
fn a_head_sorts_one_way_then_the_other_then_no_more() {
    let mut choice = Choice::default();
    let mut told = Vec::new();
    for column in [Column::Area, Column::Area, Column::Area, Column::Area, Column::State] {
        choice.press(column);
        told.push(choice.sorting);
    }
    let area = |is_reversed| Some((Column::Area, is_reversed));
    assert_eq!(told, [area(false), area(true), None, area(false), Some((Column::State, false))]);
}

/// The station file says "Level {north/level}"; what is looked for is what the operator reads.
#[test]
fn a_message_that_tells_values_is_found_as_it_is_shown() {
    let (mut plan, mut views) = plant(&ROWS);
    plan.alarms[views[0].slot].message = "Level {north/level}".into();
    views[0].message = "Level 3.31 m".into();
    let (found, missed) = ("3.31 level", "{north/level}");
    for (text, fitting) in [(found, 1), (missed, 0)] {
        let mut choice = Choice::default();
        choice.filter.text = text.into();
        let arrangement = Arrangement::of(&views, &Catalogue::of(&plan), &choice, &|_| None);
        assert_eq!(arrangement.fitting, fitting, "{text}");
    }
}

#[test]
fn what_is_filtered_away_is_counted_and_a_critical_one_that_waits_most_of_all() {
    let filter = |change: fn(&mut Filter)| {
        let mut choice = Choice::default();
        change(&mut choice.filter);
        let (arrangement, lines) = arranged(&choice);
        assert_eq!(arrangement.total, 5);
        (lines.join(" "), arrangement.fitting, arrangement.hidden_critical)
    };
    assert_eq!(filter(|_| {}), ("1 2 3 5 4".into(), 5, 0));
    assert_eq!(filter(|filter| filter.text = "ALARM 2".into()), ("2".into(), 1, 1));
    assert_eq!(filter(|filter| filter.text = "device-4 4".into()), ("4".into(), 1, 1));
    assert_eq!(filter(|filter| filter.area = Some("north".into())), ("1 3".into(), 2, 0));
    assert_eq!(filter(|filter| filter.priorities[0] = false), ("2 3 4".into(), 3, 1));
    assert_eq!(filter(|filter| filter.standing = Standing::Waiting), ("1 2 3".into(), 3, 0));
    assert_eq!(filter(|filter| filter.standing = Standing::Returned), ("3".into(), 1, 1));
    assert_eq!(filter(|filter| filter.standing = Standing::Active), ("1 2 5 4".into(), 4, 0));
}

#[test]
fn groups_have_their_counts_and_closed_ones_keep_them() {
    let mut choice = Choice { grouping: Grouping::Area, ..Choice::default() };
    let (arrangement, lines) = arranged(&choice);
    assert_eq!(lines.join(" "), "[north] 1 3 [south] 2 5 [no area] 4");
    assert_eq!((arrangement.groups[0].counts, arrangement.groups[0].waiting), ([1, 0, 0, 1], 2));
    choice.fold(&"north".into());
    let (arrangement, lines) = arranged(&choice);
    assert_eq!(lines.join(" "), "[north] [south] 2 5 [no area] 4");
    assert_eq!((arrangement.folded, arrangement.hidden_critical), (2, 1));
    assert_eq!(arrangement.groups[0].count(), 2);
    choice.fold(&"north".into());
    assert_eq!(arranged(&choice).1.len(), 8);
}

/// In a flood there may be hundreds of devices with one alarm each: a head for every one of them would hide the rest.
#[test]
fn by_area_and_device_areas_stay_together_and_single_alarms_share_a_head() {
    let rows: Vec<Row> = ["north", "south", "north", "south", "north"]
        .into_iter()
        .zip(1..)
        .map(|(area, number)| (number, area, Priority::High, State::Unacknowledged, 100 - number as i64))
        .collect();
    let (mut plan, views) = plant(&rows);
    let device = |name: &str| crate::tag::DeviceDefinition {
        name: name.into(),
        connection: crate::tag::ConnectionId(0),
        station: None,
        area: None,
        address: "".into(),
    };
    // Alarms 3 and 5 are of one device, the others of one each.
    plan.directory = Arc::new(crate::tag::Directory::new(
        Vec::new(),
        ["a", "b", "c", "d"].into_iter().map(device).collect(),
        Vec::new(),
    ));
    for (slot, device) in [0, 1, 2, 3, 2].into_iter().enumerate() {
        plan.alarms[slot].subject = Subject::Device(DeviceId(device));
    }
    let choice = Choice { grouping: Grouping::AreaAndDevice, ..Choice::default() };
    let arrangement = Arrangement::of(&views, &Catalogue::of(&plan), &choice, &|_| None);
    let told: Vec<String> = arrangement
        .lines
        .iter()
        .map(|line| match line {
            Line::Alarm(place) => views[*place].occurrence.to_string(),
            Line::Head(number) => format!("[{}]", arrangement.groups[*number].name),
        })
        .collect();
    let north = "[north, one alarm of each device] 1 [north, c] 3 5";
    assert_eq!(told.join(" "), format!("{north} [south, one alarm of each device] 2 4"));
}

/// Alarms of some areas, devices and first-out groups, some without; the same for the same seed.
fn scattered(seed: u64) -> (Plan, Vec<AlarmView>) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut below = move |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let states =
        [State::Unacknowledged, State::Acknowledged, State::ReturnedUnacknowledged, State::LatchedUnacknowledged];
    let rows: Vec<Row> = (1..=40)
        .map(|number| {
            let area = ["", "north", "south", "east"][below(4) as usize];
            (number, area, Priority::ALL[below(4) as usize], states[below(4) as usize], below(20) as i64)
        })
        .collect();
    let (mut plan, mut views) = plant(&rows);
    let devices = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|name| crate::tag::DeviceDefinition {
        name: name.into(),
        connection: crate::tag::ConnectionId(0),
        station: None,
        area: None,
        address: "".into(),
    });
    plan.directory = Arc::new(crate::tag::Directory::new(Vec::new(), devices.into(), Vec::new()));
    for slot in 0..plan.alarms.len() {
        // Device 10 and beyond are not in the plant.
        plan.alarms[slot].subject = Subject::Device(DeviceId(below(12) as u32));
        plan.alarms[slot].group = [None, Some("pumping".into()), Some("tide".into())][below(3) as usize].clone();
    }
    for view in &mut views {
        view.group = plan.alarms[view.slot].group.clone();
    }
    (plan, views)
}

/// The groups by their names alone, slowly: what stands in the list below which head.
fn grouped_by_name(plan: &Plan, views: &[AlarmView], grouping: Grouping) -> Vec<(String, Vec<u64>)> {
    let area = |view: &AlarmView| plan.alarms[view.slot].area.as_deref().unwrap_or("no area").to_owned();
    let device = |view: &AlarmView| match plan.alarms[view.slot].subject {
        Subject::Device(device) => {
            plan.directory.device(device).map_or_else(|| "no device".to_owned(), |device| device.name.to_string())
        }
        Subject::Tag(_) => "no device".to_owned(),
    };
    let both = |view: &AlarmView| (area(view), device(view));
    let is_alone = |one: &AlarmView| views.iter().filter(|view| both(view) == both(one)).count() == 1;
    let name = |view: &AlarmView| match grouping {
        Grouping::None => String::new(),
        Grouping::Area => area(view),
        Grouping::Device => device(view),
        Grouping::AreaAndDevice if is_alone(view) => format!("{}, one alarm of each device", area(view)),
        Grouping::AreaAndDevice => format!("{}, {}", area(view), device(view)),
        Grouping::Priority => format!("priority {}, {}", view.priority.number(), view.priority.word()),
        Grouping::FirstOut => view.group.as_deref().unwrap_or("no first-out group").to_owned(),
    };
    let mut groups: Vec<(String, String, Vec<u64>)> = Vec::new();
    for view in views {
        match groups.iter_mut().find(|(known, _, _)| *known == name(view)) {
            Some((_, _, members)) => members.push(view.occurrence.0),
            None => groups.push((name(view), area(view), vec![view.occurrence.0])),
        }
    }
    if grouping == Grouping::AreaAndDevice {
        let areas: Vec<String> = groups.iter().map(|(_, area, _)| area.clone()).collect();
        groups.sort_by_key(|(_, area, _)| areas.iter().position(|first| first == area));
    }
    groups.into_iter().map(|(name, _, members)| (name, members)).collect()
}

#[test]
fn groups_are_those_of_their_names() {
    for seed in 0..60 {
        let (plan, views) = scattered(seed);
        let catalogue = Catalogue::of(&plan);
        for grouping in Grouping::ALL.into_iter().filter(|grouping| *grouping != Grouping::None) {
            let mut choice = Choice { grouping, ..Choice::default() };
            let expected = grouped_by_name(&plan, &views, grouping);
            for closed in [None, Some(expected[seed as usize % expected.len()].0.as_str())] {
                choice.closed = closed.into_iter().map(Arc::from).collect();
                let arranged = Arrangement::of(&views, &catalogue, &choice, &|_| None);
                let mut told: Vec<(String, Vec<u64>)> = Vec::new();
                for line in &arranged.lines {
                    match line {
                        Line::Head(number) => told.push((arranged.groups[*number].name.to_string(), Vec::new())),
                        Line::Alarm(place) => told.last_mut().unwrap().1.push(views[*place].occurrence.0),
                    }
                }
                let shown = |(name, members): &(String, Vec<u64>)| {
                    let members = if closed == Some(name) { Vec::new() } else { members.clone() };
                    (name.clone(), members)
                };
                assert_eq!(told, expected.iter().map(shown).collect::<Vec<_>>(), "{seed} {grouping:?} {closed:?}");
                let folded: usize =
                    expected.iter().filter(|(name, _)| closed == Some(name)).map(|(_, members)| members.len()).sum();
                assert_eq!((arranged.folded, arranged.fitting), (folded, views.len()), "{seed} {grouping:?}");
                assert!(arranged.groups.iter().all(|group| {
                    let members = &expected.iter().find(|(name, _)| *name == *group.name).unwrap().1;
                    group.count() == members.len()
                }));
            }
        }
    }
}
