//! The lines that are found, as a file.

use crate::alarm::AlarmDefinition;
use crate::gui::scene::Scene;
use crate::historian::{ExportError, write_whole};
use crate::recorder::{JOURNAL_HEAD, JournalSearch, visit_journal_found};
use crate::station::{QueryContext, Ticket};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An export, and what came of the last one.
#[derive(Default)]
pub(super) struct Export {
    ticket: Option<Ticket<Result<(PathBuf, usize), String>>>,
    said: Option<String>,
}

impl Export {
    pub(super) const fn is_running(&self) -> bool {
        self.ticket.is_some()
    }

    pub(super) fn begin(&mut self, scene: &Scene<'_>, search: JournalSearch) {
        let stamp = scene.now.utc.to_rfc3339().replace([':', '.'], "-");
        let path = scene.handle.folder().join("exports").join(format!("journal-{stamp}.csv"));
        let plan = Arc::clone(&scene.snapshot.plan);
        self.said = Some("The journal is being exported.".to_owned());
        self.ticket = Some(scene.handle.ask_long(move |context, is_cancelled| {
            let count = write(context, &path, &plan.alarms, &search, is_cancelled)?;
            Ok((path, count))
        }));
    }

    /// What became of it.
    pub(super) fn said(&mut self) -> Option<&str> {
        if let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) {
            self.ticket = None;
            self.said = Some(match answer {
                Some(Ok((path, count))) => format!("Written, {count} lines: {}", path.display()),
                Some(Err(why)) => format!("Not exported: {why}"),
                None => "Not exported: too many questions wait; try again".to_owned(),
            });
        }
        self.said.as_deref()
    }
}

fn write(
    context: &QueryContext,
    path: &Path,
    alarms: &[AlarmDefinition],
    search: &JournalSearch,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<usize, String> {
    let known: HashMap<&str, &AlarmDefinition> = alarms.iter().map(|alarm| (alarm.key.as_str(), alarm)).collect();
    let mut count = 0;
    let written = write_whole(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(JOURNAL_HEAD)?;
        let visited = visit_journal_found(context.records(), search, is_cancelled, |row| {
            count += 1;
            let alarm = known.get(row.alarm.as_str()).copied();
            table.write_record(row.columns(alarm)).map_err(Stop::from)
        });
        match visited {
            Ok(true) => Ok(table.flush()?),
            Ok(false) => Err(std::io::Error::other("it was given up").into()),
            Err(Stop(why)) => Err(std::io::Error::other(why).into()),
        }
    });
    written.map(|()| count).map_err(|error: ExportError| error.to_string())
}

/// Why it stopped, in words: the records and the file say it in their own ways.
struct Stop(String);

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
