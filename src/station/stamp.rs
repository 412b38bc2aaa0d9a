//! By what it is seen that a file was changed: when it was written last, and how long it is.

use std::path::Path;
use std::time::SystemTime;

/// The files of a station as they lay on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(String, Option<(SystemTime, u64)>)>);

impl Stamp {
    /// The files with these names, now.
    pub(super) fn of(folder: &Path, names: Vec<String>) -> Self {
        let stamp = |name: &str| {
            let file = std::fs::metadata(folder.join(name)).ok()?;
            Some((file.modified().ok()?, file.len()))
        };
        Self(names.into_iter().map(|name| (name.clone(), stamp(&name))).collect())
    }

    /// Whether one of them is another now, came or went.
    pub(super) fn is_outdated(&self, folder: &Path) -> bool {
        let names = self.0.iter().map(|(name, _)| name.clone()).collect();
        Self::of(folder, names) != *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_comes_or_goes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "1").unwrap();
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let stamp = Stamp::of(folder.path(), names());
        assert!(!stamp.is_outdated(folder.path()));
        std::fs::write(path("b"), "").unwrap();
        assert!(stamp.is_outdated(folder.path()));
        std::fs::remove_file(path("b")).unwrap();
        assert!(!stamp.is_outdated(folder.path()));
        std::fs::write(path("a"), "12").unwrap();
        assert!(stamp.is_outdated(folder.path()));
        std::fs::remove_file(path("a")).unwrap();
        assert!(stamp.is_outdated(folder.path()));
    }
}
