//! Tags as a sheet, for a window: files are read and written off the thread that paints.

use super::{Handle, ReloadPlan, Ticket};
use crate::access::{Role, permit};
use crate::alarm::AlarmDefinition;
use crate::alarm::backtest::Setting;
use crate::config::table::{self, ExportOptions, ImportOptions, ImportPlan, MetricTagWish, TopicTagWish};
use crate::engine::Difference;
use std::fs;
use std::path::{Path, PathBuf};

/// Entries of a folder that are shown.
const LISTED: usize = 500;
/// What it takes to write the station file.
const NEEDED: Role = Role::Operator;

/// What a sheet would change.
#[derive(Debug)]
pub struct SheetPlan {
    /// Its changes and problems.
    pub import: ImportPlan,
    /// What else has changed in the station file since the station took it up: a reload takes that up as well. Empty where the file as
    /// it stands has problems, which the plan then names.
    pub besides: Difference,
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The files were written, and the station goes on with them.
    TakenUp {
        /// The files that were written.
        files: String,
        /// What is another in the plant.
        difference: Difference,
    },
    /// The files were written, and the station goes on with what it had.
    WrittenOnly {
        /// The files that were written.
        files: String,
        /// Why it could not take them up.
        why: String,
    },
}

/// A file or a folder that a person can choose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Whether it is a file; folders come first.
    pub is_file: bool,
    /// Its name.
    pub name: String,
}

impl Handle {
    /// Writes the tags of the station file to `sheet`; how many, or why nothing was written.
    pub fn export_tags(&self, sheet: PathBuf, options: ExportOptions) -> Ticket<Result<usize, String>> {
        let folder = self.folder.clone();
        self.ask(move |_, _| {
            let export = table::export(&folder, &options);
            let export =
                export.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
            let path = below(&folder, &sheet);
            let wrong = |error| format!("nothing was written: {} cannot be written: {error}", path.display());
            fs::write(&path, export.text).map_err(wrong)?;
            Ok(export.tags)
        })
    }

    /// Finds out what the sheet would change. Nothing is written.
    pub fn plan_import(&self, sheet: PathBuf, options: ImportOptions) -> Ticket<Result<SheetPlan, String>> {
        let handle = self.clone();
        self.ask(move |_, _| {
            let path = below(handle.folder(), &sheet);
            let bytes = fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let import = table::plan_import(handle.folder(), &name, &bytes, &options);
            let besides = handle.plan_reload().map(|plan| plan.difference).unwrap_or_default();
            Ok(SheetPlan { import, besides })
        })
    }

    /// Finds out what a tag made of a message would change. Nothing is written.
    pub fn plan_topic_tag(&self, wish: TopicTagWish) -> Ticket<SheetPlan> {
        let handle = self.clone();
        self.ask(move |_, _| {
            let import = table::plan_topic_tag(handle.folder(), &wish);
            let besides = handle.plan_reload().map(|plan| plan.difference).unwrap_or_default();
            SheetPlan { import, besides }
        })
    }

    /// Finds out what a tag made of a metric would change. Nothing is written.
    pub fn plan_metric_tag(&self, wish: MetricTagWish) -> Ticket<SheetPlan> {
        let handle = self.clone();
        self.ask(move |_, _| {
            let import = table::plan_metric_tag(handle.folder(), &wish);
            let besides = handle.plan_reload().map(|plan| plan.difference).unwrap_or_default();
            SheetPlan { import, besides }
        })
    }

    /// Writes what was planned into the station file and lets the station go on with it, for the person at this computer.
    pub fn apply_import(&self, plan: SheetPlan) -> Ticket<Result<Imported, String>> {
        let handle = self.clone();
        self.ask(move |_, _| {
            permit(&handle.person, NEEDED).map_err(|denied| format!("nothing was written: {denied}"))?;
            table::apply(handle.folder(), &plan.import).map_err(|error| error.to_string())?;
            let files = plan.import.files().collect::<Vec<_>>().join(", ");
            let reloaded = handle.plan_reload().and_then(|plan: ReloadPlan| {
                let difference = plan.difference.clone();
                handle.go_on_with(&handle.person, plan).map(|()| difference)
            });
            Ok(match reloaded {
                Ok(difference) => Imported::TakenUp { files, difference },
                Err(why) => Imported::WrittenOnly { files, why: why.to_string() },
            })
        })
    }

    /// Writes another setting of an alarm into the station file, for the person at this computer; the files that were written. `known` is
    /// the alarm for which it was worked out. The station takes it up when it is reloaded, which first shows what would change.
    pub fn save_setting(&self, known: AlarmDefinition, setting: Setting) -> Ticket<Result<String, String>> {
        let handle = self.clone();
        self.ask(move |_, _| {
            permit(&handle.person, NEEDED).map_err(|denied| format!("nothing was written: {denied}"))?;
            let plan = table::plan_setting(handle.folder(), &known, &setting);
            let plan = plan.map_err(|why| format!("nothing was written: {why}"))?;
            table::apply(handle.folder(), &plan).map_err(|error| error.to_string())?;
            Ok(plan.files().collect::<Vec<_>>().join(", "))
        })
    }

    /// The folders and sheets in a folder, so that a person can choose one. A path that does not begin at the root counts from the station
    /// folder.
    pub fn list_sheets(&self, folder: PathBuf) -> Ticket<Result<Vec<Listed>, String>> {
        let folder = below(&self.folder, &folder);
        self.ask(move |_, _| {
            let wrong = |error| format!("{} cannot be read: {error}", folder.display());
            let mut found: Vec<Listed> = fs::read_dir(&folder).map_err(wrong)?.flatten().filter_map(listed).collect();
            found.sort();
            found.truncate(LISTED);
            Ok(found)
        })
    }
}

/// A path that does not begin at the root counts from the station folder.
fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path)
}

fn listed(entry: fs::DirEntry) -> Option<Listed> {
    let name = entry.file_name().into_string().ok()?;
    // A link counts as what it leads to; sockets and the like are neither.
    let kind = fs::metadata(entry.path()).ok()?;
    let is_file = kind.is_file();
    let is_sheet = Path::new(&name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    (!name.starts_with('.') && (kind.is_dir() || (is_file && is_sheet))).then_some(Listed { is_file, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_and_sheets_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["tags.csv", "OLD.CSV", "station.json", ".hidden.csv"] {
            fs::write(path(name), "").unwrap();
        }
        fs::create_dir(path("archive.csv")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("polder.sock")).unwrap();
        let mut found: Vec<Listed> = fs::read_dir(folder.path()).unwrap().flatten().filter_map(listed).collect();
        found.sort();
        let listed = |is_file, name: &str| Listed { is_file, name: name.to_owned() };
        assert_eq!(found, [listed(false, "archive.csv"), listed(true, "OLD.CSV"), listed(true, "tags.csv")]);
    }
}
