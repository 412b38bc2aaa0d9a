//! What stands on the wire: Protocol Buffers by the field numbers of the specification. Large and rare parts are boxed, so that a metric
//! of everyday size stays small. Nesting deeper than 100 levels is refused by the decoder.

/// A whole message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Payload {
    /// When it was sent, in milliseconds since 1970.
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    /// What it says.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// Its number in the session of the edge node, 0 to 255.
    #[prost(uint64, optional, tag = "3")]
    pub seq: Option<u64>,
    /// The kind of `body`.
    #[prost(string, optional, tag = "4")]
    pub uuid: Option<String>,
    /// Anything beside the metrics.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub body: Option<Vec<u8>>,
}

/// One named value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    /// Its name; left out in data where it has an alias.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// A number that stands for the name, given at birth.
    #[prost(uint64, optional, tag = "2")]
    pub alias: Option<u64>,
    /// When it was so, in milliseconds since 1970.
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
    /// Code of its data type; always given at birth.
    #[prost(uint32, optional, tag = "4")]
    pub datatype: Option<u32>,
    /// Whether it is from before: for history, never for the present.
    #[prost(bool, optional, tag = "5")]
    pub is_historical: Option<bool>,
    /// Whether it is for the present alone, never for history.
    #[prost(bool, optional, tag = "6")]
    pub is_transient: Option<bool>,
    /// Whether it has no value.
    #[prost(bool, optional, tag = "7")]
    pub is_null: Option<bool>,
    /// About files and parts of values.
    #[prost(message, optional, boxed, tag = "8")]
    pub metadata: Option<Box<MetaData>>,
    /// Properties, such as its unit.
    #[prost(message, optional, boxed, tag = "9")]
    pub properties: Option<Box<PropertySet>>,
    /// Its value.
    #[prost(oneof = "MetricValue", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18")]
    pub value: Option<MetricValue>,
}

/// The value of a metric as it is carried.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MetricValue {
    /// Whole numbers of up to 32 bits, signed ones as two's complement.
    #[prost(uint32, tag = "10")]
    Int(u32),
    /// Whole numbers of 64 bits and moments.
    #[prost(uint64, tag = "11")]
    Long(u64),
    /// A 32-bit float.
    #[prost(float, tag = "12")]
    Float(f32),
    /// A 64-bit float.
    #[prost(double, tag = "13")]
    Double(f64),
    /// True or false.
    #[prost(bool, tag = "14")]
    Boolean(bool),
    /// Text.
    #[prost(string, tag = "15")]
    Text(String),
    /// Bytes, files and arrays.
    #[prost(bytes, tag = "16")]
    Bytes(Vec<u8>),
    /// A table.
    #[prost(message, tag = "17")]
    DataSet(Box<DataSet>),
    /// Named parts.
    #[prost(message, tag = "18")]
    Template(Box<Template>),
}

/// About files and parts of values.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MetaData {
    /// Whether it is one part of several.
    #[prost(bool, optional, tag = "1")]
    pub is_multi_part: Option<bool>,
    /// Media type.
    #[prost(string, optional, tag = "2")]
    pub content_type: Option<String>,
    /// Bytes.
    #[prost(uint64, optional, tag = "3")]
    pub size: Option<u64>,
    /// Number of the part.
    #[prost(uint64, optional, tag = "4")]
    pub seq: Option<u64>,
    /// Name of the file.
    #[prost(string, optional, tag = "5")]
    pub file_name: Option<String>,
    /// Type of the file, such as json.
    #[prost(string, optional, tag = "6")]
    pub file_type: Option<String>,
    /// Checksum.
    #[prost(string, optional, tag = "7")]
    pub md5: Option<String>,
    /// Anything else.
    #[prost(string, optional, tag = "8")]
    pub description: Option<String>,
}

/// Names and values beside each other.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertySet {
    /// Names.
    #[prost(string, repeated, tag = "1")]
    pub keys: Vec<String>,
    /// Values, as many as names.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<PropertyValue>,
}

/// The value of a property.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertyValue {
    /// Code of its data type.
    #[prost(uint32, optional, tag = "1")]
    pub datatype: Option<u32>,
    /// Whether it has no value.
    #[prost(bool, optional, tag = "2")]
    pub is_null: Option<bool>,
    /// Its value.
    #[prost(oneof = "PropertyContent", tags = "3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: Option<PropertyContent>,
}

/// The value of a property as it is carried.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum PropertyContent {
    /// Whole numbers of up to 32 bits.
    #[prost(uint32, tag = "3")]
    Int(u32),
    /// Whole numbers of 64 bits.
    #[prost(uint64, tag = "4")]
    Long(u64),
    /// A 32-bit float.
    #[prost(float, tag = "5")]
    Float(f32),
    /// A 64-bit float.
    #[prost(double, tag = "6")]
    Double(f64),
    /// True or false.
    #[prost(bool, tag = "7")]
    Boolean(bool),
    /// Text.
    #[prost(string, tag = "8")]
    Text(String),
    /// Properties of the property.
    #[prost(message, tag = "9")]
    Set(PropertySet),
    /// Several sets of them.
    #[prost(message, tag = "10")]
    Sets(PropertySetList),
}

/// Several sets of properties.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertySetList {
    /// The sets.
    #[prost(message, repeated, tag = "1")]
    pub sets: Vec<PropertySet>,
}

/// A table.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DataSet {
    /// How many columns it has.
    #[prost(uint64, optional, tag = "1")]
    pub num_of_columns: Option<u64>,
    /// Names of the columns.
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
    /// Codes of their data types.
    #[prost(uint32, repeated, packed = "false", tag = "3")]
    pub types: Vec<u32>,
    /// Rows.
    #[prost(message, repeated, tag = "4")]
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Row {
    /// One for each column.
    #[prost(message, repeated, tag = "1")]
    pub elements: Vec<Element>,
}

/// A field of a table.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Element {
    /// What it holds; none where it is empty.
    #[prost(oneof = "ElementValue", tags = "1, 2, 3, 4, 5, 6")]
    pub value: Option<ElementValue>,
}

/// The content of a field of a table as it is carried.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ElementValue {
    /// Whole numbers of up to 32 bits.
    #[prost(uint32, tag = "1")]
    Int(u32),
    /// Whole numbers of 64 bits.
    #[prost(uint64, tag = "2")]
    Long(u64),
    /// A 32-bit float.
    #[prost(float, tag = "3")]
    Float(f32),
    /// A 64-bit float.
    #[prost(double, tag = "4")]
    Double(f64),
    /// True or false.
    #[prost(bool, tag = "5")]
    Boolean(bool),
    /// Text.
    #[prost(string, tag = "6")]
    Text(String),
}

/// Named parts: a definition, or an instance of one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Template {
    /// Version of the definition.
    #[prost(string, optional, tag = "1")]
    pub version: Option<String>,
    /// The parts.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// Parameters.
    #[prost(message, repeated, tag = "3")]
    pub parameters: Vec<Parameter>,
    /// For an instance: the name of its definition.
    #[prost(string, optional, tag = "4")]
    pub template_ref: Option<String>,
    /// Whether it is a definition.
    #[prost(bool, optional, tag = "5")]
    pub is_definition: Option<bool>,
}

/// A parameter of a template.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Parameter {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Code of its data type.
    #[prost(uint32, optional, tag = "2")]
    pub datatype: Option<u32>,
    /// Its value.
    #[prost(oneof = "ParameterValue", tags = "3, 4, 5, 6, 7, 8")]
    pub value: Option<ParameterValue>,
}

/// The value of a parameter as it is carried.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ParameterValue {
    /// Whole numbers of up to 32 bits.
    #[prost(uint32, tag = "3")]
    Int(u32),
    /// Whole numbers of 64 bits.
    #[prost(uint64, tag = "4")]
    Long(u64),
    /// A 32-bit float.
    #[prost(float, tag = "5")]
    Float(f32),
    /// A 64-bit float.
    #[prost(double, tag = "6")]
    Double(f64),
    /// True or false.
    #[prost(bool, tag = "7")]
    Boolean(bool),
    /// Text.
    #[prost(string, tag = "8")]
    Text(String),
}
