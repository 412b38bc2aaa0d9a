//! The files that are written: which, and how.

use super::*;

#[test]
fn new_tags_go_to_the_others_of_their_device() {
    let station = r#"{"include": ["north.json", "south.json"], "connections": [{"name": "plc", "modbus": {"tcp": "127.0.0.1"}}]}"#;
    let folder = Folder::new(station);
    let north = "\u{feff}{\r\n  \"devices\": [{\"name\": \"n\", \"connection\": \"plc\"}]\r\n}\r\n";
    let south = r#"{
    "devices": [{"name": "s", "connection": "plc"}],
    "tags": [
        {
            "name": "s/a",
            "device": "s",
            "register": "input:0",
            "states": [
                "off"
            ]
        }
    ]
}"#;
    std::fs::write(folder.path.join("north.json"), north).unwrap();
    std::fs::write(folder.path.join("south.json"), south).unwrap();
    let plan = folder
        .import("name,device,register,range_low,range_high\nn/a,n,input:1,0,1\ns/b,s,input:2,0,1\nn/b,n,input:3,,\n");
    assert_eq!(plan.files().collect::<Vec<_>>(), ["north.json", "south.json"]);
    let read = |name: &str| std::fs::read_to_string(folder.path.join(name)).unwrap();
    let tag = |name: &str, at: u8, rest: &str| {
        format!("{{\"name\": \"n/{name}\", \"device\": \"n\", \"register\": \"input:{at}\"{rest}}}")
    };
    let (one, two) = (tag("a", 1, ", \"range\": [0, 1]"), tag("b", 3, ""));
    let list = format!("}}],\r\n  \"tags\": [\r\n    {one},\r\n    {two}\r\n  ]\r\n}}");
    assert_eq!(read("north.json"), north.replace("}]\r\n}", &list));
    let expected = south.replace(
        "\n        }\n    ]",
        "\n        },\n        {\n            \"name\": \"s/b\",\n            \"device\": \"s\",\n            \"register\": \"input:2\",\n            \"range\": [\n                0,\n                1\n            ]\n        }\n    ]",
    );
    assert_eq!(read("south.json"), expected);
    assert_eq!(folder.text(), station);
}

#[test]
fn a_file_that_somebody_changed_meanwhile_is_left_alone() {
    let folder = Folder::new(STATION);
    let plan = folder.plan("name,unit\nd/speed,1/min\n");
    let other = STATION.replace("rpm", "Hz");
    std::fs::write(folder.path.join(STATION_FILE), &other).unwrap();
    let refused = apply(&folder.path, &plan).unwrap_err();
    assert!(refused.to_string().contains("station.json was changed meanwhile"), "{refused}");
    assert_eq!(folder.text(), other);
}

#[cfg(unix)]
#[test]
fn links_and_modes_stay_and_nothing_is_left_beside() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new(STATION);
    let inner = folder.path.join("git");
    let (real, link) = (inner.join("plant.json"), folder.path.join(STATION_FILE));
    std::fs::create_dir(&inner).unwrap();
    std::fs::rename(&link, &real).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    folder.import("name,unit\nd/speed,1/min\n");
    assert!(link.is_symlink() && std::fs::read_to_string(&real).unwrap().contains("1/min"));
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!((inner.read_dir().unwrap().count(), folder.path.read_dir().unwrap().count()), (1, 2));
}
