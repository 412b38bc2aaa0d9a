//! The columns of the sheet, a line each: name, place in a tag's entry, what its cells hold.

use super::cell::Cell::{self, Foreign, Number, States, Text, Whole, Yes};
use super::home::Home::{self, Detail, End, Given, Inside, Key, Limit};

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Where its value stands in the entry of a tag.
    pub(super) home: Home,
    /// What its cells hold.
    pub(super) cell: Cell,
    /// Whether it is written even where no tag uses it.
    pub(super) core: bool,
}

const fn core(name: &'static str, home: Home, cell: Cell) -> Column {
    Column { name, home, cell, core: true }
}

const fn column(name: &'static str, home: Home, cell: Cell) -> Column {
    Column { name, home, cell, core: false }
}

/// Every column, in the order of the sheet. A key that is new in an entry gets its place by this order too, and what others are part of
/// (`command`, a limit) stands before them.
pub(super) static COLUMNS: &[Column] = &[
    core("name", Key("name"), Text),
    core("device", Key("device"), Text),
    core("register", Key("register"), Text),
    core("type", Key("type"), Text),
    column("order", Key("order"), Text),
    column("bit", Key("bit"), Whole),
    column("bits_first", End(&["bits"], 0), Whole),
    column("bits_last", End(&["bits"], 1), Whole),
    column("length", Key("length"), Whole),
    column("poll", Key("poll"), Text),
    column("topic", Key("topic"), Text),
    column("json", Key("json"), Text),
    column("metric", Key("metric"), Foreign),
    core("unit", Key("unit"), Text),
    column("decimals", Key("decimals"), Whole),
    column("range_low", End(&["range"], 0), Number),
    column("range_high", End(&["range"], 1), Number),
    column("raw_low", End(&["scale", "raw"], 0), Number),
    column("raw_high", End(&["scale", "raw"], 1), Number),
    column("eng_low", End(&["scale", "eng"], 0), Number),
    column("eng_high", End(&["scale", "eng"], 1), Number),
    column("valid_low", End(&["scale", "valid"], 0), Number),
    column("valid_high", End(&["scale", "valid"], 1), Number),
    column("states", Key("states"), States),
    column("rolls_over_at", Key("rolls_over_at"), Number),
    column("deadband", Key("deadband"), Number),
    column("stale_after", Key("stale_after"), Text),
    core("description", Key("description"), Text),
    column("area", Key("area"), Text),
    column("formerly", Key("formerly"), Text),
    column("command", Given("command"), Yes),
    column("command_min", Inside("command", "min"), Number),
    column("command_max", Inside("command", "max"), Number),
    column("command_role", Inside("command", "role"), Text),
    column("read_back", Inside("command", "read_back"), Text),
    column("tolerance", Inside("command", "tolerance"), Number),
    column("high_high", Limit("high_high"), Number),
    column("high_high_priority", Detail("high_high", "priority"), Text),
    column("high", Limit("high"), Number),
    column("high_priority", Detail("high", "priority"), Text),
    column("low", Limit("low"), Number),
    column("low_priority", Detail("low", "priority"), Text),
    column("low_low", Limit("low_low"), Number),
    column("low_low_priority", Detail("low_low", "priority"), Text),
];

/// The column with the values of this place in an entry, such as `range/0` or `alarms/1/high`, where there is one.
pub(super) fn column_at(path: &str, entry: &serde_json::Value) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.home.covers(path, entry))
}
