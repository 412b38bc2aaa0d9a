//! A path, and the sheets and folders among which it can be chosen.

use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain};
use crate::gui::widgets::columns::{Column, words};
use crate::gui::widgets::{Ink, RowWords, Rows, quiet, table_row};
use crate::station::{Handle, Listed, Ticket};
use egui::{Id, Key, Label, RichText, TextEdit, Ui};
use std::path::PathBuf;

const COLUMNS: [Column; 2] = [words("Name", 0.0), words("What", 100.0)];

/// A folder that is being listed, as it is written in the path.
type Listing = (String, Ticket<Result<Vec<Listed>, String>>);

/// The path field and what lies in its folder.
#[derive(Debug)]
pub(super) struct FileField {
    pub(super) path: String,
    /// The folder that was listed, as it is written in the path.
    of: Option<String>,
    asked: Option<Listing>,
    listed: Result<Vec<Listed>, String>,
    /// Whether the path was chosen from the list: then the list stays whole.
    is_chosen: bool,
    is_focused: bool,
    selected: Option<String>,
}

impl Default for FileField {
    fn default() -> Self {
        Self {
            path: "tags.csv".to_owned(),
            of: None,
            asked: None,
            listed: Ok(Vec::new()),
            is_chosen: true,
            is_focused: false,
            selected: None,
        }
    }
}

impl FileField {
    /// The path; one that does not begin at the root counts from the station folder.
    pub(super) fn file(&self) -> PathBuf {
        PathBuf::from(self.path.trim())
    }

    /// Whether it names a file at all.
    pub(super) fn is_file(&self) -> bool {
        let name = self.path.trim();
        !name.is_empty() && !name.ends_with('/')
    }

    /// Paints the field; whether Enter was pressed in it on a path that is whole.
    pub(super) fn field(&mut self, ui: &mut Ui, width: f32) -> bool {
        let id = Id::unique("sheet file");
        let edit = ui.add(TextEdit::singleline(&mut self.path).id(id).desired_width(width));
        let edit = edit.accessible_name("Sheet (CSV file)");
        if !self.is_focused && !ui.is_sizing_pass() {
            edit.request_focus();
            self.is_focused = true;
        }
        if edit.changed() {
            self.is_chosen = false;
        }
        if !(edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))) {
            return false;
        }
        let completed = self.complete();
        if completed {
            edit.request_focus();
        }
        !completed && self.is_file()
    }

    /// Writes the one name that fits to its end; whether there was something to write.
    fn complete(&mut self) -> bool {
        let fits: Vec<Listed> = self.fitting().cloned().collect();
        let [only] = fits.as_slice() else { return false };
        let path = format!("{}{}", folder_of(&self.path), with_slash(only));
        if self.is_chosen || path == self.path {
            return false;
        }
        self.path = path;
        true
    }

    fn fitting(&self) -> impl Iterator<Item = &Listed> {
        let typed = self.path[folder_of(&self.path).len()..].to_lowercase();
        let typed = if self.is_chosen { String::new() } else { typed };
        self.listed.iter().flatten().filter(move |listed| listed.name.to_lowercase().starts_with(&typed))
    }

    /// Asks for the folder of the path where it is not listed yet.
    pub(super) fn keep(&mut self, handle: &Handle) {
        if let Some((_, ticket)) = &mut self.asked
            && let Some(answer) = ticket.poll()
        {
            self.of = self.asked.take().map(|(folder, _)| folder);
            self.listed = answer.unwrap_or_else(|| Err("the folder cannot be looked into now".to_owned()));
        }
        let folder = folder_of(&self.path);
        if self.asked.is_none() && self.of.as_deref() != Some(folder) {
            self.asked = Some((folder.to_owned(), handle.list_sheets(PathBuf::from(folder))));
        }
    }

    /// The folder is read again: a file was written into it.
    pub(super) fn refresh(&mut self) {
        self.of = None;
    }

    /// Paints the list.
    pub(super) fn list(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        let folder = folder_of(&self.path).to_owned();
        let place = scene.handle.folder().join(&folder);
        let words = format!("Sheets and folders in {}", place.display());
        ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).truncate());
        if let Err(why) = &self.listed {
            return quiet(ui, format!("! {why}"), &palette);
        }
        let up = Listed { is_file: false, name: "..".to_owned() };
        let shown: Vec<Listed> = std::iter::once(up).chain(self.fitting().cloned()).collect();
        let row = shown.iter().position(|listed| Some(&listed.name) == self.selected.as_ref());
        // An arrow key only goes along the list; a click or Enter opens a folder.
        let arrows = [Key::ArrowDown, Key::ArrowUp, Key::Home, Key::End];
        let by_arrow = ui.input(|input| arrows.iter().any(|key| input.key_pressed(*key)));
        let chosen = Rows::new("sheets", &COLUMNS, shown.len()).show(ui, row, &palette, |ui, row, rect| {
            let cells = cells(&shown[row], &palette);
            table_row(ui.painter(), &COLUMNS, rect, &cells);
            RowWords::from(format!("{}, {}", cells[0].0, cells[1].0))
        });
        if let Some(listed) = chosen.and_then(|row| shown.get(row)) {
            self.choose(&folder, listed, by_arrow);
        }
    }

    fn choose(&mut self, folder: &str, listed: &Listed, by_arrow: bool) {
        self.selected = Some(listed.name.clone());
        if listed.is_file || !by_arrow {
            self.path = format!("{folder}{}", with_slash(listed));
            self.is_chosen = true;
        }
    }
}

/// What stands before the last name of a path, with its slash.
fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

fn with_slash(listed: &Listed) -> String {
    if listed.is_file { listed.name.clone() } else { format!("{}/", listed.name) }
}

fn cells(listed: &Listed, palette: &Palette) -> [(String, Ink); 2] {
    let (ink, what) = match (listed.is_file, listed.name.as_str()) {
        (true, _) => (Ink::bold(palette), "sheet"),
        (false, "..") => (Ink::text(palette), "folder above"),
        (false, _) => (Ink::text(palette), "folder"),
    };
    [(listed.name.clone(), ink), (what.to_owned(), Ink::muted(palette))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str) -> FileField {
        let file = |name: &str| Listed { is_file: true, name: name.to_owned() };
        let folder = Listed { is_file: false, name: "archive".to_owned() };
        let listed = Ok(vec![folder, file("tags.csv"), file("tags-old.csv")]);
        FileField { path: path.to_owned(), listed, is_chosen: false, ..FileField::default() }
    }

    #[test]
    fn the_one_name_that_fits_is_written_to_its_end() {
        for (typed, expected) in [
            ("tags-", "tags-old.csv"),
            ("ARC", "archive/"),
            ("tags", "tags"),
            ("x", "x"),
            ("plant/tags-", "plant/tags-old.csv"),
        ] {
            let mut field = field(typed);
            assert_eq!((field.complete(), field.path.as_str()), (typed != expected, expected), "{typed}");
        }
    }

    #[test]
    fn an_arrow_key_does_not_leave_the_folder() {
        let folder = Listed { is_file: false, name: "archive".to_owned() };
        let mut field = field("plant/");
        field.choose("plant/", &folder, true);
        assert_eq!(field.path, "plant/");
        field.choose("plant/", &folder, false);
        assert_eq!(field.path, "plant/archive/");
        assert!(!field.is_file());
    }
}
