//! What a scan for units has found out so far.

use crate::driver::Identity;
use crate::station::{ScanNews, UnitScan};
use std::time::Duration;

/// What is known of a unit that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// It was not asked.
    NotAsked,
    /// It says this.
    Says(Identity),
    /// It does not say so, and why.
    Silent(String),
}

/// A unit that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) unit: u8,
    pub(super) who: Who,
}

/// Where a scan stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Finished,
    Stopped,
    BrokeOff(String),
}

/// A scan, under way or over.
#[derive(Debug)]
pub(super) struct Scan {
    /// While this is here, units are asked.
    running: Option<UnitScan>,
    stage: Stage,
    units: Vec<u8>,
    limit: Duration,
    asked: usize,
    found: Vec<Found>,
}

impl Scan {
    /// A scan of these units that was just begun.
    pub(super) fn begun(running: UnitScan, units: Vec<u8>, limit: Duration) -> Self {
        Self { running: Some(running), stage: Stage::Running, units, limit, asked: 0, found: Vec::new() }
    }

    /// A scan that did not begin, and why.
    pub(super) fn refused(why: String) -> Self {
        let stage = Stage::BrokeOff(why);
        Self { running: None, stage, units: Vec::new(), limit: Duration::ZERO, asked: 0, found: Vec::new() }
    }

    /// Takes in what came since the last look.
    pub(super) fn collect(&mut self) {
        let news = self.running.as_mut().map(UnitScan::news).unwrap_or_default();
        news.into_iter().for_each(|news| self.take(news));
    }

    fn take(&mut self, news: ScanNews) {
        match news {
            ScanNews::Silent(_) => self.asked += 1,
            ScanNews::Present(unit) => {
                self.asked += 1;
                self.found.push(Found { unit, who: Who::NotAsked });
            }
            ScanNews::Identity(unit, said) => {
                if let Some(found) = self.found.iter_mut().find(|found| found.unit == unit) {
                    found.who = said.map_or_else(Who::Silent, Who::Says);
                }
            }
            ScanNews::Finished => self.end(Stage::Finished),
            ScanNews::BrokeOff(why) => self.end(Stage::BrokeOff(why)),
        }
    }

    /// Stops it at once.
    pub(super) fn stop(&mut self) {
        if self.running.is_some() {
            self.end(Stage::Stopped);
        }
    }

    fn end(&mut self, stage: Stage) {
        (self.running, self.stage) = (None, stage);
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The units that answer, in the order in which they were found.
    pub(super) fn found(&self) -> &[Found] {
        &self.found
    }

    /// How much of it is done, 0 to 1.
    pub(super) fn done(&self) -> f32 {
        self.asked as f32 / self.units.len().max(1) as f32
    }

    /// Where it stands, in a sentence.
    pub(super) fn words(&self) -> String {
        let (asked, all, found) = (self.asked, self.units.len(), self.found.len());
        let so_far = format!("{asked} of {all} asked, {found} found");
        match &self.stage {
            Stage::Running => {
                let unit = self.units.get(asked).map_or_else(String::new, |unit| format!("Unit {unit} is asked. "));
                let rest = self.limit * (all - asked.min(all)) as u32;
                format!("{unit}{so_far}; at most about {:.0} s more.", rest.as_secs_f32().ceil())
            }
            Stage::Finished => format!("Done: {so_far}."),
            Stage::Stopped => format!("Stopped: {so_far}."),
            Stage::BrokeOff(why) if all == 0 => format!("! {why}"),
            Stage::BrokeOff(why) => format!("! It broke off: {why}. {so_far}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(news: &[ScanNews]) -> Scan {
        let mut scan = Scan { units: vec![1, 2, 3], limit: Duration::from_millis(300), ..Scan::refused(String::new()) };
        scan.stage = Stage::Running;
        news.iter().cloned().for_each(|news| scan.take(news));
        scan
    }

    #[test]
    fn news_become_words_and_units() {
        let acme = Identity { vendor: "Acme".into(), ..Identity::default() };
        let mut news = vec![ScanNews::Silent(1)];
        assert_eq!(scan(&news).words(), "Unit 2 is asked. 1 of 3 asked, 0 found; at most about 1 s more.");
        news.extend([ScanNews::Present(2), ScanNews::Identity(2, Ok(acme.clone())), ScanNews::Silent(3)]);
        assert_eq!(scan(&news).found(), [Found { unit: 2, who: Who::Says(acme) }]);
        news.push(ScanNews::Finished);
        assert_eq!(scan(&news).words(), "Done: 3 of 3 asked, 1 found.");
        let why = "unit 1 could not be asked: refused".to_owned();
        let broken = scan(&[ScanNews::BrokeOff(why)]).words();
        assert_eq!(broken, "! It broke off: unit 1 could not be asked: refused. 0 of 3 asked, 0 found.");
    }
}
