//! Everything that takes what others send over MQTT, in one place for fuzzing: whatever it is, nothing here may panic, take more memory than
//! it is worth, or be told other than by the rules. `tests/fuzz` holds the targets and their corpora, which the ordinary tests replay.

mod commands;
mod host;
mod messages;
mod metrics;
mod packets;
mod session;

/// Takes whatever bytes a fuzzer thinks of.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Target); 6] = [
    ("mqtt_packets", packets::packets),
    ("mqtt_session", session::session),
    ("mqtt_messages", messages::messages),
    ("mqtt_commands", commands::commands),
    ("sparkplug_payload", metrics::payload),
    ("sparkplug_host", host::host),
];

/// The target with this name does with the bytes what it does.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "{name} is no target");
    target.iter().for_each(|(_, target)| target(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_corpus_replays() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let folder = corpora.join(name);
            let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
            assert!(files.len() >= 20, "{} holds {} inputs", folder.display(), files.len());
            files.iter().for_each(|file| target(&std::fs::read(file).unwrap()));
        }
    }
}
