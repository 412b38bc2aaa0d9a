//! What happened, for replays of alarms with other settings: the samples of a tag, or what the journal tells of a device. This reads history:
//! never call it on a thread that paints.

use crate::alarm::backtest::{Comparison, Observed, Proposal, Replay, Setting, can_be_replayed};
use crate::alarm::figures::{Activation, AlarmFigures, Period};
use crate::alarm::{AlarmDefinition, Condition, Subject, Verdict};
use crate::engine::Plan;
use crate::historian::{QueryError, Reader};
use crate::recorder::read_record;
use crate::tag::{Sample, Scalar, TagKey, Timestamp};
use std::path::Path;
use std::time::Duration;

/// An alarm that came more rarely may have been right each time.
const FEWEST: usize = 5;

/// Why an alarm cannot be replayed, or nothing is proposed for it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is of no kind that can be replayed, or its history is not kept; the words are for people.
    #[error("{0}")]
    Impossible(String),
    /// The samples cannot be read.
    #[error("history cannot be read: {0}")]
    History(#[from] QueryError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Journal(#[from] rusqlite::Error),
}

/// What takes samples.
trait Sink {
    fn numbers(&mut self, times: &[i64], numbers: &[f64]);
    fn sample(&mut self, sample: &Sample);
    fn verdict(&mut self, time: Timestamp, verdict: Verdict);
}

fn scalar(sample: &Sample) -> Scalar {
    sample.value.as_ref().map_or(Scalar::Empty, Scalar::from)
}

impl Sink for Observed {
    fn numbers(&mut self, times: &[i64], numbers: &[f64]) {
        Self::numbers(self, times, numbers);
    }

    fn sample(&mut self, sample: &Sample) {
        Self::sample(self, sample.time, scalar(sample), sample.quality);
    }

    fn verdict(&mut self, time: Timestamp, verdict: Verdict) {
        Self::verdict(self, time, verdict);
    }
}

impl Sink for Replay {
    fn numbers(&mut self, times: &[i64], numbers: &[f64]) {
        Self::numbers(self, times, numbers);
    }

    fn sample(&mut self, sample: &Sample) {
        Self::sample(self, sample.time, scalar(sample), sample.quality);
    }

    fn verdict(&mut self, time: Timestamp, verdict: Verdict) {
        Self::verdict(self, time, verdict);
    }
}

/// What an alarm judges.
pub enum Source<'a> {
    /// The samples of a tag.
    Samples(&'a TagKey),
    /// Whether a device answered, as the journal has it: an alarm with its present on-delay. What is replayed comes on top of that.
    Journal(Vec<Activation>),
}

/// What happened in a period.
pub struct History<'a> {
    reader: &'a Reader,
    records: &'a Path,
    plan: &'a Plan,
    /// The period.
    pub period: Period,
    /// The end, or the moment up to which anything is known.
    pub end: Timestamp,
}

impl<'a> History<'a> {
    /// Of the plant of this plan, out of its samples and its file of records.
    pub fn new(reader: &'a Reader, records: &'a Path, plan: &'a Plan, period: Period) -> Result<Self, ReplayError> {
        let end = reader.known_until()?.map_or(period.to, |known| known.clamp(period.from, period.to));
        Ok(Self { reader, records, plan, period, end })
    }

    /// The alarm of this name; none where the plan has none.
    pub fn alarm(&self, name: &str) -> Option<&'a AlarmDefinition> {
        self.plan.alarms.iter().find(|alarm| alarm.key.as_str() == name)
    }

    /// What an alarm judges; why it cannot be replayed.
    pub fn source(&self, alarm: &AlarmDefinition) -> Result<Source<'a>, ReplayError> {
        let impossible = |why: String| Err(ReplayError::Impossible(why));
        match (alarm.subject, &alarm.condition) {
            (Subject::Tag(tag), _) => {
                if let Err(why) = can_be_replayed(alarm) {
                    return impossible(why.to_string());
                }
                match self.plan.directory.tag(tag) {
                    None => impossible("its tag is not in the station file".to_owned()),
                    Some(tag) if !tag.history.keep => impossible(format!("{} is not kept in history", tag.key)),
                    Some(tag) => Ok(Source::Samples(&tag.key)),
                }
            }
            (Subject::Device(_), Condition::DeviceLost) => {
                let mut activations = read_record(self.records, self.period)?.activations(self.period);
                activations.retain(|one| &*one.alarm == alarm.key.as_str() && one.raised < self.end);
                Ok(Source::Journal(activations))
            }
            (Subject::Device(_), _) => impossible("no setting of it can be another".to_owned()),
        }
    }

    /// The alarm as it is replayed with its present settings: what the journal tells has waited for the on-delay already.
    pub fn as_it_is(alarm: &AlarmDefinition, source: &Source<'_>) -> AlarmDefinition {
        match source {
            Source::Samples(_) => alarm.clone(),
            Source::Journal(_) => AlarmDefinition { on_delay: Duration::ZERO, ..alarm.clone() },
        }
    }

    /// What is proposed for a bad actor, or why nothing is.
    pub fn propose_for(&self, actor: &AlarmFigures) -> Result<Proposal, ReplayError> {
        let nothing = |why: String| Err(ReplayError::Impossible(why));
        if actor.activations < FEWEST {
            return nothing(format!("fewer than {FEWEST} activations are too few to judge a setting by"));
        }
        let Some(alarm) = self.alarm(&actor.alarm) else {
            return nothing("it is not in the station file any more".to_owned());
        };
        match self.propose(alarm, &self.source(alarm)?)? {
            Some(proposal) => Ok(proposal),
            None => nothing("no deadband or delay helps without hiding something that lasted a minute".to_owned()),
        }
    }

    /// The moment with which a replay begins: what held when the period began comes first.
    fn first(&self, source: &Source<'_>) -> Result<Timestamp, ReplayError> {
        let before = match source {
            Source::Samples(tag) => self.reader.before(tag, self.period.from)?.map(|sample| sample.time),
            Source::Journal(activations) => activations.first().map(|one| one.raised.min(self.period.from)),
        };
        Ok(before.unwrap_or(self.period.from))
    }

    /// Hands everything to all sinks, a piece at a time; how many samples there were.
    fn feed(&self, source: &Source<'_>, condition: &Condition, sinks: &mut [impl Sink]) -> Result<u64, ReplayError> {
        match source {
            Source::Samples(tag) => self.feed_samples(tag, condition, sinks),
            Source::Journal(activations) => {
                for one in activations {
                    sinks.iter_mut().for_each(|sink| sink.verdict(one.raised, Verdict::Active));
                    let returned = one.returned.filter(|returned| *returned < self.end);
                    returned.iter().for_each(|time| {
                        sinks.iter_mut().for_each(|sink| sink.verdict(*time, Verdict::Inactive));
                    });
                }
                Ok(activations.len() as u64)
            }
        }
    }

    fn feed_samples(&self, tag: &TagKey, condition: &Condition, sinks: &mut [impl Sink]) -> Result<u64, ReplayError> {
        let before = self.reader.before(tag, self.period.from)?;
        before.iter().for_each(|sample| sinks.iter_mut().for_each(|sink| sink.sample(sample)));
        let mut count = before.iter().count() as u64;
        // The end is the first moment that does not belong to the period.
        let last = Timestamp::from_micros(self.end.as_micros() - 1);
        // Numbers alone do not tell why one is missing, nor what it was.
        if condition.needs_whole_samples() {
            self.reader.visit(tag, self.period.from, last, |sample| {
                sinks.iter_mut().for_each(|sink| sink.sample(&sample));
                count += 1;
                true
            })?;
        } else {
            self.reader.numbers(tag, self.period.from, last, &mut |times, numbers| {
                sinks.iter_mut().for_each(|sink| sink.numbers(times, numbers));
                count += times.len() as u64;
                true
            })?;
        }
        Ok(count)
    }

    /// What another alarm would have made of it, and how much said so.
    pub fn compare(
        &self,
        alarm: &AlarmDefinition,
        source: &Source<'_>,
        other: AlarmDefinition,
    ) -> Result<(Comparison, u64), ReplayError> {
        let first = self.first(source)?;
        let mut replays = [Replay::new(alarm.clone(), first), Replay::new(other, first)];
        let samples = self.feed(source, &alarm.condition, &mut replays)?;
        let [present, other] = replays.map(|replay| replay.finish(self.end));
        Ok((Comparison::of(&present, &other, self.period.from), samples))
    }

    /// The best of the settings that the alarm's own history suggests; none where nothing helps without harm.
    fn propose(&self, alarm: &AlarmDefinition, source: &Source<'_>) -> Result<Option<Proposal>, ReplayError> {
        let (first, present) = (self.first(source)?, Self::as_it_is(alarm, source));
        let mut observed = [Observed::new(present.clone(), first, self.period.from)];
        self.feed(source, &alarm.condition, &mut observed)?;
        let [observed] = observed;
        let (spans, settings) = observed.finish(self.end);
        let mut replays: Vec<Replay> =
            settings.iter().map(|setting| Replay::new(setting.apply(&present), first)).collect();
        self.feed(source, &alarm.condition, &mut replays)?;
        let waited = alarm.on_delay.saturating_sub(present.on_delay).as_secs_f64();
        let tried = replays.into_iter().zip(settings).map(|(replay, setting)| {
            let comparison = Comparison::of(&spans, &replay.finish(self.end), self.period.from);
            let on_delay_seconds = setting.on_delay_seconds.map(|seconds| seconds + waited);
            Proposal { setting: Setting { on_delay_seconds, ..setting }, comparison }
        });
        Ok(Proposal::best(tried.collect()))
    }
}
