//! From tokens to a tree, by the strength of operators. What is wrong is noted, a part that is missing stands for it, and reading goes on.

use super::function::Function;
use super::mistake::{Fault, Mistake, nearest};
use super::token::{Span, Token, tokens};
use super::tree::{COMPARISON_STRENGTH, Literal, NOT_STRENGTH, Node, NodeId, Operator, SIGN_STRENGTH, Tree};
use super::{MOST_BYTES, MOST_NESTED, MOST_NODES};

/// So many mistakes are told at once.
const MOST_FAULTS: usize = 20;
const WORDS: [&str; 8] = ["and", "or", "not", "if", "then", "else", "true", "false"];

/// Reads an expression. The tree is whole only where there are no mistakes; what they left out of it is missing.
pub fn parse(text: &str) -> (Tree, Vec<Fault>) {
    if text.len() > MOST_BYTES {
        return (Tree::default(), vec![Fault { span: 0..text.len(), mistake: Mistake::TooLong }]);
    }
    let (tokens, faults) = tokens(text);
    let is_empty = tokens.is_empty() && faults.is_empty();
    let mut parser =
        Parser { tokens, faults, tree: Tree::default(), place: 0, depth: 0, end: text.len(), gave_up: false };
    if is_empty {
        parser.fault(0..text.len(), Mistake::Empty);
    } else {
        parser.expression();
        parser.no_more();
    }
    parser.faults.sort_by_key(|fault| fault.span.start);
    parser.faults.truncate(MOST_FAULTS);
    (parser.tree, parser.faults)
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    faults: Vec<Fault>,
    tree: Tree,
    place: usize,
    depth: usize,
    end: usize,
    /// After a bound was passed, nothing more is read.
    gave_up: bool,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place).map(|(token, _)| token)
    }

    fn is_at(&self, what: &str) -> bool {
        self.peek().is_some_and(|token| token.is(what))
    }

    /// Where the next token stands; the end of the text behind the last one.
    fn here(&self) -> Span {
        self.tokens.get(self.place).map_or(self.end..self.end, |(_, span)| span.clone())
    }

    fn accept(&mut self, what: &str) -> bool {
        let found = self.is_at(what);
        self.place += usize::from(found);
        found
    }

    fn fault(&mut self, span: Span, mistake: Mistake) {
        if !self.gave_up && self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { span, mistake });
        }
    }

    /// A bound is passed: one word about it, and the rest is left alone.
    fn give_up(&mut self, span: Span, mistake: Mistake) {
        self.fault(span, mistake);
        self.gave_up = true;
        self.place = self.tokens.len();
    }

    fn push(&mut self, node: Node, span: Span) -> NodeId {
        if self.tree.nodes().len() == MOST_NODES {
            self.give_up(span.clone(), Mistake::TooManyParts);
        }
        self.tree.push(node, span)
    }

    fn found(&self) -> String {
        self.peek().map_or_else(|| "the end".to_owned(), Token::words)
    }

    /// Everything from a part's first character to the last one that was read.
    fn since(&self, start: usize) -> Span {
        let last = self.place.checked_sub(1).and_then(|last| self.tokens.get(last));
        start..last.map_or(start, |(_, span)| span.end).max(start)
    }

    fn start_of(&self, node: NodeId) -> usize {
        self.tree.span(node).start
    }

    /// After the whole, nothing more may follow.
    fn no_more(&mut self) {
        while self.is_at(")") {
            let span = self.here();
            self.fault(span, Mistake::Unopened);
            self.place += 1;
        }
        let (span, found) = (self.here(), self.found());
        match self.peek() {
            None => {}
            Some(Token::Word(word)) if word == "if" => self.fault(span, Mistake::NeedsParentheses("if")),
            Some(_) if self.is_told(&span) => {}
            Some(_) => self.fault(span, Mistake::OperatorMissing(found)),
        }
    }

    /// One level deeper, unless that is too deep.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> NodeId) -> NodeId {
        if self.depth >= MOST_NESTED {
            let span = self.here();
            self.give_up(span, Mistake::TooDeep);
            return self.missing();
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn missing(&mut self) -> NodeId {
        let span = self.here();
        self.tree.push(Node::Missing, span)
    }

    /// Anything: an `if`, or values with operators.
    fn expression(&mut self) -> NodeId {
        let is_if = self.is_at("if");
        self.deeper(|parser| if is_if { parser.choice() } else { parser.operators(1) })
    }

    fn choice(&mut self) -> NodeId {
        let span = self.here();
        self.place += 1;
        let condition = self.expression();
        if !self.accept("then") {
            self.fault(span.clone(), Mistake::IfIncomplete("\"then\""));
            return condition;
        }
        let then = self.expression();
        if !self.accept("else") {
            self.fault(span, Mistake::IfIncomplete("\"else\""));
            return then;
        }
        let otherwise = self.expression();
        let span = self.since(span.start);
        self.push(Node::If(condition, then, otherwise), span)
    }

    fn operator(&self) -> Option<Operator> {
        let token = self.peek()?;
        Operator::ALL.iter().copied().find(|operator| token.is(operator.word()))
    }

    /// Values with operators between them that bind at least so strongly.
    fn operators(&mut self, least: u8) -> NodeId {
        let mut left = self.prefixed(least);
        let mut compared = false;
        while let Some(operator) = self.operator().filter(|operator| operator.strength() >= least) {
            if operator.is_comparison() && std::mem::replace(&mut compared, true) {
                let span = self.here();
                self.fault(span, Mistake::ChainedComparison);
                // What was compared before is forgotten, so that its type is no second mistake.
                left = self.missing();
            }
            if operator.strength() < COMPARISON_STRENGTH {
                compared = false;
            }
            self.place += 1;
            let right = self.deeper(|parser| parser.operators(operator.strength() + 1));
            let span = self.since(self.start_of(left));
            left = self.push(Node::Binary(operator, left, right), span);
        }
        left
    }

    /// A value, or one with a sign or a `not` before it.
    fn prefixed(&mut self, least: u8) -> NodeId {
        let span = self.here();
        let (node, strength): (fn(NodeId) -> Node, u8) = match self.peek() {
            Some(Token::Sign("-")) => (Node::Negate, SIGN_STRENGTH),
            Some(Token::Word(word)) if word == "not" => (Node::Not, NOT_STRENGTH),
            _ => return self.value(),
        };
        if strength < least {
            self.fault(span.clone(), Mistake::NeedsParentheses("not"));
        }
        self.place += 1;
        let inner = self.deeper(|parser| parser.operators(strength));
        let span = self.since(span.start);
        self.push(node(inner), span)
    }

    fn value(&mut self) -> NodeId {
        let span = self.here();
        let Some(token) = self.peek().cloned() else { return self.no_value(span) };
        let literal = match token {
            Token::Tag(name) => Node::Tag(name.into()),
            Token::Integer(number) => Node::Literal(Literal::Integer(number)),
            Token::Real(number) => Node::Literal(Literal::Real(number)),
            Token::Text(text) => Node::Literal(Literal::Text(text.into())),
            Token::Word(word) => match word.as_str() {
                "true" => Node::Literal(Literal::Boolean(true)),
                "false" => Node::Literal(Literal::Boolean(false)),
                "if" => return self.misplaced_if(span),
                "and" | "or" | "then" | "else" => return self.no_value(span),
                _ => return self.call(&word, span),
            },
            Token::Sign("(") => return self.parentheses(span),
            Token::Sign(_) => return self.no_value(span),
        };
        self.place += 1;
        self.push(literal, span)
    }

    /// What cannot begin a value is left where it is, unless nobody else would take it.
    fn no_value(&mut self, span: Span) -> NodeId {
        let found = self.found();
        if !self.is_told(&span) {
            self.fault(span, Mistake::ValueMissing(found));
        }
        self.missing()
    }

    /// Whether something between the last token and this place could not be cut: that is told already, and may have been what is missing.
    fn is_told(&self, here: &Span) -> bool {
        let last = self.place.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |(_, span)| span.end);
        self.faults
            .iter()
            .any(|fault| fault.span.start >= last && fault.span.end <= here.start && !fault.span.is_empty())
    }

    fn misplaced_if(&mut self, span: Span) -> NodeId {
        self.fault(span, Mistake::NeedsParentheses("if"));
        self.expression()
    }

    fn parentheses(&mut self, span: Span) -> NodeId {
        self.place += 1;
        let inner = self.expression();
        self.close(span);
        inner
    }

    fn close(&mut self, opened: Span) {
        if !self.accept(")") {
            if matches!(self.peek(), None | Some(Token::Sign(","))) {
                self.fault(opened, Mistake::Unclosed);
            } else if !self.is_told(&self.here()) {
                let (span, found) = (self.here(), self.found());
                self.fault(span, Mistake::OperatorMissing(found));
            }
        }
    }

    fn call(&mut self, word: &str, span: Span) -> NodeId {
        self.place += 1;
        let function = Function::from_word(word);
        if function.is_none() {
            let known = Function::ALL.iter().map(|function| function.word()).chain(WORDS);
            let hint = nearest(word, known);
            self.fault(span.clone(), Mistake::UnknownWord { word: word.to_owned(), hint });
        }
        let opened = self.here();
        if !self.accept("(") {
            if let Some(function) = function {
                self.fault(span, Mistake::NoArguments(function.word()));
            }
            return self.missing();
        }
        let arguments = self.arguments();
        self.close(opened);
        let Some(function) = function else { return self.missing() };
        let (least, most) = function.count();
        let span = self.since(span.start);
        if arguments.len() < least || arguments.len() > most {
            let (function, wanted, found) = (function.word(), function.takes(), arguments.len());
            self.fault(span, Mistake::ArgumentCount { function, wanted, found });
            return self.missing();
        }
        self.push(Node::Call(function, arguments.into()), span)
    }

    fn arguments(&mut self) -> Vec<NodeId> {
        let mut arguments = Vec::new();
        if self.is_at(")") {
            return arguments;
        }
        loop {
            arguments.push(self.expression());
            if !self.accept(",") {
                return arguments;
            }
        }
    }
}
