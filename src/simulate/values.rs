//! What a tag of a simulated plant says: a pure function of the tag, the seed and the time. The same seed gives the same plant again.

use crate::command::CommandSettings;
use crate::driver::modbus::{Encoding, Kind};
use crate::tag::{Scaling, TagDefinition, Value};
use std::sync::Arc;

/// The span of a number of which nothing is known.
const USUAL: [f64; 2] = [0.0, 100.0];
/// Words in a name that say that a number only grows.
const COUNTING: [&str; 5] = ["count", "counter", "total", "hours", "energy"];

/// How a tag moves.
#[derive(Clone, Debug, PartialEq)]
enum Motion {
    /// A slow sine with a little noise.
    Wave { low: f64, high: f64, whole: bool },
    /// Goes up, and begins again at its lower end.
    Count { low: f64, high: f64, whole: bool, per_second: f64 },
    /// Goes from state to state.
    Steps(Arc<[i64]>),
    /// On, and after a while off.
    Switch,
    /// Always the same.
    Text(Arc<str>),
}

/// How a tag moves, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Course {
    motion: Motion,
    /// Seconds for once round, or from one step to the next.
    period: f64,
    /// Seconds that it is ahead of others.
    phase: f64,
    noise: u64,
}

/// What the field can hold of a tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Holds {
    /// True and false.
    Bool,
    /// Text of at most so many characters.
    Text(usize),
    /// Numbers in this span of engineering units; only whole ones where that is said.
    Number {
        /// The span.
        span: [f64; 2],
        /// Whether only whole ones fit.
        whole: bool,
        /// Whether it is wide and without sign, as counters are.
        wide: bool,
    },
}

impl Holds {
    /// What registers with this encoding can hold.
    pub(super) fn in_registers(encoding: &Encoding, scaling: Option<Scaling>) -> Self {
        let (low, high) = match (encoding.kind, encoding.bits) {
            (Kind::Bool, _) => return Self::Bool,
            (Kind::String, _) => return Self::Text(usize::from(encoding.length)),
            (_, Some(bits)) => (0.0, (bits.mask() >> bits.low) as f64),
            (Kind::I16, _) => (-32_768.0, 32_767.0),
            (Kind::U16, _) => (0.0, 65_535.0),
            (Kind::I32, _) => (-2_147_483_648.0, 2_147_483_647.0),
            (Kind::U32, _) => (0.0, 4_294_967_295.0),
            (Kind::Bcd16, _) => (0.0, 9_999.0),
            (Kind::Bcd32, _) => (0.0, 99_999_999.0),
            // Beyond this, not every whole number is one of a float, and nothing is plausible.
            (Kind::U64, _) => (0.0, 9e15),
            (Kind::I64 | Kind::F32 | Kind::F64, _) => (-9e15, 9e15),
        };
        let float = matches!(encoding.kind, Kind::F32 | Kind::F64) || scaling.is_some();
        let wide = matches!(encoding.kind, Kind::U32 | Kind::U64 | Kind::Bcd32) && encoding.bits.is_none() && !float;
        let ends = scaling.map_or([low, high], |scaling| [low, high].map(|raw| scaling.to_engineering(raw)));
        Self::Number { span: sorted(ends), whole: !float, wide }
    }
}

fn sorted([one, two]: [f64; 2]) -> [f64; 2] {
    [one.min(two), one.max(two)]
}

/// What two spans share; the nearest end of `inner` where they share nothing.
fn shared(span: [f64; 2], inner: [f64; 2]) -> [f64; 2] {
    span.map(|end| end.clamp(inner[0], inner[1]))
}

impl Course {
    /// The course of a tag. A tag that can be set stays within what it may be set to.
    pub(super) fn of(tag: &TagDefinition, command: Option<&CommandSettings>, holds: Holds, seed: u64) -> Self {
        let noise =
            mixed(tag.key.as_str().bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            }));
        let motion = match holds {
            Holds::Bool => Motion::Switch,
            Holds::Text(longest) => Motion::Text(text(tag, longest)),
            Holds::Number { span, whole, wide } => number(tag, command, span, whole, wide, noise),
        };
        let period = match motion {
            Motion::Wave { .. } => 60.0 + 300.0 * part(noise, 1),
            Motion::Steps(_) => 20.0 + 60.0 * part(noise, 1),
            _ => 90.0 + 400.0 * part(noise, 1),
        };
        Self { motion, period, phase: 2.0 * period * part(noise, 2), noise }
    }
}

/// Letters, digits and what stands between them in the last part of the name.
fn text(tag: &TagDefinition, longest: usize) -> Arc<str> {
    let name = tag.key.as_str().rsplit('/').next().unwrap_or_default();
    let plain: String = name.chars().filter(char::is_ascii_graphic).take(longest).collect();
    plain.into()
}

fn number(
    tag: &TagDefinition,
    command: Option<&CommandSettings>,
    holds: [f64; 2],
    whole: bool,
    wide: bool,
    noise: u64,
) -> Motion {
    let states: Vec<i64> = tag.states.iter().map(|(state, _)| state).collect();
    let states: Vec<i64> =
        states.into_iter().filter(|state| (holds[0]..=holds[1]).contains(&(*state as f64))).collect();
    if !states.is_empty() {
        return Motion::Steps(states.into());
    }
    if let Some(modulus) = tag.rolls_over_at {
        let raw = [0.0, modulus];
        let [low, high] = sorted(tag.scaling.map_or(raw, |scaling| raw.map(|raw| scaling.to_engineering(raw))));
        return Motion::Count { low, high, whole, per_second: 0.2 + 3.0 * part(noise, 3) };
    }
    let limits = command.and_then(|command| Some([command.min?, command.max?]));
    let line = tag.scaling.map(|scaling| sorted(scaling.engineering));
    let mut span = shared(tag.range.or(limits).or(line).unwrap_or(USUAL), holds);
    // An instrument that knows its valid span is in doubt outside of it.
    if let Some(line) = line.filter(|_| tag.scaling.is_some_and(|scaling| scaling.valid.is_some())) {
        span = shared(span, line);
    }
    if let Some(limits) = limits {
        span = shared(span, limits);
    }
    let [low, high] = if whole { [span[0].ceil(), span[1].floor()] } else { span };
    let (low, high) = (low.min(high), high.max(low));
    let name = tag.key.as_str().rsplit('/').next().unwrap_or_default().to_lowercase();
    let named = name.split(|sign: char| !sign.is_alphanumeric()).any(|word| COUNTING.contains(&word));
    if command.is_none() && (named || (wide && tag.range.is_none())) {
        let high = if tag.range.is_some() { high } else { holds[1].min(1e9) };
        return Motion::Count { low, high, whole, per_second: 0.2 + 3.0 * part(noise, 3) };
    }
    Motion::Wave { low, high, whole }
}

/// The value after `seconds`, in engineering units.
pub(super) fn value_at(course: &Course, seconds: f64) -> Value {
    let turns = (seconds + course.phase) / course.period;
    match &course.motion {
        Motion::Text(text) => Value::Text(text.clone()),
        Motion::Switch => Value::Bool(turns.floor().rem_euclid(2.0) >= 1.0),
        Motion::Steps(states) => {
            let place = turns.floor().rem_euclid(states.len().max(1) as f64) as usize;
            Value::Signed(states.get(place).copied().unwrap_or_default())
        }
        Motion::Wave { low, high, whole } => {
            let second = seconds.floor().max(0.0) as u64;
            let jitter = part(course.noise, second.wrapping_add(1000)) - 0.5;
            let share = 0.5 + 0.38 * (turns * std::f64::consts::TAU).sin() + 0.02 * jitter;
            in_span(low + (high - low) * share, *low, *high, *whole)
        }
        Motion::Count { low, high, whole, per_second } => {
            let start = (high - low).min(100_000.0) * part(course.noise, 4);
            let counted = (start + seconds * per_second) % (high - low).max(1.0);
            let counted = if *whole { counted.floor() } else { counted };
            in_span(low + counted, *low, *high, *whole)
        }
    }
}

fn in_span(value: f64, low: f64, high: f64, whole: bool) -> Value {
    let value = if whole { value.round() } else { value };
    let value = value.clamp(low, high);
    if whole { Value::Signed(value as i64) } else { Value::Double(value) }
}

/// Bits that have nothing to do with those of the neighbours (splitmix64).
fn mixed(seed: u64) -> u64 {
    let bits = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// The number `which` of a row of numbers from 0 to 1.
fn part(noise: u64, which: u64) -> f64 {
    (mixed(noise ^ mixed(which)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::Order;
    use crate::tag::States;

    fn course(tag: &TagDefinition, kind: Kind, seed: u64) -> Course {
        let encoding = Encoding { length: 6, ..Encoding::new(kind, Order::Abcd) };
        Course::of(tag, None, Holds::in_registers(&encoding, tag.scaling), seed)
    }

    fn numbers(course: &Course) -> Vec<f64> {
        (0..2000).map(|second| value_at(course, f64::from(second)).as_f64().unwrap()).collect()
    }

    #[test]
    fn numbers_move_within_their_range_and_fill_much_of_it() {
        let named = |range| TagDefinition { range, ..TagDefinition::named("a/b") };
        for (tag, kind, [low, high]) in [
            (named(Some([-5.0, 20.0])), Kind::F32, [-5.0, 20.0]),
            (named(None), Kind::U16, [0.0, 100.0]),
            (named(Some([-50.0, 50.0])), Kind::U16, [0.0, 50.0]),
            (named(Some([0.0, 1e6])), Kind::I16, [0.0, 32_767.0]),
            (named(Some([0.0, 1e6])), Kind::Bcd16, [0.0, 9_999.0]),
        ] {
            let numbers = numbers(&course(&tag, kind, 1));
            let (least, most) = numbers.iter().fold((f64::MAX, f64::MIN), |(a, b), n| (a.min(*n), b.max(*n)));
            assert!(least >= low && most <= high, "{kind:?}: {least} to {most}");
            assert!(most - least > 0.7 * (high - low), "{kind:?}: {least} to {most}");
        }
    }

    #[test]
    fn counters_count_states_step_switches_toggle_rarely_and_text_stays() {
        let counter = numbers(&course(&TagDefinition::named("pump/starts"), Kind::U32, 1));
        assert!(counter.windows(2).all(|pair| pair[0] <= pair[1]) && counter[0] < counter[1999]);
        let hours = numbers(&course(&TagDefinition::named("pump/run-hours"), Kind::F32, 1));
        assert!(hours.windows(2).all(|pair| pair[0] < pair[1]));
        let short = TagDefinition { rolls_over_at: Some(100.0), ..TagDefinition::named("turns") };
        let turns = numbers(&course(&short, Kind::U16, 1));
        assert!(turns.iter().all(|turn| (0.0..100.0).contains(turn)) && turns.contains(&0.0));
        let states = [(0, "off".into()), (3, "on".into()), (-1, "none".into())].into_iter().collect::<States>();
        let seen = numbers(&course(&TagDefinition { states, ..TagDefinition::named("mode") }, Kind::U16, 1));
        assert!(seen.iter().all(|state| [0.0, 3.0].contains(state)) && seen.contains(&0.0) && seen.contains(&3.0));
        let switch = numbers(&course(&TagDefinition::named("open"), Kind::Bool, 1));
        let toggles = switch.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((2..40).contains(&toggles), "{toggles}");
        let text = course(&TagDefinition::named("pump/sérial number"), Kind::String, 1);
        assert_eq!(
            (value_at(&text, 0.0), value_at(&text, 9.0)),
            (Value::Text("srialn".into()), Value::Text("srialn".into()))
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_plant_and_another_one_another() {
        let tag = TagDefinition::named("level");
        assert_eq!(numbers(&course(&tag, Kind::F64, 7)), numbers(&course(&tag, Kind::F64, 7)));
        assert_ne!(numbers(&course(&tag, Kind::F64, 7)), numbers(&course(&tag, Kind::F64, 8)));
        assert_ne!(numbers(&course(&tag, Kind::F64, 7)), numbers(&course(&TagDefinition::named("flow"), Kind::F64, 7)));
    }

    #[test]
    fn a_setpoint_stays_within_its_limits_and_an_instrument_within_its_line() {
        let holds = Holds::Number { span: [-1e6, 1e6], whole: false, wide: false };
        let limits = CommandSettings { min: Some(10.0), max: Some(12.0), ..CommandSettings::default() };
        let tag = TagDefinition { range: Some([0.0, 11.0]), ..TagDefinition::named("setpoint") };
        assert!(
            numbers(&Course::of(&tag, Some(&limits), holds, 1)).iter().all(|number| (10.0..=11.0).contains(number))
        );
        let scaling = Scaling { raw: [400.0, 2000.0], engineering: [10.0, 0.0], valid: Some([360.0, 2100.0]) };
        let tag = TagDefinition { range: Some([-5.0, 15.0]), scaling: Some(scaling), ..TagDefinition::named("level") };
        assert!(numbers(&course(&tag, Kind::U16, 1)).iter().all(|number| (0.0..=10.0).contains(number)));
    }
}
