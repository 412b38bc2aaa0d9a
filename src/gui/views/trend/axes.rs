//! Axes of values: who shares one, what it spans, where its marks stand.

use crate::tag::TagKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an axis belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AxisId {
    /// To all pens of a unit that have none of their own.
    Unit(Arc<str>),
    /// To one pen.
    Own(TagKey),
}

/// How a person wants an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct AxisSetting {
    /// Lowest and highest value; none follows what is in sight.
    pub(super) range: Option<[f64; 2]>,
    /// Whether equal distances are equal factors.
    pub(super) is_log: bool,
}

/// From values to places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) is_log: bool,
}

impl Scale {
    /// Where a value stands: 0 at the bottom, 1 at the top, beyond both outside of them. None where a logarithmic axis has no place for it.
    pub(super) fn share(&self, value: f64) -> Option<f64> {
        let share = match self.is_log {
            true if value <= 0.0 => return None,
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        share.is_finite().then_some(share)
    }

    /// The value that stands there.
    pub(super) fn value(&self, share: f64) -> f64 {
        match self.is_log {
            true => self.low * (self.high / self.low).powf(share),
            false => self.low + share * (self.high - self.low),
        }
    }

    /// The range between two places.
    pub(super) fn between(&self, bottom: f64, top: f64) -> [f64; 2] {
        [self.value(bottom.min(top)), self.value(bottom.max(top))]
    }

    /// The range when it is zoomed around a place.
    pub(super) fn zoomed(&self, factor: f64, around: f64) -> [f64; 2] {
        self.between(around - around * factor, around + (1.0 - around) * factor)
    }

    /// The range when it is moved by a share of its height.
    pub(super) fn moved(&self, share: f64) -> [f64; 2] {
        self.between(share, 1.0 + share)
    }

    /// Values at which marks stand, and the decimals that tell them apart.
    pub(super) fn marks(&self, at_most: usize) -> (Vec<f64>, u8) {
        let decades = if self.is_log { (self.high / self.low).log10() } else { 0.0 };
        if decades >= 1.5 { (self.decades(decades, at_most), 0) } else { self.round_marks(at_most) }
    }

    fn round_marks(&self, at_most: usize) -> (Vec<f64>, u8) {
        let step = round_step((self.high - self.low) / at_most.max(1) as f64);
        let first = (self.low / step - 1e-9).ceil();
        let marks = (0..64).map(|place| (first + f64::from(place)) * step);
        let marks = marks.take_while(|value| *value <= self.high + step * 1e-9);
        // Dust behind the last digit would make -0.00000001 out of nothing.
        let clean = |value: f64| if value.abs() < step * 1e-6 { 0.0 } else { value };
        (marks.map(clean).collect(), decimals_of(step))
    }

    fn decades(&self, decades: f64, at_most: usize) -> Vec<f64> {
        let every = (decades / at_most.max(1) as f64).ceil().max(1.0) as i32;
        let factors: &[f64] = if decades * 3.0 <= at_most as f64 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let first = self.low.log10().floor() as i32;
        let powers = (0..).map(|place| first + place * every).take_while(|power| 10f64.powi(*power) <= self.high);
        let marks = powers.take(64).flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
        marks.filter(|value| (self.low..=self.high).contains(value)).collect()
    }
}

/// The next of 1, 2, 5, 10, 20... that is not smaller.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.max(1e-300).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(rough)
}

fn decimals_of(step: f64) -> u8 {
    (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as u8
}

/// What an axis is made from: a pen.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) pen: usize,
    pub(super) id: AxisId,
    pub(super) unit: Arc<str>,
    /// Lowest and highest value in sight.
    pub(super) extremes: Option<[f64; 2]>,
    /// Lowest value above zero in sight.
    pub(super) least_positive: Option<f64>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) id: AxisId,
    pub(super) unit: Arc<str>,
    pub(super) scale: Scale,
    /// The pens that share it.
    pub(super) pens: Vec<usize>,
    /// Whether something in sight has no place because it is not above zero.
    pub(super) hides: bool,
}

/// The axes of these pens, in the order in which their first pens come.
pub(super) fn axes(wishes: &[Wish], settings: &BTreeMap<AxisId, AxisSetting>) -> Vec<Axis> {
    let mut ids: Vec<&AxisId> = Vec::new();
    for wish in wishes {
        if !ids.contains(&&wish.id) {
            ids.push(&wish.id);
        }
    }
    ids.into_iter().filter_map(|id| axis(id, wishes, settings.get(id).copied().unwrap_or_default())).collect()
}

fn axis(id: &AxisId, wishes: &[Wish], setting: AxisSetting) -> Option<Axis> {
    let mine: Vec<&Wish> = wishes.iter().filter(|wish| wish.id == *id).collect();
    let extremes = mine.iter().filter_map(|wish| wish.extremes);
    let extremes = extremes.reduce(|all, one| [all[0].min(one[0]), all[1].max(one[1])]);
    let least_positive = mine.iter().filter_map(|wish| wish.least_positive).reduce(f64::min);
    let scale = scale(setting, extremes, least_positive);
    Some(Axis {
        id: id.clone(),
        unit: mine.first()?.unit.clone(),
        scale,
        pens: mine.iter().map(|wish| wish.pen).collect(),
        hides: scale.is_log && extremes.is_some_and(|[low, _]| low <= 0.0),
    })
}

fn scale(setting: AxisSetting, extremes: Option<[f64; 2]>, least_positive: Option<f64>) -> Scale {
    let is_log = setting.is_log;
    let [low, high] = match setting.range {
        Some([low, high]) => [low, high],
        None if is_log => around_in_factors(extremes.map_or(1.0, |[_, high]| high), least_positive),
        None => around(extremes.unwrap_or([0.0, 1.0])),
    };
    match is_log {
        // A typed or zoomed range that reaches to zero or below shows the decades below its top.
        true if high <= 0.0 => Scale { low: 0.1, high: 1.0, is_log },
        true if low <= 0.0 => Scale { low: high / 1e3, high, is_log },
        _ => Scale { low, high, is_log },
    }
}

/// A range with a margin that begins and ends at round values, so that it stands still while values move a little.
fn around([low, high]: [f64; 2]) -> [f64; 2] {
    let least = low.abs().max(high.abs()) * 1e-3;
    let span = (high - low).max(least).max(1e-6);
    let step = round_step(span / 10.0);
    let from = ((low - span * 0.04) / step).floor() * step;
    let to = ((high + span * 0.04) / step).ceil() * step;
    [from, to]
}

fn around_in_factors(high: f64, least_positive: Option<f64>) -> [f64; 2] {
    let low = least_positive.unwrap_or(0.1);
    let high = if high > low { high } else { low * 10.0 };
    let whole = |value: f64, round: fn(f64) -> f64| 10f64.powf(round(value.log10() * 4.0) / 4.0);
    [whole(low * 0.9, f64::floor), whole(high * 1.1, f64::ceil)]
}

/// A range as it is typed: `0 .. 100`, `0 100`, `0 to 100`; nothing means automatic.
pub(super) fn parse_range(text: &str) -> Result<Option<[f64; 2]>, String> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let wrong = || format!("\"{text}\" is no range; write 0 .. 100, or nothing for automatic");
    let halves = [" .. ", "..", " to ", ";", " "].iter().find_map(|between| text.split_once(between));
    let (low, high) = halves.ok_or_else(wrong)?;
    let number = |text: &str| text.trim().replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
    let (low, high) = number(low).zip(number(high)).ok_or_else(wrong)?;
    if low < high { Ok(Some([low, high])) } else { Err(format!("{low} is not below {high}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks of a scale in a line.
    fn check(low: f64, high: f64, is_log: bool, expected: &str) {
        let (marks, decimals) = Scale { low, high, is_log }.marks(6);
        let words: Vec<String> = marks.iter().map(|mark| format!("{mark:.*}", usize::from(decimals))).collect();
        assert_eq!(words.join(" "), expected, "{low} {high}");
    }

    #[test]
    fn marks_are_round_and_told_apart() {
        check(-1.47, -0.58, false, "-1.4 -1.2 -1.0 -0.8 -0.6");
        check(0.0, 1500.0, false, "0 500 1000 1500");
        check(-1.0, 1.0, false, "-1.0 -0.5 0.0 0.5 1.0");
        check(0.0012, 0.0019, false, "0.0012 0.0014 0.0016 0.0018");
        check(1.0, 1000.0, true, "1 10 100 1000");
        check(1.0, 90.0, true, "1 2 5 10 20 50");
        check(10.0, 20.0, true, "10 12 14 16 18 20");
    }

    #[test]
    fn an_automatic_range_is_round_and_stands_still() {
        assert_eq!(around([0.0, 97.0]), around([0.5, 99.0]));
        let [low, high] = around([-1.44, -0.82]);
        assert!(low < -1.44 && high > -0.82 && high - low < 0.9, "{low} {high}");
        let [low, high] = around([5.0, 5.0]);
        assert!(low < 5.0 && high > 5.0);
    }

    #[test]
    fn a_logarithmic_axis_has_no_place_for_zero_and_says_so() {
        let wish = |low: f64, positive| Wish {
            pen: 0,
            id: AxisId::Unit("Pa".into()),
            unit: "Pa".into(),
            extremes: Some([low, 900.0]),
            least_positive: Some(positive),
        };
        let settings = BTreeMap::from([(AxisId::Unit("Pa".into()), AxisSetting { range: None, is_log: true })]);
        let found = axes(&[wish(-3.0, 0.5)], &settings);
        assert!(found[0].hides && found[0].scale.low > 0.0 && found[0].scale.low < 0.5);
        assert_eq!((found[0].scale.share(0.0), found[0].scale.share(-1.0)), (None, None));
        assert!(!axes(&[wish(0.5, 0.5)], &settings)[0].hides);
        let scale = found[0].scale;
        assert!((scale.value(scale.share(30.0).unwrap()) - 30.0).abs() < 1e-9);
    }

    #[test]
    fn pens_share_an_axis_by_unit_unless_they_have_their_own() {
        let wish =
            |pen, id, high| Wish { pen, id, unit: "m".into(), extremes: Some([0.0, high]), least_positive: None };
        let shared = AxisId::Unit("m".into());
        let own = AxisId::Own(TagKey::from("b"));
        let found =
            axes(&[wish(0, shared.clone(), 10.0), wish(1, own.clone(), 1.0), wish(2, shared, 20.0)], &BTreeMap::new());
        assert_eq!(found.iter().map(|axis| axis.pens.clone()).collect::<Vec<_>>(), [vec![0, 2], vec![1]]);
        assert!(found[0].scale.high >= 20.0 && found[1].scale.high < 2.0);
        let fixed = BTreeMap::from([(own, AxisSetting { range: Some([-5.0, 5.0]), is_log: false })]);
        assert_eq!(axes(&[wish(1, AxisId::Own(TagKey::from("b")), 1.0)], &fixed)[0].scale.low, -5.0);
    }

    #[test]
    fn ranges_as_they_are_typed() {
        for (text, expected) in [
            ("0 .. 100", Ok(Some([0.0, 100.0]))),
            ("-1,5..2", Ok(Some([-1.5, 2.0]))),
            ("0 to 1", Ok(Some([0.0, 1.0]))),
            ("", Ok(None)),
            ("auto", Ok(None)),
        ] {
            assert_eq!(parse_range(text), expected, "{text}");
        }
        assert!(parse_range("5 .. 5").is_err() && parse_range("high").is_err() && parse_range("1..inf").is_err());
    }

    #[test]
    fn zooming_keeps_the_value_under_the_pointer() {
        for is_log in [false, true] {
            let scale = Scale { low: 1.0, high: 101.0, is_log };
            let under = scale.value(0.3);
            let [low, high] = scale.zoomed(0.5, 0.3);
            let zoomed = Scale { low, high, is_log };
            assert!((zoomed.value(0.3) - under).abs() < 1e-9, "{is_log}");
        }
    }
}
