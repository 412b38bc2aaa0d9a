//! Readings of many messages put into few batches: what was read from the socket in one go and is about different tags goes on in one piece.

use super::intake::Arrival;
use crate::driver::Reading;
use crate::tag::Timestamp;

/// Readings of one device that share their time; no tag is in it twice.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Gathered {
    /// The device's place in the settings.
    pub(super) place: usize,
    pub(super) time: Timestamp,
    pub(super) readings: Vec<Reading>,
}

/// Collects what arrives between two sendings.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    open: Vec<Gathered>,
    /// For each device its place in `open`.
    by_place: Vec<Option<usize>>,
    /// For each tag the number of the batch that it was put into last.
    last: Vec<u64>,
    /// The numbers of the batches in `open`.
    numbers: Vec<u64>,
    number: u64,
}

impl Gatherer {
    /// Takes the readings of a message; a batch that is complete because of it comes out.
    pub(super) fn add(&mut self, arrival: Arrival) -> Option<Gathered> {
        let Arrival { place, time, readings, .. } = arrival;
        let (at, complete) = self.open_for(place, time, &readings);
        readings.into_iter().for_each(|reading| self.put(at, reading));
        complete
    }

    /// Takes one reading, as [`Gatherer::add`] takes several.
    pub(super) fn add_one(&mut self, place: usize, time: Timestamp, reading: Reading) -> Option<Gathered> {
        let (at, complete) = self.open_for(place, time, std::slice::from_ref(&reading));
        self.put(at, reading);
        complete
    }

    /// Where readings fit in, and what had to be completed for that.
    fn open_for(&mut self, place: usize, time: Timestamp, readings: &[Reading]) -> (usize, Option<Gathered>) {
        if self.by_place.len() <= place {
            self.by_place.resize(place + 1, None);
        }
        let mut complete = None;
        let at = match self.by_place[place] {
            None => self.begin(place, time),
            Some(at) if self.fits(at, time, readings) => at,
            Some(at) => {
                self.number += 1;
                self.numbers[at] = self.number;
                let fresh = Gathered { place, time, readings: Vec::with_capacity(readings.len()) };
                complete = Some(std::mem::replace(&mut self.open[at], fresh));
                at
            }
        };
        (at, complete)
    }

    fn put(&mut self, at: usize, reading: Reading) {
        let tag = reading.tag.index();
        if self.last.len() <= tag {
            self.last.resize(tag + 1, 0);
        }
        self.last[tag] = self.numbers[at];
        self.open[at].readings.push(reading);
    }

    fn begin(&mut self, place: usize, time: Timestamp) -> usize {
        self.number += 1;
        self.numbers.push(self.number);
        self.open.push(Gathered { place, time, readings: Vec::new() });
        self.by_place[place] = Some(self.open.len() - 1);
        self.open.len() - 1
    }

    fn fits(&self, at: usize, time: Timestamp, readings: &[Reading]) -> bool {
        let is_in = |reading: &Reading| self.last.get(reading.tag.index()) == Some(&self.numbers[at]);
        self.open[at].time == time && !readings.iter().any(is_in)
    }

    /// All that is open.
    pub(super) fn take(&mut self) -> Vec<Gathered> {
        for gathered in &self.open {
            self.by_place[gathered.place] = None;
        }
        self.numbers.clear();
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, TagId, Value};

    fn reading(tag: u32, value: i64) -> Reading {
        Reading { tag: TagId(tag), value: Some(Value::Signed(value)), quality: Quality::GOOD }
    }

    fn arrival(place: usize, time: i64, readings: &[(u32, i64)]) -> Arrival {
        let readings = readings.iter().map(|&(tag, value)| reading(tag, value)).collect();
        Arrival { place, time: Timestamp::from_micros(time), is_past: false, readings, details: Vec::new() }
    }

    fn check(arrivals: Vec<Arrival>, expected: &[(usize, &[(u32, i64)])]) {
        let mut gatherer = Gatherer::default();
        let mut all: Vec<_> = arrivals.into_iter().filter_map(|arrival| gatherer.add(arrival)).collect();
        all.extend(gatherer.take());
        let expected: Vec<_> = expected
            .iter()
            .map(|(place, list)| (*place, list.iter().map(|&(tag, value)| reading(tag, value)).collect::<Vec<_>>()))
            .collect();
        let got: Vec<_> = all.into_iter().map(|one| (one.place, one.readings)).collect();
        assert_eq!(got, expected);
        assert!(gatherer.take().is_empty());
    }

    /// One at a time it is the same as together, where they are about different tags.
    #[test]
    fn one_reading_goes_the_way_of_several() {
        let mut gatherer = Gatherer::default();
        let time = Timestamp::from_micros(1);
        assert_eq!(gatherer.add_one(0, time, reading(0, 1)), None);
        assert_eq!(gatherer.add(arrival(0, 1, &[(1, 2)])), None);
        let first = Gathered { place: 0, time, readings: vec![reading(0, 1), reading(1, 2)] };
        assert_eq!(gatherer.add_one(0, time, reading(1, 3)), Some(first), "no tag is in it twice");
        assert_eq!(gatherer.take(), [Gathered { place: 0, time, readings: vec![reading(1, 3)] }]);
    }

    #[test]
    fn every_value_goes_on_in_its_order_and_no_tag_is_twice_in_a_batch() {
        check(
            vec![arrival(0, 1, &[(0, 1)]), arrival(1, 1, &[(5, 1)]), arrival(0, 1, &[(1, 2)])],
            &[(0, &[(0, 1), (1, 2)]), (1, &[(5, 1)])],
        );
        check(
            vec![arrival(0, 1, &[(0, 1), (1, 1)]), arrival(0, 1, &[(1, 2)]), arrival(0, 1, &[(0, 3)])],
            &[(0, &[(0, 1), (1, 1)]), (0, &[(1, 2), (0, 3)])],
        );
        // Another time is another batch.
        check(vec![arrival(0, 1, &[(0, 1)]), arrival(0, 2, &[(1, 1)])], &[(0, &[(0, 1)]), (0, &[(1, 1)])]);
    }
}
