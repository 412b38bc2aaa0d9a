//! Every colour, size and space of the window. Nothing else may name a colour (clippy.toml sees to it).
//!
//! Grey is normal. The four alarm colours are used for alarms and for nothing else, each with a shape and a number (ISA-101).

use crate::alarm::Priority;
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke};
use std::sync::Arc;

/// The colours of one theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Color32,
    /// Cards, bars, tables.
    pub panel: Color32,
    /// Banner, wells, troughs.
    pub sunk: Color32,
    /// Rules and borders.
    pub line: Color32,
    /// What is read first.
    pub text: Color32,
    /// What explains it.
    pub muted: Color32,
    /// What is there when it is looked for.
    pub faint: Color32,
    /// Live measurements, and nothing else.
    pub value: Color32,
    /// Water and other process fill.
    pub water: Color32,
    /// The range where a value should be.
    pub band: Color32,
    /// Equipment that runs.
    pub on: Color32,
    /// Equipment that stands.
    pub off: Color32,
    /// What is selected.
    pub select: Color32,
    /// Where the keyboard is, and the one button that matters.
    pub focus: Color32,
    /// Text on that button.
    pub on_focus: Color32,
    /// Alarms of priority 1 to 4.
    pub priorities: [Color32; 4],
    /// Numbers inside the marks of priority 1 to 4.
    pub on_priorities: [Color32; 4],
    /// Lines of a trend, in the order of its pens.
    pub pens: [Color32; 8],
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where colours are named")]
const fn rgb(code: u32) -> Color32 {
    Color32::from_rgb((code >> 16) as u8, (code >> 8) as u8, code as u8)
}

/// By day.
pub const LIGHT: Palette = Palette {
    ground: rgb(0xDCDFE2),
    panel: rgb(0xE9EBED),
    sunk: rgb(0xCFD3D7),
    line: rgb(0xB3B9BF),
    text: rgb(0x1E242A),
    muted: rgb(0x4C5761),
    faint: rgb(0x68727B),
    value: rgb(0x123A5E),
    water: rgb(0xA9BECB),
    band: rgb(0xBBD0DD),
    on: rgb(0xFAFBFC),
    off: rgb(0x8A939B),
    select: rgb(0xC3D3E2),
    focus: rgb(0x2B6CA3),
    on_focus: rgb(0xFFFFFF),
    priorities: [rgb(0xD3122A), rgb(0xE8A200), rgb(0xC7641C), rgb(0x9B4FA8)],
    on_priorities: [rgb(0xFFFFFF), rgb(0x1E242A), rgb(0x000000), rgb(0xFFFFFF)],
    pens: [
        rgb(0x123A5E),
        rgb(0x2E7D6B),
        rgb(0x8A6420),
        rgb(0x5A626A),
        rgb(0x4B5FA6),
        rgb(0x1F7A9A),
        rgb(0x6B7A1E),
        rgb(0x7A4A5E),
    ],
};

/// By night.
pub const DARK: Palette = Palette {
    ground: rgb(0x22272C),
    panel: rgb(0x2A3036),
    sunk: rgb(0x1B1F23),
    line: rgb(0x454E56),
    text: rgb(0xE3E7EA),
    muted: rgb(0xA9B3BC),
    faint: rgb(0x8B959E),
    value: rgb(0x9CC7EA),
    water: rgb(0x3C5566),
    band: rgb(0x36505F),
    on: rgb(0xE9EDF0),
    off: rgb(0x59636C),
    select: rgb(0x34485A),
    focus: rgb(0x6CAEE3),
    on_focus: rgb(0x14191D),
    priorities: [rgb(0xFF4D5E), rgb(0xFFC233), rgb(0xF08A42), rgb(0xC98AD6)],
    on_priorities: [rgb(0x14191D), rgb(0x14191D), rgb(0x14191D), rgb(0x14191D)],
    pens: [
        rgb(0x9CC7EA),
        rgb(0x6FBFA8),
        rgb(0xC9A45C),
        rgb(0xB4BDC5),
        rgb(0x9AA9E0),
        rgb(0x63B7D6),
        rgb(0xAFBD5E),
        rgb(0xC794A9),
    ],
};

/// Heights and widths in points.
pub mod size {
    /// Top bar.
    pub const TOP_BAR: f32 = 44.0;
    /// Banner with the newest unacknowledged alarm.
    pub const BANNER: f32 = 34.0;
    /// Navigation at the left.
    pub const NAVIGATION: f32 = 104.0;
    /// Status line.
    pub const STATUS: f32 = 26.0;
    /// Details at the right.
    pub const DETAILS: f32 = 340.0;
    /// Row of a table.
    pub const ROW: f32 = 28.0;
    /// Step of all spaces.
    pub const STEP: f32 = 4.0;
    /// Mark of an alarm's priority.
    pub const MARK: f32 = 16.0;
}

impl Palette {
    /// The palette that belongs to egui's theme.
    pub const fn of(theme: egui::Theme) -> Self {
        match theme {
            egui::Theme::Dark => DARK,
            egui::Theme::Light => LIGHT,
        }
    }

    /// Colour of an alarm.
    pub const fn priority(&self, priority: Priority) -> Color32 {
        self.priorities[priority as usize]
    }

    /// A card.
    pub fn card(&self) -> egui::Frame {
        egui::Frame::NONE
            .fill(self.panel)
            .stroke(Stroke::new(1.0, self.line))
            .corner_radius(CornerRadius::same(4))
            .inner_margin(Margin::same(12))
    }

    /// The thin line between things.
    pub fn rule(&self) -> Stroke {
        Stroke::new(1.0, self.line)
    }
}

/// `color` with its opacity times `factor`.
pub fn faded(color: Color32, factor: f32) -> Color32 {
    color.gamma_multiply(factor)
}

/// Semi-bold type of this size.
pub fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("semibold".into()))
}

/// Ordinary type of this size.
pub fn plain(size: f32) -> FontId {
    FontId::proportional(size)
}

/// Puts fonts and style into a context. Call it once, before the first frame.
pub fn install(context: &egui::Context) {
    let mut fonts = egui::FontDefinitions::empty();
    let regular = egui::FontData::from_static(include_bytes!("../../assets/fonts/Inter-Regular.otf"));
    let semibold = egui::FontData::from_static(include_bytes!("../../assets/fonts/Inter-SemiBold.otf"));
    fonts.font_data.insert("regular".into(), Arc::new(regular));
    fonts.font_data.insert("semibold".into(), Arc::new(semibold));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec!["regular".into()]);
    }
    fonts.families.insert(FontFamily::Name("semibold".into()), vec!["semibold".into(), "regular".into()]);
    context.set_fonts(fonts);
    context.options_mut(|options| {
        // Closing or scaling a control-room window must not be a slip of the hand.
        options.quit_shortcuts.clear();
        options.zoom_with_keyboard = false;
    });
    for (theme, palette) in [(egui::Theme::Light, LIGHT), (egui::Theme::Dark, DARK)] {
        context.style_mut_of(theme, |style| dress(style, &palette));
    }
}

fn dress(style: &mut egui::Style, palette: &Palette) {
    style.animation_time = 0.0;
    style.scroll_animation = egui::style::ScrollAnimation::none();
    style.interaction.selectable_labels = false;
    style.spacing.item_spacing = egui::vec2(8.0, 4.0);
    style.spacing.button_padding = egui::vec2(10.0, 5.0);
    style.spacing.interact_size.y = 26.0;
    style.spacing.scroll = egui::style::ScrollStyle::solid();
    for (name, size) in [
        (egui::TextStyle::Small, 12.0),
        (egui::TextStyle::Body, 13.0),
        (egui::TextStyle::Button, 13.0),
        (egui::TextStyle::Monospace, 13.0),
        (egui::TextStyle::Heading, 18.0),
    ] {
        style.text_styles.insert(name, plain(size));
    }
    let visuals = &mut style.visuals;
    visuals.override_text_color = None;
    visuals.text_cursor.blink = false;
    visuals.panel_fill = palette.ground;
    visuals.window_fill = palette.panel;
    visuals.window_stroke = palette.rule();
    visuals.extreme_bg_color = palette.on.lerp_to_gamma(palette.panel, if visuals.dark_mode { 1.0 } else { 0.0 });
    visuals.text_edit_bg_color = Some(if visuals.dark_mode { palette.sunk } else { palette.on });
    visuals.faint_bg_color = palette.sunk;
    visuals.selection.bg_fill = palette.select;
    visuals.selection.stroke = Stroke::new(1.5, palette.focus);
    visuals.weak_text_color = Some(palette.muted);
    dress_widgets(&mut visuals.widgets, palette);
}

fn dress_widgets(widgets: &mut egui::style::Widgets, palette: &Palette) {
    let looks = [
        (&mut widgets.noninteractive, palette.panel, palette.line, palette.text),
        (&mut widgets.inactive, palette.panel, palette.line, palette.text),
        (&mut widgets.hovered, palette.select, palette.muted, palette.text),
        (&mut widgets.active, palette.select, palette.focus, palette.text),
        (&mut widgets.open, palette.sunk, palette.line, palette.text),
    ];
    for (look, fill, border, text) in looks {
        look.bg_fill = fill;
        look.weak_bg_fill = fill;
        look.bg_stroke = Stroke::new(1.0, border);
        look.fg_stroke = Stroke::new(1.0, text);
        look.corner_radius = CornerRadius::same(4);
        look.expansion = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast (WCAG 2.2).
    fn luminance(color: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    fn contrast(first: Color32, second: Color32) -> f64 {
        let (first, second) = (luminance(first), luminance(second));
        (first.max(second) + 0.05) / (first.min(second) + 0.05)
    }

    #[test]
    fn text_can_be_read() {
        for (name, palette) in [("light", LIGHT), ("dark", DARK)] {
            for ground in [palette.ground, palette.panel] {
                for (what, color, least) in [
                    ("text", palette.text, 7.0),
                    ("muted", palette.muted, 4.5),
                    ("value", palette.value, 4.5),
                    ("faint", palette.faint, 3.0),
                ] {
                    assert!(contrast(color, ground) >= least, "{name} {what} {}", contrast(color, ground));
                }
            }
            assert!(contrast(palette.on_focus, palette.focus) >= 4.5, "{name} button");
            for (color, number) in palette.priorities.iter().zip(palette.on_priorities) {
                assert!(contrast(*color, number) >= 4.5, "{name} {color:?} {}", contrast(*color, number));
            }
        }
    }

    /// Colour vision without one kind of cone (matrices of Viénot, Brettel and Mollon 1999, for linear light).
    #[test]
    fn marks_differ_by_shape_and_values_stay_apart_from_captions_for_everybody() {
        let see = |color: Color32, matrix: [[f64; 3]; 3]| {
            let linear = [color.r(), color.g(), color.b()].map(|value| (f64::from(value) / 255.0).powf(2.2));
            matrix.map(|row| row.iter().zip(linear).map(|(factor, value)| factor * value).sum::<f64>())
        };
        let kinds = [
            [[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.004, -0.004, 1.0]],
            [[0.292, 0.708, 0.0], [0.292, 0.708, 0.0], [-0.022, 0.022, 1.0]],
            [[1.0, 0.145, -0.145], [0.0, 0.86, 0.14], [0.0, 0.86, 0.14]],
        ];
        for palette in [LIGHT, DARK] {
            for matrix in kinds {
                let (value, muted) = (see(palette.value, matrix), see(palette.muted, matrix));
                let distance: f64 =
                    value.iter().zip(muted).map(|(first, second)| (first - second).powi(2)).sum::<f64>().sqrt();
                assert!(distance > 0.03, "{distance}");
            }
        }
    }
}
