//! Serves simulated units on sockets and serial lines. The framing is ours: a unit that is not there stays silent, as on a real wire.

use super::plant::Field;
use super::respond::Unit;
use crate::driver::modbus::{crc, serial_frame, tcp_frame};
use crate::tag::Clock;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// A frame of a serial line that is not complete after this long is none.
const REST: Duration = Duration::from_millis(200);
/// The longest frame of a serial line.
const LONGEST_SERIAL: usize = 256;

/// The field and the time in it, for all who serve it.
#[derive(Clone)]
pub(super) struct Shared {
    /// The field.
    pub(super) field: Arc<Mutex<Field>>,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
}

impl Shared {
    /// Seconds since the plant began.
    pub(super) fn seconds(&self) -> f64 {
        self.clock.now().monotonic.as_micros() as f64 / 1e6
    }

    /// Does something with the field, and prints what was written to it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Field, f64) -> T) -> Option<T> {
        let seconds = self.seconds();
        let mut field = self.field.lock().ok()?;
        let done = act(&mut field, seconds);
        let news = field.take_news();
        drop(field);
        news.iter().for_each(|line| say(line));
        Some(done)
    }
}

/// To standard output, which may be gone.
#[expect(clippy::disallowed_methods, reason = "what cannot be written is left out")]
pub(super) fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{words}").and_then(|()| out.flush());
}

/// Units that share a wire.
pub(super) type Units = Arc<Mutex<Vec<Unit>>>;

/// How requests are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Framing {
    /// With an MBAP header.
    Tcp,
    /// As on a serial line.
    Rtu,
}

/// What a unit answers, with its number; none where nobody is there, and none to a broadcast.
fn answer(shared: &Shared, units: &Units, framing: Framing, number: u8, request: &[u8]) -> Option<(u8, Vec<u8>)> {
    let mut units = units.lock().ok()?;
    shared.with(|field, seconds| {
        if framing == Framing::Rtu && number == 0 {
            units.iter_mut().for_each(|unit| drop(unit.answer(field, request, seconds)));
            return None;
        }
        let unit = units.iter_mut().find(|unit| unit.number == number)?;
        Some((unit.answers_as, unit.answer(field, request, seconds)))
    })?
}

/// Takes connections for ever.
pub(super) async fn listen(listener: TcpListener, framing: Framing, units: Units, shared: Shared) {
    loop {
        // A connection that ended before it was taken, or too many open files: the next one may be better.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (units, shared) = (Arc::clone(&units), shared.clone());
        tokio::spawn(async move {
            let _ = serve(stream, framing, &units, &shared).await;
        });
    }
}

/// Answers what comes until the other side goes.
pub(super) async fn serve<S>(mut stream: S, framing: Framing, units: &Units, shared: &Shared) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut waiting, mut out) = (Vec::new(), Vec::new());
    let mut chunk = [0; 512];
    loop {
        let read = if waiting.is_empty() || framing == Framing::Tcp {
            Some(stream.read(&mut chunk).await?)
        } else {
            tokio::time::timeout(REST, stream.read(&mut chunk)).await.ok().transpose()?
        };
        match read {
            Some(0) => return Ok(()),
            Some(count) => waiting.extend(&chunk[..count]),
            None => waiting.clear(),
        }
        let fine = match framing {
            Framing::Tcp => take_tcp(&mut waiting, &mut out, units, shared),
            Framing::Rtu => take_rtu(&mut waiting, &mut out, units, shared),
        };
        stream.write_all(&out).await?;
        stream.flush().await?;
        out.clear();
        if !fine {
            return Ok(());
        }
    }
}

/// Answers the frames that are complete; false where this is no Modbus.
fn take_tcp(waiting: &mut Vec<u8>, out: &mut Vec<u8>, units: &Units, shared: &Shared) -> bool {
    while let [t1, t0, p1, p0, l1, l0, ..] = waiting[..] {
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        if (p1, p0) != (0, 0) || !(2..=254).contains(&length) {
            return false;
        }
        let Some([number, request @ ..]) = waiting.get(6..6 + length) else { return true };
        if let Some((unit, pdu)) = answer(shared, units, Framing::Tcp, *number, request) {
            tcp_frame(out, u16::from_be_bytes([t1, t0]), unit, &pdu);
        }
        waiting.drain(..6 + length);
    }
    true
}

/// The same for serial frames. What is no frame is thrown away, as a real device does at the next silence.
fn take_rtu(waiting: &mut Vec<u8>, out: &mut Vec<u8>, units: &Units, shared: &Shared) -> bool {
    while let Some(length) = serial_length(waiting) {
        if waiting.len() < length {
            return true;
        }
        let (body, sum) = waiting[..length].split_at(length - 2);
        if crc(body).to_le_bytes() != *sum {
            waiting.clear();
            return true;
        }
        if let Some((unit, pdu)) = answer(shared, units, Framing::Rtu, body[0], &body[1..]) {
            serial_frame(out, unit, &pdu);
        }
        waiting.drain(..length);
    }
    if waiting.len() >= LONGEST_SERIAL {
        waiting.clear();
    }
    true
}

/// How long a request on a serial line is, as soon as that can be known.
fn serial_length(start: &[u8]) -> Option<usize> {
    match start {
        [_, 1..=6 | 8, ..] => Some(8),
        [_, 15 | 16, _, _, _, _, count, ..] => Some(9 + usize::from(*count)),
        [_, 22, ..] => Some(10),
        [_, 23, _, _, _, _, _, _, _, _, count, ..] => Some(13 + usize::from(*count)),
        [_, 43, ..] => Some(7),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Generation, Monotonic, Now};

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Now {
            Now { monotonic: Monotonic::from_micros(1), ..Now::default() }
        }
    }

    fn wire() -> (Units, Shared) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), "{}").unwrap();
        let plant = crate::config::load(folder.path(), Generation(1)).into_plant().unwrap();
        let unit = Unit { number: 7, answers_as: 8, name: "x".to_owned(), ..Unit::default() };
        let shared = Shared { field: Arc::new(Mutex::new(Field::new(&plant, 1, true))), clock: Arc::new(Fixed) };
        (Arc::new(Mutex::new(vec![unit])), shared)
    }

    #[test]
    fn frames_come_in_pieces_and_together_and_others_stay_silent() {
        let (units, shared) = wire();
        let echo = [8u8, 0, 0, 1, 2];
        let mut requests = Vec::new();
        tcp_frame(&mut requests, 1, 7, &echo);
        tcp_frame(&mut requests, 2, 9, &echo);
        tcp_frame(&mut requests, 3, 7, &echo);
        let (mut waiting, mut out, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for byte in &requests {
            waiting.push(*byte);
            assert!(take_tcp(&mut waiting, &mut out, &units, &shared));
        }
        tcp_frame(&mut expected, 1, 8, &echo);
        tcp_frame(&mut expected, 3, 8, &echo);
        assert_eq!(out, expected);
        out.clear();
        assert!(take_tcp(&mut requests, &mut out, &units, &shared) && out == expected);
        assert!(!take_tcp(&mut b"GET / HTTP/1.1".to_vec(), &mut out, &units, &shared));
    }

    #[test]
    fn serial_frames_are_checked() {
        let (units, shared) = wire();
        let (mut requests, mut out, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for unit in [0, 7, 9] {
            serial_frame(&mut requests, unit, &[43, 14, 4, 0]);
        }
        assert!(take_rtu(&mut requests, &mut out, &units, &shared));
        serial_frame(&mut expected, 8, &[43, 14, 4, 0x81, 0, 0, 1, 0, 6, b'P', b'o', b'l', b'd', b'e', b'r']);
        assert_eq!((out, requests.is_empty()), (expected, true));
        let mut broken = vec![7, 8, 0, 0, 1, 2, 3, 4];
        let mut out = Vec::new();
        assert!(take_rtu(&mut broken, &mut out, &units, &shared) && out.is_empty() && broken.is_empty());
    }
}
