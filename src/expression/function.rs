//! The functions that there are.

macro_rules! functions {
    ($($(#[$meta:meta])* $name:ident = $word:literal, $least:literal..=$most:literal, $wanted:literal;)+) => {
        /// A function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Function { $($(#[$meta])* $name,)+ }

        impl Function {
            /// Every function there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As it is written.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What it takes, in words.
            pub const fn takes(self) -> &'static str {
                match self { $(Self::$name => $wanted,)+ }
            }

            /// The fewest and the most arguments.
            pub const fn count(self) -> (usize, usize) {
                match self { $(Self::$name => ($least, $most),)+ }
            }
        }
    };
}

functions! {
    /// The number without its sign.
    Abs = "abs", 1..=1, "one number";
    /// The smallest of several numbers.
    Min = "min", 2..=16, "2 to 16 numbers";
    /// The largest of several numbers.
    Max = "max", 2..=16, "2 to 16 numbers";
    /// To the nearest whole number, halves away from zero.
    Round = "round", 1..=1, "one number";
    /// To the next whole number below.
    Floor = "floor", 1..=1, "one number";
    /// To the next whole number above.
    Ceil = "ceil", 1..=1, "one number";
    /// The square root; its unit is not checked.
    Sqrt = "sqrt", 1..=1, "one number";
    /// A number, its lowest and its highest value. Where the lowest is above the highest, the result is bad.
    Clamp = "clamp", 3..=3, "a number, the lowest and the highest value";
    /// Whether the quality is good.
    Good = "good", 1..=1, "one value";
    /// Whether the quality is uncertain.
    Uncertain = "uncertain", 1..=1, "one value";
    /// Whether the quality is bad, stale ones included.
    Bad = "bad", 1..=1, "one value";
    /// Whether the value is bad because it is too old.
    Stale = "stale", 1..=1, "one value";
    /// The quality as a state: "good", "uncertain" or "bad".
    Quality = "quality", 1..=1, "one value";
    /// The first, or the second where the first is bad.
    ElseIfBad = "else_if_bad", 2..=2, "a value and another one for when it is bad";
    /// Whether a bit of a whole number is set; bit 0 is the least significant, negative numbers are two's complements of 64 bits.
    Bit = "bit", 2..=2, "a whole number and the number of a bit";
}

impl Function {
    /// The function that is written so.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| function.word() == word)
    }
}
