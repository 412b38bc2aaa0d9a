//! The pens: which tags are drawn, in which order, and how.

use super::axes::AxisId;
use super::feed::Feed;
use crate::gui::scene::Scene;
use crate::tag::{Scalar, TagDefinition, TagId, TagKey};

/// How a tag is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers, as a line.
    #[default]
    Line,
    /// States with words, as a band.
    Band,
    /// Text, as a band.
    Text,
}

/// One tag in the picture.
pub(super) struct Pen {
    pub(super) key: TagKey,
    /// Number of its colour and dashes; kept when others go.
    pub(super) style: usize,
    pub(super) is_hidden: bool,
    pub(super) has_own_axis: bool,
    pub(super) is_linear: bool,
    pub(super) kind: Kind,
    pub(super) feed: Feed,
    /// The same hours of another day.
    pub(super) ghost: Feed,
    /// The range of its axis as it is being typed.
    pub(super) range_text: String,
    pub(super) range_error: Option<String>,
}

impl Pen {
    pub(super) fn new(key: TagKey) -> Self {
        Self {
            key,
            style: 0,
            is_hidden: false,
            has_own_axis: false,
            is_linear: false,
            kind: Kind::default(),
            feed: Feed::default(),
            ghost: Feed::default(),
            range_text: String::new(),
            range_error: None,
        }
    }

    /// The axis that it is drawn on.
    pub(super) fn axis(&self, definition: Option<&TagDefinition>) -> AxisId {
        match definition {
            // Two pens without a unit mean two things.
            Some(definition) if !self.has_own_axis && !definition.unit.is_empty() => {
                AxisId::Unit(definition.unit.clone())
            }
            _ => AxisId::Own(self.key.clone()),
        }
    }

    /// Its tag, where the station still has it.
    pub(super) fn tag<'a>(&self, scene: &'a Scene<'_>) -> Option<(TagId, &'a TagDefinition)> {
        let directory = &scene.snapshot.plan.directory;
        let id = directory.find(self.key.as_str())?;
        Some((id, directory.tag(id)?))
    }

    /// Its value now, where that can be trusted.
    pub(super) fn present(&self, scene: &Scene<'_>) -> Option<f64> {
        let live = scene.snapshot.live(self.tag(scene)?.0)?;
        if live.quality.is_bad() { None } else { live.value.as_f64() }
    }

    /// Finds out how it is drawn. While no value was read yet, that stays as it was.
    pub(super) fn find_kind(&mut self, scene: &Scene<'_>) {
        let Some((id, definition)) = self.tag(scene) else { return };
        let is_switch = scene.snapshot.plan.commands.get(&id).is_some_and(|settings| settings.boolean);
        let value = scene.snapshot.live(id).map(|live| live.value);
        self.kind = match value {
            _ if !definition.states.is_empty() || is_switch => Kind::Band,
            Some(Scalar::Bool(_)) => Kind::Band,
            Some(Scalar::Text) => Kind::Text,
            Some(Scalar::Empty) | None => self.kind,
            Some(_) => Kind::Line,
        };
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Pens {
    pub(super) list: Vec<Pen>,
    pub(super) selected: usize,
}

impl Pens {
    /// Draws one more tag, and selects it.
    pub(super) fn add(&mut self, key: TagKey) {
        if let Some(place) = self.list.iter().position(|pen| pen.key == key) {
            self.selected = place;
            return;
        }
        let taken: Vec<usize> = self.list.iter().map(|pen| pen.style).collect();
        let style = (0..).find(|style| !taken.contains(style)).unwrap_or_default();
        self.list.push(Pen { style, ..Pen::new(key) });
        self.selected = self.list.len() - 1;
    }

    pub(super) fn remove(&mut self, place: usize) {
        if place < self.list.len() {
            self.list.remove(place);
        }
        if self.selected > place || self.selected >= self.list.len() {
            self.selected = self.selected.saturating_sub(1);
        }
    }

    /// Selects a neighbour.
    pub(super) fn step(&mut self, by: isize) {
        let last = self.list.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Moves the selected one among the others.
    pub(super) fn reorder(&mut self, by: isize) {
        let from = self.selected;
        self.step(by);
        if from < self.list.len() {
            self.list.swap(from, self.selected);
        }
    }

    pub(super) fn selected(&self) -> Option<&Pen> {
        self.list.get(self.selected)
    }

    pub(super) fn selected_mut(&mut self) -> Option<&mut Pen> {
        self.list.get_mut(self.selected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with their styles; the selected one in brackets.
    fn check(script: &[&str], expected: &str) {
        let mut pens = Pens::default();
        for step in script {
            match step.split_once(' ').unwrap_or((step, "")) {
                ("add", key) => pens.add(TagKey::from(key)),
                ("remove", place) => pens.remove(place.parse().unwrap()),
                ("step", by) => pens.step(by.parse().unwrap()),
                ("reorder", by) => pens.reorder(by.parse().unwrap()),
                other => panic!("{other:?}"),
            }
        }
        let word = |(place, pen): (usize, &Pen)| {
            let word = format!("{}{}", pen.key, pen.style);
            if place == pens.selected { format!("[{word}]") } else { word }
        };
        let words: Vec<String> = pens.list.iter().enumerate().map(word).collect();
        assert_eq!(words.join(" "), expected, "{script:?}");
    }

    #[test]
    fn pens_keep_their_look_when_others_come_and_go() {
        check(&["add a", "add b", "add c"], "a0 b1 [c2]");
        check(&["add a", "add b", "add a"], "[a0] b1");
        check(&["add a", "add b", "add c", "remove 1", "add d"], "a0 c2 [d1]");
        check(&["add a", "add b", "remove 0"], "[b1]");
        check(&["add a", "remove 0", "step 1"], "");
        check(&["add a", "add b", "step -5", "step 1"], "a0 [b1]");
        check(&["add a", "add b", "add c", "reorder -1"], "a0 [c2] b1");
        check(&["add a", "add b", "reorder 1"], "a0 [b1]");
    }
}
