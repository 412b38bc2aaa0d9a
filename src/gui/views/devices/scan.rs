//! The dialog that takes a device off scan: it asks why.

use crate::gui::scene::{Action, Scene};
use crate::gui::widgets::{Dialog, Question, Said};
use egui::Ui;
use std::sync::Arc;

/// A wish that is being put together.
#[derive(Debug)]
pub(super) struct OffScanDialog {
    device: Arc<str>,
    dialog: Dialog,
}

impl OffScanDialog {
    /// Opens it.
    pub(super) fn open(device: Arc<str>) -> Self {
        Self { device, dialog: Dialog::default() }
    }

    /// Paints it; whether it is over.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &mut Scene<'_>) -> bool {
        let question = Question {
            name: "Off scan",
            title: format!("Take {} off scan", self.device),
            about: "It is not talked to any more and raises no alarms, until somebody puts it back.".to_owned(),
            field: "Reason",
            send: "Take off scan Enter",
            lacks: &|reason| reason.is_empty().then_some("A reason is needed. It is recorded."),
        };
        let said = self.dialog.ui(ui, &question, &scene.palette);
        if let Some(Said::Sent(reason)) = &said {
            let (device, reason) = (Arc::clone(&self.device), reason.clone());
            scene.act(Action::Scan { device, on: false, reason });
        }
        said.is_some()
    }
}
