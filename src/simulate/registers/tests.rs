//! Registers by table, by request and by property.

use super::super::plant::Field;
use super::super::respond::Unit;
use super::*;
use crate::config::Plant;
use crate::driver::Protocol;
use crate::tag::Generation;
use proptest::prelude::*;
use serde_json::json;

fn plant(tags: serde_json::Value) -> Plant {
    let folder = tempfile::tempdir().unwrap();
    let station = json!({
        "connections": [{"name": "plc", "modbus": {"tcp": "192.0.2.1:502"}}],
        "devices": [{"name": "d", "connection": "plc", "unit": 1, "gap": 4, "heartbeat": {"register": "holding:900", "every": "1s"}}],
        "tags": tags,
    });
    std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
    crate::config::load(folder.path(), Generation(1)).into_plant().unwrap()
}

fn device(plant: &Plant) -> &Device {
    match &plant.connections[0].protocol {
        Protocol::Modbus(wire) => &wire.devices[0],
        Protocol::Mqtt(_) => unreachable!(),
    }
}

fn unit(plant: &Plant) -> (Unit, Field) {
    let bank = Bank::of(&[device(plant)]);
    (Unit { number: 1, answers_as: 1, name: "d".to_owned(), bank }, Field::new(plant, 1, false))
}

fn tag(name: &str, register: &str, more: serde_json::Value) -> serde_json::Value {
    let mut tag = json!({"name": name, "device": "d", "register": register});
    tag.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tag
}

#[test]
fn what_no_tag_uses_is_refused_unless_it_lies_in_a_gap() {
    let plant = plant(json!([
        tag("a", "holding:10", json!({})),
        tag("b", "holding:15", json!({"type": "f32"})),
        tag("c", "holding:30", json!({})),
        tag("x", "coil:0", json!({})),
        tag("y", "coil:64", json!({})),
    ]));
    let (mut unit, mut field) = unit(&plant);
    let mut ask = |request: &[u8]| unit.answer(&mut field, request, 5.0);
    assert_eq!(ask(&[3, 0, 10, 0, 7])[..2], [3, 14]);
    assert_eq!(ask(&[1, 0, 0, 0, 65])[..2], [1, 9]);
    for request in [[3, 0, 9, 0, 2], [3, 0, 16, 0, 2], [3, 0, 10, 0, 21], [4, 0, 10, 0, 1], [1, 0, 0, 0, 66]] {
        assert_eq!(ask(&request), [request[0] | 0x80, 2], "{request:?}");
    }
    for (request, code) in [
        (&[3u8, 0, 10, 0, 0][..], 3),
        (&[3, 0, 10, 0, 126], 3),
        (&[3, 0, 10], 3),
        (&[5, 0, 0, 1, 0], 3),
        (&[6, 0, 10, 0, 1], 2),
        (&[5, 0, 0, 0, 0], 2),
        (&[16, 0, 10, 0, 1, 3, 0, 1], 3),
        (&[7], 1),
        (&[43, 14, 5, 0], 3),
    ] {
        assert_eq!(ask(request), [request[0] | 0x80, code], "{request:?}");
    }
    // The station's sign of life is held.
    assert_eq!(ask(&[6, 3, 132, 0, 9]), [6, 3, 132, 0, 9]);
    assert_eq!(ask(&[3, 3, 132, 0, 1]), [3, 2, 0, 9]);
    assert_eq!(ask(&[8, 0, 0, 1, 2]), [8, 0, 0, 1, 2]);
}

#[test]
fn what_is_written_is_held_decoded_and_shown_by_its_read_back() {
    let plant = plant(json!([
        tag("setpoint", "holding:40", json!({"type": "f32", "command": {"read_back": "actual", "tolerance": 1}})),
        tag("actual", "input:0", json!({"scale": {"raw": [0, 1000], "eng": [0, 100]}})),
        tag("word", "holding:50", json!({})),
        tag("on", "holding:50", json!({"bit": 3, "command": {}})),
        tag("mode", "holding:50", json!({"bits": [4, 7], "command": {}})),
        tag("digits", "holding:60", json!({"type": "bcd16", "command": {}})),
        tag("valve", "coil:3", json!({"command": {}})),
        tag("start", "coil:9", json!({"command": {"pulse": true}})),
    ]));
    let (mut unit, mut field) = unit(&plant);
    let twelve = 12.5f32.to_be_bytes();
    let request = [&[16, 0, 40, 0, 2, 4], &twelve[..]].concat();
    assert_eq!(unit.answer(&mut field, &request, 1.0), request[..5]);
    assert_eq!(field.take_news(), ["wrote setpoint = 12.5"]);
    assert_eq!(unit.answer(&mut field, &[3, 0, 40, 0, 2], 500.0), [&[3, 4], &twelve[..]].concat());
    assert_eq!(unit.answer(&mut field, &[4, 0, 0, 0, 1], 500.0), [4, 2, 0, 125]);
    // One bit, then a field beside it; the others stay.
    unit.answer(&mut field, &[22, 0, 50, 0xFF, 0xF7, 0, 8], 2.0);
    unit.answer(&mut field, &[22, 0, 50, 0xFF, 0x0F, 0, 0xA0], 2.0);
    let news = field.take_news();
    assert!(news.contains(&"wrote mode = 10".to_owned()), "{news:?}");
    assert_eq!(unit.answer(&mut field, &[3, 0, 50, 0, 1], 700.0)[3] & 0xF8, 0xA8);
    let both = unit.answer(&mut field, &[23, 0, 60, 0, 1, 0, 60, 0, 1, 2, 0x12, 0x34], 3.0);
    assert_eq!((both, field.take_news()), (vec![23, 2, 0x12, 0x34], vec!["wrote digits = 1234".to_owned()]));
    assert_eq!(unit.answer(&mut field, &[6, 0, 60, 0xAB, 0], 3.0), [0x86, 3]);
    unit.answer(&mut field, &[15, 0, 3, 0, 1, 1, 1], 3.0);
    assert_eq!(unit.answer(&mut field, &[1, 0, 3, 0, 1], 900.0), [1, 1, 1]);
    unit.answer(&mut field, &[5, 0, 9, 0xFF, 0], 3.0);
    let pulse = |unit: &mut Unit, field: &mut Field, seconds| unit.answer(field, &[1, 0, 9, 0, 1], seconds)[2];
    assert_eq!((pulse(&mut unit, &mut field, 3.5), pulse(&mut unit, &mut field, 4.5)), (1, 0));
    let who = unit.answer(&mut field, &[43, 14, 1, 0], 0.0);
    assert!(String::from_utf8_lossy(&who).contains("simulated d") && who[7..15] == *b"\0\x06Polder");
}

#[test]
fn codes_for_nothing_are_never_said() {
    let plant = plant(json!([tag("a", "input:0", json!({"range": [0, 3], "not_available": [1, 2]}))]));
    let (unit, field) = unit(&plant);
    for second in 0..600 {
        let value = unit.bank.read(&field, Table::Input, 0, 1, f64::from(second)).unwrap()[0];
        assert!(![1, 2].contains(&value), "{value}");
    }
}

const KINDS: [&str; 11] = ["i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "bcd16", "bcd32", "string"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_reads_back_within_one_count(
        kind in 0usize..KINDS.len(), order in 0usize..4, low in -500.0f64..500.0, span in 1.0f64..5000.0,
        scaled: bool, seconds in 0.0f64..1e6,
    ) {
        let order = ["ABCD", "CDAB", "BADC", "DCBA"][order];
        let mut more = json!({"type": KINDS[kind], "order": order});
        if KINDS[kind] == "string" {
            more["length"] = json!(9);
        } else {
            more["range"] = json!([low, low + span]);
            if scaled {
                more["scale"] = json!({"raw": [0, 9999], "eng": [low, low + span]});
            }
        }
        let plant = plant(json!([tag("a/b", "input:7", more)]));
        let (unit, field) = unit(&plant);
        let point = &device(&plant).points[0];
        let registers = unit.bank.read(&field, Table::Input, 7, point.size(), seconds).unwrap();
        let back = taken(point, &registers).unwrap();
        let value = field.value(point.tag, seconds).unwrap();
        match (back.as_f64(), value.as_f64()) {
            (Some(back), Some(value)) => {
                let count = point.scaling.map_or(0.0, |_| span / 9999.0).max(value.abs() * 1e-6);
                prop_assert!((back - value).abs() <= count, "{value} came back as {back}");
            }
            _ => prop_assert_eq!(back, value),
        }
    }
}
