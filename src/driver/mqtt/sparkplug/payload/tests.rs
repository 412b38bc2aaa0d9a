use super::*;
use crate::tag::{Quality, Reason, Timestamp, Value};
use proptest::prelude::*;

fn check(kind: DataType, value: MetricValue, expected: Result<Value, Unreadable>) {
    assert_eq!(read(&value, kind), expected, "{value:?} as {}", kind.word());
}

fn text(text: &str) -> Result<Value, Unreadable> {
    Ok(Value::Text(text.into()))
}

#[test]
fn whole_numbers() {
    let out = |kind| Err(Unreadable::OutOfRange(kind));
    // Both ways of two's complement: all bits of the field, or only those of the data type.
    check(DataType::Int8, MetricValue::Int(0xFFFF_FFE9), Ok(Value::Signed(-23)));
    check(DataType::Int8, MetricValue::Int(0xE9), Ok(Value::Signed(-23)));
    check(DataType::Int8, MetricValue::Int(127), Ok(Value::Signed(127)));
    check(DataType::Int8, MetricValue::Int(256), out(DataType::Int8));
    check(DataType::Int16, MetricValue::Int(0x8AD0), Ok(Value::Signed(-30000)));
    check(DataType::Int16, MetricValue::Int(0xFFFF_8AD0), Ok(Value::Signed(-30000)));
    check(DataType::Int32, MetricValue::Int(u32::MAX), Ok(Value::Signed(-1)));
    check(DataType::Int32, MetricValue::Long(0xFFFF_FFFF), Ok(Value::Signed(-1)));
    check(DataType::Int32, MetricValue::Long(0x1_0000_0000), out(DataType::Int32));
    check(DataType::Int64, MetricValue::Long(i64::MIN as u64), Ok(Value::Signed(i64::MIN)));
    check(DataType::Int64, MetricValue::Int(u32::MAX), Ok(Value::Signed(-1)));
    check(DataType::UInt8, MetricValue::Int(250), Ok(Value::Unsigned(250)));
    check(DataType::UInt8, MetricValue::Int(256), out(DataType::UInt8));
    check(DataType::UInt16, MetricValue::Int(0xFFFF), Ok(Value::Unsigned(0xFFFF)));
    check(DataType::UInt32, MetricValue::Int(u32::MAX), Ok(Value::Unsigned(0xFFFF_FFFF)));
    check(DataType::UInt32, MetricValue::Long(u64::from(u32::MAX)), Ok(Value::Unsigned(0xFFFF_FFFF)));
    check(DataType::UInt64, MetricValue::Long(u64::MAX), Ok(Value::Unsigned(u64::MAX)));
}

#[test]
fn floats_texts_and_moments() {
    check(DataType::Float, MetricValue::Float(0.1), Ok(Value::Single(0.1)));
    check(DataType::Double, MetricValue::Double(0.1), Ok(Value::Double(0.1)));
    check(DataType::Double, MetricValue::Float(0.5), Ok(Value::Single(0.5)));
    check(DataType::Boolean, MetricValue::Boolean(true), Ok(Value::Bool(true)));
    check(DataType::Boolean, MetricValue::Int(1), Err(Unreadable::WrongField(DataType::Boolean)));
    check(DataType::Float, MetricValue::Text("1".into()), Err(Unreadable::WrongField(DataType::Float)));
    check(DataType::String, MetricValue::Text("é\n".into()), text("é\n"));
    check(DataType::UUID, MetricValue::Text("a-b".into()), text("a-b"));
    check(DataType::DateTime, MetricValue::Long(1_256_102_875_335), text("2009-10-21T05:27:55.335000Z"));
    check(DataType::DateTime, MetricValue::Long(u64::MAX), Err(Unreadable::OutOfRange(DataType::DateTime)));
    check(DataType::Bytes, MetricValue::Bytes(vec![0, 0xAB]), text("00ab"));
    check(DataType::PropertySet, MetricValue::Int(1), Err(Unreadable::OnlyInProperties(DataType::PropertySet)));
}

/// The examples of the specification.
#[test]
fn arrays() {
    let bytes = |bytes: &[u8]| MetricValue::Bytes(bytes.to_vec());
    check(DataType::Int8Array, bytes(&[0xE9, 0x7B]), text("[-23,123]"));
    check(DataType::Int16Array, bytes(&[0xD0, 0x8A, 0x30, 0x75]), text("[-30000,30000]"));
    check(
        DataType::Int32Array,
        bytes(&[0x15, 0xCD, 0x5B, 0x07, 0xB1, 0x68, 0xDE, 0x3A]),
        text("[123456789,987654321]"),
    );
    check(DataType::UInt8Array, bytes(&[0x17, 0xFA]), text("[23,250]"));
    check(DataType::UInt16Array, bytes(&[0x1E, 0, 0x88, 0xCC]), text("[30,52360]"));
    check(DataType::UInt32Array, bytes(&[0x34, 0, 0, 0, 0x49, 0xFB, 0x55, 0xC4]), text("[52,3293969225]"));
    check(DataType::UInt64Array, bytes(&u64::MAX.to_le_bytes()), text("[18446744073709551615]"));
    check(DataType::Int64Array, bytes(&i64::MIN.to_le_bytes()), text("[-9223372036854775808]"));
    check(DataType::FloatArray, bytes(&1.23_f32.to_le_bytes()), text("[1.23]"));
    check(DataType::DoubleArray, bytes(&f64::NAN.to_le_bytes()), text("[null]"));
    check(
        DataType::BooleanArray,
        bytes(&[0x0C, 0, 0, 0, 0x34, 0xDF]),
        text("[false,false,true,true,false,true,false,false,true,true,false,true]"),
    );
    check(DataType::StringArray, bytes(b"ABC\0hello\0"), text(r#"["ABC","hello"]"#));
    check(DataType::StringArray, bytes(b""), text("[]"));
    check(
        DataType::DateTimeArray,
        bytes(&1_656_107_875_000_u64.to_le_bytes()),
        text(r#"["2022-06-24T21:57:55.000000Z"]"#),
    );
    for (kind, odd) in [
        (DataType::Int16Array, vec![1, 2, 3]),
        (DataType::BooleanArray, vec![0xFF, 0xFF, 0xFF, 0xFF]),
        (DataType::BooleanArray, vec![1, 0]),
        (DataType::StringArray, b"ABC".to_vec()),
        (DataType::StringArray, vec![0xFF, 0]),
        (DataType::DateTimeArray, vec![0xFF; 8]),
    ] {
        check(kind, MetricValue::Bytes(odd), Err(Unreadable::BadArray(kind)));
    }
    check(DataType::Double, bytes(&[0; 8]), Err(Unreadable::WrongField(DataType::Double)));
}

#[test]
fn tables_and_templates_are_shown_as_json() {
    let element = |value| Element { value: Some(value) };
    let table = DataSet {
        num_of_columns: Some(3),
        columns: ["a", "b", "c"].map(str::to_owned).to_vec(),
        types: vec![DataType::Int8.code(), DataType::String.code(), DataType::DateTime.code()],
        rows: vec![
            Row {
                elements: vec![
                    element(ElementValue::Int(0xFF)),
                    element(ElementValue::Text("x".into())),
                    element(ElementValue::Long(0)),
                ],
            },
            Row { elements: vec![Element::default(), element(ElementValue::Int(7))] },
        ],
    };
    let rows = r#"[[-1,"x","1970-01-01T00:00:00.000000Z"],[null,null]]"#;
    let words = format!(r#"{{"columns":["a","b","c"],"types":["Int8","String","DateTime"],"rows":{rows}}}"#);
    check(DataType::DataSet, MetricValue::DataSet(Box::new(table)), text(&words));
    let inner = |name: &str, kind: DataType, value| Metric {
        name: Some(name.to_owned()),
        datatype: Some(kind.code()),
        value: Some(value),
        ..Metric::default()
    };
    let template = Template {
        version: Some("1".into()),
        template_ref: Some("pump".into()),
        parameters: vec![Parameter {
            name: Some("size".into()),
            datatype: Some(DataType::Int32.code()),
            value: Some(ParameterValue::Int(4)),
        }],
        metrics: vec![
            inner("speed", DataType::Double, MetricValue::Double(1.5)),
            inner("motor", DataType::Template, MetricValue::Template(Box::default())),
        ],
        is_definition: Some(false),
    };
    let words =
        r#"{"template":"pump","version":"1","parameters":{"size":4},"metrics":{"speed":1.5,"motor":{"metrics":{}}}}"#;
    check(DataType::Template, MetricValue::Template(Box::new(template)), text(words));
}

#[test]
fn properties_that_are_acted_on() {
    let property = |content| PropertyValue { datatype: None, is_null: None, value: Some(content) };
    let set = PropertySet {
        keys: ["engUnit", "engLow", "engHigh", "Quality", "other", "documentation"].map(str::to_owned).to_vec(),
        values: vec![
            property(PropertyContent::Text("m³/h".into())),
            property(PropertyContent::Int(-5_i32 as u32)),
            property(PropertyContent::Double(f64::NAN)),
            property(PropertyContent::Int(500)),
            property(PropertyContent::Boolean(true)),
            PropertyValue { is_null: Some(true), ..property(PropertyContent::Text("x".into())) },
        ],
    };
    let expected = Properties {
        unit: Some("m³/h".into()),
        low: Some(-5.0),
        quality: Some(Quality::uncertain(Reason::Stale)),
        ..Properties::default()
    };
    assert_eq!(Properties::of(&set), expected);
    for (code, expected) in
        [(192, Quality::GOOD), (0, Quality::bad(Reason::NotAvailable)), (7, Quality::bad(Reason::NotAvailable))]
    {
        let set = PropertySet { keys: vec!["Quality".into()], values: vec![property(PropertyContent::Int(code))] };
        assert_eq!(Properties::quality_of(&set), Some(expected));
    }
}

fn sent(kind: DataType, value: Value) -> Result<MetricValue, Unfit> {
    let now = Timestamp::from_micros(1_795_000_000_123_456);
    command("Speed", None, kind, &value, now).map(|payload| payload.metrics[0].value.clone().unwrap())
}

#[test]
fn commands_have_the_data_type_of_birth() {
    assert_eq!(sent(DataType::Int8, Value::Signed(-5)), Ok(MetricValue::Int(0xFFFF_FFFB)));
    assert_eq!(sent(DataType::Int64, Value::Signed(-5)), Ok(MetricValue::Long(-5_i64 as u64)));
    assert_eq!(sent(DataType::UInt64, Value::Unsigned(u64::MAX)), Ok(MetricValue::Long(u64::MAX)));
    assert_eq!(sent(DataType::UInt32, Value::Double(7.0)), Ok(MetricValue::Int(7)));
    assert_eq!(sent(DataType::Float, Value::Double(0.1)), Ok(MetricValue::Float(0.1)));
    assert_eq!(sent(DataType::Double, Value::Signed(3)), Ok(MetricValue::Double(3.0)));
    assert_eq!(sent(DataType::Boolean, Value::Signed(1)), Ok(MetricValue::Boolean(true)));
    assert_eq!(sent(DataType::Text, Value::Text("on".into())), Ok(MetricValue::Text("on".into())));
    let moment = Value::Text("2022-06-24T21:57:55Z".into());
    assert_eq!(sent(DataType::DateTime, moment), Ok(MetricValue::Long(1_656_107_875_000)));
    for (kind, value) in [
        (DataType::Int8, Value::Signed(128)),
        (DataType::Int8, Value::Signed(-129)),
        (DataType::UInt8, Value::Signed(-1)),
        (DataType::Int32, Value::Double(1.5)),
        (DataType::Int64, Value::Double(1e18)),
        (DataType::UInt64, Value::Bool(true)),
        (DataType::Float, Value::Double(1e300)),
        (DataType::Double, Value::Double(f64::NAN)),
        (DataType::Boolean, Value::Signed(2)),
        (DataType::String, Value::Signed(2)),
        (DataType::DateTime, Value::Text("yesterday".into())),
        (DataType::DataSet, Value::Text("{}".into())),
    ] {
        assert!(sent(kind, value.clone()).is_err(), "{value:?} as {}", kind.word());
    }
}

/// Written by hand from the specification's field numbers, so that no mistake of ours is on both sides.
#[test]
fn the_wire_is_as_specified() {
    let bytes = [
        &[0x08, 0x05][..],                                       // 1: timestamp 5
        &[0x12, 0x0C, 0x0A, 0x01, b'a', 0x10, 0x07, 0x20, 0x03], // 2: metric, 1: name, 2: alias, 4: datatype
        &[0x28, 0x01, 0x50, 0x2A],                               //    5: historical, 10: int value 42
        &[0x18, 0xFF, 0x01],                                     // 3: seq 255
        &[0xF2, 0x06, 0x01, 0x00],                               // 110: an extension of somebody else
    ]
    .concat();
    let payload = decode(&[&bytes[..2], &[0x12, 0x0D], &bytes[4..]].concat());
    assert!(payload.is_err(), "a length that does not fit: {payload:?}");
    let mut right = bytes.clone();
    right[3] = 11;
    let payload = decode(&right).unwrap();
    let metric = Metric {
        name: Some("a".into()),
        alias: Some(7),
        datatype: Some(3),
        is_historical: Some(true),
        value: Some(MetricValue::Int(42)),
        ..Metric::default()
    };
    let expected = Payload { timestamp: Some(5), seq: Some(255), metrics: vec![metric], ..Payload::default() };
    assert_eq!(payload, expected);
    assert_eq!(encode(&expected), right[..right.len() - 4]);
}

/// A template in a template in a template: refused, not followed down the stack.
#[test]
fn nesting_ends() {
    let mut metric = Metric { value: Some(MetricValue::Int(1)), ..Metric::default() };
    for _ in 0..10_000 {
        let bytes = encode(&Payload { metrics: vec![metric], ..Payload::default() });
        // A template has its metrics in field 2, as a payload has.
        let mut outer = vec![0x92, 0x01];
        prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(bytes);
        match prost::Message::decode(outer.as_slice()) {
            Ok(deeper) => metric = deeper,
            Err(_) => return,
        }
    }
    panic!("nesting has no end");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(payload) = decode(&bytes) {
            for metric in &payload.metrics {
                for &kind in DataType::ALL {
                    let _ = metric.value.as_ref().map(|value| read(value, kind));
                }
                let _ = metric.properties.as_deref().map(Properties::of);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_array_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for &kind in DataType::ALL {
            let _ = read(&MetricValue::Bytes(bytes.clone()), kind);
        }
    }

    #[test]
    fn whole_numbers_read_back(number in any::<i64>(), kind in 0_usize..8) {
        let kind = DataType::ALL[kind];
        let value = if kind.integer() == Some((64, false)) { Value::Unsigned(number as u64) } else { Value::Signed(number) };
        if let Ok(written) = sent(kind, value.clone()) {
            let back = read(&written, kind).unwrap();
            prop_assert_eq!(back.to_string(), value.to_string());
        }
    }
}

#[test]
fn no_text_is_longer_than_a_tag_holds() {
    let is_text = |value: MetricValue, kind| matches!(read(&value, kind), Ok(Value::Text(_)));
    let is_too_long = |value: MetricValue, kind| read(&value, kind) == Err(Unreadable::TooLong(kind));
    for kind in [DataType::String, DataType::Text, DataType::UUID] {
        assert!(is_text(MetricValue::Text("x".repeat(8192)), kind));
        assert!(is_too_long(MetricValue::Text("x".repeat(8193)), kind));
    }
    for kind in [DataType::Bytes, DataType::File] {
        assert!(is_text(MetricValue::Bytes(vec![7; 4096]), kind));
        assert!(is_too_long(MetricValue::Bytes(vec![7; 4097]), kind));
    }
    assert!(is_text(MetricValue::Bytes(vec![0; 8 * 4000]), DataType::UInt64Array));
    assert!(is_too_long(MetricValue::Bytes(vec![0; 8 * 4097]), DataType::UInt64Array));
    assert!(is_too_long(MetricValue::Bytes(vec![0; 5000]), DataType::UInt8Array));
    let table = |length: usize| {
        let field = Element { value: Some(ElementValue::Text("x".repeat(length))) };
        MetricValue::DataSet(Box::new(DataSet {
            columns: vec!["a".into()],
            types: vec![DataType::String.code()],
            rows: vec![Row { elements: vec![field] }],
            ..DataSet::default()
        }))
    };
    assert!(is_text(table(8000), DataType::DataSet));
    // The whole is refused, rather than shown without its field.
    assert!(is_too_long(table(9000), DataType::DataSet));
}
