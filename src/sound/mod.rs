//! Sounds and messages for people, made by programs that a desktop has: no sound library is needed to build Polder, and none that misbehaves
//! can take the station down. What is played is decided in [`crate::alarm::annunciation`].

mod child;
mod notifier;
mod player;
mod programs;
mod tone;

pub use notifier::Notifier;
pub use player::{Player, Said, Sound};
pub use tone::wave;
