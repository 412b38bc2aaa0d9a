//! Times that can be chosen.

use std::time::Duration;

/// Minutes that people think in.
const MINUTES: [u64; 9] = [5, 15, 30, 60, 120, 240, 480, 720, 1440];

/// The times up to the longest one, and that itself.
pub(super) fn lengths(longest: Duration) -> Vec<Duration> {
    let all = MINUTES.map(|minutes| Duration::from_secs(minutes * 60));
    let mut lengths: Vec<Duration> = all.into_iter().filter(|length| *length < longest).collect();
    lengths.push(longest);
    lengths
}

/// A time in the largest unit that is exact.
pub(super) fn words_of(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds >= 48 * 3600 && seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_is_longer_than_allowed_and_the_longest_is_there() {
        let told = |minutes: u64| -> Vec<String> {
            lengths(Duration::from_secs(minutes * 60)).into_iter().map(words_of).collect()
        };
        assert_eq!(told(30), ["5 min", "15 min", "30 min"]);
        assert_eq!(told(90), ["5 min", "15 min", "30 min", "1 h", "90 min"]);
        assert_eq!(told(3), ["3 min"]);
        assert_eq!(words_of(Duration::from_secs(7 * 86_400)), "7 days");
    }
}
