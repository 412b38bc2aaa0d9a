//! Writes a copy of a station whose connections lead to stand-ins, and nowhere else.

use crate::config::{FOUND_FILE, NewWay, SECRETS_FILE, STATION_FILE, readdressed};
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::Path;

/// Tells a copy of ours from a station of somebody's own.
const MARK: &str = "stand-ins.txt";

/// Writes the copy. A station that is none of ours is never written over.
pub(super) fn write(folder: &Path, copy: &Path, ways: &HashMap<usize, NewWay>, words: &[String]) -> anyhow::Result<()> {
    std::fs::create_dir_all(copy).with_context(|| format!("{} cannot be made", copy.display()))?;
    if copy.canonicalize()? == folder.canonicalize()? {
        bail!("{} is the station itself: name another folder for the copy", copy.display());
    }
    if copy.join(STATION_FILE).exists() && !copy.join(MARK).exists() {
        bail!(
            "{} holds a station that was not written by `polder simulate`; nothing was changed there",
            copy.display()
        );
    }
    let mark = format!("Written by `polder simulate`, from {}:\n{}\n", folder.display(), words.join("\n"));
    put(&copy.join(MARK), &mark)?;
    for (name, text) in readdressed(folder, ways).map_err(anyhow::Error::msg)? {
        put(&copy.join(name), &text)?;
    }
    let secrets = folder.join(SECRETS_FILE);
    if secrets.exists() {
        // With its mode: others may not read it there either.
        std::fs::copy(&secrets, copy.join(SECRETS_FILE))
            .with_context(|| format!("{} cannot be copied", secrets.display()))?;
    }
    let found = folder.join(FOUND_FILE);
    if found.exists() {
        std::fs::copy(&found, copy.join(FOUND_FILE))
            .with_context(|| format!("{} cannot be copied", found.display()))?;
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_of_somebody_is_never_written_over() {
        let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join(STATION_FILE), "{}").unwrap();
        let write = |copy: &Path| write(folder.path(), copy, &HashMap::new(), &[]);
        assert!(write(folder.path()).unwrap_err().to_string().contains("is the station itself"));
        assert!(write(copy.path()).is_ok() && write(copy.path()).is_ok());
        std::fs::remove_file(copy.path().join(MARK)).unwrap();
        assert!(write(copy.path()).unwrap_err().to_string().contains("nothing was changed"));
    }
}
