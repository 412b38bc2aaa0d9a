//! Everything that takes bytes of a device, in one place for fuzzing: whatever the bytes are, nothing here may panic, and what is accepted
//! must read back as it was sent. `tests/fuzz` holds the targets and their corpora, which the ordinary tests replay.

use super::{Encoding, Kind, Order, Table, codec, framing, pdu, plausible, words};

/// Takes whatever bytes a fuzzer thinks of.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Target); 4] =
    [("tcp_answer", tcp_answer), ("serial_answer", serial_answer), ("pdu", answers), ("values", values)];

/// A stream of answers on TCP.
pub fn tcp_answer(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(head)) = framing::tcp_head(rest) {
        let Some(frame) = rest.get(..framing::HEADER + head.length) else { break };
        let mut again = Vec::new();
        framing::tcp_frame(&mut again, head.transaction, head.unit, &frame[framing::HEADER..]);
        assert_eq!(again, frame, "a frame that was accepted is not what it says");
        answers(&frame[framing::HEADER..]);
        rest = &rest[frame.len()..];
    }
}

/// An answer on a serial line: the first byte says which function was asked.
pub fn serial_answer(bytes: &[u8]) {
    let Some((function, frame)) = bytes.split_first() else { return };
    if let Ok(Some(length)) = framing::serial_length(frame, *function) {
        assert!(length <= framing::LONGEST_SERIAL + 4, "an answer longer than any frame");
    }
    let unit = frame.first().copied().unwrap_or_default();
    if let Ok(answer) = framing::open_serial(unit, frame) {
        let mut again = Vec::new();
        framing::serial_frame(&mut again, unit, answer);
        assert_eq!(again, frame, "a frame that was accepted is not what it says");
        answers(answer);
    }
}

/// An answer without its frame, as the answer to every kind of request.
pub fn answers(bytes: &[u8]) {
    for table in [Table::Coil, Table::Discrete, Table::Input, Table::Holding] {
        for count in [1, 2, 9, 125] {
            if let Ok(payload) = pdu::check_read(table, count, bytes) {
                let expected = if table.is_bits() { usize::from(count).div_ceil(8) } else { usize::from(count) * 2 };
                assert_eq!(payload.len(), expected);
            }
        }
    }
    for request in [
        pdu::write_coil(1, true, false),
        pdu::write_coil(1, true, true),
        pdu::write_registers(1, &[1], false),
        pdu::write_registers(1, &[1, 2], true),
        pdu::mask_write(1, 2, 3),
        pdu::echo(1),
    ] {
        let _ = pdu::check_write(&request, bytes);
    }
    let _ = pdu::check_read_write(2, bytes);
    let _ = pdu::check_identification(1, bytes);
    let _ = (words::request_words(bytes), words::answer_words(bytes));
}

/// Registers as every type in every order; what was read and can be written reads back the same.
pub fn values(bytes: &[u8]) {
    let registers: Vec<u16> = pdu::registers(bytes).take(125).collect();
    let _ = plausible::readings(&registers);
    let kinds = [Kind::Bool, Kind::I16, Kind::U16, Kind::I32, Kind::U32, Kind::I64, Kind::U64];
    let more = [Kind::F32, Kind::F64, Kind::Bcd16, Kind::Bcd32, Kind::String];
    for kind in kinds.into_iter().chain(more) {
        for order in [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba] {
            let length = if kind == Kind::String { (registers.len() * 2) as u16 } else { 0 };
            let encoding = Encoding { length, ..Encoding::new(kind, order) };
            let Some(part) = registers.get(..usize::from(encoding.registers())) else { continue };
            let Ok(value) = codec::decode(part, &encoding) else { continue };
            if kind == Kind::Bool || kind == Kind::String || value.as_f64().is_some_and(|number| !number.is_finite()) {
                continue;
            }
            assert_eq!(codec::encode(&value, &encoding, None).as_deref(), Ok(part), "{kind:?} {order:?} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_corpus_replays() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let folder = corpora.join(name);
            let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
            assert!(files.len() >= 5, "{} holds {} inputs", folder.display(), files.len());
            files.iter().for_each(|file| target(&std::fs::read(file).unwrap()));
        }
    }
}
