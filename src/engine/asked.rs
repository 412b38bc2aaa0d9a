//! Commands that come over links to other systems: they go the whole command path, in the name of the link.

use super::commands::link_answer;
use super::{Effects, Engine};
use crate::access::Principal;
use crate::audit::RequestId;
use crate::command::{CommandRequest, Confirmation, Outcome, Refusal};
use crate::driver::{Asked, AskedValue};
use crate::tag::{Now, TagKey, Value};
use std::sync::Arc;
use std::time::Duration;

/// Nobody behind a link can let a command live longer than this.
const LONGEST: Duration = Duration::from_secs(30);

impl Engine {
    /// A command came over a link.
    pub(super) fn take_asked(&mut self, asked: Asked, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        let Asked { connection, driver, tag: key, value, sender, reason, id, expires_in, reply } = asked;
        let tag = plan.directory.find(&key);
        let settings = tag.and_then(|tag| plan.commands.get(&tag));
        let value = match (value, settings) {
            (AskedValue::Known(value), _) => Ok(value),
            (AskedValue::Text(text), Some(settings)) => settings.parse(&text).map_err(|error| error.to_string()),
            // Refused below, in better words.
            (AskedValue::Text(text), None) => Ok(Value::Text(text)),
        };
        let value = match value {
            Ok(value) => value,
            Err(words) => {
                let answer =
                    reply.map(|reply| link_answer((&connection, driver), reply, &key, Outcome::Refused, &words));
                effects.link_answers.extend(answer);
                return;
            }
        };
        let id = match id {
            Some(id) => RequestId::over_link(&connection, &id),
            None => {
                self.asked_over_links += 1;
                RequestId::over_link(&connection, &format!("{}-{}", now.utc.as_micros(), self.asked_over_links))
            }
        };
        if !self.taken.take(&id) {
            let words = Refusal::Repeated.to_string();
            let answer = reply.map(|reply| link_answer((&connection, driver), reply, &key, Outcome::Refused, &words));
            effects.link_answers.extend(answer);
            return;
        }
        let given = format!("over {connection}: {reason}");
        let reason = if reason.trim().is_empty() { format!("set over {connection}") } else { given };
        let request = CommandRequest {
            id,
            tag: TagKey::new(key),
            value,
            value_seen: None,
            reason: reason.into(),
            principal: Principal::link(&connection, &sender),
            expires: now.utc.plus(expires_in.min(LONGEST)),
        };
        let facts = self.facts(&plan, &request.tag);
        let link = (connection, driver, reply);
        self.commands.request_by_link(request.confirm(Confirmation::Link), facts, link, now, effects);
    }
}

#[cfg(test)]
mod tests;
