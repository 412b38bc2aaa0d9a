//! The page from one shift to the next: put together out of the records, written, and recorded. This reads and writes files: never call it on
//! a thread that paints.

use super::{Handle, Ticket, account_name};
use crate::alarm::figures::{Figures, Opening, Period};
use crate::engine::{AlarmLine, HandoverPage, Plan, Reply, RequestBody};
use crate::handover::{Sources, Why, gather};
use crate::historian::{ExportError, write_whole};
use crate::recorder::{AlarmThen, read_alarms_at, read_audit_between, read_record, read_remembered, read_standing};
use crate::tag::Timestamp;
use chrono::{Local, TimeZone};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Entries of the audit record that are looked through; more would not be read by anybody.
const ENTRIES: usize = 200_000;
/// The folder for pages that are made in the window, below the station folder.
const PAGES: &str = "handovers";

/// What somebody wants to hand over.
#[derive(Clone, Debug)]
pub struct HandoverWish {
    /// The shift; not in the future.
    pub period: Period,
    /// What the next shift has to know besides; may be empty.
    pub remarks: String,
    /// The name of the person who hands over; empty where they write it by hand.
    pub signer: String,
}

/// A page that was written and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoverWritten {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, as 64 hexadecimal digits, as it is recorded.
    pub sha256: String,
}

/// Why no page was made.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The records cannot be read.
    #[error("the records cannot be read: {0}")]
    Records(#[from] rusqlite::Error),
    /// More happened than anybody could read.
    #[error("the audit record of this period has more than {ENTRIES} entries; take a shorter one")]
    TooMuch,
    /// It cannot be made like this; the words are for people.
    #[error("{0}")]
    Refused(String),
    /// The file cannot be written, or its record.
    #[error("{path} was not written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ExportError,
    },
}

/// The alarms that are not normal, and why some of them are set aside, by their names.
#[derive(Clone, Debug, Default)]
pub struct StandingAlarms {
    alarms: Vec<Opening>,
    asides: HashMap<Arc<str>, Why>,
    /// What the operator reads of them, by their names; of a station that does not run, where that tells values.
    messages: HashMap<Arc<str>, Arc<str>>,
}

impl StandingAlarms {
    /// As a station that runs has them: its records follow a moment later.
    pub fn live(lines: Vec<AlarmLine>) -> Self {
        let why = |line: &AlarmLine| {
            let (by, reason) = (line.by.clone()?.to_string(), line.reason.as_deref().unwrap_or_default().to_owned());
            Some((line.alarm.clone(), Why { by, reason, until: line.until }))
        };
        let asides = lines.iter().filter_map(why).collect();
        let messages = lines.iter().map(|line| (line.alarm.clone(), line.message.clone())).collect();
        let opening = |line: AlarmLine| Opening {
            alarm: line.alarm,
            occurrence: line.occurrence.0,
            state: line.state.word().into(),
            raised: line.raised,
        };
        Self { alarms: lines.into_iter().map(opening).collect(), asides, messages }
    }

    /// As a station that stopped left them.
    pub fn recorded(records: &Path, now: Timestamp) -> rusqlite::Result<Self> {
        let why = |then: &AlarmThen| {
            let aside = then.kept.aside.as_ref()?;
            let by = aside.by().map(ToString::to_string).unwrap_or_default();
            Some((then.alarm.as_str().into(), Why { by, reason: aside.reason().to_owned(), until: aside.until() }))
        };
        let alarms = read_alarms_at(records, now)?;
        let asides = alarms.iter().filter_map(why).collect();
        let message = |then: AlarmThen| Some((then.alarm.as_str().into(), then.kept.message?));
        let messages = alarms.into_iter().filter_map(message).collect();
        Ok(Self { alarms: read_standing(records)?, asides, messages })
    }
}

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct PageSources<'a> {
    /// The file of records.
    pub records: &'a Path,
    /// The plant; none where the station file has errors.
    pub plan: Option<&'a Plan>,
    /// The alarms that stand.
    pub standing: &'a StandingAlarms,
    /// Whether the station runs.
    pub is_running: bool,
    /// Now.
    pub now: Timestamp,
}

/// The page as HTML.
pub fn handover_page(wish: &HandoverWish, sources: PageSources<'_>) -> Result<String, HandoverError> {
    let PageSources { records, plan, standing, is_running, now } = sources;
    let period = wish.period;
    let definitions: HashMap<_, _> =
        plan.iter().flat_map(|plan| &plan.alarms).map(|alarm| (alarm.key.to_string(), alarm.clone())).collect();
    let audit = read_audit_between(records, period.from, Timestamp::from_micros(i64::MAX), ENTRIES)?;
    if audit.len() == ENTRIES {
        return Err(HandoverError::TooMuch);
    }
    let priority_of = |alarm: &str| definitions.get(alarm).map(|known| known.priority);
    let handover = gather(Sources {
        station: plan.map_or("station", |plan| &plan.station),
        period,
        made: now,
        made_by: &account_name(),
        is_running,
        standing: &standing.alarms,
        asides: &standing.asides,
        messages: &standing.messages,
        definitions: &definitions,
        audit: &audit,
        scans: &read_remembered(records, "scan")?,
        figures: Figures::of(&read_record(records, period)?, period, &priority_of),
        remarks: wish.remarks.trim(),
        signer: wish.signer.trim(),
    });
    Ok(handover.to_html(&local))
}

/// Writes a page where no file is yet. The file gets its name only when `record` says that the record has it.
pub fn write_handover(
    path: &Path,
    html: &str,
    wish: &HandoverWish,
    record: &dyn Fn(HandoverPage) -> Result<(), String>,
) -> Result<HandoverWritten, HandoverError> {
    if path.exists() {
        let words = format!("{} is there already, and may be signed; name another file", path.display());
        return Err(HandoverError::Refused(words));
    }
    let sha256: String = Sha256::digest(html.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let (from, to, signer) = (wish.period.from, wish.period.to, wish.signer.trim().into());
    let page = HandoverPage { from, to, sha256: sha256.as_str().into(), signer };
    let written = write_whole(path, |file| {
        file.write_all(html.as_bytes())?;
        record(page).map_err(|why| ExportError::from(std::io::Error::other(why)))
    });
    let path = path.to_owned();
    match written {
        Ok(()) => Ok(HandoverWritten { path, sha256 }),
        Err(source) => Err(HandoverError::Write { path, source }),
    }
}

impl Handle {
    /// Makes the page of a shift in the station folder, off this thread, for the person at this computer, and records it.
    pub fn hand_over(&self, wish: HandoverWish) -> Ticket<Result<HandoverWritten, String>> {
        let handle = self.clone();
        self.ask_long(move |context, _| {
            let written = handle.make_handover(&wish, context.records());
            written.map_err(|error| error.to_string())
        })
    }

    fn make_handover(&self, wish: &HandoverWish, records: &Path) -> Result<HandoverWritten, HandoverError> {
        let (snapshot, now) = (self.snapshot(), self.now().utc);
        let board = &snapshot.alarms;
        let standing = StandingAlarms::live(board.views.iter().chain(&board.set_aside).map(AlarmLine::from).collect());
        let plan = Some(&*snapshot.plan);
        let html = handover_page(wish, PageSources { records, plan, standing: &standing, is_running: true, now })?;
        let folder = self.folder().join(PAGES);
        let wrong = |error| HandoverError::Refused(format!("{} cannot be made: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(wrong)?;
        let stamp = Local.timestamp_micros(now.as_micros()).single();
        let stamp = stamp.map_or_else(|| now.to_rfc3339(), |time| time.format("%Y-%m-%d %H.%M.%S").to_string());
        write_handover(&folder.join(format!("shift {stamp}.html")), &html, wish, &|page| match self
            .request(RequestBody::Handover(page))
            .wait_blocking()
        {
            Some(Reply::Done) => Ok(()),
            Some(Reply::Refused { why }) => Err(format!("it could not be recorded: {why}")),
            Some(other) => Err(format!("the station answered something else: {other:?}")),
            None => Err("the station stopped meanwhile".to_owned()),
        })
    }
}

/// Local time with its offset, so that a page can be read anywhere.
fn local(time: Timestamp) -> String {
    match Local.timestamp_micros(time.as_micros()).single() {
        Some(time) => time.format("%d %b %Y %H:%M:%S %:z").to_string(),
        None => time.to_rfc3339(),
    }
}
