//! Requests that were taken: none is taken twice, whatever it asks for. The answer to a record is found by the name of its request, so that two
//! of one name would get each other's.

use super::{Reply, RequestBody};
use crate::audit::RequestId;
use crate::command::{Outcome, Refusal};
use std::collections::{HashSet, VecDeque};

/// Names of requests that are remembered.
const REMEMBERED: usize = 10_000;

/// The names of the last requests.
#[derive(Default)]
pub(super) struct TakenRequests {
    names: HashSet<RequestId>,
    order: VecDeque<RequestId>,
}

impl TakenRequests {
    /// Those that were taken before the start count too.
    pub(super) fn remembering(requests: &[RequestId]) -> Self {
        let mut taken = Self::default();
        for request in requests {
            taken.take(request);
        }
        taken
    }

    /// Remembers a request; false where it was taken before.
    pub(super) fn take(&mut self, id: &RequestId) -> bool {
        if !self.names.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        true
    }
}

impl RequestBody {
    /// Whether an audit entry comes of it. Of these, each is taken once.
    pub(super) const fn is_recorded(&self) -> bool {
        !matches!(self, Self::ListAlarms | Self::ListBridges | Self::Tool(_))
    }
}

/// A request of this name was taken before.
pub(super) fn repeated(body: &RequestBody) -> Reply {
    let why = Refusal::Repeated.to_string();
    match body {
        RequestBody::Command { .. } | RequestBody::Publish { .. } => {
            Reply::Command { outcome: Outcome::Refused, detail: why }
        }
        _ => Reply::Refused { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once_and_memory_is_bounded() {
        let mut taken = TakenRequests::default();
        let name = |number: usize| RequestId::from(format!("r{number}").as_str());
        for number in 0..=REMEMBERED {
            assert!(taken.take(&name(number)) && !taken.take(&name(number)), "{number}");
        }
        assert_eq!((taken.names.len(), taken.order.len()), (REMEMBERED, REMEMBERED));
        assert!(taken.take(&name(0)), "the oldest is forgotten");
    }
}
