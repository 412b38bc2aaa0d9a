//! Everything that takes the text of an expression, for fuzzing: whatever it is, nothing here may panic, what is accepted must read back as it
//! was printed, and a result must be what its type says. `tests/fuzz` holds the target and its corpus, which the ordinary tests replay.

use super::{Known, Names, TagKind, Type, Values, Wanted, compile, complete, parse};
use crate::tag::{Quality, Reason, Scalar, States, TagId, TagKey};
use std::sync::Arc;

/// Tags of every kind, by the first letter of their name.
struct AnyTag;

impl Names for AnyTag {
    fn find(&self, name: &str) -> Option<Known> {
        let letter = name.bytes().next()?;
        let (kind, unit, states) = match letter {
            b'n' => (TagKind::Number, "", States::default()),
            b'u' => (TagKind::Number, "bar", States::default()),
            b's' => (TagKind::Number, "", States::counted(["stopped", "running"])),
            b'b' => (TagKind::Boolean, "", States::default()),
            b'w' => (TagKind::Boolean, "", States::counted(["off", "on"])),
            b't' => (TagKind::Text, "", States::default()),
            _ => return None,
        };
        let tag = TagId(u32::from(letter) << 8 | u32::from(name.bytes().last()?));
        Some(Known { tag, key: TagKey::from(name), kind, unit: unit.into(), states })
    }

    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(["n0", "u1", "s2", "b3", "w4", "t5"].into_iter())
    }
}

/// Values by the last letter of a name, extremes among them, and sometimes of another type than was said.
struct AnyValue(Arc<str>);

impl Values for AnyValue {
    fn value(&self, tag: TagId) -> (Scalar, Quality) {
        let last = tag.0 & 0xff;
        let quality = match last % 5 {
            0 => Quality::bad(Reason::NoAnswer),
            1 => Quality::uncertain(Reason::UnderRange),
            _ => Quality::GOOD,
        };
        let truth = matches!((tag.0 >> 8) as u8, b'b' | b'w');
        let value = match last % 9 {
            8 => Scalar::Empty,
            7 => Scalar::Text,
            _ if truth => Scalar::Bool(last.is_multiple_of(2)),
            0 => Scalar::Unsigned(u64::MAX),
            1 => Scalar::Signed(i64::MIN),
            2 => Scalar::Double(f64::MAX),
            3 => Scalar::Single(f32::MIN_POSITIVE),
            4 => Scalar::Double(f64::NAN),
            _ => Scalar::Signed(i64::from(last) - 60),
        };
        (value, quality)
    }

    fn text(&self, _tag: TagId) -> Option<&Arc<str>> {
        Some(&self.0)
    }
}

/// Bytes as an expression.
pub fn expression(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (tree, faults) = parse(&text);
    for fault in &faults {
        assert!(text.get(fault.span.clone()).is_some(), "a mistake within a character: {fault:?}");
        assert!(!fault.words(&text).is_empty());
    }
    if faults.is_empty() {
        let printed = tree.to_string();
        let (again, faults) = parse(&printed);
        assert!(faults.is_empty(), "{printed}: {faults:?}");
        assert_eq!(again.nodes(), tree.nodes(), "{printed}");
    }
    for cursor in (0..=text.len().min(80)).filter(|cursor| text.is_char_boundary(*cursor)) {
        let completion = complete(&text, cursor, &AnyTag);
        assert!(text.get(completion.replaces).is_some(), "a completion within a character");
    }
    evaluate(&text);
}

fn evaluate(text: &str) {
    let Ok(program) = compile(text, &AnyTag, &Wanted::Anything) else { return };
    let values = AnyValue("a".into());
    let result = program.evaluate(&values);
    assert_eq!(result.value == Scalar::Empty, result.quality.is_bad(), "{text}: {result:?}");
    let fits = match (program.result(), result.value) {
        (_, Scalar::Empty) => true,
        (Type::Boolean | Type::State { truth: true, .. }, value) => matches!(value, Scalar::Bool(_)),
        (Type::Text, value) => value == Scalar::Text && result.text.is_some(),
        (_, Scalar::Double(number)) => number.is_finite(),
        (_, value) => matches!(value, Scalar::Signed(_) | Scalar::Unsigned(_)),
    };
    assert!(fits, "{text}: {result:?}");
}
