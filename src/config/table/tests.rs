use super::*;
use crate::config::STATION_FILE;
use std::path::PathBuf;

mod files;
mod many;
mod problems;
mod settings;
mod wishes;

const STATION: &str = r#"{
  "// 1": "A pumping station.",
  "connections": [{"name": "plc", "modbus": {"tcp": "127.0.0.1"}}, {"name": "site", "mqtt": {"url": "mqtt://127.0.0.1"}}],
  "templates": [{"name": "pump", "tags": [{"name": "flow", "register": "input:4"}]}],
  "devices": [{"name": "d", "connection": "plc"}, {"name": "w", "connection": "site"}],

  "tags": [
    {"name": "d/speed", "device": "d", "register": "input:0", "type": "f32", "unit": "rpm", "range": [0, 1500.0],
     "// why": "The nameplate says 1450.", "history": {"heartbeat": "10s"},
     "alarms": [{"high": 1400, "priority": "high", "deadband": 10, "guidance": "Lower it."},
                {"low": 5}]},
    {"name": "d/run", "device": "d", "register": "coil:0", "states": ["stop", "run"], "command": {"essential": true}},
    {"name": "w/rain", "device": "w",  "topic": "+/rain", "json": "/mm", "description": "=rain"}
  ]
}
"#;

struct Folder {
    path: PathBuf,
    _keep: tempfile::TempDir,
}

impl Folder {
    fn new(station: &str) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = keep.path().to_owned();
        std::fs::write(path.join(STATION_FILE), station).unwrap();
        Self { path, _keep: keep }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path.join(STATION_FILE)).unwrap()
    }

    fn export(&self, dialect: Dialect) -> String {
        export(&self.path, &ExportOptions { template: None, dialect }).unwrap().text
    }

    fn plan(&self, sheet: &str) -> ImportPlan {
        plan_import(&self.path, "tags.csv", sheet.as_bytes(), &ImportOptions::default())
    }

    fn import(&self, sheet: &str) -> ImportPlan {
        let plan = self.plan(sheet);
        assert!(plan.is_fine(), "{:#?}", plan.problems);
        apply(&self.path, &plan).unwrap();
        plan
    }
}

/// The sheet makes this of the station file, and of nothing else in it.
fn check_change(sheet: &str, from: &str, to: &str) {
    assert!(STATION.contains(from), "{from}");
    let folder = Folder::new(STATION);
    let plan = folder.import(sheet);
    assert_eq!(folder.text(), STATION.replace(from, to), "{sheet}");
    assert_eq!(plan.changes.len(), 1, "{:#?}", plan.changes);
    let again = folder.plan(sheet);
    assert!(again.changes.is_empty() && again.files().next().is_none(), "{:#?}", again.changes);
}

#[test]
fn an_export_has_the_columns_that_are_used() {
    let expected = "\u{feff}name,device,register,type,topic,json,unit,range_low,range_high,states,description,command,high,high_priority,low\r\n\
        d/speed,d,input:0,f32,,,rpm,0,1500.0,,,,1400,high,5\r\n\
        d/run,d,coil:0,,,,,,,stop|run,,yes,,,\r\n\
        w/rain,w,,,'+/rain,/mm,,,,,'=rain,,,,\r\n";
    let folder = Folder::new(STATION);
    assert_eq!(folder.export(Dialect::Comma), expected);
    let semicolons = expected.replace(',', ";").replace("1500.0", "1500,0");
    assert_eq!(folder.export(Dialect::Semicolon), semicolons);
}

#[test]
fn an_untouched_sheet_changes_nothing() {
    let demo = include_str!("../../../assets/demo/station.json").replace(":@", ":1502\", \"//\": \"@");
    let moving = STATION.replace("\"high\": 1400", "\"high\": {\"tag\": \"w/rain\"}");
    for station in [STATION, crate::config::STARTER, &demo, &moving] {
        let folder = Folder::new(station);
        for dialect in [Dialect::Comma, Dialect::Semicolon] {
            let plan = folder.plan(&folder.export(dialect));
            assert!(plan.is_fine() && plan.changes.is_empty() && plan.unchanged > 0, "{plan:#?}");
            assert_eq!((plan.files().count(), plan.not_in_sheet), (0, 0));
        }
    }
    let folder = Folder::new(&demo);
    for template in ["pump", "basin", "sluice"] {
        let options = ExportOptions { template: Some(template.to_owned()), ..ExportOptions::default() };
        let sheet = export(&folder.path, &options).unwrap();
        let options = ImportOptions { template: Some(template.to_owned()), remove_missing: true };
        let plan = plan_import(&folder.path, "tags.csv", sheet.text.as_bytes(), &options);
        assert!(plan.is_fine() && plan.changes.is_empty() && plan.unchanged == sheet.tags, "{plan:#?}");
    }
}

#[test]
fn a_row_changes_what_its_cells_say_and_no_other_byte() {
    check_change("name,unit\nd/speed,1/min\n", r#""rpm""#, r#""1/min""#);
    check_change("name,range_high\nd/speed,1600\n", "1500.0]", "1600]");
    check_change("Name;Range High\r\nd/speed;\"1600,5\"\r\n", "1500.0]", "1600.5]");
    check_change("name,range_low,range_high\nd/speed,,\n", r#", "range": [0, 1500.0]"#, "");
    check_change("name,unit\nd/speed,\n", r#" "unit": "rpm","#, "");
    check_change("name,decimals\nd/speed,0\n", r#""rpm", "#, r#""rpm", "decimals": 0, "#);
    check_change(
        "name,raw_low,raw_high,eng_low,eng_high\nd/speed,0,27648,0,12.5\n",
        "1500.0],",
        r#"1500.0], "scale": {"raw": [0, 27648], "eng": [0, 12.5]},"#,
    );
    check_change("name,high\nd/speed,1450.5\n", r#""high": 1400"#, r#""high": 1450.5"#);
    check_change("name,high_priority\nd/speed,critical\n", r#""priority": "high""#, r#""priority": "critical""#);
    check_change(
        "name,high_high\nd/speed,1490\n",
        r#"{"low": 5}"#,
        "{\"low\": 5},\n                {\"high_high\": 1490}",
    );
    check_change("name,low\nd/speed,\n", ",\n                {\"low\": 5}", "");
    check_change(
        "name,high\nd/speed,\n",
        &STATION[STATION.find(r#"{"high""#).unwrap()..STATION.find(r#"{"low""#).unwrap()],
        "",
    );
    check_change("name,states\nd/run,1=go|0=stop\n", r#"["stop", "run"]"#, r#"["stop", "go"]"#);
    check_change(
        "name,command_role\nd/run,engineer\n",
        r#""essential": true"#,
        r#""essential": true, "role": "engineer""#,
    );
    check_change("name,command\nd/run,\n", r#", "command": {"essential": true}"#, "");
    check_change("name,topic\nw/rain,'+/drizzle\n", "+/rain", "+/drizzle");
    check_change("name,topic\nw/rain,+/drizzle\n", "+/rain", "+/drizzle");
    check_change("name,register\nd/speed,30007\n", r#""input:0""#, r#""30007""#);
    check_change(
        "name,device,register,unit,command,command_min\nd/new,d,40041,%,yes,-5\n",
        r#""=rain"}"#,
        "\"=rain\"},\n    {\"name\": \"d/new\", \"device\": \"d\", \"register\": \"40041\", \"unit\": \"%\", \"command\": {\"min\": -5}}",
    );
    check_change("//,name,description\nmine,w/rain,\"a, \"\"b\"\"\nc\"\n", r#""=rain""#, r#""a, \"b\"\nc""#);
}

#[test]
fn what_goes_with_a_removed_alarm_is_told() {
    let plan = Folder::new(STATION).plan("name,high,command\nd/speed,,\nd/run,,no\n");
    assert!(plan.is_fine(), "{:#?}", plan.problems);
    let lost: Vec<_> = plan.changes.iter().flat_map(|change| &change.keys).map(|key| (key.column, &key.lost)).collect();
    assert_eq!(lost[0], ("high", &vec!["deadband".to_owned(), "guidance".to_owned()]));
    assert_eq!(lost[1], ("high_priority", &Vec::new()));
    assert_eq!(lost[2], ("command", &vec!["essential".to_owned()]));
    assert_eq!((plan.count(Effect::Changed), plan.unchanged, plan.not_in_sheet), (2, 0, 1));
}

#[test]
fn tags_that_are_not_in_the_sheet_go_only_where_that_is_asked_for() {
    let folder = Folder::new(STATION);
    let sheet = "name\nd/run\n";
    let plan = folder.plan(sheet);
    assert_eq!((plan.changes.len(), plan.unchanged, plan.not_in_sheet), (0, 1, 2));
    let options = ImportOptions { remove_missing: true, ..ImportOptions::default() };
    let plan = plan_import(&folder.path, "tags.csv", sheet.as_bytes(), &options);
    assert_eq!((plan.count(Effect::Removed), plan.unchanged, plan.not_in_sheet), (2, 1, 0));
    apply(&folder.path, &plan).unwrap();
    let (start, end) =
        (STATION.find("    {\"name\": \"d/speed\"").unwrap(), STATION.find("    {\"name\": \"d/run\"").unwrap());
    let rain = STATION.find(",\n    {\"name\": \"w/rain\"").unwrap();
    assert_eq!(folder.text(), format!("{}{}\n  ]\n}}\n", &STATION[..start], &STATION[end..rain]));
    let plan = plan_import(&folder.path, "tags.csv", b"name\n", &options);
    assert!(!plan.is_fine() && plan.problems[0].words.contains("has no rows"), "{plan:#?}");
}

#[test]
fn tags_of_a_template() {
    let folder = Folder::new(STATION);
    let options = ImportOptions { template: Some("pump".to_owned()), ..ImportOptions::default() };
    let plan =
        plan_import(&folder.path, "tags.csv", b"name,register,unit\nflow,input:4,l/s\nhead,input:6,m\n", &options);
    assert!(plan.is_fine(), "{:#?}", plan.problems);
    apply(&folder.path, &plan).unwrap();
    let from = r#"{"name": "flow", "register": "input:4"}"#;
    let to = r#"{"name": "flow", "register": "input:4", "unit": "l/s"}, {"name": "head", "register": "input:6", "unit": "m"}"#;
    assert_eq!(folder.text(), STATION.replace(from, to));
}

#[test]
fn every_column_has_a_key_of_the_schema() {
    let schema = crate::config::schema();
    let known = |part: &str, key: &str| schema["$defs"][part]["properties"].get(key).is_some();
    for column in columns::COLUMNS {
        let fine = match column.home {
            home::Home::Key(key) | home::Home::Given(key) => known("TagEntry", key),
            home::Home::Inside("command", key) => known("CommandEntry", key),
            home::Home::Inside(..) => false,
            home::Home::End(path, _) => {
                known("TagEntry", path[0]) && path.get(1).is_none_or(|key| known("ScaleEntry", key))
            }
            home::Home::Limit(key) => known("AlarmEntry", key),
            home::Home::Detail(_, key) => known("AlarmEntry", key),
        };
        assert!(fine, "{}", column.name);
    }
}

#[test]
fn a_limit_that_another_tag_says_can_be_written_into_a_sheet() {
    let sheet = "name,high\r\nd/speed,\"{\"\"tag\"\": \"\"w/rain\"\"}\"\r\n";
    check_change(sheet, "\"high\": 1400", "\"high\": {\"tag\": \"w/rain\"}");
    let plan = Folder::new(STATION).plan(&sheet.replace("}", ""));
    assert!(plan.problems[0].to_string().contains("is not like {\"tag\": \"north/limit\"}"), "{:?}", plan.problems);
}
