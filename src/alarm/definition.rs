//! What the engineer says about an alarm.

use super::{Condition, Presentation};
use crate::expression::Program;
use crate::tag::{DeviceId, TagId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The permanent name of an alarm: the tag or device it watches, a colon, and its condition, such as `north/pump-1/speed:high`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlarmKey(Arc<str>);

impl AlarmKey {
    /// The key of the alarm with this condition on this subject.
    pub fn new(subject: &str, condition: &str) -> Self {
        Self(format!("{subject}:{condition}").into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AlarmKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for AlarmKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How soon an operator has to act; 1 is the most urgent.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// 1: act at once.
    Critical,
    /// 2: act soon.
    High,
    /// 3: act in this shift.
    #[default]
    Medium,
    /// 4: know it.
    Low,
}

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// 1 to 4.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The word that files and the event stream show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What an alarm watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The value or quality of a tag.
    Tag(TagId),
    /// Whether a device answers.
    Device(DeviceId),
}

/// One alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmDefinition {
    /// Permanent name.
    pub key: AlarmKey,
    /// What it watches.
    pub subject: Subject,
    /// When it is active.
    pub condition: Condition,
    /// How far a number must come back from its limit before the alarm returns, in the tag's unit, not negative.
    pub deadband: f64,
    /// How long the condition must hold before the alarm is raised.
    pub on_delay: Duration,
    /// How long the condition must be gone before the alarm returns.
    pub off_delay: Duration,
    /// How soon an operator has to act.
    pub priority: Priority,
    /// What the operator reads.
    pub message: Arc<str>,
    /// What the operator should do.
    pub guidance: Arc<str>,
    /// The part of the plant that it belongs to.
    pub area: Option<Arc<str>>,
    /// Whether it stays after its condition is gone, until a person resets it.
    pub latch: bool,
    /// Alarms with one cause: of those with the same name here, the first that becomes active is marked.
    pub group: Option<Arc<str>>,
    /// While this is true, the alarm is suppressed by design; while it is bad, that stays as it was.
    pub suppress_when: Option<Box<Program>>,
    /// What belongs to it on screen, beside message and guidance.
    pub presentation: Presentation,
}

impl AlarmDefinition {
    /// An alarm that comes and goes with its condition, of medium priority, and says nothing yet.
    pub fn plain(key: AlarmKey, subject: Subject, condition: Condition) -> Self {
        Self {
            key,
            subject,
            condition,
            deadband: 0.0,
            on_delay: Duration::ZERO,
            off_delay: Duration::ZERO,
            priority: Priority::default(),
            message: "".into(),
            guidance: "".into(),
            area: None,
            latch: false,
            group: None,
            suppress_when: None,
            presentation: Presentation::default(),
        }
    }

    /// Whether one sample of its own tag settles everything about it, so that it can be judged at once.
    pub const fn needs_one_sample(&self) -> bool {
        self.condition.is_simple() && self.suppress_when.is_none()
    }
}
