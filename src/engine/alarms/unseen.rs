//! What nobody acknowledged of an alarm that was set aside and comes back normal: the journal says so, since no screen does any more.

use crate::alarm::{Alarm, ProcessState, State};

/// In words; none where nothing was missed, or where it still waits for somebody. `before` is the alarm as it was set aside.
pub(super) fn unseen(before: &Alarm, to: State) -> Option<String> {
    let aside = before.aside().filter(|_| to == State::Normal)?;
    let how = aside.state().in_words();
    match before.process() {
        ProcessState::Unacknowledged => Some(format!("it went while it was {how}, and was never acknowledged")),
        ProcessState::ReturnedUnacknowledged => {
            Some(format!("it had gone before it was {how}, and was never acknowledged"))
        }
        _ => None,
    }
}

/// The same behind what was said.
pub(super) fn with_unseen(words: &str, before: &Alarm, to: State) -> String {
    let said = (!words.is_empty()).then(|| words.to_owned());
    said.into_iter().chain(unseen(before, to)).collect::<Vec<_>>().join("; ")
}
