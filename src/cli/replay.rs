//! What happened, for replays of alarms with other settings: the samples of a tag, or what the journal tells of a device.

use super::figures;
use crate::alarm::backtest::{Comparison, Observed, Proposal, Replay, Setting, can_be_replayed};
use crate::alarm::figures::{Activation, Period, Record};
use crate::alarm::{AlarmDefinition, Condition, Subject, Verdict};
use crate::engine::Plan;
use crate::historian::{HISTORY_FOLDER, Reader, SAMPLES_FILE};
use crate::recorder::read_record;
use crate::tag::{Sample, Scalar, TagKey, Timestamp};
use anyhow::bail;
use std::path::Path;
use std::time::Duration;

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
pub(super) enum Source<'a> {
    /// The samples of a tag.
    Samples(&'a TagKey),
    /// Whether a device answered, as the journal has it: an alarm with its present on-delay. What is replayed comes on top of that.
    Journal(Vec<Activation>),
}

/// What happened in a period.
pub(super) struct History<'a> {
    reader: Reader,
    plan: &'a Plan,
    record: Record,
    pub(super) period: Period,
    /// The end, or the moment up to which anything is known.
    pub(super) end: Timestamp,
}

impl<'a> History<'a> {
    pub(super) fn open(folder: &Path, plan: &'a Plan, period: Period) -> anyhow::Result<Self> {
        let path = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
        if !path.exists() {
            bail!("{} has no history yet", folder.display());
        }
        let reader = Reader::open(&path, None)?;
        let end = reader.known_until()?.map_or(period.to, |known| known.clamp(period.from, period.to));
        let record = read_record(&figures::records(folder)?, period)?;
        Ok(Self { reader, plan, record, period, end })
    }

    pub(super) fn alarm(&self, name: &str) -> Option<&'a AlarmDefinition> {
        self.plan.alarms.iter().find(|alarm| alarm.key.as_str() == name)
    }

    /// What an alarm judges; why it cannot be replayed.
    pub(super) fn source(&self, alarm: &AlarmDefinition) -> Result<Source<'a>, String> {
        match (alarm.subject, &alarm.condition) {
            (Subject::Tag(tag), _) => {
                can_be_replayed(alarm).map_err(|why| why.to_string())?;
                let tag = self.plan.directory.tag(tag).ok_or("its tag is not in the station file")?;
                let is_kept = tag.history.keep;
                if is_kept { Ok(Source::Samples(&tag.key)) } else { Err(format!("{} is not kept in history", tag.key)) }
            }
            (Subject::Device(_), Condition::DeviceLost) => {
                let mut activations = self.record.activations(self.period);
                activations.retain(|one| &*one.alarm == alarm.key.as_str() && one.raised < self.end);
                Ok(Source::Journal(activations))
            }
            (Subject::Device(_), _) => Err("no setting of it can be another".to_owned()),
        }
    }

    /// The alarm as it is replayed with its present settings: what the journal tells has waited for the on-delay already.
    pub(super) fn as_it_is(alarm: &AlarmDefinition, source: &Source<'_>) -> AlarmDefinition {
        match source {
            Source::Samples(_) => alarm.clone(),
            Source::Journal(_) => AlarmDefinition { on_delay: Duration::ZERO, ..alarm.clone() },
        }
    }

    /// The moment with which a replay begins: what held when the period began comes first.
    fn first(&self, source: &Source<'_>) -> anyhow::Result<Timestamp> {
        let before = match source {
            Source::Samples(tag) => self.reader.before(tag, self.period.from)?.map(|sample| sample.time),
            Source::Journal(activations) => activations.first().map(|one| one.raised.min(self.period.from)),
        };
        Ok(before.unwrap_or(self.period.from))
    }

    /// Hands everything to all sinks, a piece at a time; how many samples there were.
    fn feed(&self, source: &Source<'_>, condition: &Condition, sinks: &mut [impl Sink]) -> anyhow::Result<u64> {
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

    fn feed_samples(&self, tag: &TagKey, condition: &Condition, sinks: &mut [impl Sink]) -> anyhow::Result<u64> {
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
    pub(super) fn compare(
        &self,
        alarm: &AlarmDefinition,
        source: &Source<'_>,
        other: AlarmDefinition,
    ) -> anyhow::Result<(Comparison, u64)> {
        let first = self.first(source)?;
        let mut replays = [Replay::new(alarm.clone(), first), Replay::new(other, first)];
        let samples = self.feed(source, &alarm.condition, &mut replays)?;
        let [present, other] = replays.map(|replay| replay.finish(self.end));
        Ok((Comparison::of(&present, &other, self.period.from), samples))
    }

    /// The best of the settings that the alarm's own history suggests; none where nothing helps without harm.
    pub(super) fn propose(&self, alarm: &AlarmDefinition, source: &Source<'_>) -> anyhow::Result<Option<Proposal>> {
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
