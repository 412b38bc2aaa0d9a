//! Many rows, and any rows.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write;

/// Ten thousand registers come in, change, and go out again.
#[test]
fn ten_thousand_rows() {
    let folder = Folder::new(STATION);
    let mut sheet = "name;device;register;type;unit;description;range_low;range_high;high;high_priority\r\n".to_owned();
    for number in 0..10_000 {
        let _ = write!(
            sheet,
            "area-{}/pump-{number}/speed;d;holding:{};f32;rpm;\"Speed; of {number}\";0;1500,5;1400;high\r\n",
            number % 10,
            number * 2
        );
    }
    let plan = folder.import(&sheet);
    assert_eq!((plan.count(Effect::Added), plan.not_in_sheet), (10_000, 3));
    let sheet = folder.export(Dialect::Comma).replace(",1400,high,\r", ",1450,high,\r");
    let plan = folder.import(&sheet);
    assert_eq!((plan.count(Effect::Changed), plan.unchanged), (10_000, 3));
    let text = folder.text();
    assert!(text.contains("The nameplate says") && text.matches("\"high\": 1450, \"priority\"").count() == 10_000);
}

/// Everything is wrong, and it is still said at once.
#[test]
fn ten_thousand_problems() {
    let folder = Folder::new(STATION);
    let mut sheet = "name,device,register,command,read_back\n".to_owned();
    for number in 0..10_000 {
        let _ = writeln!(sheet, "d/setpoint-{number},d,holding:{number},yes,d/actual-{number}");
    }
    let plan = folder.plan(&sheet);
    assert_eq!(plan.problems.len(), 10_000);
    assert!(
        plan.problems[9_999].to_string().starts_with("tags.csv:10001:read_back: there is no tag \"d/actual-9999\"")
    );
}

fn text() -> impl Strategy<Value = String> {
    let text = "[-=+@'|a-z0-9 °³,;\"\\n\\t\\\\/]{1,12}".prop_map(|text| text.trim().to_owned());
    text.prop_filter("a text has letters", |text| !text.is_empty())
}

fn limit() -> impl Strategy<Value = Value> {
    prop_oneof![(-1000..1000_i32).prop_map(Value::from), (-1e6..1e6_f64).prop_map(Value::from)]
}

/// An entry that the check finds nothing wrong with, apart from its name and its register.
fn entry() -> impl Strategy<Value = Value> {
    let words = proptest::option::of(proptest::collection::vec("[a-z=0-9]{0,4}", 1..4));
    let span = proptest::option::of((-100..0_i32, 1.0..1e9_f64));
    let alarm = proptest::option::of((limit(), proptest::option::of(prop_oneof![Just("low"), Just("critical")])));
    let command = proptest::option::of((proptest::option::of(-10..0_i32), proptest::option::of(0.0..1e3_f64)));
    let rest = (proptest::option::of(text()), proptest::option::of(text()), proptest::option::of(0..9_u8));
    (words, span, alarm, command, rest).prop_map(|(words, span, alarm, command, (unit, description, decimals))| {
        let mut entry = json!({"device": "d"});
        let mut put = |key: &str, value: Option<Value>| value.map(|value| entry[key] = value);
        put("unit", unit.map(Value::from));
        put("decimals", decimals.map(Value::from));
        put("range", span.map(|(low, high)| json!([low, high])));
        put("states", words.map(Value::from));
        put("description", description.map(Value::from));
        put("command", command.map(|(min, max)| json!({"min": min, "max": max})));
        put(
            "alarms",
            alarm.map(|(limit, priority)| match priority {
                Some(priority) => json!([{"high": limit, "priority": priority}]),
                None => json!([{"high": limit}]),
            }),
        );
        entry
    })
}

fn station_of(tags: &[Value]) -> String {
    let station = json!({"connections": [{"name": "plc", "modbus": {"tcp": "127.0.0.1"}}], "devices": [{"name": "d", "connection": "plc"}], "tags": tags});
    serde_json::to_string_pretty(&station).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sheet_that_is_taken_in_is_written_out_the_same(entries in proptest::collection::vec(entry(), 1..8), semicolons: bool) {
        let dialect = if semicolons { Dialect::Semicolon } else { Dialect::Comma };
        let tags: Vec<Value> = entries.into_iter().enumerate().map(|(number, mut entry)| {
            entry["name"] = json!(format!("d/{number}"));
            entry["register"] = json!(format!("holding:{number}"));
            entry
        }).collect();
        let sheet = Folder::new(&station_of(&tags)).export(dialect);
        let other = Folder::new(&station_of(&[]));
        let plan = other.import(&sheet);
        prop_assert_eq!(plan.count(Effect::Added), tags.len());
        prop_assert_eq!(other.export(dialect), sheet);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, sheet in "[name,;\"\r\n=|'0-9a-z/]{0,80}") {
        let folder = Folder::new(STATION);
        for bytes in [bytes, format!("name,unit,high,states,bit\n{sheet}").into_bytes()] {
            plan_import(&folder.path, "tags.csv", &bytes, &ImportOptions { remove_missing: true, ..ImportOptions::default() });
        }
        prop_assert_eq!(folder.text(), STATION);
    }
}
