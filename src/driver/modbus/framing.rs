//! Frames around requests and answers: the MBAP header on TCP (Messaging on TCP/IP V1.0b, 3.1.3), unit and check sum on serial lines
//! (Serial Line V1.02, 2.5.1).

use super::pdu::FrameError;

/// Bytes before the answer on TCP: transaction, protocol, length, unit.
pub(super) const HEADER: usize = 7;
/// The longest frame of a serial line.
pub(super) const LONGEST_SERIAL: usize = 256;

/// Puts a TCP frame behind what is in `out`.
pub fn tcp_frame(out: &mut Vec<u8>, transaction: u16, unit: u8, pdu: &[u8]) {
    out.extend(transaction.to_be_bytes());
    out.extend([0, 0]);
    out.extend((pdu.len() as u16 + 1).to_be_bytes());
    out.push(unit);
    out.extend(pdu);
}

/// The head of an answer on TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TcpHead {
    /// Which request it answers.
    pub(super) transaction: u16,
    /// Who answers.
    pub(super) unit: u8,
    /// How many bytes of answer follow the head.
    pub(super) length: usize,
}

/// Reads the head of an answer on TCP; `None` while it is not there yet.
pub(super) fn tcp_head(start: &[u8]) -> Result<Option<TcpHead>, FrameError> {
    let [t1, t0, p1, p0, l1, l0, unit, ..] = start else { return Ok(None) };
    let protocol = u16::from_be_bytes([*p1, *p0]);
    if protocol != 0 {
        return Err(FrameError::Wrong(format!("protocol {protocol} came back, Modbus is 0")));
    }
    match u16::from_be_bytes([*l1, *l0]) {
        // Unit, function and at least one byte; at most 253 bytes of answer.
        length @ 3..=254 => {
            let transaction = u16::from_be_bytes([*t1, *t0]);
            Ok(Some(TcpHead { transaction, unit: *unit, length: usize::from(length) - 1 }))
        }
        length => Err(FrameError::Wrong(format!("an answer of {length} bytes was announced, 3 to 254 are possible"))),
    }
}

/// CRC-16 of the serial line standard (section 2.5.1.2), a table look-up a byte.
pub fn crc(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = crc_table();
    bytes.iter().fold(0xFFFF, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

const fn crc_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut crc, mut bit) = (index as u16, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

/// Puts a serial frame behind what is in `out`.
pub fn serial_frame(out: &mut Vec<u8>, unit: u8, pdu: &[u8]) {
    let start = out.len();
    out.push(unit);
    out.extend(pdu);
    let sum = crc(&out[start..]);
    out.extend(sum.to_le_bytes());
}

/// How long an answer on a serial line will be, as soon as that can be known.
pub(super) fn serial_length(start: &[u8], request_function: u8) -> Result<Option<usize>, FrameError> {
    match start {
        [_, function, ..] if *function == request_function | 0x80 => Ok(Some(5)),
        [_, 5 | 6 | 8 | 15 | 16, ..] => Ok(Some(8)),
        [_, 22, ..] => Ok(Some(10)),
        [_, 1..=4 | 23, count, ..] => Ok(Some(5 + usize::from(*count))),
        [_, 43, ..] => identification_length(start),
        [_, 1..=4 | 23] | [_] | [] => Ok(None),
        [_, function, ..] => {
            Err(FrameError::Wrong(format!("function {function} came back for function {request_function}")))
        }
    }
}

/// Function 43 announces no length: its objects have to be counted.
fn identification_length(start: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(count) = start.get(7) else { return Ok(None) };
    let mut end = 8;
    for _ in 0..*count {
        let Some(length) = start.get(end + 1) else { return Ok(None) };
        end += 2 + usize::from(*length);
        if end + 2 > LONGEST_SERIAL {
            return Err(FrameError::Wrong("an identification longer than a frame was announced".to_owned()));
        }
    }
    Ok(Some(end + 2))
}

/// Takes the answer out of a serial frame, when its check sum and its unit are right.
pub(super) fn open_serial(unit: u8, frame: &[u8]) -> Result<&[u8], FrameError> {
    let Some((body, sum)) = frame.split_last_chunk::<2>() else {
        return Err(FrameError::Wrong("a frame without a check sum came back".to_owned()));
    };
    if crc(body) != u16::from_le_bytes(*sum) {
        return Err(FrameError::Wrong("the check sum does not fit".to_owned()));
    }
    match body {
        [answered, pdu @ ..] if *answered == unit && !pdu.is_empty() => Ok(pdu),
        [answered, ..] => Err(FrameError::Wrong(format!("unit {answered} answered for unit {unit}"))),
        [] => Err(FrameError::Wrong("an empty frame came back".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, FrameError>) {
        assert!(matches!(result, Err(FrameError::Wrong(_))), "{result:?}");
    }

    #[test]
    fn heads_of_tcp_answers() {
        assert_eq!(tcp_head(&[0, 9, 0, 0, 0, 5]), Ok(None));
        let head = TcpHead { transaction: 9, unit: 17, length: 4 };
        assert_eq!(tcp_head(&[0, 9, 0, 0, 0, 5, 17]), Ok(Some(head)));
        refused(tcp_head(&[0, 9, 0, 1, 0, 5, 17]));
        for length in [0, 1, 2, 255, 0xFFFFu16] {
            let [high, low] = length.to_be_bytes();
            refused(tcp_head(&[0, 9, 0, 0, high, low, 17]));
        }
    }

    #[test]
    fn check_sums() {
        // The example of the serial line standard's CRC appendix: unit 2, function 7.
        let mut frame = Vec::new();
        serial_frame(&mut frame, 2, &[7]);
        assert_eq!(frame, [2, 7, 0x41, 0x12]);
        refused(open_serial(2, &[2, 7, 0x41, 0x13]));
        refused(open_serial(3, &[2, 7, 0x41, 0x12]));
        assert_eq!(open_serial(2, &[2, 7, 0x41, 0x12]), Ok(&[7u8][..]));
        refused(open_serial(2, &[2]));
    }

    #[test]
    fn lengths_of_serial_answers() {
        assert_eq!(serial_length(&[1, 3], 3), Ok(None));
        assert_eq!(serial_length(&[1, 3, 250], 3), Ok(Some(255)));
        assert_eq!(serial_length(&[1, 0x83], 3), Ok(Some(5)));
        assert_eq!(serial_length(&[1, 6], 6), Ok(Some(8)));
        assert_eq!(serial_length(&[1, 22], 22), Ok(Some(10)));
        refused(serial_length(&[1, 0x84, 2], 3));
        let identity = [1, 43, 14, 1, 1, 0, 0, 2, 0, 3, b'A', b'c', b'o', 1, 1, b'X'];
        assert_eq!(serial_length(&identity[..7], 43), Ok(None));
        assert_eq!(serial_length(&identity[..12], 43), Ok(None));
        assert_eq!(serial_length(&identity, 43), Ok(Some(18)));
        refused(serial_length(&[1, 43, 14, 1, 1, 0, 0, 2, 0, 255, 0, 0], 43));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), function: u8) {
            let _ = tcp_head(&bytes);
            let _ = open_serial(1, &bytes);
            let _ = serial_length(&bytes, function);
        }

        #[test]
        fn one_flipped_bit_is_noticed(pdu in proptest::collection::vec(any::<u8>(), 1..253), place: usize) {
            let mut frame = Vec::new();
            serial_frame(&mut frame, 5, &pdu);
            prop_assert_eq!(open_serial(5, &frame), Ok(&pdu[..]));
            let place = place % (frame.len() * 8);
            frame[place / 8] ^= 1 << (place % 8);
            prop_assert!(open_serial(5, &frame).is_err());
        }
    }
}
