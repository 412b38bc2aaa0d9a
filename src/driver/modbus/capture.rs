//! Exchanges as a capture file that other programs open: pcap with made-up TCP/IP around Modbus TCP, and user-defined link data for
//! serial frames (Wireshark: DLT_USER 0 set to "mbrtu").

use super::Exchange;
use std::io::{self, Write};

/// Raw IP packets.
const LINK_RAW: u32 = 101;
/// The first of the link types that are free for own use.
const LINK_USER: u32 = 147;
/// Ours, and the device's, in packets that never were packets.
const ADDRESSES: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];
const PORTS: [u16; 2] = [49_152, 502];

/// Writes exchanges, the oldest first. `is_rtu` says that they are serial frames.
pub fn write_capture(exchanges: &[Exchange], is_rtu: bool, mut out: impl Write) -> io::Result<()> {
    // Magic number, version 2.4, time zone 0, accuracy 0, longest packet, link type: the classic format.
    out.write_all(&0xA1B2_C3D4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    out.write_all(&65_535_u32.to_le_bytes())?;
    out.write_all(&(if is_rtu { LINK_USER } else { LINK_RAW }).to_le_bytes())?;
    let mut sequence = [1_u32, 1];
    for exchange in exchanges {
        let sent = exchange.time.as_micros();
        packet(&mut out, sent, &exchange.request, is_rtu, 0, &mut sequence)?;
        if !exchange.answer.is_empty() {
            packet(&mut out, sent + i64::from(exchange.micros), &exchange.answer, is_rtu, 1, &mut sequence)?;
        }
    }
    out.flush()
}

/// One packet, from us (`side` 0) or from the device (1).
fn packet(
    out: &mut impl Write,
    micros: i64,
    frame: &[u8],
    is_rtu: bool,
    side: usize,
    sequence: &mut [u32; 2],
) -> io::Result<()> {
    let head = if is_rtu { Vec::new() } else { tcp_ip(frame.len(), side, sequence) };
    let length = (head.len() + frame.len()) as u32;
    out.write_all(&(micros.div_euclid(1_000_000) as u32).to_le_bytes())?;
    out.write_all(&(micros.rem_euclid(1_000_000) as u32).to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&head)?;
    out.write_all(frame)
}

/// IPv4 and TCP heads, without check sums of TCP, which captures on the sending machine lack as well.
fn tcp_ip(payload: usize, side: usize, sequence: &mut [u32; 2]) -> Vec<u8> {
    let total = (40 + payload) as u16;
    let mut head = vec![0x45, 0];
    head.extend(total.to_be_bytes());
    head.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    head.extend(ADDRESSES[side]);
    head.extend(ADDRESSES[1 - side]);
    let sum = ip_sum(&head);
    head[10..12].copy_from_slice(&sum.to_be_bytes());
    head.extend(PORTS[side].to_be_bytes());
    head.extend(PORTS[1 - side].to_be_bytes());
    head.extend(sequence[side].to_be_bytes());
    head.extend(sequence[1 - side].to_be_bytes());
    // 20 bytes of head, PSH and ACK, a window.
    head.extend([0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
    sequence[side] = sequence[side].wrapping_add(payload as u32);
    head
}

/// RFC 791: the one's complement of the one's complement sum of all 16-bit words.
fn ip_sum(head: &[u8]) -> u16 {
    let mut sum: u32 = head.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Timestamp;

    #[test]
    fn packets_have_heads_times_and_sums() {
        let exchange = Exchange {
            number: 0,
            time: Timestamp::from_micros(1_700_000_000_250_000),
            unit: 1,
            request: Box::new([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1]),
            answer: Box::new([0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 7]),
            micros: 1_500,
            error: None,
        };
        let mut out = Vec::new();
        write_capture(std::slice::from_ref(&exchange), false, &mut out).unwrap();
        assert_eq!(out.len(), 24 + (16 + 40 + 12) + (16 + 40 + 11));
        let first = &out[24..];
        assert_eq!(first[..8], [1_700_000_000_u32.to_le_bytes(), 250_000_u32.to_le_bytes()].concat());
        let ip = &first[16..36];
        assert_eq!(ip_sum(ip), 0, "a head with its sum adds up to nothing");
        let mut serial = Vec::new();
        write_capture(&[exchange], true, &mut serial).unwrap();
        assert_eq!(serial.len(), 24 + 16 + 12 + 16 + 11);
    }
}
