//! Something between a station and its broker that looks at every packet of both sides.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of a packet.
pub(super) enum Fate {
    /// It goes on.
    Pass,
    /// It is lost.
    Swallow,
    /// Another one goes on.
    Instead(Vec<u8>),
    /// The connection breaks.
    Cut,
}

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Station,
    Broker,
}

/// The number of the connection, who sent it, and the packet.
pub(super) type Seen = Vec<(usize, Side, Vec<u8>)>;
type Judge = Box<dyn FnMut(usize, Side, &[u8]) -> Fate + Send>;

/// Listens in front of a broker. It ends with the test's process.
pub(super) struct Between {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Between {
    /// `judge` is told the number of the connection, counted from 0, and decides for each packet.
    pub(super) fn new(broker: u16, judge: impl FnMut(usize, Side, &[u8]) -> Fate + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, judge) = (Arc::clone(&seen), Arc::new(Mutex::new(Box::new(judge) as Judge)));
        std::thread::spawn(move || {
            for (number, station) in listener.incoming().map_while(Result::ok).enumerate() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                for (side, from, to) in [(Side::Station, &station, &broker), (Side::Broker, &broker, &station)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (log, judge) = (Arc::clone(&log), Arc::clone(&judge));
                    std::thread::spawn(move || carry(number, side, from, to, &log, &judge));
                }
            }
        });
        Self { port, seen }
    }

    /// Every packet so far, in the order in which they passed.
    pub(super) fn all(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// The packets of this kind that were sent so far, each with the number of its connection.
    pub(super) fn packets(&self, side: Side, kind: u8) -> Vec<(usize, Vec<u8>)> {
        let seen = self.seen.lock().unwrap();
        let fits = seen.iter().filter(|(_, by, packet)| *by == side && packet[0] >> 4 == kind);
        fits.map(|(number, _, packet)| (*number, packet.clone())).collect()
    }
}

fn carry(number: usize, side: Side, mut from: TcpStream, mut to: TcpStream, log: &Mutex<Seen>, judge: &Mutex<Judge>) {
    while let Some(packet) = packet(&mut from) {
        log.lock().unwrap().push((number, side, packet.clone()));
        let fate = judge.lock().unwrap()(number, side, &packet);
        let sent = match fate {
            Fate::Pass => to.write_all(&packet),
            Fate::Instead(other) => to.write_all(&other),
            Fate::Swallow => Ok(()),
            Fate::Cut => break,
        };
        if sent.is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn packet(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut packet = vec![0; 1];
    from.read_exact(&mut packet).ok()?;
    let mut length = 0;
    for place in 0..4 {
        let mut byte = [0; 1];
        from.read_exact(&mut byte).ok()?;
        packet.push(byte[0]);
        length |= usize::from(byte[0] & 0x7F) << (7 * place);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let head = packet.len();
    packet.resize(head + length, 0);
    from.read_exact(&mut packet[head..]).ok()?;
    Some(packet)
}
