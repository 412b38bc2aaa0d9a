//! Files of ours on the disk of this computer: what is damage and what is not, how a damaged one is set aside, and archives.

mod archive;
mod damaged;

pub use archive::{ArchiveError, Packed, check as check_archive, pack, unpack};
pub use damaged::{beside, damage, is_damage, quick_check, set_aside, set_aside_name, sync};
