//! The page that one shift hands to the next.

use super::figures;
use super::output::{error_line, out_line};
use crate::access::Principal;
use crate::audit::{self, RequestId};
use crate::config;
use crate::engine::{HandoverPage, PROTOCOL_VERSION, Reply, Request, RequestBody};
use crate::recorder::{RECORDS_FILE, RecordStore};
use crate::station::{
    HandoverWish, PageSources, StandingAlarms, StationLock, SystemClock, account_name, ask, handover_page,
    write_handover,
};
use crate::tag::{Clock, Generation, Now};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A shift, where nothing else is said.
const SHIFT: Duration = Duration::from_secs(8 * 3600);
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
    /// What the next shift has to know besides.
    #[arg(long, value_name = "TEXT", default_value = "")]
    notes: String,
    /// Your name, for the page and the record; without it the page has a line to write it on.
    #[arg(long, value_name = "NAME", default_value = "")]
    signed_by: String,
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
    let wish = HandoverWish { period, remarks: arguments.notes.clone(), signer: arguments.signed_by.clone() };
    let html = page(folder, &wish, now, lock.is_none())?;
    let written = write_handover(out, &html, &wish, &|page| record(folder, &page, now, lock.is_some()))?;
    out_line!("{} was written and recorded; SHA-256 {}", out.display(), written.sha256);
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

fn page(folder: &Path, wish: &HandoverWish, now: Now, is_running: bool) -> anyhow::Result<String> {
    let records = folder.join(RECORDS_FILE);
    let plan = config::load(folder, Generation(1)).plant.map(|plant| plant.plan);
    if plan.is_none() {
        error_line!(
            "The station file has errors, so names and priorities are missing on the page; see `polder check`."
        );
    }
    let standing = if is_running { live(folder, now)? } else { StandingAlarms::recorded(&records, now.utc)? };
    let sources = PageSources { records: &records, plan: plan.as_ref(), standing: &standing, is_running, now: now.utc };
    Ok(handover_page(wish, sources)?)
}

/// The alarms that are not normal. A station that runs is asked: its records follow a moment later.
fn live(folder: &Path, now: Now) -> anyhow::Result<StandingAlarms> {
    let request = request(RequestBody::ListAlarms, now);
    match ask(folder, &request).context("the running station cannot be asked")? {
        Some(Reply::Alarms { alarms, set_aside }) => Ok(StandingAlarms::live([alarms, set_aside].concat())),
        Some(other) => bail!("the station answered something else: {other:?}"),
        None => bail!("the station stopped meanwhile; try again"),
    }
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
