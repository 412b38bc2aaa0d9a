//! The window. It paints from one snapshot a frame, never does I/O and never waits; whatever it wants done goes through the station's
//! handle.

mod app;
mod asking;
mod bell;
mod faceplate;
mod format;
mod handover;
mod history;
mod launch;
mod loop_check;
mod reload;
mod scene;
mod sheet;
mod shell;
pub mod theme;
mod trust;
mod views;
mod widgets;

pub use app::App;
pub use launch::{run, words_for};
pub use scene::{Extra, View};
