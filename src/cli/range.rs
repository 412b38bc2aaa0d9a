//! Moments on the command line.

use crate::tag::Timestamp;
use anyhow::Context;

/// From when to when.
#[derive(Debug, clap::Args)]
pub(super) struct RangeArguments {
    /// First moment, such as 2026-11-21T14:00:00Z.
    #[arg(long)]
    pub(super) from: String,
    /// Last moment.
    #[arg(long)]
    pub(super) to: String,
}

impl RangeArguments {
    /// The first and the last moment.
    pub(super) fn moments(&self) -> anyhow::Result<[Timestamp; 2]> {
        Ok([moment(&self.from)?, moment(&self.to)?])
    }
}

/// A moment as people write it.
pub(super) fn moment(text: &str) -> anyhow::Result<Timestamp> {
    Timestamp::parse_rfc3339(text)
        .with_context(|| format!("\"{text}\" is not a moment; write it as 2026-11-21T14:00:00Z or with +01:00"))
}
