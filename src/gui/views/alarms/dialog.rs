//! Setting alarms aside: for how long, and why. Escape cancels; what the station says against it stands in the dialog.

use super::lengths::{lengths, words_of};
use crate::alarm::ShelvingLimits;
use crate::alarm::{AlarmView, Priority};
use crate::engine::{AlarmName, Reply, RequestBody};
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::views::trend::moment::{Goal, goal};
use crate::gui::widgets::{button, is_left, primary_button, quiet};
use crate::station::Pending;
use crate::tag::Timestamp;
use egui::{Id, Key, Label, Modal, Modifiers, RichText, ScrollArea, TextEdit, Ui};
use std::time::Duration;

const WIDTH: f32 = 480.0;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shelve,
    OutOfService,
}

impl Kind {
    const fn title(self) -> &'static str {
        match self {
            Self::Shelve => "Shelve",
            Self::OutOfService => "Take out of service",
        }
    }
}

/// The dialog.
pub(super) struct AsideDialog {
    kind: Kind,
    alarms: Vec<AlarmName>,
    /// What it is about, in words.
    about: String,
    /// The longest time for all of them, and the priority that sets it.
    longest: (Duration, Priority),
    length: Option<Duration>,
    one_shot: bool,
    /// A date that was typed.
    until: String,
    reason: String,
    is_focused: bool,
    /// Where the keyboard goes afterwards.
    opener: Option<Id>,
    sent: Option<Pending<Reply>>,
    said: Option<String>,
    is_done: bool,
}

impl AsideDialog {
    pub(super) fn shelve(views: &[&AlarmView], limits: &ShelvingLimits, opener: Option<Id>) -> Option<Self> {
        Self::new(Kind::Shelve, views, limits, opener)
    }

    pub(super) fn out_of_service(views: &[&AlarmView], limits: &ShelvingLimits, opener: Option<Id>) -> Option<Self> {
        Self::new(Kind::OutOfService, views, limits, opener)
    }

    fn new(kind: Kind, views: &[&AlarmView], limits: &ShelvingLimits, opener: Option<Id>) -> Option<Self> {
        let shortest = views.iter().map(|view| (limits.longest(view.priority), view.priority)).min()?;
        let about = match views {
            [one] => one.message.to_string(),
            several => format!("{} alarms", several.len()),
        };
        Some(Self {
            kind,
            alarms: views.iter().map(|view| AlarmName::Key(view.key.clone())).collect(),
            about,
            longest: shortest,
            length: None,
            one_shot: false,
            until: String::new(),
            reason: String::new(),
            is_focused: false,
            opener,
            sent: None,
            said: None,
            is_done: false,
        })
    }

    /// Paints it; whether it is closed.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &Scene<'_>) -> bool {
        self.collect();
        let palette = scene.palette;
        let id = Id::unique("set aside");
        let area = Modal::default_area(id).accessible_name(self.kind.title());
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.label(RichText::new(self.kind.title()).font(strong(15.0)).color(palette.text));
            ui.add(Label::new(RichText::new(&self.about).font(plain(13.0)).color(palette.text)).wrap());
            ui.add_space(4.0);
            match self.kind {
                Kind::Shelve => self.shelf_length(ui, &palette),
                Kind::OutOfService => self.date(ui, &palette),
            }
            self.write_reason(ui, &palette);
            self.buttons(ui, scene)
        });
        let is_cancelled = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        let is_left = is_left(&shown, self.has_typed());
        shown.inner || is_cancelled || is_left || (self.is_done && self.said.is_none())
    }

    fn has_typed(&self) -> bool {
        !self.is_done && [&self.reason, &self.until].iter().any(|text| !text.trim().is_empty())
    }

    /// Where the keyboard was before.
    pub(super) fn opener(&self) -> Option<Id> {
        self.opener
    }

    fn shelf_length(&mut self, ui: &mut Ui, palette: &Palette) {
        let (longest, priority) = self.longest;
        let most = format!("For at most {}, as they are of priority {}", words_of(longest), priority.word());
        quiet(ui, most, palette);
        ui.horizontal_wrapped(|ui| {
            for length in lengths(longest) {
                if button(ui, &words_of(length), self.length == Some(length), palette).clicked() {
                    self.length = Some(length);
                }
            }
        });
        if button(ui, "Only until its condition is gone", self.one_shot, palette).clicked() {
            self.one_shot = !self.one_shot;
        }
    }

    fn date(&mut self, ui: &mut Ui, palette: &Palette) {
        quiet(ui, "Back into service by itself", palette);
        ui.horizontal_wrapped(|ui| {
            if button(ui, "Never", self.length.is_none() && self.until.is_empty(), palette).clicked() {
                (self.length, _) = (None, self.until.clear());
            }
            for hours in [8, 24, 7 * 24, 30 * 24] {
                let length = Duration::from_secs(hours * 3600);
                let words = format!("in {}", words_of(length));
                if button(ui, &words, self.length == Some(length) && self.until.is_empty(), palette).clicked() {
                    (self.length, _) = (Some(length), self.until.clear());
                }
            }
        });
        ui.horizontal(|ui| {
            quiet(ui, "or at", palette);
            let field = TextEdit::singleline(&mut self.until).hint_text("2026-12-01 08:00").desired_width(180.0);
            ui.add(field).accessible_name("Date");
        });
    }

    fn write_reason(&mut self, ui: &mut Ui, palette: &Palette) {
        quiet(ui, "Reason", palette);
        let field = TextEdit::singleline(&mut self.reason).id(Id::unique("reason to set aside"));
        let field = ui.add(field.desired_width(f32::INFINITY)).accessible_name("Reason");
        // In its first pass a window is only measured, and what it holds cannot have the keyboard.
        if !self.is_focused && !ui.is_sizing_pass() {
            field.request_focus();
            self.is_focused = true;
        }
    }

    /// Whether it is put away.
    fn buttons(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        let wish = self.wish(scene.now.utc);
        let lacks = wish.as_ref().err().cloned().unwrap_or_default();
        let words = match (&self.said, &self.sent) {
            (Some(said), _) => said.clone(),
            (None, Some(_)) => "It is being recorded.".to_owned(),
            (None, None) => lacks,
        };
        ScrollArea::vertical().max_height(120.0).show(ui, |ui| {
            ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(palette.text)).wrap());
        });
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
        let (mut send, mut cancel) = (entered, false);
        ui.horizontal(|ui| {
            if self.is_done {
                cancel = primary_button(ui, "Close Esc", true, &palette).clicked();
                return;
            }
            let can = wish.is_ok() && self.sent.is_none();
            let words = format!("{} Ctrl Enter", self.kind.title());
            send |= primary_button(ui, &words, can, &palette).clicked();
            cancel = button(ui, "Cancel Esc", false, &palette).clicked();
        });
        if let (true, Ok(body), None) = (send && !self.is_done, wish, &self.sent) {
            self.said = None;
            self.sent = Some(scene.handle.request(body));
        }
        cancel
    }

    /// What would be asked of the station, or what is missing.
    fn wish(&self, now: Timestamp) -> Result<RequestBody, String> {
        let reason: std::sync::Arc<str> = self.reason.trim().into();
        let alarms = self.alarms.clone();
        let missing = |words: &str| Err(words.to_owned());
        match self.kind {
            Kind::Shelve if self.length.is_none() && !self.one_shot => missing("Say for how long."),
            _ if reason.is_empty() => missing("Say why."),
            Kind::Shelve => {
                let length_seconds = self.length.map(|length| length.as_secs());
                Ok(RequestBody::Shelve { alarms, length_seconds, one_shot: self.one_shot, reason })
            }
            Kind::OutOfService => Ok(RequestBody::OutOfService { alarms, until: self.end(now)?, reason }),
        }
    }

    fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        if self.until.trim().is_empty() {
            return Ok(self.length.map(|length| now.plus(length)));
        }
        match goal(&self.until, now, &chrono::Local)? {
            Goal::Moment(moment) if moment > now.as_seconds() => Ok(Some(Timestamp::from_seconds(moment))),
            Goal::Moment(_) => Err("That date is over.".to_owned()),
            Goal::Range(_) => Err("Say one date.".to_owned()),
        }
    }

    /// What the station said.
    fn collect(&mut self) {
        let Some(reply) = self.sent.as_mut().and_then(Pending::poll) else { return };
        self.sent = None;
        match reply {
            Some(Reply::AlarmsDone { count, refused }) => {
                self.is_done = true;
                self.said = not_done(count, &refused);
            }
            Some(Reply::Refused { why }) => self.said = Some(format!("Not done: {why}.")),
            Some(_) => self.is_done = true,
            None => self.said = Some("The station stopped before it answered.".to_owned()),
        }
    }
}

/// To which alarms something was not done; none where it was done to all.
pub(in crate::gui) fn not_done(count: usize, refused: &[crate::engine::NotDone]) -> Option<String> {
    if refused.is_empty() {
        return None;
    }
    let all: Vec<String> = refused.iter().map(ToString::to_string).collect();
    Some(format!("Done to {}, but not to all: {}.", format::counted(count, "alarm"), all.join("; ")))
}
