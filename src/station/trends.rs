//! Trend groups that operators save: `trends.json` in the station folder. Those of the engineer stand in the station file.

use super::{Handle, Ticket};
use crate::screen::TrendGroup;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// The name of the file in a station folder.
pub const TRENDS_FILE: &str = "trends.json";

#[derive(Default, Serialize, Deserialize)]
struct TrendsFile {
    groups: Vec<TrendGroup>,
}

type Answer = Result<Vec<TrendGroup>, String>;

impl Handle {
    /// The trend groups that operators saved, by name.
    pub fn trend_groups(&self) -> Ticket<Answer> {
        let folder = self.folder().to_owned();
        self.ask_long(move |_, _| read(&folder))
    }

    /// Saves a group, in place of one with the same name; all of them then. Its author is the person at this computer.
    pub fn save_trend_group(&self, group: TrendGroup) -> Ticket<Answer> {
        let (folder, author) = (self.folder().to_owned(), self.person().to_string());
        self.change_trend_groups(folder, move |groups| {
            groups.retain(|other| other.name != group.name);
            groups.push(TrendGroup { author: Some(author), ..group });
        })
    }

    /// Forgets a group; those that are left.
    pub fn forget_trend_group(&self, name: &str) -> Ticket<Answer> {
        let name = name.to_owned();
        self.change_trend_groups(self.folder().to_owned(), move |groups| groups.retain(|group| group.name != name))
    }

    /// All changes are made by one thread, one after the other.
    fn change_trend_groups(
        &self,
        folder: std::path::PathBuf,
        change: impl FnOnce(&mut Vec<TrendGroup>) + Send + 'static,
    ) -> Ticket<Answer> {
        self.ask_long(move |_, _| {
            let mut groups = read(&folder)?;
            change(&mut groups);
            groups.sort_by(|first, second| first.name.cmp(&second.name));
            write(&folder, &groups)?;
            Ok(groups)
        })
    }
}

fn read(folder: &Path) -> Answer {
    let path = folder.join(TRENDS_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let file: TrendsFile = serde_json::from_slice(&bytes)
                .map_err(|error| format!("{} cannot be read: {error}; mend it or take it away", path.display()))?;
            Ok(file.groups)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// The new file takes the place of the old one when it is whole.
fn write(folder: &Path, groups: &[TrendGroup]) -> Result<(), String> {
    let path = folder.join(TRENDS_FILE);
    let unfinished = folder.join(format!("{TRENDS_FILE}.unfinished"));
    let file = TrendsFile { groups: groups.to_vec() };
    let put = || -> std::io::Result<()> {
        let mut out = std::fs::File::create(&unfinished)?;
        out.write_all(serde_json::to_string_pretty(&file)?.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&unfinished, &path)
    };
    put().map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::TrendPen;
    use crate::tag::TagKey;

    fn group(name: &str) -> TrendGroup {
        let pen = TrendPen {
            tag: TagKey::from("a/b"),
            own_axis: true,
            range: Some([0.0, 10.5]),
            log: false,
            straight: true,
            hidden: false,
        };
        TrendGroup { name: name.to_owned(), span_seconds: 300.0, author: Some("anna".to_owned()), pens: vec![pen] }
    }

    #[test]
    fn groups_come_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Ok(Vec::new()), "none were saved");
        let groups = vec![group("storm"), group("weekly")];
        write(folder.path(), &groups).unwrap();
        assert_eq!(read(folder.path()), Ok(groups));
    }

    #[test]
    fn a_damaged_file_is_told_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TRENDS_FILE), "{\"groups\": [").unwrap();
        let why = read(folder.path()).unwrap_err();
        assert!(why.contains("trends.json cannot be read") && why.contains("mend it"), "{why}");
    }
}
