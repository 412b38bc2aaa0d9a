//! Trees of any shape: what is printed reads back, and programs agree with a slow evaluator that goes down the tree.

use super::*;
use proptest::prelude::*;

/// A tree of any shape, built the way the parser does.
fn trees() -> impl Strategy<Value = Tree> {
    #[derive(Clone, Debug)]
    enum Shape {
        Leaf(Node),
        Of(u8, Vec<Shape>),
    }
    fn add(shape: &Shape, tree: &mut Tree) -> NodeId {
        let node = match shape {
            Shape::Leaf(node) => node.clone(),
            Shape::Of(kind, parts) => {
                let parts: Vec<NodeId> = parts.iter().map(|part| add(part, tree)).collect();
                match usize::from(*kind) {
                    0 => Node::Negate(parts[0]),
                    1 => Node::Not(parts[0]),
                    2 => Node::If(parts[0], parts[1], parts[2]),
                    place if place < 3 + Operator::ALL.len() => {
                        Node::Binary(Operator::ALL[place - 3], parts[0], parts[1])
                    }
                    place => {
                        let function = Function::ALL[(place - 3 - Operator::ALL.len()) % Function::ALL.len()];
                        Node::Call(function, parts[..function.count().0].into())
                    }
                }
            }
        };
        tree.push(node, 0..0)
    }
    // Only as many parts as are used: what is left over would have no place in the text.
    fn needed(kind: u8) -> usize {
        match usize::from(kind) {
            0 | 1 => 1,
            2 => 3,
            place if place < 3 + Operator::ALL.len() => 2,
            place => Function::ALL[(place - 3 - Operator::ALL.len()) % Function::ALL.len()].count().0,
        }
    }
    let names =
        ["yes", "no", "lost", "hardly", "doubtful", "gone", "energy", "least", "north/flow", "north/pump", "name"];
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| Node::Literal(Literal::Boolean(value))),
        prop_oneof![Just(0_u64), Just(1), Just(2), any::<u64>()]
            .prop_map(|number| Node::Literal(Literal::Integer(number))),
        any::<f64>().prop_filter_map("finite", |number| {
            number.is_finite().then(|| Node::Literal(Literal::Real(number.abs())))
        }),
        "[ -~]{0,4}|running".prop_map(|text| Node::Literal(Literal::Text(text.into()))),
        proptest::sample::select(names.to_vec()).prop_map(|name| Node::Tag(name.into())),
    ]
    .prop_map(Shape::Leaf)
    .boxed();
    let most = (3 + Operator::ALL.len() + Function::ALL.len()) as u8;
    let shapes = leaf.prop_recursive(6, 40, 3, move |inner| {
        (0..most).prop_flat_map(move |kind| {
            prop::collection::vec(inner.clone(), needed(kind)).prop_map(move |parts| Shape::Of(kind, parts))
        })
    });
    shapes.prop_map(|shape| {
        let mut tree = Tree::default();
        add(&shape, &mut tree);
        tree
    })
}

/// What a part comes to, by going down the tree: the reference.
#[derive(Clone, Debug, PartialEq)]
enum Slow {
    Whole(i128),
    Real(f64),
    Truth(bool),
    Text(String),
}

type Outcome = Result<(Slow, Quality), Quality>;

fn slow(tree: &Tree, id: NodeId, plant: &Plant) -> Outcome {
    let at = |id: NodeId| slow(tree, id, plant);
    match tree.node(id) {
        Node::Missing => Err(BAD),
        Node::Literal(Literal::Boolean(value)) => Ok((Slow::Truth(*value), Quality::GOOD)),
        Node::Literal(Literal::Integer(number)) => Ok((Slow::Whole((*number).into()), Quality::GOOD)),
        Node::Literal(Literal::Real(number)) => Ok((Slow::Real(*number), Quality::GOOD)),
        Node::Literal(Literal::Text(text)) => Ok((Slow::Text(text.to_string()), Quality::GOOD)),
        Node::Tag(name) => slow_tag(name, plant),
        Node::Negate(inner) => {
            let (value, quality) = at(*inner)?;
            slow_bound(match value {
                Slow::Whole(number) => Slow::Whole(-number),
                Slow::Real(number) => Slow::Real(-number),
                other => panic!("{other:?}"),
            })
            .map(|value| (value, quality))
        }
        Node::Not(inner) => at(*inner).map(|(value, quality)| (Slow::Truth(value != Slow::Truth(true)), quality)),
        Node::If(condition, then, otherwise) => {
            let (holds, doubt) = at(*condition)?;
            let (value, quality) = at(if holds == Slow::Truth(true) { *then } else { *otherwise })?;
            Ok((value, slow_worse(quality, doubt)))
        }
        Node::Binary(operator @ (Operator::And | Operator::Or), left, right) => {
            slow_logic(*operator == Operator::Or, at(*left), at(*right))
        }
        Node::Binary(operator, left, right) => slow_binary(*operator, at(*left), at(*right)),
        Node::Call(function, arguments) => {
            slow_call(*function, &arguments.iter().map(|id| at(*id)).collect::<Vec<_>>())
        }
    }
}

fn slow_worse(left: Quality, right: Quality) -> Quality {
    if left.is_good() { right } else { left }
}

fn slow_tag(name: &str, plant: &Plant) -> Outcome {
    let tag = plant.0.iter().find(|tag| tag.0 == name).unwrap();
    if tag.5.is_bad() {
        return Err(tag.5);
    }
    let value = match tag.4 {
        Scalar::Bool(value) => Slow::Truth(value),
        Scalar::Signed(number) => Slow::Whole(number.into()),
        Scalar::Unsigned(number) => Slow::Whole(number.into()),
        Scalar::Double(number) => Slow::Real(number),
        Scalar::Text => Slow::Text("Alfa".to_owned()),
        other => panic!("{other:?}"),
    };
    Ok((value, tag.5))
}

fn slow_bound(value: Slow) -> Result<Slow, Quality> {
    match value {
        Slow::Whole(number) if !(-(1 << 63)..1 << 64).contains(&number) => Err(Quality::bad(Reason::Overflow)),
        Slow::Real(number) if number.is_nan() => Err(Quality::bad(Reason::NotANumber)),
        Slow::Real(number) if number.is_infinite() => Err(Quality::bad(Reason::Overflow)),
        fine => Ok(fine),
    }
}

fn slow_logic(by: bool, left: Outcome, right: Outcome) -> Outcome {
    let decides = |side: &Outcome| matches!(side, Ok((Slow::Truth(value), _)) if *value == by);
    let mut deciding: Vec<Quality> =
        [&left, &right].into_iter().filter(|side| decides(side)).map(|side| side.clone().unwrap().1).collect();
    deciding.sort_by_key(|quality| quality.status);
    if let Some(quality) = deciding.first() {
        return Ok((Slow::Truth(by), *quality));
    }
    let (_, first) = left?;
    let (_, second) = right?;
    Ok((Slow::Truth(!by), slow_worse(first, second)))
}

fn as_real(value: &Slow) -> f64 {
    match value {
        Slow::Whole(number) => *number as f64,
        Slow::Real(number) => *number,
        Slow::Truth(value) => f64::from(u8::from(*value)),
        Slow::Text(_) => f64::NAN,
    }
}

/// Order without rounding: by halves, as far as whole numbers can differ.
fn slow_order(left: &Slow, right: &Slow) -> std::cmp::Ordering {
    match (left, right) {
        (Slow::Text(left), Slow::Text(right)) => left.cmp(right),
        (Slow::Whole(left), Slow::Whole(right)) => left.cmp(right),
        (Slow::Truth(left), Slow::Truth(right)) => left.cmp(right),
        (Slow::Whole(whole), Slow::Real(real)) if real.abs() < 1e30 => {
            let (integer, rest) = (real.trunc() as i128, real.fract());
            whole.cmp(&integer).then(0.0.partial_cmp(&rest).unwrap())
        }
        (Slow::Real(_), Slow::Whole(_)) => slow_order(right, left).reverse(),
        _ => as_real(left).partial_cmp(&as_real(right)).unwrap(),
    }
}

fn slow_binary(operator: Operator, left: Outcome, right: Outcome) -> Outcome {
    let ((left, first), (right, second)) = (left?, right?);
    let quality = slow_worse(first, second);
    let whole = match (&left, &right) {
        (Slow::Whole(left), Slow::Whole(right)) => Some((*left, *right)),
        _ => None,
    };
    let (a, b) = (as_real(&left), as_real(&right));
    let zero = Quality::bad(Reason::DividedByZero);
    let too_large = Quality::bad(Reason::Overflow);
    let value = match (operator, whole) {
        (Operator::Add, Some((left, right))) => Slow::Whole(left + right),
        (Operator::Subtract, Some((left, right))) => Slow::Whole(left - right),
        (Operator::Multiply, Some((left, right))) => Slow::Whole(left.checked_mul(right).ok_or(too_large)?),
        (Operator::Divide | Operator::Remainder, _) if b == 0.0 => return Err(zero),
        (Operator::Divide, Some((left, right))) if left % right == 0 => Slow::Whole(left / right),
        (Operator::Remainder, Some((left, right))) => Slow::Whole(left % right),
        (Operator::Add, None) => Slow::Real(a + b),
        (Operator::Subtract, None) => Slow::Real(a - b),
        (Operator::Multiply, None) => Slow::Real(a * b),
        (Operator::Divide, _) => Slow::Real(a / b),
        (Operator::Remainder, None) => Slow::Real(a % b),
        (Operator::Equal, _) => Slow::Truth(slow_order(&left, &right).is_eq()),
        (Operator::NotEqual, _) => Slow::Truth(slow_order(&left, &right).is_ne()),
        (Operator::Less, _) => Slow::Truth(slow_order(&left, &right).is_lt()),
        (Operator::LessOrEqual, _) => Slow::Truth(slow_order(&left, &right).is_le()),
        (Operator::Greater, _) => Slow::Truth(slow_order(&left, &right).is_gt()),
        (Operator::GreaterOrEqual, _) => Slow::Truth(slow_order(&left, &right).is_ge()),
        (Operator::And | Operator::Or, _) => unreachable!(),
    };
    Ok((slow_bound(value)?, quality))
}

fn slow_call(function: Function, arguments: &[Outcome]) -> Outcome {
    let quality = match &arguments[0] {
        Ok((_, quality)) | Err(quality) => *quality,
    };
    let truth = |value: bool| Ok((Slow::Truth(value), Quality::GOOD));
    let real = |change: fn(f64) -> f64| -> Outcome {
        let (value, quality) = arguments[0].clone()?;
        let changed = match value {
            Slow::Whole(number) if change(4.0) == 4.0 => Slow::Whole(number),
            other => Slow::Real(change(as_real(&other))),
        };
        Ok((slow_bound(changed)?, quality))
    };
    match function {
        Function::Good => truth(quality.is_good()),
        Function::Uncertain => truth(quality.status == Status::Uncertain),
        Function::Bad => truth(quality.is_bad()),
        Function::Stale => truth(quality.reason == Reason::Stale),
        Function::Quality => Ok((Slow::Whole(quality.status as i128), Quality::GOOD)),
        Function::ElseIfBad => arguments[0].clone().or_else(|_| arguments[1].clone()),
        Function::Round => real(f64::round),
        Function::Floor => real(f64::floor),
        Function::Ceil => real(f64::ceil),
        Function::Sqrt => real(f64::sqrt),
        Function::Abs => match arguments[0].clone()? {
            (Slow::Whole(number), quality) => Ok((slow_bound(Slow::Whole(number.abs()))?, quality)),
            (value, quality) => Ok((Slow::Real(as_real(&value).abs()), quality)),
        },
        Function::Min | Function::Max => {
            let ((left, first), (right, second)) = (arguments[0].clone()?, arguments[1].clone()?);
            let wanted = if function == Function::Min { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
            let value = if slow_order(&right, &left) == wanted { right } else { left };
            Ok((value, slow_worse(first, second)))
        }
        Function::Clamp => {
            let (value, first) = arguments[0].clone()?;
            let ((lowest, second), (highest, third)) = (arguments[1].clone()?, arguments[2].clone()?);
            if slow_order(&lowest, &highest).is_gt() {
                return Err(Quality::bad(Reason::OutOfRange));
            }
            let value = if slow_order(&value, &lowest).is_lt() { lowest } else { value };
            let value = if slow_order(&value, &highest).is_gt() { highest } else { value };
            Ok((value, slow_worse(first, slow_worse(second, third))))
        }
        Function::Bit => {
            let ((value, first), (place, second)) = (arguments[0].clone()?, arguments[1].clone()?);
            let whole = |value: &Slow| match value {
                Slow::Whole(number) => Some(*number),
                other if as_real(other).fract() == 0.0 && as_real(other).abs() < 1e30 => Some(as_real(other) as i128),
                _ => None,
            };
            match (whole(&value), whole(&place)) {
                (Some(number), Some(place @ 0..64)) if (-(1 << 63)..1 << 64).contains(&number) => {
                    Ok((Slow::Truth(number >> place & 1 == 1), slow_worse(first, second)))
                }
                _ => Err(Quality::bad(Reason::OutOfRange)),
            }
        }
    }
}

/// Whether two results are the same. Words of states are numbers in a program, texts in the slow one: those are left to the tables.
fn is_same(fast: &Evaluated<'_>, slow: &Outcome) -> bool {
    match (fast.value, slow) {
        (Scalar::Empty, Err(quality)) => fast.quality == *quality,
        (value, Ok((expected, quality))) => {
            let same = match (value, expected) {
                (Scalar::Bool(value), Slow::Truth(expected)) => value == *expected,
                (Scalar::Signed(value), Slow::Whole(expected)) => i128::from(value) == *expected,
                (Scalar::Unsigned(value), Slow::Whole(expected)) => i128::from(value) == *expected,
                (Scalar::Double(value), Slow::Real(expected)) => value == *expected,
                (Scalar::Text, Slow::Text(expected)) => fast.text.is_some_and(|text| **text == *expected),
                _ => false,
            };
            same && fast.quality == *quality
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_printed_reads_back_as_it_was(tree in trees()) {
        let printed = tree.to_string();
        let (again, faults) = parse(&printed);
        prop_assert!(faults.is_empty(), "{printed}: {faults:?}");
        prop_assert_eq!(again.nodes(), tree.nodes(), "{}", printed);
    }

    #[test]
    fn bytes_of_any_kind_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        proof::expression(&bytes);
    }

    #[test]
    fn pieces_in_any_order_are_taken(
        pieces in prop::collection::vec(proptest::sample::select(&[
            "{n1}", "{u2}", "{s3}", "{b4}", "{w5}", "{t6}", "{n0}", "1", "2.5", "'running'", "\"a\"", "true", "if ", " then ", " else ",
            " and ", " or ", "not ", "(", ")", ",", "+", "-", "*", "/", "%", "==", "!=", "<", ">=", "=", "&&", "abs(", "min(", "bit(",
            "quality(", "else_if_bad(", "clamp(", "{", "}", "'", "\\", " ", "é",
        ][..]), 0..24)
    ) {
        proof::expression(pieces.concat().as_bytes());
    }
}

/// Most random trees do not fit their types: those that do are counted, so that this cannot become a test of nothing.
#[test]
fn programs_agree_with_a_slow_evaluator() {
    use proptest::strategy::ValueTree;
    let plant = Plant::new();
    let said = Said(&plant, "Alfa".into());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut compared, strategy) = (0, trees());
    for _ in 0..30_000 {
        let tree = strategy.new_tree(&mut runner).unwrap().current();
        let text = tree.to_string();
        let Ok(program) = compile(&text, &plant, &Wanted::Anything) else { continue };
        if text.contains("running") || text.contains("north/pump") {
            continue;
        }
        let expected = slow(&tree, tree.root().unwrap(), &plant);
        let found = program.evaluate(&said);
        assert!(is_same(&found, &expected), "{text}\n{found:?}\n{expected:?}");
        compared += usize::from(tree.nodes().len() > 2);
    }
    assert!(compared > 1_000, "only {compared} trees fitted");
}
