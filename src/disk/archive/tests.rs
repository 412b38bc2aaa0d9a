//! Archives, whole, cut, changed, and hostile.

use super::*;

const LONG: &str =
    "a folder with a name that is quite long/and in it another one of the same kind/for a part of the plant";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join(LONG);
    std::fs::create_dir_all(&long).unwrap();
    std::fs::write(long.join("notes.txt"), "deep").unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    std::fs::write(folder.path().join("pages"), vec![7; 100_000]).unwrap();
    std::fs::write(folder.path().join("one-block"), vec![8; 512]).unwrap();
    std::fs::write(folder.path().join("secrets.json"), "{}").unwrap();
    std::fs::set_permissions(folder.path().join("secrets.json"), PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("pages", folder.path().join("linked")).unwrap();
    folder
}

fn archive() -> (tempfile::TempDir, PathBuf) {
    let (from, keep) = (folder(), tempfile::tempdir().unwrap());
    let path = keep.path().join("backup.tar");
    assert_eq!(pack(from.path(), &path).unwrap(), Packed { files: 5, bytes: 100_518 });
    (keep, path)
}

#[test]
fn what_goes_in_comes_out() {
    let (keep, path) = archive();
    assert_eq!(check(&path).unwrap().files, 5);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "it holds passwords");
    let to = keep.path().join("out");
    unpack(&path, &to).unwrap();
    let same = folder();
    for name in ["empty", "pages", "one-block", "secrets.json"] {
        assert_eq!(std::fs::read(to.join(name)).unwrap(), std::fs::read(same.path().join(name)).unwrap(), "{name}");
    }
    assert_eq!(std::fs::metadata(to.join("secrets.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_link(to.join("linked")).unwrap(), Path::new("pages"));
    let long = to.join(LONG).join("notes.txt");
    assert_eq!(std::fs::read_to_string(long).unwrap(), "deep");
}

#[test]
fn everybodys_tar_reads_it_and_the_checksums_hold() {
    let (keep, path) = archive();
    let out = keep.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let run = |program: &str, arguments: &[&OsStr]| {
        let output = std::process::Command::new(program).args(arguments).current_dir(&out).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("tar", &["xf".as_ref(), path.as_os_str()]);
    run("sha256sum", &["-c".as_ref(), "--quiet".as_ref(), SUMS.as_ref()]);
}

#[test]
fn every_changed_byte_and_every_cut_is_found() {
    let (_keep, path) = archive();
    let whole = std::fs::read(&path).unwrap();
    // The padding between entries means nothing, and neither does what follows the list.
    let block = |name: &str| {
        let at = |start: usize| whole[start..].starts_with(name.as_bytes());
        (0..whole.len()).step_by(BLOCK).find(|start| at(*start)).unwrap()
    };
    let (pages, sums) = (block("pages") + BLOCK, block(SUMS) + BLOCK);
    for at in [0, 60, 150, pages, pages + 99_999, sums, sums + 40] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(check(&path).is_err(), "byte {at}");
    }
    for length in [0, 100, BLOCK, pages + 5000, pages + 100_000, sums - BLOCK, sums + 10] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(check(&path).is_err(), "{length} bytes of it");
    }
}

#[test]
fn an_archive_cannot_write_elsewhere() {
    let keep = tempfile::tempdir().unwrap();
    for name in ["../outside", "/tmp/outside", "a/../../outside"] {
        let path = keep.path().join("hostile.tar");
        let head = Head { kind: b'0', size: 0, mode: 0o644, time: 0, link: OsString::new() };
        std::fs::write(&path, head.block(name.as_bytes()).unwrap()).unwrap();
        let error = unpack(&path, &keep.path().join("out")).unwrap_err().to_string();
        assert!(error.contains("leads out of it"), "{error}");
    }
}

#[test]
fn sizes_beyond_eight_gigabytes_have_their_place() {
    for size in [0, OCTAL_END - 1, OCTAL_END, 1 << 40] {
        let head = Head { kind: b'0', size, mode: 0o600, time: 5, link: OsString::new() };
        let (name, read) = Head::read(&head.block(b"history/raw-2026-01.sqlite").unwrap()).unwrap();
        assert_eq!((name.to_str(), read.size, read.mode), (Some("history/raw-2026-01.sqlite"), size, 0o600));
    }
}

#[test]
fn a_name_that_does_not_fit_is_said() {
    let from = tempfile::tempdir().unwrap();
    std::fs::write(from.path().join("x".repeat(101)), "").unwrap();
    let error = pack(from.path(), &from.path().with_extension("tar")).unwrap_err();
    assert!(matches!(error, ArchiveError::Name(_)), "{error}");
    std::fs::remove_file(from.path().with_extension("tar")).unwrap();
}
