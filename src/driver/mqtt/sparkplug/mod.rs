//! Sparkplug B 3.0, seen from a host application, and from an edge node ([`edge`]). Everything here is pure: bytes, messages and time go
//! in, values and messages come out. The message types are written from the specification's field numbers.

pub mod desk;
pub mod edge;
pub mod host;
pub mod namespace;
pub mod payload;
pub mod settings;
pub mod topic;
