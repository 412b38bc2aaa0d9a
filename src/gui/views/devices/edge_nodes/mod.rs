//! What a host application of Sparkplug knows: groups, edge nodes and devices as a tree, whether the station file names them or not, the
//! metrics of one of them, and tags made of these. The broker's driver is asked for it while somebody looks.

mod metrics;
mod panel;
mod tree;

use super::new_tag::NewTagDialog;
use crate::driver::mqtt::sparkplug::namespace::{NamespaceLine, NamespaceView, NamespaceWish, SourceDetail};
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::gui::asking::Repeated;
use crate::gui::format::counted;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain};
use crate::gui::widgets::{Fold, Rows, search, table_row};
use crate::station::MetricDevice;
use crate::tag::{ConnectionId, DeviceId, Timestamp};
use egui::{Id, Label, RichText, Ui, UiBuilder};
use metrics::{Asked, MetricsPanel};
pub(super) use panel::EdgeNodesPanel;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often the driver is asked.
const FRESH: Duration = Duration::from_millis(500);
/// The share of the width that the tree has.
const SHARE: f32 = 0.54;

/// The tab.
#[derive(Debug, Default)]
pub(super) struct EdgeNodesTab {
    wish: NamespaceWish,
    view: Repeated<NamespaceView>,
    metrics: MetricsPanel,
    new_tag: Option<NewTagDialog>,
}

impl EdgeNodesTab {
    /// Begins at a source of the station file, unless somebody has chosen one.
    pub(super) fn begin_at(&mut self, source: &str) {
        if self.wish.selected.is_none()
            && let Ok(found) = Source::parse(source)
        {
            self.wish.open = Some([Arc::clone(&found.group), found.of_node().to_string().into()].into());
            self.wish.selected = Some(source.into());
        }
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, connection: ConnectionId) {
        let palette = scene.palette;
        self.controls(ui);
        let (handle, wish) = (scene.handle, &self.wish);
        let before = self.place();
        if self.view.keep(ui, scene.now.monotonic, Some(FRESH), || handle.look(connection, wish.clone())) {
            self.table().follow(ui, before, self.place());
        }
        let doubt = self.view.doubt(scene.now.monotonic);
        let is_past = doubt.is_some();
        let words = doubt.unwrap_or_else(|| self.state_words());
        ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(palette.text)).truncate());
        let (left, right) = ui.available_rect_before_wrap().split_left_right_at_fraction(SHARE);
        let left = left.with_max_x(left.right() - 8.0);
        ui.scope_builder(UiBuilder::new().max_rect(left), |ui| self.tree(ui, scene.now.utc, is_past, &palette));
        let device = self.detail().and_then(|detail| self.device_name(scene, detail.facts.device));
        let asked = ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
            let detail = self.view.answer().and_then(|view| view.detail.as_ref());
            let detail = detail.filter(|detail| Some(&detail.path) == self.wish.selected.as_ref());
            self.metrics.ui(ui, scene, detail, device.as_deref(), is_past)
        });
        if self.metrics.metric != self.wish.metric {
            self.wish.metric.clone_from(&self.metrics.metric);
            self.ask_again(ui);
        }
        if let (Some(asked), Some(source)) = (asked.inner, self.wish.selected.clone()) {
            let device = wanted_device(scene, connection, &source, device);
            let metric = if let Asked::Tag(metric) = &asked { Some(metric) } else { None };
            self.new_tag = Some(NewTagDialog::open_metric(device, metric));
        }
        if self.new_tag.as_mut().is_some_and(|dialog| dialog.ui(ui, scene, connection)) {
            self.new_tag = None;
        }
    }

    fn controls(&mut self, ui: &mut Ui) {
        let changed = ui.horizontal(|ui| {
            let nodes =
                search(ui, &mut self.wish.words, Id::unique("nodes search"), "Find: group, node or device", 210.0);
            let words = &mut self.wish.metric_words;
            let metrics = search(ui, words, Id::unique("metrics search"), "Find: metric", 170.0);
            nodes.changed() || metrics.changed()
        });
        if changed.inner {
            self.ask_again(ui);
        }
    }

    fn ask_again(&mut self, ui: &Ui) {
        self.view.again();
        ui.request_repaint();
    }

    fn lines(&self) -> &[NamespaceLine] {
        self.view.answer().map_or(&[], |view| &view.lines)
    }

    fn detail(&self) -> Option<&SourceDetail> {
        let detail = self.view.answer()?.detail.as_ref()?;
        (Some(&detail.path) == self.wish.selected.as_ref()).then_some(detail)
    }

    /// Devices of another plant than the one that is shown have other names.
    fn device_name(&self, scene: &Scene<'_>, device: Option<DeviceId>) -> Option<String> {
        let is_same = self.view.answer().is_some_and(|view| view.generation == scene.snapshot.generation);
        let device = scene.snapshot.plan.directory.device(device.filter(|_| is_same)?)?;
        Some(device.name.to_string())
    }

    fn table(&self) -> Rows<'static> {
        Rows::new("edge nodes", &tree::COLUMNS, self.lines().len()).folding()
    }

    fn place(&self) -> Option<usize> {
        self.lines().iter().position(|line| Some(&line.path) == self.wish.selected.as_ref())
    }

    /// Where nobody has folded anything yet, the groups are open.
    fn is_open(&self, line: &NamespaceLine) -> bool {
        self.wish.open.as_ref().map_or(line.depth == 0, |open| open.contains(&line.path))
    }

    fn tree(&mut self, ui: &mut Ui, now: Timestamp, is_past: bool, palette: &Palette) {
        let (table, place) = (self.table(), self.place());
        if let (Some(fold), Some(place)) = (table.fold(ui, place), place) {
            let to = self.fold(ui, fold, place);
            table.follow(ui, Some(place), Some(to));
            self.choose(ui, to);
        }
        let place = self.place();
        let chosen = table.show(ui, place, palette, |ui, row, rect| {
            let line = &self.lines()[row];
            let is_open = self.is_open(line);
            table_row(ui.painter(), &tree::COLUMNS, rect, &tree::cells(line, is_open, is_past, now, palette));
            tree::said(line, is_open, is_past, now)
        });
        match chosen {
            // Choosing what is chosen already folds it or unfolds it.
            Some(row) if Some(row) == place => self.toggle(ui, row),
            Some(row) => self.choose(ui, row),
            None => {}
        }
    }

    fn choose(&mut self, ui: &Ui, row: usize) {
        let path = self.lines().get(row).map(|line| Arc::clone(&line.path));
        if path != self.wish.selected {
            self.wish.selected = path;
            self.metrics.leave();
            self.wish.metric = None;
            self.ask_again(ui);
        }
    }

    fn toggle(&mut self, ui: &Ui, row: usize) {
        let lines = self.lines();
        let Some(line) = lines.get(row).filter(|line| line.below > 0) else { return };
        let path = Arc::clone(&line.path);
        let groups: BTreeSet<Arc<str>> =
            lines.iter().filter(|line| line.depth == 0).map(|line| Arc::clone(&line.path)).collect();
        let open = self.wish.open.get_or_insert(groups);
        if !open.remove(&path) {
            open.insert(path);
        }
        self.ask_again(ui);
    }

    /// Folds or unfolds a line; the line that is chosen from now on.
    fn fold(&mut self, ui: &Ui, fold: Fold, place: usize) -> usize {
        let lines = self.lines();
        let Some(line) = lines.get(place) else { return place };
        let (is_open, has_below) = (self.is_open(line), line.below > 0);
        let above = lines[..place].iter().rposition(|above| above.depth < line.depth);
        match fold {
            Fold::In if has_below && !is_open => self.toggle(ui, place),
            Fold::In if has_below => return (place + 1).min(lines.len() - 1),
            Fold::Out if has_below && is_open => self.toggle(ui, place),
            Fold::Out => return above.unwrap_or(place),
            Fold::In => {}
        }
        place
    }

    fn state_words(&self) -> String {
        let Some(view) = self.view.answer() else { return self.view.silence() };
        if !view.is_heard {
            return "! Not heard: the broker is not connected, or has not answered the subscriptions yet.".to_owned();
        }
        let sources =
            counted(view.sources, "edge node or device").replace("edge node or devices", "edge nodes and devices");
        let strangers = match view.strangers {
            0 => "all in the station file".to_owned(),
            count => format!("{count} in no entry of the station file"),
        };
        let left_out = match view.left_out {
            0 => String::new(),
            count => format!("; {count} lines have no room, words in \"Find\" find them"),
        };
        format!("{sources}, {} online, {strangers}{left_out}.", view.online)
    }
}

/// The device that a tag needs: that of the station, or a new one with a name that is free.
fn wanted_device(scene: &Scene<'_>, connection: ConnectionId, source: &str, known: Option<String>) -> MetricDevice {
    let directory = &scene.snapshot.plan.directory;
    let is_known = known.is_some();
    let name = known.unwrap_or_else(|| {
        let is_free = |name: &str| !directory.devices().iter().any(|device| &*device.name == name);
        free_name(source, is_free)
    });
    let connection = directory.connections().get(connection.index()).map(|wire| wire.name.to_string());
    MetricDevice { name, connection: connection.unwrap_or_default(), source: source.to_owned(), is_known }
}

/// The shortest end of the path that is no name yet.
fn free_name(source: &str, is_free: impl Fn(&str) -> bool) -> String {
    let levels: Vec<&str> = source.split('/').collect();
    let names = (0..levels.len()).rev().map(|from| levels[from..].join("-"));
    names.into_iter().find(|name| is_free(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_device_has_the_shortest_name_that_is_free() {
        let named = |taken: &[&str]| free_name("north/edge/pump", |name| !taken.contains(&name));
        assert_eq!(
            [named(&[]), named(&["pump"]), named(&["pump", "edge-pump"])],
            ["pump", "edge-pump", "north-edge-pump"]
        );
        assert_eq!(named(&["pump", "edge-pump", "north-edge-pump"]), "", "then somebody has to think of one");
    }
}
