//! A drawing as SVG 1.1 that any browser, word processor or drawing program opens.

use super::sheet::{Anchor, Area, Ink, Item, Sheet};
use std::fmt::Write;

/// The drawing as a whole file. `color` says `#rrggbb` for an ink.
pub(super) fn svg(sheet: &Sheet, color: &dyn Fn(Ink) -> String) -> String {
    let [width, height] = sheet.size;
    let mut out = String::with_capacity(64 * 1024);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"Inter, Helvetica, Arial, sans-serif\">"
    );
    let _ = writeln!(
        out,
        "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" stroke=\"{}\" stroke-width=\"1\"/></pattern></defs>",
        color(Ink::Muted)
    );
    let (mut is_cut, mut cuts) = (false, 0);
    for item in &sheet.items {
        if let Item::Clip(area) = item {
            if std::mem::take(&mut is_cut) {
                out.push_str("</g>\n");
            }
            if let Some(area) = area {
                cuts += 1;
                let _ = write!(out, "<clipPath id=\"cut{cuts}\">");
                rectangle(&mut out, area, "");
                let _ = writeln!(out, "</clipPath><g clip-path=\"url(#cut{cuts})\">");
                is_cut = true;
            }
            continue;
        }
        one(&mut out, item, color);
    }
    if is_cut {
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn one(out: &mut String, item: &Item, color: &dyn Fn(Ink) -> String) {
    match item {
        Item::Line { points, ink, width, dash, opacity } => {
            out.push_str("<polyline fill=\"none\" stroke-linejoin=\"round\" points=\"");
            places(out, points);
            let _ = write!(out, "\" stroke=\"{}\" stroke-width=\"{width}\" stroke-opacity=\"{opacity}\"", color(*ink));
            let lengths: Vec<String> = dash.lengths().iter().map(ToString::to_string).collect();
            if !lengths.is_empty() {
                let _ = write!(out, " stroke-dasharray=\"{}\"", lengths.join(" "));
            }
            out.push_str("/>\n");
        }
        Item::Fill { area, ink, opacity } => {
            rectangle(out, area, &format!(" fill=\"{}\" fill-opacity=\"{opacity}\"", color(*ink)));
        }
        Item::Hatch { area, opacity, .. } => {
            rectangle(out, area, &format!(" fill=\"url(#hatch)\" fill-opacity=\"{opacity}\""));
        }
        Item::Shape { points, ink } => {
            out.push_str("<polygon points=\"");
            places(out, points);
            let _ = writeln!(out, "\" fill=\"{}\"/>", color(*ink));
        }
        Item::Dots { points, ink, opacity } => {
            for [x, y] in points {
                let ink = color(*ink);
                let _ = writeln!(
                    out,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\" fill=\"{ink}\" fill-opacity=\"{opacity}\"/>"
                );
            }
        }
        Item::Words { at: [x, y], anchor, words, size, is_strong, ink, room } => {
            let (anchor, down) = match anchor {
                Anchor::LeftCentre => ("start", 0.36),
                Anchor::RightCentre => ("end", 0.36),
                Anchor::Centre => ("middle", 0.36),
                Anchor::CentreTop => ("middle", 0.9),
            };
            let weight = if *is_strong { 600 } else { 400 };
            let (y, ink, words) = (y + size * down, color(*ink), escaped(&shortened(words, *room, *size)));
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" font-weight=\"{weight}\" fill=\"{ink}\">{words}</text>"
            );
        }
        Item::Clip(_) => {}
    }
}

fn places(out: &mut String, points: &[[f32; 2]]) {
    for (number, [x, y]) in points.iter().enumerate() {
        let _ = write!(out, "{}{x:.1},{y:.1}", if number == 0 { "" } else { " " });
    }
}

fn rectangle(out: &mut String, area: &Area, look: &str) {
    let (width, height) = (area.width().max(0.0), area.height().max(0.0));
    let _ = writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"{look}/>",
        area.left, area.top
    );
}

/// Words that have no room end with "...". The width of a letter is guessed: a file does not know the typeface of its reader.
fn shortened(words: &str, room: f32, size: f32) -> String {
    let fits = (room / (size * 0.55)).clamp(1.0, 10_000.0) as usize;
    match words.chars().count() > fits {
        true => words.chars().take(fits.saturating_sub(1)).chain(['…']).collect(),
        false => words.to_owned(),
    }
}

fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for sign in words.chars() {
        match sign {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML knows no other control signs.
            sign if sign.is_control() => out.push(' '),
            sign => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sheet::Dash;
    use super::*;

    #[test]
    fn a_drawing_is_well_formed_whatever_its_words() {
        let mut sheet = Sheet::new([100.0, 50.0]);
        sheet.clip(Some(Area::new(0.0, 0.0, 50.0, 50.0)));
        sheet.line(vec![[0.0, 0.0], [10.0, 5.0]], Ink::Pen(9), 1.5, Dash::Long);
        sheet.clip(None);
        sheet.words([5.0, 5.0], Anchor::LeftCentre, "a<b & \"c\"\u{1}", Ink::Text);
        let text = svg(&sheet, &|_| "#123456".to_owned());
        assert!(text.contains("a&lt;b &amp; &quot;c&quot; <"), "{text}");
        assert!(text.contains("stroke-dasharray=\"9 4\"") && text.contains("points=\"0.0,0.0 10.0,5.0\""));
        assert_eq!(text.matches("<g ").count(), text.matches("</g>").count());
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }

    #[test]
    fn words_without_room_are_shortened() {
        assert_eq!(shortened("north/basin/level", 34.0, 12.0), "nort…");
        assert_eq!(shortened("level", f32::INFINITY, 12.0), "level");
    }
}
