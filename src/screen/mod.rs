//! What a picture of the plant shows: elements in places, bound to tags. Types only; the window draws them.
//!
//! Places are in units of the picture's own size; the window scales it.

mod trend;

pub use trend::{TrendGroup, TrendPen};

use crate::tag::TagId;
use std::sync::Arc;

/// A place in a picture.
pub type Place = [f32; 2];

/// A picture of the plant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Width and height.
    pub size: Place,
    /// What is drawn, in this order.
    pub elements: Vec<Element>,
    /// Tags whose last hours stand beside the picture.
    pub trends: Vec<TagId>,
}

/// One thing in a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// Water in a basin.
    Tank {
        /// Left, top, width, height.
        area: [f32; 4],
        /// What it is called.
        title: Arc<str>,
        /// The level.
        level: TagId,
        /// The level that it should have.
        target: Option<TagId>,
        /// The levels at the bottom and the top of the drawing, in the unit of the level.
        span: [f64; 2],
    },
    /// A pump, seen from the side; its pipe is drawn apart.
    Pump {
        /// Its middle.
        at: Place,
        /// What it is called.
        title: Arc<str>,
        /// 0 stopped, 1 running, 2 tripped.
        state: TagId,
        /// The number beside it.
        value: TagId,
    },
    /// A sluice gate.
    Gate {
        /// Its middle.
        at: Place,
        /// What it is called.
        title: Arc<str>,
        /// How far it is open, in percent.
        position: TagId,
        /// The number beside it.
        value: Option<TagId>,
    },
    /// A pipe.
    Pipe {
        /// Its corners.
        points: Vec<Place>,
    },
    /// A scale with a pointer: where a value stands in its range, between its limits.
    Gauge {
        /// Left upper corner.
        at: Place,
        /// What it is called.
        title: Arc<str>,
        /// The value.
        value: TagId,
        /// The value that it should have.
        target: Option<TagId>,
    },
    /// A number with its name.
    Number {
        /// Left upper corner.
        at: Place,
        /// What it is called.
        title: Arc<str>,
        /// The value.
        value: TagId,
    },
    /// A caption.
    Caption {
        /// Left upper corner.
        at: Place,
        /// The words.
        words: Arc<str>,
    },
}

impl Element {
    /// The tags that it shows.
    pub fn tags(&self) -> Vec<TagId> {
        match self {
            Self::Tank { level, target, .. } => std::iter::once(*level).chain(*target).collect(),
            Self::Pump { state, value, .. } => vec![*state, *value],
            Self::Gate { position, value, .. } => std::iter::once(*position).chain(*value).collect(),
            Self::Gauge { value, target, .. } => std::iter::once(*value).chain(*target).collect(),
            Self::Number { value, .. } => vec![*value],
            Self::Pipe { .. } | Self::Caption { .. } => Vec::new(),
        }
    }
}
