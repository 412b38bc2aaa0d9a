//! A folder as one file: an uncompressed archive that everybody's `tar` reads (POSIX ustar), with the checksum of every file in it.
//!
//! The checksums stand in its last entry, `SHA256SUMS`, as `sha256sum -c` reads them. An archive without that entry was cut short.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

const BLOCK: usize = 512;
const NAME: usize = 100;
const PREFIX: usize = 155;
/// Sizes from here on do not fit into the eleven octal digits of the format.
const OCTAL_END: u64 = 1 << 33;
/// The last entry.
const SUMS: &str = "SHA256SUMS";
/// The list of checksums is read into memory; a line has some 100 bytes.
const SUMS_BYTES: u64 = 64 << 20;
/// Permissions of the archive itself: it holds passwords.
const OWNER_ONLY: u32 = 0o600;

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name that the format cannot hold.
    #[error("{}: the name or what it leads to is too long for an archive, or has a line break; give it a shorter one", .0.display())]
    Name(PathBuf),
    /// A file that grew or shrank while it was read.
    #[error("{} changed while it was being read", .0.display())]
    Changed(PathBuf),
    /// What is in the file cannot be right.
    #[error("{} is damaged or no archive of Polder: {what}", file.display())]
    Damaged {
        /// Which archive.
        file: PathBuf,
        /// What was found.
        what: String,
    },
}

fn failed(file: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let file = file.to_owned();
    move |source| ArchiveError::Io { file, source }
}

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Files, without the list of checksums.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
}

/// Writes everything in `folder` into the archive `to`, which must not be there yet, and waits until the disk has it. Each file is removed
/// from the folder when it is in the archive, so that both together need little more room than one.
pub fn pack(folder: &Path, to: &Path) -> Result<Packed, ArchiveError> {
    let file = File::options().write(true).create_new(true).mode(OWNER_ONLY).open(to).map_err(failed(to))?;
    let mut archive = Writer { out: BufWriter::new(file), path: to, sums: String::new(), packed: Packed::default() };
    archive.folder(folder, Path::new(""))?;
    let sums = std::mem::take(&mut archive.sums);
    let head = Head { kind: b'0', size: sums.len() as u64, mode: 0o644, time: 0, link: OsString::new() };
    archive.head(Path::new(SUMS), &head)?;
    archive.put(sums.as_bytes())?;
    archive.pad(head.size)?;
    archive.put(&[0; 2 * BLOCK])?;
    let packed = archive.packed;
    let file = archive.out.into_inner().map_err(|error| failed(to)(error.into_error()))?;
    file.sync_all().map_err(failed(to))?;
    Ok(packed)
}

/// Reads an archive to its end and compares every checksum.
pub fn check(archive: &Path) -> Result<Packed, ArchiveError> {
    walk(archive, |_, _| Ok(None))
}

/// Puts everything in an archive into the empty folder `to`, and compares every checksum. After an error the folder holds a part.
pub fn unpack(archive: &Path, to: &Path) -> Result<Packed, ArchiveError> {
    // Links come last, so that nothing is written through one.
    let mut links: Vec<(PathBuf, OsString)> = Vec::new();
    // And the permissions of folders: into some of them nothing could be put.
    let mut folders: Vec<(PathBuf, u32)> = Vec::new();
    let packed = walk(archive, |name, head| {
        let path = to.join(name);
        match head.kind {
            b'5' => {
                std::fs::create_dir_all(&path).map_err(failed(&path))?;
                folders.push((path, head.mode));
            }
            b'2' => links.push((path, head.link.clone())),
            _ => {
                let parent = path.parent().unwrap_or(to);
                std::fs::create_dir_all(parent).map_err(failed(parent))?;
                let mut options = File::options();
                let file = options.write(true).create_new(true).mode(OWNER_ONLY).open(&path).map_err(failed(&path))?;
                let mode = std::fs::Permissions::from_mode(head.mode & 0o7777);
                file.set_permissions(mode).map_err(failed(&path))?;
                return Ok(Some((file, path)));
            }
        }
        Ok(None)
    })?;
    for (path, target) in links {
        std::os::unix::fs::symlink(target, &path).map_err(failed(&path))?;
    }
    // The inner ones first: an outer one may not be entered any more.
    for (path, mode) in folders.into_iter().rev() {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode & 0o7777)).map_err(failed(&path))?;
    }
    Ok(packed)
}

/// What stands before an entry.
#[derive(Clone, Debug)]
struct Head {
    /// `0` a file, `2` a link, `5` a folder.
    kind: u8,
    size: u64,
    mode: u32,
    time: i64,
    link: OsString,
}

impl Head {
    fn of(metadata: &Metadata) -> Self {
        let (mode, time) = (metadata.permissions().mode() & 0o7777, metadata.mtime());
        Self { kind: b'0', size: metadata.len(), mode, time, link: OsString::new() }
    }

    /// The block of the format; none where a name does not fit.
    fn block(&self, name: &[u8]) -> Option<[u8; BLOCK]> {
        let (prefix, name) = split(name)?;
        let link = self.link.as_bytes();
        if link.len() > NAME {
            return None;
        }
        let mut block = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name);
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        match self.size < OCTAL_END {
            true => put(124, format!("{:011o}\0", self.size).as_bytes()),
            false => {
                put(124, &[0x80]);
                put(128, &self.size.to_be_bytes());
            }
        }
        put(136, format!("{:011o}\0", self.time.clamp(0, OCTAL_END as i64 - 1)).as_bytes());
        put(148, &[b' '; 8]);
        put(156, &[self.kind]);
        put(157, link);
        put(257, b"ustar\x0000");
        put(345, prefix);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        Some(block)
    }

    /// Name and head out of a block; none where it is not one.
    fn read(block: &[u8; BLOCK]) -> Option<(PathBuf, Self)> {
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if octal(&block[148..156])? != u64::from(sum) || !block[257..].starts_with(b"ustar") {
            return None;
        }
        let size = match block[124] & 0x80 {
            0 => octal(&block[124..136])?,
            _ => u64::from_be_bytes(block[128..136].try_into().ok()?),
        };
        let name = PathBuf::from(text(&block[345..500])).join(text(&block[..100]));
        let (mode, time) = (octal(&block[100..108])? as u32, octal(&block[136..148])? as i64);
        Some((name, Self { kind: block[156], size, mode, time, link: text(&block[157..257]) }))
    }
}

/// A name as the two fields of the format.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME {
        return Some((b"", name));
    }
    let borders = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let at = borders.filter(|at| *at <= PREFIX).max()?;
    let (prefix, rest) = (&name[..at], &name[at + 1..]);
    (!rest.is_empty() && rest.len() <= NAME).then_some((prefix, rest))
}

fn octal(field: &[u8]) -> Option<u64> {
    let words = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if words.is_empty() { Some(0) } else { u64::from_str_radix(words, 8).ok() }
}

fn text(field: &[u8]) -> OsString {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    OsString::from_vec(field[..end].to_vec())
}

/// What follows an entry up to the next block.
const fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

struct Writer<'a> {
    out: BufWriter<File>,
    path: &'a Path,
    sums: String,
    packed: Packed,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.out.write_all(bytes).map_err(failed(self.path))
    }

    fn pad(&mut self, size: u64) -> Result<(), ArchiveError> {
        self.put(&[0; BLOCK][..padding(size)])
    }

    fn head(&mut self, name: &Path, head: &Head) -> Result<(), ArchiveError> {
        let block = head.block(name.as_os_str().as_bytes()).ok_or_else(|| ArchiveError::Name(name.to_owned()))?;
        self.put(&block)
    }

    fn folder(&mut self, folder: &Path, inside: &Path) -> Result<(), ArchiveError> {
        let entries = std::fs::read_dir(folder).map_err(failed(folder))?;
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map_err(failed(folder))?;
        paths.sort();
        for path in paths {
            let name = inside.join(path.file_name().unwrap_or_default());
            let metadata = std::fs::symlink_metadata(&path).map_err(failed(&path))?;
            let head = Head::of(&metadata);
            if metadata.is_dir() {
                self.head(&name, &Head { kind: b'5', size: 0, ..head })?;
                self.folder(&path, &name)?;
            } else if metadata.is_symlink() {
                let link = std::fs::read_link(&path).map_err(failed(&path))?.into_os_string();
                self.head(&name, &Head { kind: b'2', size: 0, link, ..head })?;
            } else {
                self.file(&path, &name, &head)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &Path, head: &Head) -> Result<(), ArchiveError> {
        let words = name.to_str().filter(|words| !words.contains('\n'));
        let words = words.ok_or_else(|| ArchiveError::Name(name.to_owned()))?;
        self.head(name, head)?;
        let mut file = File::open(path).map_err(failed(path))?;
        let mut sum = Summed { sum: Sha256::new(), bytes: 0 };
        copy(&mut file, path, head.size, &mut sum, &mut [(&mut self.out, self.path)])?;
        if sum.bytes != head.size || file.read(&mut [0]).map_err(failed(path))? > 0 {
            return Err(ArchiveError::Changed(path.to_owned()));
        }
        self.pad(head.size)?;
        self.sums.push_str(&format!("{}  {words}\n", sum.hexadecimal()));
        self.packed.files += 1;
        self.packed.bytes += head.size;
        std::fs::remove_file(path).map_err(failed(path))
    }
}

struct Summed {
    sum: Sha256,
    bytes: u64,
}

impl Summed {
    fn hexadecimal(self) -> String {
        self.sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Hands so many bytes on, and sums them; fewer where there are not so many.
fn copy<W: Write>(
    from: &mut impl Read,
    path: &Path,
    size: u64,
    sum: &mut Summed,
    to: &mut [(W, &Path)],
) -> Result<(), ArchiveError> {
    let mut buffer = vec![0; 1 << 16];
    while sum.bytes < size {
        let most = buffer.len().min(usize::try_from(size - sum.bytes).unwrap_or(usize::MAX));
        let count = from.read(&mut buffer[..most]).map_err(failed(path))?;
        if count == 0 {
            return Ok(());
        }
        sum.sum.update(&buffer[..count]);
        sum.bytes += count as u64;
        for (out, path) in &mut *to {
            out.write_all(&buffer[..count]).map_err(failed(path))?;
        }
    }
    Ok(())
}

/// Goes through an archive; `place` says where the bytes of a file go, if anywhere. Every checksum is compared at the end.
fn walk(
    archive: &Path,
    mut place: impl FnMut(&Path, &Head) -> Result<Option<(File, PathBuf)>, ArchiveError>,
) -> Result<Packed, ArchiveError> {
    let damaged = |what: String| ArchiveError::Damaged { file: archive.to_owned(), what };
    let mut from = BufReader::new(File::open(archive).map_err(failed(archive))?);
    let (mut found, mut packed) = (BTreeMap::new(), Packed::default());
    loop {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block).map_err(|_| damaged("it is cut short".to_owned()))?;
        if block == [0; BLOCK] {
            return Err(damaged(format!("it has no list {SUMS}")));
        }
        let (name, head) = Head::read(&block).ok_or_else(|| damaged("a header cannot be read".to_owned()))?;
        if !name.components().all(|part| matches!(part, Component::Normal(_))) || name.as_os_str().is_empty() {
            return Err(damaged(format!("{} leads out of it", name.display())));
        }
        if name.as_os_str() == OsStr::new(SUMS) {
            let mut list = String::new();
            from.by_ref().take(head.size.min(SUMS_BYTES)).read_to_string(&mut list).map_err(failed(archive))?;
            return compare(&list, &found).map(|()| packed).map_err(damaged);
        }
        let mut target = place(&name, &head)?;
        if head.kind != b'0' {
            continue;
        }
        let mut sum = Summed { sum: Sha256::new(), bytes: 0 };
        let mut to: Vec<(&File, &Path)> = target.iter_mut().map(|(file, path)| (&*file, path.as_path())).collect();
        copy(&mut from, archive, head.size, &mut sum, &mut to)?;
        let rest = u64::try_from(padding(head.size)).unwrap_or(0);
        if sum.bytes != head.size
            || io::copy(&mut from.by_ref().take(rest), &mut io::sink()).map_err(failed(archive))? != rest
        {
            return Err(damaged("it is cut short".to_owned()));
        }
        if let Some((file, path)) = target {
            file.sync_all().map_err(failed(&path))?;
        }
        packed.files += 1;
        packed.bytes += head.size;
        found.insert(name.to_string_lossy().into_owned(), sum.hexadecimal());
    }
}

fn compare(list: &str, found: &BTreeMap<String, String>) -> Result<(), String> {
    let wanted: BTreeMap<&str, &str> =
        list.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
    for (name, sum) in &wanted {
        match found.get(*name) {
            None => return Err(format!("{name} is missing")),
            Some(found) if found != sum => return Err(format!("{name} is not what was written")),
            Some(_) => {}
        }
    }
    match found.keys().find(|name| !wanted.contains_key(name.as_str())) {
        Some(name) => Err(format!("{name} has no checksum")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
