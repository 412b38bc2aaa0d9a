//! An expression ready to be evaluated.

use super::check::{Checked, Word, check};
use super::function::Function;
use super::mistake::{Fault, Faults, Mistake};
use super::names::{Names, TagKind};
use super::parse::parse;
use super::tree::{Literal, Node, NodeId, Operator, Tree};
use super::types::{Type, Unit};
use crate::tag::{TagId, TagKey};
use std::fmt;
use std::sync::Arc;

/// What the result of an expression has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Anything.
    Anything,
    /// True or false.
    Truth,
    /// A number that goes with this unit.
    Number(Unit),
}

/// One step: takes values from the stack, leaves one there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Instruction {
    Boolean(bool),
    Signed(i64),
    Unsigned(u64),
    Real(f64),
    Text(u32),
    Tag(TagId, TagKind),
    Negate,
    Not,
    Binary(Operator),
    Choose,
    Call(Function, u8),
}

/// The most values that wait on the stack: each level of nesting leaves at most two, and a function all but its last argument.
pub(super) const MOST_WAITING: usize = 128;

/// A checked expression: instructions without branches, in the order in which they run. Cloning it is cheap. Two are equal where their texts
/// are, and mean the same tags.
#[derive(Clone)]
pub struct Program {
    text: Arc<str>,
    pub(super) instructions: Arc<[Instruction]>,
    pub(super) texts: Arc<[Arc<str>]>,
    inputs: Arc<[TagId]>,
    keys: Arc<[TagKey]>,
    result: Type,
}

impl Program {
    /// As it was written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The tags that it looks at, each once, in the order of their slots.
    pub fn inputs(&self) -> &[TagId] {
        &self.inputs
    }

    /// What it comes to.
    pub const fn result(&self) -> &Type {
        &self.result
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        // Slots move from one generation of the plant to the next; names stay.
        self.text == other.text && self.keys == other.keys && self.result == other.result
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Reads and checks an expression, and makes it ready. All mistakes at once, in the order of the text.
pub fn compile(text: &str, names: &dyn Names, wanted: &Wanted) -> Result<Program, Faults> {
    let (tree, mut faults) = parse(text);
    let checked = check(&tree, names, &mut faults);
    check_result(&tree, &checked.result, wanted, &mut faults);
    let instructions = instructions(&tree, &checked);
    if faults.is_empty() && most_waiting(&instructions.0) > MOST_WAITING {
        faults.push(Fault { span: 0..text.len(), mistake: Mistake::TooDeep });
    }
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.span.start);
        return Err(Faults { text: text.into(), list: faults });
    }
    let mut inputs: Vec<(TagId, TagKey)> = checked.tags.into_values().map(|(tag, key, _)| (tag, key)).collect();
    inputs.sort();
    inputs.dedup();
    Ok(Program {
        text: text.into(),
        instructions: instructions.0.into(),
        texts: instructions.1.into(),
        inputs: inputs.iter().map(|(tag, _)| *tag).collect(),
        keys: inputs.into_iter().map(|(_, key)| key).collect(),
        result: checked.result,
    })
}

fn check_result(tree: &Tree, result: &Type, wanted: &Wanted, faults: &mut Vec<Fault>) {
    let fits = match (wanted, result) {
        (Wanted::Anything, _) | (_, Type::Unknown) => true,
        (Wanted::Truth, result) => result.is_truth(),
        (Wanted::Number(wanted), Type::Number(unit)) => wanted.meet(unit).is_ok(),
        (Wanted::Number(_), _) => false,
    };
    if let (false, Some(root)) = (fits, tree.root()) {
        let wanted = match wanted {
            Wanted::Number(unit) => Type::Number(unit.clone()).words(),
            Wanted::Anything | Wanted::Truth => Type::Boolean.words(),
        };
        faults.push(Fault { span: tree.span(root), mistake: Mistake::WrongResult { found: result.words(), wanted } });
    }
}

/// The tree has its parts in the order in which they run already.
fn instructions(tree: &Tree, checked: &Checked) -> (Vec<Instruction>, Vec<Arc<str>>) {
    let mut texts = Vec::new();
    let of_node = |(place, node): (usize, &Node)| instruction(NodeId(place as u32), node, checked, &mut texts);
    (tree.nodes().iter().enumerate().map(of_node).collect(), texts)
}

fn instruction(id: NodeId, node: &Node, checked: &Checked, texts: &mut Vec<Arc<str>>) -> Instruction {
    match node {
        // Only of a tree with mistakes, which does not become a program.
        Node::Missing => Instruction::Boolean(false),
        Node::Literal(Literal::Boolean(value)) => Instruction::Boolean(*value),
        Node::Literal(Literal::Integer(number)) => Instruction::Unsigned(*number),
        Node::Literal(Literal::Real(number)) => Instruction::Real(*number),
        Node::Literal(Literal::Text(text)) => match checked.words.get(&id) {
            Some(Word::Number(number)) => Instruction::Signed(*number),
            Some(Word::Truth(truth)) => Instruction::Boolean(*truth),
            None => {
                texts.push(Arc::clone(text));
                Instruction::Text(texts.len() as u32 - 1)
            }
        },
        Node::Tag(_) => match checked.tags.get(&id) {
            Some((tag, _, kind)) => Instruction::Tag(*tag, *kind),
            None => Instruction::Boolean(false),
        },
        Node::Negate(_) => Instruction::Negate,
        Node::Not(_) => Instruction::Not,
        Node::Binary(operator, ..) => Instruction::Binary(*operator),
        Node::If(..) => Instruction::Choose,
        Node::Call(function, arguments) => Instruction::Call(*function, arguments.len() as u8),
    }
}

impl Instruction {
    /// How many values it takes.
    const fn takes(self) -> usize {
        match self {
            Self::Negate | Self::Not => 1,
            Self::Binary(_) => 2,
            Self::Choose => 3,
            Self::Call(_, count) => count as usize,
            _ => 0,
        }
    }
}

fn most_waiting(instructions: &[Instruction]) -> usize {
    let mut waiting = 0_usize;
    let mut most = 0;
    for instruction in instructions {
        waiting = (waiting + 1).saturating_sub(instruction.takes());
        most = most.max(waiting);
    }
    most
}
