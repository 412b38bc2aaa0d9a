//! Whether a confirmed command may go, and the only way from there to a driver.

use super::{CommandSettings, Confirmed};
use crate::access;
use crate::audit::{Draft, Receipt, RequestId};
use crate::tag::{Generation, Monotonic, Now, Quality, TagId, Value};
use std::sync::Arc;
use std::time::Duration;

/// What the engine knows about the tag at the moment of authorisation.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Slot of the tag.
    pub tag: TagId,
    /// How it may be set; none where it may not.
    pub settings: Option<&'a CommandSettings>,
    /// Its present value.
    pub value: Option<Value>,
    /// How far that can be trusted.
    pub quality: Quality,
    /// Why the device cannot be reached, in words; none where it can.
    pub unreachable: Option<String>,
    /// Whether people enter it, so that no device stands behind it.
    pub manual: bool,
}

/// Why a command was refused; it was never sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The station file does not let anybody set it.
    #[error("{0} cannot be set: the station file gives it no command")]
    NotCommandable(String),
    /// The principal may not.
    #[error("{0}")]
    Denied(#[from] access::Denied),
    /// The value is of the wrong kind or outside the limits.
    #[error("{0}")]
    Value(String),
    /// The value moved since the operator saw it.
    #[error("the value has changed to {now} since you saw {seen}; look again")]
    Moved {
        /// What stands there now.
        now: String,
        /// What the operator saw.
        seen: String,
    },
    /// It came too late.
    #[error("it expired before it could be sent")]
    Expired,
    /// The device is away; commands never wait for one.
    #[error("{0}; commands are not kept for later")]
    Unreachable(String),
    /// The same request came before.
    #[error("this request was taken before")]
    Repeated,
    /// There is no such tag.
    #[error("there is no tag {0}")]
    NoSuchTag(String),
    /// Another command for this tag is under way.
    #[error("another command for this tag is still under way")]
    Busy,
    /// So many messages by hand are under way already that another one cannot be meant.
    #[error("too many messages by hand are under way; wait for their end")]
    TooMany,
    /// No reason was given.
    #[error("a reason is needed")]
    NoReason,
    /// A message by hand goes to a broker, and there is none of this name.
    #[error("there is no broker \"{0}\" in this station")]
    NoBroker(String),
    /// A message by hand would go round the limits of this tag.
    #[error("the command of {0} goes to this topic; set the tag instead, so that its limits hold")]
    CommandTopic(String),
    /// The audit entry could not be written first.
    #[error("{0}; nothing is sent that is not recorded first")]
    NotRecorded(String),
}

/// A command that may go as soon as its audit entry is durable.
#[derive(Debug)]
pub struct Authorised {
    confirmed: Confirmed,
    permit: access::Permit,
    tag: TagId,
    old: Option<Value>,
    read_back: Option<TagId>,
    tolerance: f64,
    within: Duration,
    pulse: bool,
    expires: Monotonic,
    essential: bool,
    manual: bool,
}

/// Authorises a confirmed command, or says why not.
pub fn authorise(confirmed: Confirmed, facts: Facts<'_>, now: Now) -> Result<Authorised, Refusal> {
    let request = &confirmed.request;
    let settings = facts.settings.ok_or_else(|| Refusal::NotCommandable(request.tag.to_string()))?;
    let permit = access::permit(&request.principal, settings.role)?;
    if request.reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    settings.check(&request.value).map_err(Refusal::Value)?;
    let left = request.expires.micros_since(now.utc);
    if left <= 0 {
        return Err(Refusal::Expired);
    }
    if let Some(why) = facts.unreachable {
        return Err(Refusal::Unreachable(why));
    }
    check_seen(request.value_seen.as_ref(), &facts.value, facts.quality, settings.seen_tolerance)?;
    Ok(Authorised {
        permit,
        tag: facts.tag,
        old: facts.value,
        read_back: settings.read_back,
        tolerance: settings.tolerance,
        within: settings.within,
        // Another tag that reads it back shows what became of it, whatever its own register does.
        pulse: settings.pulse && settings.read_back == Some(facts.tag),
        essential: settings.essential,
        manual: facts.manual,
        // Whoever asks cannot make it outlive the patience of the engine.
        expires: now.monotonic.plus(Duration::from_micros(left as u64).min(super::in_flight::DRIVER_SILENCE)),
        confirmed,
    })
}

fn check_seen(seen: Option<&Value>, present: &Option<Value>, quality: Quality, tolerance: f64) -> Result<(), Refusal> {
    let (Some(seen), Some(present)) = (seen, present) else { return Ok(()) };
    let near = match (seen.as_f64(), present.as_f64()) {
        (Some(first), Some(second)) => (first - second).abs() <= tolerance || seen.same(present),
        _ => seen.same(present),
    };
    if near || quality.is_bad() {
        return Ok(());
    }
    Err(Refusal::Moved { now: present.to_string(), seen: seen.to_string() })
}

impl Authorised {
    /// The entry that must be durable before anything is sent.
    pub fn draft(&self, now: Now) -> Draft {
        let request = &self.confirmed.request;
        let detail = serde_json::json!({
            "value": request.value,
            "old": self.old,
            "seen": request.value_seen,
            "reason": &*request.reason,
            "confirmed": self.confirmed.confirmation.word(),
            "expires": request.expires.to_rfc3339(),
        });
        Draft {
            request: request.id.clone(),
            time: now.utc,
            principal: self.permit.principal().clone(),
            action: if self.manual { "enter" } else { "command" }.into(),
            subject: request.tag.as_str().into(),
            essential: self.essential,
            detail: detail.to_string().into(),
        }
    }

    /// The request behind it.
    pub fn confirmed(&self) -> &Confirmed {
        &self.confirmed
    }

    /// The tag that it sets.
    pub fn tag(&self) -> TagId {
        self.tag
    }

    /// The value that stood there before.
    pub fn old(&self) -> Option<&Value> {
        self.old.as_ref()
    }

    /// Whether the register that is read back resets itself.
    pub(super) fn is_pulse(&self) -> bool {
        self.pulse
    }

    /// Whether people enter it, so that nothing is sent to any device.
    pub fn is_manual(&self) -> bool {
        self.manual
    }

    /// Where and how the result will be read back.
    pub(super) fn read_back(&self) -> (Option<TagId>, f64, Duration) {
        (self.read_back, self.tolerance, self.within)
    }

    /// Lets the command go, given the receipt of its own audit entry.
    pub fn dispatch(&self, receipt: &Receipt, generation: Generation) -> Result<Dispatch, WrongReceipt> {
        if receipt.request() != &self.confirmed.request.id {
            return Err(WrongReceipt);
        }
        Ok(Dispatch {
            id: self.confirmed.request.id.clone(),
            tag: self.tag,
            value: self.confirmed.request.value.clone(),
            expires: self.expires,
            recorded: receipt.number(),
            generation,
        })
    }
}

/// The receipt belongs to another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receipt belongs to another request")]
pub struct WrongReceipt;

/// A command on its way to a driver. Not `Clone`: it can be sent only once.
#[derive(Debug)]
pub struct Dispatch {
    id: RequestId,
    tag: TagId,
    value: Value,
    expires: Monotonic,
    recorded: u64,
    generation: Generation,
}

impl Dispatch {
    /// The request that it carries out.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// The tag to set.
    pub fn tag(&self) -> TagId {
        self.tag
    }

    /// The value, in the tag's unit.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// After this reading nothing may be sent any more.
    pub fn expires(&self) -> Monotonic {
        self.expires
    }

    /// The plant that the slot of the tag belongs to. A driver of another one must not send it.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Number of the audit entry.
    pub fn recorded(&self) -> u64 {
        self.recorded
    }

    /// The subject as shared text, for messages.
    pub fn value_text(&self) -> Arc<str> {
        self.value.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Principal, Role};
    use crate::audit::{MemoryStore, commit};
    use crate::command::{CommandRequest, Confirmation};
    use crate::tag::{Reason, TagKey, Timestamp};

    fn request(value: f64) -> CommandRequest {
        CommandRequest {
            id: RequestId::from("r-1"),
            tag: TagKey::from("pump/speed"),
            value: Value::Double(value),
            value_seen: Some(Value::Double(100.0)),
            reason: "test".into(),
            principal: Principal::person("anna"),
            expires: Timestamp::from_micros(30_000_000),
        }
    }

    fn settings() -> CommandSettings {
        CommandSettings { min: Some(0.0), max: Some(500.0), seen_tolerance: 1.0, ..CommandSettings::default() }
    }

    fn facts(settings: Option<&CommandSettings>) -> Facts<'_> {
        let value = Some(Value::Double(100.5));
        Facts { tag: TagId(0), settings, value, quality: Quality::GOOD, unreachable: None, manual: false }
    }

    fn refused(request: CommandRequest, facts: Facts<'_>) -> Refusal {
        authorise(request.confirm(Confirmation::Dialog), facts, Now::default()).unwrap_err()
    }

    #[test]
    fn each_reason_to_refuse_is_found() {
        let allowed = settings();
        assert!(matches!(refused(request(1.0), facts(None)), Refusal::NotCommandable(_)));
        assert!(matches!(refused(request(501.0), facts(Some(&allowed))), Refusal::Value(_)));
        let late = CommandRequest { expires: Timestamp::from_micros(0), ..request(1.0) };
        assert_eq!(refused(late, facts(Some(&allowed))), Refusal::Expired);
        let moved = CommandRequest { value_seen: Some(Value::Double(98.0)), ..request(1.0) };
        assert!(matches!(refused(moved, facts(Some(&allowed))), Refusal::Moved { .. }));
        let silent = CommandRequest { reason: " ".into(), ..request(1.0) };
        assert_eq!(refused(silent, facts(Some(&allowed))), Refusal::NoReason);
        let away = Facts { unreachable: Some("no answer".into()), ..facts(Some(&allowed)) };
        assert!(matches!(refused(request(1.0), away), Refusal::Unreachable(_)));
        let engineers = CommandSettings { role: Role::Engineer, ..settings() };
        assert!(matches!(refused(request(1.0), facts(Some(&engineers))), Refusal::Denied(_)));
    }

    #[test]
    fn a_bad_value_cannot_have_moved() {
        let allowed = settings();
        let facts =
            Facts { quality: Quality::bad(Reason::Stale), value: Some(Value::Double(3.0)), ..facts(Some(&allowed)) };
        assert!(authorise(request(1.0).confirm(Confirmation::Dialog), facts, Now::default()).is_ok());
    }

    #[test]
    fn only_the_receipt_of_its_own_entry_lets_it_go() {
        let allowed = settings();
        let authorised =
            authorise(request(5.0).confirm(Confirmation::Dialog), facts(Some(&allowed)), Now::default()).unwrap();
        let mut store = MemoryStore::default();
        let mut other = authorised.draft(Now::default());
        let own = commit(&mut store, &[other.clone()]).unwrap().remove(0);
        other.request = RequestId::from("r-2");
        let foreign = commit(&mut store, &[other]).unwrap().remove(0);
        assert!(authorised.dispatch(&foreign, Generation(1)).is_err());
        assert_eq!(authorised.dispatch(&own, Generation(1)).unwrap().value(), &Value::Double(5.0));
    }
}
