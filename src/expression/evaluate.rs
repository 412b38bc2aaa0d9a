//! Evaluates a program: one pass over its instructions, on a stack of fixed size. The rules stand in the documentation of the module.

use super::function::Function;
use super::names::TagKind;
use super::number::Number;
use super::program::{Instruction, MOST_WAITING, Program};
use super::tree::Operator;
use crate::tag::{Quality, Reason, Scalar, Status, TagId};
use std::cmp::Ordering;
use std::sync::Arc;

/// Where the present values of tags come from.
pub trait Values {
    /// The value of a tag and how far it can be trusted.
    fn value(&self, tag: TagId) -> (Scalar, Quality);

    /// The text of a tag whose value is one.
    fn text(&self, tag: TagId) -> Option<&Arc<str>>;
}

/// What a program came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated<'a> {
    /// The value; [`Scalar::Empty`] where the quality is bad.
    pub value: Scalar,
    /// The text, where the value is one.
    pub text: Option<&'a Arc<str>>,
    /// How far it can be trusted.
    pub quality: Quality,
}

impl Evaluated<'_> {
    /// The result as true or false; none where it is bad.
    pub const fn truth(&self) -> Option<bool> {
        match self.value {
            Scalar::Bool(value) => Some(value),
            _ => None,
        }
    }
}

/// A value on the stack.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Datum {
    Nothing,
    Boolean(bool),
    Signed(i64),
    Unsigned(u64),
    Real(f64),
    /// One of the program.
    Written(u32),
    /// That of a tag.
    Said(TagId),
}

#[derive(Clone, Copy, Debug)]
struct Held {
    datum: Datum,
    quality: Quality,
}

impl Held {
    const NOTHING: Self = Self { datum: Datum::Nothing, quality: Quality::GOOD };

    const fn good(datum: Datum) -> Self {
        Self { datum, quality: Quality::GOOD }
    }

    const fn bad(quality: Quality) -> Self {
        Self { datum: Datum::Nothing, quality }
    }

    const fn because(reason: Reason) -> Self {
        Self::bad(Quality::bad(reason))
    }

    /// As a number; truths are 0 and 1, as the numbers of their states.
    fn number(self) -> Option<Number> {
        Some(match self.datum {
            Datum::Boolean(value) => Number::Whole(value.into()),
            Datum::Signed(number) => Number::Whole(number.into()),
            Datum::Unsigned(number) => Number::Whole(number.into()),
            Datum::Real(number) => Number::Real(number),
            Datum::Nothing | Datum::Written(_) | Datum::Said(_) => return None,
        })
    }

    /// As true or false; none where it is bad.
    const fn truth(self) -> Result<bool, Quality> {
        match (self.quality.status, self.datum) {
            (Status::Bad, _) => Err(self.quality),
            (_, Datum::Boolean(value)) => Ok(value),
            _ => Err(Quality::bad(Reason::BadPayload)),
        }
    }
}

impl Program {
    /// What it comes to now. Takes nothing from the heap.
    pub fn evaluate<'a>(&'a self, values: &'a impl Values) -> Evaluated<'a> {
        let mut stack = Stack { held: [Held::NOTHING; MOST_WAITING], count: 0 };
        for instruction in &*self.instructions {
            let held = self.step(*instruction, &mut stack, values);
            stack.push(held);
        }
        self.evaluated(stack.pop(), values)
    }

    fn step(&self, instruction: Instruction, stack: &mut Stack, values: &impl Values) -> Held {
        match instruction {
            Instruction::Boolean(value) => Held::good(Datum::Boolean(value)),
            Instruction::Signed(number) => Held::good(Datum::Signed(number)),
            Instruction::Unsigned(number) => Held::good(Datum::Unsigned(number)),
            Instruction::Real(number) => Held::good(Datum::Real(number)),
            Instruction::Text(place) => Held::good(Datum::Written(place)),
            Instruction::Tag(tag, kind) => of_tag(tag, kind, values),
            Instruction::Negate => numeric(stack.pop(), |number| number.negate().bounded()),
            Instruction::Not => {
                let held = stack.pop();
                held.truth().map_or_else(Held::bad, |value| Held { datum: Datum::Boolean(!value), ..held })
            }
            Instruction::Binary(operator) => {
                let right = stack.pop();
                let left = stack.pop();
                self.binary(operator, left, right, values)
            }
            Instruction::Choose => {
                let otherwise = stack.pop();
                let then = stack.pop();
                choose(stack.pop(), then, otherwise)
            }
            Instruction::Call(function, count) => call(function, stack.take(count.into())),
        }
    }

    fn binary(&self, operator: Operator, left: Held, right: Held, values: &impl Values) -> Held {
        let arithmetic = match operator {
            Operator::And => return decide(left, right, false),
            Operator::Or => return decide(left, right, true),
            Operator::Add => Number::add,
            Operator::Subtract => Number::subtract,
            Operator::Multiply => Number::multiply,
            Operator::Divide => Number::divide,
            Operator::Remainder => Number::remainder,
            comparison => return self.compare(comparison, left, right, values),
        };
        both(left, right, arithmetic)
    }

    fn compare(&self, operator: Operator, left: Held, right: Held, values: &impl Values) -> Held {
        let quality = worse(left.quality, right.quality);
        if quality.is_bad() {
            return Held::bad(quality);
        }
        let order = match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.compare(right),
            _ => match (self.text_of(left.datum, values), self.text_of(right.datum, values)) {
                (Some(left), Some(right)) => left.cmp(right),
                _ => return Held::because(Reason::BadPayload),
            },
        };
        let holds = match operator {
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        };
        Held { datum: Datum::Boolean(holds), quality }
    }

    fn text_of<'a>(&'a self, datum: Datum, values: &'a impl Values) -> Option<&'a Arc<str>> {
        match datum {
            Datum::Written(place) => self.texts.get(place as usize),
            Datum::Said(tag) => values.text(tag),
            _ => None,
        }
    }

    fn evaluated<'a>(&'a self, held: Held, values: &'a impl Values) -> Evaluated<'a> {
        let text = self.text_of(held.datum, values);
        let value = match held.datum {
            Datum::Nothing => Scalar::Empty,
            Datum::Boolean(value) => Scalar::Bool(value),
            Datum::Signed(number) => Scalar::Signed(number),
            Datum::Unsigned(number) => Scalar::Unsigned(number),
            Datum::Real(number) => Scalar::Double(number),
            Datum::Written(_) | Datum::Said(_) => Scalar::Text,
        };
        Evaluated { value, text, quality: held.quality }
    }
}

struct Stack {
    held: [Held; MOST_WAITING],
    count: usize,
}

impl Stack {
    /// The compiler has counted: it always fits.
    fn push(&mut self, held: Held) {
        if let Some(place) = self.held.get_mut(self.count) {
            *place = held;
            self.count += 1;
        }
    }

    fn pop(&mut self) -> Held {
        self.take(1).first().copied().unwrap_or(Held::NOTHING)
    }

    fn take(&mut self, count: usize) -> &[Held] {
        let end = self.count;
        self.count = end.saturating_sub(count);
        &self.held[self.count..end]
    }
}

/// The worse of two qualities; of equal ones the left.
fn worse(left: Quality, right: Quality) -> Quality {
    if right.status > left.status { right } else { left }
}

/// What a tag says, as the type that it was said to have: 0 and 1 are also false and true, and the other way round.
fn of_tag(tag: TagId, kind: TagKind, values: &impl Values) -> Held {
    let (value, quality) = values.value(tag);
    if quality.is_bad() {
        return Held::bad(quality);
    }
    let datum = match (kind, value) {
        (_, Scalar::Empty) => return Held::because(Reason::NotYetRead),
        (TagKind::Boolean, Scalar::Bool(value)) => Datum::Boolean(value),
        (TagKind::Boolean, Scalar::Signed(number @ 0..=1)) => Datum::Boolean(number == 1),
        (TagKind::Boolean, Scalar::Unsigned(number @ 0..=1)) => Datum::Boolean(number == 1),
        (TagKind::Number, Scalar::Bool(value)) => Datum::Signed(value.into()),
        (TagKind::Number, Scalar::Signed(number)) => Datum::Signed(number),
        (TagKind::Number, Scalar::Unsigned(number)) => Datum::Unsigned(number),
        (TagKind::Number, Scalar::Single(number)) => real(number.into()),
        (TagKind::Number, Scalar::Double(number)) => real(number),
        (TagKind::Text, Scalar::Text) => Datum::Said(tag),
        _ => return Held::because(Reason::BadPayload),
    };
    if datum == Datum::Nothing { Held::because(Reason::NotANumber) } else { Held { datum, quality } }
}

fn real(number: f64) -> Datum {
    if number.is_finite() { Datum::Real(number) } else { Datum::Nothing }
}

fn numeric(held: Held, change: impl FnOnce(Number) -> Result<Number, Reason>) -> Held {
    if held.quality.is_bad() {
        return held;
    }
    match held.number().ok_or(Reason::BadPayload).and_then(change) {
        Ok(number) => Held { datum: datum(number), quality: held.quality },
        Err(reason) => Held::because(reason),
    }
}

fn both(left: Held, right: Held, combine: impl FnOnce(Number, Number) -> Result<Number, Reason>) -> Held {
    let quality = worse(left.quality, right.quality);
    if quality.is_bad() {
        return Held::bad(quality);
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else { return Held::because(Reason::BadPayload) };
    combine(left, right).map_or_else(Held::because, |number| Held { datum: datum(number), quality })
}

/// A number that is within its bounds.
fn datum(number: Number) -> Datum {
    match number {
        Number::Real(number) => Datum::Real(number),
        Number::Whole(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Datum::Signed(number),
            (_, Ok(number)) => Datum::Unsigned(number),
            // Bounded before; were it not, a float is the nearest that can be said.
            _ => Datum::Real(number as f64),
        },
    }
}

/// Kleene's `and` (decided by false) and `or` (decided by true).
fn decide(left: Held, right: Held, by: bool) -> Held {
    let (first, second) = (left.truth(), right.truth());
    let quality = match (first == Ok(by), second == Ok(by)) {
        // Of two that decide, the better one counts.
        (true, true) if right.quality.status < left.quality.status => right.quality,
        (true, _) => left.quality,
        (_, true) => right.quality,
        _ => match (first, second) {
            (Ok(_), Ok(_)) => {
                return Held { datum: Datum::Boolean(!by), quality: worse(left.quality, right.quality) };
            }
            (Err(quality), _) | (_, Err(quality)) => return Held::bad(quality),
        },
    };
    Held { datum: Datum::Boolean(by), quality }
}

fn choose(condition: Held, then: Held, otherwise: Held) -> Held {
    match condition.truth() {
        Err(quality) => Held::bad(quality),
        Ok(holds) => {
            let chosen = if holds { then } else { otherwise };
            Held { quality: worse(chosen.quality, condition.quality), ..chosen }
        }
    }
}

fn call(function: Function, arguments: &[Held]) -> Held {
    let argument = |place: usize| arguments.get(place).copied().unwrap_or(Held::NOTHING);
    let first = argument(0);
    let truth = |value: bool| Held::good(Datum::Boolean(value));
    match function {
        Function::Abs => numeric(first, |number| number.abs().bounded()),
        Function::Round => numeric(first, |number| number.rounded(f64::round).bounded()),
        Function::Floor => numeric(first, |number| number.rounded(f64::floor).bounded()),
        Function::Ceil => numeric(first, |number| number.rounded(f64::ceil).bounded()),
        Function::Sqrt => numeric(first, |number| Number::Real(number.real().sqrt()).bounded()),
        Function::Min => extreme(arguments, Ordering::Less),
        Function::Max => extreme(arguments, Ordering::Greater),
        Function::Clamp => clamp(first, argument(1), argument(2)),
        Function::Good => truth(first.quality.is_good()),
        Function::Uncertain => truth(first.quality.status == Status::Uncertain),
        Function::Bad => truth(first.quality.is_bad()),
        Function::Stale => truth(first.quality.reason == Reason::Stale),
        Function::Quality => Held::good(Datum::Signed(first.quality.status as i64)),
        Function::ElseIfBad => {
            if first.quality.is_bad() {
                argument(1)
            } else {
                first
            }
        }
        Function::Bit => bit(first, argument(1)),
    }
}

/// The first of the smallest or largest.
fn extreme(arguments: &[Held], wanted: Ordering) -> Held {
    let pick = |left: Number, right: Number| Ok(if right.compare(left) == wanted { right } else { left });
    arguments.iter().copied().reduce(|left, right| both(left, right, pick)).unwrap_or(Held::NOTHING)
}

fn clamp(held: Held, lowest: Held, highest: Held) -> Held {
    let bounds = both(lowest, highest, |lowest, highest| match lowest.compare(highest) {
        Ordering::Greater => Err(Reason::OutOfRange),
        _ => Ok(lowest),
    });
    let larger = |left: Number, right: Number| Ok(if right.compare(left) == Ordering::Greater { right } else { left });
    let smaller = |left: Number, right: Number| Ok(if right.compare(left) == Ordering::Less { right } else { left });
    both(both(held, bounds, larger), highest, smaller)
}

fn bit(held: Held, place: Held) -> Held {
    let quality = worse(held.quality, place.quality);
    if quality.is_bad() {
        return Held::bad(quality);
    }
    let (Some(bits), Some(place @ 0..64)) =
        (held.number().and_then(Number::bits), place.number().and_then(Number::bits))
    else {
        return Held::because(Reason::OutOfRange);
    };
    Held { datum: Datum::Boolean(bits >> place & 1 == 1), quality }
}
