//! What an expression says, as a flat tree: every part stands behind the parts that it is made of.

use super::function::Function;
use super::token::Span;
use std::sync::Arc;

/// The place of a part in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value that is written down.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(u64),
    /// Another number; finite and not negative.
    Real(f64),
    /// A text, or the word of a state.
    Text(Arc<str>),
}

macro_rules! operators {
    ($($(#[$meta:meta])* $name:ident = $word:literal, $strength:literal;)+) => {
        /// An operator between two values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operator { $($(#[$meta])* $name,)+ }

        impl Operator {
            /// Every operator there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As it is written.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// How strongly it binds; 1 is the weakest.
            pub const fn strength(self) -> u8 {
                match self { $(Self::$name => $strength,)+ }
            }
        }
    };
}

operators! {
    /// Either.
    Or = "or", 1;
    /// Both.
    And = "and", 2;
    /// The same.
    Equal = "==", 4;
    /// Not the same.
    NotEqual = "!=", 4;
    /// Below.
    Less = "<", 4;
    /// Not above.
    LessOrEqual = "<=", 4;
    /// Above.
    Greater = ">", 4;
    /// Not below.
    GreaterOrEqual = ">=", 4;
    /// Sum.
    Add = "+", 5;
    /// Difference.
    Subtract = "-", 5;
    /// Product.
    Multiply = "*", 6;
    /// Quotient.
    Divide = "/", 6;
    /// What remains of a division, with the sign of what is divided.
    Remainder = "%", 6;
}

/// How strongly `not` binds.
pub(super) const NOT_STRENGTH: u8 = 3;
/// How strongly comparisons bind.
pub(super) const COMPARISON_STRENGTH: u8 = 4;
/// How strongly a sign binds.
pub(super) const SIGN_STRENGTH: u8 = 7;

impl Operator {
    /// Whether it compares.
    pub const fn is_comparison(self) -> bool {
        self.strength() == COMPARISON_STRENGTH
    }
}

/// One part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Something that could not be read; the mistake is noted.
    Missing,
    /// A value that is written down.
    Literal(Literal),
    /// A tag by its name.
    Tag(Arc<str>),
    /// The other sign.
    Negate(NodeId),
    /// The other truth.
    Not(NodeId),
    /// Two values and what is between them.
    Binary(Operator, NodeId, NodeId),
    /// Condition, then, else.
    If(NodeId, NodeId, NodeId),
    /// A function and its arguments.
    Call(Function, Box<[NodeId]>),
}

/// An expression, part by part. The last part is the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    spans: Vec<Span>,
}

impl Tree {
    /// Adds a part whose own parts are there already.
    pub fn push(&mut self, node: Node, span: Span) -> NodeId {
        self.nodes.push(node);
        self.spans.push(span);
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// All parts, each behind its own.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The place of a part in the text; empty for one that is not of this tree.
    pub fn span(&self, id: NodeId) -> Span {
        self.spans.get(id.index()).cloned().unwrap_or_default()
    }

    /// A part; [`Node::Missing`] for one that is not of this tree.
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.index()).unwrap_or(&Node::Missing)
    }

    /// The whole; `None` of nothing.
    pub fn root(&self) -> Option<NodeId> {
        self.nodes.len().checked_sub(1).map(|last| NodeId(last as u32))
    }
}
