//! A station without a window: runs, and prints what happens as JSON, one object a line.

use crate::engine::{Notice, Plan, Snapshot};
use crate::queue::{self, WhenFull};
use crate::station::{Attendance, News, Station};
use crate::tag::{HistoryRow, Quality, TagId, Timestamp, Value};
use crate::{alarm::AlarmView, command::CommandView, command::Phase, driver::Link};
use anyhow::Context;
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Batches of news that may wait for whoever reads the stream.
const NEWS: usize = 4096;

/// How to run without a window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to print events.
    pub events: bool,
    /// How long to run; none until a signal to stop.
    pub duration: Option<Duration>,
    /// What people near this computer hear and are told.
    pub attendance: Attendance,
}

/// Runs the station in `folder`. Returns when the time is over or a signal came.
pub fn run(folder: &Path, options: Options) -> anyhow::Result<()> {
    let (sender, inbox) = queue::bounded("news for the event stream", NEWS, WhenFull::DropOldest);
    let mut station = Station::start(folder, options.events.then_some(sender))?;
    if options.attendance != Attendance::default() {
        station.attend(options.attendance)?;
    }
    let printer = if options.events {
        match print_state(&station.handle().snapshot())? {
            Reader::There => Some(Printer::start(inbox)?),
            Reader::Gone => None,
        }
    } else {
        say(&format!("{} runs. Stop it with Ctrl C.", station.handle().snapshot().plan.station));
        None
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(&mut station, options));
    drop(runtime);
    // With the station its last news end, and then the printer.
    station.stop();
    printer.map_or(Ok(()), Printer::finish).and(outcome)
}

/// To standard error, which may be gone.
#[expect(clippy::disallowed_methods, reason = "what cannot be written is left out")]
fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// Prints news on a thread of its own: whoever reads too slowly keeps nobody from stopping the station.
struct Printer {
    done: std::sync::mpsc::Receiver<anyhow::Result<()>>,
}

impl Printer {
    fn start(mut inbox: Receiver<News>) -> std::io::Result<Self> {
        let (sender, done) = std::sync::mpsc::sync_channel(1);
        std::thread::Builder::new().name("event stream".to_owned()).spawn(move || {
            let mut outcome = Ok(Reader::There);
            while matches!(outcome, Ok(Reader::There))
                && let Some(news) = inbox.blocking_recv()
            {
                outcome = print_news(&news);
            }
            let _ = sender.send(outcome.map(drop));
        })?;
        Ok(Self { done })
    }

    /// Waits until the last line is out; not for ever, if nobody reads.
    fn finish(self) -> anyhow::Result<()> {
        self.done.recv_timeout(Duration::from_secs(5)).unwrap_or(Ok(()))
    }
}

async fn serve(station: &mut Station, options: Options) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let end = async {
        match options.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            signal = signals.next() => match signal {
                Signal::Stop => return Ok(()),
                Signal::Reload => match station.reload() {
                    Ok(()) => say("the station file was read again"),
                    Err(error) => say(&format!("the station goes on as it was:\n{error}")),
                },
            },
        }
    }
}

enum Signal {
    Stop,
    Reload,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::Stop
    }
}

#[expect(clippy::disallowed_methods, reason = "what cannot be written ends the event stream, and the station goes on")]
fn print(lines: impl Iterator<Item = Json>) -> anyhow::Result<Reader> {
    let written = || {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))?;
        out.flush()
    };
    match written() {
        Ok(()) => Ok(Reader::There),
        // Whoever reads may stop at any time, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("the event stream cannot be written"),
    }
}

/// Whether anybody reads the event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// The state at the start: every tag and device, every alarm that is not normal or set aside.
fn print_state(snapshot: &Snapshot) -> anyhow::Result<Reader> {
    let plan = &snapshot.plan;
    let tags = plan.directory.iter().filter_map(|(tag, _)| {
        let live = snapshot.live(tag)?;
        let value = if live.quality.is_bad() { None } else { snapshot.value(tag) };
        let time = if live.time == Timestamp::default() { snapshot.taken.utc } else { live.time };
        Some(sample_line(plan, tag, time, value.as_ref(), live.quality))
    });
    let devices = snapshot
        .devices
        .iter()
        .enumerate()
        .map(|(slot, device)| device_line(plan, slot, &device.link, snapshot.taken.utc));
    let alarms = snapshot.alarms.views.iter().chain(&snapshot.alarms.set_aside).map(|view| alarm_line(plan, view));
    print(tags.chain(devices).chain(alarms))
}

fn print_news(news: &News) -> anyhow::Result<Reader> {
    let missed =
        (news.missed > 0).then(|| json!({"event": "loss", "count": news.missed, "what": "lines of this stream"}));
    let rows = news.rows.iter().map(|row: &HistoryRow| {
        sample_line(&news.plan, row.tag, row.sample.time, row.sample.value.as_ref(), row.sample.quality)
    });
    let notices = news.notices.iter().map(|notice| match notice {
        Notice::Alarm(view) => alarm_line(&news.plan, view),
        Notice::SetAsideEnded { alarm, words, time } => {
            json!({"event": "notice", "alarm": alarm, "words": &**words, "time": time.to_rfc3339()})
        }
        Notice::Device { device, link, time } => device_line(&news.plan, device.index(), link, *time),
        Notice::Command(view) => command_line(&news.plan, view),
        Notice::Loss { count, time } => json!({"event": "loss", "count": count, "time": time.to_rfc3339()}),
    });
    print(missed.into_iter().chain(rows).chain(notices))
}

fn key_of(plan: &Plan, tag: TagId) -> &str {
    plan.directory.tag(tag).map_or("", |definition| definition.key.as_str())
}

fn sample_line(plan: &Plan, tag: TagId, time: Timestamp, value: Option<&Value>, quality: Quality) -> Json {
    let mut line = json!({
        "event": "sample", "tag": key_of(plan, tag), "time": time.to_rfc3339(), "value": value,
        "quality": quality.status.word(),
    });
    if !quality.reason.words().is_empty() {
        line["reason"] = quality.reason.words().into();
    }
    line
}

fn device_line(plan: &Plan, slot: usize, link: &Link, time: Timestamp) -> Json {
    let device = plan.directory.devices().get(slot);
    let connection = device.and_then(|device| plan.directory.connections().get(device.connection.index()));
    let mut line = json!({
        "event": "device", "device": device.map(|device| &*device.name), "connection": connection.map(|wire| &*wire.name),
        "state": link.word(), "time": time.to_rfc3339(),
    });
    if let Link::Lost { reason, detail, .. } = link {
        line["reason"] = reason.words().into();
        line["detail"] = (&**detail).into();
    }
    line
}

fn alarm_line(plan: &Plan, view: &AlarmView) -> Json {
    let tag = match view.subject {
        crate::alarm::Subject::Tag(tag) => Some(key_of(plan, tag)),
        crate::alarm::Subject::Device(_) => None,
    };
    let mut line = json!({
        "event": "alarm", "alarm": view.key, "occurrence": view.occurrence, "tag": tag, "state": view.state,
        "priority": view.priority, "time": view.changed.to_rfc3339(), "value": view.value, "message": &*view.message,
        "condition": view.condition.words(),
    });
    if let Some(aside) = &view.aside {
        line["by"] = aside.by().map(ToString::to_string).into();
        line["reason"] = aside.reason().into();
        line["until"] = aside.until().map(Timestamp::to_rfc3339).into();
    }
    if view.is_first_out {
        line["first_out"] = true.into();
    }
    if view.hides > 0 {
        line["hides"] = view.hides.into();
    }
    line
}

fn command_line(plan: &Plan, view: &CommandView) -> Json {
    let (outcome, detail) = match &view.phase {
        Phase::Ended(outcome, detail) => (Some(outcome.word()), &**detail),
        _ => (None, ""),
    };
    json!({
        "event": "command", "id": view.id, "tag": key_of(plan, view.tag), "value": view.value, "outcome": outcome,
        "detail": detail, "principal": view.principal.to_string(), "time": view.time.to_rfc3339(),
    })
}
