use super::*;
use crate::audit::{MemoryStore, commit};
use crate::driver::{DriverEvent, DriverNumber, LinkAnswer, ReplyTo};
use crate::engine::{Event, Restored};
use crate::tag::Generation;

const STATION: &str = r#"{"tags":[{"name":"limit","manual":5,"range":[0,10]},
    {"name":"mode","manual":1,"range":[0,10],"command":{"role":"engineer"}}]}"#;

/// What somebody behind a link is answered, what the record says of it, and the limit then.
fn ask(asked: Asked) -> (Vec<LinkAnswer>, Vec<[String; 3]>, Option<Value>) {
    ask_after(Restored::default(), asked)
}

fn ask_after(restored: Restored, asked: Asked) -> (Vec<LinkAnswer>, Vec<[String; 3]>, Option<Value>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), STATION).unwrap();
    let plan = crate::config::load(folder.path(), Generation(1)).into_plant().unwrap().plan;
    let mut engine = Engine::new(Arc::new(plan), restored);
    let (mut effects, mut store, now) = (Effects::default(), MemoryStore::default(), Now::default());
    engine.step(Event::Driver(DriverEvent::Asked(Box::new(asked))), now, &mut effects);
    let drafts = std::mem::take(&mut effects.drafts);
    let receipts = commit(&mut store, &drafts).unwrap();
    engine.step(Event::Committed(receipts), now, &mut effects);
    let record = drafts.into_iter().chain(std::mem::take(&mut effects.drafts));
    let record = record.map(|draft| [draft.action.to_string(), draft.principal.to_string(), draft.detail.to_string()]);
    let limit = engine.plan().directory.find("limit").unwrap();
    (effects.link_answers, record.collect(), engine.snapshot(now).value(limit))
}

fn asked(tag: &str, text: &str) -> Asked {
    let reply = ReplyTo { topic: "answers".into(), correlation: Arc::from(*b"x1") };
    Asked {
        connection: "site".into(),
        driver: DriverNumber(7),
        tag: tag.into(),
        value: AskedValue::Text(text.into()),
        sender: "scada-1".into(),
        reason: "more water".into(),
        id: None,
        expires_in: Duration::from_secs(5),
        reply: Some(reply),
    }
}

#[test]
fn a_command_over_a_link_is_recorded_in_its_name_and_answered() {
    let (answers, record, value) = ask(asked("limit", "7,5"));
    assert_eq!(value, Some(Value::Double(7.5)));
    assert_eq!((answers.len(), &*answers[0].reply.topic, answers[0].driver), (1, "answers", DriverNumber(7)));
    assert!(answers[0].payload.contains(r#""outcome":"verified""#), "{}", answers[0].payload);
    assert_eq!(record.len(), 2);
    assert_eq!(record[0][1], r#"link site, says "scada-1""#);
    assert!(record[0][2].contains(r#""confirmed":"link""#) && record[0][2].contains("over site: more water"));
}

/// A broker that keeps messages hands one on again when the station died before it was acknowledged.
#[test]
fn what_was_taken_before_the_start_is_not_taken_again() {
    let named = |name: &str| Asked { id: Some(name.into()), ..asked("limit", "7,5") };
    let before = || Restored { taken: vec![RequestId::over_link("site", "x7")], ..Restored::default() };
    let (answers, record, value) = ask_after(before(), named("x7"));
    assert_eq!((record.len(), value), (0, Some(Value::Double(5.0))));
    assert!(answers[0].payload.contains("refused"), "{}", answers[0].payload);
    assert_eq!(ask_after(before(), named("x8")).2, Some(Value::Double(7.5)));
}

#[test]
fn a_link_holds_no_more_than_the_role_of_an_operator_and_everything_is_answered() {
    for (tag, text, words) in [
        ("mode", "2", "needs the role engineer"),
        ("limit", "11", "above the highest allowed value"),
        ("limit", "much", "is not a number"),
        ("nothing", "1", "there is no tag nothing"),
    ] {
        let (answers, _, value) = ask(asked(tag, text));
        assert_eq!(value, Some(Value::Double(5.0)));
        assert!(answers.len() == 1 && answers[0].payload.contains(words), "{words}: {answers:?}");
    }
}
