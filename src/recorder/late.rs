//! Essential audit entries, while nothing can be written: they are kept in memory, up to a bound, and written as soon as that is possible.

use crate::audit::{Draft, OUTCOME};

/// Entries of essential commands and of what became of commands that were sent.
const COMMANDS: usize = 2000;
/// All others, such as devices that said who they are: they take no room from commands.
const OTHERS: usize = 500;

/// Entries that wait, the oldest first. What does not fit is given back, to be counted: what was kept first stays.
#[derive(Debug, Default)]
pub struct Late {
    drafts: Vec<Draft>,
    commands: usize,
}

impl Late {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// What waits.
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes out all that waits.
    pub fn take(&mut self) -> Vec<Draft> {
        std::mem::take(self).drafts
    }

    /// Keeps an entry; `Err` gives it back where there is no room.
    pub fn keep(&mut self, draft: Draft) -> Result<(), Draft> {
        let is_of_command = matches!(&*draft.action, "command" | "enter" | OUTCOME);
        let room = if is_of_command { COMMANDS - self.commands } else { OTHERS - (self.drafts.len() - self.commands) };
        if room == 0 {
            return Err(draft);
        }
        self.commands += usize::from(is_of_command);
        self.drafts.push(draft);
        Ok(())
    }
}
