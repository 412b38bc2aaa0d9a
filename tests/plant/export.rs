//! Exported history is read back by other people's programs, and is what was kept.

use crate::support::{root, run, words};
use polder::historian::{Historian, OpenedHistory};
use polder::station::SystemClock;
use polder::tag::{Directory, HistoryRow, Quality, Reason, Sample, TagDefinition, TagId, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const START: i64 = 1_763_800_000_000_000;

/// Values that text and tables like to spoil.
fn samples() -> Vec<(&'static str, Sample)> {
    let values = [
        ("float", Value::Double(0.1 + 0.2)),
        ("float", Value::Double(-0.0)),
        ("float", Value::Double(f64::MIN_POSITIVE / 3.0)),
        ("float", Value::Double(1.797e308)),
        ("single", Value::Single(0.1)),
        ("whole", Value::Signed(i64::MIN)),
        ("whole", Value::Signed(9_007_199_254_740_993)),
        ("large", Value::Unsigned(u64::MAX)),
        ("large", Value::Unsigned(7)),
        ("switch", Value::Bool(true)),
        ("switch", Value::Bool(false)),
        ("text", Value::Text("says \"stop\", then; waits\r\nüber Nacht".into())),
        ("text", Value::Text("=1+1".into())),
        ("text", Value::Text("".into())),
    ];
    let time = |place: usize| Timestamp::from_micros(START + place as i64 * 1_500_001);
    let good = |(place, (tag, value))| (tag, Sample { time: time(place), value: Some(value), quality: Quality::GOOD });
    let mut samples: Vec<_> = values.into_iter().enumerate().map(good).collect();
    let end = samples.len();
    samples.push(("float", Sample { time: time(end), value: None, quality: Quality::bad(Reason::NoAnswer) }));
    let doubtful = Quality::uncertain(Reason::OverRange);
    samples.push(("float", Sample { time: time(end + 1), value: Some(Value::Double(7.25)), quality: doubtful }));
    // In the order of an export: tag by tag.
    samples.sort_by_key(|(tag, sample)| (*tag, sample.time));
    samples
}

fn keep(folder: &Path, samples: &[(&'static str, Sample)]) {
    let mut names: Vec<&str> = samples.iter().map(|(tag, _)| *tag).collect();
    names.dedup();
    let directory = Directory::new(names.iter().map(|name| TagDefinition::named(name)).collect(), vec![], vec![]);
    let opened = OpenedHistory::open(folder, Timestamp::default()).unwrap();
    let historian = Historian::start(opened, Arc::new(SystemClock::new()), |_| {}).unwrap();
    assert!(historian.set_plan(Arc::new(directory), HashMap::new()));
    let slot = |name: &str| TagId(names.iter().position(|known| *known == name).unwrap() as u32);
    let rows = samples.iter().map(|(tag, sample)| HistoryRow { tag: slot(tag), sample: sample.clone() });
    historian.rows(rows.collect()).unwrap();
    historian.stop();
}

fn export(folder: &Path, name: &str, more: &[&str]) -> String {
    let out = folder.join(name).to_str().unwrap().to_owned();
    let range = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--tag", "*", "--out", &out];
    let output = run(&[&["export", folder.to_str().unwrap()], &range[..], more].concat());
    assert!(output.status.success(), "{}", words(&output));
    out
}

fn read_back(arguments: &[&str]) -> Vec<Json> {
    let script = root().join("tests/peers/read_export.py");
    let output = Command::new(root().join("target/peers/bin/python")).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn parquet_is_read_by_duckdb_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples();
    keep(folder.path(), &samples);
    let path = export(folder.path(), "all.parquet", &["--format", "parquet"]);
    let expected = samples.iter().map(|(tag, sample)| {
        let value = sample.value.as_ref();
        let bits = value.and_then(Value::as_f64).map(|number| format!("{:016x}", number.to_bits()));
        let integer = match value {
            Some(Value::Signed(number)) => Some(*number),
            Some(Value::Unsigned(number)) => i64::try_from(*number).ok(),
            Some(Value::Bool(on)) => Some(i64::from(*on)),
            _ => None,
        };
        let text = match value {
            Some(Value::Text(text)) => Some(text.to_string()),
            Some(Value::Unsigned(number)) if integer.is_none() => Some(number.to_string()),
            _ => None,
        };
        let reason = Some(sample.quality.reason.words()).filter(|words| !words.is_empty());
        json!([sample.time.as_micros(), tag, bits, integer, text, sample.quality.status.word(), reason])
    });
    assert_eq!(read_back(&["parquet", &path]), expected.collect::<Vec<_>>());
}

#[test]
fn tables_are_read_by_another_csv_reader_and_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples();
    keep(folder.path(), &samples);
    let line = |(tag, sample): &(&str, Sample), comma: bool| {
        let text = sample.value.as_ref().map(ToString::to_string).unwrap_or_default();
        let is_float = matches!(sample.value, Some(Value::Double(_) | Value::Single(_)));
        let text = if comma && is_float { text.replace('.', ",") } else { text };
        json!([sample.time.to_rfc3339(), tag, text, sample.quality.status.word(), sample.quality.reason.words()])
    };
    for (more, separator, comma) in [
        (&[][..], ",", false),
        (&["--separator", ";", "--decimal", ","][..], ";", true),
        (&["--separator", ";"][..], ";", false),
    ] {
        let path = export(folder.path(), "all.csv", more);
        let head = json!(["time", "tag", "value", "quality", "reason"]);
        let expected: Vec<Json> = std::iter::once(head).chain(samples.iter().map(|one| line(one, comma))).collect();
        assert_eq!(read_back(&["csv", &path, separator]), expected, "{more:?}");
    }
}
