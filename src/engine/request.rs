//! What people and machines ask of a station: one form for the window, the command line and, later, other stations.

use super::alarms::Turn;
use super::reply::{AlarmLine, Reply, ReplyId};
use super::tool::ToolRequest;
use super::{Effects, Engine, Plan};
use crate::access::Principal;
use crate::alarm::{AlarmKey, AlarmView, OccurrenceId};
use crate::audit::{Receipt, RequestId};
use crate::command::{CommandRequest, Confirmation, Facts, Message, Refusal};
use crate::tag::{Now, TagKey, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of this form. A station refuses requests of another one.
pub const PROTOCOL_VERSION: u16 = 1;

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Version of the form.
    pub version: u16,
    /// Unique name of the request.
    pub id: RequestId,
    /// Who asks. Over a socket the station sets it from the connection, and does not believe this field.
    pub principal: Principal,
    /// When it becomes void.
    pub expires: Timestamp,
    /// What is asked.
    pub body: RequestBody,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum RequestBody {
    /// Acknowledge these activations.
    Acknowledge {
        /// Which ones.
        occurrences: Vec<OccurrenceId>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Reset alarms that are latched.
    Reset {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Set alarms aside for a while.
    Shelve {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// For how long, in seconds, at most as the station file allows for their priority; may be missing with `one_shot`.
        length_seconds: Option<u64>,
        /// Whether that ends as soon as the condition is gone.
        one_shot: bool,
        /// Why; needed.
        reason: Arc<str>,
    },
    /// Take alarms from the shelf.
    Unshelve {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Take alarms out of service.
    OutOfService {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// When they go back into service by themselves; none where a person has to put them back.
        until: Option<Timestamp>,
        /// Why; needed.
        reason: Arc<str>,
    },
    /// Put alarms back into service.
    ReturnToService {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Say something about alarms, and do nothing else to them.
    Comment {
        /// Which ones, whatever their state.
        alarms: Vec<AlarmName>,
        /// What the person wants to say; needed.
        comment: Arc<str>,
    },
    /// Set a tag.
    Command {
        /// The tag.
        tag: TagKey,
        /// The value, in the tag's unit.
        value: Value,
        /// The value that stood there when the wish arose.
        value_seen: Option<Value>,
        /// Why.
        reason: Arc<str>,
        /// How it was confirmed.
        confirmation: Confirmation,
    },
    /// Publish a message at a broker, by hand.
    Publish {
        /// What goes out, and over which connection.
        message: Message,
        /// Why.
        reason: Arc<str>,
        /// How it was confirmed.
        confirmation: Confirmation,
    },
    /// List the alarms that are not normal.
    ListAlarms,
    /// Take a device off scan, so that it is talked to no more and raises no alarms, or put it back.
    Scan {
        /// Name of the device.
        device: Arc<str>,
        /// Whether it is to be on scan.
        on: bool,
        /// Why.
        reason: Arc<str>,
    },
    /// Stop a bridge, or start one again that was stopped or went back and forth.
    Bridge {
        /// Its name.
        name: Arc<str>,
        /// Whether it is to copy from now on.
        on: bool,
        /// Why; needed to stop it.
        reason: Arc<str>,
    },
    /// List the bridges.
    ListBridges,
    /// Record that a measurement was followed from the device to the screen.
    LoopCheck {
        /// The tag.
        tag: TagKey,
        /// The value that the person saw.
        value_seen: Option<Value>,
        /// Whether it was right.
        passed: bool,
        /// What the person wants to say about it; a failure needs it.
        remark: Arc<str>,
    },
    /// Pin words to a moment of the trends.
    Note {
        /// The moment; not in the future.
        at: Timestamp,
        /// What the person wants to say, in at most 500 signs.
        words: Arc<str>,
    },
    /// Record that a page for the next shift was made.
    Handover(super::HandoverPage),
    /// A tool asks a wire something. The station hands it to the driver; the engine has no part in it.
    Tool(ToolRequest),
}

impl RequestBody {
    /// Whether something may have gone to the field even where no answer comes back.
    pub const fn reaches_the_field(&self) -> bool {
        matches!(self, Self::Command { .. } | Self::Publish { .. })
    }
}

/// Names an alarm in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AlarmName {
    /// By its present activation.
    Occurrence(OccurrenceId),
    /// By its permanent name, whether it is active or not.
    Key(AlarmKey),
}

impl std::fmt::Display for AlarmName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Occurrence(occurrence) => write!(formatter, "{occurrence}"),
            Self::Key(key) => write!(formatter, "{key}"),
        }
    }
}

impl Engine {
    /// Takes a request; its reply may come at once or with a later event.
    pub(super) fn take_request(&mut self, request: Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        if request.version != PROTOCOL_VERSION {
            let why =
                format!("this station speaks version {PROTOCOL_VERSION} of the protocol, not {}", request.version);
            effects.replies.push((reply, Reply::Refused { why }));
            return;
        }
        if request.body.is_recorded() && !self.taken.take(&request.id) {
            effects.replies.push((reply, super::taken::repeated(&request.body)));
            return;
        }
        match &request.body {
            RequestBody::Acknowledge { .. }
            | RequestBody::Reset { .. }
            | RequestBody::Shelve { .. }
            | RequestBody::Unshelve { .. }
            | RequestBody::OutOfService { .. }
            | RequestBody::ReturnToService { .. }
            | RequestBody::Comment { .. } => {
                let mut turn =
                    Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
                self.alarms.request(&request, reply, &mut turn);
            }
            RequestBody::Command { .. } => self.take_command(request, reply, now, effects),
            RequestBody::Publish { .. } => self.take_publish(request, reply, now, effects),
            RequestBody::ListAlarms => effects.replies.push((reply, self.list_alarms())),
            RequestBody::Scan { .. } => self.take_scan(&request, reply, now, effects),
            RequestBody::Bridge { .. } => self.take_bridge(&request, reply, now, effects),
            RequestBody::ListBridges => {
                effects.replies.push((reply, Reply::Bridges { bridges: self.bridges.views().to_vec() }));
            }
            RequestBody::LoopCheck { .. } => self.take_loop_check(&request, reply, now, effects),
            RequestBody::Note { .. } => self.take_note(&request, reply, now, effects),
            RequestBody::Handover(page) => self.take_handover(page, &request, reply, now, effects),
            RequestBody::Tool(_) => {
                let why = "questions of tools are answered by the wires, not by the engine".to_owned();
                effects.replies.push((reply, Reply::Refused { why }));
            }
        }
    }

    fn take_scan(&mut self, request: &Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Scan { device, on, reason } = &request.body else { return };
        let permitted = crate::access::permit(&request.principal, crate::access::Role::Operator);
        let exists = self.plan.directory.devices().iter().any(|known| known.name == *device);
        let refusal = match permitted {
            Err(denied) => Some(denied.to_string()),
            Ok(_) if !exists => Some(format!("there is no device \"{device}\"")),
            Ok(_) if !on && reason.trim().is_empty() => Some("say why it is taken off scan".to_owned()),
            Ok(_) => None,
        };
        if let Some(why) = refusal {
            effects.replies.push((reply, Reply::Refused { why }));
            return;
        }
        let (id, who) = (&request.id, &request.principal);
        self.devices.request_scan(id, who, device.clone(), *on, reason.clone(), reply, now, effects);
    }

    fn take_command(&mut self, request: Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Command { tag: key, value, value_seen, reason, confirmation } = request.body else { return };
        let wish = CommandRequest {
            id: request.id,
            tag: key.clone(),
            value,
            value_seen,
            reason,
            principal: request.principal,
            expires: request.expires,
        };
        let plan = Arc::clone(&self.plan);
        let facts = self.facts(&plan, &key);
        self.commands.request(wish.confirm(confirmation), facts, reply, now, effects);
    }

    /// What is known of a tag that somebody wants to set.
    pub(super) fn facts<'a>(&self, plan: &'a Plan, key: &TagKey) -> Result<Facts<'a>, Refusal> {
        let tag = plan.directory.find(key.as_str());
        tag.map(|tag| {
            let live = self.tags.live()[tag.index()];
            let device = plan.directory.tag(tag).and_then(|definition| definition.device);
            Facts {
                tag,
                settings: plan.commands.get(&tag),
                value: live.value.to_value(self.tags.text(tag)),
                quality: live.quality,
                unreachable: self.devices.unreachable(plan, device),
                manual: plan.manual.contains_key(&tag),
            }
        })
        .ok_or_else(|| Refusal::NoSuchTag(key.to_string()))
    }

    /// Audit entries are durable: what waited for them goes on.
    pub(super) fn take_receipts(&mut self, receipts: Vec<Receipt>, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for receipt in receipts {
            let mut turn = Turn { plan: &plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
            if let Some(acknowledged) = self.alarms.committed(receipt.request(), &mut turn) {
                self.accept_acknowledged(&acknowledged, now, effects);
            } else if let Some(scanned) = self.devices.committed(&plan, receipt.request(), effects) {
                self.apply_scan(scanned.device, scanned.on, now, effects);
            } else if self.release_message(&receipt, now, effects) {
                // It goes now.
            } else if self.bridges.committed(receipt.request(), effects) {
                // It copies from now on, or does so no more.
            } else if self.loop_checks.committed(receipt.request(), effects) {
                // It is a record, and nothing follows from it.
            } else if self.take_entered(&receipt, now, effects) {
                // It holds now.
            } else {
                self.commands.committed(&receipt, now, &plan, &mut self.deadlines, effects);
            }
        }
    }

    fn list_alarms(&mut self) -> Reply {
        let board = self.alarms.board(&self.plan);
        let lines = |views: &[AlarmView]| views.iter().map(AlarmLine::from).collect();
        Reply::Alarms { alarms: lines(&board.views), set_aside: lines(&board.set_aside) }
    }
}
