//! How much of what is sent waits in the system, where nothing can go ahead of it any more.
//!
//! Linux looks at its bounds only when it begins a new piece, and lets one piece grow to half of the other side's window: some 32 kB, eight
//! seconds of a line of 32 kbit/s. So slow lines are given small pieces, none of which it may add to.

use socket2::SockRef;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What the system keeps of a slow line, in bytes: what the line has not taken and what the other side has not confirmed. Linux counts its
/// own book-keeping into twice this number, so that four full packets fit: somewhat more than a second of 32 kbit/s.
const SLOW: usize = 4 * 1024;
/// Bytes of a piece on a slow line: a packet.
const PIECE: usize = 1400;
/// What may wait in the system without having been sent once, in bytes, on every line, before another piece is begun.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 * 1024;
/// MSG_EOR and MSG_NOSIGNAL: nothing is added to this piece, and a broken connection is an error and no signal.
#[cfg(target_os = "linux")]
const ENDED: i32 = 0x80 | 0x4000;
#[cfg(not(target_os = "linux"))]
const ENDED: i32 = 0;

/// Bounds it for a socket that is open.
pub(super) fn what_waits(stream: &TcpStream, is_slow: bool) -> io::Result<()> {
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    if is_slow { socket.set_send_buffer_size(SLOW) } else { Ok(()) }
}

/// Writes a piece on a slow line.
pub(super) fn poll_write_piece(stream: &TcpStream, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    let piece = &bytes[..bytes.len().min(PIECE)];
    loop {
        ready!(stream.poll_write_ready(context))?;
        match stream.try_io(Interest::WRITABLE, || SockRef::from(stream).send_with_flags(piece, ENDED)) {
            // It is not ready after all.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use tokio::io::AsyncWrite;
    use tokio::net::{TcpListener, TcpSocket};

    /// Bytes that both systems take while nobody reads. The other one keeps little.
    async fn taken(is_slow: bool) -> usize {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(1).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_silent, _) = listener.accept().await.unwrap();
        what_waits(&stream, is_slow).unwrap();
        let mut taken = 0;
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(written) = match is_slow {
            true => poll_write_piece(&stream, &mut context, &[7; 4000]),
            false => Pin::new(&mut stream).poll_write(&mut context, &[7; 4000]),
        } {
            taken += written.unwrap();
        }
        taken
    }

    #[tokio::test]
    async fn a_slow_line_is_given_little() {
        let (slow, other) = (taken(true).await, taken(false).await);
        assert!(slow > 0 && slow <= 16 * 1024, "{slow}");
        assert!(slow < other, "{slow} {other}");
    }
}
