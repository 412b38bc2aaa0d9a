//! Whatever arrives in whatever order: nothing panics, the same script gives the same effects, and what is alive had a birth.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    NodeBirth(u8, u64),
    DeviceBirth(u8, u8),
    Load(u8, u32),
    Speed(u8, u8, u32),
    DeviceDeath(u8, u8),
    NodeDeath(u64),
    Pass(u64),
    Break,
    Bytes(u8, Vec<u8>),
    State(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seq = || 0_u8..6;
    let step = prop_oneof![
        (seq(), 0_u64..3).prop_map(|(seq, session)| Step::NodeBirth(seq, session)),
        (seq(), 0_u8..2).prop_map(|(seq, device)| Step::DeviceBirth(seq, device)),
        (seq(), any::<u32>()).prop_map(|(seq, value)| Step::Load(seq, value)),
        (seq(), 0_u8..2, any::<u32>()).prop_map(|(seq, device, value)| Step::Speed(seq, device, value)),
        (seq(), 0_u8..2).prop_map(|(seq, device)| Step::DeviceDeath(seq, device)),
        (0_u64..3).prop_map(Step::NodeDeath),
        (0_u64..20).prop_map(Step::Pass),
        Just(Step::Break),
        (0_u8..8, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(topic, bytes)| Step::Bytes(topic, bytes)),
        any::<bool>().prop_map(Step::State),
    ];
    prop::collection::vec(step, 0..60)
}

const TOPICS: [&str; 8] = [
    "spBv1.0/north/NBIRTH/edge",
    "spBv1.0/north/NDATA/edge",
    "spBv1.0/north/NDEATH/edge",
    "spBv1.0/north/DBIRTH/edge/d0",
    "spBv1.0/north/DDATA/edge/d0",
    "spBv1.0/north/DDEATH/edge/d0",
    "spBv1.0/STATE/polder",
    "spBv1.0/north/XDATA/edge",
];

fn play(steps: &[Step]) -> Script {
    let mut script = Script::online();
    for step in steps {
        match step {
            Step::NodeBirth(seq, session) => script.node_birth(u64::from(*seq), *session),
            Step::DeviceBirth(seq, device) => script.device_birth(u64::from(*seq), &format!("d{device}")),
            Step::Load(seq, value) => script.load(u64::from(*seq), *value),
            Step::Speed(seq, device, value) => script.speed(u64::from(*seq), &format!("d{device}"), *value),
            Step::DeviceDeath(seq, device) => {
                script.says(&format!("spBv1.0/north/DDEATH/edge/d{device}"), u64::from(*seq), &[]);
            }
            Step::NodeDeath(session) => script.node_death(*session),
            Step::Pass(seconds) => script.passes(*seconds),
            Step::Break => {
                script.host.lost();
                script.go_online();
            }
            Step::Bytes(topic, bytes) => script.arrives(TOPICS[usize::from(*topic)], bytes),
            Step::State(is_online) => {
                script.arrives("spBv1.0/STATE/polder", &HostState::at(*is_online, START.utc).payload());
            }
        }
    }
    script
}

proptest! {
    #[test]
    fn the_same_script_gives_the_same_effects(steps in steps()) {
        let (first, second) = (play(&steps), play(&steps));
        prop_assert_eq!(first.effects, second.effects);
    }

    /// Values come only between a birth and a death, and a source dies once.
    #[test]
    fn only_what_was_born_speaks(steps in steps()) {
        let steps: Vec<_> = steps.into_iter().filter(|step| !matches!(step, Step::Break)).collect();
        let script = play(&steps);
        let mut alive = std::collections::HashSet::new();
        for effect in &script.effects {
            match effect {
                Effect::Born { source, .. } => {
                    alive.insert(*source);
                }
                Effect::Died { source, .. } => {
                    alive.remove(source);
                }
                Effect::Values { source, .. } => prop_assert!(alive.contains(source)),
                Effect::Publish(_) | Effect::Fault { .. } => {}
            }
        }
        for (id, _, is_alive) in script.host.sources() {
            prop_assert!(!is_alive || alive.contains(&id));
        }
    }

    /// After any disorder, a birth and its data are shown as they are.
    #[test]
    fn a_birth_puts_everything_right(steps in steps(), value in 0_u32..1000) {
        let mut script = play(&steps);
        script.passes(1);
        script.node_birth(7, 9);
        script.effects.clear();
        script.load(8, value);
        prop_assert_eq!(script.lines(), [format!("north/edge Load={value}")]);
    }

    /// No script makes more than one request in ten seconds.
    #[test]
    fn requests_stay_rare(steps in steps()) {
        let mut last: Option<u64> = None;
        let mut script = play(&steps.iter().filter(|step| !matches!(step, Step::Break)).cloned().collect::<Vec<_>>());
        for effect in std::mem::take(&mut script.effects) {
            let Effect::Publish(message) = effect else { continue };
            if message.topic.contains("NCMD") {
                let sent = decode(&message.payload).unwrap().timestamp.unwrap();
                prop_assert!(last.is_none_or(|last| sent >= last + 10_000), "{last:?} {sent}");
                last = Some(sent);
            }
        }
    }
}
