//! An exchange as a line of a table, and its bytes.

use crate::driver::modbus::{Exchange, words};
use crate::gui::format;
use crate::gui::theme::Palette;
use crate::gui::widgets::Ink;
use crate::gui::widgets::columns::{Column, number, words as column};

pub(super) const COLUMNS: [Column; 5] =
    [column("Time", 94.0), number("Unit", 32.0), column("Asked", 268.0), column("Answered", 0.0), number("Took", 66.0)];

/// Time, unit, request, answer or error, duration. An error begins with a sign, and is bold.
pub(super) fn cells(exchange: &Exchange, is_rtu: bool, palette: &Palette) -> [(String, Ink); 5] {
    let time = format::local(exchange.time).map_or_else(String::new, |time| time.format("%H:%M:%S%.3f").to_string());
    let answered = match &exchange.error {
        Some(error) => (format!("! error: {error}"), Ink::bold(palette)),
        None => (words::answer_words(words::pdu(&exchange.answer, is_rtu)), Ink::text(palette)),
    };
    [
        (time, Ink::muted(palette)),
        (exchange.unit.to_string(), Ink::muted(palette)),
        (words::request_words(words::pdu(&exchange.request, is_rtu)), Ink::text(palette)),
        answered,
        (format!("{:.1} ms", f64::from(exchange.micros) / 1000.0), Ink::value(palette)),
    ]
}

/// Both frames in hexadecimal, and what was wrong.
pub(super) fn bytes_words(exchange: &Exchange) -> String {
    let error = exchange.error.as_ref().map_or_else(String::new, |error| format!("\n! error: {error}"));
    let answer = match exchange.answer.is_empty() {
        true => "nothing".to_owned(),
        false => words::hexadecimal(&exchange.answer),
    };
    format!("Request {}\nAnswer {answer}{error}", words::hexadecimal(&exchange.request))
}
