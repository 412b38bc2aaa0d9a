//! A file that is there when it is whole, and not before.

use super::ExportError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes a file by way of `write`. Until it is finished it has another name, and when it is given up or fails, nothing is left of it.
pub fn write_whole<T>(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, ExportError>,
) -> Result<T, ExportError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    let unfinished = path.with_file_name(name);
    let written = fill(&unfinished, write).and_then(|found| Ok(std::fs::rename(&unfinished, path).map(|()| found)?));
    if written.is_err() {
        // Where it was never made there is nothing to take away, and the first error is the one that is told.
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

fn fill<T>(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, ExportError>,
) -> Result<T, ExportError> {
    let mut out = BufWriter::with_capacity(1 << 18, File::create(path)?);
    let found = write(&mut out)?;
    out.flush()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historian::QueryError;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exports/a.csv");
        let count = || std::fs::read_dir(folder.path().join("exports")).unwrap().count();
        let failed = write_whole(&path, |out| {
            out.write_all(b"half")?;
            Err::<(), _>(QueryError::Cancelled.into())
        });
        assert!(failed.is_err());
        assert_eq!(count(), 0, "what is cancelled leaves nothing");
        write_whole(&path, |out| Ok(out.write_all(b"whole")?)).unwrap();
        assert_eq!((count(), std::fs::read(&path).unwrap()), (1, b"whole".to_vec()));
        let failed = write_whole(&path, |_| Err::<(), _>(QueryError::Cancelled.into()));
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"whole", "an older file stays");
    }
}
