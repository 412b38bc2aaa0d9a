//! The figures as a table that a person reads: figure, value, target, and how the one stands to the other, in words.

use super::{Figures, TOP};
use crate::alarm::Priority;

/// How a figure stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// No target is published for it, or nothing happened that could be judged.
    NoTarget,
    /// As good as it should be.
    WithinTarget,
    /// Above the target, but not above what is called the maximum that can be managed.
    Acceptable,
    /// More than that.
    Over,
    /// Less than there should be.
    TooFew,
}

impl Judgement {
    /// What the operator reads.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoTarget => "",
            Self::WithinTarget => "within target",
            Self::Acceptable => "acceptable",
            Self::Over => "over",
            Self::TooFew => "too few",
        }
    }

    /// Whether somebody should do something about it.
    pub const fn is_wrong(self) -> bool {
        matches!(self, Self::Over | Self::TooFew)
    }

    fn at_most(value: f64, target: f64, maximum: f64) -> Self {
        match value {
            value if value <= target => Self::WithinTarget,
            value if value <= maximum => Self::Acceptable,
            _ => Self::Over,
        }
    }

    fn below(value: f64, limit: f64) -> Self {
        if value < limit { Self::WithinTarget } else { Self::Over }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    /// What it is.
    pub figure: String,
    /// How much, with its unit.
    pub value: String,
    /// What it should be; empty where nothing is published.
    pub target: String,
    /// How the one stands to the other.
    pub judgement: Judgement,
}

fn row(figure: impl Into<String>, value: String, target: &str, judgement: Judgement) -> Row {
    Row { figure: figure.into(), value, target: target.to_owned(), judgement }
}

fn plain(figure: impl Into<String>, value: String) -> Row {
    row(figure, value, "", Judgement::NoTarget)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A field of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// A time as people say it: `48 s`, `3.5 min`, `2.1 h`, `4.0 d`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// Half, nine of ten, and all of the acknowledgements did not take longer.
fn times(name: &str, times: &super::AcknowledgeTimes) -> Vec<Row> {
    let told =
        [("median", times.median_seconds), ("90 %", times.ninetieth_seconds), ("maximum", times.maximum_seconds)];
    told.into_iter().filter_map(|(which, seconds)| Some(plain(format!("{name}, {which}"), time(seconds?)))).collect()
}

impl Figures {
    /// All figures, those with a published target first in their group.
    pub fn table(&self) -> Vec<Row> {
        let mut rows = self.rate_rows();
        rows.extend(self.flood_rows());
        rows.extend(self.nuisance_rows());
        rows.extend(self.standing_rows());
        rows.extend(self.priority_rows());
        rows.extend(self.acknowledge_rows());
        rows.extend(self.set_aside_rows());
        rows
    }

    /// The table as CSV, with the columns figure, value, target and verdict.
    pub fn to_csv(&self) -> String {
        let mut out = "figure,value,target,verdict\n".to_owned();
        for row in self.table() {
            let fields = [row.figure.as_str(), &row.value, &row.target, row.judgement.words()].map(quoted);
            out.push_str(&fields.join(","));
            out.push('\n');
        }
        out
    }

    fn rate_rows(&self) -> Vec<Row> {
        let rates = &self.rates;
        let average = |name: &str, value: f64, target: f64, maximum: f64| {
            let words = format!("at most {target}, acceptable {maximum}");
            row(name, format!("{value:.1}"), &words, Judgement::at_most(value, target, maximum))
        };
        let most = rates.per_ten_minutes.maximum;
        vec![
            plain("Activations", self.activations.to_string()),
            average("Activations per day, average", rates.per_day.average, 150.0, 300.0),
            plain("Activations per day, maximum", rates.per_day.maximum.to_string()),
            average("Activations per hour, average", rates.per_hour.average, 6.0, 12.0),
            plain("Activations per hour, maximum", rates.per_hour.maximum.to_string()),
            average("Activations per 10 minutes, average", rates.per_ten_minutes.average, 1.0, 2.0),
            row(
                "Activations per 10 minutes, maximum",
                most.to_string(),
                "at most 10",
                Judgement::at_most(most as f64, 10.0, 10.0),
            ),
        ]
    }

    fn flood_rows(&self) -> Vec<Row> {
        let share = |name: &str, value: f64| row(name, percent(value), "below 1 %", Judgement::below(value, 0.01));
        let longest = self.rates.floods.iter().map(|flood| flood.to.micros_since(flood.from)).max().unwrap_or(0);
        vec![
            share("10-minute intervals above 10 activations", self.rates.share_above_ten),
            share("Time in flood", self.rates.share_in_flood),
            plain("Floods", self.rates.floods.len().to_string()),
            plain("Longest flood", time(longest as f64 / 1e6)),
        ]
    }

    fn nuisance_rows(&self) -> Vec<Row> {
        let none =
            |name: &str, alarms: usize| row(name, alarms.to_string(), "0", Judgement::at_most(alarms as f64, 0.0, 0.0));
        let judged =
            if self.activations == 0 { Judgement::NoTarget } else { Judgement::at_most(self.top_share, 0.05, 0.05) };
        vec![
            row(format!("Share of the {TOP} most frequent alarms"), percent(self.top_share), "at most 5 %", judged),
            none("Chattering alarms", self.chattering_alarms),
            plain("Chattering activations", self.chattering.to_string()),
            none("Fleeting alarms", self.fleeting_alarms),
            plain("Fleeting activations", self.fleeting.to_string()),
        ]
    }

    fn standing_rows(&self) -> Vec<Row> {
        let standing = &self.standing;
        let worst = standing.stale_on_worst_day;
        vec![
            row("Stale alarms on the worst day", worst.to_string(), "below 5", Judgement::below(worst as f64, 5.0)),
            plain("Stale alarms at the end", standing.stale_at_end.len().to_string()),
            plain("Active at the end", standing.active_at_end.to_string()),
            plain("Waiting for acknowledgement at the end", standing.waiting_at_end.to_string()),
            plain("Active at once, maximum", standing.maximum.to_string()),
            plain("Active at once, average", format!("{:.1}", standing.average)),
        ]
    }

    /// 80, 15 and 5 % of low, medium and high; of four priorities, below 1 % of the highest.
    fn priority_rows(&self) -> Vec<Row> {
        let known = self.activations - self.of_unknown_priority;
        let mut rows: Vec<Row> = self.priorities.iter().rev().map(|one| self.priority_row(one, known)).collect();
        if self.of_unknown_priority > 0 {
            rows.push(plain("Activations of alarms not in the file", self.of_unknown_priority.to_string()));
        }
        rows
    }

    fn priority_row(&self, one: &super::PriorityFigures, known: usize) -> Row {
        let (target, judged) = match one.priority {
            Priority::Low if one.share >= 0.8 => ("at least 80 %", Judgement::WithinTarget),
            Priority::Low => ("at least 80 %", Judgement::TooFew),
            Priority::Medium => ("at most 15 %", Judgement::at_most(one.share, 0.15, 0.15)),
            Priority::High => ("at most 5 %", Judgement::at_most(one.share, 0.05, 0.05)),
            Priority::Critical => ("below 1 %", Judgement::below(one.share, 0.01)),
        };
        let value = format!("{} ({})", percent(one.share), one.activations);
        let judged = if known == 0 { Judgement::NoTarget } else { judged };
        row(format!("Priority {}", one.priority.word()), value, target, judged)
    }

    fn acknowledge_rows(&self) -> Vec<Row> {
        let mut rows = vec![plain("Acknowledgements", self.acknowledge.count.to_string())];
        rows.extend(times("Time to acknowledge", &self.acknowledge));
        for one in &self.priorities {
            rows.extend(times(&format!("Time to acknowledge {}", one.priority.word()), &one.acknowledge));
        }
        rows
    }

    fn set_aside_rows(&self) -> Vec<Row> {
        let of_word = |(word, count): &(std::sync::Arc<str>, usize)| {
            plain(format!("Set aside in the period, {}", word.replace('-', " ")), count.to_string())
        };
        let mut rows: Vec<Row> = self.set_aside.iter().map(of_word).collect();
        rows.push(plain("Set aside at the end", self.set_aside_at_end.to_string()));
        if self.gaps > 0 {
            // Then there were more changes than these figures tell.
            rows.push(row("Gaps in the journal", self.gaps.to_string(), "0", Judgement::Over));
        }
        rows
    }
}
