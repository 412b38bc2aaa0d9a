//! Being asked to stop by the system or from a terminal.

use std::io;

/// Calls `act` once, on a thread of its own, when the process is asked to stop (SIGTERM, or Ctrl C in its terminal).
#[cfg(unix)]
pub fn on_stop_signal(act: impl FnOnce() + Send + 'static) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let body = move || {
        runtime.block_on(wait);
        act();
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(body).map(|_| ())
}

/// Calls `act` once when the process is asked to stop; here that is Ctrl C in its terminal.
#[cfg(not(unix))]
pub fn on_stop_signal(act: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let body = move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            act();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(body).map(|_| ())
}
