//! Traffic of a wire that somebody wants to keep: files in the folder `captures` of the station, written off the window's thread.

use super::{Handle, Ticket};
use crate::driver::modbus::{Exchange, capture, words};
use crate::tag::Timestamp;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The name of the folder.
pub const CAPTURES: &str = "captures";

/// How traffic is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureForm {
    /// For programs that take a wire apart.
    Pcap,
    /// A line for each exchange, in words and bytes.
    Text,
}

impl CaptureForm {
    const fn ending(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Text => "txt",
        }
    }
}

impl Handle {
    /// Writes exchanges of a wire, the oldest first; the file that was written, or why there is none.
    pub fn save_capture(
        &self,
        connection: &str,
        exchanges: Vec<Exchange>,
        is_rtu: bool,
        form: CaptureForm,
    ) -> Ticket<Result<PathBuf, String>> {
        let folder = self.folder().join(CAPTURES);
        let name = file_name(connection, self.now().utc, form);
        self.ask(move |_, _| {
            let path = folder.join(name);
            let written = save(&path, &exchanges, is_rtu, form);
            written.map(|()| path.clone()).map_err(|error| format!("{} cannot be written: {error}", path.display()))
        })
    }
}

/// Name of the connection and time, with nothing in it that a file system would take for something else.
fn file_name(connection: &str, time: Timestamp, form: CaptureForm) -> String {
    let clean = |sign: char| if sign.is_alphanumeric() || "-_.".contains(sign) { sign } else { '-' };
    format!("{connection}-{}.{}", time.to_rfc3339(), form.ending()).chars().map(clean).collect()
}

fn save(path: &Path, exchanges: &[Exchange], is_rtu: bool, form: CaptureForm) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut out = BufWriter::new(File::create(path)?);
    match form {
        CaptureForm::Pcap => capture::write_capture(exchanges, is_rtu, &mut out)?,
        CaptureForm::Text => exchanges.iter().try_for_each(|exchange| write_words(exchange, is_rtu, &mut out))?,
    }
    out.into_inner()?.sync_all()
}

fn write_words(exchange: &Exchange, is_rtu: bool, out: &mut impl Write) -> io::Result<()> {
    let (request, answer) = (words::pdu(&exchange.request, is_rtu), words::pdu(&exchange.answer, is_rtu));
    let millis = f64::from(exchange.micros) / 1000.0;
    let (asked, told) = (words::request_words(request), words::answer_words(answer));
    writeln!(out, "{}  unit {}  {asked}  ->  {told}  {millis:.3} ms", exchange.time.to_rfc3339(), exchange.unit)?;
    if let Some(error) = &exchange.error {
        writeln!(out, "    error: {error}")?;
    }
    writeln!(out, "    request {}", words::hexadecimal(&exchange.request))?;
    writeln!(out, "    answer  {}", words::hexadecimal(&exchange.answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_connections_cannot_leave_the_folder() {
        let name = file_name("../hall 3/plc", Timestamp::from_micros(1_700_000_000_000_000), CaptureForm::Pcap);
        assert!(!name.contains('/') && !name.contains(' ') && name.ends_with(".pcap"), "{name}");
    }
}
