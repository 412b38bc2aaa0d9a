//! Tests of the whole program: against other people's devices and brokers, through crashes, and of its window. `tests/run` installs what
//! they need; a peer that is missing fails the run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
#![allow(unreachable_pub, reason = "a test has no outside")]

mod alarm_backtest;
mod alarm_figures;
mod alarms;
mod bell;
mod bridges;
mod closed_output;
mod edge;
mod export;
mod faults;
mod handover;
mod history;
mod metered;
mod modbus;
mod mqtt;
mod mqtt_messages;
mod namespaces;
mod program;
mod publications;
mod recovery;
mod sheet;
mod simulate;
mod slow_link;
mod sound;
mod sparkplug;
mod sparkplug_npm;
mod storm;
mod support;
mod tls;
mod tools;
mod topics;
mod tunnel;
mod views;
mod views_tools;
mod window;
mod wire;
