//! Trends under names: those of the engineer and those that operators saved, chosen and kept by keyboard.

use super::TrendView;
use super::axes::{AxisId, AxisSetting};
use super::input::Wish;
use super::pens::{Pen, Pens};
use super::scene_of::counted;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, strong};
use crate::gui::widgets::{button, is_left, quiet, search};
use crate::screen::{TrendGroup, TrendPen};
use crate::station::Ticket;
use crate::tag::Directory;
use egui::{Align, Id, Key, Layout, Modal, Modifiers, RichText, ScrollArea, Ui};
use std::collections::BTreeMap;

type Answer = Result<Vec<TrendGroup>, String>;

/// The groups, and the list of them when it is open.
#[derive(Default)]
pub(super) struct Groups {
    saved: Vec<TrendGroup>,
    pending: Option<Ticket<Answer>>,
    is_asked: bool,
    failed: Option<String>,
    pub(super) is_open: bool,
    is_focused: bool,
    text: String,
    /// The group that is drawn.
    pub(super) current: Option<String>,
}

impl Groups {
    /// Asks once for what was saved; later answers come with what is changed.
    fn refresh(&mut self, scene: &Scene<'_>) {
        if !std::mem::replace(&mut self.is_asked, true) {
            self.pending = Some(scene.handle.trend_groups());
        }
        let Some(answer) = self.pending.as_mut().and_then(Ticket::poll) else { return };
        self.pending = None;
        match answer {
            Some(Ok(groups)) => (self.saved, self.failed) = (groups, None),
            Some(Err(why)) => self.failed = Some(why),
            None => self.failed = Some("too many questions wait; try again".to_owned()),
        }
    }

    fn open(&mut self) {
        (self.is_open, self.is_focused, self.is_asked) = (true, false, false);
        self.text.clear();
    }
}

/// The groups whose names hold all the words, those of the engineer first.
fn fitting<'a>(engineer: &'a [TrendGroup], saved: &'a [TrendGroup], text: &str) -> Vec<&'a TrendGroup> {
    let words = text.to_lowercase();
    let fits = |group: &&TrendGroup| {
        let name = group.name.to_lowercase();
        words.split_whitespace().all(|word| name.contains(word))
    };
    engineer.iter().chain(saved).filter(fits).collect()
}

/// What is drawn, as a group.
fn kept(
    name: &str,
    span: f64,
    pens: &Pens,
    settings: &BTreeMap<AxisId, AxisSetting>,
    directory: &Directory,
) -> TrendGroup {
    let keep = |pen: &Pen| {
        let definition = directory.find(pen.key.as_str()).and_then(|tag| directory.tag(tag));
        let setting = settings.get(&pen.axis(definition)).copied().unwrap_or_default();
        TrendPen {
            tag: pen.key.clone(),
            own_axis: pen.has_own_axis,
            range: setting.range,
            log: setting.is_log,
            straight: pen.is_linear,
            hidden: pen.is_hidden,
        }
    };
    let pens = pens.list.iter().map(keep).collect();
    TrendGroup { name: name.to_owned(), span_seconds: span, author: None, pens }
}

/// The pens and axes of a group.
fn drawn(group: &TrendGroup, directory: &Directory) -> (Pens, BTreeMap<AxisId, AxisSetting>) {
    let (mut pens, mut settings) = (Pens::default(), BTreeMap::new());
    for kept in &group.pens {
        pens.add(kept.tag.clone());
        let Some(pen) = pens.selected_mut() else { continue };
        (pen.has_own_axis, pen.is_linear, pen.is_hidden) = (kept.own_axis, kept.straight, kept.hidden);
        let definition = directory.find(kept.tag.as_str()).and_then(|tag| directory.tag(tag));
        let setting = AxisSetting { range: kept.range, is_log: kept.log };
        if setting != AxisSetting::default() {
            settings.insert(pen.axis(definition), setting);
        }
    }
    pens.selected = 0;
    (pens, settings)
}

/// What was chosen in the list.
enum Chosen {
    Open(TrendGroup),
    Save(String),
    Forget(String),
    Close,
}

impl TrendView {
    /// The button that opens the list, with the name of what is drawn.
    pub(super) fn group_button(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let name = self.groups.current.as_deref().unwrap_or("Groups");
        let short: String = name.chars().take(16).collect();
        let words = if short.len() < name.len() { format!("{short}… T") } else { format!("{short} T") };
        if button(ui, &words, false, &scene.palette).on_hover_text(name).clicked() {
            self.carry_out(ui, scene, Wish::Groups);
        }
    }

    pub(super) fn open_groups(&mut self) {
        self.groups.open();
    }

    pub(super) fn group_list(&mut self, ui: &Ui, scene: &Scene<'_>) {
        if !self.groups.is_open && self.groups.pending.is_none() {
            return;
        }
        self.groups.refresh(scene);
        if !self.groups.is_open {
            return;
        }
        let directory = &scene.snapshot.plan.directory;
        match self.choose(ui, scene) {
            Some(Chosen::Open(group)) => {
                (self.pens, self.axis_settings) = drawn(&group, directory);
                let before = self.window;
                self.window.span = group.span_seconds.max(1.0);
                self.trail.moved(before, scene.now.monotonic);
                self.xy = None;
                (self.groups.current, self.groups.is_open) = (Some(group.name), false);
            }
            Some(Chosen::Save(name)) => {
                let group = kept(&name, self.window.span, &self.pens, &self.axis_settings, directory);
                self.groups.pending = Some(scene.handle.save_trend_group(group));
                (self.groups.current, self.groups.is_open) = (Some(name), false);
            }
            Some(Chosen::Forget(name)) => self.groups.pending = Some(scene.handle.forget_trend_group(&name)),
            Some(Chosen::Close) => self.groups.is_open = false,
            None => {}
        }
    }

    fn choose(&mut self, ui: &Ui, scene: &Scene<'_>) -> Option<Chosen> {
        let palette = scene.palette;
        let engineer = &scene.snapshot.plan.trends;
        let id = Id::unique("trend groups");
        let area = Modal::default_area(id).accessible_name("Trend groups");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(440.0);
            ui.label(RichText::new("Trend groups").font(strong(15.0)).color(palette.text));
            quiet(ui, "Type to find one and press Enter, or type a new name and save what is drawn.", &palette);
            let field = search(ui, &mut self.groups.text, id.with("name"), "Name of a group", 416.0);
            if !self.groups.is_focused && !ui.is_sizing_pass() {
                field.request_focus();
                self.groups.is_focused = true;
            }
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let found = fitting(engineer, &self.groups.saved, &self.groups.text);
            let mut chosen = found.first().filter(|_| entered).map(|group| Chosen::Open((*group).clone()));
            ui.add_space(4.0);
            ScrollArea::vertical().max_height(300.0).auto_shrink([false, true]).show(ui, |ui| {
                for group in &found {
                    chosen = row(ui, group, &palette).or(chosen.take());
                }
            });
            if found.is_empty() {
                quiet(ui, "No group has such a name.", &palette);
            }
            if let Some(why) = &self.groups.failed {
                ui.add(egui::Label::new(RichText::new(why).font(plain(12.0)).color(palette.text)).wrap());
            }
            ui.add_space(6.0);
            let name = self.groups.text.trim();
            let is_engineers = engineer.iter().any(|group| group.name == name);
            let lacks = match name {
                "" => "To save, type a name.",
                _ if is_engineers => "A group of the station file has this name; take another one.",
                _ if self.pens.list.is_empty() => "There is no pen to save.",
                _ => "",
            };
            ui.horizontal(|ui| {
                let save = ui.add_enabled(lacks.is_empty(), egui::Button::new("Save what is drawn Ctrl Enter"));
                let pressed = ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
                if lacks.is_empty() && (save.clicked() || pressed) {
                    chosen = Some(Chosen::Save(name.to_owned()));
                }
                if button(ui, "Close Esc", false, &palette).clicked() {
                    chosen = Some(Chosen::Close);
                }
            });
            quiet(ui, if lacks.is_empty() { " " } else { lacks }, &palette);
            chosen
        });
        let closes = is_left(&shown, !self.groups.text.trim().is_empty());
        shown.inner.or(closes.then_some(Chosen::Close))
    }
}

fn row(ui: &mut Ui, group: &TrendGroup, palette: &crate::gui::theme::Palette) -> Option<Chosen> {
    let mut chosen = None;
    ui.horizontal(|ui| {
        if button(ui, &group.name, false, palette).clicked() {
            chosen = Some(Chosen::Open(group.clone()));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let by = match &group.author {
                Some(author) => {
                    let forget = ui.add(egui::Button::new("×").frame(false));
                    if forget.accessible_name(format!("Forget {}", group.name)).clicked() {
                        chosen = Some(Chosen::Forget(group.name.clone()));
                    }
                    format!("{}, by {author}", counted(group.pens.len()))
                }
                None => format!("{}, station file", counted(group.pens.len())),
            };
            quiet(ui, by, palette);
        });
    });
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{TagDefinition, TagKey};

    fn directory() -> Directory {
        let tag = |name: &str, unit: &str| TagDefinition { unit: unit.into(), ..TagDefinition::named(name) };
        Directory::new(vec![tag("level", "m"), tag("depth", "m"), tag("speed", "rpm")], Vec::new(), Vec::new())
    }

    #[test]
    fn what_is_saved_is_drawn_again() {
        let directory = directory();
        let mut pens = Pens::default();
        ["level", "depth", "speed"].iter().for_each(|name| pens.add(TagKey::from(*name)));
        pens.list[1].has_own_axis = true;
        pens.list[2].is_hidden = true;
        pens.list[2].is_linear = true;
        let settings = BTreeMap::from([
            (AxisId::Own(TagKey::from("depth")), AxisSetting { range: Some([0.0, 5.0]), is_log: false }),
            (AxisId::Unit("rpm".into()), AxisSetting { range: None, is_log: true }),
        ]);
        let group = kept("storm", 7200.0, &pens, &settings, &directory);
        let tags: Vec<&str> = group.pens.iter().map(|pen| pen.tag.as_str()).collect();
        assert_eq!(tags, ["level", "depth", "speed"]);
        let text = serde_json::to_string(&group).unwrap();
        let (again, settings_again) = drawn(&serde_json::from_str(&text).unwrap(), &directory);
        assert_eq!(settings_again, settings);
        assert_eq!(kept("storm", 7200.0, &again, &settings_again, &directory), group);
        assert_eq!(again.selected, 0);
    }

    #[test]
    fn groups_are_found_by_parts_of_their_names() {
        let group =
            |name: &str| TrendGroup { name: name.to_owned(), span_seconds: 1.0, author: None, pens: Vec::new() };
        let (engineer, saved) = ([group("South storm")], [group("Pumps south"), group("Rain")]);
        let names = |text: &str| {
            fitting(&engineer, &saved, text).iter().map(|group| group.name.clone()).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(names("south"), "South storm, Pumps south");
        assert_eq!(names("SOUTH pump"), "Pumps south");
        assert_eq!(names(""), "South storm, Pumps south, Rain");
        assert_eq!(names("x"), "");
    }
}
