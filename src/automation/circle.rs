//! Finds values that would go round.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// The shortest way from `start` along `steps` back to `start`, such as `[a, b, c, a]`; none where it never comes back.
pub fn circle<T: Copy + Eq + Hash>(start: T, steps: &[(T, T)]) -> Option<Vec<T>> {
    let mut onward: HashMap<T, Vec<T>> = HashMap::new();
    steps.iter().for_each(|(from, to)| onward.entry(*from).or_default().push(*to));
    let (mut seen, mut ways) = (HashSet::new(), vec![vec![start]]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in way.last().and_then(|last| onward.get(last)).into_iter().flatten() {
                let further = || way.iter().copied().chain([next]).collect::<Vec<_>>();
                if next == start {
                    return Some(further());
                }
                if seen.insert(next) {
                    longer.push(further());
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::circle;
    use proptest::prelude::*;

    fn check(steps: &[(u8, u8)], start: u8, expected: Option<&[u8]>) {
        assert_eq!(circle(start, steps).as_deref(), expected, "{steps:?} from {start}");
    }

    #[test]
    fn the_shortest_way_back_is_found() {
        check(&[], 1, None);
        check(&[(1, 2)], 1, None);
        check(&[(1, 1)], 1, Some(&[1, 1]));
        check(&[(1, 2), (2, 1)], 1, Some(&[1, 2, 1]));
        check(&[(1, 2), (2, 3), (3, 4), (4, 1), (3, 1)], 1, Some(&[1, 2, 3, 1]));
        // A circle that it leads into is not one through it.
        check(&[(1, 2), (2, 3), (3, 2)], 1, None);
    }

    proptest! {
        #[test]
        fn a_way_back_is_made_of_steps_and_none_is_missed(steps in prop::collection::vec((0u8..8, 0u8..8), 0..20)) {
            // What can be reached at all, worked out in another way.
            let mut reached = [[false; 8]; 8];
            steps.iter().for_each(|(from, to)| reached[usize::from(*from)][usize::from(*to)] = true);
            for middle in 0..8 {
                for from in 0..8 {
                    for to in 0..8 {
                        reached[from][to] |= reached[from][middle] && reached[middle][to];
                    }
                }
            }
            for start in 0u8..8 {
                let way = circle(start, &steps);
                prop_assert_eq!(way.is_some(), reached[usize::from(start)][usize::from(start)]);
                for pair in way.unwrap_or_default().windows(2) {
                    prop_assert!(steps.contains(&(pair[0], pair[1])));
                }
            }
        }
    }
}
