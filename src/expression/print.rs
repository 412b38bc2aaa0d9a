//! Writes a tree as text that reads back as the same tree, with as few parentheses as that takes.

use super::tree::{COMPARISON_STRENGTH, Literal, NOT_STRENGTH, Node, NodeId, SIGN_STRENGTH, Tree};
use std::fmt;

/// Strength of what needs no parentheses anywhere.
const WHOLE: u8 = 9;

impl fmt::Display for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written: Vec<(String, u8)> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let text = write(node, &mut written);
            written.push(text);
        }
        formatter.write_str(written.last().map_or("", |(text, _)| text))
    }
}

/// The text of a part and how strongly it holds together. What it is made of is taken out of `written`: each part belongs to one.
fn write(node: &Node, written: &mut [(String, u8)]) -> (String, u8) {
    let mut part = |id: NodeId, least: u8| {
        let Some((text, strength)) = written.get_mut(id.index()).map(std::mem::take) else { return String::new() };
        if strength < least { format!("({text})") } else { text }
    };
    match node {
        Node::Missing => (String::new(), WHOLE),
        Node::Literal(literal) => (literal_text(literal), WHOLE),
        Node::Tag(name) => (format!("{{{name}}}"), WHOLE),
        Node::Negate(inner) => (format!("-{}", part(*inner, SIGN_STRENGTH)), SIGN_STRENGTH),
        Node::Not(inner) => (format!("not {}", part(*inner, NOT_STRENGTH)), NOT_STRENGTH),
        Node::Binary(operator, left, right) => {
            let strength = operator.strength();
            let left_least = if strength == COMPARISON_STRENGTH { strength + 1 } else { strength };
            let (left, right) = (part(*left, left_least), part(*right, strength + 1));
            (format!("{left} {} {right}", operator.word()), strength)
        }
        Node::If(condition, then, otherwise) => {
            let (condition, then, otherwise) = (part(*condition, 0), part(*then, 0), part(*otherwise, 0));
            (format!("if {condition} then {then} else {otherwise}"), 0)
        }
        Node::Call(function, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(|argument| part(*argument, 0)).collect();
            (format!("{}({})", function.word(), arguments.join(", ")), WHOLE)
        }
    }
}

fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(number) => number.to_string(),
        // Debug keeps the point or the exponent, so that it reads back as what it was.
        Literal::Real(number) => format!("{number:?}"),
        Literal::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}
