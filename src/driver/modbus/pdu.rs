//! Requests and answers without their frames (Application Protocol V1.1b3, section 6), and every check that an answer has to pass.

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

fn wrong<T>(words: impl Into<String>) -> Result<T, FrameError> {
    Err(FrameError::Wrong(words.into()))
}

const fn read_function(table: Table) -> u8 {
    match table {
        Table::Coil => 1,
        Table::Discrete => 2,
        Table::Holding => 3,
        Table::Input => 4,
    }
}

fn request(function: u8, words: &[u16]) -> Vec<u8> {
    let mut pdu = Vec::with_capacity(1 + words.len() * 2);
    pdu.push(function);
    pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    pdu
}

/// A request to read: function, address, count.
pub(super) type ReadRequest = [u8; 5];

/// Asks for `count` bits or registers from `address` on (functions 1 to 4).
pub(super) fn read_request(table: Table, address: u16, count: u16) -> ReadRequest {
    let ([high, low], [many, few]) = (address.to_be_bytes(), count.to_be_bytes());
    [read_function(table), high, low, many, few]
}

/// Sets one coil: function 5, or 15 where the device knows no other.
pub(super) fn write_coil(address: u16, on: bool, multiple: bool) -> Vec<u8> {
    if !multiple {
        return request(5, &[address, if on { 0xFF00 } else { 0 }]);
    }
    let mut pdu = request(15, &[address, 1]);
    pdu.extend([1, u8::from(on)]);
    pdu
}

/// Sets registers: function 6 for one unless `multiple`, 16 otherwise.
pub(super) fn write_registers(address: u16, registers: &[u16], multiple: bool) -> Vec<u8> {
    if let ([single], false) = (registers, multiple) {
        return request(6, &[address, *single]);
    }
    let mut pdu = request(16, &[address, registers.len() as u16]);
    pdu.push(registers.len() as u8 * 2);
    pdu.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    pdu
}

/// Changes bits of one register in the device: it becomes (register AND keep) OR (set AND NOT keep) (function 22).
pub(super) fn mask_write(address: u16, keep: u16, set: u16) -> Vec<u8> {
    request(22, &[address, keep, set])
}

/// Writes registers and reads others in one request, the write first (function 23).
pub(super) fn read_write(read: u16, count: u16, write: u16, registers: &[u16]) -> Vec<u8> {
    let mut pdu = request(23, &[read, count, write, registers.len() as u16]);
    pdu.push(registers.len() as u8 * 2);
    pdu.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    pdu
}

/// Asks for an echo of `data` (function 8, subfunction 0). The device changes nothing.
pub(super) fn echo(data: u16) -> Vec<u8> {
    request(8, &[0, data])
}

/// Asks who the device is, from `object` on (function 43, MEI type 14).
pub(super) fn identification(code: u8, object: u8) -> Vec<u8> {
    vec![43, 14, code, object]
}

fn check_function(expected: u8, pdu: &[u8]) -> Result<(), FrameError> {
    match pdu {
        [function, code] if *function == expected | 0x80 => Err(FrameError::Exception(*code)),
        [function, ..] if *function == expected => Ok(()),
        [function, ..] if *function == expected | 0x80 => {
            wrong(format!("an exception of {} bytes came back, 2 are due", pdu.len()))
        }
        [function, ..] => wrong(format!("function {function} came back for function {expected}")),
        [] => wrong("an empty answer came back"),
    }
}

/// The bytes of the answer to [`read_request`] with the same `table` and `count`.
pub(super) fn check_read(table: Table, count: u16, pdu: &[u8]) -> Result<&[u8], FrameError> {
    let expected = if table.is_bits() { usize::from(count).div_ceil(8) } else { usize::from(count) * 2 };
    payload(read_function(table), expected, pdu)
}

/// The bytes of the answer to [`read_write`] with the same `count`.
pub(super) fn check_read_write(count: u16, pdu: &[u8]) -> Result<&[u8], FrameError> {
    payload(23, usize::from(count) * 2, pdu)
}

fn payload(function: u8, expected: usize, pdu: &[u8]) -> Result<&[u8], FrameError> {
    check_function(function, pdu)?;
    let (announced, payload) = match pdu {
        [_, announced, payload @ ..] => (usize::from(*announced), payload),
        _ => return wrong("the answer ends after its function"),
    };
    if announced != expected || payload.len() != expected {
        return wrong(format!("{expected} bytes were asked for, {announced} announced, {} came", payload.len()));
    }
    Ok(payload)
}

/// Registers out of the bytes of an answer.
pub(super) fn registers(payload: &[u8]) -> impl Iterator<Item = u16> + '_ {
    payload.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// One bit out of the bytes of an answer.
pub(super) fn bit(payload: &[u8], place: usize) -> Option<bool> {
    payload.get(place / 8).map(|byte| byte >> (place % 8) & 1 == 1)
}

/// Checks the answer to a write: functions 5, 6, 8 and 22 come back whole, of functions 15 and 16 the first five bytes.
pub(super) fn check_write(request: &[u8], pdu: &[u8]) -> Result<(), FrameError> {
    let function = request.first().copied().unwrap_or_default();
    check_function(function, pdu)?;
    let echoed = if matches!(function, 15 | 16) { 5 } else { request.len() };
    if request.get(..echoed) == Some(pdu) {
        return Ok(());
    }
    wrong("the device confirmed another write than the one that was sent")
}

/// One part of the answer to [`identification`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdentityPart {
    /// The object to ask for next; none where this was the last part.
    pub(super) next: Option<u8>,
    /// Objects by number, as text.
    pub(super) objects: Vec<(u8, String)>,
}

/// Reads the answer to [`identification`] (6.21).
pub(super) fn check_identification(code: u8, pdu: &[u8]) -> Result<IdentityPart, FrameError> {
    check_function(43, pdu)?;
    let [_, 14, answered, _conformity, more, next, count, rest @ ..] = pdu else {
        return wrong("the identification ends in its head");
    };
    if *answered != code {
        return wrong(format!("identification {answered} came back for {code}"));
    }
    let (mut rest, mut objects) = (rest, Vec::new());
    for _ in 0..*count {
        let [object, length, data @ ..] = rest else { return wrong("the identification ends before its last object") };
        let Some((text, behind)) = data.split_at_checked(usize::from(*length)) else {
            return wrong(format!("object {object} of the identification ends early"));
        };
        objects.push((*object, String::from_utf8_lossy(text).trim_end_matches(['\0', ' ']).to_owned()));
        rest = behind;
    }
    if !rest.is_empty() {
        return wrong("the identification has bytes behind its last object");
    }
    Ok(IdentityPart { next: (*more == 0xFF).then_some(*next), objects })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, FrameError>) {
        assert!(matches!(result, Err(FrameError::Wrong(_))), "{result:?}");
    }

    #[test]
    fn only_the_answer_that_fits_is_believed() {
        let good = [3, 4, 0x12, 0x34, 0x56, 0x78];
        let read = check_read(Table::Holding, 2, &good).unwrap();
        assert_eq!(registers(read).collect::<Vec<_>>(), [0x1234, 0x5678]);
        refused(check_read(Table::Holding, 1, &good));
        refused(check_read(Table::Holding, 3, &good));
        refused(check_read(Table::Input, 2, &good));
        refused(check_read(Table::Holding, 2, &good[..5]));
        refused(check_read(Table::Holding, 2, &[3, 4, 1, 2, 3, 4, 5]));
        refused(check_read(Table::Holding, 2, &[]));
        assert_eq!(check_read(Table::Holding, 2, &[0x83, 2]), Err(FrameError::Exception(2)));
        refused(check_read(Table::Holding, 2, &[0x84, 2]));
        refused(check_read(Table::Holding, 2, &[0x83]));
        refused(check_read(Table::Holding, 2, &[0x83, 2, 0]));
        let bits = check_read(Table::Coil, 3, &[1, 1, 0b101]).unwrap();
        assert_eq!([0, 1, 2].map(|place| bit(bits, place)), [Some(true), Some(false), Some(true)]);
        assert_eq!(bit(bits, 8), None);
        refused(check_read(Table::Coil, 9, &[1, 1, 0b101]));
        refused(check_read_write(1, &good));
        assert!(check_read_write(1, &[23, 2, 0, 1]).is_ok());
    }

    #[test]
    fn writes_are_confirmed_exactly() {
        let single = write_registers(7, &[0x1234], false);
        assert_eq!(single, [6, 0, 7, 0x12, 0x34]);
        assert_eq!(check_write(&single, &single), Ok(()));
        refused(check_write(&single, &[6, 0, 7, 0x12, 0x35]));
        refused(check_write(&single, &[6, 0, 8, 0x12, 0x34]));
        refused(check_write(&single, &[6, 0, 7, 0x12]));
        assert_eq!(write_registers(7, &[0x1234], true), [16, 0, 7, 0, 1, 2, 0x12, 0x34]);
        let several = write_registers(7, &[1, 2], false);
        assert_eq!(several, [16, 0, 7, 0, 2, 4, 0, 1, 0, 2]);
        assert_eq!(check_write(&several, &[16, 0, 7, 0, 2]), Ok(()));
        refused(check_write(&several, &[16, 0, 7, 0, 1]));
        refused(check_write(&several, &several));
        assert_eq!(check_write(&write_coil(3, true, false), &[5, 0, 3, 0xFF, 0]), Ok(()));
        assert_eq!(write_coil(3, true, true), [15, 0, 3, 0, 1, 1, 1]);
        assert_eq!(check_write(&write_coil(3, true, true), &[15, 0, 3, 0, 1]), Ok(()));
        // The example of section 6.16: address 4, AND 00F2, OR 0025.
        let mask = mask_write(4, 0x00F2, 0x0025);
        assert_eq!(mask, [0x16, 0, 4, 0, 0xF2, 0, 0x25]);
        assert_eq!(check_write(&mask, &mask), Ok(()));
        refused(check_write(&mask, &mask[..5]));
        assert_eq!(check_write(&echo(0xA537), &[8, 0, 0, 0xA5, 0x37]), Ok(()));
        assert_eq!(read_write(3, 6, 14, &[0xFF]), [23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 0xFF]);
    }

    #[test]
    fn identities_are_read_in_parts() {
        let whole = [43, 14, 1, 1, 0, 0, 2, 0, 3, b'A', b'c', b'o', 1, 2, b'X', b' '];
        let part = check_identification(1, &whole).unwrap();
        assert_eq!(part, IdentityPart { next: None, objects: vec![(0, "Aco".into()), (1, "X".into())] });
        let more = [43, 14, 1, 1, 0xFF, 2, 0];
        assert_eq!(check_identification(1, &more).unwrap().next, Some(2));
        refused(check_identification(1, &whole[..10]));
        refused(check_identification(2, &whole));
        refused(check_identification(1, &[&whole[..], &[0]].concat()));
        assert_eq!(check_identification(1, &[0xAB, 1]), Err(FrameError::Exception(1)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in 1u16..126) {
            let _ = check_read(Table::Holding, count, &bytes);
            let _ = check_read(Table::Coil, count, &bytes);
            let _ = check_read_write(count, &bytes);
            let _ = check_write(&write_registers(1, &[1], false), &bytes);
            let _ = check_identification(1, &bytes);
        }
    }
}
