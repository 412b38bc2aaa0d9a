//! A question to a wire that is asked again and again while somebody looks. The window never waits for the answer.

use crate::driver::NotAsked;
use crate::station::Asked;
use crate::tag::Monotonic;
use egui::Ui;
use std::time::Duration;

/// How soon the window looks again while an answer is on its way.
const SOON: Duration = Duration::from_millis(50);

/// An answer that takes longer leaves the last one in doubt.
const LONGEST: Duration = Duration::from_secs(5);

/// What the window knows of the answer.
#[derive(Debug)]
pub(super) struct Repeated<T> {
    asked: Option<Asked<T>>,
    at: Option<Monotonic>,
    answer: Option<T>,
    silence: Option<NotAsked>,
}

impl<T> Default for Repeated<T> {
    fn default() -> Self {
        Self { asked: None, at: None, answer: None, silence: None }
    }
}

impl<T> Repeated<T> {
    /// Asks when `every` has passed since the last time, or once where there is none; whether an answer came in this frame.
    pub(super) fn keep(
        &mut self,
        ui: &Ui,
        now: Monotonic,
        every: Option<Duration>,
        ask: impl FnOnce() -> Asked<T>,
    ) -> bool {
        let came = self.take();
        let due = match (self.at, every) {
            (None, _) => true,
            (Some(at), Some(every)) => now.since(at) >= every,
            (Some(_), None) => false,
        };
        if due && self.asked.is_none() {
            self.at = Some(now);
            self.asked = Some(ask());
        }
        let came = self.take() || came;
        if self.asked.is_some() {
            ui.request_repaint_after(SOON);
        }
        came
    }

    /// Asks again as soon as there is no question under way: something else is to be known.
    pub(super) fn again(&mut self) {
        self.at = None;
    }

    fn take(&mut self) -> bool {
        let Some(answer) = self.asked.as_mut().and_then(Asked::poll) else { return false };
        self.asked = None;
        match answer {
            Ok(answer) => (self.answer, self.silence) = (Some(answer), None),
            Err(why) => self.silence = Some(why),
        }
        true
    }

    /// The last answer.
    pub(super) fn answer(&self) -> Option<&T> {
        self.answer.as_ref()
    }

    /// Why the last answer is one of before, and may be true no more; none while questions are answered.
    pub(super) fn doubt(&self, now: Monotonic) -> Option<String> {
        let waits = self.at.filter(|_| self.asked.is_some()).map(|at| now.since(at));
        let why = match (self.silence, waits) {
            (Some(why), _) => format!("the last question failed: {why}"),
            (None, Some(waits)) if waits >= LONGEST => format!("no answer for {} s", waits.as_secs()),
            _ => return None,
        };
        self.answer.as_ref().map(|_| format!("! From before, {why}."))
    }

    /// What to say while there is no answer.
    pub(super) fn silence(&self) -> String {
        self.silence.map_or_else(|| "The wire is being asked.".to_owned(), |why| format!("Not asked: {why}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn an_answer_is_in_doubt_while_questions_fail_or_wait() {
        let mut view = Repeated { asked: None, at: Some(at(10)), answer: Some(7), silence: None };
        assert_eq!(view.doubt(at(99)), None, "nothing is asked");
        view.silence = Some(NotAsked::Closed);
        assert!(
            view.doubt(at(10)).is_some_and(|words| words.contains("the last question failed: the wire was closed"))
        );
        view.silence = None;
        let (reply, asked) = Asked::pair();
        view.asked = Some(asked);
        assert_eq!(view.doubt(at(14)), None);
        assert_eq!(view.doubt(at(16)).as_deref(), Some("! From before, no answer for 6 s."));
        reply.send(8).unwrap();
        assert!(view.take() && view.doubt(at(16)).is_none());
        let never = Repeated::<u8> { silence: Some(NotAsked::Busy), ..Repeated::default() };
        assert_eq!(never.doubt(at(1)), None, "there is nothing to doubt");
    }
}
