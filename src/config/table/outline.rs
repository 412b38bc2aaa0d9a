//! Where the members of a JSON object or list stand in their own text, so that one can be changed and every other byte stays.

use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::ops::Range;

/// A member of an object, or an element of a list.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// White space in front.
    lead: Range<usize>,
    /// The key with its colon; nothing in a list.
    head: Range<usize>,
    /// The key; empty in a list.
    pub(super) key: String,
    /// The value.
    pub(super) value: Range<usize>,
    /// White space behind, before the comma.
    trail: Range<usize>,
}

/// An object or a list, divided.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    text: &'a str,
    pub(super) is_object: bool,
    pub(super) members: Vec<Member>,
    /// Behind the opening sign.
    open: usize,
    /// White space before the closing sign.
    tail: Range<usize>,
}

impl<'a> Outline<'a> {
    /// Divides the text of one object or list; none where it is something else.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let start = behind_blank(text, 0);
        let (is_object, close) = match text.as_bytes().get(start)? {
            b'{' => (true, b'}'),
            b'[' => (false, b']'),
            _ => return None,
        };
        let mut outline = Self { text, is_object, members: Vec::new(), open: start + 1, tail: 0..0 };
        let mut at = start + 1;
        loop {
            let lead = at..behind_blank(text, at);
            if *text.as_bytes().get(lead.end)? == close {
                outline.tail = lead;
                return Some(outline);
            }
            let mut member = outline.member(lead)?;
            let behind = member.trail.end;
            if *text.as_bytes().get(behind)? == close {
                outline.tail = member.trail.clone();
                member.trail.end = member.trail.start;
                outline.members.push(member);
                return Some(outline);
            }
            outline.members.push(member);
            // A comma.
            at = behind + 1;
        }
    }

    fn member(&self, lead: Range<usize>) -> Option<Member> {
        let at = lead.end;
        let (head, key) = match self.is_object {
            true => {
                let end = behind_value(self.text, at)?;
                let colon = behind_blank(self.text, end);
                (at..behind_blank(self.text, colon + 1), serde_json::from_str(&self.text[at..end]).ok()?)
            }
            false => (at..at, String::new()),
        };
        let value = head.end..behind_value(self.text, head.end)?;
        let trail = value.end..behind_blank(self.text, value.end);
        Some(Member { lead, head, key, value, trail })
    }

    /// The member of this key, or the element of this number. Of several with one key the last one holds, as in any JSON.
    pub(super) fn find(&self, step: &str) -> Option<&Member> {
        match self.is_object {
            true => self.members.iter().rfind(|member| member.key == step),
            false => self.members.get(step.parse::<usize>().ok()?),
        }
    }

    /// The text of the value of a member.
    pub(super) fn value(&self, member: &Member) -> &'a str {
        &self.text[member.value.clone()]
    }

    /// The white space in front of a member.
    pub(super) fn lead(&self, member: &Member) -> &'a str {
        &self.text[member.lead.clone()]
    }

    /// A member as it stands.
    pub(super) fn piece(&self, member: &Member) -> Piece<'a> {
        Piece {
            lead: Cow::Borrowed(self.lead(member)),
            body: Cow::Borrowed(&self.text[member.head.start..member.value.end]),
            trail: &self.text[member.trail.clone()],
        }
    }

    /// A member with another value.
    pub(super) fn piece_with(&self, member: &Member, value: &str) -> Piece<'a> {
        let head = &self.text[member.head.clone()];
        Piece { body: Cow::Owned(format!("{head}{value}")), ..self.piece(member) }
    }

    /// The whole text with these members in place of its own.
    pub(super) fn with(&self, pieces: &[Piece<'_>]) -> String {
        self.with_tail(pieces, &self.text[self.tail.clone()])
    }

    /// The same, with other white space before the closing sign.
    pub(super) fn with_tail(&self, pieces: &[Piece<'_>], tail: &str) -> String {
        let mut text = self.text[..self.open].to_owned();
        for (number, piece) in pieces.iter().enumerate() {
            match (number, self.members.first()) {
                (0, Some(first)) => text.push_str(self.lead(first)),
                (0, None) => text.push_str(&piece.lead),
                _ => text.extend([",", &piece.lead]),
            }
            text.extend([&piece.body, piece.trail]);
        }
        text.extend([tail, &self.text[self.tail.end..]]);
        text
    }
}

/// A member on its way into a text.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    /// White space in front.
    pub(super) lead: Cow<'a, str>,
    /// Key, colon and value.
    pub(super) body: Cow<'a, str>,
    /// White space behind.
    pub(super) trail: &'a str,
}

impl Piece<'_> {
    /// The white space that stands in front of a new piece at this place: lines of their own where the others have them.
    pub(super) fn lead_at(pieces: &[Self], place: usize) -> String {
        let before = place.checked_sub(1).and_then(|place| pieces.get(place));
        let lead = match before {
            None => "",
            Some(first) if place == 1 && !first.lead.contains('\n') => match pieces.get(1) {
                Some(second) if !second.lead.contains('\n') => &second.lead,
                _ => " ",
            },
            Some(before) => &before.lead,
        };
        lead.to_owned()
    }
}

fn behind_blank(text: &str, at: usize) -> usize {
    let blank = |sign: &u8| matches!(sign, b' ' | b'\n' | b'\r' | b'\t');
    at + text.as_bytes().iter().skip(at).take_while(|sign| blank(sign)).count()
}

/// Where the value that begins here ends.
fn behind_value(text: &str, at: usize) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(at + values.byte_offset())
}
