//! Another setting of one alarm.

use super::*;
use crate::alarm::AlarmDefinition;
use crate::alarm::backtest::Setting;
use crate::config;
use crate::tag::Generation;

fn definition(folder: &Folder, key: &str) -> AlarmDefinition {
    let plan = config::load(&folder.path, Generation(1)).into_plant().unwrap().plan;
    plan.alarms.into_iter().find(|alarm| alarm.key.as_str() == key).unwrap()
}

fn save(folder: &Folder, key: &str, setting: &Setting) -> Result<(), String> {
    let plan = plan_setting(&folder.path, &definition(folder, key), setting)?;
    assert_eq!(plan.files().collect::<Vec<_>>(), [STATION_FILE]);
    apply(&folder.path, &plan).map_err(|error| error.to_string())
}

#[test]
fn only_the_setting_of_the_alarm_changes() {
    for (key, setting, from, to) in [
        (
            "d/speed:high",
            Setting { deadband: Some(13.5), ..Setting::default() },
            r#""deadband": 10,"#,
            r#""deadband": 13.5,"#,
        ),
        (
            "d/speed:low",
            Setting { off_delay_seconds: Some(20.0), on_delay_seconds: Some(2.5), ..Setting::default() },
            r#"{"low": 5}"#,
            r#"{"low": 5, "on_delay": "2.5s", "off_delay": "20s"}"#,
        ),
        (
            "d/speed:high",
            Setting { limit: Some(1420.0), ..Setting::default() },
            r#"{"high": 1400,"#,
            r#"{"high": 1420.0,"#,
        ),
        (
            "d:lost",
            Setting { on_delay_seconds: Some(15.0), ..Setting::default() },
            r#"{"name": "d", "connection": "plc"}"#,
            r#"{"name": "d", "connection": "plc", "lost": {"on_delay": "15s"}}"#,
        ),
    ] {
        let folder = Folder::new(STATION);
        save(&folder, key, &setting).unwrap();
        assert_eq!(folder.text(), STATION.replace(from, to), "{key}");
        let after = definition(&folder, key);
        assert_eq!(after, setting.apply(&after), "{key}");
    }
}

#[test]
fn what_the_file_cannot_say_of_this_alarm_alone_is_not_written() {
    let station = STATION
        .replace(
            r#"{"name": "flow", "register": "input:4"}"#,
            r#"{"name": "flow", "register": "input:4", "alarms": [{"high": 1}]}"#,
        )
        .replace(r#"{"name": "d", "connection": "plc"}"#, r#"{"name": "d", "connection": "plc", "template": "pump"}"#);
    let folder = Folder::new(&station);
    let setting = Setting { deadband: Some(1.0), ..Setting::default() };
    let why = save(&folder, "d/flow:high", &setting).unwrap_err();
    assert!(why.contains("template"), "{why}");
    // A device has no deadband.
    let why = save(&folder, "d:lost", &setting).unwrap_err();
    assert!(why.contains("deadband"), "{why}");
    // A limit that another tag says is no number.
    let moving = STATION.replace(r#"{"low": 5}"#, r#"{"low": {"tag": "d/limit"}}"#).replace(
        r#"{"name": "d/run""#,
        r#"{"name": "d/limit", "device": "d", "register": "input:8"}, {"name": "d/run""#,
    );
    let other = Folder::new(&moving);
    let why = save(&other, "d/speed:low", &Setting { limit: Some(4.0), ..Setting::default() }).unwrap_err();
    assert!(why.contains("cannot say this"), "{why}");
    assert_eq!(other.text(), moving);
    // Somebody changed the alarm since its proposal was worked out.
    let known = definition(&folder, "d/speed:high");
    std::fs::write(folder.path.join(STATION_FILE), station.replace("\"deadband\": 10,", "\"deadband\": 11,")).unwrap();
    let why = plan_setting(&folder.path, &known, &setting).unwrap_err();
    assert!(why.contains("by now"), "{why}");
    std::fs::write(
        folder.path.join(STATION_FILE),
        station.replace("{\"high\": 1400, \"priority\": \"high\", \"deadband\": 10, \"guidance\": \"Lower it.\"},", ""),
    )
    .unwrap();
    let why = plan_setting(&folder.path, &known, &setting).unwrap_err();
    assert!(why.contains("not in the station file"), "{why}");
    std::fs::write(folder.path.join(STATION_FILE), "{").unwrap();
    assert!(plan_setting(&folder.path, &known, &setting).unwrap_err().contains("not JSON"));
}
