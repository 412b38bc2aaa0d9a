//! The small typed language of the house: alarm conditions and their suppression, later calculated tags, interlocks and rules.
//!
//! Text becomes [`Token`]s (on `winnow`), tokens a flat [`Tree`], the tree is checked against the tags that there are, and what is left is a
//! [`Program`]: a list of instructions without branches, evaluated on a stack of fixed size, without recursion and without allocation.
//!
//! ```text
//! {north/pump-1/flow} > 3.5 and not {north/pump-1/tripped}
//! if {north/mode} == "automatic" then {north/setpoint} else 0
//! else_if_bad({north/level-a}, {north/level-b}) + 0.15
//! ```
//!
//! # What can be written
//! | | |
//! |---|---|
//! | tags | `{north/pump-1/flow}` |
//! | numbers | `5`, `1_000_000`, `0.5`, `2e-3`; whole ones up to 64 bits are exact |
//! | truth | `true`, `false` |
//! | text and names of states | `"running"` or `'running'`, with `\"`, `\'` and `\\` |
//! | calculate | `+ - * / %` |
//! | compare | `== != < <= > >=`; never two in a row: `a < b and b < c` |
//! | decide | `and`, `or`, `not`, `if a then b else c` |
//! | functions | [`Function`] |
//!
//! From weak to strong: `if`, `or`, `and`, `not`, comparison, `+ -`, `* / %`, the sign. An `if` inside of something else, and a `not` behind a
//! stronger operator, stand in parentheses. There are no loops and no comments.
//!
//! # Types and units
//! | | needs | gives |
//! |---|---|---|
//! | `+ - %` | two numbers in one unit | that unit |
//! | `* /` | two numbers | a number whose unit is not checked |
//! | `< <= > >=` | two numbers in one unit | true or false |
//! | `== !=` | two of one type and unit, or a tag with states and one of its words | true or false |
//! | `and or not` | true or false | true or false |
//! | `if` | a condition, and two of one type and unit | that type and unit |
//!
//! A number without a unit goes with any. A tag with states compares with its words, however they are capitalised, and with their numbers; one
//! of two states is also true or false.
//!
//! # Numbers
//! Where only whole numbers meet, `+ - * %`, `min`, `max`, `abs` and `clamp` are exact, `/` is exact where nothing remains, and so is every
//! comparison, also of a whole number with one that is not. What lies beyond 64 bits (below the least signed or above the largest unsigned
//! number) is bad with [`Reason::Overflow`](crate::tag::Reason::Overflow): it neither wraps nor becomes inexact in silence. All other numbers are
//! 64-bit floats; a result that is infinite is bad with the same reason, dividing by zero is bad with
//! [`Reason::DividedByZero`](crate::tag::Reason::DividedByZero), a root of a negative number with
//! [`Reason::NotANumber`](crate::tag::Reason::NotANumber). `%` has the sign of what is divided.
//!
//! # Quality
//! A bad operand has no value. `?` is bad, `T` and `F` are good or uncertain.
//!
//! | `and` | T | F | ? | | `or` | T | F | ? | | `not` | |
//! |---|---|---|---|---|---|---|---|---|---|---|---|
//! | **T** | T | F | ? | | **T** | T | T | T | | **T** | F |
//! | **F** | F | F | F | | **F** | T | F | ? | | **F** | T |
//! | **?** | ? | F | ? | | **?** | T | ? | ? | | **?** | ? |
//!
//! - What decides alone, decides with its own quality: `false and uncertain` is a good `false`; of two that decide, the better one counts.
//! - Everything else is as bad as its worst operand, with that one's reason; of equals the left one's.
//! - `if` with a bad condition is bad; the branch that is not taken does not matter; an uncertain condition makes the result uncertain.
//! - `good`, `uncertain`, `bad`, `stale` and `quality` are themselves always good.
//! - A value that is not of the type that its tag was said to have (0 and 1 are also false and true) is bad with [`Reason::BadPayload`](crate::tag::Reason::BadPayload).
//!
//! # Bounds
//! A text has at most [`MOST_BYTES`] bytes and [`MOST_NODES`] parts, nested at most [`MOST_NESTED`] deep. All of parsing, checking, printing and
//! evaluating is bounded by these.

mod check;
mod complete;
mod evaluate;
mod function;
mod mistake;
mod names;
mod network;
mod number;
mod parse;
mod print;
mod program;
pub mod proof;
mod token;
mod tree;
mod types;

pub use complete::{Candidate, CandidateKind, Completion, complete};
pub use evaluate::{Evaluated, Values};
pub use function::Function;
pub use mistake::{Fault, Faults, Mistake};
pub use names::{Known, Names, TagKind};
pub use network::{Cycle, Network};
pub use parse::parse;
pub use program::{Program, Wanted, compile};
pub use token::{Span, Token};
pub use tree::{Literal, Node, NodeId, Operator, Tree};
pub use types::{Type, Unit};

/// The longest text of an expression, in bytes.
pub const MOST_BYTES: usize = 10_000;
/// The most values, operators and functions in one expression.
pub const MOST_NODES: usize = 2_000;
/// How deep parentheses, functions and operators may be nested in each other.
pub const MOST_NESTED: usize = 64;

#[cfg(test)]
mod tests;
