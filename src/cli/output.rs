//! What tools say. Whoever reads it may stop before its end, as `head` does: a tool then goes on without words and ends as it would have,
//! with everything done and recorded. Output that cannot be written for another reason is an error of the tool.

use std::fmt::{self, Arguments};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

/// A line of what a tool has to say.
macro_rules! out_line {
    () => { $crate::cli::output::write(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::output::write(format_args!("{}\n", format_args!($($words)*))) };
}

/// The same without an end of line.
macro_rules! out {
    ($($words:tt)*) => { $crate::cli::output::write(format_args!($($words)*)) };
}

/// A line that is about what a tool has to say: remarks, progress, errors.
macro_rules! error_line {
    () => { $crate::cli::output::write_error(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::output::write_error(format_args!("{}\n", format_args!($($words)*))) };
}

/// The same without an end of line.
macro_rules! error_out {
    ($($words:tt)*) => { $crate::cli::output::write_error(format_args!($($words)*)) };
}

pub(super) use {error_line, error_out, out, out_line};

/// Why standard output cannot be written, since it could not be for the first time.
static BROKEN: OnceLock<(ErrorKind, String)> = OnceLock::new();

/// Nobody reads any more what is written: no reason to complain.
#[derive(Debug)]
struct NobodyReads;

impl fmt::Display for NobodyReads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for NobodyReads {}

/// Standard output, for tables that are written as they are read: what cannot be written ends the table.
pub(super) struct Output(io::StdoutLock<'static>);

impl Output {
    #[expect(clippy::disallowed_methods, reason = "the one place that writes to it")]
    pub(super) fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(noted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(noted)
    }
}

/// An interrupted write is tried again by its caller; everything else is remembered.
fn noted(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::Interrupted => error,
        ErrorKind::BrokenPipe => {
            let _ = BROKEN.set((ErrorKind::BrokenPipe, error.to_string()));
            io::Error::new(ErrorKind::BrokenPipe, NobodyReads)
        }
        kind => {
            let _ = BROKEN.set((kind, error.to_string()));
            error
        }
    }
}

/// Whether what a tool says can still be written. One that goes on for ever ends when it cannot.
pub(super) fn is_open() -> bool {
    BROKEN.get().is_none()
}

/// Writes to standard output, as long as somebody reads it.
pub(super) fn write(words: Arguments<'_>) {
    if is_open() {
        let mut output = Output::new();
        // The reason is remembered, and said at the end.
        let _ = output.write_fmt(words).and_then(|()| output.flush());
    }
}

/// Standard error, which may be gone: there is no other place to say so, and nobody ends because of it.
pub(super) struct Errors;

impl Write for Errors {
    #[expect(clippy::disallowed_methods, reason = "the one place that writes to it")]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to standard error.
pub(super) fn write_error(words: Arguments<'_>) {
    let _ = Errors.write_all(words.to_string().as_bytes());
}

/// How the program ends after a tool.
pub(super) fn end(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    let code = match outcome {
        Err(error) if is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            error_line!("polder: {error:#}");
            return ExitCode::from(1);
        }
        Ok(code) => code,
    };
    match BROKEN.get() {
        Some((kind, why)) if *kind != ErrorKind::BrokenPipe => {
            error_line!("polder: the output cannot be written: {why}");
            ExitCode::from(1)
        }
        _ => code,
    }
}

/// Whether a tool ended because nobody reads its output. A pipe to somebody else that broke is another matter.
fn is_unread(error: &anyhow::Error) -> bool {
    let broken = |cause: &(dyn std::error::Error + 'static)| {
        // Errors of tables do not name the one below them as their cause.
        let error = match cause.downcast_ref::<csv::Error>().map(csv::Error::kind) {
            Some(csv::ErrorKind::Io(error)) => error,
            _ => cause.downcast_ref::<io::Error>()?,
        };
        Some(error.get_ref()?.is::<NobodyReads>())
    };
    error.chain().any(|cause| broken(cause) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_output_that_nobody_reads_is_no_error() {
        let unread = io::Error::new(ErrorKind::BrokenPipe, NobodyReads);
        assert!(is_unread(&anyhow::Error::from(unread).context("the table was not written")));
        let table = csv::Error::from(io::Error::new(ErrorKind::BrokenPipe, NobodyReads));
        assert!(is_unread(&anyhow::Error::from(table)));
        // The station that was asked went away.
        let station = io::Error::from(ErrorKind::BrokenPipe);
        assert!(!is_unread(&anyhow::Error::from(station).context("the running station cannot be asked")));
        assert!(!is_unread(&anyhow::anyhow!("nobody reads the output any more")));
    }
}
