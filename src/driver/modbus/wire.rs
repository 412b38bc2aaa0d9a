//! One wire: opens it, sends one request, reads one answer. After any doubt the wire is thrown away, so that nothing late is believed.

use super::frame::{self, FrameError};
use super::{Parity, Transport};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_serial::{DataBits, SerialPortBuilderExt, SerialStream, StopBits};

/// Why there is no answer to believe.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    /// The device refused. The wire is fine.
    #[error("exception {0}")]
    Exception(u8),
    /// Nothing came in time.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The wire broke.
    #[error("{0}")]
    Broken(String),
    /// Something came that does not fit.
    #[error("{0}")]
    BadFrame(String),
}

impl From<FrameError> for ExchangeError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Exception(code) => Self::Exception(code),
            FrameError::Wrong(words) => Self::BadFrame(words),
        }
    }
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        Self::Broken(match error.kind() {
            io::ErrorKind::UnexpectedEof => "the device closed the connection".to_owned(),
            _ => error.to_string(),
        })
    }
}

/// An open wire.
pub(super) enum Wire {
    Tcp { stream: TcpStream, transaction: u16 },
    Serial { port: SerialStream, quiet: Duration },
}

/// Opens the wire. On a serial line, what a device may still be sending is waited out: the line has to be silent for `settle`.
pub(super) async fn open(transport: &Transport, limit: Duration, settle: Option<Duration>) -> Result<Wire, String> {
    match transport {
        Transport::Tcp { host, port } => open_tcp(host, *port, limit).await,
        Transport::Serial { path, baud, parity, stop_bits } => {
            let mut port = open_serial(path, *baud, *parity, *stop_bits)?;
            if let Some(settle) = settle {
                wait_for_silence(&mut port, settle).await.map_err(|error| error.to_string())?;
            }
            Ok(Wire::Serial { port, quiet: frame_gap(*baud) })
        }
    }
}

async fn open_tcp(host: &str, port: u16, limit: Duration) -> Result<Wire, String> {
    let connected = timeout(limit, TcpStream::connect((host, port))).await;
    let stream = match connected {
        Err(_) => return Err(format!("{host}:{port} did not accept a connection within {} ms", limit.as_millis())),
        Ok(Err(error)) => return Err(format!("{host}:{port}: {error}")),
        Ok(Ok(stream)) => stream,
    };
    stream.set_nodelay(true).map_err(|error| format!("{host}:{port}: {error}"))?;
    Ok(Wire::Tcp { stream, transaction: 0 })
}

fn open_serial(path: &str, baud: u32, parity: Parity, stop_bits: u8) -> Result<SerialStream, String> {
    let parity = match parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let stop_bits = if stop_bits == 2 { StopBits::Two } else { StopBits::One };
    let builder = tokio_serial::new(path, baud).data_bits(DataBits::Eight).parity(parity).stop_bits(stop_bits);
    builder.open_native_async().map_err(|error| match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            format!("{path}: not allowed; add this account to the group dialout and log in again")
        }
        tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => format!("{path}: there is no such port"),
        tokio_serial::ErrorKind::NoDevice => format!("{path}: another program has it open"),
        _ => format!("{path}: {error}"),
    })
}

/// 3.5 characters of silence end a frame, 1.75 ms above 19,200 baud (serial line standard, 2.5.1.1).
fn frame_gap(baud: u32) -> Duration {
    if baud > 19_200 {
        Duration::from_micros(1_750)
    } else {
        Duration::from_secs_f64(3.5 * 11.0 / f64::from(baud.max(300)))
    }
}

async fn wait_for_silence(port: &mut SerialStream, settle: Duration) -> io::Result<()> {
    let mut scrap = [0; 256];
    let end = Instant::now() + settle * 10;
    while let Ok(read) = timeout(settle, port.read(&mut scrap)).await {
        if read? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if Instant::now() > end {
            return Err(io::Error::other("the line is never silent: something else talks on it"));
        }
    }
    Ok(())
}

impl Wire {
    /// Whether the other side has closed it, or something unasked-for lies in it: then it must not be used again.
    pub(super) fn is_spent(&self) -> bool {
        match self {
            Self::Tcp { stream, .. } => {
                !matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Serial { .. } => false,
        }
    }

    /// Sends one request and reads its answer. On every error but [`ExchangeError::Exception`] the wire must be dropped.
    pub(super) async fn exchange(&mut self, unit: u8, pdu: &[u8], limit: Duration) -> Result<Vec<u8>, ExchangeError> {
        let deadline = Instant::now() + limit;
        let answer = match self {
            Self::Tcp { stream, transaction } => {
                *transaction = transaction.wrapping_add(1);
                timeout_at(deadline, exchange_tcp(stream, *transaction, unit, pdu)).await
            }
            Self::Serial { port, quiet } => timeout_at(deadline, exchange_serial(port, *quiet, unit, pdu)).await,
        };
        answer.unwrap_or(Err(ExchangeError::TimedOut(limit)))
    }
}

async fn exchange_tcp(
    stream: &mut TcpStream,
    transaction: u16,
    unit: u8,
    pdu: &[u8],
) -> Result<Vec<u8>, ExchangeError> {
    stream.write_all(&frame::tcp_frame(transaction, unit, pdu)).await?;
    let mut header = [0; 7];
    stream.read_exact(&mut header).await?;
    let length = frame::check_tcp_header(&header, transaction, unit)?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

async fn exchange_serial(
    port: &mut SerialStream,
    quiet: Duration,
    unit: u8,
    pdu: &[u8],
) -> Result<Vec<u8>, ExchangeError> {
    wait_for_silence(port, quiet).await?;
    port.write_all(&frame::serial_frame(unit, pdu)).await?;
    let function = pdu.first().copied().unwrap_or_default();
    let mut received = Vec::with_capacity(256);
    let mut chunk = [0; 256];
    loop {
        let read = port.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        received.extend_from_slice(&chunk[..read]);
        match frame::serial_length(&received, function)? {
            Some(length) if received.len() == length => return Ok(frame::open_serial(unit, &received)?.to_vec()),
            Some(length) if received.len() > length => {
                return Err(ExchangeError::BadFrame(format!("{} bytes came where {length} were due", received.len())));
            }
            _ => {}
        }
    }
}
