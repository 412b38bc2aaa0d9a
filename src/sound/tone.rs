//! The sounds themselves, as WAV files in memory: more urgent is louder, higher, and has more pulses.

use crate::alarm::Priority;

/// Samples in a second.
const RATE: u32 = 22_050;
/// Every note begins and ends this softly, or it clicks.
const EDGE_SECONDS: f64 = 0.008;

/// A note: frequency in Hz (0 is a rest), length in seconds.
type Note = (f64, f64);

/// What a priority sounds like: its notes, and how loud it is from 0 to 1.
const fn notes(priority: Priority) -> (&'static [Note], f64) {
    match priority {
        Priority::Critical => (
            &[
                (988.0, 0.11),
                (1319.0, 0.11),
                (0.0, 0.06),
                (988.0, 0.11),
                (1319.0, 0.11),
                (0.0, 0.06),
                (988.0, 0.11),
                (1319.0, 0.11),
            ],
            1.0,
        ),
        Priority::High => (&[(784.0, 0.15), (0.0, 0.07), (784.0, 0.15), (0.0, 0.07), (784.0, 0.15)], 0.8),
        Priority::Medium => (&[(659.0, 0.2), (523.0, 0.25)], 0.6),
        Priority::Low => (&[(440.0, 0.25)], 0.4),
    }
}

/// The sound of a priority as a WAV file; without one, a moment of silence, which shows whether anything can be played at all.
/// `volume_percent` is 0 to 100, and halves roughly what is heard from 100 to 50.
pub fn wave(priority: Option<Priority>, volume_percent: u8) -> Vec<u8> {
    let (notes, strength) = priority.map_or((&[(0.0, 0.1)] as &[Note], 0.0), notes);
    let volume = (f64::from(volume_percent.min(100)) / 100.0).powi(2);
    let samples: Vec<i16> = notes
        .iter()
        .flat_map(|note| samples(*note, strength * volume))
        .map(|level| (level * 32_000.0) as i16)
        .collect();
    file(&samples)
}

/// The levels of one note, from -1 to 1.
fn samples((hertz, seconds): Note, strength: f64) -> impl Iterator<Item = f64> {
    let count = (seconds * f64::from(RATE)) as u32;
    (0..count).map(move |place| {
        let time = f64::from(place) / f64::from(RATE);
        let edge = (time / EDGE_SECONDS).min((seconds - time) / EDGE_SECONDS).clamp(0.0, 1.0);
        let turn = std::f64::consts::TAU * hertz * time;
        // A few overtones: small loudspeakers carry them better than a pure tone.
        strength * edge * (0.75 * turn.sin() + 0.2 * (2.0 * turn).sin() + 0.05 * (3.0 * turn).sin())
    })
}

/// A WAV file: one channel, 16 bits.
fn file(samples: &[i16]) -> Vec<u8> {
    let bytes = samples.len() as u32 * 2;
    let mut file = Vec::with_capacity(44 + bytes as usize);
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    // Numbers without compression, one channel.
    file.extend(1u16.to_le_bytes());
    file.extend(1u16.to_le_bytes());
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(2u16.to_le_bytes());
    file.extend(16u16.to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    samples.iter().for_each(|sample| file.extend(sample.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(file: &[u8]) -> Vec<i16> {
        file[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    fn loudest(file: &[u8]) -> u16 {
        levels(file).into_iter().map(i16::unsigned_abs).max().unwrap()
    }

    #[test]
    fn every_priority_is_a_whole_file_of_its_own() {
        let files: Vec<Vec<u8>> = Priority::ALL.into_iter().map(|priority| wave(Some(priority), 100)).collect();
        for (place, file) in files.iter().enumerate() {
            let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            assert_eq!((&file[..4], &file[8..16], &file[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
            assert_eq!((number(4) as usize, number(40) as usize), (file.len() - 8, file.len() - 44));
            let seconds = levels(file).len() as f64 / f64::from(RATE);
            assert!((0.2..1.0).contains(&seconds), "{seconds} s");
            // It neither clicks at its ends nor is cut off at the top.
            assert_eq!(levels(file)[0], 0);
            assert!(levels(file).last().unwrap().unsigned_abs() < 500 && loudest(file) < 32_500);
            assert!(files.iter().enumerate().all(|(other, with)| other == place || with != file));
        }
        let loud: Vec<u16> = files.iter().map(|file| loudest(file)).collect();
        assert!(loud.is_sorted_by(|one, two| one > two), "the more urgent, the louder: {loud:?}");
    }

    #[test]
    fn the_volume_counts_and_silence_is_silent() {
        assert!(levels(&wave(None, 100)).iter().all(|level| *level == 0));
        let (whole, half) = (loudest(&wave(Some(Priority::High), 100)), loudest(&wave(Some(Priority::High), 50)));
        assert!(half.abs_diff(whole / 4) < 3, "{whole} {half}");
        assert!(loudest(&wave(Some(Priority::High), 1)) > 0);
    }
}
