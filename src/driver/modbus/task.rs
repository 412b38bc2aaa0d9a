//! The task of one wire: commands first, then whatever is due and has waited longest. One request under way unless the engineer allows more.

use super::exchange::ExchangeError;
use super::health::{Fault, Verdict};
use super::memory::recalled;
use super::poll::Chunk;
use super::traffic::Traffic;
use super::unit::Unit;
use super::wire::Wire;
use super::{Settings, Transport};
use crate::driver::backoff::Backoff;
use crate::driver::socket::{OpenError, TunnelDown};
use crate::driver::{Assignment, Condition, Inbox, Instruction, OffScan, Port};
use crate::tag::{Generation, Monotonic, Reason};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Questions of tools that the task takes in before it has answered them; more wait in the inbox, and then nobody may ask.
const INQUIRIES: usize = 32;
/// Where nothing is polled, the task looks around this often.
const IDLE: Duration = Duration::from_secs(60);
/// Where nothing is polled, it looks this often whether the other side has closed the wire.
const GLANCE: Duration = Duration::from_secs(2);
/// A unit that failed and is polled rarely is asked again after this long, and not only at its next turn.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Over this span the load of the wire is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// What comes next on a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A heartbeat of this unit.
    Beat(usize),
    /// A probe of this unit, which was silent.
    Probe(usize),
    /// A group of blocks of this unit.
    Poll(usize, usize),
    /// Ask this unit who it is.
    Identify(usize),
    /// Nothing but to see that the wire is open.
    Open,
}

/// How busy the wire is.
#[derive(Debug, Default)]
pub(super) struct Load {
    since: Monotonic,
    pub(super) busy: Duration,
    pub(super) share: f32,
}

pub(super) struct Connection {
    pub(super) settings: Settings,
    pub(super) generation: Generation,
    pub(super) port: Port,
    pub(super) wire: Option<Wire>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) units: Vec<Unit>,
    pub(super) load: Load,
    pub(super) inquiries: VecDeque<super::Inquiry>,
    /// While polls are due, tools wait until then.
    pub(super) tools_after: Monotonic,
    /// An answer may still be on its way to a wire without transactions.
    doubtful: bool,
    transaction: u16,
    /// Whether the last attempt to open the wire failed, and why.
    down: bool,
    pub(super) why_down: String,
    backoff: Backoff,
    connect_after: Monotonic,
    /// When it is looked at next, where nothing is polled that would show that it was closed.
    glance_at: Monotonic,
    pub(super) quiet_until: Monotonic,
    /// How many requests are under way at once: as many as the engineer allows, or one where the device takes no more.
    pub(super) at_once: u8,
    /// What a poll works with.
    pub(super) chunk: Chunk,
    off_scan: watch::Receiver<OffScan>,
}

/// Runs one wire until its inbox is closed.
pub(crate) async fn run(
    mut assignments: watch::Receiver<Assignment<Settings>>,
    port: Port,
    inbox: &mut Inbox,
    traffic: Arc<Traffic>,
) {
    let assignment = assignments.borrow_and_update().clone();
    let mut scans = inbox.off_scan.clone();
    let mut connection = Connection::new(assignment, port, traffic, inbox.off_scan.clone());
    loop {
        if scans.has_changed().unwrap_or(false) {
            scans.mark_unchanged();
            connection.apply_scans();
        }
        connection.catch_up(&mut assignments);
        while let Ok(dispatch) = inbox.commands.try_recv() {
            connection.catch_up(&mut assignments);
            connection.write(dispatch).await;
        }
        while connection.inquiries.len() < INQUIRIES
            && let Ok(instruction) = inbox.instructions.try_recv()
        {
            connection.obey(instruction);
        }
        let (now, next) = (connection.now(), connection.next());
        let wait = connection.time_to(next, now);
        if wait.is_zero() {
            if !connection.turn(next, now).await {
                // Other tasks of this thread want their turn as well.
                tokio::task::yield_now().await;
            }
            if connection.tools_have_a_turn() {
                connection.answer_one().await;
            }
            continue;
        }
        if connection.answer_one().await {
            continue;
        }
        tokio::select! {
            biased;
            dispatch = inbox.commands.recv() => match dispatch {
                Some(dispatch) => {
                    connection.catch_up(&mut assignments);
                    connection.write(dispatch).await;
                }
                None => return,
            },
            Some(instruction) = inbox.instructions.recv() => connection.obey(instruction),
            Ok(()) = scans.changed() => connection.apply_scans(),
            down = connection.tunnel_lost() => connection.lose_tunnel(&down).await,
            changed = assignments.changed() => {
                if changed.is_err() {
                    return;
                }
                // Waiting for the change has marked it as seen.
                let assignment = assignments.borrow_and_update().clone();
                connection.adopt(assignment);
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Connection {
    fn new(
        assignment: Assignment<Settings>,
        port: Port,
        traffic: Arc<Traffic>,
        off_scan: watch::Receiver<OffScan>,
    ) -> Self {
        let now = port.clock.now().monotonic;
        let Assignment { generation, settings } = assignment;
        let places = settings.devices.iter().cloned().enumerate();
        let units = places
            .map(|(place, device)| recalled(Unit::new(device, generation, place, now), &settings.transport, &port, now))
            .collect();
        let mut connection = Self {
            off_scan,
            // Whoever used the line before may have left a question open on it.
            doubtful: settings.transport.is_rtu(),
            // Another one at each start, so that what was asked before it is not taken for ours.
            transaction: port.clock.now().utc.as_micros() as u16,
            at_once: settings.in_flight,
            settings,
            generation,
            port,
            wire: None,
            traffic,
            units,
            load: Load { since: now, ..Load::default() },
            inquiries: VecDeque::new(),
            tools_after: Monotonic::default(),
            down: false,
            why_down: "the connection is not open".to_owned(),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            connect_after: now,
            glance_at: now,
            quiet_until: Monotonic::default(),
            chunk: Chunk::default(),
        };
        connection.apply_scans();
        connection
    }

    pub(super) fn now(&self) -> Monotonic {
        self.port.clock.monotonic()
    }

    /// Goes on with other settings where there are some. Whoever gave a command knows them already.
    fn catch_up(&mut self, assignments: &mut watch::Receiver<Assignment<Settings>>) {
        if assignments.has_changed().unwrap_or(false) {
            let assignment = assignments.borrow_and_update().clone();
            self.adopt(assignment);
        }
    }

    /// Goes on with other settings. Units whose settings are equal miss nothing.
    fn adopt(&mut self, assignment: Assignment<Settings>) {
        let now = self.now();
        let Assignment { generation, settings } = assignment;
        let mut before: Vec<Option<Unit>> = self.units.drain(..).map(Some).collect();
        // Behind another address stands another device, whatever it is called.
        let same_wire = self.settings.same_wire(&settings);
        for (place, device) in settings.devices.iter().enumerate() {
            let alike = |unit: &Option<Unit>| unit.as_ref().is_some_and(|unit| unit.settings.same_but_slots(device));
            let kept = before.iter_mut().find(|unit| same_wire && alike(unit)).and_then(Option::take);
            self.units.push(match kept {
                Some(mut unit) => {
                    unit.move_to(device.clone(), generation, now);
                    unit
                }
                None => {
                    let unit = Unit::new(device.clone(), generation, place, now);
                    recalled(unit, &settings.transport, &self.port, now)
                }
            });
        }
        if !same_wire {
            self.drop_wire();
            self.doubtful = settings.transport.is_rtu();
            self.connect_after = now;
            self.backoff.succeed();
        }
        if !same_wire || self.settings.in_flight != settings.in_flight {
            self.at_once = settings.in_flight;
        }
        (self.settings, self.generation) = (settings, generation);
        self.apply_scans();
    }

    fn obey(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Inquiry(inquiry) => self.inquiries.push_back(inquiry),
            // The supervisor hands messages to brokers alone; the engine's patience ends what should come here nevertheless.
            Instruction::Publish(message) => drop(message),
            Instruction::Look(_, unanswered) => drop(unanswered),
        }
    }

    /// Talks to those who are on scan, and to nobody else.
    fn apply_scans(&mut self) {
        let (now, off) = (self.now(), self.off_scan.borrow().clone());
        for unit in &mut self.units {
            let on = !off.contains(&unit.settings.name);
            if std::mem::replace(&mut unit.on_scan, on) != on {
                unit.health.forgive();
                unit.forget_answers();
                unit.resume(now);
                if on {
                    // Who puts it back may have repaired or replaced it.
                    unit.forget_lessons(now);
                }
            }
        }
    }

    /// How long nothing is to be done.
    fn time_to(&self, next: Option<(Monotonic, Next)>, now: Monotonic) -> Duration {
        let Some((due, _)) = next else { return IDLE };
        let due = if self.wire.is_none() { due.max(self.connect_after) } else { due.max(self.quiet_until) };
        due.since(now)
    }

    /// What is due first, and when.
    pub(super) fn next(&self) -> Option<(Monotonic, Next)> {
        let units = self.units.iter().enumerate().filter(|(_, unit)| unit.on_scan);
        units.flat_map(|(place, unit)| self.candidates(place, unit)).min_by_key(|(due, _)| *due)
    }

    fn candidates<'a>(&'a self, place: usize, unit: &'a Unit) -> impl Iterator<Item = (Monotonic, Next)> + 'a {
        let broadcast = unit.settings.is_broadcast(&self.settings.transport);
        let unread = broadcast || unit.groups.is_empty();
        let probe = unit.health.probe_at().map(|due| (due, Next::Probe(place)));
        let polls = unit.groups.iter().enumerate().map(move |(group, state)| (state.due(), Next::Poll(place, group)));
        let polls = polls.filter(move |_| unit.health.probe_at().is_none() && !broadcast);
        let beat = unit.settings.heartbeat.filter(|_| unit.health.probe_at().is_none());
        let beat = beat.map(|_| (unit.beat.due, Next::Beat(place)));
        let known = unit.unidentified && unit.health.condition().is_answering();
        let identify = known.then_some((unit.identify_at, Next::Identify(place)));
        // From some nothing is ever read; their wire is opened all the same, so that a command finds it.
        let due = if self.wire.is_none() { Monotonic::default() } else { self.glance_at };
        let open = unread.then_some((due, Next::Open));
        let quiet = unit.quiet_until;
        probe
            .into_iter()
            .chain(polls)
            .chain(beat)
            .chain(identify)
            .chain(open)
            .map(move |(due, next)| (due.max(quiet), next))
    }

    /// Does the one thing that is due; whether something was.
    async fn turn(&mut self, next: Option<(Monotonic, Next)>, now: Monotonic) -> bool {
        let (mut next, mut now) = (next, now);
        // Before every request: there are devices that close the connection after each answer.
        if self.wire.as_ref().is_none_or(Wire::is_spent) {
            if !self.is_connected().await {
                return false;
            }
            // Opening took its time, and may have changed what is due.
            (next, now) = (self.next(), self.now());
        }
        let Some((_, next)) = next.filter(|(due, _)| *due <= now) else { return false };
        match next {
            Next::Beat(place) => self.beat(place).await,
            Next::Probe(place) => self.probe(place).await,
            Next::Poll(place, group) => self.poll(place, group, now).await,
            Next::Identify(place) => self.identify(place).await,
            // It is, or the turn would not have come this far.
            Next::Open => self.glance_at = now.plus(GLANCE),
        }
        self.measure_load(now);
        true
    }

    /// Whether there is a wire; one that the device has closed in the meantime is opened anew before anything is sent over it.
    pub(super) async fn is_connected(&mut self) -> bool {
        if self.wire.as_ref().is_some_and(Wire::is_spent) {
            self.drop_wire();
        }
        self.wire.is_some() || (self.now() >= self.connect_after && self.connect().await)
    }

    pub(super) fn drop_wire(&mut self) {
        if let Some(wire) = self.wire.take() {
            self.transaction = wire.transaction();
        }
        self.doubtful = self.settings.transport.is_rtu();
    }

    async fn connect(&mut self) -> bool {
        let fallback = self.settings.fallback.clone();
        let (mut words, mut reason) = (Vec::new(), Reason::NotConnected);
        for transport in std::iter::once(self.settings.transport.clone()).chain(fallback) {
            match self.open(&transport).await {
                Ok(wire) => {
                    self.wire = Some(wire);
                    self.doubtful = false;
                    self.came_up();
                    self.tell_broadcasts().await;
                    return true;
                }
                Err(why) => {
                    // A tunnel that is down is told, whatever the other way says.
                    reason = if reason == Reason::TunnelDown { reason } else { why.reason() };
                    words.push(why.to_string());
                }
            }
        }
        self.stay_down(&words.join("; "), reason).await;
        false
    }

    /// Waits until the interface that the wire is bound to is lost; for ever where there is none.
    async fn tunnel_lost(&mut self) -> TunnelDown {
        match &mut self.wire {
            Some(wire) => wire.tunnel_lost().await,
            None => std::future::pending().await,
        }
    }

    /// Nobody waits for the next poll to learn that the tunnel is down.
    async fn lose_tunnel(&mut self, down: &TunnelDown) {
        self.drop_wire();
        let (now, why) = (self.now(), format!("{}: {down}", self.settings.transport.words()));
        // Nor to try again.
        self.units.iter_mut().for_each(|unit| unit.resume(now));
        self.stay_down(&why, Reason::TunnelDown).await;
    }

    async fn open(&self, transport: &Transport) -> Result<Wire, OpenError> {
        let settle = self.doubtful.then_some(self.settle_time());
        let limit = self.settings.timeout.max(Duration::from_secs(1));
        let (traffic, clock) = (Arc::clone(&self.traffic), Arc::clone(&self.port.clock));
        let way = (transport, self.settings.only_via.as_ref(), self.settings.is_slow);
        Wire::open(way, limit, settle, self.transaction, traffic, clock).await
    }

    /// How long a line has to be silent before it is believed again: as long as an answer may take.
    fn settle_time(&self) -> Duration {
        match &self.settings.transport {
            Transport::Serial(line) => self.settings.timeout + line.time_of(super::framing::LONGEST_SERIAL),
            _ => self.settings.timeout,
        }
    }

    /// Who is never read is there when the line is.
    async fn tell_broadcasts(&mut self) {
        let unread = |unit: &&mut Unit| unit.groups.is_empty() || unit.settings.is_broadcast(&self.settings.transport);
        for unit in self.units.iter_mut().filter(|unit| unit.on_scan).filter(unread) {
            unit.reporter.set_condition(Condition::Good);
            unit.reporter.tell_good(&self.port).await;
        }
    }

    fn came_up(&mut self) {
        if !std::mem::take(&mut self.down) {
            return;
        }
        let now = self.now();
        for unit in &mut self.units {
            unit.health.forgive();
            unit.resume(now);
        }
    }

    async fn stay_down(&mut self, why: &str, reason: Reason) {
        self.down = true;
        self.why_down = why.to_owned();
        let pause = self.backoff.fail();
        self.connect_after = self.now().plus(pause);
        for place in 0..self.units.len() {
            let unit = &mut self.units[place];
            if unit.on_scan {
                unit.forget_answers();
                unit.health.cut_off();
                unit.reporter.set_condition(unit.health.condition());
                unit.reporter.lost(&self.port, reason, why, Some(pause)).await;
                self.heart_fails(place, why).await;
            }
        }
    }

    /// The unit answered: the wire is good, and so is the unit. Whether figures are due.
    pub(super) fn note_success(&mut self, place: usize, latency: Duration, now: Monotonic) -> bool {
        let limit = self.limit(place);
        self.backoff.succeed();
        self.quiet_until = now.plus(self.settings.pause);
        self.load.busy += latency;
        let unit = &mut self.units[place];
        unit.quiet_until = now.plus(unit.settings.pause);
        unit.busy += latency;
        (unit.unsure, unit.in_doubt) = (false, false);
        if unit.health.answered(latency, limit) {
            unit.wake_silent();
            unit.resume(now);
        }
        unit.reporter.set_condition(unit.health.condition());
        unit.reporter.note_answer(Some(latency), now)
    }

    /// The same, and the engine is told when figures are due.
    pub(super) async fn succeed(&mut self, place: usize, latency: Duration) {
        let now = self.now();
        if self.note_success(place, latency, now) {
            self.units[place].reporter.tell_good(&self.port).await;
        }
    }

    /// After any doubt the wire is thrown away, and what may still come of it is remembered.
    pub(super) fn note_doubt(&mut self, place: usize, error: &ExchangeError, lost_read: bool) {
        self.drop_wire();
        if let ExchangeError::TimedOut(limit) = error {
            self.load.busy += *limit;
            self.units[place].busy += *limit;
        }
        self.units[place].unsure |= lost_read && self.settings.transport.is_rtu();
    }

    /// The same, and the unit is judged.
    pub(super) async fn note_failure(&mut self, place: usize, error: &ExchangeError, lost_read: bool) -> Verdict {
        let now = self.now();
        self.note_doubt(place, error, lost_read);
        let (fault, reason) = fault(error);
        self.judge(place, fault, reason, &error.to_string(), now).await
    }

    /// A unit failed: its tags and its next turn follow from how often it did.
    pub(super) async fn judge(
        &mut self,
        place: usize,
        fault: Fault,
        reason: Reason,
        words: &str,
        now: Monotonic,
    ) -> Verdict {
        let unit = &mut self.units[place];
        let verdict = unit.health.failed(fault, now);
        let (quiet, again_in) = match verdict {
            Verdict::RetryQuietly => (true, Duration::ZERO),
            Verdict::Retry => (false, Duration::ZERO),
            Verdict::NextTurn => (false, self.shortest_period(place).min(LONGEST_REST)),
            Verdict::Probe(pause) => (false, pause),
        };
        let unit = &mut self.units[place];
        unit.reporter.set_condition(unit.health.condition());
        if quiet {
            // It goes on where it was: a device that breaks off at each block is read all the same.
            unit.reporter.count_error();
            return verdict;
        }
        unit.hurry(now);
        for group in &mut unit.groups {
            group.turn.rest_until(now.plus(again_in));
        }
        unit.forget_answers();
        unit.reporter.lost(&self.port, reason, words, Some(again_in)).await;
        self.heart_fails(place, words).await;
        verdict
    }

    fn shortest_period(&self, place: usize) -> Duration {
        let periods = self.units[place].groups.iter().map(|group| group.turn.period());
        periods.min().unwrap_or(Duration::from_secs(1))
    }

    /// How long an answer of this unit may take.
    pub(super) fn limit(&self, place: usize) -> Duration {
        self.units[place].settings.timeout.unwrap_or(self.settings.timeout)
    }

    fn measure_load(&mut self, now: Monotonic) {
        let span = now.since(self.load.since);
        if span < MEASURED {
            return;
        }
        let share = |busy: Duration| (busy.as_secs_f32() / span.as_secs_f32()).min(1.0);
        self.load.share = share(self.load.busy);
        let wire_busy = self.load.share;
        for unit in &mut self.units {
            let busy = share(std::mem::take(&mut unit.busy));
            let lateness = super::schedule::worst_of_hundred(unit.groups.iter().map(|group| group.turn.lateness()));
            let overruns = unit.groups.iter().map(|group| group.turn.overruns()).sum();
            let statistics = unit.reporter.statistics();
            (statistics.busy, statistics.wire_busy) = (busy, wire_busy);
            (statistics.lateness_micros, statistics.overruns) = (lateness, overruns);
        }
        (self.load.since, self.load.busy) = (now, Duration::ZERO);
    }
}

/// What kind of failure an error is, and the reason that tags get for it.
pub(super) const fn fault(error: &ExchangeError) -> (Fault, Reason) {
    match error {
        ExchangeError::TimedOut(_) => (Fault::Silence, Reason::NoAnswer),
        ExchangeError::BadFrame(_) => (Fault::Disturbance, Reason::BadFrame),
        ExchangeError::TunnelDown(_) => (Fault::Disturbance, Reason::TunnelDown),
        ExchangeError::Broken(_) | ExchangeError::Exception(_) => (Fault::Disturbance, Reason::NotConnected),
    }
}
