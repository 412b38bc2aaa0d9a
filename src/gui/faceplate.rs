//! One tag in all particulars, and the dialog that sets it. The dialog stands beside the process, never over it.

use super::format;
use super::loop_check::LoopCheck;
use super::scene::{Action, Scene};
use super::theme::{Palette, plain, strong};
use super::trust::Trust;
use super::widgets::{Spark, button, hatch, key_value, primary_button, quiet, small_trend};
use crate::audit::RequestId;
use crate::command::{CommandSettings, Phase};
use crate::engine::Snapshot;
use crate::tag::{TagDefinition, TagId, TagKey, Timestamp, Value};
use egui::{Key, Modifiers, RichText, ScrollArea, TextEdit, Ui, vec2};

/// How far back the small trend looks, in seconds.
const TREND_SECONDS: u64 = 600;

/// A value being put together.
#[derive(Default)]
struct Draft {
    text: String,
    reason: String,
    /// What stood there when the dialog was opened; the engine refuses if it has moved since.
    seen: Option<Value>,
}

/// The faceplate of the selected tag.
#[derive(Default)]
pub(super) struct Faceplate {
    tag: Option<TagKey>,
    draft: Option<Draft>,
    sent: Option<RequestId>,
    wanted: bool,
    trust: Trust,
    loop_check: LoopCheck,
}

impl Faceplate {
    /// Shows this tag. A command that is being put together for another one is dropped.
    pub(super) fn show(&mut self, tag: TagId, snapshot: &Snapshot) {
        let key = snapshot.plan.directory.tag(tag).map(|definition| definition.key.clone());
        if self.tag != key {
            self.tag = key;
            (self.draft, self.wanted) = (None, false);
            self.loop_check.forget();
        }
    }

    /// The loop check of the tag that is shown.
    pub(super) fn loop_check(&mut self) -> &mut LoopCheck {
        &mut self.loop_check
    }

    /// Opens the dialog of the tag that is shown, where it can be set.
    pub(super) fn begin(&mut self) {
        self.wanted = true;
    }

    /// Shows where the value comes from, or hides it.
    pub(super) fn toggle_trust(&mut self) {
        self.trust.toggle();
    }

    /// A command was sent under this name.
    pub(super) fn sent(&mut self, request: RequestId) {
        self.sent = Some(request);
        self.draft = None;
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let plan = std::sync::Arc::clone(&scene.snapshot.plan);
            let found = self.tag.as_ref().and_then(|key| plan.directory.find(key.as_str()));
            let Some((id, definition)) = found.and_then(|id| Some((id, plan.directory.tag(id)?))) else {
                quiet(ui, "Choose a tag to see all of it here, and to set it.", &palette);
                return;
            };
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                facts(ui, scene, id, definition);
                if let Some(settings) = plan.commands.get(&id) {
                    ui.separator();
                    self.command(ui, scene, id, definition, settings);
                }
                commands(ui, scene, id, definition);
                ui.separator();
                self.loop_check.ui(ui, scene, id, definition);
                ui.add_space(4.0);
                self.trust.ui(ui, scene, id, definition);
            });
        });
    }

    fn command(
        &mut self,
        ui: &mut Ui,
        scene: &mut Scene<'_>,
        id: TagId,
        definition: &TagDefinition,
        settings: &CommandSettings,
    ) {
        let palette = scene.palette;
        ui.label(RichText::new("Set a new value").font(strong(14.0)).color(palette.text));
        if std::mem::take(&mut self.wanted) && self.draft.is_none() {
            self.open(ui, scene, id);
        }
        if self.draft.is_none() {
            self.outcome(ui, scene, definition);
            if button(ui, "Set... F4", false, &palette).clicked() {
                self.open(ui, scene, id);
            }
            return;
        }
        let Some(draft) = &mut self.draft else { return };
        fields(ui, draft, definition, settings, &palette);
        let parsed = echo(ui, draft, definition, settings, scene);
        let ready = parsed.is_some() && !draft.reason.trim().is_empty();
        let (mut send, mut cancel) = (false, false);
        ui.horizontal(|ui| {
            send = primary_button(ui, "Send Ctrl Enter", ready, &palette).clicked();
            cancel = button(ui, "Cancel Esc", false, &palette).clicked();
        });
        send |= ready && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
        cancel |= ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        if cancel {
            self.draft = None;
        } else if let (true, Some(value)) = (send, parsed) {
            let (seen, reason) = (draft.seen.clone(), draft.reason.trim().to_owned());
            scene.act(Action::Command { tag: definition.key.clone(), value, seen, reason });
        }
    }

    /// Opens the dialog with the keyboard in its first field: what is typed from now on, in this very frame, belongs there. A first
    /// digit that went astray would make another number of it.
    fn open(&mut self, ui: &Ui, scene: &Scene<'_>, id: TagId) {
        self.draft = Some(Draft { seen: scene.snapshot.value(id), ..Draft::default() });
        ui.memory_mut(|memory| memory.request_focus(egui::Id::unique("new value")));
    }

    /// What became of the command that was sent last from here.
    fn outcome(&self, ui: &mut Ui, scene: &Scene<'_>, definition: &TagDefinition) {
        let Some(sent) = &self.sent else { return };
        let Some(view) = scene.snapshot.commands.iter().find(|view| &view.id == sent) else { return };
        if scene.snapshot.plan.directory.tag(view.tag).map(|tag| &tag.key) != Some(&definition.key) {
            return;
        }
        let words = format!("{}: {}", exact(definition, &view.value), view.phase.words());
        ui.add(egui::Label::new(RichText::new(words).font(strong(13.0)).color(scene.palette.text)).wrap());
    }
}

fn facts(ui: &mut Ui, scene: &mut Scene<'_>, id: TagId, definition: &TagDefinition) {
    let palette = scene.palette;
    ui.add(egui::Label::new(RichText::new(definition.key.as_str()).font(strong(15.0)).color(palette.text)).truncate());
    let device = definition.device.and_then(|device| scene.snapshot.plan.directory.device(device));
    let wire = device.map_or_else(|| "station".to_owned(), |device| format!("{} · {}", device.name, device.address));
    let from = device.and_then(|device| device.station.as_ref());
    let from = from.map_or_else(String::new, |station| format!(" · from the station {station}"));
    quiet(ui, format!("{wire} · {}{from}", definition.address), &palette);
    ui.add_space(6.0);
    big_value(ui, scene, id, definition);
    if !definition.description.is_empty() {
        ui.add(egui::Label::new(RichText::new(&*definition.description).font(plain(13.0)).color(palette.text)).wrap());
    }
    trend(ui, scene, id, definition);
    let live = scene.snapshot.live(id).copied();
    if let Some(live) = live {
        key_value(ui, "Quality", live.quality.words(), &palette);
        if let Some(detail) = scene.snapshot.details.get(&id) {
            ui.add(egui::Label::new(RichText::new(&**detail).font(plain(13.0)).color(palette.text)).wrap());
        }
        let age = live.age_seconds(scene.now.monotonic).map_or_else(|| "never".to_owned(), format::age);
        key_value(ui, "Age", age, &palette);
    }
    if let Some([low, high]) = definition.range {
        let decimals = definition.decimals;
        key_value(
            ui,
            "Range",
            format!("{} ... {}", format::number(low, decimals), format::number(high, decimals)),
            &palette,
        );
    }
    for alarm in scene.snapshot.plan.alarms.iter().filter(|alarm| alarm.subject == crate::alarm::Subject::Tag(id)) {
        let limit = alarm
            .condition
            .limit()
            .map_or_else(String::new, |limit| format!(" {}", format::number(limit, definition.decimals)));
        key_value(
            ui,
            &format!("Alarm {}", alarm.condition.word()),
            format!("priority {}{limit}", alarm.priority.number()),
            &palette,
        );
    }
    if button(ui, "Open trend", false, &palette).clicked() {
        scene.act(Action::Trend(definition.key.clone()));
    }
}

fn big_value(ui: &mut Ui, scene: &Scene<'_>, id: TagId, definition: &TagDefinition) {
    let palette = scene.palette;
    let bad = scene.snapshot.live(id).is_none_or(|live| live.quality.is_bad());
    let shown = scene.snapshot.value(id).map_or_else(|| "?".to_owned(), |value| format::value(definition, &value));
    let color = if bad { palette.faint } else { palette.value };
    let response = ui.horizontal(|ui| {
        ui.label(RichText::new(shown).font(strong(28.0)).color(color));
        ui.label(RichText::new(&*definition.unit).font(plain(14.0)).color(palette.muted));
    });
    if bad {
        hatch(ui.painter(), response.response.rect.shrink2(vec2(0.0, 6.0)), super::theme::faded(palette.muted, 0.5));
    }
}

fn trend(ui: &mut Ui, scene: &mut Scene<'_>, id: TagId, definition: &TagDefinition) {
    let (limits, now) = (scene.limits_of(id), scene.now.utc);
    let (columns, span) = scene.history.last(scene.handle, &definition.key, TREND_SECONDS, 300, scene.now);
    let spark = Spark { columns, span, limits: &limits };
    let label = |moment: f64, value: f64| {
        let shown = format::with_unit(definition, &Value::Double(value));
        format!("{shown}  {}", format::clock(Timestamp::from_seconds(moment), now))
    };
    small_trend(ui, "Trend of the last 10 minutes", 72.0, &spark, &[], label, &scene.palette);
}

fn fields(ui: &mut Ui, draft: &mut Draft, definition: &TagDefinition, settings: &CommandSettings, palette: &Palette) {
    ui.horizontal(|ui| {
        ui.add_sized([54.0, 24.0], egui::Label::new(RichText::new("New").color(palette.muted)));
        let field = TextEdit::singleline(&mut draft.text)
            .id(egui::Id::unique("new value"))
            .desired_width(110.0)
            .font(strong(14.0));
        ui.add(field).accessible_name("New value");
        ui.label(RichText::new(&*definition.unit).color(palette.muted));
        let limits = match (settings.min, settings.max) {
            _ if settings.boolean => "on or off".to_owned(),
            (Some(min), Some(max)) => {
                format!("{} ... {}", format::number(min, definition.decimals), format::number(max, definition.decimals))
            }
            (Some(min), None) => format!("from {}", format::number(min, definition.decimals)),
            (None, Some(max)) => format!("up to {}", format::number(max, definition.decimals)),
            (None, None) => "no limits".to_owned(),
        };
        ui.label(RichText::new(limits).color(palette.muted));
    });
    ui.horizontal(|ui| {
        ui.add_sized([54.0, 24.0], egui::Label::new(RichText::new("Reason").color(palette.muted)));
        let field = TextEdit::singleline(&mut draft.reason).id(egui::Id::unique("reason")).desired_width(f32::INFINITY);
        ui.add(field).accessible_name("Reason");
    });
}

/// Says back what was understood, before anything goes: old and new value, difference, read-back, what is wrong.
fn echo(
    ui: &mut Ui,
    draft: &Draft,
    definition: &TagDefinition,
    settings: &CommandSettings,
    scene: &Scene<'_>,
) -> Option<Value> {
    let palette = scene.palette;
    let parsed = parse(draft, definition, settings);
    egui::Frame::NONE.fill(palette.sunk).inner_margin(egui::Margin::same(10)).corner_radius(3).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        match &parsed {
            Ok(value) => {
                let old = draft.seen.as_ref().map_or_else(|| "?".to_owned(), |seen| format::value(definition, seen));
                let change = match (draft.seen.as_ref().and_then(Value::as_f64), value.as_f64()) {
                    (Some(old), Some(new)) if !settings.boolean && definition.states.is_empty() => {
                        let sign = if new >= old { "+" } else { "" };
                        format!(" ({sign}{})", exact_number(new - old, definition.decimals))
                    }
                    _ => String::new(),
                };
                let words = format!("{old} → {}{change}", exact(definition, value));
                ui.label(RichText::new(words).font(strong(14.0)).color(palette.text));
            }
            Err(why) => {
                ui.add(egui::Label::new(RichText::new(why).font(strong(13.0)).color(palette.text)).wrap());
            }
        }
        let read_back = settings.read_back.and_then(|tag| scene.snapshot.plan.directory.tag(tag));
        let words = match read_back {
            Some(tag) => {
                format!("Read-back: {} within {} in {} s", tag.key, settings.tolerance, settings.within.as_secs())
            }
            None => "Read-back: none; the outcome will say so".to_owned(),
        };
        ui.add(egui::Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).wrap());
        let words = if draft.reason.trim().is_empty() {
            "A reason is needed. It is recorded before anything is sent."
        } else {
            "Will be recorded before it is sent."
        };
        ui.add(egui::Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).wrap());
    });
    parsed.ok()
}

/// A number with all the digits that it has, where its tag shows fewer.
fn exact_number(number: f64, decimals: u8) -> String {
    let rounded = format::number(number, decimals);
    // Differences of decimals carry dust behind their last digit.
    let clean = (number * 1e9).round() / 1e9;
    if rounded.replace('\u{2009}', "").parse() == Ok(clean) { rounded } else { clean.to_string() }
}

/// Every digit of what will be sent: nothing is rounded away in the echo.
fn exact(definition: &TagDefinition, value: &Value) -> String {
    let rounded = format::with_unit(definition, value);
    let plainly = value.to_string();
    match value.as_f64() {
        Some(number)
            if definition.states.is_empty()
                && format::number(number, definition.decimals).replace('\u{2009}', "").parse() != Ok(number) =>
        {
            format!("{plainly} {}", definition.unit)
        }
        _ => rounded,
    }
}

fn parse(draft: &Draft, definition: &TagDefinition, settings: &CommandSettings) -> Result<Value, String> {
    if draft.text.trim().is_empty() {
        return Err(if definition.states.is_empty() {
            "Type the new value.".to_owned()
        } else {
            format!("Type one of: {}", definition.states.words().collect::<Vec<_>>().join(", "))
        });
    }
    let word = definition.states.number(draft.text.trim());
    let value = match word {
        Some(number) if settings.boolean => Value::Bool(number == 1),
        Some(number) => Value::Signed(number),
        None => settings.parse(&draft.text).map_err(|error| error.to_string())?,
    };
    settings.check(&value)?;
    Ok(value)
}

fn commands(ui: &mut Ui, scene: &Scene<'_>, id: TagId, definition: &TagDefinition) {
    let palette = scene.palette;
    let mine: Vec<_> = scene.snapshot.commands.iter().filter(|view| view.tag == id).take(6).collect();
    if mine.is_empty() {
        return;
    }
    ui.separator();
    ui.label(RichText::new("Commands").font(strong(14.0)).color(palette.text));
    for view in mine {
        let old = view.old.as_ref().map_or_else(|| "?".to_owned(), |old| format::value(definition, old));
        let time = format::clock(view.time, scene.now.utc);
        let words = format!("{time}  {old} → {}  {}", exact(definition, &view.value), view.principal);
        ui.add(egui::Label::new(RichText::new(words).font(plain(13.0)).color(palette.text)).truncate());
        let weight = match &view.phase {
            Phase::Ended(outcome, _) if outcome.word() != "verified" => strong(12.0),
            _ => plain(12.0),
        };
        ui.add(egui::Label::new(RichText::new(view.phase.words()).font(weight).color(palette.muted)).wrap());
    }
}
