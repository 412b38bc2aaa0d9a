//! Durations, registers and addresses as people write them.

use crate::driver::modbus::Table;
use std::time::Duration;

/// Reads `250ms`, `1.5s`, `5m`, `1h`, `2d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a duration; write it as 500ms, 2s, 5m, 1h or 1d");
    let split = text.find(|sign: char| sign.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// Reads `64 kB`, `500 MB`, `200GB`, `1.5 TB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("\"{text}\" is no size; write it as 500 MB, 200 GB or 1.5 TB");
    let split = text.find(|sign: char| sign.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    if number > 0.0 && number * factor < 1e18 { Ok((number * factor) as u64) } else { Err(wrong()) }
}

/// Reads `holding:40`, or `40041` and `400041`, which mean the same (Modicon numbers: the first digit is the table, the rest counts from 1).
pub(super) fn register(text: &str) -> Result<(Table, u16), String> {
    let wrong =
        || format!("\"{text}\" is not a register; write it as holding:40, input:7, coil:0 or discrete:3 (zero-based)");
    if let Some((table, address)) = text.split_once(':') {
        let table = match table {
            "coil" => Table::Coil,
            "discrete" => Table::Discrete,
            "input" => Table::Input,
            "holding" => Table::Holding,
            _ => return Err(wrong()),
        };
        let address: u32 = address.trim().parse().map_err(|_| wrong())?;
        let address =
            u16::try_from(address).map_err(|_| format!("address {address} is outside the table; 0 to 65535 exist"))?;
        return Ok((table, address));
    }
    if !(5..=6).contains(&text.len()) || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let (table, number) = text.split_at(1);
    let table = match table {
        "0" => Table::Coil,
        "1" => Table::Discrete,
        "3" => Table::Input,
        "4" => Table::Holding,
        _ => return Err(wrong()),
    };
    match number.parse::<u32>() {
        Ok(number @ 1..=65_536) => Ok((table, (number - 1) as u16)),
        _ => Err(format!(
            "register {text} is outside the table; the first one is {table}{:0>width$}",
            1,
            table = &text[..1],
            width = text.len() - 1
        )),
    }
}

/// Reads `host:port`, `host`, `[::1]:port`.
pub fn host_and_port(text: &str, default_port: u16) -> Result<(String, u16), String> {
    let wrong = || format!("\"{text}\" is not an address; write it as 10.0.0.7:{default_port} or name:{default_port}");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Ok(default_port), |port| port.parse::<u16>().map_err(|_| wrong()))?;
    if host.is_empty()
        || host.contains(char::is_whitespace)
        || (host.contains(':') && !text.starts_with('['))
        || port == 0
    {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "5", "s", "-1s", "1 week", "nans"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("1.5 TB"), Ok(1_500_000_000_000));
        assert_eq!(bytes("200GB"), Ok(200_000_000_000));
        assert_eq!(bytes("64 kB"), Ok(64_000));
        for text in ["200", "GB", "-1 GB", "5 KiB", "1e30 TB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn registers() {
        assert_eq!(register("holding:40"), Ok((Table::Holding, 40)));
        assert_eq!(register("40041"), Ok((Table::Holding, 40)));
        assert_eq!(register("400041"), Ok((Table::Holding, 40)));
        assert_eq!(register("465536"), Ok((Table::Holding, 65_535)));
        assert_eq!(register("00001"), Ok((Table::Coil, 0)));
        for text in ["40000", "465537", "holding:65536", "holding:-1", "hold:1", "2", "20001", "holding:", ""] {
            assert!(register(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(host_and_port("10.0.0.7", 502), Ok(("10.0.0.7".to_owned(), 502)));
        assert_eq!(host_and_port("plc:1502", 502), Ok(("plc".to_owned(), 1502)));
        assert_eq!(host_and_port("[::1]:1502", 502), Ok(("::1".to_owned(), 1502)));
        for text in ["", ":502", "a b:502", "plc:99999", "::1", "plc:x"] {
            assert!(host_and_port(text, 502).is_err(), "{text}");
        }
    }
}
