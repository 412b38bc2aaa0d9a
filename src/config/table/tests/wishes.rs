//! One new tag from the register browser.

use super::*;
use crate::driver::modbus::{Kind, Order, Table};

fn wish(device: &str, address: u16, kind: Kind, order: Order) -> TagWish {
    TagWish {
        name: format!("{device}/new"),
        device: device.into(),
        table: Table::Holding,
        address,
        kind,
        order,
        length: 0,
    }
}

#[test]
fn a_new_tag_is_added_and_nothing_else_changes() {
    let folder = Folder::new(STATION);
    assert_eq!(add_tag(&folder.path, &wish("d", 40, Kind::F32, Order::Cdab)), Ok(STATION_FILE.to_owned()));
    let text = folder.text();
    let line = text.lines().find(|line| line.contains("d/new")).unwrap();
    for part in [r#""device": "d""#, r#""register": "holding:40""#, r#""type": "f32""#, r#""order": "CDAB""#] {
        assert!(line.contains(part), "{line}");
    }
    let removed = text.replace(line, "");
    assert!(STATION.lines().filter(|old| !removed.contains(old.trim_end_matches(','))).count() == 0, "{text}");
    let again = add_tag(&folder.path, &wish("d", 41, Kind::U16, Order::Abcd));
    assert_eq!(again, Err("there is a tag \"d/new\" already".to_owned()));
    assert_eq!(folder.text(), text);
}

#[test]
fn a_device_that_counts_from_one_gets_the_number_that_it_means() {
    let station = STATION
        .replace(r#""name": "d", "connection": "plc""#, r#""name": "d", "connection": "plc", "one_based": true"#);
    let folder = Folder::new(&station.replace("input:0", "input:1").replace("coil:0", "coil:1"));
    add_tag(&folder.path, &wish("d", 40, Kind::U16, Order::Abcd)).unwrap();
    assert!(folder.text().contains("holding:41"), "{}", folder.text());
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let folder = Folder::new(STATION);
    assert!(add_tag(&folder.path, &wish("nobody", 40, Kind::U16, Order::Abcd)).is_err());
    assert!(add_tag(&folder.path, &TagWish { name: " ".into(), ..wish("d", 40, Kind::U16, Order::Abcd) }).is_err());
    assert_eq!(folder.text(), STATION);
}
