//! The page that one shift hands to the next.

use super::figures;
use super::output::{error_line, out_line};
use crate::access::Principal;
use crate::alarm::figures::Opening;
use crate::audit::{self, RequestId};
use crate::config;
use crate::engine::{AlarmLine, HandoverPage, PROTOCOL_VERSION, Reply, Request, RequestBody};
use crate::handover::{Sources, Why, gather};
use crate::historian::{ExportError, write_whole};
use crate::recorder::{
    AlarmThen, RECORDS_FILE, RecordStore, read_alarms_at, read_audit_between, read_remembered, read_standing,
};
use crate::station::{StationLock, SystemClock, account_name, ask};
use crate::tag::{Clock, Generation, Now, Timestamp};
use anyhow::{Context, bail};
use chrono::{Local, TimeZone};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A shift, where nothing else is said.
const SHIFT: Duration = Duration::from_secs(8 * 3600);
/// Entries of the audit record that are looked through; more would not be read by anybody.
const ENTRIES: usize = 200_000;

/// Which shift, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct HandoverArguments {
    /// Station folder.
    folder: PathBuf,
    /// Beginning of the shift, such as 2026-11-21T14:00:00Z; 8 hours before its end unless given.
    #[arg(long)]
    from: Option<String>,
    /// End of the shift; now unless given.
    #[arg(long)]
    to: Option<String>,
    /// File to write; one that is there already is left alone.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

pub(super) fn handover(arguments: &HandoverArguments) -> anyhow::Result<ExitCode> {
    let (folder, out) = (&arguments.folder, &arguments.out);
    if out.exists() {
        bail!("{} is there already, and may be signed; name another file", out.display());
    }
    let period = figures::period(arguments.from.as_ref(), arguments.to.as_ref(), SHIFT)?;
    let now = SystemClock::new().now();
    if period.to > now.utc {
        bail!("the shift is not over yet; --to cannot be in the future");
    }
    let lock = lock_where_stopped(folder)?;
    let html = page(folder, period, now, lock.is_none())?;
    let digits: String = Sha256::digest(html.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let page = HandoverPage { from: period.from, to: period.to, sha256: digits.as_str().into() };
    // The file gets its name only when the record says that it was made.
    let written = write_whole(out, |file| {
        file.write_all(html.as_bytes())?;
        record(folder, &page, now, lock.is_some()).map_err(|why| ExportError::from(std::io::Error::other(why)))
    });
    written.with_context(|| format!("{} was not written", out.display()))?;
    out_line!("{} was written and recorded; SHA-256 {digits}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Holds a station that does not run, so that it does not start meanwhile; none where it runs.
fn lock_where_stopped(folder: &Path) -> anyhow::Result<Option<StationLock>> {
    figures::records(folder)?;
    match StationLock::take(folder) {
        Ok(lock) => Ok(Some(lock)),
        Err(crate::station::Held::By { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn page(folder: &Path, period: crate::alarm::figures::Period, now: Now, is_running: bool) -> anyhow::Result<String> {
    let records = folder.join(RECORDS_FILE);
    let plan = config::load(folder, Generation(1)).plant.map(|plant| plant.plan);
    let definitions = plan.as_ref().map_or_else(HashMap::new, |plan| figures::by_name(&plan.alarms));
    if plan.is_none() {
        error_line!(
            "The station file has errors, so names and priorities are missing on the page; see `polder check`."
        );
    }
    let audit = read_audit_between(&records, period.from, Timestamp::from_micros(i64::MAX), ENTRIES)?;
    if audit.len() == ENTRIES {
        bail!("the audit record of this period has more than {ENTRIES} entries; take a shorter one");
    }
    let Present { standing, asides, messages } = present(folder, is_running, now)?;
    let handover = gather(Sources {
        station: plan.as_ref().map_or("station", |plan| &plan.station),
        period,
        made: now.utc,
        made_by: &account_name(),
        is_running,
        standing: &standing,
        asides: &asides,
        messages: &messages,
        definitions: &definitions,
        audit: &audit,
        scans: &read_remembered(&records, "scan")?,
        figures: figures::figures_of(&records, period, &definitions)?,
    });
    Ok(handover.to_html(&local))
}

/// The alarms that are not normal.
struct Present {
    standing: Vec<Opening>,
    /// Why some of them are set aside, by their names.
    asides: HashMap<Arc<str>, Why>,
    /// What the operator reads of them, by their names; of a station that does not run, where that tells values.
    messages: HashMap<Arc<str>, Arc<str>>,
}

/// The alarms that are not normal. A station that runs is asked: its records follow a moment later.
fn present(folder: &Path, is_running: bool, now: Now) -> anyhow::Result<Present> {
    if !is_running {
        return recorded(&folder.join(RECORDS_FILE), now);
    }
    let request = request(RequestBody::ListAlarms, now);
    let alarms = match ask(folder, &request).context("the running station cannot be asked")? {
        Some(Reply::Alarms { alarms, set_aside }) => [alarms, set_aside].concat(),
        Some(other) => bail!("the station answered something else: {other:?}"),
        None => bail!("the station stopped meanwhile; try again"),
    };
    let why = |line: &AlarmLine| {
        let (by, reason) = (line.by.clone()?.to_string(), line.reason.as_deref().unwrap_or_default().to_owned());
        Some((line.alarm.clone(), Why { by, reason, until: line.until }))
    };
    let asides = alarms.iter().filter_map(why).collect();
    let messages = alarms.iter().map(|line| (line.alarm.clone(), line.message.clone())).collect();
    let live = alarms.into_iter().map(|alarm| Opening {
        alarm: alarm.alarm,
        occurrence: alarm.occurrence.0,
        state: alarm.state.word().into(),
        raised: alarm.raised,
    });
    Ok(Present { standing: live.collect(), asides, messages })
}

fn recorded(records: &Path, now: Now) -> anyhow::Result<Present> {
    let why = |then: &AlarmThen| {
        let aside = then.kept.aside.as_ref()?;
        let by = aside.by().map(ToString::to_string).unwrap_or_default();
        Some((then.alarm.as_str().into(), Why { by, reason: aside.reason().to_owned(), until: aside.until() }))
    };
    let alarms = read_alarms_at(records, now.utc)?;
    let asides = alarms.iter().filter_map(why).collect();
    let message = |then: AlarmThen| Some((then.alarm.as_str().into(), then.kept.message?));
    let messages = alarms.into_iter().filter_map(message).collect();
    Ok(Present { standing: read_standing(records)?, asides, messages })
}

fn request(body: RequestBody, now: Now) -> Request {
    let id = format!("{:x}-{:x}-handover-{}", now.utc.as_micros(), std::process::id(), name_of(&body));
    Request {
        version: PROTOCOL_VERSION,
        id: RequestId::from(id.as_str()),
        principal: Principal::person(&account_name()),
        expires: now.utc.plus(Duration::from_secs(30)),
        body,
    }
}

const fn name_of(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::ListAlarms => "alarms",
        _ => "page",
    }
}

/// Local time with its offset, so that a page can be read anywhere.
fn local(time: Timestamp) -> String {
    match Local.timestamp_micros(time.as_micros()).single() {
        Some(time) => time.format("%d %b %Y %H:%M:%S %:z").to_string(),
        None => time.to_rfc3339(),
    }
}

/// Records the page: by the station that runs, or in the records of one that is held.
fn record(folder: &Path, page: &HandoverPage, now: Now, is_held: bool) -> Result<(), String> {
    let request = request(RequestBody::Handover(page.clone()), now);
    if is_held {
        let draft = page.draft(request.id, &request.principal, now)?;
        let mut store = RecordStore::open(&folder.join(RECORDS_FILE)).map_err(|error| error.to_string())?;
        return audit::commit(&mut store, &[draft]).map(|_| ()).map_err(|error| error.to_string());
    }
    match ask(folder, &request).map_err(|error| format!("the running station cannot be asked: {error}"))? {
        Some(Reply::Done) => Ok(()),
        Some(Reply::Refused { why }) => Err(format!("it could not be recorded: {why}")),
        Some(other) => Err(format!("the station answered something else: {other:?}")),
        None => Err("the station stopped meanwhile; try again".to_owned()),
    }
}
