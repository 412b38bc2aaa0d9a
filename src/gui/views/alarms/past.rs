//! What the journal says of one alarm: its last changes, who made them, and what they said. Read off the window's thread.

use crate::alarm::OccurrenceId;
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, strong};
use crate::gui::widgets::quiet;
use crate::recorder::{JournalLine, read_journal_of};
use crate::station::Ticket;
use crate::tag::{Monotonic, Timestamp};
use egui::{Label, RichText, Ui};
use std::time::Duration;

/// Changes that are shown.
const LINES: usize = 8;
/// The journal is read again this often while it is looked at.
const FRESH: Duration = Duration::from_secs(2);

type Answer = Result<Vec<JournalLine>, String>;

/// The last changes of an alarm.
#[derive(Default)]
pub(super) struct Past {
    alarm: String,
    lines: Option<Vec<JournalLine>>,
    failed: Option<String>,
    ticket: Option<Ticket<Answer>>,
    asked: Option<Monotonic>,
}

impl Past {
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, alarm: &str) {
        self.refresh(scene, alarm);
        let palette = scene.palette;
        quiet(ui, "What happened to it", &palette);
        if let Some(why) = &self.failed {
            quiet(ui, format!("The journal cannot be read: {why}"), &palette);
            return;
        }
        let Some(lines) = &self.lines else {
            quiet(ui, "The journal is being read.", &palette);
            return;
        };
        if lines.is_empty() {
            quiet(ui, "Nothing is written of it yet.", &palette);
        }
        for line in lines {
            let became = format::became(line);
            let time = format::clock(line.time, scene.now.utc);
            let words = format!("{time}  {became}");
            ui.label(RichText::new(words).font(strong(12.0)).color(palette.text));
            let said = line.comment.as_str();
            let who = match (&line.actor, said.is_empty()) {
                (Some(actor), true) => actor.clone(),
                (Some(actor), false) => format!("{actor}: {said}"),
                (None, _) => said.to_owned(),
            };
            if !who.is_empty() {
                ui.add(Label::new(RichText::new(who).font(plain(12.0)).color(palette.muted)).wrap());
            }
        }
    }

    /// When somebody acknowledged this activation of the alarm, as far as its last changes tell.
    pub(super) fn acknowledged(&self, alarm: &str, occurrence: OccurrenceId) -> Option<Timestamp> {
        let lines = self.lines.as_ref().filter(|_| self.alarm == alarm)?;
        let is_it = |line: &&JournalLine| line.occurrence == occurrence.0 && line.occasion == "acknowledged";
        lines.iter().find(is_it).map(|line| line.time)
    }

    fn refresh(&mut self, scene: &Scene<'_>, alarm: &str) {
        if self.alarm != alarm {
            *self = Self { alarm: alarm.to_owned(), ..Self::default() };
        }
        if let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) {
            self.ticket = None;
            (self.lines, self.failed) = match answer {
                Some(Ok(lines)) => (Some(lines), None),
                Some(Err(why)) => (None, Some(why)),
                None => (None, Some("too many questions wait; it is tried again in a moment".to_owned())),
            };
        }
        let now = scene.now.monotonic;
        if self.ticket.is_none() && self.asked.is_none_or(|asked| now.since(asked) >= FRESH) {
            self.asked = Some(now);
            let alarm = alarm.to_owned();
            self.ticket = Some(scene.handle.ask(move |context, _| {
                read_journal_of(context.records(), &alarm, LINES).map_err(|error| error.to_string())
            }));
        }
    }
}
