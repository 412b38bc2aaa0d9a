//! Requests and answers as bytes, and every check that an answer has to pass.

use super::Table;

/// Why an answer is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    /// The device refused, with this exception code.
    #[error("exception {0}")]
    Exception(u8),
    /// The answer does not fit the request.
    #[error("{0}")]
    Wrong(String),
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Coils or discrete inputs.
    Bits(Vec<bool>),
    /// Registers.
    Registers(Vec<u16>),
}

const fn read_function(table: Table) -> u8 {
    match table {
        Table::Coil => 1,
        Table::Discrete => 2,
        Table::Holding => 3,
        Table::Input => 4,
    }
}

/// Asks for `count` bits or registers from `address` on.
pub(super) fn read_request(table: Table, address: u16, count: u16) -> Vec<u8> {
    let mut pdu = vec![read_function(table)];
    pdu.extend(address.to_be_bytes());
    pdu.extend(count.to_be_bytes());
    pdu
}

/// Sets one coil (function 5).
pub(super) fn write_coil(address: u16, on: bool) -> Vec<u8> {
    let [high, low] = address.to_be_bytes();
    vec![5, high, low, if on { 0xFF } else { 0 }, 0]
}

/// Sets registers: function 6 for one, 16 for several.
pub(super) fn write_registers(address: u16, registers: &[u16]) -> Vec<u8> {
    let mut pdu = vec![if registers.len() == 1 { 6 } else { 16 }];
    pdu.extend(address.to_be_bytes());
    if let [single] = registers {
        pdu.extend(single.to_be_bytes());
        return pdu;
    }
    pdu.extend((registers.len() as u16).to_be_bytes());
    pdu.push(registers.len() as u8 * 2);
    pdu.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    pdu
}

fn check_function(expected: u8, pdu: &[u8]) -> Result<(), FrameError> {
    match pdu {
        [function, code] if *function == expected | 0x80 => Err(FrameError::Exception(*code)),
        [function, ..] if *function == expected => Ok(()),
        [function, ..] => Err(FrameError::Wrong(format!("function {function} came back for function {expected}"))),
        [] => Err(FrameError::Wrong("an empty answer came back".to_owned())),
    }
}

/// Reads the answer to [`read_request`] with the same `table` and `count`.
pub(super) fn parse_read(table: Table, count: u16, pdu: &[u8]) -> Result<Data, FrameError> {
    check_function(read_function(table), pdu)?;
    let expected = if table.is_bits() { usize::from(count).div_ceil(8) } else { usize::from(count) * 2 };
    let (announced, payload) = match pdu {
        [_, announced, payload @ ..] => (usize::from(*announced), payload),
        _ => return Err(FrameError::Wrong("the answer ends after its function".to_owned())),
    };
    if announced != expected || payload.len() != expected {
        let words = format!("{expected} bytes were asked for, {announced} announced, {} came", payload.len());
        return Err(FrameError::Wrong(words));
    }
    if table.is_bits() {
        let bits = (0..usize::from(count)).map(|place| payload[place / 8] >> (place % 8) & 1 == 1);
        return Ok(Data::Bits(bits.collect()));
    }
    Ok(Data::Registers(payload.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()))
}

/// Checks the answer to a write: functions 5 and 6 come back whole, of function 16 the first five bytes.
pub(super) fn parse_write(request: &[u8], pdu: &[u8]) -> Result<(), FrameError> {
    let function = request.first().copied().unwrap_or_default();
    check_function(function, pdu)?;
    if request.get(..5) == Some(pdu) {
        return Ok(());
    }
    Err(FrameError::Wrong("the device confirmed another write than the one that was sent".to_owned()))
}

/// The frame of a request on TCP.
pub(super) fn tcp_frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(7 + pdu.len());
    frame.extend(transaction.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend((pdu.len() as u16 + 1).to_be_bytes());
    frame.push(unit);
    frame.extend(pdu);
    frame
}

/// Checks the seven bytes before an answer on TCP; how many bytes of answer follow.
pub(super) fn check_tcp_header(header: &[u8; 7], transaction: u16, unit: u8) -> Result<usize, FrameError> {
    let word = |place: usize| u16::from_be_bytes([header[place], header[place + 1]]);
    if word(2) != 0 {
        return Err(FrameError::Wrong(format!("protocol {} came back, Modbus is 0", word(2))));
    }
    if word(0) != transaction {
        return Err(FrameError::Wrong(format!("transaction {} came back for transaction {transaction}", word(0))));
    }
    if header[6] != unit {
        return Err(FrameError::Wrong(format!("unit {} answered for unit {unit}", header[6])));
    }
    match word(4) {
        length @ 3..=254 => Ok(usize::from(length) - 1),
        length => Err(FrameError::Wrong(format!("an answer of {length} bytes was announced, 3 to 254 are possible"))),
    }
}

/// CRC-16 of the serial line standard (section 2.5.1.2).
pub(super) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 })
    })
}

/// The frame of a request on a serial line.
pub(super) fn serial_frame(unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(pdu.len() + 3);
    frame.push(unit);
    frame.extend(pdu);
    let crc = crc(&frame);
    frame.extend(crc.to_le_bytes());
    frame
}

/// How long an answer on a serial line will be, as soon as its first three bytes are there.
pub(super) fn serial_length(start: &[u8], request_function: u8) -> Result<Option<usize>, FrameError> {
    match start {
        [_, function, ..] if *function == request_function | 0x80 => Ok(Some(5)),
        [_, 5 | 6 | 15 | 16, ..] => Ok(Some(8)),
        [_, 1..=4, count, ..] => Ok(Some(5 + usize::from(*count))),
        [_, 1..=4] | [_] | [] => Ok(None),
        [_, function, ..] => {
            Err(FrameError::Wrong(format!("function {function} came back for function {request_function}")))
        }
    }
}

/// Checks unit and CRC of a whole answer on a serial line and takes them off.
pub(super) fn open_serial(unit: u8, frame: &[u8]) -> Result<&[u8], FrameError> {
    let Some((body, &[low, high])) = frame.split_last_chunk::<2>() else {
        return Err(FrameError::Wrong("the answer is shorter than its check sum".to_owned()));
    };
    if crc(body) != u16::from_le_bytes([low, high]) {
        return Err(FrameError::Wrong("the check sum (CRC) is wrong".to_owned()));
    }
    match body {
        [answered, pdu @ ..] if *answered == unit => Ok(pdu),
        [answered, ..] => Err(FrameError::Wrong(format!("unit {answered} answered for unit {unit}"))),
        [] => Err(FrameError::Wrong("the answer is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong<T: std::fmt::Debug>(result: Result<T, FrameError>) {
        assert!(matches!(result, Err(FrameError::Wrong(_))), "{result:?}");
    }

    #[test]
    fn only_what_was_asked_for_is_believed() {
        let good = [3, 4, 0x12, 0x34, 0x56, 0x78];
        assert_eq!(parse_read(Table::Holding, 2, &good), Ok(Data::Registers(vec![0x1234, 0x5678])));
        wrong(parse_read(Table::Holding, 1, &good));
        wrong(parse_read(Table::Holding, 3, &good));
        wrong(parse_read(Table::Input, 2, &good));
        wrong(parse_read(Table::Holding, 2, &good[..5]));
        wrong(parse_read(Table::Holding, 2, &[3, 4, 1, 2, 3, 4, 5]));
        wrong(parse_read(Table::Holding, 2, &[]));
        assert_eq!(parse_read(Table::Holding, 2, &[0x83, 2]), Err(FrameError::Exception(2)));
        wrong(parse_read(Table::Holding, 2, &[0x84, 2]));
        assert_eq!(parse_read(Table::Coil, 3, &[1, 1, 0b101]), Ok(Data::Bits(vec![true, false, true])));
        wrong(parse_read(Table::Coil, 9, &[1, 1, 0b101]));
    }

    #[test]
    fn writes_are_confirmed_exactly() {
        let single = write_registers(7, &[0x1234]);
        assert_eq!(single, [6, 0, 7, 0x12, 0x34]);
        assert_eq!(parse_write(&single, &single), Ok(()));
        wrong(parse_write(&single, &[6, 0, 7, 0x12, 0x35]));
        let several = write_registers(7, &[1, 2]);
        assert_eq!(several, [16, 0, 7, 0, 2, 4, 0, 1, 0, 2]);
        assert_eq!(parse_write(&several, &[16, 0, 7, 0, 2]), Ok(()));
        wrong(parse_write(&several, &[16, 0, 7, 0, 1]));
        assert_eq!(parse_write(&write_coil(3, true), &[5, 0, 3, 0xFF, 0]), Ok(()));
    }

    #[test]
    fn headers_and_check_sums() {
        let header = [0, 9, 0, 0, 0, 5, 17];
        assert_eq!(check_tcp_header(&header, 9, 17), Ok(4));
        wrong(check_tcp_header(&header, 8, 17));
        wrong(check_tcp_header(&header, 9, 16));
        wrong(check_tcp_header(&[0, 9, 0, 1, 0, 5, 17], 9, 17));
        wrong(check_tcp_header(&[0, 9, 0, 0, 1, 5, 17], 9, 17));
        wrong(check_tcp_header(&[0, 9, 0, 0, 0, 2, 17], 9, 17));
        // The example of the serial line standard's CRC appendix: unit 2, function 7.
        assert_eq!(serial_frame(2, &[7]), [2, 7, 0x41, 0x12]);
        wrong(open_serial(2, &[2, 7, 0x41, 0x13]));
        wrong(open_serial(3, &[2, 7, 0x41, 0x12]));
        assert_eq!(open_serial(2, &[2, 7, 0x41, 0x12]), Ok(&[7u8][..]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in 1u16..126) {
            let _ = parse_read(Table::Holding, count, &bytes);
            let _ = parse_read(Table::Coil, count, &bytes);
            let _ = parse_write(&write_registers(1, &[1]), &bytes);
            let _ = open_serial(1, &bytes);
            let _ = serial_length(&bytes, 3);
        }
    }
}
