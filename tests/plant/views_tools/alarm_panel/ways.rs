//! The ways between the alarm panel and the other views.

use super::{all, bench, click_with, press, raise, says};
use crate::views::{Bench, nothing_is_cut, show, small, texts};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use polder::gui::View;
use serde_json::json;
use std::time::Duration;

#[test]
fn f9_shows_the_alarm_of_the_banner_in_every_view() {
    let (_bench, mut window) = bench(&all());
    show(&mut window, View::Devices);
    window.key_press(Key::F9);
    window.run_steps(3);
    assert_eq!(window.state().view(), View::Alarms);
    assert!(says(&window, "Look at the weir.") && says(&window, "Priority 1, critical, south"), "{:?}", texts(&window));
}

#[test]
fn the_trend_is_opened_at_the_moment_of_the_alarm() {
    let (mut bench, mut window) = bench(&["north/flow"]);
    bench.pass(Duration::from_secs(7200));
    bench.publish();
    click_with(&mut window, "north/flow", Modifiers::NONE);
    press(&mut window, "Open trend");
    assert_eq!(window.state().view(), View::Trends);
    let shown = texts(&window);
    assert!(shown.iter().any(|text| text.contains("13:32")) && !shown.iter().any(|text| text == "15:32"), "{shown:?}");
}

/// The station file says which screen shows what an alarm is about; it opens at the part of the plant.
#[test]
fn the_screen_of_an_alarm_opens_at_its_part_of_the_plant() {
    let tag = |number: usize, screen: Option<&str>| {
        let area = ["north", "south"][number % 2];
        let mut alarm = json!({"high": 10, "message": format!("At {number} too high")});
        if let Some(screen) = screen {
            alarm["screen"] = json!(screen);
        }
        json!({"name": format!("t{number}"), "device": format!("plc-{number}"), "register": "holding:0", "range": [0, 30],
            "area": area, "alarms": [alarm]})
    };
    let screens = [None, Some("overview"), Some("tags"), Some("trends"), Some("alarms"), Some("devices")];
    let tags: Vec<_> = screens.iter().enumerate().map(|(number, screen)| tag(number, *screen)).collect();
    let device = |number: usize| json!({"name": format!("plc-{number}"), "connection": "c", "unit": number});
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}],
        "devices": (1..=5).map(device).chain([json!({"name": "plc-0", "connection": "c"})]).collect::<Vec<_>>(), "tags": tags});
    let mut bench = Bench::new(&station.to_string());
    for number in 0..screens.len() {
        raise(&mut bench, &format!("t{number}"));
    }
    let mut window = small(&bench);
    for (number, view, words) in [
        (0, View::Overview, "level 1 · area north"),
        (1, View::Overview, "level 1 · area south"),
        (2, View::Tags, "t2"),
        (3, View::Trends, "t3"),
        (4, View::Alarms, "3 of 6 shown."),
        (5, View::Devices, "plc-5"),
    ] {
        show(&mut window, View::Alarms);
        window.get_by_label_contains(&format!("At {number} too high, ")).click();
        window.run_steps(3);
        press(&mut window, "Open screen");
        assert_eq!(window.state().view(), view, "{number}");
        assert!(texts(&window).iter().any(|text| text.starts_with(words)), "{number}: {:?}", texts(&window));
        nothing_is_cut(&window, words);
        match view {
            View::Overview => {
                assert!(says(&window, "3 alarms of other areas not shown here."), "{:?}", texts(&window));
                press(&mut window, "Whole plant");
                assert!(says(&window, "whole plant") && !says(&window, "of other areas"));
            }
            View::Alarms => press(&mut window, "Show all"),
            _ => {}
        }
    }
}
