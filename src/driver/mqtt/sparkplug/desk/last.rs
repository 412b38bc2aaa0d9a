//! The last present values of the metrics of a source. What edge nodes say that no entry names is bounded: anybody who may publish can
//! invent more of them, and longer texts.

use crate::driver::mqtt::sparkplug::host::Update;
use crate::tag::Value;

/// Bytes that the texts of all sources together may take that are no devices of the station.
const TEXT_BYTES: usize = 32 << 20;
/// Bytes of one text among them.
const LONGEST: usize = 64 << 10;
/// Texts of this length are kept even where there is no room: their number is bounded by that of the metrics.
const ALWAYS: usize = 64;

/// What is taken of the room for texts.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: usize,
}

/// By place of the metric.
#[derive(Debug, Default)]
pub(super) struct LastValues {
    kept: Vec<Option<Kept>>,
    /// Bytes that they take of the room.
    bytes: usize,
}

/// A value that may be the beginning of one.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// What was said.
    pub(super) update: Update,
    /// Whether only the beginning of a text is left.
    pub(super) is_cut: bool,
    bytes: usize,
}

impl LastValues {
    /// Nothing is known yet of so many metrics.
    pub(super) fn new(metrics: usize) -> Self {
        Self { kept: vec![None; metrics], bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The last value of the metric at this place.
    pub(super) fn get(&self, place: usize) -> Option<&Kept> {
        self.kept.get(place)?.as_ref()
    }

    /// Takes what is present; with a `room`, only as much as that has.
    pub(super) fn take(&mut self, mut update: Update, room: Option<&mut Room>) {
        let Some(slot) = self.kept.get_mut(update.metric as usize).filter(|_| !update.is_historical) else { return };
        let (mut bytes, mut is_cut) = (0, false);
        if let Some(room) = room {
            let before = slot.as_ref().map_or(0, |kept| kept.bytes);
            (room.taken, self.bytes) = (room.taken - before, self.bytes - before);
            if let Some(Value::Text(text)) = &mut update.value {
                let most = if room.taken + text.len().min(LONGEST) <= TEXT_BYTES { LONGEST } else { ALWAYS };
                is_cut = text.len() > most;
                if is_cut {
                    *text = beginning(text, most).into();
                }
                bytes = text.len();
            }
            (room.taken, self.bytes) = (room.taken + bytes, self.bytes + bytes);
        }
        *slot = Some(Kept { update, is_cut, bytes });
    }

    pub(super) fn take_all(&mut self, updates: Vec<Update>, mut room: Option<&mut Room>) {
        updates.into_iter().for_each(|update| self.take(update, room.as_deref_mut()));
    }

    /// It is not needed any more: its room is free again.
    pub(super) fn leave(self, room: &mut Room) {
        room.taken -= self.bytes;
    }

    /// Places of which only the beginning of a text is left.
    pub(super) fn cut(&self) -> impl Iterator<Item = usize> {
        self.kept
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.as_ref().is_some_and(|kept| kept.is_cut))
            .map(|(place, _)| place)
    }

    /// What was said, as far as it is whole.
    pub(super) fn into_updates(self) -> Vec<Update> {
        let whole = self.kept.into_iter().flatten().filter(|kept| !kept.is_cut);
        whole.map(|kept| kept.update).collect()
    }
}

/// As much of a text as fits into so many bytes.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most.min(text.len()))]
}

#[cfg(test)]
impl Room {
    /// Nothing is left of it.
    pub(super) fn full() -> Self {
        Self { taken: TEXT_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, Timestamp};

    fn said(metric: u32, text: &str) -> Update {
        let (value, quality, time) = (Some(Value::Text(text.into())), Quality::GOOD, Timestamp::default());
        Update { metric, value, quality, time, is_historical: false, is_transient: false }
    }

    fn text(last: &LastValues, place: usize) -> (usize, bool) {
        let kept = last.get(place).unwrap();
        let Some(Value::Text(text)) = &kept.update.value else { panic!("{kept:?}") };
        (text.len(), kept.is_cut)
    }

    #[test]
    fn texts_of_strangers_are_cut_and_never_take_more_than_their_room() {
        let (mut room, mut last) = (Room::default(), LastValues::new(1000));
        let long = "é".repeat(LONGEST);
        for place in 0..1000 {
            last.take(said(place, &long), Some(&mut room));
        }
        assert_eq!((text(&last, 0), text(&last, 999)), ((LONGEST, true), (ALWAYS, true)));
        assert!(room.taken <= TEXT_BYTES + 1000 * ALWAYS, "{}", room.taken);
        assert_eq!(room.taken, last.bytes);
        // What gives way makes room.
        last.take(said(0, "short"), Some(&mut room));
        last.take(said(999, &"x".repeat(5000)), Some(&mut room));
        assert_eq!((text(&last, 0), text(&last, 999)), ((5, false), (5000, false)));
        last.leave(&mut room);
        assert_eq!(room.taken, 0);
    }

    #[test]
    fn what_is_historical_is_not_the_last_and_what_is_cut_makes_no_value() {
        let (mut room, mut last) = (Room::default(), LastValues::new(2));
        last.take(Update { is_historical: true, ..said(0, "old") }, None);
        assert!(last.get(0).is_none());
        last.take_all(vec![said(0, "new"), said(1, &"x".repeat(LONGEST + 1)), said(7, "nowhere")], Some(&mut room));
        assert_eq!(last.into_updates(), [said(0, "new")]);
    }
}
