//! The data types of metrics and properties.

macro_rules! data_types {
    ($($(#[$meta:meta])* $name:ident = $code:literal;)+) => {
        /// What kind of value a metric has. The codes are those of the specification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DataType { $($(#[$meta])* $name = $code,)+ }

        impl DataType {
            /// Every data type there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word of the specification.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The data type with this code; none for 0, "unknown", and for codes that the specification does not have.
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

data_types! {
    /// Signed, 8 bits.
    Int8 = 1;
    /// Signed, 16 bits.
    Int16 = 2;
    /// Signed, 32 bits.
    Int32 = 3;
    /// Signed, 64 bits.
    Int64 = 4;
    /// Unsigned, 8 bits.
    UInt8 = 5;
    /// Unsigned, 16 bits.
    UInt16 = 6;
    /// Unsigned, 32 bits.
    UInt32 = 7;
    /// Unsigned, 64 bits.
    UInt64 = 8;
    /// 32-bit float.
    Float = 9;
    /// 64-bit float.
    Double = 10;
    /// True or false.
    Boolean = 11;
    /// Text.
    String = 12;
    /// Milliseconds since 1970.
    DateTime = 13;
    /// Text.
    Text = 14;
    /// Text with an identifier.
    UUID = 15;
    /// A table.
    DataSet = 16;
    /// Bytes.
    Bytes = 17;
    /// Bytes of a file.
    File = 18;
    /// Named parts.
    Template = 19;
    /// Properties of a property.
    PropertySet = 20;
    /// Several sets of properties.
    PropertySetList = 21;
    /// Several values.
    Int8Array = 22;
    /// Several values.
    Int16Array = 23;
    /// Several values.
    Int32Array = 24;
    /// Several values.
    Int64Array = 25;
    /// Several values.
    UInt8Array = 26;
    /// Several values.
    UInt16Array = 27;
    /// Several values.
    UInt32Array = 28;
    /// Several values.
    UInt64Array = 29;
    /// Several values.
    FloatArray = 30;
    /// Several values.
    DoubleArray = 31;
    /// Several values.
    BooleanArray = 32;
    /// Several values.
    StringArray = 33;
    /// Several values.
    DateTimeArray = 34;
}

impl DataType {
    /// The code of the specification.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Bits of a whole number and whether it has a sign; none where it is no whole number.
    pub const fn integer(self) -> Option<(u32, bool)> {
        match self {
            Self::Int8 => Some((8, true)),
            Self::Int16 => Some((16, true)),
            Self::Int32 => Some((32, true)),
            Self::Int64 => Some((64, true)),
            Self::UInt8 => Some((8, false)),
            Self::UInt16 => Some((16, false)),
            Self::UInt32 => Some((32, false)),
            Self::UInt64 => Some((64, false)),
            _ => None,
        }
    }

    /// Whether its values are numbers.
    pub const fn is_number(self) -> bool {
        self.integer().is_some() || matches!(self, Self::Float | Self::Double)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        assert_eq!(DataType::ALL.len(), 34);
        for &kind in DataType::ALL {
            assert_eq!(DataType::from_code(kind.code()), Some(kind));
        }
        for code in [0, 35, u32::MAX] {
            assert_eq!(DataType::from_code(code), None);
        }
        assert_eq!((DataType::UUID.code(), DataType::UUID.word()), (15, "UUID"));
    }
}
