//! A frame in words: what an engineer reads beside the bytes.

use super::framing::HEADER;
use super::poll::exception_reason;

fn word(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(place)?, *bytes.get(place + 1)?]))
}

/// The request or answer inside of a frame; empty where the frame is too short to hold one.
pub fn pdu(frame: &[u8], is_rtu: bool) -> &[u8] {
    if is_rtu {
        frame.get(1..frame.len().saturating_sub(2)).unwrap_or_default()
    } else {
        frame.get(HEADER..).unwrap_or_default()
    }
}

/// The name of a function (Application Protocol V1.1b3, section 6).
pub const fn function_name(function: u8) -> &'static str {
    match function & 0x7F {
        1 => "read coils",
        2 => "read discrete inputs",
        3 => "read holding registers",
        4 => "read input registers",
        5 => "write coil",
        6 => "write register",
        8 => "diagnostics",
        15 => "write coils",
        16 => "write registers",
        22 => "mask write register",
        23 => "read and write registers",
        43 => "identification",
        _ => "another function",
    }
}

/// A request in words.
pub fn request_words(pdu: &[u8]) -> String {
    let Some(&function) = pdu.first() else { return "nothing".to_owned() };
    let name = function_name(function);
    match (function, word(pdu, 1), word(pdu, 3)) {
        (1..=4 | 15 | 16, Some(address), Some(count)) => format!("{name} {address}, {count} of them"),
        (5, Some(address), Some(value)) => format!("{name} {address} {}", if value == 0 { "off" } else { "on" }),
        (6, Some(address), Some(value)) => format!("{name} {address} = {value}"),
        (22, Some(address), Some(keep)) => {
            format!("{name} {address}, keep {keep:04X}, set {:04X}", word(pdu, 5).unwrap_or_default())
        }
        (23, Some(address), Some(count)) => {
            let (to, many) = (word(pdu, 5).unwrap_or_default(), word(pdu, 7).unwrap_or_default());
            format!("{name}: {count} from {address}, {many} to {to}")
        }
        _ => format!("{name} (function {function})"),
    }
}

/// An answer in words.
pub fn answer_words(pdu: &[u8]) -> String {
    match pdu {
        [] => "nothing".to_owned(),
        [function, code, ..] if function & 0x80 != 0 => {
            format!("refused: {} (exception {code})", exception_reason(*code, false).words())
        }
        [1 | 2, 1, ..] => "1 byte of bits".to_owned(),
        [1 | 2, count, ..] => format!("{count} bytes of bits"),
        [3 | 4 | 23, 2, ..] => "1 register".to_owned(),
        [3 | 4 | 23, count, ..] => format!("{} registers", count / 2),
        [5 | 6 | 8 | 15 | 16 | 22, ..] => "confirmed".to_owned(),
        [43, ..] => "identification".to_owned(),
        [function, ..] => format!("function {function}"),
    }
}

/// Bytes as an engineer writes them: `01 03 00 28`.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 3);
    for (place, byte) in bytes.iter().enumerate() {
        let _ = write!(text, "{}{byte:02X}", if place > 0 { " " } else { "" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_like_sentences() {
        let frame = [0, 1, 0, 0, 0, 6, 17, 3, 0, 40, 0, 2];
        assert_eq!(request_words(pdu(&frame, false)), "read holding registers 40, 2 of them");
        assert_eq!(request_words(&[6, 0, 7, 1, 2]), "write register 7 = 258");
        assert_eq!(request_words(&[5, 0, 7, 0xFF, 0]), "write coil 7 on");
        assert_eq!(answer_words(&[0x83, 2]), "refused: device: address does not exist (exception 2)");
        assert_eq!(answer_words(pdu(&[17, 3, 4, 0, 1, 0, 2, 9, 9], true)), "2 registers");
        assert_eq!(
            (answer_words(&[1, 1, 5]), answer_words(&[3, 2, 0, 1])),
            ("1 byte of bits".into(), "1 register".into())
        );
        assert_eq!(hexadecimal(&[1, 0xAB]), "01 AB");
        for bytes in [&[][..], &[3], &[22, 0], &[23, 0, 1, 0, 1]] {
            request_words(bytes);
            answer_words(bytes);
            let _ = (pdu(bytes, true), pdu(bytes, false));
        }
    }
}
