//! Polder: a native SCADA station.
pub mod access;
pub mod alarm;
pub mod audit;
pub mod cli;
pub mod command;
pub mod config;
pub mod demo;
pub mod driver;
pub mod engine;
pub mod gui;
pub mod headless;
pub mod historian;
pub mod queue;
pub mod recorder;
pub mod screen;
pub mod station;
pub mod tag;
