//! Opens the window, or says in words why it cannot.

use super::{App, Extra};
use crate::station::{Attendance, Station, on_stop_signal};
use anyhow::anyhow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// Runs the station in `folder` in a window, for `duration` at most. `extra` is a menu that belongs to the plant and not to Polder.
/// `attendance` says what is heard and told of alarms.
pub fn run(
    folder: &Path,
    duration: Option<Duration>,
    extra: Option<Extra>,
    attendance: Attendance,
) -> anyhow::Result<()> {
    let mut station = Station::start(folder, None)?;
    station.attend(attendance)?;
    let handle = station.handle().clone();
    let title = format!("{} - Polder", handle.snapshot().plan.station);
    let viewport = egui::ViewportBuilder::default()
        .with_title(title)
        .with_app_id("polder")
        .with_inner_size([1440.0, 900.0])
        .with_min_inner_size([1024.0, 640.0]);
    let options =
        eframe::NativeOptions { viewport, renderer: eframe::Renderer::Glow, ..eframe::NativeOptions::default() };
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let window = creation.egui_ctx.clone();
        on_stop_signal(move || {
            window.send_viewport_cmd(egui::ViewportCommand::Close);
            window.request_repaint();
        })?;
        let app = App::new(&creation.egui_ctx, handle, extra);
        Ok(Box::new(app.closing_after(duration)))
    });
    // Missing libraries make the windowing library panic; the operator gets a sentence instead.
    let outcome = catch_unwind(AssertUnwindSafe(|| eframe::run_native("polder", options, create)));
    station.stop();
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(anyhow!(words_for(&error.to_string()))),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words =
                words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
            Err(anyhow!(words_for(&words)))
        }
    }
}

/// What to do about an error of the windowing system.
pub fn words_for(error: &str) -> String {
    let advice = [
        ("xkbcommon-x11", "install the package libxkbcommon-x11-0"),
        ("XKBNotFound", "install the package libxkbcommon0"),
        ("neither WAYLAND_DISPLAY", "there is no display; start Polder in a desktop session"),
        (
            "XNotSupported",
            "no display can be reached (is DISPLAY right?), or the packages libx11-6 libx11-xcb1 libxcursor1 libxi6 are missing",
        ),
        ("XOpenDisplayFailed", "the display cannot be opened (is DISPLAY right?)"),
        ("libEGL", "install the packages libegl1 and libgl1"),
        ("libGL", "install the package libgl1"),
        ("glutin", "install the packages libgl1 and libgl1-mesa-dri"),
        ("provided display is not supported", "install the packages libgl1 and libgl1-mesa-dri"),
    ];
    let found = advice.iter().find(|(sign, _)| error.contains(sign)).map(|(_, words)| *words);
    let found = found.unwrap_or(
        "look whether the packages libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libgl1 are installed",
    );
    format!("no window can be opened: {found}; or run without one: --headless ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_the_package_and_the_way_out() {
        let words = words_for("Library libxkbcommon-x11.so could not be loaded.");
        assert!(words.contains("libxkbcommon-x11-0") && words.contains("--headless"), "{words}");
        assert!(words_for("neither WAYLAND_DISPLAY nor DISPLAY is set").contains("there is no display"));
        assert!(words_for("something new").contains("libgl1"));
    }
}
