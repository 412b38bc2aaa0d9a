//! What expressions come to, against tables.

use super::*;
use crate::tag::{Quality, Reason, Scalar, States, Status, TagId, TagKey};
use std::sync::Arc;

mod slow;

/// A made-up plant: names with what is known of them, and what they say.
struct Plant(Vec<(&'static str, TagKind, &'static str, States, Scalar, Quality)>);

const UNCERTAIN: Quality = Quality::uncertain(Reason::UnderRange);
const BAD: Quality = Quality::bad(Reason::NoAnswer);

impl Plant {
    fn new() -> Self {
        let none = States::default;
        let pump = || States::counted(["stopped", "running", "tripped"]);
        let (number, boolean) = (TagKind::Number, TagKind::Boolean);
        Self(vec![
            ("north/flow", number, "m³/h", none(), Scalar::Double(3.5), Quality::GOOD),
            ("north/pressure", number, "bar", none(), Scalar::Signed(4), Quality::GOOD),
            ("north/temperature", number, "°C", none(), Scalar::Single(20.5), Quality::GOOD),
            ("north/pump", number, "", pump(), Scalar::Unsigned(1), Quality::GOOD),
            ("north/valve", boolean, "", States::counted(["closed", "open"]), Scalar::Bool(true), Quality::GOOD),
            ("yes", boolean, "", none(), Scalar::Bool(true), Quality::GOOD),
            ("no", boolean, "", none(), Scalar::Bool(false), Quality::GOOD),
            ("maybe", boolean, "", none(), Scalar::Bool(true), UNCERTAIN),
            ("hardly", boolean, "", none(), Scalar::Bool(false), UNCERTAIN),
            ("lost", boolean, "", none(), Scalar::Bool(true), BAD),
            ("doubtful", number, "", none(), Scalar::Signed(7), UNCERTAIN),
            ("gone", number, "", none(), Scalar::Signed(7), BAD),
            ("old", number, "", none(), Scalar::Signed(7), Quality::bad(Reason::Stale)),
            ("energy", number, "", none(), Scalar::Unsigned(u64::MAX), Quality::GOOD),
            ("least", number, "", none(), Scalar::Signed(i64::MIN), Quality::GOOD),
            ("name", TagKind::Text, "", none(), Scalar::Text, Quality::GOOD),
            ("liar", number, "", none(), Scalar::Text, Quality::GOOD),
            ("unread", number, "", none(), Scalar::Empty, Quality::GOOD),
        ])
    }
}

impl Names for Plant {
    fn find(&self, name: &str) -> Option<Known> {
        let slot = self.0.iter().position(|tag| tag.0 == name)?;
        let (name, kind, unit, states, ..) = &self.0[slot];
        let (tag, key) = (TagId(slot as u32), TagKey::from(*name));
        Some(Known { tag, key, kind: *kind, unit: (*unit).into(), states: states.clone() })
    }

    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.iter().map(|tag| tag.0))
    }
}

struct Said<'a>(&'a Plant, Arc<str>);

impl Values for Said<'_> {
    fn value(&self, tag: TagId) -> (Scalar, Quality) {
        let tag = &self.0.0[tag.index()];
        (tag.4, tag.5)
    }

    fn text(&self, _tag: TagId) -> Option<&Arc<str>> {
        Some(&self.1)
    }
}

/// The result in words: the value, its quality where it is not good.
fn result(text: &str) -> String {
    let plant = Plant::new();
    let program = match compile(text, &plant, &Wanted::Anything) {
        Ok(program) => program,
        Err(faults) => return faults.to_string(),
    };
    let said = Said(&plant, "Alfa".into());
    let result = program.evaluate(&said);
    let value = result.value.to_value(result.text).map_or_else(|| "-".to_owned(), |value| value.to_string());
    match result.quality.status {
        Status::Good => value,
        status => format!("{value} {}: {}", status.word(), result.quality.words()),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(result(text), *expected, "{text}");
    }
}

#[test]
fn calculating() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3"),
        ("-7 % 3", "-1"),
        ("2e-3 * 1_000", "2"),
        ("-{north/flow} + 1", "-2.5"),
        ("{north/flow} * 2 + 0.5", "7.5"),
        ("abs(-3)", "3"),
        ("min(3, 1, 2)", "1"),
        ("max(3, 1.5, 4)", "4"),
        ("round(2.5) + floor(-0.5) + ceil(0.2)", "3"),
        ("sqrt(9)", "3"),
        ("clamp(12, 0, 10)", "10"),
        ("clamp(-1, 0, 10)", "0"),
        ("clamp(5, 10, 0)", "- bad: outside the instrument's range"),
        ("bit(5, 2) and not bit(5, 1)", "true"),
        ("bit(-1, 63)", "true"),
        ("bit(1.5, 0)", "- bad: outside the instrument's range"),
        ("if {north/flow} > 3 then 1 else 2", "1"),
        ("if true then 1 else if true then 2 else 3", "1"),
    ]);
}

#[test]
fn whole_numbers_of_64_bits_are_exact_and_never_wrap() {
    check(&[
        ("{energy} - 1", "18446744073709551614"),
        ("{energy} + 1", "- bad: result too large"),
        ("{energy} == 18446744073709551615", "true"),
        ("{energy} == 18446744073709551614", "false"),
        ("{energy} < 18446744073709551616.0", "true"),
        ("{least} - 1", "- bad: result too large"),
        ("-{least}", "9223372036854775808"),
        ("abs({least})", "9223372036854775808"),
        ("-{energy}", "- bad: result too large"),
        ("{energy} * {energy}", "- bad: result too large"),
        ("max({energy}, 1)", "18446744073709551615"),
        ("9007199254740993 > 9007199254740992.0", "true"),
        ("1e308 * 10", "- bad: result too large"),
    ]);
}

#[test]
fn what_cannot_be_calculated_is_bad_and_says_why() {
    check(&[
        ("1 / 0", "- bad: divided by zero"),
        ("1 % 0.0", "- bad: divided by zero"),
        ("sqrt(-1)", "- bad: not a number"),
        ("{gone} + 1", "- bad: no answer"),
        ("{old} + {gone}", "- bad: stale"),
        ("1 / 0 + {gone}", "- bad: divided by zero"),
        ("{doubtful} + 1", "8 uncertain: below the instrument's span"),
        ("{gone} > 1", "- bad: no answer"),
        ("min(1, {gone})", "- bad: no answer"),
        ("{liar} + 1", "- bad: message cannot be read"),
        ("{unread}", "- bad: waiting for the first value"),
        ("if 1 > 2 then 1 / 0 else 4", "4"),
        ("if {lost} then 1 else 1", "- bad: no answer"),
        ("if {maybe} then 1 else 2", "1 uncertain: below the instrument's span"),
        ("else_if_bad({gone}, 5)", "5"),
        ("else_if_bad({doubtful}, 5)", "7 uncertain: below the instrument's span"),
        ("good({gone}) or stale({gone})", "false"),
        ("bad({gone}) and stale({old}) and uncertain({doubtful})", "true"),
        ("quality({gone}) == \"bad\"", "true"),
        ("quality({doubtful}) == 'uncertain'", "true"),
    ]);
}

/// Kleene's tables with every quality, cell by cell.
#[test]
fn truth_has_three_values() {
    let columns = ["{yes}", "{no}", "{maybe}", "{hardly}", "{lost}"];
    let u = "uncertain: below the instrument's span";
    let (t, f, tu, fu, b) = ("true", "false", format!("true {u}"), format!("false {u}"), "- bad: no answer");
    let and = [[t, f, &tu, &fu, b], [f, f, f, f, f], [&tu, f, &tu, &fu, b], [&fu, f, &fu, &fu, &fu], [b, f, b, &fu, b]];
    let or = [[t, t, t, t, t], [t, f, &tu, &fu, b], [t, &tu, &tu, &tu, &tu], [t, &fu, &tu, &fu, b], [t, b, &tu, b, b]];
    for (row, left) in columns.iter().enumerate() {
        for (column, right) in columns.iter().enumerate() {
            check(&[
                (&format!("{left} and {right}"), and[row][column]),
                (&format!("{left} or {right}"), or[row][column]),
            ]);
        }
    }
    check(&[("not {yes}", f), ("not {no}", t), ("not {maybe}", &fu), ("not {lost}", b)]);
}

#[test]
fn states_and_texts() {
    check(&[
        ("{north/pump} == \"running\"", "true"),
        ("{north/pump} == 'Running'", "true"),
        ("'tripped' != {north/pump}", "true"),
        ("{north/pump} >= 1", "true"),
        ("{north/valve} and true", "true"),
        ("{north/valve} == 'open'", "true"),
        ("{north/valve} == 'closed'", "false"),
        ("(if {yes} then 'tripped' else {north/pump}) == 'tripped'", "true"),
        ("bit({north/pump}, 0)", "true"),
        ("{name} == 'Alfa'", "true"),
        ("{name} != \"al\\\"fa\"", "true"),
        ("'a' == 'a'", "true"),
        ("if {no} then 'x' else {name}", "Alfa"),
        (
            "{north/pump} == 'runing'",
            "character 17: \"runing\" is no state of it; did you mean \"running\"?; it has stopped, running, tripped",
        ),
    ]);
}

#[test]
fn units_and_types_are_checked() {
    check(&[
        (
            "{north/pressure} + {north/temperature}",
            "character 1: + brings bar and °C together; both sides need the same unit",
        ),
        (
            "{north/pressure} > {north/flow}",
            "character 1: > brings bar and m³/h together; both sides need the same unit",
        ),
        (
            "max({north/pressure}, 1, {north/flow})",
            "character 1: max brings bar and m³/h together; both sides need the same unit",
        ),
        (
            "if {yes} then {north/pressure} else {north/flow}",
            "character 1: if brings bar and m³/h together; both sides need the same unit",
        ),
        ("{north/pressure} * {north/flow} + {north/temperature}", "34.5"),
        ("{north/pressure} + 1 > 4", "true"),
        ("{yes} + 1", "character 1: + needs a number; this is true or false; if ... then 1 else 0 makes one of it"),
        (
            "{north/pump} + 1",
            "character 1: + needs a number; this is a state (stopped, running, tripped); compare it with one of its words",
        ),
        (
            "{north/flow} and true",
            "character 1: and needs true or false; this is a number in m³/h; compare it, such as with != 0",
        ),
        ("not 'a'", "character 5: not needs true or false; this is a text; compare it with == and a word"),
        ("{yes} == 1", "character 1: == brings true or false and a number together; both sides need the same type"),
        ("'a' < 'b'", "character 1: < needs a number; this is a text; character 7: < needs a number; this is a text"),
        ("bit(1, 64)", "character 8: there is no bit 64; 0 to 63 exist, 0 is the least significant"),
    ]);
}

#[test]
fn mistakes_are_told_at_their_character_and_all_at_once() {
    check(&[
        ("", "character 1: nothing stands here; an expression would be right, such as {tag} > 5"),
        ("{north/flo} > 1", "character 1: there is no tag \"north/flo\"; did you mean \"north/flow\"?"),
        ("{a} > {b}", "character 1: there is no tag \"a\"; character 7: there is no tag \"b\""),
        ("1 = 2", "character 3: \"=\" is written \"==\" here"),
        ("{yes} && !{no}", "character 7: \"&&\" is written \"and\" here; character 10: \"!\" is written \"not\" here"),
        ("1 < 2 < 3", "character 7: comparisons do not follow each other; write a < b and b < c"),
        ("(1 + 2", "character 1: this ( is not closed; ) is missing"),
        ("1 + 2)", "character 6: this ) has no ("),
        (
            "1 + ",
            "character 5: a value is missing before the end: a tag in { }, a number, a text in quotes, a function, or ( would be right",
        ),
        ("1 2", "character 3: before 2 an operator is missing, such as +, == or and"),
        ("mx(1, 2)", "character 1: \"mx\" is no function; did you mean \"max\"?; tags stand in { }, texts in quotes"),
        ("abs", "character 1: abs needs its arguments in parentheses: abs(...)"),
        ("abs(1, 2)", "character 1: abs takes one number; 2 stand here"),
        ("if true then 1", "character 1: this if needs \"else\": if a then b else c"),
        ("1 + if true then 1 else 2", "character 5: put this if in parentheses"),
        ("true == not false", "character 9: put this not in parentheses"),
        ("{north/flow", "character 1: the name of this tag does not end; } is missing"),
        ("{} + 1", "character 1: the name of a tag is missing between { and }"),
        ("'abc", "character 1: this text does not end; the closing quote is missing"),
        ("'\\n' == 'a'", "character 1: \\n means nothing; \\\\ is a backslash, \\\" and \\' are quotes"),
        ("12abc", "character 1: \"12abc\" is not a number; 5, 1_000, 0.5 and 2e-3 would be"),
        (
            "18446744073709551616",
            "character 1: 18446744073709551616 does not fit 64 bits; at most 18446744073709551615 exactly, or 1.8e308 with a point or exponent",
        ),
        ("ж + 1", "character 1: \"ж\" is no function; tags stand in { }, texts in quotes"),
        ("1 # 2", "character 3: the character '#' means nothing here; text stands in quotes, tags in { }"),
    ]);
}

#[test]
fn a_result_has_to_be_what_is_wanted() {
    let plant = Plant::new();
    let words = |text: &str, wanted: &Wanted| compile(text, &plant, wanted).map_err(|faults| faults.to_string()).err();
    assert_eq!(words("{yes}", &Wanted::Truth), None);
    assert_eq!(words("{north/valve}", &Wanted::Truth), None);
    let found = words("{north/flow}", &Wanted::Truth);
    assert_eq!(found.as_deref(), Some("character 1: this is a number in m³/h; true or false would be right here"));
    let bar = Wanted::Number(Unit::Of("bar".into()));
    assert_eq!(words("{north/pressure} + 1", &bar), None);
    let found = words("{north/flow}", &bar);
    assert_eq!(found.as_deref(), Some("character 1: this is a number in m³/h; a number in bar would be right here"));
}

#[test]
fn bounds_hold_against_whatever_is_nested_or_long() {
    let deep = |open: &str, count: usize| result(&open.repeat(count));
    for open in ["(", "-", "not ", "abs(", "1+(", "if ", "if true then ", "{"] {
        for count in [200, 1_500, 100_000] {
            assert!(deep(open, count).starts_with("character"), "{open}");
        }
    }
    assert!(deep("(", 200).contains("nested too deeply"));
    assert!(result(&"(".repeat(100_000)).contains("too long"));
    let fine = format!("{}1{}", "(".repeat(MOST_NESTED - 1), ")".repeat(MOST_NESTED - 1));
    assert_eq!(result(&fine), "1");
    assert!(result(&format!("({fine})")).contains("nested too deeply"));
    let sum = |count: usize| result(&vec!["1"; count].join("+"));
    assert_eq!(sum(1_000), "1000");
    assert!(sum(1_001).contains("too many parts"));
    // The widest that can wait: every level keeps all but the last argument.
    let wide = format!("{}1{}", "max(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,".repeat(20), ")".repeat(20));
    assert!(result(&wide).contains("nested too deeply"));
}

#[test]
fn a_program_knows_its_inputs_each_once() {
    let plant = Plant::new();
    let program = compile("{yes} and {north/flow} > {north/flow} - 1", &plant, &Wanted::Truth).unwrap();
    let names: Vec<&str> = program.inputs().iter().map(|tag| plant.0[tag.index()].0).collect();
    assert_eq!(names, ["north/flow", "yes"]);
    assert_eq!(program, compile(program.text(), &plant, &Wanted::Truth).unwrap());
    assert_ne!(program, compile("{yes}", &plant, &Wanted::Truth).unwrap());
}

fn candidates(text: &str) -> Vec<String> {
    let cursor = text.find('|').unwrap();
    let text = text.replace('|', "");
    let completion = complete(&text, cursor, &Plant::new());
    let replaced = |candidate: &Candidate| {
        let mut whole = text.clone();
        whole.replace_range(completion.replaces.clone(), &candidate.text);
        whole
    };
    completion.candidates.iter().map(replaced).collect()
}

#[test]
fn completion_offers_what_fits() {
    assert_eq!(candidates("{flo|"), ["{north/flow}"]);
    assert_eq!(candidates("1 + {north/p|ump} > 2"), ["1 + {north/pressure} > 2", "1 + {north/pump} > 2"]);
    assert_eq!(
        candidates("{north/pump} == '|'"),
        ["{north/pump} == \"stopped\"", "{north/pump} == \"running\"", "{north/pump} == \"tripped\""]
    );
    assert_eq!(candidates("{north/pump} == \"ru|"), ["{north/pump} == \"running\""]);
    assert_eq!(candidates("{north/pump} == |")[0], "{north/pump} == \"stopped\"");
    assert_eq!(candidates("quality({yes}) == 'b|'"), ["quality({yes}) == \"bad\""]);
    assert_eq!(candidates("1 + sq|"), ["1 + sqrt("]);
    assert_eq!(candidates("{yes} a|"), ["{yes} and"]);
    assert_eq!(candidates("if {yes} |"), ["if {yes} then", "if {yes} and", "if {yes} or"]);
    assert_eq!(candidates("if {yes} then 1 e|"), ["if {yes} then 1 else"]);
    assert_eq!(candidates("'abc|"), Vec::<String>::new());
}

#[test]
fn only_what_depends_on_a_change_runs_again() {
    let plant = Plant::new();
    let tag = |name: &str| plant.find(name).unwrap().tag;
    let program = |text: &str| compile(text, &plant, &Wanted::Anything).unwrap();
    // c = energy + least, energy = doubtful, least = doubtful: what feeds runs before what it feeds, and c only once.
    let mut network = Network::new(
        vec![
            (program("{energy} + {least}"), None),
            (program("{doubtful} * 2"), Some(tag("energy"))),
            (program("{doubtful} + 1"), Some(tag("least"))),
            (program("{yes}"), None),
        ],
        |tag| plant.0[tag.index()].0.to_owned(),
    )
    .unwrap();
    let run = |network: &mut Network| {
        let mut ran = Vec::new();
        while let Some(slot) = network.take_next() {
            ran.push(slot);
            if let Some((_, Some(result))) = network.program(slot).cloned() {
                network.changed(result);
            }
        }
        ran.sort_by_key(|slot| (*slot == 0, *slot));
        ran
    };
    assert_eq!(run(&mut network), [1, 2, 3, 0]);
    network.changed(tag("yes"));
    assert_eq!(run(&mut network), [3]);
    network.changed(tag("doubtful"));
    network.changed(tag("doubtful"));
    assert_eq!(run(&mut network), [1, 2, 0]);
    network.changed(tag("gone"));
    assert_eq!(run(&mut network), Vec::<usize>::new());
}

#[test]
fn what_waits_for_itself_is_named() {
    let plant = Plant::new();
    let tag = |name: &str| plant.find(name).unwrap().tag;
    let program = |text: &str| compile(text, &plant, &Wanted::Anything).unwrap();
    let network = Network::new(
        vec![
            (program("{energy} + 1"), Some(tag("unread"))),
            (program("{least} + 1"), Some(tag("energy"))),
            (program("{gone} + {energy}"), Some(tag("least"))),
        ],
        |tag| plant.0[tag.index()].0.to_owned(),
    );
    let cycle = network.unwrap_err();
    assert_eq!(
        cycle.to_string(),
        "these wait for each other: {energy} is calculated from {least} is calculated from {energy}; take one of these references out"
    );
    let own = Network::new(vec![(program("{gone} + 1"), Some(tag("gone")))], |_| "gone".to_owned());
    assert!(own.is_err());
}

#[test]
fn the_corpus_of_the_fuzzer_replays() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/expression");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 20, "{} holds {} inputs", folder.display(), files.len());
    files.iter().for_each(|file| proof::expression(&std::fs::read(file).unwrap()));
}
