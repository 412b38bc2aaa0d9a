//! Bad actors: alarms that chatter or are over before anybody can act, each with the setting that would have helped most, out of its own
//! history. What is saved is shown by the reload before the station goes on with it.

use super::alarm_figures::FiguresView;
use crate::alarm::AlarmDefinition;
use crate::alarm::backtest::Proposal;
use crate::alarm::figures::{AlarmFigures, Figures, Period};
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{Palette, plain, size, strong};
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, RowWords, Rows, button, primary_button, quiet, table_row};
use crate::station::{History, Ticket};
use crate::tag::Generation;
use egui::{Label, RichText, ScrollArea, Ui};
use std::collections::HashMap;
use std::sync::Arc;

/// Bad actors for which proposals are worked out: those who deal with these have done most of the work.
const WORST: usize = 20;

type Answer = Result<Proposal, String>;

/// What proposals are worked out of. Where it is another, they are worked out anew.
type Basis = (u64, Generation);

/// The page.
#[derive(Default)]
pub(super) struct BadActorsView {
    basis: Option<Basis>,
    /// The figures of the last frame, and the bad actors in them.
    figures: Option<Arc<Figures>>,
    actors: Arc<[AlarmFigures]>,
    proposals: HashMap<Arc<str>, Answer>,
    /// The alarm that is being replayed.
    ticket: Option<(Arc<str>, Ticket<Answer>)>,
    chosen: Option<Arc<str>>,
    saving: Option<Ticket<Result<String, String>>>,
    said: Option<String>,
}

impl BadActorsView {
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, figures: &mut FiguresView) {
        figures.keep(scene);
        self.receive(scene);
        ui.horizontal(|ui| {
            figures.periods(ui, &scene.palette);
            quiet(ui, figures.state(scene), &scene.palette);
        });
        ui.add_space(4.0);
        let actors = self.actors(figures);
        if let Some(period) = figures.shown().map(|figures| figures.period) {
            self.work_out(scene, figures.hours(), period, &actors);
        }
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| self.table(ui, scene, figures, &actors));
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.details(ui, scene, &actors));
    }

    /// The bad actors of the figures, the worst first.
    fn actors(&mut self, figures: &FiguresView) -> Arc<[AlarmFigures]> {
        let is_same = match (&self.figures, figures.shown()) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            self.figures = figures.shown().cloned();
            let actors = self.figures.iter().flat_map(|figures| figures.bad_actors()).cloned();
            self.actors = actors.collect();
        }
        Arc::clone(&self.actors)
    }

    /// One alarm is replayed at a time, first the one that was chosen, then the worst.
    fn work_out(&mut self, scene: &Scene<'_>, hours: u64, period: Period, actors: &[AlarmFigures]) {
        let basis = (hours, scene.snapshot.plan.generation);
        if self.basis != Some(basis) {
            (self.basis, self.ticket) = (Some(basis), None);
            self.proposals.clear();
        }
        if self.ticket.is_some() {
            return;
        }
        let chosen = actors.iter().filter(|actor| Some(&actor.alarm) == self.chosen.as_ref());
        let mut waiting = chosen.chain(actors.iter().take(WORST));
        let Some(actor) = waiting.find(|actor| !self.proposals.contains_key(&actor.alarm)).cloned() else { return };
        let plan = Arc::clone(&scene.snapshot.plan);
        let alarm = actor.alarm.clone();
        let ticket = scene.handle.ask_long(move |context, _| {
            let records = context.records().to_owned();
            let reader = context.samples().map_err(|error| format!("history cannot be read: {error}"))?;
            let history = History::new(reader, &records, &plan, period).map_err(|error| error.to_string())?;
            history.propose_for(&actor).map_err(|error| error.to_string())
        });
        self.ticket = Some((alarm, ticket));
    }

    fn receive(&mut self, scene: &mut Scene<'_>) {
        if let Some((alarm, ticket)) = &mut self.ticket
            && let Some(answer) = ticket.poll()
        {
            let answer = answer.unwrap_or_else(|| Err("too many questions wait; choose the period again".to_owned()));
            self.proposals.insert(alarm.clone(), answer);
            self.ticket = None;
        }
        if let Some(answer) = self.saving.as_mut().and_then(Ticket::poll) {
            self.saving = None;
            self.said = Some(match answer {
                Some(Ok(files)) => {
                    scene.act(Action::Reload);
                    format!("{files} written. The station goes on as it was until the change is applied: F5.")
                }
                Some(Err(why)) => format!("Not saved: {why}."),
                None => "Not saved: the station has too much to do; try again.".to_owned(),
            });
        }
    }

    /// What is proposed, in a few words.
    fn words_of(&self, alarm: &Arc<str>) -> String {
        match self.proposals.get(alarm) {
            Some(Ok(proposal)) => proposal.setting.words().replace('"', ""),
            Some(Err(_)) => "none".to_owned(),
            None if self.ticket.as_ref().is_some_and(|(asked, _)| asked == alarm) => "is being worked out".to_owned(),
            None => "when it is chosen".to_owned(),
        }
    }

    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>, figures: &FiguresView, actors: &[AlarmFigures]) {
        const COLUMNS: [Column; 5] = [
            words("Alarm", 0.0),
            number("Times", 56.0),
            number("Chattering", 80.0),
            number("Fleeting", 66.0),
            words("Proposal", 170.0),
        ];
        let palette = scene.palette;
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            if actors.is_empty() {
                ui.add_space(10.0);
                ui.horizontal(|ui| {
                    ui.add_space(12.0);
                    if figures.shown().is_some() {
                        quiet(ui, "No alarm chattered, and none was over before anybody could act.", &palette);
                    }
                });
                return;
            }
            let selected = self.chosen.as_ref().and_then(|chosen| actors.iter().position(|one| one.alarm == *chosen));
            let rows = Rows::new("bad actors", &COLUMNS, actors.len());
            let chosen = rows.show(ui, selected, &palette, |ui, place, rect| {
                let one = &actors[place];
                let proposal = self.words_of(&one.alarm);
                let counts = [one.activations, one.chattering, one.fleeting].map(|count| count.to_string());
                let told = format!(
                    "{}, {} times, {} chattering, {} fleeting, proposal: {proposal}",
                    one.alarm, counts[0], counts[1], counts[2]
                );
                let [times, chattering, fleeting] = counts.map(|count| (count, Ink::text(&palette)));
                let is_found = matches!(self.proposals.get(&one.alarm), Some(Ok(_)));
                let ink = if is_found { Ink::bold(&palette) } else { Ink::muted(&palette) };
                let alarm = (one.alarm.to_string(), Ink::text(&palette));
                table_row(ui.painter(), &COLUMNS, rect, &[alarm, times, chattering, fleeting, (proposal, ink)]);
                RowWords { words: told, hover: Some(one.alarm.to_string()) }
            });
            if let Some(one) = chosen.and_then(|place| actors.get(place)) {
                (self.chosen, self.said) = (Some(one.alarm.clone()), None);
            }
        });
    }

    fn details(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, actors: &[AlarmFigures]) {
        let palette = scene.palette;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let Some(one) = actors.iter().find(|one| Some(&one.alarm) == self.chosen.as_ref()) else {
                quiet(ui, "Choose an alarm to see what would help, and what that would have cost.", &palette);
                return;
            };
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| self.one(ui, scene, one));
        });
    }

    fn one(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, one: &AlarmFigures) {
        let palette = scene.palette;
        let plan = Arc::clone(&scene.snapshot.plan);
        let known = plan.alarms.iter().find(|alarm| alarm.key.as_str() == &*one.alarm);
        let message = known.map_or("It is not in the station file any more.", |alarm| &alarm.message);
        text(ui, message, strong(15.0), &palette);
        quiet(ui, &*one.alarm, &palette);
        if let Some(known) = known {
            quiet(ui, format!("As it is: {}", settings_words(known)), &palette);
        }
        ui.add_space(6.0);
        match self.proposals.get(&one.alarm) {
            None => quiet(ui, "Its history is being replayed.", &palette),
            Some(Err(why)) => text(ui, &format!("No proposal: {why}."), plain(13.0), &palette),
            Some(Ok(proposal)) => {
                text(ui, &proposal.setting.words(), strong(13.0), &palette);
                let comparison = &proposal.comparison;
                let moment = |time| format::clock(time, scene.now.utc);
                let replayed = format!("{} activations were replayed with it:", comparison.activations);
                text(ui, &replayed, plain(13.0), &palette);
                comparison.words(&moment).iter().for_each(|line| text(ui, &format!("· {line}"), plain(13.0), &palette));
            }
        }
        ui.add_space(8.0);
        let proposal = self.proposals.get(&one.alarm).and_then(|answer| answer.as_ref().ok());
        let wish = known.cloned().zip(proposal.map(|proposal| proposal.setting));
        ui.horizontal_wrapped(|ui| {
            let can = wish.is_some() && self.saving.is_none();
            if primary_button(ui, "Save proposal", can, &palette).clicked()
                && let Some((known, setting)) = wish
            {
                self.said = None;
                self.saving = Some(scene.handle.save_setting(known, setting));
            }
            if button(ui, "Open alarm", false, &palette).clicked() {
                scene.act(Action::OpenAlarm { alarm: one.alarm.to_string(), occurrence: one.last_occurrence });
            }
        });
        let hint = "It is written into the station file. What changes is shown before the station goes on with it.";
        quiet(ui, self.said.as_deref().unwrap_or(hint), &palette);
    }
}

fn text(ui: &mut Ui, words: &str, font: egui::FontId, palette: &Palette) {
    ui.add(Label::new(RichText::new(words).font(font).color(palette.text)).wrap());
}

fn settings_words(alarm: &AlarmDefinition) -> String {
    let limit = alarm.condition.limit().map(|limit| format!(" {limit}")).unwrap_or_default();
    let [on, off] = [alarm.on_delay, alarm.off_delay].map(|delay| delay.as_secs_f64());
    format!("{}{limit}, deadband {}, on-delay {on} s, off-delay {off} s", alarm.condition.word(), alarm.deadband)
}
