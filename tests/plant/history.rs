//! History and records against whatever happens to the machine: killed processes, power cuts, full and broken disks, damaged files; and
//! what is exported, read back by other programs. What is random is seeded, and the seed is in the message of a failure.

mod backups;
mod check;
mod child;
mod cuts;
mod damage;
mod disk;
mod exports;
mod kills;
mod records;
mod schedule;
pub mod shim;
mod trace;
mod written;

/// Numbers that look random and are the same in every run (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// Whether the environment asks for the full suites, with every kill, cut and damage that is claimed; they take minutes.
pub fn is_full() -> bool {
    std::env::var_os("POLDER_FULL_CRASH_SUITE").is_some()
}

/// A folder in memory where there is one, for what does not test this machine's disk.
pub fn in_memory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}
