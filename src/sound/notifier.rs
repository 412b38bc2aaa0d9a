//! Shows a message on the desktop.

use super::child::Owned;
use super::programs::find;
use crate::alarm::notification::Notification;
use crate::tag::Monotonic;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const PROGRAM: &str = "notify-send";
const DEADLINE: Duration = Duration::from_secs(5);

/// Who shows messages.
pub struct Notifier {
    /// What the variable PATH says.
    path: OsString,
    folder: PathBuf,
    child: Option<Owned>,
}

impl Notifier {
    /// One that uses `notify-send`, where `path` (the variable PATH) has it, and may write into `folder`.
    pub fn new(path: &OsStr, folder: &Path) -> Self {
        Self { path: path.to_owned(), folder: folder.to_owned(), child: None }
    }

    /// Shows a message; one that is still being shown is given up for it.
    pub fn show(&mut self, station: &str, message: &Notification, now: Monotonic) -> Result<(), Arc<str>> {
        let missing = "messages cannot be shown: install notify-send (package libnotify-bin)";
        let program = find(&[PROGRAM], &self.path).pop().ok_or(missing)?;
        let (urgency, title) =
            (if message.is_critical { "critical" } else { "normal" }, format!("{station}: {}", message.title));
        let arguments = ["--app-name=Polder", "--urgency", urgency, "--", &title, &escaped(&message.body)];
        let arguments = arguments.map(OsStr::new);
        self.child = Some(Owned::start(&program, &arguments, &self.folder.join("message"), now.plus(DEADLINE))?);
        Ok(())
    }

    /// How the message went, told once; none while it is under way, or there is none.
    pub fn poll(&mut self, now: Monotonic) -> Option<Result<(), Arc<str>>> {
        let outcome = self.child.as_mut()?.poll(now)?;
        self.child = None;
        Some(outcome.map_err(|why| format!("messages cannot be shown ({why})").into()))
    }

    /// Whether a message is under way.
    pub fn is_showing(&self) -> bool {
        self.child.is_some()
    }
}

/// Desktops read the text of a message as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_an_alarm_are_no_markup() {
        assert_eq!(escaped("level <b>high</b> & rising"), "level &lt;b&gt;high&lt;/b&gt; &amp; rising");
    }

    #[test]
    fn without_the_program_it_is_said_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let mut notifier = Notifier::new(folder.path().as_os_str(), folder.path());
        let message = Notification { title: "x".into(), body: "y".into(), is_critical: true };
        let why = notifier.show("Test", &message, Monotonic::default()).unwrap_err();
        assert!(why.contains("libnotify-bin"), "{why}");
    }
}
