//! The tags of the station file, as expressions and messages name them.

use super::drafts::TagDraft;
use super::problem::{Place, Problems};
use super::system::SystemPart;
use super::tag_entries::{StatesEntry, TagEntry};
use crate::driver::modbus::Kind;
use crate::expression::{Faults, Known, Names, TagKind};
use crate::tag::{States, TagId, TagKey};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of a tag before it is compiled.
struct TagFacts {
    kind: TagKind,
    unit: Arc<str>,
    states: States,
}

/// All tags, those of the station itself among them.
pub(super) struct StationNames {
    slots: HashMap<String, TagId>,
    facts: Vec<TagFacts>,
}

impl StationNames {
    pub(super) fn new(drafts: &[TagDraft], slots: &HashMap<String, TagId>, own: &SystemPart) -> Self {
        let facts = drafts.iter().map(|draft| TagFacts {
            kind: kind(&draft.entry),
            unit: draft.entry.unit.clone().unwrap_or_default().into(),
            states: states(draft.entry.states.as_ref()),
        });
        let own_facts = own.named().map(|(_, tag, kind)| TagFacts {
            kind,
            unit: Arc::clone(&tag.unit),
            states: tag.states.clone(),
        });
        let own_slots = own.named().map(|(slot, tag, _)| (tag.key.as_str().to_owned(), slot));
        let slots = own_slots.chain(slots.iter().map(|(key, slot)| (key.clone(), *slot))).collect();
        Self { slots, facts: facts.chain(own_facts).collect() }
    }

    /// What the values of a tag are.
    pub(super) fn kind(&self, tag: TagId) -> TagKind {
        self.facts.get(tag.index()).map_or(TagKind::Number, |facts| facts.kind)
    }

    /// The words of a tag.
    pub(super) fn states(&self, tag: TagId) -> States {
        self.facts.get(tag.index()).map(|facts| facts.states.clone()).unwrap_or_default()
    }

    /// The unit of a tag; empty where it has none.
    pub(super) fn unit(&self, tag: TagId) -> &str {
        self.facts.get(tag.index()).map_or("", |facts| &facts.unit)
    }
}

/// What a driver makes of a tag where its type is not given.
fn kind(entry: &TagEntry) -> TagKind {
    let register = entry.register.as_deref().unwrap_or_default();
    let is_bit = entry.bit.is_some()
        || ["coil:", "discrete:"].iter().any(|table| register.starts_with(table))
        || (register.starts_with(['0', '1']) && register.bytes().all(|digit| digit.is_ascii_digit()));
    match entry.kind {
        Some(Kind::Bool) => TagKind::Boolean,
        Some(Kind::String) => TagKind::Text,
        None if is_bit => TagKind::Boolean,
        _ => TagKind::Number,
    }
}

/// Wrong ones are told where the tag is compiled.
fn states(entry: Option<&StatesEntry>) -> States {
    match entry {
        None => States::default(),
        Some(StatesEntry::Counted(words)) => States::counted(words.iter().map(String::as_str)),
        Some(StatesEntry::Numbered(words)) => {
            words.iter().filter_map(|(number, word)| Some((number.parse().ok()?, Arc::from(word.as_str())))).collect()
        }
    }
}

/// The tags as they are named from one tag: those of the same device by their short names first.
pub(super) struct NamesFrom<'a> {
    pub(super) names: &'a StationNames,
    pub(super) prefix: &'a str,
    pub(super) problems: RefCell<&'a mut Problems>,
}

impl NamesFrom<'_> {
    /// The slot of a tag, and its full name.
    pub(super) fn slot(&self, name: &str) -> Option<(TagId, String)> {
        let full = format!("{}{name}", self.prefix);
        let slots = &self.names.slots;
        slots.get(&full).map(|tag| (*tag, full)).or_else(|| slots.get(name).map(|tag| (*tag, name.to_owned())))
    }

    /// The slot of a tag; a problem at its place where there is none.
    pub(super) fn wanted(&self, name: &str, place: &Place) -> Option<TagId> {
        let found = self.slot(name).map(|(tag, _)| tag);
        if found.is_none() {
            let hint = self.nearest(name);
            self.error(place, format!("there is no tag \"{name}\"{hint}"));
        }
        found
    }

    pub(super) fn error(&self, place: &Place, words: impl Into<String>) {
        self.problems.borrow_mut().error(place, words);
    }

    /// Every mistake of an expression, at its character.
    pub(super) fn faults(&self, place: &Place, faults: &Faults) {
        for fault in &faults.list {
            self.error(place, fault.words(&faults.text));
        }
    }
}

impl Names for NamesFrom<'_> {
    fn find(&self, name: &str) -> Option<Known> {
        let (tag, key) = self.slot(name)?;
        let facts = self.names.facts.get(tag.index())?;
        let (unit, states) = (Arc::clone(&facts.unit), facts.states.clone());
        Some(Known { tag, key: TagKey::from(key.as_str()), kind: facts.kind, unit, states })
    }

    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.names.slots.keys().map(String::as_str))
    }

    fn nearest(&self, name: &str) -> String {
        let own = |full: &'_ str| full.strip_prefix(self.prefix).filter(|_| !self.prefix.is_empty()).map(str::to_owned);
        let short: Vec<String> = self.all().filter_map(own).collect();
        self.problems.borrow_mut().nearest(name, short.iter().map(String::as_str).chain(self.all()))
    }
}
