//! The bell in the top bar: whether alarms sound, are silenced, or cannot be heard. What it says stands in a shape and in a word.

use super::scene::{Action, Scene};
use super::theme::{Palette, plain, strong};
use super::widgets::{button, primary_button};
use crate::alarm::annunciation::Bell;
use crate::station::AnnunciatorView;
use egui::{Color32, Painter, Pos2, RichText, Sense, Shape, Stroke, Ui, pos2, vec2};

/// Room for the bell with its word, and for one that says two things.
const WIDTH: f32 = 104.0;
const WIDE: f32 = 160.0;

/// What the bell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Nothing sounds.
    Quiet,
    /// An alarm sounds.
    Sounding,
    /// Alarms wait that were silenced.
    Silenced,
    /// Nothing can be heard.
    Deaf,
    /// Alarms wait that were silenced, though nothing could be heard of them.
    SilencedDeaf,
}

impl Look {
    fn of(view: &AnnunciatorView) -> Self {
        match (&view.heard, view.bell) {
            (Some(Err(_)), Bell::Silenced(_)) => Self::SilencedDeaf,
            (Some(Err(_)), _) => Self::Deaf,
            (_, Bell::Sounding(_)) => Self::Sounding,
            (_, Bell::Silenced(_)) => Self::Silenced,
            (_, Bell::Quiet) => Self::Quiet,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Sounding => "Silence F3",
            Self::Silenced => "silenced",
            Self::Deaf => "no sound",
            Self::SilencedDeaf => "silenced, no sound",
        }
    }

    const fn width(self) -> f32 {
        match self {
            Self::SilencedDeaf => WIDE,
            Self::Quiet | Self::Sounding | Self::Silenced | Self::Deaf => WIDTH,
        }
    }

    /// Whether it is a bell that cannot be heard.
    const fn is_deaf(self) -> bool {
        matches!(self, Self::Deaf | Self::SilencedDeaf)
    }
}

/// The room that the bell takes in the top bar; none where no sound is made.
pub(super) fn width(scene: &Scene<'_>) -> f32 {
    let view = scene.handle.annunciator();
    if view.is_on { Look::of(&view).width() + 8.0 } else { 0.0 }
}

/// The bell, which is a button: it silences what sounds, and else shows how it is with sounds.
pub(super) fn bell(ui: &mut Ui, scene: &mut Scene<'_>) {
    let view = scene.handle.annunciator();
    if !view.is_on {
        return;
    }
    let (palette, look) = (scene.palette, Look::of(&view));
    let (rect, response) = ui.allocate_exact_size(vec2(look.width(), 24.0), Sense::click());
    if look == Look::Sounding {
        ui.painter().rect(rect, 3, palette.sunk, palette.rule(), egui::StrokeKind::Inside);
    }
    let is_strong = look == Look::Sounding || look.is_deaf();
    let ink = if is_strong { palette.text } else { palette.muted };
    draw(ui.painter(), rect.left_center() + vec2(14.0, 0.0), look, ink);
    let font = if is_strong { strong(13.0) } else { plain(13.0) };
    ui.painter().text(rect.left_center() + vec2(30.0, 0.0), egui::Align2::LEFT_CENTER, look.word(), font, ink);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 3, Stroke::new(1.5, palette.focus), egui::StrokeKind::Inside);
    }
    let words = words(&view).join("\n");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sound: {words}")));
    if response.on_hover_text(words).clicked() {
        press(scene, look);
    }
    ui.add_space(8.0);
}

fn press(scene: &mut Scene<'_>, look: Look) {
    if look == Look::Sounding {
        scene.handle.silence();
    } else {
        scene.act(Action::Sound);
    }
}

/// How it is with sounds, a line each.
fn words(view: &AnnunciatorView) -> Vec<String> {
    let is_deaf = matches!(view.heard, Some(Err(_)));
    let bell = match view.bell {
        Bell::Sounding(priority) if is_deaf => {
            format!(
                "An alarm of priority {} waits, and cannot be heard; F3 silences it all the same.",
                priority.number()
            )
        }
        Bell::Silenced(1) if is_deaf => "One alarm waits; it was silenced, and could not be heard.".to_owned(),
        Bell::Silenced(count) if is_deaf => {
            format!("{count} alarms wait; they were silenced, and could not be heard.")
        }
        Bell::Quiet => "Nothing waits that would sound.".to_owned(),
        Bell::Sounding(priority) => format!("An alarm of priority {} sounds; F3 silences it.", priority.number()),
        Bell::Silenced(1) => "One alarm waits; it was silenced.".to_owned(),
        Bell::Silenced(count) => format!("{count} alarms wait; they were silenced."),
    };
    let heard = match &view.heard {
        None => "Whether alarms can be heard is being tried.".to_owned(),
        Some(Ok(program)) => format!("Sounds are played by {program}."),
        Some(Err(why)) => format!("ALARMS CANNOT BE HEARD: {why}."),
    };
    let untold = view.untold.as_ref().map(|why| format!("Messages on the desktop: {why}."));
    [bell, heard].into_iter().chain(untold).collect()
}

/// A bell of about 16 by 16 points around `center`: filled with waves while it sounds, struck through when it was silenced, crossed out when
/// it cannot be heard.
fn draw(painter: &Painter, center: Pos2, look: Look, ink: Color32) {
    let at = |x: f32, y: f32| pos2(center.x + x, center.y + y);
    let stroke = Stroke::new(1.5, ink);
    let body =
        vec![at(-5.5, 4.0), at(-4.0, 1.5), at(-3.5, -3.0), at(0.0, -6.0), at(3.5, -3.0), at(4.0, 1.5), at(5.5, 4.0)];
    if look == Look::Sounding {
        painter.add(Shape::convex_polygon(body, ink, stroke));
        for side in [-1.0, 1.0] {
            painter.line_segment([at(side * 7.5, -4.0), at(side * 8.5, -1.0)], stroke);
            painter.line_segment([at(side * 8.5, -1.0), at(side * 7.5, 2.0)], stroke);
        }
    } else {
        painter.add(Shape::closed_line(body, stroke));
    }
    painter.circle_filled(at(0.0, 6.0), 1.6, ink);
    match look {
        Look::Quiet | Look::Sounding => {}
        Look::Silenced => {
            painter.line_segment([at(-7.0, 7.0), at(7.0, -7.0)], stroke);
        }
        Look::Deaf | Look::SilencedDeaf => {
            let heavy = Stroke::new(2.0, ink);
            painter.line_segment([at(-7.0, 7.0), at(7.0, -7.0)], heavy);
            painter.line_segment([at(-7.0, -7.0), at(7.0, 7.0)], heavy);
        }
    }
}

/// Whether alarms can be heard, and a way to try it.
#[derive(Default)]
pub(super) struct SoundDialog {
    is_open: bool,
}

impl SoundDialog {
    /// The key for silence. Where nothing sounds it shows how it is with sounds.
    pub(super) fn key(&mut self, scene: &mut Scene<'_>) {
        let view = scene.handle.annunciator();
        match view.bell {
            Bell::Sounding(_) => scene.handle.silence(),
            _ if view.is_on => scene.act(Action::Sound),
            _ => {}
        }
    }

    pub(super) fn frame(&mut self, ui: &Ui, scene: &mut Scene<'_>) {
        self.is_open |= scene.actions.contains(&Action::Sound);
        if !self.is_open {
            return;
        }
        let palette = scene.palette;
        let shown = egui::Modal::new(egui::Id::unique("sound"))
            .frame(palette.card())
            .show(ui.ctx(), |ui| self.body(ui, scene, &palette));
        if shown.inner || shown.should_close() {
            self.is_open = false;
        }
    }

    /// Whether it is to be closed.
    fn body(&self, ui: &mut Ui, scene: &Scene<'_>, palette: &Palette) -> bool {
        let view = scene.handle.annunciator();
        ui.set_max_width(480.0);
        ui.label(RichText::new("Sound").font(strong(15.0)).color(palette.text));
        for line in words(&view) {
            ui.label(RichText::new(line).color(palette.text));
        }
        let test = "The test plays the four sounds, the most urgent last. The station file says how loud they are and which are heard.";
        ui.label(RichText::new(test).color(palette.muted));
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            let words = if view.is_testing { "Testing" } else { "Test sound" };
            if primary_button(ui, words, !view.is_testing, palette).clicked() {
                scene.handle.test_sound();
            }
            button(ui, "Close", false, palette).clicked()
        })
        .inner
    }
}
