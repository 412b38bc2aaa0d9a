//! A tag entry that stands for many.

use super::super::drafts::{DeviceDraft, TagDraft};
use super::super::problem::Problems;
use super::{FoundThing, name_part, name_path};
use crate::driver::modbus::Kind;
use crate::driver::mqtt::{Pointer, topic_matches};

/// What `#` stands for in a name.
const REST: &str = "{#}";
/// What `/*` in "json" stands for in a name.
const MEMBER: &str = "{json}";
/// Tags of a pattern, where it does not say.
const MOST: u32 = 100;

/// A tag entry that stands for many.
pub(in crate::config) struct Pattern {
    /// The entry.
    pub(in crate::config) draft: TagDraft,
    /// Where each single value below a place is a tag.
    pub(in crate::config) below: Option<Pointer>,
}

/// Whether a name has parts that the field says.
fn is_pattern(name: &str) -> bool {
    name.contains(REST) || name.contains(MEMBER) || (1..=9).any(|number| name.contains(&format!("{{{number}}}")))
}

/// Tags apart from those that stand for many.
pub(in crate::config) fn patterns(drafts: Vec<TagDraft>, problems: &mut Problems) -> (Vec<TagDraft>, Vec<Pattern>) {
    let (many, single): (Vec<_>, Vec<_>) = drafts.into_iter().partition(|draft| is_pattern(&draft.entry.name));
    let patterns = many.into_iter().filter_map(|draft| Pattern::new(draft, problems)).collect();
    for draft in single.iter().filter(|draft| draft.entry.most.is_some()) {
        problems
            .error(&draft.place.at("most"), "\"most\" is for names with {1}, {#} or {json}, which stand for many tags");
    }
    (single, patterns)
}

impl Pattern {
    /// Checks an entry with such a name.
    pub(in crate::config) fn new(draft: TagDraft, problems: &mut Problems) -> Option<Self> {
        let (entry, place) = (&draft.entry, &draft.place);
        let topic = entry.topic.as_deref().unwrap_or_default();
        let levels = || topic.split('/');
        let plus = levels().filter(|level| *level == "+").count();
        for number in plus + 1..=9 {
            if entry.name.contains(&format!("{{{number}}}")) {
                let words = format!(
                    "{{{number}}} stands for what the + number {number} of the topic matches, and it has {plus}"
                );
                problems.error(&place.at("name"), words);
                return None;
            }
        }
        if entry.name.contains(REST) && levels().next_back() != Some("#") {
            problems.error(&place.at("name"), "{#} stands for what # matches at the end of the topic, and it has none");
            return None;
        }
        let below = entry.json.as_deref().and_then(|json| json.strip_suffix("/*"));
        match (below, entry.name.contains(MEMBER)) {
            (None, true) => {
                problems
                    .error(&place.at("name"), "{json} stands for the values below a place: \"json\" ends in /* then");
                return None;
            }
            (Some(_), false) => {
                problems.error(&place.at("name"), "each value below /* is a tag of its own: the name needs {json}");
                return None;
            }
            _ => {}
        }
        let below = match below {
            Some(above) => {
                let pointer = Pointer::parse(above).map_err(|error| error.to_string());
                Some(problems.take(&place.at("json"), pointer)?)
            }
            None => None,
        };
        if entry.most == Some(0) {
            problems.error(&place.at("most"), "at least one tag would be right");
        }
        Some(Self { draft, below })
    }

    /// How many tags there may be.
    pub(in crate::config) fn most(&self) -> usize {
        self.draft.entry.most.unwrap_or(MOST) as usize
    }

    /// The tag that a thing is by this pattern; none where it is of another.
    pub(super) fn draft_of(&self, thing: &FoundThing, device: &DeviceDraft) -> Option<TagDraft> {
        let fact = |name: &str| thing.facts.get(name).and_then(serde_json::Value::as_str);
        let topic = fact("topic")?;
        let wanted = self.draft.entry.topic.as_deref()?;
        let wanted = wanted.replace("${device}", device.entry.topic.as_ref().unwrap_or(&device.entry.name));
        if !topic_matches(topic, &wanted) {
            return None;
        }
        let member = match (&self.below, fact("json")) {
            (None, None) => None,
            (Some(below), Some(json)) => {
                let pointer = Pointer::parse(json).ok()?;
                let keys = pointer.below(below).filter(|keys| !keys.is_empty())?;
                Some(keys.into_iter().map(name_part).collect::<Vec<_>>().join("/"))
            }
            _ => return None,
        };
        let fill = Filling { parts: parts(topic, &wanted), member };
        let mut entry = self.draft.entry.clone();
        entry.name = fill.names(&entry.name);
        entry.description = entry.description.map(|text| fill.names(&text));
        if let Some(command) = &mut entry.command {
            command.topic = command.topic.take().map(|text| fill.levels(&text));
            command.read_back = command.read_back.take().map(|text| fill.names(&text));
        }
        entry.topic = Some(topic.to_owned());
        if let Some(json) = fact("json") {
            entry.json = Some(json.to_owned());
            // What stands below a place differs from message to message.
            entry.optional = true;
            entry.kind = entry.kind.or_else(|| kind(fact("type")));
        }
        let key = format!("{}{}", self.draft.prefix, entry.name);
        let (place, prefix, history) =
            (self.draft.place.clone(), self.draft.prefix.clone(), self.draft.history.clone());
        Some(TagDraft { entry, place, key, prefix, device: self.draft.device, history, is_found: true })
    }
}

fn kind(word: Option<&str>) -> Option<Kind> {
    match word {
        Some("bool") => Some(Kind::Bool),
        Some("string") => Some(Kind::String),
        _ => None,
    }
}

/// What the parts of a name stand for.
struct Filling<'a> {
    /// What each + matches, and last what # matches.
    parts: (Vec<&'a str>, Option<String>),
    member: Option<String>,
}

impl Filling<'_> {
    /// In a name: fit for names.
    fn names(&self, text: &str) -> String {
        let rest = self.parts.1.as_ref().map(|rest| name_path(rest));
        self.fill(text, name_part, rest.as_deref())
    }

    /// In a topic: as they are.
    fn levels(&self, text: &str) -> String {
        self.fill(text, str::to_owned, self.parts.1.as_deref())
    }

    fn fill(&self, text: &str, part: impl Fn(&str) -> String, rest: Option<&str>) -> String {
        let (mut filled, mut left) = (String::new(), text);
        while let Some(start) = left.find('{') {
            let (before, after) = left.split_at(start);
            filled.push_str(before);
            let end = after.find('}').map_or(1, |end| end + 1);
            let known = match &after[..end] {
                REST => rest.map(str::to_owned),
                MEMBER => self.member.clone(),
                other => {
                    let number = other.trim_matches(['{', '}']).parse::<usize>().ok();
                    number.and_then(|number| self.parts.0.get(number.checked_sub(1)?)).map(|text| part(text))
                }
            };
            filled.push_str(known.as_deref().unwrap_or(&after[..end]));
            left = &after[end..];
        }
        filled + left
    }
}

/// What each + of the filter matches in the topic, and what # matches.
fn parts<'a>(topic: &'a str, filter: &str) -> (Vec<&'a str>, Option<String>) {
    let (mut levels, mut parts) = (topic.split('/'), Vec::new());
    for wanted in filter.split('/') {
        if wanted == "#" {
            return (parts, Some(levels.collect::<Vec<_>>().join("/")));
        }
        let level = levels.next();
        if wanted == "+" {
            parts.extend(level);
        }
    }
    (parts, None)
}
