//! Which deadband or delay would have spared the operator most, out of what the tag itself did.

use super::{Comparison, Replay, Span};
use crate::alarm::{AlarmDefinition, Condition, Verdict};
use crate::tag::{Quality, Scalar, Timestamp};
use std::time::Duration;

/// Activations and pauses that are shorter than this are a nuisance; what lasts longer is taken to be real, and is never given up.
const SHORT_MICROS: i64 = 60_000_000;
/// Delays that are proposed, in seconds. None is longer: beyond it the alarm itself is the problem.
const DELAYS: [u64; 9] = [1, 2, 5, 10, 15, 20, 30, 45, 60];
/// A proposal has to spare this share of what the best one spares.
const GOOD_ENOUGH: f64 = 0.9;

/// Another setting of an alarm; what is none stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Setting {
    /// The limit, in the tag's unit.
    pub limit: Option<f64>,
    /// The deadband, in the tag's unit.
    pub deadband: Option<f64>,
    /// How long the condition must hold, in seconds.
    pub on_delay_seconds: Option<f64>,
    /// How long it must be gone, in seconds.
    pub off_delay_seconds: Option<f64>,
}

impl Setting {
    /// An alarm with this setting.
    pub fn apply(&self, definition: &AlarmDefinition) -> AlarmDefinition {
        let mut changed = definition.clone();
        if let Some(limit) = self.limit {
            changed.condition = with_limit(&changed.condition, limit);
        }
        changed.deadband = self.deadband.unwrap_or(changed.deadband);
        let delay = |seconds: Option<f64>, present| seconds.map_or(present, Duration::from_secs_f64);
        changed.on_delay = delay(self.on_delay_seconds, changed.on_delay);
        changed.off_delay = delay(self.off_delay_seconds, changed.off_delay);
        changed
    }

    /// What it changes, as it would stand in the station file.
    pub fn words(&self) -> String {
        let number = |name: &str, value: Option<f64>| value.map(|value| format!("\"{name}\": {value}"));
        let delay = |name: &str, value: Option<f64>| value.map(|value| format!("\"{name}\": \"{value}s\""));
        let parts = [
            number("limit", self.limit),
            number("deadband", self.deadband),
            delay("on_delay", self.on_delay_seconds),
            delay("off_delay", self.off_delay_seconds),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn with_limit(condition: &Condition, limit: f64) -> Condition {
    match condition {
        Condition::HighHigh(_) => Condition::HighHigh(limit),
        Condition::High(_) => Condition::High(limit),
        Condition::Low(_) => Condition::Low(limit),
        Condition::LowLow(_) => Condition::LowLow(limit),
        other => other.clone(),
    }
}

/// A pause between two activations: how long it was, and how far the value came back from the limit in it, in the tag's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pause {
    micros: i64,
    depth: f64,
}

/// What an alarm did with its present settings, and what lies between its activations.
#[derive(Clone, Debug)]
pub struct Observed {
    replay: Replay,
    from: Timestamp,
    /// How far the value came back from the limit since it was last beyond it in an activation, in the tag's unit.
    depth: f64,
    /// The same, of each activation when it was raised.
    depths: Vec<f64>,
}

impl Observed {
    /// Replays the present settings from the time of the first sample; what begins before `from` is not counted.
    pub fn new(definition: AlarmDefinition, first: Timestamp, from: Timestamp) -> Self {
        Self { replay: Replay::new(definition, first), from, depth: 0.0, depths: Vec::new() }
    }

    /// Samples in order of time; not-a-number where there is no good number.
    pub fn numbers(&mut self, times: &[i64], numbers: &[f64]) {
        for (time, number) in times.iter().zip(numbers) {
            let value = if number.is_nan() { Scalar::Empty } else { Scalar::Double(*number) };
            self.sample(Timestamp::from_micros(*time), value, Quality::GOOD);
        }
    }

    /// A sample; not before the one before it.
    pub fn sample(&mut self, time: Timestamp, value: Scalar, quality: Quality) {
        self.replay.sample(time, value, quality);
        self.note_raised();
        let Some(number) = value.as_f64() else { return };
        let distance = self.replay.definition().condition.distance(number);
        // What an off-delay has bridged is no pause.
        let is_bridged = distance == 0.0 && self.replay.is_active();
        self.depth = if is_bridged { 0.0 } else { self.depth.max(distance) };
    }

    /// What was found of the condition, where that is known without samples; not before what was found before it.
    pub fn verdict(&mut self, time: Timestamp, verdict: Verdict) {
        self.replay.verdict(time, verdict);
        self.note_raised();
    }

    /// Activations may have been raised, by what came or by a delay that ran out before it.
    fn note_raised(&mut self) {
        while self.depths.len() < self.replay.activations() {
            self.depths.push(std::mem::take(&mut self.depth));
        }
    }

    /// The activations, and settings that are worth a replay.
    pub fn finish(mut self, end: Timestamp) -> (Vec<Span>, Vec<Setting>) {
        let definition = self.replay.definition().clone();
        let spans = self.replay.finish(end);
        self.depths.resize(spans.len(), self.depth);
        let pause = |(pair, depth): (&[Span], &f64)| Pause {
            micros: pair[1].raised.micros_since(pair[0].returned),
            depth: *depth,
        };
        let pairs = spans.windows(2).zip(self.depths.iter().skip(1));
        let pauses: Vec<Pause> = pairs.filter(|(pair, _)| pair[1].raised >= self.from).map(pause).collect();
        let settings = candidates(&definition, &spans, &pauses, self.from);
        (spans, settings)
    }
}

/// Deadbands as deep as the pauses are, delays as long as they are, and delays as long as the short activations are.
fn candidates(definition: &AlarmDefinition, spans: &[Span], pauses: &[Pause], from: Timestamp) -> Vec<Setting> {
    let short: Vec<&Pause> = pauses.iter().filter(|pause| pause.micros < SHORT_MICROS).collect();
    let mut settings = Vec::new();
    if definition.condition.limit().is_some() {
        let depths = quantiles(short.iter().map(|pause| pause.depth).collect()).map(round_up);
        let deeper = depths.into_iter().flatten().filter(|depth| *depth > definition.deadband);
        settings.extend(deeper.map(|depth| Setting { deadband: Some(depth), ..Setting::default() }));
    }
    // The alarm of a silent device has an on-delay alone.
    let has_off_delay = definition.condition != Condition::DeviceLost;
    let short = if has_off_delay { short } else { Vec::new() };
    // The alarm follows its condition by its delays: what counts for another delay is how long the condition itself was gone, or held.
    let (on_delay, off_delay) = (definition.on_delay.as_secs_f64(), definition.off_delay.as_secs_f64());
    let gone = |pause: &&Pause| pause.micros as f64 / 1e6 + off_delay - on_delay;
    let off = quantiles(short.iter().map(gone).collect()).map(delay_above);
    let longer = off.into_iter().flatten().filter(|delay| *delay > off_delay);
    settings.extend(longer.map(|delay| Setting { off_delay_seconds: Some(delay), ..Setting::default() }));
    let lengths = spans.iter().filter(|span| span.raised >= from).map(Span::seconds);
    let on = quantiles(lengths.filter(|length| *length * 1e6 < SHORT_MICROS as f64).collect());
    let on = on.map(|length| delay_above(length.map(|length| length + on_delay - off_delay)));
    let longer = on.into_iter().flatten().filter(|delay| *delay > on_delay);
    settings.extend(longer.map(|delay| Setting { on_delay_seconds: Some(delay), ..Setting::default() }));
    settings.dedup();
    settings
}

/// Half, nine of ten, and all of the values are not above these.
fn quantiles(mut values: Vec<f64>) -> [Option<f64>; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [50, 90, 100].map(|percent| values.get(((values.len() * percent).div_ceil(100)).max(1) - 1).copied())
}

/// To two digits, upwards: 0.0123 becomes 0.013.
fn round_up(depth: Option<f64>) -> Option<f64> {
    let depth = depth.filter(|depth| *depth > 0.0 && depth.is_finite())?;
    let exponent = depth.log10().floor() as i32 - 1;
    let digits = (depth / 10f64.powi(exponent)).ceil();
    // By way of its text, so that 1.3 is not 1.3000000000000000001.
    format!("{digits}e{exponent}").parse().ok()
}

fn delay_above(seconds: Option<f64>) -> Option<f64> {
    let seconds = seconds?;
    DELAYS.into_iter().map(|delay| delay as f64).find(|delay| *delay > seconds)
}

/// A setting, and what it would have done.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Proposal {
    /// The setting.
    pub setting: Setting,
    /// What it would have done.
    pub comparison: Comparison,
}

impl Proposal {
    /// The best of these: of those that give up nothing that lasted a minute and delay nothing by more than one, the gentlest that spares at
    /// least nine tenths of what the best of them spares. A deadband and an off-delay cost no time, so they go before an on-delay.
    pub fn best(tried: Vec<Self>) -> Option<Self> {
        let is_harmless = |one: &Self| {
            let missed = one.comparison.longest_missed.is_none_or(|span| span.seconds() * 1e6 < SHORT_MICROS as f64);
            let delayed = one.comparison.longest_delay_seconds.unwrap_or(0.0) * 1e6 <= SHORT_MICROS as f64;
            missed && delayed && one.comparison.removed > 0
        };
        let harmless: Vec<Self> = tried.into_iter().filter(is_harmless).collect();
        let most = harmless.iter().map(|one| one.comparison.removed).max()?;
        let enough = (most as f64 * GOOD_ENOUGH).ceil() as i64;
        harmless.into_iter().find(|one| one.comparison.removed >= enough)
    }
}

#[cfg(test)]
mod tests {
    use super::super::replay::tests::{at, high};
    use super::*;

    /// Replays samples (seconds, number) in two passes, as whoever reads history does.
    fn propose(definition: AlarmDefinition, samples: &[(f64, f64)], end: i64) -> Option<Proposal> {
        let times: Vec<i64> = samples.iter().map(|(second, _)| (second * 1e6) as i64).collect();
        let numbers: Vec<f64> = samples.iter().map(|(_, number)| *number).collect();
        let first = Timestamp::from_micros(times[0]);
        let mut observed = Observed::new(definition.clone(), first, at(0));
        observed.numbers(&times, &numbers);
        let (present, settings) = observed.finish(at(end));
        let tried = settings.into_iter().map(|setting| {
            let mut replay = Replay::new(setting.apply(&definition), first);
            replay.numbers(&times, &numbers);
            Proposal { setting, comparison: Comparison::of(&present, &replay.finish(at(end)), at(0)) }
        });
        Proposal::best(tried.collect())
    }

    #[test]
    fn noise_at_the_limit_gets_a_deadband() {
        let noise = |second: usize| (second as f64, if second.is_multiple_of(2) { 10.05 } else { 9.8 });
        let mut samples = vec![(0.0, 5.0)];
        samples.extend((100..160).map(noise));
        samples.push((160.0, 5.0));
        samples.push((500.0, 12.0));
        samples.push((900.0, 5.0));
        let found = propose(high(10.0, 0.0, 0, 0), &samples, 1000).unwrap();
        assert_eq!(found.setting, Setting { deadband: Some(0.2), ..Setting::default() });
        assert_eq!((found.comparison.activations, found.comparison.changed), (31, 2));
        assert_eq!((found.comparison.missed, found.comparison.longest_delay_seconds), (0, Some(0.0)));
        assert_eq!(found.setting.words(), "\"deadband\": 0.2");
    }

    #[test]
    fn spikes_far_apart_get_an_on_delay_that_spares_what_is_real() {
        let mut samples = vec![(0.0, 5.0)];
        for spike in 1..20 {
            samples.push((f64::from(spike) * 300.0, 12.0));
            samples.push((f64::from(spike) * 300.0 + 3.5, 5.0));
        }
        samples.extend([(7000.0, 12.0), (7600.0, 5.0)]);
        let found = propose(high(10.0, 0.0, 0, 0), &samples, 8000).unwrap();
        assert_eq!(found.setting, Setting { on_delay_seconds: Some(5.0), ..Setting::default() });
        assert_eq!((found.comparison.removed, found.comparison.missed), (19, 19));
        assert_eq!(found.comparison.longest_missed.map(|span| span.seconds()), Some(3.5));
        assert_eq!(found.comparison.longest_delay_seconds, Some(5.0));
    }

    /// The pauses of the alarm are shorter than those of its condition by the off-delay that it has, and longer by its on-delay.
    #[test]
    fn the_delays_that_an_alarm_has_are_part_of_those_that_are_proposed() {
        let mut samples = vec![(0.0, 0.0)];
        for number in 1..20 {
            samples.extend([(f64::from(number) * 108.0, 1.0), (f64::from(number) * 108.0 + 100.0, 0.0)]);
        }
        for (on_delay, off_delay, proposed) in [(0, 0, 10.0), (0, 5, 10.0), (0, 7, 10.0), (20, 0, 10.0), (20, 5, 10.0)]
        {
            let definition =
                AlarmDefinition { condition: Condition::Digital(1.0), ..high(10.0, 0.0, on_delay, off_delay) };
            let found = propose(definition, &samples, 3000).unwrap_or_else(|| panic!("{on_delay} {off_delay}"));
            let setting = Setting { off_delay_seconds: Some(proposed), ..Setting::default() };
            assert_eq!((found.setting, found.comparison.changed), (setting, 1), "{on_delay} {off_delay}");
        }
        // Spikes of 3.5 s; the alarm stands for longer because of its off-delay.
        let mut samples = vec![(0.0, 0.0)];
        for number in 1..20 {
            samples.extend([(f64::from(number) * 300.0, 1.0), (f64::from(number) * 300.0 + 3.5, 0.0)]);
        }
        for (on_delay, off_delay) in [(0, 0), (0, 20), (2, 10)] {
            let definition =
                AlarmDefinition { condition: Condition::Digital(1.0), ..high(10.0, 0.0, on_delay, off_delay) };
            let found = propose(definition, &samples, 8000).unwrap();
            assert_eq!(
                found.setting,
                Setting { on_delay_seconds: Some(5.0), ..Setting::default() },
                "{on_delay} {off_delay}"
            );
        }
    }

    #[test]
    fn what_lasts_is_never_given_up() {
        let mut samples = vec![(0.0, 5.0)];
        for real in 1..5 {
            samples.extend([(f64::from(real) * 600.0, 12.0), (f64::from(real) * 600.0 + 300.0, 5.0)]);
        }
        assert_eq!(propose(high(10.0, 0.0, 0, 0), &samples, 5000), None);
        let missed = Comparison::of(&[Span { raised: at(0), returned: at(60) }], &[], at(0));
        let harmful = Proposal { setting: Setting::default(), comparison: missed };
        assert_eq!(Proposal::best(vec![harmful]), None, "it lasted a minute");
    }

    #[test]
    fn deadbands_are_round() {
        for (depth, expected) in [(0.0123, Some(0.013)), (7.0, Some(7.0)), (101.0, Some(110.0)), (0.0, None)] {
            assert_eq!(round_up(Some(depth)), expected, "{depth}");
        }
    }
}
