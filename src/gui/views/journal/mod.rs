//! The alarm journal: every change of state, the newest first. The whole of it is searched, off the window's thread, and only the lines
//! that are looked at are read.

mod export;
mod fields;
mod found;
mod row;

use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, size};
use crate::gui::widgets::{button, quiet};
use crate::recorder::{JournalEnds, JournalLine, JournalSearch, journal_ends, read_journal_lines, search_journal};
use crate::station::{QueryContext, Ticket};
use crate::tag::{Generation, Monotonic};
use egui::{Button, Key, Label, Modifiers, RichText, ScrollArea, Ui};
use export::Export;
use fields::Fields;
use found::{Found, PageKey};
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// New lines are looked for this often while the journal is looked at.
const FRESH: Duration = Duration::from_secs(2);

type Answer<T> = Result<T, String>;

/// A piece of the search that is under way.
enum Piece {
    /// Where the journal ends.
    Ends(Ticket<Answer<JournalEnds>>),
    /// The next piece back.
    Older(Ticket<Answer<Vec<i64>>>),
    /// What was written since, up to this line.
    Newer(Ticket<Answer<(i64, Vec<i64>)>>),
}

/// Where alarms stand in the plan, by name.
#[derive(Default)]
struct Alarms {
    generation: Option<Generation>,
    slots: HashMap<String, usize>,
}

impl Alarms {
    fn refresh(&mut self, scene: &Scene<'_>) {
        let plan = &scene.snapshot.plan;
        if self.generation != Some(plan.generation) {
            self.generation = Some(plan.generation);
            let all = plan.alarms.iter().enumerate();
            self.slots = all.map(|(slot, alarm)| (alarm.key.as_str().to_owned(), slot)).collect();
        }
    }

    fn slot(&self, alarm: &str) -> Option<usize> {
        self.slots.get(alarm).copied()
    }
}

/// The journal, as far as it was read.
#[derive(Default)]
pub(super) struct Journal {
    fields: Fields,
    /// What the fields meant when the search began.
    wanted: Option<(Fields, JournalSearch)>,
    found: Found,
    piece: Option<Piece>,
    pages: Vec<(PageKey, Ticket<Answer<Vec<JournalLine>>>)>,
    looked: Option<Monotonic>,
    failed: Option<String>,
    /// Why what was typed means nothing; what was found before stays.
    misunderstood: Option<String>,
    alarms: Alarms,
    is_at_top: bool,
    /// How far it is scrolled, in points.
    offset: f32,
    goes_to_top: bool,
    export: Export,
}

impl Journal {
    /// Shows what is written of an alarm.
    pub(super) fn find(&mut self, alarm: &str) {
        self.fields = Fields::of_text(alarm);
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        self.alarms.refresh(scene);
        ui.horizontal(|ui| self.fields.ui(ui, scene));
        self.begin(scene);
        self.receive();
        self.ask(scene);
        ui.horizontal(|ui| self.say(ui, scene));
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.spacing_mut().item_spacing.y = 0.0;
            row::header(ui, scene);
            let mut area = ScrollArea::vertical().id_salt("journal rows").auto_shrink([false, false]);
            let goal = self.key_goal(ui);
            if std::mem::take(&mut self.goes_to_top) {
                area = area.vertical_scroll_offset(0.0);
            } else if let Some(goal) = goal {
                area = area.vertical_scroll_offset(goal);
            }
            let mut seen = 0..0;
            let shown = area.show_rows(ui, size::ROW, self.found.len(), |ui, range| {
                seen = range.clone();
                for place in range {
                    row::row(ui, scene, &self.alarms, self.found.line(place));
                }
            });
            self.is_at_top = seen.start == 0;
            self.offset = shown.state.clamped_offset().y;
            self.ask_for_pages(scene, seen);
        });
    }

    /// Where a key scrolls to, unless somebody writes.
    fn key_goal(&self, ui: &Ui) -> Option<f32> {
        if ui.text_edit_focused() || ui.memory(|memory| memory.top_modal_layer().is_some()) {
            return None;
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let page = (ui.available_height() - size::ROW).max(size::ROW);
        match () {
            () if pressed(Key::PageDown) => Some(self.offset + page),
            () if pressed(Key::PageUp) => Some((self.offset - page).max(0.0)),
            () if pressed(Key::Home) => Some(0.0),
            () if pressed(Key::End) => Some((self.found.len() as f32 * size::ROW - page).max(0.0)),
            () => None,
        }
    }

    /// The search begins anew when something else is looked for.
    fn begin(&mut self, scene: &Scene<'_>) {
        if self.wanted.as_ref().is_some_and(|(fields, _)| *fields == self.fields) {
            self.misunderstood = None;
            return;
        }
        match self.fields.search(&scene.snapshot.plan.alarms, scene.now.utc) {
            Ok(search) => {
                self.wanted = Some((self.fields.clone(), search));
                (self.found, self.failed, self.looked) = (Found::default(), None, Some(scene.now.monotonic));
                self.misunderstood = None;
                self.pages.clear();
                self.goes_to_top = true;
                // Dropping the question that is under way gives it up.
                self.piece = Some(Piece::Ends(ask(scene, |context| {
                    journal_ends(context.records()).map_err(|error| error.to_string())
                })));
            }
            Err(why) => self.misunderstood = Some(why),
        }
    }

    fn receive(&mut self) {
        match &mut self.piece {
            Some(Piece::Ends(ticket)) => {
                if let Some(ends) = answered(ticket, &mut self.failed) {
                    self.piece = None;
                    ends.into_iter().for_each(|ends| self.found.begin(ends));
                }
            }
            Some(Piece::Older(ticket)) => {
                if let Some(numbers) = answered(ticket, &mut self.failed) {
                    self.piece = None;
                    numbers.into_iter().for_each(|numbers| self.found.take_piece(numbers));
                }
            }
            Some(Piece::Newer(ticket)) => {
                if let Some(numbers) = answered(ticket, &mut self.failed) {
                    self.piece = None;
                    let is_at_top = self.is_at_top;
                    if let Some((newest, all)) = numbers {
                        if self.found.since().is_some_and(|since| newest < since - 1) {
                            // The records were set aside, and the lines of the new ones count from one: everything is another.
                            self.wanted = None;
                        } else {
                            self.found.take_newer(newest, &all, is_at_top);
                        }
                    }
                }
            }
            None => {}
        }
        let (found, failed) = (&mut self.found, &mut self.failed);
        self.pages.retain_mut(|(key, ticket)| match answered(ticket, failed) {
            Some(lines) => {
                lines.into_iter().for_each(|lines| found.take_page(*key, lines));
                false
            }
            None => true,
        });
    }

    /// The next piece of the search, or what was written since.
    fn ask(&mut self, scene: &Scene<'_>) {
        let Some((_, search)) = &self.wanted else { return };
        let now = scene.now.monotonic;
        let is_due = self.looked.is_none_or(|looked| now.since(looked) >= FRESH);
        if self.piece.is_some() {
            return;
        }
        let search = search.clone();
        if let Some(piece) = self.found.next_piece() {
            if self.failed.is_some() && !is_due {
                return;
            }
            self.looked = Some(now);
            self.piece = Some(Piece::Older(ask(scene, move |context| {
                search_journal(context.records(), &search, piece).map_err(|error| error.to_string())
            })));
        } else if is_due {
            self.looked = Some(now);
            let Some(since) = self.found.since() else {
                // The journal could not be read when its ends were asked for.
                self.wanted = None;
                return;
            };
            self.piece = Some(Piece::Newer(ask(scene, move |context| {
                let path = context.records();
                let newest = journal_ends(path).map_err(|error| error.to_string())?.newest;
                let found = search_journal(path, &search, since..=newest).map_err(|error| error.to_string())?;
                Ok((newest, found))
            })));
        }
    }

    fn ask_for_pages(&mut self, scene: &Scene<'_>, rows: Range<usize>) {
        let asked: Vec<PageKey> = self.pages.iter().map(|(key, _)| *key).collect();
        for (key, numbers) in self.found.wanted(rows, &asked) {
            let ticket = ask(scene, move |context| {
                read_journal_lines(context.records(), &numbers).map_err(|error| error.to_string())
            });
            self.pages.push((key, ticket));
        }
    }

    /// What is found so far, or why nothing is.
    fn say(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        let count = format::counted(self.found.len(), "change");
        let words = match self.misunderstood.as_ref().or(self.failed.as_ref()) {
            Some(why) => format!("The journal cannot be searched: {why}"),
            None if !self.found.is_complete() => format!("{count} so far; the journal is being searched."),
            None if self.fields == Fields::default() => format!("{count}, the whole journal"),
            None => format!("{count} found in the whole journal"),
        };
        let waiting = self.found.waiting();
        if waiting > 0 && button(ui, &format::counted(waiting, "newer change"), false, &palette).clicked() {
            self.found.show_newer();
            self.goes_to_top = true;
        }
        let look = Button::new(RichText::new("Export CSV").font(plain(13.0)).color(palette.text));
        let can = self.wanted.is_some() && !self.export.is_running();
        if ui.add_enabled(can, look).clicked()
            && let Some((_, search)) = &self.wanted
        {
            self.export.begin(scene, search.clone());
        }
        quiet(ui, words, &palette);
        if let Some(said) = self.export.said() {
            ui.add(Label::new(RichText::new(said).font(plain(12.0)).color(palette.muted)).truncate());
        }
    }
}

fn ask<T: Send + 'static>(
    scene: &Scene<'_>,
    job: impl FnOnce(&QueryContext) -> Answer<T> + Send + 'static,
) -> Ticket<Answer<T>> {
    scene.handle.ask(move |context, _| job(context))
}

/// The answer when it came: none within where it failed, and then why.
fn answered<T>(ticket: &mut Ticket<Answer<T>>, failed: &mut Option<String>) -> Option<Option<T>> {
    let answer = ticket.poll()?;
    let (answer, why) = match answer {
        Some(Ok(answer)) => (Some(answer), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, Some("too many questions wait; it is tried again in a moment".to_owned())),
    };
    *failed = why;
    Some(answer)
}
