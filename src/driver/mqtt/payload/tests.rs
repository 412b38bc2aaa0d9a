use super::*;
use crate::driver::modbus::Order;
use crate::driver::mqtt::{Binary, BinaryKind, Pointer};
use crate::tag::TagId;
use proptest::prelude::*;

fn point(pointer: Option<&str>, kind: Kind) -> Point {
    let pointer = pointer.map(|text| Pointer::parse(text).unwrap());
    Point { pointer, kind, ..Point::plain(TagId(0), "t") }
}

#[track_caller]
fn check(payload: &str, pointer: Option<&str>, kind: Kind, expected: Result<Value, Reason>) {
    let found = read_payload(payload.as_bytes(), &point(pointer, kind)).map_err(|error| error.reason());
    assert_eq!(found, expected.map(Some), "{payload} {pointer:?} {kind:?}");
}

#[test]
fn plain_and_json() {
    let bad = Err(Reason::BadPayload);
    check("12.5", None, Kind::Number, Ok(Value::Double(12.5)));
    check(" 7\n", None, Kind::Number, Ok(Value::Signed(7)));
    check("1,5", None, Kind::Number, bad.clone());
    check("ON", None, Kind::Bool, Ok(Value::Bool(true)));
    check("running", None, Kind::Text, Ok(Value::Text("running".into())));
    check("running", None, Kind::Number, bad.clone());
    let json = r#"{"rain":{"mm_h":3.25},"sensors":[{"v":1},{"v":18446744073709551615}],"on":true,"n":null,"t":"21.5",
                   "list":[{"name":"inlet","value":4},{"name":"outlet","value":"5"}]}"#;
    check(json, Some("/rain/mm_h"), Kind::Number, Ok(Value::Double(3.25)));
    check(json, Some("/sensors/1/v"), Kind::Number, Ok(Value::Unsigned(u64::MAX)));
    check(json, Some("/on"), Kind::Bool, Ok(Value::Bool(true)));
    check(json, Some("/on"), Kind::Number, Ok(Value::Signed(1)));
    check(json, Some("/t"), Kind::Number, Ok(Value::Double(21.5)));
    check(json, Some("/list/[name=inlet]/value"), Kind::Number, Ok(Value::Signed(4)));
    check(json, Some("/list/[name=outlet]/value"), Kind::Number, Ok(Value::Signed(5)));
    check(json, Some("/rain"), Kind::Text, Ok(Value::Text(r#"{"mm_h":3.25}"#.into())));
    for missing in ["/n", "/missing", "/sensors", "/list/[name=none]/value"] {
        check(json, Some(missing), Kind::Number, bad.clone());
    }
    check("{", Some("/a"), Kind::Number, bad);
    check("7", Some(""), Kind::Number, Ok(Value::Signed(7)));
}

#[test]
fn what_no_number_can_be_is_bad_with_a_reason() {
    for text in ["NaN", "inf", "-Infinity", "1e400"] {
        check(text, None, Kind::Number, Err(Reason::NotANumber));
        let quoted = format!("{{\"a\": \"{text}\"}}");
        check(&quoted, Some("/a"), Kind::Number, Err(Reason::NotANumber));
        let bare = format!("{{\"a\": {text}}}");
        check(&bare, Some("/a"), Kind::Number, Err(Reason::BadPayload));
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    check(&deep, Some("/0"), Kind::Number, Err(Reason::BadPayload));
    for kind in [Kind::Text, Kind::Number, Kind::Bool] {
        assert_eq!(read_payload(&[0xFF, 0xFE], &point(None, kind)), Err(PayloadError::NotUtf8));
        assert_eq!(read_payload(&[0x22, 0xFF, 0x22], &point(Some(""), kind)), Err(PayloadError::NotUtf8));
    }
    let long = "x".repeat(LONGEST_TEXT + 1);
    assert_eq!(read_payload(long.as_bytes(), &point(None, Kind::Text)), Err(PayloadError::TooLong));
    let list = format!("[{}]", vec!["1234567"; 2000].join(","));
    assert_eq!(read_payload(list.as_bytes(), &point(Some(""), Kind::Text)), Err(PayloadError::TooLong));
}

#[test]
fn padding_is_no_part_of_a_number() {
    for spaces in 0..70 {
        let padding = " ".repeat(spaces);
        check(&format!("{padding}12.5{padding}"), None, Kind::Number, Ok(Value::Double(12.5)));
        check(&format!("on\n{padding}"), None, Kind::Bool, Ok(Value::Bool(true)));
        check(&format!("7\u{2003}{padding}"), None, Kind::Number, Ok(Value::Signed(7)));
        check(&format!("é{padding}"), None, Kind::Number, Err(Reason::BadPayload));
        check(&padding, None, Kind::Number, Err(Reason::BadPayload));
        check(&format!("x{padding}"), None, Kind::Text, Ok(Value::Text(format!("x{padding}").into())));
    }
}

#[test]
fn words_of_a_device_for_true_and_false() {
    let words = Some(Words { yes: "OPEN".into(), no: "0".into() });
    let bare = Point { words: words.clone(), ..point(None, Kind::Bool) };
    let inside = Point { words: words.clone(), ..point(Some("/s"), Kind::Bool) };
    let unknown = || PayloadError::UnknownWord("OPEN".into(), "0".into());
    assert_eq!(read_payload(b" OPEN\n", &bare), Ok(Some(Value::Bool(true))));
    assert_eq!(read_payload(b"0", &bare), Ok(Some(Value::Bool(false))));
    assert_eq!(read_payload(b"open", &bare), Err(unknown()));
    assert_eq!(read_payload(b"true", &bare), Err(unknown()));
    assert_eq!(read_payload(br#"{"s":"OPEN"}"#, &inside), Ok(Some(Value::Bool(true))));
    assert_eq!(read_payload(br#"{"s":0}"#, &inside), Ok(Some(Value::Bool(false))));
    assert_eq!(read_payload(br#"{"s":true}"#, &inside), Err(unknown()));
    let publication = |payload: Option<&str>| Publication {
        topic: "t".into(),
        payload: payload.map(Into::into),
        scaling: None,
        words: words.clone(),
        response_topic: None,
    };
    assert_eq!(publication(None).message(&Value::Bool(true)), "OPEN");
    assert_eq!(publication(Some(r#"{"s":${value}}"#)).message(&Value::Bool(false)), r#"{"s":"0"}"#);
}

#[test]
fn what_a_message_need_not_say() {
    let optional = Point { is_optional: true, ..point(Some("/a"), Kind::Number) };
    assert_eq!(read_payload(b"{}", &optional), Ok(None));
    assert_eq!(read_payload(br#"{"a":1}"#, &optional), Ok(Some(Value::Signed(1))));
    assert!(read_payload(br#"{"a":"x"}"#, &optional).is_err());
    assert!(read_payload(b"{", &optional).is_err());
}

#[test]
fn commands() {
    let message = |value: Value, payload: Option<&str>| {
        let (payload, topic) = (payload.map(Into::into), "t".into());
        Publication { topic, payload, scaling: None, words: None, response_topic: None }.message(&value)
    };
    assert_eq!(message(Value::Double(1.5), None), "1.5");
    assert_eq!(message(Value::Double(1.5), Some(r#"{"set": ${value}}"#)), r#"{"set": 1.5}"#);
    assert_eq!(message(Value::Text("a\"b".into()), Some(r#"{"set": ${value}}"#)), r#"{"set": "a\"b"}"#);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long reading takes is what is tested")]
fn a_large_message_is_parsed_once_for_all_its_tags() {
    let items: Vec<_> =
        (0..20_000).map(|number| format!(r#"{{"name":"sensor {number}","value":{number}.5}}"#)).collect();
    let payload = format!(r#"{{"sensors":[{}],"pad":"{}"}}"#, items.join(","), "x".repeat(600_000));
    assert!(payload.len() > 1_000_000);
    let points: Vec<_> = (0..1000_u32)
        .map(|number| point(Some(&format!("/sensors/[name=sensor {}]/value", number * 20)), Kind::Number))
        .collect();
    let document = Document::new(payload.as_bytes());
    let start = std::time::Instant::now();
    for (number, point) in points.iter().enumerate() {
        assert_eq!(read(&document, point), Ok(Some(Value::Double(number as f64 * 20.0 + 0.5))));
    }
    // A thousand parses of a megabyte, or a thousand searches of the list, would each take many times as long without optimisation.
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}

fn any_point() -> impl Strategy<Value = Point> {
    let kinds = prop_oneof![Just(Kind::Number), Just(Kind::Bool), Just(Kind::Text)];
    let pointers = prop_oneof![Just(None), Just(Some("")), Just(Some("/a")), Just(Some("/0/[a=1]/b"))];
    let binary = prop_oneof![Just(None), Just(Some(BinaryKind::F32)), Just(Some(BinaryKind::I64))];
    (kinds, pointers, binary, 0_usize..20, any::<bool>()).prop_map(|(kind, pointer, binary, offset, is_optional)| {
        let binary = binary.map(|kind| Binary { kind, order: Order::Dcba, offset });
        Point { binary, is_optional, ..point(pointer, kind) }
    })
}

proptest! {
    /// No value is ever infinite or not a number, and nothing panics.
    #[test]
    fn any_bytes_are_read_or_refused(
        payload in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            "[\\[\\]{}\",:a0-9.eE+-]{0,40}".prop_map(String::into_bytes),
        ],
        point in any_point(),
    ) {
        if let Ok(Some(value)) = read_payload(&payload, &point) {
            prop_assert!(value.as_f64().is_none_or(f64::is_finite));
        }
    }
}
