//! What is asked of a device, how often, and how its wire bears it.

use super::table::{millis, percent};
use crate::driver::modbus::{PlannedRead, Table, UnitPlan, WirePlan};
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, strong};
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, Rows, quiet, table_row};
use egui::{Label, RichText, Ui};
use std::time::Duration;

const COLUMNS: [Column; 10] = [
    words("Table", 54.0),
    words("Addresses", 92.0),
    number("Count", 44.0),
    number("Every", 54.0),
    number("Tags", 40.0),
    number("Latency", 64.0),
    number("Wire", 48.0),
    number("Answers", 74.0),
    number("Unchanged", 72.0),
    words("State", 0.0),
];

/// Requests that an overload names.
const NAMED: usize = 3;

/// The tab.
#[derive(Debug, Default)]
pub(super) struct PlanTab {
    selected: Option<(Table, u16)>,
}

impl PlanTab {
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, wire: &WirePlan, unit: &UnitPlan) {
        let palette = scene.palette;
        let font = if wire.needed > 1.0 { strong(13.0) } else { plain(13.0) };
        ui.add(Label::new(RichText::new(wire_words(wire)).font(font).color(palette.text)).wrap());
        if unit.reads.is_empty() {
            quiet(ui, "Nothing is read from this device.", &palette);
            return;
        }
        let mut reads: Vec<&PlannedRead> = unit.reads.iter().collect();
        // By whole per cent, then in the order of the addresses: lines that change places for nothing cannot be read.
        reads.sort_by(|one, two| {
            heavy(two).cmp(&heavy(one)).then((one.table, one.address).cmp(&(two.table, two.address)))
        });
        let row = reads.iter().position(|read| Some((read.table, read.address)) == self.selected);
        let chosen = Rows::new("plan", &COLUMNS, reads.len()).show(ui, row, &palette, |ui, row, rect| {
            let cells = cells(reads[row], scene);
            table_row(ui.painter(), &COLUMNS, rect, &cells);
            cells.into_iter().map(|(words, _)| words).collect::<Vec<_>>().join(", ").into()
        });
        self.selected = chosen.map(|row| (reads[row].table, reads[row].address)).or(self.selected);
    }
}

/// Load in whole per cent.
fn heavy(read: &PlannedRead) -> u32 {
    (read.load * 100.0) as u32
}

/// Table and addresses, such as `holding 0 to 19`.
fn place(read: &PlannedRead) -> String {
    let last = u32::from(read.address) + u32::from(read.count.max(1)) - 1;
    format!("{}..{last}", read.address)
}

fn every(poll: Duration) -> String {
    match poll.as_millis() {
        millis if millis < 1000 => format!("{millis} ms"),
        millis => format!("{:.1} s", millis as f64 / 1000.0),
    }
}

fn cells(read: &PlannedRead, scene: &Scene<'_>) -> Vec<(String, Ink)> {
    let palette = &scene.palette;
    let unchanged = match read.answers {
        0 => "-".to_owned(),
        answers => format!("{:.0} %", read.unchanged as f64 * 100.0 / answers as f64),
    };
    let state = match (read.refused, read.last) {
        (true, _) => ("refused".to_owned(), Ink::bold(palette)),
        (false, None) => ("not answered yet".to_owned(), Ink::muted(palette)),
        (false, Some(last)) => (format!("at {}", format::clock(last, scene.now.utc)), Ink::muted(palette)),
    };
    vec![
        (read.table.word().to_owned(), Ink::text(palette)),
        (place(read), Ink::text(palette)),
        (read.count.to_string(), Ink::muted(palette)),
        (every(read.poll), Ink::muted(palette)),
        (read.tags.to_string(), Ink::muted(palette)),
        (millis(read.latency_micros), Ink::value(palette)),
        (format!("{:.1} %", read.load * 100.0), Ink::value(palette)),
        (format::number(read.answers as f64, 0), Ink::value(palette)),
        (unchanged, Ink::value(palette)),
        state,
    ]
}

/// How the wire bears its plan, and what to look at where it does not.
fn wire_words(wire: &WirePlan) -> String {
    let mut load = format!("wire busy {}, the plan needs {}", percent(wire.busy), percent(wire.needed));
    if wire.takes_one {
        load = format!("{load}, {}", WirePlan::TAKES_ONE);
    }
    if wire.needed <= 1.0 {
        return load;
    }
    let reads = wire.units.iter().flat_map(|unit| unit.reads.iter().map(move |read| (unit, read)));
    let mut reads: Vec<(&UnitPlan, &PlannedRead)> = reads.collect();
    reads.sort_by(|(_, one), (_, two)| two.load.total_cmp(&one.load));
    let most = reads
        .iter()
        .take(NAMED)
        .map(|(unit, read)| format!("{} {} {} ({})", unit.device, read.table.word(), place(read), percent(read.load)));
    let most = most.collect::<Vec<_>>().join(", ");
    format!("overloaded: polls are put off; {load}. Most is needed by {most}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Condition;

    fn read(address: u16, load: f32) -> PlannedRead {
        PlannedRead {
            table: Table::Holding,
            address,
            count: 20,
            poll: Duration::from_millis(500),
            tags: 3,
            latency_micros: Some(4_000),
            load,
            answers: 4,
            unchanged: 1,
            refused: false,
            last: None,
        }
    }

    #[test]
    fn an_overloaded_wire_names_who_needs_most() {
        let unit = |device: &str, reads| UnitPlan { device: device.into(), unit: 1, condition: Condition::Good, reads };
        let pump = unit("pump", vec![read(0, 0.1), read(20, 0.6), read(40, 0.2)]);
        let wire =
            WirePlan { units: vec![pump, unit("gate", vec![read(0, 0.3)])], busy: 0.99, needed: 1.2, takes_one: false };
        let words = wire_words(&wire);
        assert!(words.starts_with("overloaded: polls are put off; wire busy 99 %, the plan needs 120 %"), "{words}");
        assert!(words.ends_with("pump holding 20..39 (60 %), gate holding 0..19 (30 %), pump holding 40..59 (20 %)."));
        let calm = WirePlan { needed: 0.41, busy: 0.34, ..wire };
        assert_eq!(wire_words(&calm), "wire busy 34 %, the plan needs 41 %");
        assert_eq!(
            (every(Duration::from_millis(250)), every(Duration::from_secs(2))),
            ("250 ms".into(), "2.0 s".into())
        );
    }
}
