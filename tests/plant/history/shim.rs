//! Libraries in C that stand between a process and the disk; built here, from `tests/peers`.

use crate::support::root;
use std::path::PathBuf;
use std::process::Command;

/// The path of a shim, built anew where its source is newer.
pub fn build(name: &str) -> PathBuf {
    let (peers, folder) = (root().join("tests/peers"), root().join("target/peers"));
    std::fs::create_dir_all(&folder).unwrap();
    let (built, source) = (folder.join(format!("{name}.so")), peers.join(format!("{name}.c")));
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let newest = changed(&source).max(changed(&peers.join("interpose.h")));
    if changed(&built) > newest {
        return built;
    }
    // Tests that run at the same time build it each for themselves; renaming puts one whole file there.
    let fresh = tempfile::Builder::new().suffix(".so").tempfile_in(&folder).unwrap();
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O2", "-o"])
        .args([fresh.path(), &source])
        .args(["-ldl", "-lpthread"])
        .output()
        .unwrap_or_else(|error| panic!("no C compiler ({error}): install gcc, or run tests/run as root, which does"));
    assert!(
        output.status.success(),
        "{} cannot be built:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    fresh.persist(&built).unwrap();
    built
}
