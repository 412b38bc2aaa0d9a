//! The list of bridges in the devices view.

use crate::views::{Bench, noordpolder, nothing_is_covered, nothing_is_cut, show, small, texts};
use egui::Key;
use egui_kittest::kittest::Queryable;
use polder::engine::RequestBody;
use polder::gui::View;

/// The demo plant with bridges.
fn bridged(count: usize) -> String {
    let bridges = (1..=count).map(|number| {
        let (from, to) = ("north/basin/level", "north/P1/speed-setpoint");
        let to = if number == 1 { to.to_owned() } else { to.replace("north/P1", PUMPS[number - 2]) };
        format!(r#"{{"name": "level to pump {number}", "from": "{from}", "to": "{to}"}}"#)
    });
    let bridges = bridges.collect::<Vec<_>>().join(", ");
    noordpolder().replacen('{', &format!(r#"{{"bridges": [{bridges}],"#), 1)
}

const PUMPS: [&str; 4] = ["north/P2", "middle/P4", "middle/P5", "south/P7"];

#[test]
fn a_bridge_is_stopped_with_a_reason_and_started_again() {
    let mut bench = Bench::new(&bridged(1));
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    let row = "level to pump 1, north/basin/level, north/P1/speed-setpoint, copying";
    window.get_by_label_contains(row).click();
    window.run_steps(3);
    window.get_by_label("Stop...").click();
    window.run_steps(3);
    window.get_by_role_and_label(egui::Role::TextInput, "Reason").type_text("pump replaced");
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    let asked = bench.asked();
    let RequestBody::Bridge { name, on, reason } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!((&**name, *on, &**reason, asked.len()), ("level to pump 1", false, "pump replaced", 1));
    let request = asked.into_iter().next().unwrap();
    bench.carry_out(request);
    window.run_steps(3);
    assert!(window.query_by_label_contains("stopped: anna: pump replaced").is_some(), "{:?}", texts(&window));
    window.get_by_label("Start").click();
    window.run_steps(2);
    let asked = bench.asked();
    let RequestBody::Bridge { on: true, .. } = &asked[0].body else { panic!("{asked:?}") };
}

#[test]
fn many_bridges_fit_below_the_devices() {
    let bench = Bench::new(&bridged(5));
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    assert!(window.query_by_label_contains("level to pump 1, ").is_some());
    nothing_is_cut(&window, "bridges");
    nothing_is_covered(&window, "bridges");
}
