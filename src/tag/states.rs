//! Words for the values of a tag that has states.

use std::sync::Arc;

/// Words by number. Numbers need not follow each other: devices count errors as they like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States(Arc<[(i64, Arc<str>)]>);

impl States {
    /// Words for the numbers 0, 1, 2 and so on.
    pub fn counted<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words.into_iter().enumerate().map(|(number, word)| (number as i64, Arc::from(word))).collect()
    }

    /// Whether the tag has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The word for a number; none where it is not whole, or has no word.
    pub fn word(&self, number: f64) -> Option<&Arc<str>> {
        let whole = (number.fract() == 0.0).then_some(number as i64)?;
        self.0.iter().find(|(state, _)| *state == whole).map(|(_, word)| word)
    }

    /// The number of a word, however it is capitalised.
    pub fn number(&self, word: &str) -> Option<i64> {
        self.0.iter().find(|(_, known)| known.to_lowercase() == word.to_lowercase()).map(|(number, _)| *number)
    }

    /// All words, in the order of their numbers.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, word)| &**word)
    }

    /// All numbers with their words.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &str)> {
        self.0.iter().map(|(number, word)| (*number, &**word))
    }
}

impl FromIterator<(i64, Arc<str>)> for States {
    fn from_iter<T: IntoIterator<Item = (i64, Arc<str>)>>(words: T) -> Self {
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort();
        Self(words.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_far_apart() {
        let states: States = [(100, Arc::from("Fault")), (0, Arc::from("Stopped"))].into_iter().collect();
        assert_eq!(states.word(100.0).map(|word| &**word), Some("Fault"));
        assert_eq!((states.word(1.0), states.word(0.5), states.word(f64::NAN)), (None, None, None));
        assert_eq!((states.number("fault"), states.number("x")), (Some(100), None));
        assert_eq!(states.words().collect::<Vec<_>>(), ["Stopped", "Fault"]);
        assert_eq!(States::counted(["off", "on"]).word(1.0).map(|word| &**word), Some("on"));
    }
}
