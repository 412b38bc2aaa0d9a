//! The page that one shift hands to the next: what is in alarm, what was set aside, which devices are silent or off scan, which commands ended
//! without certainty, what was noted, the alarm figures of the shift, and a place to sign. Pure: records in, HTML out.

mod gather;
mod html;
#[cfg(test)]
mod tests;

pub use gather::{Sources, gather};

use crate::alarm::Priority;
use crate::alarm::figures::{Figures, Period};
use crate::tag::Timestamp;

/// Why an alarm is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Who did it.
    pub by: String,
    /// The words of that person, or of the design of the plant.
    pub reason: String,
    /// When it ends by itself; none where somebody has to end it.
    pub until: Option<Timestamp>,
}

/// An alarm that is not normal.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingAlarm {
    /// Permanent name.
    pub alarm: String,
    /// What the operator reads; the permanent name where the station file does not know the alarm.
    pub message: String,
    /// How soon an operator has to act; none where the station file does not know the alarm.
    pub priority: Option<Priority>,
    /// The word of its state.
    pub state: String,
    /// When the activation began.
    pub since: Timestamp,
    /// Of one that is set aside: who did it, why, and until when.
    pub why: Option<Why>,
}

/// Something that a person did, and which still holds or has to be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// When.
    pub time: Timestamp,
    /// Device, tag or moment that it is about.
    pub subject: String,
    /// What was done, or said.
    pub words: String,
    /// Who.
    pub who: String,
}

/// Everything that stands on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Handover {
    /// Name of the station.
    pub station: String,
    /// The shift.
    pub period: Period,
    /// When the page was made: alarms and devices are as they were then.
    pub made: Timestamp,
    /// Who made it.
    pub made_by: String,
    /// Whether the station ran then; where it did not, alarms and devices are as they were when it stopped.
    pub is_running: bool,
    /// Alarms that are shown to the operator, the most urgent first.
    pub alarms: Vec<StandingAlarm>,
    /// Alarms that are shelved, suppressed or out of service.
    pub set_aside: Vec<StandingAlarm>,
    /// Devices that do not answer, by their alarms.
    pub silent: Vec<StandingAlarm>,
    /// Devices that are off scan.
    pub off_scan: Vec<Deed>,
    /// Commands of the shift that ended without certainty, or of which no end is recorded.
    pub uncertain: Vec<Deed>,
    /// Notes that were written in the shift, or are about a moment of it.
    pub notes: Vec<Deed>,
    /// The alarm figures of the shift.
    pub figures: Figures,
    /// What the next shift has to know besides; may be empty.
    pub remarks: String,
    /// The name of the person who hands over; empty where they write it by hand.
    pub signer: String,
}

impl Handover {
    /// The page as HTML: one file without scripts and without anything from elsewhere, which prints on A4. `moment` writes a time as the people
    /// of the station read it.
    pub fn to_html(&self, moment: &dyn Fn(Timestamp) -> String) -> String {
        html::page(self, moment)
    }
}
