//! What an expression knows of the tags that it names.

use super::mistake;
use crate::tag::{Directory, States, TagId, TagKey};
use std::sync::Arc;

/// What the values of a tag are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// Numbers.
    Number,
    /// True or false.
    Boolean,
    /// Texts.
    Text,
}

/// What is known of a tag before any value arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its slot.
    pub tag: TagId,
    /// Its permanent name.
    pub key: TagKey,
    /// What its values are.
    pub kind: TagKind,
    /// Its unit; empty where it has none.
    pub unit: Arc<str>,
    /// Words for its values; empty where it has none.
    pub states: States,
}

/// The tags that an expression may name.
pub trait Names {
    /// The tag of this name.
    fn find(&self, name: &str) -> Option<Known>;

    /// All names, for completion.
    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_>;

    /// A hint at the name nearest to one that does not exist, to put behind a sentence; empty where none is near.
    fn nearest(&self, name: &str) -> String {
        mistake::nearest(name, self.all())
    }
}

/// A directory, and what the values of each of its tags are.
impl<K: Fn(TagId) -> TagKind> Names for (&Directory, K) {
    fn find(&self, name: &str) -> Option<Known> {
        let tag = self.0.find(name)?;
        let definition = self.0.tag(tag)?;
        Some(Known {
            tag,
            key: definition.key.clone(),
            kind: (self.1)(tag),
            unit: definition.unit.clone(),
            states: definition.states.clone(),
        })
    }

    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.tags().iter().map(|tag| tag.key.as_str()))
    }
}
