//! The near side of a device over TCP: its listener, and a thread for each connection.

use super::answer::Ask;
use super::device::{End, Fault, Shared, TICK, pause, perform};
use crate::support::DEADLINE;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

/// Takes connections, and gives the port up while nobody is to listen.
pub fn listen(first: TcpListener, port: u16, shared: &Arc<Shared>) {
    let mut listener = Some(first);
    while !shared.stopped() {
        if matches!(shared.fault(), Fault::Refuse) {
            listener = None;
            pause(TICK);
            continue;
        }
        // Somebody else may hold the port for a moment.
        let Some(open) = listener.take().or_else(|| TcpListener::bind(("127.0.0.1", port)).ok()) else {
            pause(TICK);
            continue;
        };
        if let Ok((stream, _)) = open.accept() {
            if matches!(shared.fault(), Fault::HangUp) {
                shared.commit();
            } else {
                let inside = Arc::clone(shared);
                Builder::new().spawn(move || converse(stream, &inside)).unwrap();
            }
        }
        listener = Some(open);
    }
}

fn is_nothing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// One connection until its end, whichever that is.
fn converse(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let (mut first, mut told) = (true, false);
    while !shared.stopped() {
        let fault = shared.fault();
        match fault {
            Fault::HangUp | Fault::Refuse => return Ok(()),
            Fault::NeverRead => {
                if !std::mem::replace(&mut told, true) {
                    shared.commit();
                }
                pause(TICK);
                continue;
            }
            _ => {}
        }
        let mut asks = Vec::new();
        let patience = match fault {
            Fault::Idle(every, _) => every,
            _ => TICK,
        };
        if let Some(ask) = receive(&mut stream, patience, first)? {
            first = false;
            asks.push(ask);
            if let Fault::Together(_) = fault {
                stream.read_exact(&mut [0])?;
                while let Some(ask) = receive(&mut stream, TICK, false)? {
                    asks.push(ask);
                    stream.read_exact(&mut [0])?;
                }
            }
        } else if let Fault::Idle(_, bytes) = &fault {
            stream.write_all(bytes)?;
            shared.commit();
        }
        if asks.is_empty() {
            continue;
        }
        let acts = shared.state().react(asks);
        match perform(acts, &mut stream)? {
            End::Reset => return Ok(()),
            _ if matches!(fault, Fault::Together(_)) => {}
            End::None => stream.read_exact(&mut [0])?,
            End::Close => return stream.read_exact(&mut [0]),
        }
    }
    Ok(())
}

/// The next request, whose last byte is left in the socket: whoever closes it like that resets the connection.
fn receive(stream: &mut TcpStream, patience: Duration, first: bool) -> Result<Option<Ask>> {
    stream.set_read_timeout(Some(patience))?;
    match stream.peek(&mut [0]) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => {}
        Err(error) if is_nothing(error.kind()) => return Ok(None),
        Err(error) => return Err(error),
    }
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut header = [0; 6];
    stream.read_exact(&mut header)?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let mut rest = vec![0; length.saturating_sub(1)];
    stream.read_exact(&mut rest)?;
    let mut last = [0];
    stream.peek(&mut last)?;
    let raw = [&header[..], &rest, &last].concat();
    Ok(Some(Ask::parse(&raw, false, first)))
}
