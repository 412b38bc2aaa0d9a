//! How the connections are, whatever their protocol: their tunnels, and what went over them.

use crate::driver::socket::Counted;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// At this share of its budget, in percent, a connection is spoken of.
const NEAR: u64 = 80;

/// How a connection over the network is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Name of the connection.
    pub connection: Arc<str>,
    /// The interface that it is bound to; none where it may use any.
    pub interface: Option<Arc<str>>,
    /// Why that cannot be used; none where it can.
    pub tunnel_down: Option<Arc<str>>,
    /// What was sent and received in the last hour, or since the start where that is later.
    pub hour: Counted,
    /// What was sent and received in this calendar month.
    pub month: Counted,
    /// How many bytes it may take in a month; none where any number.
    pub budget: Option<u64>,
}

impl LinkState {
    /// What it has taken of its budget in this month, in percent; none where it has no budget.
    pub fn percent(&self) -> Option<u64> {
        let budget = self.budget.filter(|budget| *budget > 0)?;
        Some((u128::from(self.month.on_the_line()) * 100 / u128::from(budget)).min(u128::from(u64::MAX)) as u64)
    }

    /// Which way it goes.
    pub fn way_words(&self) -> String {
        match (&self.interface, &self.tunnel_down) {
            (None, _) => "over any interface".to_owned(),
            (Some(interface), None) => format!("only over {interface}"),
            (Some(interface), Some(_)) => format!("only over {interface}, DOWN"),
        }
    }

    /// What it sent and received, in a line.
    pub fn traffic_words(&self) -> String {
        let (hour, month) = (bytes_words(self.hour.on_the_line()), bytes_words(self.month.on_the_line()));
        let budget = self.budget.zip(self.percent());
        let budget = budget.map(|(budget, percent)| format!(", {percent} % of {}", bytes_words(budget)));
        format!("{hour} in the last hour, {month} this month{}", budget.unwrap_or_default())
    }

    /// What a person should hear of it; none where all is well.
    pub(super) fn remark(&self) -> Option<String> {
        if let Some(why) = &self.tunnel_down {
            return Some(format!("{}: {why}", self.connection));
        }
        let percent = self.percent().filter(|percent| *percent >= NEAR)?;
        Some(format!("{} has taken {percent} % of its bytes of this month", self.connection))
    }
}

/// A number of bytes as people read it.
pub fn bytes_words(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(bytes: u64, budget: Option<u64>) -> LinkState {
        let month = Counted { sent: bytes, ..Counted::default() };
        LinkState { connection: "site".into(), month, budget, ..LinkState::default() }
    }

    #[test]
    fn a_budget_is_spoken_of_from_80_percent_on() {
        for (bytes, percent, is_told) in
            [(0, 0, false), (799, 79, false), (800, 80, true), (1000, 100, true), (2500, 250, true)]
        {
            let link = link(bytes, Some(1000));
            assert_eq!((link.percent(), link.remark().is_some()), (Some(percent), is_told), "{bytes}");
        }
        assert_eq!((link(u64::MAX, None).percent(), link(u64::MAX, None).remark()), (None, None));
        assert_eq!(link(u64::MAX, Some(1)).percent(), Some(u64::MAX));
    }

    #[test]
    fn bytes_are_said_as_people_read_them() {
        let words = [0, 999, 1000, 1_250_000, 3_000_000_000].map(bytes_words);
        assert_eq!(words, ["0 B", "999 B", "1.0 kB", "1.2 MB", "3.0 GB"]);
        let link = link(34_000_000, Some(200_000_000));
        assert_eq!(link.traffic_words(), "0 B in the last hour, 34.0 MB this month, 17 % of 200.0 MB");
    }
}
