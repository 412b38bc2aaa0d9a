//! What is exported, read back by other programs.

use super::Random;
use crate::support::{python, root};
use polder::historian::{Dialect, ExportOptions, Historian, OpenedHistory, Reader, Setting, export_table};
use polder::tag::{Clock, Directory, HistoryRow, Quality, Reason, Sample, TagDefinition, TagId, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

/// Values that are easily spoiled on the way, and then any.
fn values(random: &mut Random) -> Vec<Option<Value>> {
    let doubles =
        [0.0, -0.0, 0.1, 1.0 / 3.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 1e21, -1e-7, 123_456_789.123_456_78];
    let singles = [0.1f32, f32::MIN_POSITIVE, 1e-45, f32::MAX, 16_777_217.0, 1.0 / 3.0];
    let texts = ["", "a,b", "\"quoted\"", "two\nlines", "\r\n", "Größe, 5 µm", "=1+1", " padded ", "'"];
    let mut values: Vec<Option<Value>> = vec![None];
    values.extend(doubles.map(|number| Some(Value::Double(number))));
    values.extend(singles.map(|number| Some(Value::Single(number))));
    values.extend(texts.map(|text| Some(Value::Text(text.into()))));
    values.extend([i64::MIN, i64::MAX, -1, 9_007_199_254_740_993].map(|number| Some(Value::Signed(number))));
    values.extend([u64::MAX, 0].map(|number| Some(Value::Unsigned(number))));
    values.extend([true, false].map(|on| Some(Value::Bool(on))));
    let any = std::iter::repeat_with(|| f64::from_bits(random.next())).filter(|number| number.is_finite());
    values.extend(any.take(500).map(|number| Some(Value::Double(number))));
    values
}

/// As the reader in Python tells it: floats by their bits, so that none is nearly right.
fn told(sample: &Sample, tag: &str) -> Json {
    let value = match &sample.value {
        None => json!(["nothing", ""]),
        Some(Value::Double(number)) => json!(["double", format!("{:016x}", number.to_bits())]),
        Some(Value::Single(number)) => json!(["single", format!("{:08x}", number.to_bits())]),
        Some(Value::Signed(number)) => json!(["integer", number.to_string()]),
        Some(Value::Unsigned(number)) => json!(["integer", number.to_string()]),
        Some(Value::Bool(on)) => json!(["boolean", on.to_string()]),
        Some(Value::Text(text)) => json!(["text", text.to_string()]),
    };
    let reason = sample.quality.reason.words();
    json!([sample.time.as_micros(), tag, value[0], value[1], sample.quality.status.word(), reason])
}

#[test]
fn the_csv_of_an_export_is_read_by_python_as_it_was() {
    let (keep, clock) = (tempfile::tempdir().unwrap(), Arc::new(super::written::Hands::default()));
    let start = 1_767_225_600_000_000i64;
    clock.put(start);
    let samples: Vec<Sample> = values(&mut Random(0x5EED_0004))
        .into_iter()
        .enumerate()
        .map(|(place, value)| Sample {
            time: Timestamp::from_micros(start + place as i64 * 1_000_003),
            quality: if value.is_none() { Quality::bad(Reason::NoAnswer) } else { Quality::GOOD },
            value,
        })
        .collect();
    let tag = "site, \"north\"/tag";
    let opened = OpenedHistory::open(keep.path(), clock.now().utc).unwrap();
    let historian = Historian::start(opened, clock, |_| {}).unwrap();
    let directory = Directory::new(vec![TagDefinition::named(tag)], Vec::new(), Vec::new());
    assert!(historian.set_plan(Arc::new(directory), HashMap::new()));
    let row = |sample: &Sample| HistoryRow { tag: TagId(0), sample: sample.clone() };
    historian.rows(samples.iter().map(row).collect()).unwrap();
    historian.stop();
    let (csv, kinds) = (keep.path().join("out.csv"), keep.path().join("kinds.json"));
    let reader = Reader::open(&super::written::main_file(keep.path()), None).unwrap();
    let [from, to] = [0, i64::MAX].map(Timestamp::from_micros);
    let options = ExportOptions { patterns: vec!["*".to_owned()], from, to, every: None };
    let setting = Setting { dialect: Dialect::default(), offset: &|_| 0, report: &|_| true };
    export_table(&reader, &options, &setting, std::fs::File::create(&csv).unwrap()).unwrap();
    // A CSV does not tell kinds: Python is told them, and nothing else.
    let expected: Vec<Json> = samples.iter().map(|sample| told(sample, tag)).collect();
    let of_kind: Vec<&Json> = expected.iter().map(|line| &line[2]).collect();
    std::fs::write(&kinds, json!(of_kind).to_string()).unwrap();
    let output =
        Command::new(python()).arg(root().join("tests/peers/read_csv.py")).args([&csv, &kinds]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Json> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}
