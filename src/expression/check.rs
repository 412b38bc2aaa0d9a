//! Checks a tree against the tags that there are: names, types, units, words of states. Everything that is wrong is told at once; what
//! follows from a mistake is not told again.

use super::function::Function;
use super::mistake::{Fault, Mistake, nearest};
use super::names::{Known, Names, TagKind};
use super::tree::{Literal, Node, NodeId, Operator, Tree};
use super::types::{Type, Unit};
use crate::tag::{States, TagId, TagKey};
use std::collections::HashMap;

/// A checked tree.
pub(super) struct Checked {
    /// The type of the whole.
    pub(super) result: Type,
    /// The slots of the tags that stand in it.
    pub(super) tags: HashMap<NodeId, (TagId, TagKey, TagKind)>,
    /// Texts that are words of states, as what they stand for.
    pub(super) words: HashMap<NodeId, Word>,
}

/// What the word of a state stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Word {
    Number(i64),
    Truth(bool),
}

/// The words of [`Function::Quality`].
pub(super) const QUALITY_WORDS: [&str; 3] = ["good", "uncertain", "bad"];

pub(super) fn check(tree: &Tree, names: &dyn Names, faults: &mut Vec<Fault>) -> Checked {
    let mut checker = Checker {
        tree,
        names,
        faults,
        types: Vec::with_capacity(tree.nodes().len()),
        tags: HashMap::new(),
        words: HashMap::new(),
    };
    for (place, node) in tree.nodes().iter().enumerate() {
        let found = checker.part(NodeId(place as u32), node);
        checker.types.push(found);
    }
    let result = checker.types.last().cloned().unwrap_or(Type::Unknown);
    Checked { result, tags: checker.tags, words: checker.words }
}

struct Checker<'a> {
    tree: &'a Tree,
    names: &'a dyn Names,
    faults: &'a mut Vec<Fault>,
    types: Vec<Type>,
    tags: HashMap<NodeId, (TagId, TagKey, TagKind)>,
    words: HashMap<NodeId, Word>,
}

impl Checker<'_> {
    fn fault(&mut self, id: NodeId, mistake: Mistake) {
        self.faults.push(Fault { span: self.tree.span(id), mistake });
    }

    fn type_of(&self, id: NodeId) -> Type {
        self.types.get(id.index()).cloned().unwrap_or(Type::Unknown)
    }

    fn part(&mut self, id: NodeId, node: &Node) -> Type {
        match node {
            Node::Missing => Type::Unknown,
            Node::Literal(Literal::Boolean(_)) => Type::Boolean,
            Node::Literal(Literal::Integer(_) | Literal::Real(_)) => Type::NUMBER,
            Node::Literal(Literal::Text(_)) => Type::Text,
            Node::Tag(name) => self.tag(id, name),
            Node::Negate(inner) => self.number(*inner, "-"),
            Node::Not(inner) => self.truth(*inner, "not"),
            Node::Binary(operator, left, right) => self.binary(id, *operator, *left, *right),
            Node::If(condition, then, otherwise) => {
                self.truth(*condition, "if");
                self.same(id, "if", *then, *otherwise)
            }
            Node::Call(function, arguments) => self.call(id, *function, arguments),
        }
    }

    fn tag(&mut self, id: NodeId, name: &str) -> Type {
        let Some(Known { tag, key, kind, unit, states }) = self.names.find(name) else {
            let hint = self.names.nearest(name);
            self.fault(id, Mistake::UnknownTag { name: name.to_owned(), hint });
            return Type::Unknown;
        };
        self.tags.insert(id, (tag, key, kind));
        match kind {
            TagKind::Number if !states.is_empty() => Type::State { states, truth: false },
            TagKind::Boolean if !states.is_empty() => Type::State { states, truth: true },
            TagKind::Number => Type::Number(Unit::of_tag(&unit)),
            TagKind::Boolean => Type::Boolean,
            TagKind::Text => Type::Text,
        }
    }

    /// Notes what is no number. Gives a number in any case, so that the mistake is told once.
    fn number(&mut self, id: NodeId, operator: &'static str) -> Type {
        let found = self.type_of(id);
        if found.is_number() {
            return found;
        }
        let hint = match &found {
            found if found.is_truth() => "; if ... then 1 else 0 makes one of it",
            Type::State { .. } => "; compare it with one of its words",
            _ => "",
        };
        self.fault(id, Mistake::NumberNeeded { operator, found: found.words(), hint });
        Type::Unknown
    }

    fn truth(&mut self, id: NodeId, operator: &'static str) -> Type {
        let found = self.type_of(id);
        if !found.is_truth() {
            let hint = match &found {
                Type::Number(_) => "; compare it, such as with != 0",
                Type::State { .. } | Type::Text => "; compare it with == and a word",
                _ => "",
            };
            self.fault(id, Mistake::TruthNeeded { operator, found: found.words(), hint });
        }
        Type::Boolean
    }

    fn binary(&mut self, id: NodeId, operator: Operator, left: NodeId, right: NodeId) -> Type {
        let word = operator.word();
        match operator {
            Operator::And | Operator::Or => {
                self.truth(left, word);
                self.truth(right, word)
            }
            Operator::Multiply | Operator::Divide => {
                self.number(left, word);
                self.number(right, word);
                Type::NUMBER
            }
            Operator::Add | Operator::Subtract | Operator::Remainder => {
                self.number(left, word);
                self.number(right, word);
                self.units(id, word, left, right)
            }
            Operator::Equal | Operator::NotEqual => {
                self.same(id, word, left, right);
                Type::Boolean
            }
            _ => self.order(id, word, left, right),
        }
    }

    /// Two numbers whose units have to be the same.
    fn units(&mut self, id: NodeId, operator: &'static str, left: NodeId, right: NodeId) -> Type {
        match (self.type_of(left), self.type_of(right)) {
            (Type::Number(first), Type::Number(second)) => match first.meet(&second) {
                Ok(unit) => Type::Number(unit),
                Err((left, right)) => {
                    self.fault(id, Mistake::UnitsDiffer { operator, left, right });
                    Type::Unknown
                }
            },
            (Type::Number(unit), _) | (_, Type::Number(unit)) => Type::Number(unit),
            _ => Type::NUMBER,
        }
    }

    /// Numbers of states have an order, their words have none.
    fn order(&mut self, id: NodeId, operator: &'static str, left: NodeId, right: NodeId) -> Type {
        let is_state = |found: &Type| matches!(found, Type::State { truth: false, .. });
        let (first, second) = (self.type_of(left), self.type_of(right));
        if (is_state(&first) && second.is_number()) || (first.is_number() && is_state(&second)) {
            return Type::Boolean;
        }
        self.number(left, operator);
        self.number(right, operator);
        self.units(id, operator, left, right);
        Type::Boolean
    }

    /// Two values of one type. Gives that type.
    fn same(&mut self, id: NodeId, operator: &'static str, left: NodeId, right: NodeId) -> Type {
        let (first, second) = (self.type_of(left), self.type_of(right));
        match (&first, &second) {
            (Type::Unknown, other) | (other, Type::Unknown) => other.clone(),
            (Type::Number(_), Type::Number(_)) => self.units(id, operator, left, right),
            (Type::State { states, truth }, Type::Text) => self.word(id, operator, (left, right), states, *truth),
            (Type::Text, Type::State { states, truth }) => self.word(id, operator, (right, left), states, *truth),
            (Type::State { truth: true, .. }, Type::Boolean) | (Type::Boolean, Type::State { truth: true, .. }) => {
                Type::Boolean
            }
            (Type::State { truth: false, .. }, Type::Number(_))
            | (Type::Number(_), Type::State { truth: false, .. }) => Type::NUMBER,
            (first, second) if first == second => first.clone(),
            (first, second) => {
                let (left, right) = (first.words(), second.words());
                self.fault(id, Mistake::TypesDiffer { operator, left, right });
                Type::Unknown
            }
        }
    }

    /// A state and what should be one of its words.
    fn word(
        &mut self,
        id: NodeId,
        operator: &'static str,
        (state, text): (NodeId, NodeId),
        states: &States,
        truth: bool,
    ) -> Type {
        let Node::Literal(Literal::Text(word)) = self.tree.node(text) else {
            let (left, right) = (self.type_of(state).words(), "a text that is not written here".to_owned());
            self.fault(id, Mistake::TypesDiffer { operator, left, right });
            return Type::Unknown;
        };
        match states.number(word) {
            Some(number) => {
                self.words.insert(text, if truth { Word::Truth(number != 0) } else { Word::Number(number) });
            }
            None => {
                let hint = nearest(word, states.words());
                let states = states.words().collect::<Vec<_>>().join(", ");
                self.fault(text, Mistake::UnknownState { word: word.to_string(), states, hint });
            }
        }
        self.type_of(state)
    }

    fn call(&mut self, id: NodeId, function: Function, arguments: &[NodeId]) -> Type {
        let word = function.word();
        let argument = |place: usize| arguments.get(place).copied().unwrap_or(id);
        match function {
            Function::Abs | Function::Round | Function::Floor | Function::Ceil => self.number(argument(0), word),
            Function::Sqrt => {
                self.number(argument(0), word);
                Type::NUMBER
            }
            Function::Min | Function::Max | Function::Clamp => self.all_numbers(id, word, arguments),
            Function::Good | Function::Uncertain | Function::Bad | Function::Stale => Type::Boolean,
            Function::Quality => Type::State { states: States::counted(QUALITY_WORDS), truth: false },
            Function::ElseIfBad => self.same(id, word, argument(0), argument(1)),
            Function::Bit => {
                self.bits(argument(0), word);
                self.number(argument(1), word);
                if let Node::Literal(Literal::Integer(bit @ 64..)) = self.tree.node(argument(1)) {
                    self.fault(argument(1), Mistake::NoSuchBit(*bit));
                }
                Type::Boolean
            }
        }
    }

    /// A status word may have states and still be looked at bit by bit.
    fn bits(&mut self, id: NodeId, operator: &'static str) {
        if !matches!(self.type_of(id), Type::State { truth: false, .. }) {
            self.number(id, operator);
        }
    }

    fn all_numbers(&mut self, id: NodeId, operator: &'static str, arguments: &[NodeId]) -> Type {
        let mut unit = Unit::Any;
        for argument in arguments {
            let Type::Number(next) = self.number(*argument, operator) else { continue };
            match unit.meet(&next) {
                Ok(both) => unit = both,
                Err((left, right)) => {
                    self.fault(id, Mistake::UnitsDiffer { operator, left, right });
                    return Type::Unknown;
                }
            }
        }
        Type::Number(unit)
    }
}
