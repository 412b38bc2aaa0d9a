//! Alarms that are set aside: by whom, why, until when, and what their condition does meanwhile.

use super::row::{area_of, numbers};
use super::selection::{Manner, Selection};
use crate::alarm::{AlarmKey, AlarmView, Aside};
use crate::engine::{AlarmName, RequestBody};
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{plain, size, strong};
use crate::gui::widgets::columns::{Column, words};
use crate::gui::widgets::{Ink, RowWords, Rows, button, key_value, mark_ui, primary_button, quiet, table_row};
use egui::{Label, RichText, TextEdit, Ui};
use std::collections::HashSet;
use std::sync::Arc;

/// The tab.
#[derive(Default)]
pub(super) struct SetAside {
    selection: Selection<AlarmKey>,
    comment: String,
}

impl SetAside {
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| self.table(ui, scene));
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.details(ui, scene));
    }

    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        const COLUMNS: [Column; 5] = [
            words("Alarm", 0.0),
            words("State", 110.0),
            words("By", 100.0),
            words("Until", 104.0),
            words("Condition", 126.0),
        ];
        let palette = scene.palette;
        let views = &scene.snapshot.alarms.set_aside;
        if self.selection.len() > 0 {
            let there: HashSet<&AlarmKey> = views.iter().map(|view| &view.key).collect();
            self.selection.keep(|key| there.contains(key));
        }
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            if views.is_empty() {
                ui.add_space(10.0);
                ui.horizontal(|ui| {
                    ui.add_space(12.0);
                    quiet(ui, "No alarm is shelved, suppressed by design or out of service.", &palette);
                });
                return;
            }
            let last = self.selection.last();
            let selected = last.and_then(|key| views.iter().position(|view| view.key == key));
            let is_selected = |row: usize| views.get(row).is_some_and(|view| self.selection.contains(&view.key));
            let rows = Rows::new("alarms set aside", &COLUMNS, views.len()).with_others(&is_selected);
            let takes_all = rows.takes_all(ui, selected);
            let chosen = rows.show(ui, selected, &palette, |ui, place, rect| {
                let view = &views[place];
                let cells = cells(scene, view);
                let told = format!("{}, {}, {}, {}, {}", cells[0], cells[1], cells[2], cells[3], cells[4]);
                let hover = view.aside.as_ref().map(|aside| aside.reason().to_owned());
                let condition = if view.condition.active { Ink::bold(&palette) } else { Ink::muted(&palette) };
                let [alarm, state, by, until, says] = cells;
                let (text, muted) = (Ink::text(&palette), Ink::muted(&palette));
                let cells = [(alarm, text.clone()), (state, text), (by, muted.clone()), (until, muted)];
                let [one, two, three, four] = cells;
                table_row(ui.painter(), &COLUMNS, rect, &[one, two, three, four, (says, condition)]);
                RowWords { words: told, hover }
            });
            let order = || views.iter().map(|view| view.key.clone()).collect::<Vec<_>>();
            if takes_all {
                self.selection.take_all(&order());
            } else if let Some(view) = chosen.and_then(|row| views.get(row)) {
                let manner = Manner::of(ui.input(|input| input.modifiers));
                self.selection.choose(view.key.clone(), manner, &order());
            }
        });
    }

    fn details(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        let board = Arc::clone(&scene.snapshot.alarms);
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let last = self.selection.last();
            let found = last.and_then(|key| board.set_aside.iter().find(|view| view.key == key));
            let Some((view, aside)) = found.and_then(|view| Some((view, view.aside.as_deref()?))) else {
                quiet(ui, "Choose an alarm to see who set it aside and why, and to take it back.", &palette);
                return;
            };
            let selected: Vec<&AlarmView> =
                board.set_aside.iter().filter(|view| self.selection.contains(&view.key)).collect();
            ui.horizontal_top(|ui| {
                mark_ui(ui, view.priority, &palette, true);
                ui.add(Label::new(RichText::new(&*view.message).font(strong(15.0)).color(palette.text)).wrap());
            });
            facts(ui, scene, view);
            kinds(ui, scene, aside);
            self.take_back(ui, scene, view, &selected);
        });
    }

    /// Takes back the alarm, or all that are selected.
    fn take_back(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, view: &AlarmView, selected: &[&AlarmView]) {
        let palette = scene.palette;
        ui.add_space(8.0);
        quiet(ui, "Comment", &palette);
        ui.add(TextEdit::singleline(&mut self.comment).desired_width(f32::INFINITY)).accessible_name("Comment");
        ui.add_space(4.0);
        let named = |wanted: &dyn Fn(&Aside) -> bool| -> Vec<AlarmName> {
            let fits = |view: &&&AlarmView| view.aside.as_deref().is_some_and(wanted);
            selected.iter().filter(fits).map(|view| AlarmName::Key(view.key.clone())).collect()
        };
        let shelved = named(&|aside| aside.shelf.is_some());
        let out = named(&|aside| aside.out_of_service.is_some());
        let is_one = selected.len() == 1;
        let words = |one: &str, count: usize| if is_one { one.to_owned() } else { format!("{one} ({count})") };
        ui.horizontal_wrapped(|ui| {
            if primary_button(ui, &words("Unshelve", shelved.len()), !shelved.is_empty(), &palette).clicked() {
                let comment = std::mem::take(&mut self.comment).into();
                scene.act(Action::Request(RequestBody::Unshelve { alarms: shelved, comment }));
            }
            if primary_button(ui, &words("Return to service", out.len()), !out.is_empty(), &palette).clicked() {
                let comment = std::mem::take(&mut self.comment).into();
                scene.act(Action::Request(RequestBody::ReturnToService { alarms: out, comment }));
            }
            if let crate::alarm::Subject::Tag(tag) = view.subject
                && button(ui, "Open tag", false, &palette).clicked()
            {
                scene.act(Action::Select(tag));
            }
        });
        if !is_one {
            quiet(ui, format!("These buttons are about all {} that are selected.", selected.len()), &palette);
        }
    }
}

fn cells(scene: &Scene<'_>, view: &AlarmView) -> [String; 5] {
    let aside = view.aside.as_deref();
    let until =
        aside.and_then(Aside::until).map_or_else(|| "no date".to_owned(), |until| format::clock(until, scene.now.utc));
    let by = aside.and_then(Aside::by).map_or_else(String::new, ToString::to_string);
    let state = format::state(view.state).to_owned();
    [view.message.to_string(), state, by, until, view.condition.words().to_owned()]
}

fn facts(ui: &mut Ui, scene: &Scene<'_>, view: &AlarmView) {
    let palette = scene.palette;
    let (value, limit) = numbers(scene, view);
    key_value(ui, "Condition", view.condition.words(), &palette);
    if !value.is_empty() {
        key_value(ui, "Value now", value, &palette);
    }
    if !limit.is_empty() {
        key_value(ui, "Limit", limit, &palette);
    }
    let area = area_of(scene, view);
    if !area.is_empty() {
        key_value(ui, "Area", &*area, &palette);
    }
    key_value(ui, "Alarm", view.key.as_str(), &palette);
}

/// Every way in which it is set aside; they can hold at the same time.
fn kinds(ui: &mut Ui, scene: &Scene<'_>, aside: &Aside) {
    let clock = |time| format::clock(time, scene.now.utc);
    if let Some(out) = &aside.out_of_service {
        let until = out.limit.as_ref().map_or_else(|| "somebody returns it".to_owned(), |limit| clock(limit.until));
        kind(ui, scene, format!("Out of service since {}, until {until}", clock(out.since)), &out.by, &out.reason);
    }
    if let Some(suppression) = &aside.suppression {
        let words = format!("Suppressed by design since {}", clock(suppression.since));
        kind(ui, scene, words, &suppression.by, &suppression.reason);
    }
    if let Some(shelf) = &aside.shelf {
        let once = if shelf.one_shot { " or its condition is gone" } else { "" };
        let words = format!("Shelved since {}, until {}{once}", clock(shelf.since), clock(shelf.limit.until));
        kind(ui, scene, words, &shelf.by, &shelf.reason);
    }
}

fn kind(ui: &mut Ui, scene: &Scene<'_>, words: String, by: &dyn std::fmt::Display, reason: &str) {
    let palette = scene.palette;
    ui.add_space(6.0);
    ui.add(Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
    ui.add(Label::new(RichText::new(format!("{by}: {reason}")).font(plain(13.0)).color(palette.text)).wrap());
}
