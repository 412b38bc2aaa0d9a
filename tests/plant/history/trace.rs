//! What a disk may hold after a power cut, out of a recorded trace of changes.
//!
//! A sync of a file makes its contents durable, a sync of a folder its names: nothing else does. Of what was not synced, any part may be
//! there, in sectors of 512 bytes, in any order; of the names of a folder, the changes up to any one of them.

use super::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SECTOR: usize = 512;

/// One change, as `write_trace.c` recorded it.
#[derive(Debug)]
pub struct Record {
    pub operation: u8,
    pub path: String,
    pub offset: usize,
    pub data: Vec<u8>,
}

/// Reads a trace; paths are told from `root` on.
pub fn read(trace: &Path, root: &Path) -> Vec<Record> {
    let bytes = std::fs::read(trace).unwrap();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    let prefix = format!("{}/", root.display());
    let inside = |path: &[u8]| String::from_utf8(path.to_vec()).unwrap().trim_start_matches(&prefix).to_owned();
    while rest.len() >= 15 {
        let (head, tail) = rest.split_at(15);
        let path_length = usize::from(u16::from_le_bytes([head[1], head[2]]));
        let offset = u64::from_le_bytes(head[3..11].try_into().unwrap()) as usize;
        let length = u32::from_le_bytes(head[11..15].try_into().unwrap()) as usize;
        if tail.len() < path_length + length {
            break;
        }
        let (path, tail) = tail.split_at(path_length);
        let (data, tail) = tail.split_at(length);
        let data = if head[0] == b'R' { inside(data).into_bytes() } else { data.to_vec() };
        records.push(Record { operation: head[0], path: inside(path), offset, data });
        rest = tail;
    }
    records
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A file without its name.
#[derive(Debug, Default)]
struct Node {
    durable: Vec<u8>,
    live: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Naming {
    Add(String, Option<usize>),
    Remove(String),
    Rename(String, String),
}

type Names = BTreeMap<String, Option<usize>>;

/// A disk and what waits to be written to it.
#[derive(Debug, Default)]
pub struct Disk {
    nodes: Vec<Node>,
    live: Names,
    durable: Names,
    pending: Vec<(String, Naming)>,
}

/// What is on the disk when the power comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Only what was synced.
    Synced,
    /// What was synced, and any part of the rest.
    Torn,
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

fn name(names: &mut Names, change: Naming) {
    match change {
        Naming::Add(path, node) => drop(names.insert(path, node)),
        Naming::Remove(path) => drop(names.remove(&path)),
        Naming::Rename(from, to) => {
            let inside = format!("{from}/");
            let moved: Vec<String> =
                names.keys().filter(|path| **path == from || path.starts_with(&inside)).cloned().collect();
            for path in moved {
                let node = names.remove(&path).unwrap();
                names.insert(format!("{to}{}", &path[from.len()..]), node);
            }
        }
    }
}

impl Disk {
    pub fn apply(&mut self, record: &Record) {
        match record.operation {
            b'C' => {
                self.nodes.push(Node::default());
                self.rename(Naming::Add(record.path.clone(), Some(self.nodes.len() - 1)), &record.path);
            }
            b'D' => self.rename(Naming::Add(record.path.clone(), None), &record.path),
            b'U' => self.rename(Naming::Remove(record.path.clone()), &record.path),
            b'R' => {
                let to = String::from_utf8(record.data.clone()).unwrap();
                self.rename(Naming::Rename(record.path.clone(), to), &record.path);
            }
            b'W' => self.change(record, Change::Write(record.offset, record.data.clone())),
            b'T' => self.change(record, Change::Length(record.offset)),
            b'S' => self.sync(&record.path),
            other => panic!("{other} in the trace"),
        }
    }

    /// Both names of a renaming are taken to lie in one folder.
    fn rename(&mut self, naming: Naming, path: &str) {
        name(&mut self.live, naming.clone());
        self.pending.push((folder_of(path), naming));
    }

    fn change(&mut self, record: &Record, change: Change) {
        let Some(Some(node)) = self.live.get(&record.path) else { return };
        let node = &mut self.nodes[*node];
        apply(&mut node.live, &change);
        node.pending.push(change);
    }

    fn sync(&mut self, path: &str) {
        if let Some(Some(node)) = self.live.get(path) {
            let node = &mut self.nodes[*node];
            node.pending.drain(..).for_each(|change| apply(&mut node.durable, &change));
            return;
        }
        let folder = if self.live.contains_key(path) { path } else { "" };
        let pending = std::mem::take(&mut self.pending);
        for (of, naming) in pending {
            if of == folder { name(&mut self.durable, naming) } else { self.pending.push((of, naming)) }
        }
    }

    /// What a file holds, for whoever does not lose power.
    pub fn live(&self, path: &str) -> &[u8] {
        self.live.get(path).copied().flatten().map_or(&[], |node| &self.nodes[node].live)
    }

    /// Writes into an empty folder what may be left.
    pub fn rebuild(&self, left: Left, random: &mut Random, folder: &Path) {
        let mut names = self.durable.clone();
        if left == Left::Torn {
            let mut behind = BTreeSet::new();
            for (of, naming) in &self.pending {
                if !behind.contains(of) && random.below(4) == 0 {
                    behind.insert(of.clone());
                }
                if !behind.contains(of) {
                    name(&mut names, naming.clone());
                }
            }
        }
        // Folders come before what is in them.
        for (path, node) in names {
            let to = folder.join(&path);
            if !to.parent().unwrap().exists() {
                continue;
            }
            match node {
                None => std::fs::create_dir(to).unwrap(),
                Some(node) => std::fs::write(to, self.nodes[node].left(left, random)).unwrap(),
            }
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, data) => put(bytes, *at, data),
        Change::Length(length) => bytes.resize(*length, 0),
    }
}

impl Node {
    fn left(&self, left: Left, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        if left == Left::Synced {
            return bytes;
        }
        for change in &self.pending {
            let Change::Write(at, data) = change else {
                if random.below(2) == 0 {
                    apply(&mut bytes, change);
                }
                continue;
            };
            let mut from = 0;
            while from < data.len() {
                let end = data.len().min(from + SECTOR - (at + from) % SECTOR);
                if random.below(2) == 0 {
                    put(&mut bytes, at + from, &data[from..end]);
                }
                from = end;
            }
        }
        bytes
    }
}
