//! What every view is given, and what it can ask for. Views paint; what they want done is done after painting.

use super::format;
use super::history::HistoryCache;
use super::theme::Palette;
use crate::alarm::{OccurrenceId, Priority, Subject};
use crate::engine::{AlarmBoard, RequestBody, Snapshot};
use crate::station::Handle;
use crate::tag::{Now, TagId, TagKey, Timestamp, Value};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The views, in the order of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The plant as a picture.
    Overview,
    /// All tags.
    Tags,
    /// Lines over time.
    Trends,
    /// What needs the operator.
    Alarms,
    /// How the devices are.
    Devices,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Overview, Self::Tags, Self::Trends, Self::Alarms, Self::Devices];

    /// The view that a station file calls by this name; none for another word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.title().eq_ignore_ascii_case(word))
    }

    /// What the navigation says.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Tags => "Tags",
            Self::Trends => "Trends",
            Self::Alarms => "Alarms",
            Self::Devices => "Devices",
        }
    }
}

/// A menu of the plant itself, such as the demo's faults: words, and what they do.
pub struct Extra {
    /// What the menu is called.
    pub title: String,
    /// Its entries.
    pub entries: Vec<(String, Box<dyn Fn()>)>,
}

/// What a view wants done after painting.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Show another view.
    Show(View),
    /// Show another view, at this part of the plant as far as the view knows parts.
    ShowAt(View, Part),
    /// Show the faceplate of a tag.
    Select(TagId),
    /// Draw a tag in the trend view, and show that.
    Trend(TagKey),
    /// Draw a tag in the trend view, and show what it was at a moment.
    TrendAt(TagKey, Timestamp),
    /// Show an activation of an alarm: among the active ones while it lasts, else in the journal.
    OpenAlarm { alarm: String, occurrence: u64 },
    /// Acknowledge these occurrences.
    Acknowledge(Vec<OccurrenceId>, String),
    /// Ask the station for something else; what it refuses is said in the banner.
    Request(RequestBody),
    /// Set a tag.
    Command { tag: TagKey, value: Value, seen: Option<Value>, reason: String },
    /// Take a device off scan, or put it back.
    Scan { device: Arc<str>, on: bool, reason: String },
    /// Stop a bridge, or start it again.
    Bridge { name: Arc<str>, on: bool, reason: String },
    /// Show what a changed station file would change, and go on with it where that is wanted.
    Reload,
    /// Write the tags to a sheet, or take them from one.
    Sheet,
    /// Show whether alarms can be heard, and try it.
    Sound,
    /// Make the page for the next shift.
    Handover,
    /// Record a loop check.
    LoopCheck { tag: TagKey, seen: Option<Value>, passed: bool, remark: String },
}

/// A part of the plant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) area: Option<Arc<str>>,
    pub(super) device: Option<Arc<str>>,
}

/// What a view is given.
pub(super) struct Scene<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Now,
    pub(super) handle: &'a Handle,
    pub(super) palette: Palette,
    pub(super) history: &'a mut HistoryCache,
    pub(super) alarmed: &'a AlarmedTags,
    pub(super) actions: Vec<Action>,
}

impl Scene<'_> {
    /// Asks for something to be done.
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The most urgent alarm of a tag, if it has one that is active.
    pub(super) fn alarm_of(&self, tag: TagId) -> Option<Priority> {
        self.alarmed.all().get(&tag).map(|(priority, _)| *priority)
    }

    /// Why a value cannot be trusted; none where it can.
    pub(super) fn doubt(&self, tag: TagId) -> Option<&'static str> {
        self.snapshot.live(tag).filter(|live| live.quality.is_bad()).map(|live| live.quality.words())
    }

    /// A value with its unit; one that cannot be trusted is said to be the last one.
    pub(super) fn value_words(&self, tag: TagId) -> String {
        let definition = self.snapshot.plan.directory.tag(tag);
        let shown = match (definition, self.snapshot.value(tag)) {
            (Some(definition), Some(value)) => format::with_unit(definition, &value),
            _ => "?".to_owned(),
        };
        if self.doubt(tag).is_some() { format!("last {shown}") } else { shown }
    }

    /// Limits of a tag's alarms.
    pub(super) fn limits_of(&self, tag: TagId) -> Vec<f64> {
        let alarms = self.snapshot.plan.alarms.iter().filter(|alarm| alarm.subject == Subject::Tag(tag));
        alarms.filter_map(|alarm| alarm.condition.limit()).collect()
    }
}

/// The most urgent active alarm of each tag that has one, and whether it waits for an acknowledgement.
pub(super) type Alarmed = HashMap<TagId, (Priority, bool)>;

/// The alarms by tag, worked out when a view asks for them, and once for a board.
#[derive(Default)]
pub(super) struct AlarmedTags {
    board: Option<Arc<AlarmBoard>>,
    tags: OnceCell<Alarmed>,
}

impl AlarmedTags {
    /// Takes the picture of this frame.
    pub(super) fn refresh(&mut self, snapshot: &Snapshot) {
        if !self.board.as_ref().is_some_and(|board| Arc::ptr_eq(board, &snapshot.alarms)) {
            *self = Self { board: Some(Arc::clone(&snapshot.alarms)), tags: OnceCell::new() };
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> &Alarmed {
        self.tags.get_or_init(|| self.board.as_ref().map(|board| alarmed_tags(board)).unwrap_or_default())
    }
}

fn alarmed_tags(board: &AlarmBoard) -> Alarmed {
    let mut alarmed = Alarmed::new();
    for view in board.views.iter().filter(|view| view.state.is_active()) {
        if let Subject::Tag(tag) = view.subject {
            let entry = alarmed.entry(tag).or_insert((view.priority, false));
            entry.0 = entry.0.min(view.priority);
            entry.1 |= view.state.needs_acknowledgement();
        }
    }
    alarmed
}
