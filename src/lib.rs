//! Polder: a native SCADA station.
pub mod access;
pub mod alarm;
pub mod audit;
pub mod command;
pub mod config;
pub mod engine;
pub mod driver;
pub mod tag;
pub mod queue;
