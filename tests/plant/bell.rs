//! The bell in the window: what it shows and says, and what its keys ask for.

use crate::views::{Bench, noordpolder, nothing_is_covered, nothing_is_cut, small, texts};
use egui::Key;
use egui_kittest::kittest::Queryable;
use polder::alarm::Priority;
use polder::alarm::annunciation::Bell;
use polder::driver::Link;
use polder::station::AnnunciatorView;
use polder::tag::Reason;

fn view(bell: Bell, heard: Result<&str, &str>) -> AnnunciatorView {
    let heard = Some(heard.map(Into::into).map_err(Into::into));
    AnnunciatorView { is_on: true, bell, heard, ..AnnunciatorView::default() }
}

fn bench(shown: AnnunciatorView) -> Bench {
    let bench = Bench::new(&noordpolder());
    bench.handle.show_annunciator(shown);
    bench
}

#[test]
fn the_bell_says_whether_alarms_sound_are_silenced_or_cannot_be_heard() {
    for (shown, painted, told) in [
        (view(Bell::Quiet, Ok("pw-play")), "quiet", "Nothing waits that would sound.\nSounds are played by pw-play."),
        (
            view(Bell::Sounding(Priority::High), Ok("aplay")),
            "Silence F3",
            "An alarm of priority 2 sounds; F3 silences it.",
        ),
        (view(Bell::Silenced(3), Ok("aplay")), "silenced", "3 alarms wait; they were silenced."),
        (
            view(Bell::Silenced(3), Err("no soundcards")),
            "silenced, no sound",
            "3 alarms wait; they were silenced, and could not be heard.\nALARMS CANNOT BE HEARD: no soundcards.",
        ),
        (
            view(Bell::Sounding(Priority::High), Err("no soundcards")),
            "no sound",
            "An alarm of priority 2 waits, and cannot be heard; F3 silences it all the same.",
        ),
        (view(Bell::Quiet, Err("no soundcards")), "no sound", "ALARMS CANNOT BE HEARD: no soundcards."),
    ] {
        let mut bench = bench(shown);
        // The top bar is fullest while devices are lost.
        for device in 0..3 {
            let lost = Link::Lost { reason: Reason::NotConnected, detail: "refused".into(), next_try: None };
            bench.link(device, lost);
        }
        bench.publish();
        let window = small(&bench);
        assert!(texts(&window).iter().any(|text| text == painted), "{painted}");
        assert!(window.query_by_label_contains(told).is_some(), "{told}");
        nothing_is_cut(&window, painted);
        nothing_is_covered(&window, painted);
    }
    let window = small(&bench(AnnunciatorView::default()));
    assert!(window.query_by_label_contains("Sound: ").is_none(), "where nothing is to sound there is no bell");
}

#[test]
fn one_key_silences_and_shows_the_test_when_nothing_sounds() {
    let bench = bench(view(Bell::Sounding(Priority::Critical), Ok("aplay")));
    let mut window = small(&bench);
    window.key_press(Key::F3);
    window.run();
    assert_eq!(bench.handle.sound_wishes(), (true, false));
    assert!(window.query_by_label("Test sound").is_none());
}

/// Where nothing can be heard, silence is seen: what F3 did stands in the bell.
#[test]
fn silence_that_nobody_hears_is_shown() {
    let mut bench = bench(view(Bell::Sounding(Priority::High), Err("no soundcards")));
    let mut window = small(&bench);
    window.key_press(Key::F3);
    window.run();
    assert_eq!(bench.handle.sound_wishes(), (true, false));
    assert!(window.query_by_label("Test sound").is_none());
    // The annunciator carries it out.
    bench.handle.show_annunciator(view(Bell::Silenced(1), Err("no soundcards")));
    bench.publish();
    window.run();
    assert!(texts(&window).iter().any(|text| text == "silenced, no sound"));
}

#[test]
fn a_click_silences_too() {
    let bench = bench(view(Bell::Sounding(Priority::Low), Ok("aplay")));
    let mut window = small(&bench);
    window.get_by_label_contains("Sound: ").click();
    window.run();
    assert_eq!(bench.handle.sound_wishes(), (true, false));
}

#[test]
fn sounds_are_tested_by_keyboard_and_nothing_is_silenced_by_that() {
    let bench = bench(view(Bell::Silenced(2), Err("no soundcards")));
    let mut window = small(&bench);
    window.key_press(Key::F3);
    window.run();
    nothing_is_cut(&window, "the dialog");
    window.get_by_label("Test sound").focus();
    window.run();
    window.key_press(Key::Enter);
    window.run();
    assert_eq!(bench.handle.sound_wishes(), (false, true));
    window.key_press(Key::Escape);
    window.run();
    assert!(window.query_by_label("Test sound").is_none());
}
