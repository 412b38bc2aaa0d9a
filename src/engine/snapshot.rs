//! What screens see: one consistent, unchangeable picture of the plant.

use super::{BridgeView, DeviceView, Engine, Health, Plan};
use crate::alarm::{AlarmView, FloodState, Summary};
use crate::command::CommandView;
use crate::tag::{Generation, Live, Now, TagId, Timestamp, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which moment a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The present.
    Live,
    /// A moment of the past, out of history.
    Past(Timestamp),
}

/// The alarms that are not normal, the most urgent first, and those that are set aside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlarmBoard {
    /// Sorted: waiting for an acknowledgement first, then by priority, then the newest.
    pub views: Vec<AlarmView>,
    /// Those that are set aside, which are not among the others: out of service, suppressed by design, shelved; then by priority and name.
    pub set_aside: Vec<AlarmView>,
    /// Counts by priority.
    pub summary: Summary,
    /// A flood that is going on.
    pub flood: Option<FloodState>,
}

impl AlarmBoard {
    /// Sorts and counts.
    pub fn new(views: Vec<AlarmView>) -> Self {
        let summary = Summary::of(views.iter());
        let (mut set_aside, mut views): (Vec<_>, Vec<_>) =
            views.into_iter().partition(|view| view.state.is_set_aside());
        views.sort_by_cached_key(AlarmView::sort_key);
        set_aside.sort_by_cached_key(|view| (std::cmp::Reverse(view.state), view.priority, view.key.clone()));
        Self { views, set_aside, summary, flood: None }
    }
}

/// One picture. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Which moment it shows.
    pub moment: Moment,
    /// The plant that its slots belong to.
    pub generation: Generation,
    /// Everything that has a name.
    pub plan: Arc<Plan>,
    /// Present values, by slot.
    pub values: Arc<[Live]>,
    /// Texts of those whose value is text.
    pub texts: Arc<BTreeMap<TagId, Arc<str>>>,
    /// Of tags whose value is bad: why, where more is known than the reason says.
    pub details: Arc<BTreeMap<TagId, Arc<str>>>,
    /// Alarms that are not normal.
    pub alarms: Arc<AlarmBoard>,
    /// Devices, by slot.
    pub devices: Arc<Vec<DeviceView>>,
    /// Commands, the newest first.
    pub commands: Arc<Vec<CommandView>>,
    /// Messages by hand that have not ended yet.
    pub messages_under_way: usize,
    /// Bridges, in the order of the station file.
    pub bridges: Arc<Vec<BridgeView>>,
    /// How the stores are.
    pub health: Health,
    /// When it was taken.
    pub taken: Now,
}

impl Snapshot {
    /// The present value of a tag; `None` for a slot of another generation.
    pub fn live(&self, tag: TagId) -> Option<&Live> {
        self.values.get(tag.index())
    }

    /// The present value with memory of its own; `None` where nothing was read yet.
    pub fn value(&self, tag: TagId) -> Option<Value> {
        self.live(tag)?.value.to_value(self.texts.get(&tag))
    }
}

impl Engine {
    /// Whether anything happened since the last picture.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Takes a picture.
    pub fn snapshot(&mut self, now: Now) -> Snapshot {
        self.changed = false;
        Snapshot {
            moment: Moment::Live,
            generation: self.plan.generation,
            plan: Arc::clone(&self.plan),
            values: Arc::from(self.tags.live()),
            texts: Arc::clone(self.tags.texts()),
            details: Arc::clone(self.tags.details()),
            alarms: self.alarms.board(&self.plan),
            devices: Arc::clone(self.devices.views()),
            commands: self.commands.views(),
            messages_under_way: self.messages.under_way(),
            bridges: self.bridges.views(),
            health: self.health.clone(),
            taken: now,
        }
    }
}
