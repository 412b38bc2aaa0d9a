//! Checks the station as it would be after an import, and says what is wrong where the person can put it right: in the sheet.

use super::columns::column_at;
use super::drafts::{Drafts, Standing};
use super::findings::Findings;
use super::plan::FileChange;
use crate::config::problem::Problem;
use crate::config::read::Texts;
use crate::tag::Generation;
use std::path::Path;

pub(super) fn check(folder: &Path, files: &[FileChange], drafts: &Drafts<'_>, findings: &mut Findings) {
    let texts: Texts = files.iter().map(|file| (file.name.clone(), file.new.clone())).collect();
    let checked = crate::config::load_with(folder, &texts, Generation(1));
    if checked.problems.is_empty() {
        return;
    }
    let standing: Vec<_> = (0..drafts.lists.len()).map(|list| drafts.standing(list)).collect();
    for problem in checked.problems {
        place(problem, drafts, &standing, findings);
    }
}

/// A problem in a tag of the sheet is one of its line; one in another tag stands where the file has that tag now.
fn place(mut problem: Problem, drafts: &Drafts<'_>, standing: &[Vec<Standing<'_>>], findings: &mut Findings) {
    let found = drafts.lists.iter().zip(standing).find_map(|(list, entries)| {
        let path = problem.path.strip_prefix(&list.path).filter(|_| problem.file == list.file)?.strip_prefix('/')?;
        let (number, rest) = path.split_once('/').unwrap_or((path, ""));
        Some((list, *entries.get(number.parse::<usize>().ok()?)?, rest.to_owned()))
    });
    match found {
        Some((_, Standing { line: Some(line), entry, .. }, rest)) => {
            let column = if rest.is_empty() { "name" } else { rest.as_str() };
            let column = column_at(column, entry).map_or(column, |column| column.name);
            findings.checked(line, column, problem);
        }
        Some((list, Standing { number: Some(number), .. }, rest)) => {
            problem.path = format!("{}/{number}/{rest}", list.path).trim_end_matches('/').to_owned();
            findings.elsewhere(problem);
        }
        _ => findings.elsewhere(problem),
    }
}
