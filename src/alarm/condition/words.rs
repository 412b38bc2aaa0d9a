//! Conditions in words, with the names of tags: slots move from one plan to the next.

use super::Condition;
use crate::tag::TagId;

impl Condition {
    /// As an engineer would say it. `name` names tags.
    pub fn words(&self, name: impl Fn(TagId) -> String) -> String {
        let word = self.word();
        match self {
            Self::HighHigh(limit) | Self::High(limit) | Self::Low(limit) | Self::LowLow(limit) => {
                format!("{word} {limit}")
            }
            Self::Digital(state) => format!("is {state}"),
            Self::States(states) => {
                let states: Vec<String> = states.iter().map(f64::to_string).collect();
                format!("is {}", states.join(" or "))
            }
            Self::BadQuality => "bad quality".to_owned(),
            Self::BadQualityNotStale => "bad quality but for stale".to_owned(),
            Self::Stale | Self::DeviceLost | Self::OtherIdentity => word.to_owned(),
            Self::Moving(_, limit) => format!("{word} {{{}}}", name(*limit)),
            Self::Deviation { from, limit } => format!("deviation {limit} from {{{}}}", name(*from)),
            Self::Discrepancy { commanded, tolerance } => {
                format!("discrepancy from {{{}}} beyond {tolerance}", name(*commanded))
            }
            Self::Rate(rate) => {
                let direction = format!("{:?}", rate.direction).to_lowercase();
                format!("rate {} per {:?}, {direction}", rate.change, rate.per)
            }
            Self::NoChange(duration) => format!("no change for {duration:?}"),
            Self::When(program) => format!("when {}", program.text()),
        }
    }
}
