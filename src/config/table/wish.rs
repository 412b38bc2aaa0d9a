//! One new tag, written into the station file as a sheet of one row would: nothing else in the file changes.

use super::plan::{Effect, ImportOptions, ImportPlan, plan_import};
use super::{TagChange, apply};
use crate::config::read::Texts;
use crate::driver::Protocol;
use crate::driver::modbus::{Kind, Order, Point, Table};
use crate::tag::Generation;
use std::path::Path;

/// What the row is called in problems.
const SHEET: &str = "new tag";

/// A tag that somebody wants to see, at an address as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagWish {
    /// Its name.
    pub name: String,
    /// Name of its device.
    pub device: String,
    /// The table.
    pub table: Table,
    /// Zero-based protocol address.
    pub address: u16,
    /// What kind of value it is.
    pub kind: Kind,
    /// The order of its bytes.
    pub order: Order,
    /// For text: how many characters.
    pub length: u16,
}

/// Adds the tag to the station file in `folder`; the file that was written.
pub fn add_tag(folder: &Path, wish: &TagWish) -> Result<String, String> {
    if wish.name.trim().is_empty() {
        return Err("a tag needs a name".to_owned());
    }
    let mut plan = planned(folder, wish, wish.address)?;
    // A device may count from 1 in the file, or its tags may be shifted: what counts is where they come to stand.
    let stands = stands_at(folder, &plan, wish)?;
    if stands != wish.address {
        let written = i32::from(wish.address) + i32::from(wish.address) - i32::from(stands);
        let written = u16::try_from(written).map_err(|_| "the station file cannot name this address".to_owned())?;
        plan = planned(folder, wish, written)?;
        if stands_at(folder, &plan, wish)? != wish.address {
            return Err("the station file cannot name this address".to_owned());
        }
    }
    apply(folder, &plan).map_err(|error| error.to_string())?;
    Ok(plan.files().collect::<Vec<_>>().join(", "))
}

fn planned(folder: &Path, wish: &TagWish, address: u16) -> Result<ImportPlan, String> {
    let plan = plan_import(folder, SHEET, &sheet(wish, address)?, &ImportOptions::default());
    if !plan.is_fine() {
        return Err(plan.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }
    match plan.changes.as_slice() {
        [TagChange { effect: Effect::Added, .. }] => Ok(plan),
        _ => Err(format!("there is a tag \"{}\" already", wish.name)),
    }
}

fn sheet(wish: &TagWish, address: u16) -> Result<Vec<u8>, String> {
    let kind = serde_json::to_value(wish.kind).ok().and_then(|word| word.as_str().map(str::to_owned));
    let is_plain = wish.order == Order::Abcd && matches!(wish.kind, Kind::Bool | Kind::U16 | Kind::I16 | Kind::Bcd16);
    let order = if is_plain { String::new() } else { format!("{:?}", wish.order).to_uppercase() };
    let length = if wish.kind == Kind::String { wish.length.to_string() } else { String::new() };
    let register = format!("{}:{address}", wish.table.word());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let name = wish.name.trim();
    let rows = [
        ["name", "device", "register", "type", "order", "length"],
        [name, &wish.device, &register, &kind.unwrap_or_default(), &order, &length],
    ];
    rows.iter().try_for_each(|row| writer.write_record(row)).map_err(|error| error.to_string())?;
    writer.into_inner().map_err(|error| error.to_string())
}

/// The address at which the new tag would be read.
fn stands_at(folder: &Path, plan: &ImportPlan, wish: &TagWish) -> Result<u16, String> {
    let texts: Texts = plan.files.iter().map(|file| (file.name.clone(), file.new.clone())).collect();
    let plant = crate::config::load_with(folder, &texts, Generation(1)).into_plant()?;
    let tag = plant.plan.directory.find(wish.name.trim());
    let settings = plant.connections.iter().filter_map(|connection| match &connection.protocol {
        Protocol::Modbus(settings) => Some(settings),
        Protocol::Mqtt(_) => None,
    });
    let mut points = settings.flat_map(|settings| &settings.devices).flat_map(|device| &device.points);
    let point: Option<&Point> = points.find(|point| Some(point.tag) == tag);
    point.map(|point| point.address).ok_or_else(|| "the new tag would not be read".to_owned())
}
