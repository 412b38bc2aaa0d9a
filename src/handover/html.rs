//! The page as HTML.

use super::{Deed, Handover, StandingAlarm};
use crate::alarm::figures::{Judgement, Row, TOP};
use crate::tag::Timestamp;

type Moment<'a> = &'a dyn Fn(Timestamp) -> String;

/// Black on white, so that it prints as it looks; what is over its target is bold as well as worded.
const STYLE: &str = "
@page { size: A4; margin: 12mm }
body { font: 9pt/1.3 'Noto Sans', 'Liberation Sans', Arial, sans-serif; color: #111; background: #fff; margin: 12mm auto; max-width: 186mm }
@media print { body { margin: 0 } }
h1 { font-size: 15pt; margin: 0 }
h2 { font-size: 10pt; margin: 3mm 0 1mm; border-bottom: 0.3mm solid #888 }
p { margin: 1mm 0 }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: normal; color: #555 }
th, td { padding: 0.3mm 2mm 0.3mm 0; vertical-align: top; overflow-wrap: break-word }
tr { break-inside: avoid }
.number { text-align: right; white-space: nowrap }
.time { white-space: nowrap }
.muted { color: #555 }
.columns { display: grid; grid-template-columns: 3fr 2fr; gap: 5mm }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 8mm; margin-top: 5mm; break-inside: avoid }
.sign p { border-bottom: 0.3mm solid #111; padding-top: 5mm; color: #555 }
";

/// Text that is nothing but text, wherever it stands.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Signs that steer, and those that turn the direction of what follows, would show something else than what was written.
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => out.push('\u{FFFD}'),
            sign if sign.is_control() => out.push(' '),
            sign => out.push(sign),
        }
    }
    out
}

pub(super) fn page(handover: &Handover, moment: Moment<'_>) -> String {
    let sections = [
        remarks(&handover.remarks),
        alarms("In alarm", &handover.alarms, moment),
        set_aside(&handover.set_aside, moment),
        alarms("Devices that do not answer", &handover.silent, moment),
        deeds("Devices off scan", ["Since", "Device", "Why", "Who"], &handover.off_scan, moment),
        deeds("Commands without a certain end", ["Ended", "Tag", "What", "Who"], &handover.uncertain, moment),
        deeds("Notes", ["About", "Where", "Note", "Who"], &handover.notes, moment),
        figures(handover, moment),
    ];
    let title = escape(&format!("Shift handover, {}", handover.station));
    let body = [head(handover, moment), sections.concat(), sign(&handover.signer)].concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"color-scheme\" content=\"light\"><title>{title}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )
}

fn head(handover: &Handover, moment: Moment<'_>) -> String {
    let state = match handover.is_running {
        true => "The station was running; alarms and devices are as they were at that moment.",
        false => "The station was not running; alarms and devices are as it last recorded them.",
    };
    format!(
        "<h1>Shift handover, {}</h1><p>From {} to {}. Made {} by {}. {state}</p>\n",
        escape(&handover.station),
        escape(&moment(handover.period.from)),
        escape(&moment(handover.period.to)),
        escape(&moment(handover.made)),
        escape(&handover.made_by),
    )
}

/// What was written for the next shift, line by line; nothing where nothing was.
fn remarks(words: &str) -> String {
    if words.is_empty() {
        return String::new();
    }
    let lines: String = words.lines().map(|line| format!("<p>{}</p>", escape(line))).collect();
    format!("<h2>For the next shift</h2>{lines}\n")
}

fn section(title: &str, count: usize, content: &str) -> String {
    let content = if count == 0 { "<p class=\"muted\">None.</p>" } else { content };
    format!("<h2>{} ({count})</h2>{content}\n", escape(title))
}

/// A table; the class of a column says how it is written.
fn table(heads: &[(&str, &str)], rows: &[Vec<String>]) -> String {
    let cell = |tag: &str, class: &str, text: &str| match class {
        "" => format!("<{tag}>{}</{tag}>", escape(text)),
        class => format!("<{tag} class=\"{class}\">{}</{tag}>", escape(text)),
    };
    let head: String = heads.iter().map(|(words, class)| cell("th", class, words)).collect();
    let line = |row: &Vec<String>| {
        let cells: String = row.iter().zip(heads).map(|(text, (_, class))| cell("td", class, text)).collect();
        format!("<tr>{cells}</tr>")
    };
    let body: String = rows.iter().map(line).collect();
    format!("<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
}

fn alarms(title: &str, alarms: &[StandingAlarm], moment: Moment<'_>) -> String {
    let heads = [("Since", "time"), ("Priority", ""), ("Alarm", ""), ("Name", ""), ("State", "")];
    let row = |alarm: &StandingAlarm| {
        let priority = alarm.priority.map_or_else(
            || "not in the station file".to_owned(),
            |priority| format!("{} {}", priority.number(), priority.word()),
        );
        vec![moment(alarm.since), priority, alarm.message.clone(), alarm.alarm.clone(), alarm.state.clone()]
    };
    let rows: Vec<Vec<String>> = alarms.iter().map(row).collect();
    section(title, alarms.len(), &table(&heads, &rows))
}

fn set_aside(alarms: &[StandingAlarm], moment: Moment<'_>) -> String {
    let heads = [("Alarm", ""), ("Name", ""), ("State", ""), ("Until", "time"), ("Why", ""), ("Who", "")];
    let row = |alarm: &StandingAlarm| {
        let why = alarm.why.clone();
        let until = why.as_ref().map(|why| why.until.map_or_else(|| "somebody ends it".to_owned(), moment));
        let (by, reason) = why.map(|why| (why.by, why.reason)).unwrap_or_default();
        vec![alarm.message.clone(), alarm.alarm.clone(), alarm.state.clone(), until.unwrap_or_default(), reason, by]
    };
    let rows: Vec<Vec<String>> = alarms.iter().map(row).collect();
    section("Shelved, suppressed or out of service", alarms.len(), &table(&heads, &rows))
}

fn deeds(title: &str, [time, subject, words, who]: [&str; 4], deeds: &[Deed], moment: Moment<'_>) -> String {
    let heads = [(time, "time"), (subject, ""), (words, ""), (who, "")];
    let row = |deed: &Deed| vec![moment(deed.time), deed.subject.clone(), deed.words.clone(), deed.who.clone()];
    let rows: Vec<Vec<String>> = deeds.iter().map(row).collect();
    section(title, deeds.len(), &table(&heads, &rows))
}

fn figures(handover: &Handover, moment: Moment<'_>) -> String {
    let line = |row: &Row| {
        let verdict = match row.judgement {
            judgement if judgement.is_wrong() => format!("<b>{}</b>", judgement.words()),
            judgement => judgement.words().to_owned(),
        };
        let cells = [&row.figure, &row.value, &row.target].map(|text| escape(text));
        format!(
            "<tr><td>{}</td><td class=\"number\">{}</td><td>{}</td><td>{verdict}</td></tr>",
            cells[0], cells[1], cells[2]
        )
    };
    let wanted =
        |row: &&Row| row.judgement != Judgement::NoTarget || ALSO.iter().any(|name| row.figure.starts_with(name));
    let rows: String = handover.figures.table().iter().filter(wanted).map(line).collect();
    let left = format!(
        "<table><thead><tr><th>Figure</th><th class=\"number\">Value</th><th>Target</th><th>Verdict</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    let heads = [("Most frequent alarms", ""), ("Times", "number"), ("Share", "number")];
    let top = handover.figures.alarms.iter().take(TOP);
    let top: Vec<Vec<String>> = top
        .map(|one| vec![one.alarm.to_string(), one.activations.to_string(), format!("{:.1} %", one.share * 100.0)])
        .collect();
    let floods = handover.figures.rates.floods.iter().map(|flood| {
        vec![format!("{} to {}", moment(flood.from), moment(flood.to)), flood.activations.to_string(), String::new()]
    });
    let floods: Vec<Vec<String>> = floods.collect();
    let right = match floods.is_empty() {
        true => table(&heads, &top),
        false => table(&heads, &top) + &table(&[("Floods", ""), ("Alarms", "number"), ("", "")], &floods),
    };
    format!("<h2>Alarm figures of the shift</h2><div class=\"columns\"><div>{left}</div><div>{right}</div></div>\n")
}

/// Figures without a target that belong on the page nevertheless.
const ALSO: [&str; 4] = ["Activations", "Floods", "Active at the end", "Time to acknowledge,"];

fn sign(signer: &str) -> String {
    let name = if signer.is_empty() { String::new() } else { format!(": <b>{}</b>", escape(signer)) };
    let one =
        |who: &str, name: &str| format!("<div><b>{who}</b><p>Name{name}</p><p>Date and time</p><p>Signature</p></div>");
    format!("<div class=\"sign\">{}{}</div>", one("Handed over by", &name), one("Taken over by", ""))
}
