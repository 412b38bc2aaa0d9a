//! What a connection may cost: bytes, budget, alarms, over a restart.

use crate::support::{Folder, ModbusServer, Station, modbus_station, words};
use serde_json::{Value, json};

#[test]
fn a_budget_warns_twice_cuts_nothing_off_and_outlives_a_restart() {
    let plc = ModbusServer::tcp();
    let mut file =
        modbus_station(plc.port, "1s", json!([{"name": "level", "device": "plc-1", "register": "holding:10"}]));
    file["connections"][0]["budget"] = json!("0.005MB/month");
    let folder = Folder::new(&file);
    let mut running = Station::start(&folder.path);
    for (alarm, message) in [("high", "plc has taken 80 %"), ("high-high", "plc has taken all its bytes")] {
        let alarm = running.wait_alarm(&format!("station/links/plc/budget:{alarm}"), "unacknowledged");
        assert!(alarm["message"].as_str().is_some_and(|words| words.starts_with(message)), "{alarm}");
    }
    let output = words(&running.tool(&["links"]));
    assert!(output.starts_with("plc ") && output.contains("% of 5.0 kB"), "{output}");
    // It is read on, whatever it costs.
    let percent = |event: &Value| event["tag"] == "station/links/plc/budget" && event["value"].as_u64() > Some(200);
    running.wait("twice the budget", percent);
    running.stop();

    let mut running = Station::start(&folder.path);
    running.wait_good("level");
    running.wait("a month that goes on", |event| {
        let is_budget = event["tag"] == "station/links/plc/budget" && event["value"].is_u64();
        assert!(!is_budget || percent(event), "the month was empty for a moment: {event}");
        is_budget
    });
}
