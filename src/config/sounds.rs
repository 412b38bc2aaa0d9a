//! What the station file says about sounds.

use super::file::SoundEntry;
use super::problem::{Place, Problems};
use super::system::{SystemPart, system_alarm};
use crate::alarm::Priority;
use crate::alarm::annunciation::SoundSettings;
use crate::expression::TagKind;
use crate::tag::States;

/// Reads the settings; what is not given is as without them.
pub(super) fn settings(entry: Option<&SoundEntry>, place: &Place, problems: &mut Problems) -> SoundSettings {
    let Some(entry) = entry else { return SoundSettings::default() };
    let mut settings = SoundSettings::default();
    if let Some(volume) = entry.volume {
        match u8::try_from(volume).ok().filter(|volume| (1..=100).contains(volume)) {
            Some(volume) => settings.volume_percent = volume,
            None => problems.error(
                &place.at("volume"),
                format!("{volume} is not between 1 and 100; a priority is turned off with \"low\": false"),
            ),
        }
    }
    let given = [entry.critical, entry.high, entry.medium, entry.low];
    for (priority, heard) in Priority::ALL.into_iter().zip(given) {
        settings.heard[priority as usize] = heard.unwrap_or(true);
        if heard == Some(false) && priority <= Priority::High && settings_are_mixed(entry) {
            let words = format!("alarms of priority {} are not heard, while less urgent ones are", priority.word());
            problems.warn(&place.at(priority.word()), words);
        }
    }
    settings
}

/// Whether something less urgent than critical and high is heard: all off is a decision, the upper ones alone are a slip.
fn settings_are_mixed(entry: &SoundEntry) -> bool {
    entry.medium.unwrap_or(true) || entry.low.unwrap_or(true)
}

impl SystemPart {
    /// Whether alarms can be heard.
    pub(super) fn add_sound_tag(&mut self) {
        let tag = self.station_tag(
            "sound",
            TagKind::Boolean,
            "Whether alarms can be heard, where somebody sits at a window.",
        );
        self.definition(tag).into_iter().for_each(|tag| tag.states = States::counted(["heard", "not heard"]));
        self.system.sound = Some(tag);
        self.alarms.push(system_alarm(
            tag,
            "sound",
            1.0,
            Priority::Low,
            "Alarms cannot be heard",
            "Look at the window until they can. The bell at the top says why: no program that plays sounds, or no sound device that is on. \
             \"Test sound\" there tries again.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, load};
    use super::*;
    use crate::tag::Generation;

    fn loaded(station: &serde_json::Value) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = serde_json::json!({"name": "x"});
        whole.as_object_mut().unwrap().extend(station.as_object().unwrap().clone());
        std::fs::write(folder.path().join("station.json"), serde_json::json!({"station": whole}).to_string()).unwrap();
        load(folder.path(), Generation(1))
    }

    #[test]
    fn sounds_are_read() {
        let all = SoundSettings::default();
        for (entry, expected, notifies) in [
            (serde_json::json!({}), all, false),
            (serde_json::json!({"notify": true}), all, true),
            (serde_json::json!({"sound": {"volume": 30}}), SoundSettings { volume_percent: 30, ..all }, false),
            (
                serde_json::json!({"sound": {"low": false, "medium": false}}),
                SoundSettings { heard: [true, true, false, false], ..all },
                false,
            ),
            (
                serde_json::json!({"sound": {"critical": false, "high": false, "medium": false, "low": false}}),
                SoundSettings { heard: [false; 4], ..all },
                false,
            ),
        ] {
            let loaded = loaded(&entry);
            assert!(loaded.problems.is_empty(), "{entry}: {:?}", loaded.problems);
            let plan = loaded.plant.unwrap().plan;
            assert_eq!((plan.sound, plan.notify), (expected, notifies), "{entry}");
            assert!(plan.directory.find("station/sound").is_some());
        }
    }

    #[test]
    fn what_is_wrong_with_them_is_said_at_its_place() {
        for (entry, path, words) in [
            (serde_json::json!({"sound": {"volume": 0}}), "/sound/volume", "not between 1 and 100"),
            (serde_json::json!({"sound": {"volume": 101}}), "/sound/volume", "not between 1 and 100"),
            (serde_json::json!({"sound": {"critcal": true}}), "/sound/critcal", "critical"),
            (serde_json::json!({"sound": {"critical": false}}), "/sound/critical", "less urgent ones are"),
            (serde_json::json!({"notify": 3}), "/notify", ""),
        ] {
            let problems = loaded(&entry).problems;
            let expected = format!("station{path}");
            let found = problems.iter().any(|problem| problem.path == expected && problem.words.contains(words));
            assert!(found, "{entry}: {problems:?}");
        }
    }
}
