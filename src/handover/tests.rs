use super::*;
use crate::access::Principal;
use crate::alarm::figures::{Opening, Record};
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Subject};
use crate::audit::Entry;
use crate::tag::{DeviceId, TagId};
use std::collections::HashMap;
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn definition(key: &str, condition: Condition, message: &str, priority: Priority) -> (String, AlarmDefinition) {
    let subject = match condition {
        Condition::DeviceLost => Subject::Device(DeviceId(0)),
        _ => Subject::Tag(TagId(0)),
    };
    let definition = AlarmDefinition {
        key: AlarmKey::from(key),
        subject,
        condition,
        deadband: 0.0,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        priority,
        message: message.into(),
        guidance: "".into(),
        latch: false,
        group: None,
        suppress_when: None,
        presentation: crate::alarm::Presentation::default(),
        area: None,
    };
    (key.to_owned(), definition)
}

fn entry(seconds: i64, request: &str, action: &str, subject: &str, detail: &str) -> Entry {
    Entry {
        version: 1,
        number: 1,
        time: at(seconds),
        request: request.into(),
        principal: Principal::person("anna"),
        action: action.into(),
        subject: subject.into(),
        detail: detail.into(),
    }
}

fn standing(alarm: &str, state: &str, seconds: i64) -> Opening {
    Opening { alarm: alarm.into(), occurrence: 1, state: state.into(), raised: at(seconds) }
}

fn handover(audit: &[Entry]) -> Handover {
    let period = Period { from: at(0), to: at(28_800) };
    let definitions = HashMap::from([
        definition("a:high", Condition::High(1.0), "Level <high> & \"rising\"", Priority::Low),
        definition("b:low", Condition::Low(1.0), "Pressure low", Priority::Critical),
        definition("pump-1:lost", Condition::DeviceLost, "pump-1 does not answer", Priority::High),
        definition("pump-2:lost", Condition::DeviceLost, "pump-2 does not answer", Priority::High),
    ]);
    gather(Sources {
        station: "Noord<script>polder",
        period,
        made: at(28_900),
        made_by: "anna",
        is_running: false,
        standing: &[
            standing("a:high", "unacknowledged", 5),
            standing("b:low", "returned-unacknowledged", 6),
            standing("gone:high", "acknowledged", 7),
            standing("c:high", "shelved", 8),
            standing("pump-1:lost", "acknowledged", 9),
            standing("pump-2:lost", "returned-unacknowledged", 9),
        ],
        asides: &[("c:high".into(), Why { by: "bo".to_owned(), reason: "<sensor> out".to_owned(), until: None })]
            .into(),
        messages: &[("b:low".into(), "Pressure low: 0.4 bar".into())].into(),
        definitions: &definitions,
        audit,
        scans: &[
            entry(-900, "s1", "off-scan", "meter-1", "{\"reason\":\"is replaced\"}"),
            entry(10, "s2", "on-scan", "meter-2", "{\"reason\":\"\"}"),
        ],
        figures: Figures::of(&Record::default(), period, &|_| None),
        remarks: "Look after <pump 3>.\nIts seal weeps.",
        signer: "Anna & Bram",
    })
}

#[test]
fn every_alarm_stands_where_it_belongs() {
    let found = handover(&[]);
    let names = |alarms: &[StandingAlarm]| alarms.iter().map(|one| one.alarm.clone()).collect::<Vec<_>>();
    assert_eq!(
        names(&found.alarms),
        ["gone:high", "b:low", "pump-2:lost", "a:high"],
        "the unknown first, then by urgency"
    );
    let messages: Vec<_> = found.alarms.iter().map(|one| one.message.as_str()).collect();
    let expected = ["gone:high", "Pressure low: 0.4 bar", "pump-2 does not answer", "Level <high> & \"rising\""];
    assert_eq!(messages, expected, "as it was read at the activation, as the station file has it, or the name");
    assert_eq!(names(&found.set_aside), ["c:high"]);
    let page = found.to_html(&|time| time.to_rfc3339());
    assert!(page.contains("<td>&lt;sensor&gt; out</td><td>bo</td>") && page.contains("somebody ends it"), "{page}");
    assert_eq!(names(&found.silent), ["pump-1:lost"]);
    assert_eq!(found.off_scan.len(), 1, "a device that is back is not off scan");
    assert_eq!((found.off_scan[0].subject.as_str(), found.off_scan[0].words.as_str()), ("meter-1", "is replaced"));
}

#[test]
fn only_commands_without_a_certain_end_are_told() {
    let command =
        |request: &str| entry(100, request, "command", request, "{\"value\":12.5,\"old\":3,\"reason\":\"high water\"}");
    let end = |seconds: i64, request: &str, outcome: &str| {
        entry(seconds, request, "outcome", request, &format!("{{\"outcome\":\"{outcome}\",\"detail\":\"so\"}}"))
    };
    let audit = [
        command("verified"),
        command("mismatch"),
        command("never"),
        entry(105, "by hand", "publish", "site lamp/set", "{\"payload\":\"on\",\"reason\":\"lamp test\"}"),
        entry(106, "cut", "publish", "site lamp/set", "{\"payload\":\"\"}"),
        end(107, "by hand", "unknown"),
        Entry { time: at(28_880), ..command("under way") },
        end(110, "verified", "verified"),
        end(120, "mismatch", "mismatch"),
        end(130, "before", "unknown"),
        end(140, "broken", "unverified"),
        end(150, "failed", "failed"),
        end(-10, "earlier", "unknown"),
        end(28_850, "later", "unknown"),
    ];
    let found = handover(&audit).uncertain;
    let told: Vec<(&str, &str)> = found.iter().map(|deed| (deed.subject.as_str(), deed.words.as_str())).collect();
    assert_eq!(
        told,
        [
            ("never", "3 → 12.5 (high water), unknown: no end of it is recorded"),
            ("site lamp/set", "by hand \"\", unknown: no end of it is recorded"),
            ("by hand", "by hand \"on\" (lamp test), unknown: so"),
            ("mismatch", "3 → 12.5 (high water), mismatch: so"),
            ("before", "unknown: so"),
            ("broken", "unverified: so"),
        ]
    );
}

#[test]
fn notes_of_the_shift_and_about_it_are_told() {
    let note = |written: i64, about: i64, words: &str| {
        entry(written, "n", "note", "trend", &format!("{{\"at\":{},\"words\":\"{words}\"}}", about * 1_000_000))
    };
    let found = handover(&[note(100, -5000, "of it"), note(28_850, 200, "about it"), note(28_850, 28_850, "neither")]);
    let words: Vec<&str> = found.notes.iter().map(|deed| deed.words.as_str()).collect();
    assert_eq!(words, ["of it", "about it"]);
}

#[test]
fn the_page_is_whole_and_nothing_in_it_is_more_than_text() {
    let detail = "{\"at\":5000000,\"words\":\"<img src=x onerror='alert(1)'> & \\u202Eback\"}";
    let html = handover(&[entry(5, "n", "note", "trend", detail)]).to_html(&|time| time.to_rfc3339());
    for words in [
        "Noord&lt;script&gt;polder",
        "Level &lt;high&gt; &amp; &quot;rising&quot;",
        "&lt;img src=x onerror=&#39;alert(1)&#39;&gt; &amp; \u{FFFD}back",
        "In alarm (4)",
        "Devices off scan (1)",
        "Commands without a certain end (0)</h2><p class=\"muted\">None.</p>",
        "The station was not running",
        "1 critical",
        "not in the station file",
        "Activations per day, average",
        "For the next shift</h2><p>Look after &lt;pump 3&gt;.</p><p>Its seal weeps.</p>",
        "Handed over by</b><p>Name: <b>Anna &amp; Bram</b></p>",
        "Taken over by</b><p>Name</p>",
        "Signature",
        "1970-01-01T08:00:00.000000Z",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    for wrong in ["<script", "<img", "http://", "https://", "src=\"", "href=", "\u{202E}"] {
        assert!(!html.contains(wrong), "{wrong}");
    }
    let count = |what: &str| html.matches(what).count();
    for tag in ["table", "tr", "td", "th", "div", "h2", "p", "b", "thead", "tbody"] {
        let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
    }
}
