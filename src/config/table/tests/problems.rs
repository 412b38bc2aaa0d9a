//! What is wrong is told by line and column.

use super::*;

/// Each expected line begins the problem at its place, and there are no others.
fn check_problems(sheet: &[u8], expected: &[&str]) {
    let folder = Folder::new(STATION);
    let plan = plan_import(&folder.path, "tags.csv", sheet, &ImportOptions::default());
    let found: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "expected {expected:?} in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(matches!(apply(&folder.path, &plan), Err(ApplyError::Problems)));
    assert_eq!(folder.text(), STATION);
}

#[test]
fn every_kind_of_problem_has_its_line_and_column() {
    for (sheet, expected) in [
        ("", "tags.csv:1: the sheet is empty"),
        ("unit\nrpm\n", "tags.csv:1: a column \"name\" is needed"),
        (
            "name,registr\nd/run,coil:1\n",
            "tags.csv:1:registr: the column \"registr\" is not known; did you mean \"register\"?",
        ),
        (
            "name,remarks of mine\nd/run,x\n",
            "tags.csv:1:remarks of mine: the column \"remarks of mine\" is not known; a column of your own",
        ),
        ("name,unit,Unit\nd/run,a,b\n", "tags.csv:1:Unit: there are two columns \"Unit\""),
        ("name,unit\n\n\nd/run\n", "tags.csv:4: this row has 1 cells, and the first line 2"),
        ("name,unit\nd/run,a,b\n", "tags.csv:2: this row has 3 cells, and the first line 2"),
        ("name,,unit\nd/run,a,b\n", "tags.csv:2: this cell stands in column 2 of the sheet, which has no name"),
        ("name,unit\nd/run,\"a\nw/rain,b\n", "tags.csv:2: a quote that opens in this row is never closed"),
        ("name,unit\nd/run,a\n,b\n", "tags.csv:3:name: a name is needed"),
        ("name\nd/run\nw/rain\nd/run\n", "tags.csv:4:name: \"d/run\" stands in line 2 already"),
        ("name,deadband\nd/speed,much\n", "tags.csv:2:deadband: \"much\" is not a number; write it as"),
        ("name,deadband\nd/speed,\"0,5\"\n", "tags.csv:2:deadband: \"0,5\" is not a number; write it as"),
        ("name,bit\nd/speed,1.5\n", "tags.csv:2:bit: \"1.5\" is not a whole number"),
        ("name,deadband\nd/run,-1\n", "tags.csv:2:deadband: a deadband is not negative"),
        ("name,decimals\nd/speed,300\n", "tags.csv:2:decimals: 300 is too large"),
        ("name,states\nd/run,0=a|2=b\n", "tags.csv:2:states: the value 1 has no word"),
        ("name,command\nd/run,perhaps\n", "tags.csv:2:command: \"perhaps\" stands here; yes or nothing"),
        ("name,command,command_min\nd/speed,,5\n", "tags.csv:2:command_min: the tag has no command; write yes"),
        ("name,high_high_priority\nd/speed,low\n", "tags.csv:2:high_high_priority: the tag has no alarm \"high_high\""),
        (
            "name,high_priority\nd/speed,urgent\n",
            "tags.csv:2:high_priority: \"urgent\" stands here; one of critical, high, medium, low",
        ),
        ("name,range_low\nd/run,5\n", "tags.csv:2:range_high: the other end is given; a span needs both"),
        ("name,range_low\nd/speed,2000\n", "tags.csv:2:range_low: the first number of a range is below the second"),
        ("name,raw_low,raw_high\nd/speed,0,1\n", "tags.csv:2:raw_low: the key \"eng\" is missing"),
        ("name,raw_low,raw_high,eng_low,eng_high\nd/speed,0,0,0,1\n", "tags.csv:2:raw_low: the two raw values differ"),
        ("name,low\nd/speed,1500\n", "tags.csv:2:alarms: the limit low (1500) has to be below the limit high (1400)"),
        ("name,type\nd/speed,f33\n", "tags.csv:2:type: \"f33\" stands here; one of"),
        (
            "name,device,register\n\nd/new,e,input:1\n",
            "tags.csv:3:device: there is no device \"e\"; did you mean \"d\"?",
        ),
        ("name,device,register\nd/new,d,inptu:1\n", "tags.csv:2:register: \"inptu:1\" is not a register"),
        ("name,register\nd/new,input:1\n", "tags.csv:2:name: the tag \"d/new\" needs a \"device\""),
        ("name,device\nd/run,\n", "tags.csv:2:name: the tag \"d/run\" needs a \"device\""),
        ("name,device,register\nd/new:x,d,input:1\n", "tags.csv:2:name: \"d/new:x\" is not a name"),
        (
            "name,command_min,read_back\nd/run,,d/rum\n",
            "tags.csv:2:read_back: there is no tag \"d/rum\"; did you mean \"d/run\"?",
        ),
    ] {
        check_problems(sheet.as_bytes(), &[expected]);
    }
    check_problems(b"name,unit\nd/run,\xb0C\n", &["tags.csv:2: this is not UTF-8; save the sheet as \"CSV UTF-8\""]);
    check_problems(
        b"name,device,bit,type\nd/speed,d,x,f32\nd/new,e,0,\nd/run,d,,f33\n",
        &["tags.csv:2:bit: ", "tags.csv:3:device: ", "tags.csv:4:type: "],
    );
    // Without its registers, no new tag could be right: that would bury the reason.
    check_problems(
        b"name,device,registr,bit\nd/a,d,input:1,\nd/b,d,input:2,x\n",
        &["tags.csv:1:registr: ", "tags.csv:3:bit: "],
    );
}

#[test]
fn problems_elsewhere_stand_where_the_file_has_them_now() {
    let broken = STATION.replace(r#""json": "/mm""#, r#""json": "mm""#);
    let folder = Folder::new(&broken);
    let options = ImportOptions { remove_missing: true, ..ImportOptions::default() };
    let plan = plan_import(&folder.path, "tags.csv", b"name\nd/run\n", &options);
    assert!(plan.is_fine(), "what goes cannot be wrong: {:#?}", plan.problems);
    let plan = folder.plan("name,unit\nd/speed,x\n");
    assert!(plan.problems[0].to_string().starts_with("station.json:tags/2/json: a place in JSON"), "{plan:#?}");
    let plan = folder.plan("name,json\nw/rain,/mm\n");
    assert!(plan.is_fine(), "the sheet mends it: {:#?}", plan.problems);
    let options = ImportOptions { template: Some("pumpe".to_owned()), ..options };
    let plan = plan_import(&folder.path, "tags.csv", b"name\nd/run\n", &options);
    assert_eq!(plan.problems[0].words, "there is no template \"pumpe\"; did you mean \"pump\"?");
    let plan = Folder::new("{").plan("name\nd/run\n");
    assert!(plan.problems[0].to_string().contains("this is not JSON"), "{plan:#?}");
}
