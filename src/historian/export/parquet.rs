//! Samples as Parquet, for pandas, DuckDB, Spark and their like: a row a sample, tag by tag in order of time, of any length without holding
//! it in memory.
//!
//! `time` (microseconds, UTC), `tag`, `value` (double: numbers, and booleans as 0 and 1), `integer` (whole numbers, exact), `text` (texts, and
//! whole numbers beyond 64 bits with a sign), `quality`, `reason`. What a sample does not have is null.

use super::table::{lines_of, matching, share_of};
use super::{ExportError, ExportOptions, Progress};
use crate::historian::query::{QueryError, Reader};
use crate::tag::{Sample, Timestamp, Value};
use parquet::basic::{Encoding, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};
use std::io::Write;
use std::sync::Arc;

/// Rows that are written together; they are held in memory.
const ROWS: usize = 100_000;

/// Writes the samples of all matching tags. `report` is told how far it is, and stops it with false; how many rows were written.
pub fn export_parquet(
    reader: &Reader,
    options: &ExportOptions,
    report: &dyn Fn(Progress) -> bool,
    out: impl Write + Send,
) -> Result<u64, ExportError> {
    let keys = matching(reader, options)?;
    let mut file = SerializedFileWriter::new(out, Arc::new(schema()?), Arc::new(properties()))?;
    let (mut rows, mut progress) = (Rows::default(), Progress::default());
    for (number, key) in keys.iter().enumerate() {
        let tag = ByteArray::from(key.as_str());
        lines_of(reader, key, options, &mut |time, sample| {
            rows.add(&tag, time, sample);
            if rows.times.len() < ROWS {
                return Ok(());
            }
            progress.share = (number as f64 + share_of(time, options)) / keys.len() as f64;
            progress.lines += rows.flush(&mut file)?;
            go_on(report, progress)
        })?;
    }
    progress.lines += rows.flush(&mut file)?;
    file.close()?;
    progress.share = 1.0;
    go_on(report, progress)?;
    Ok(progress.lines)
}

fn go_on(report: &dyn Fn(Progress) -> bool, progress: Progress) -> Result<(), ExportError> {
    if report(progress) { Ok(()) } else { Err(QueryError::Cancelled.into()) }
}

fn schema() -> Result<Type, ExportError> {
    let column = |name: &str, kind, repetition, logical| -> Result<Arc<Type>, ExportError> {
        let builder = Type::primitive_type_builder(name, kind).with_repetition(repetition);
        Ok(Arc::new(builder.with_logical_type(logical).build()?))
    };
    let moment = LogicalType::timestamp(true, TimeUnit::MICROS);
    let (required, optional) = (Repetition::REQUIRED, Repetition::OPTIONAL);
    let fields = vec![
        column("time", Physical::INT64, required, Some(moment))?,
        column("tag", Physical::BYTE_ARRAY, required, Some(LogicalType::String))?,
        column("value", Physical::DOUBLE, optional, None)?,
        column("integer", Physical::INT64, optional, None)?,
        column("text", Physical::BYTE_ARRAY, optional, Some(LogicalType::String))?,
        column("quality", Physical::BYTE_ARRAY, required, Some(LogicalType::String))?,
        column("reason", Physical::BYTE_ARRAY, optional, Some(LogicalType::String))?,
    ];
    Ok(Type::group_type_builder("sample").with_fields(fields).build()?)
}

/// Times differ by little from row to row; names and words repeat.
fn properties() -> WriterProperties {
    let time = ColumnPath::from("time");
    WriterProperties::builder()
        .set_created_by(concat!("polder ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_column_dictionary_enabled(time.clone(), false)
        .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED)
        .build()
}

/// A column that may lack values: those that are there, and for each row whether it has one.
struct Optional<T> {
    values: Vec<T>,
    present: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { values: Vec::new(), present: Vec::new() }
    }
}

impl<T> Optional<T> {
    fn add(&mut self, value: Option<T>) {
        self.present.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    fn clear(&mut self) {
        self.values.clear();
        self.present.clear();
    }
}

/// Rows that are not written yet, column by column.
#[derive(Default)]
struct Rows {
    times: Vec<i64>,
    tags: Vec<ByteArray>,
    numbers: Optional<f64>,
    integers: Optional<i64>,
    texts: Optional<ByteArray>,
    qualities: Vec<ByteArray>,
    reasons: Optional<ByteArray>,
}

impl Rows {
    fn add(&mut self, tag: &ByteArray, time: Timestamp, sample: &Sample) {
        let (number, integer, text) = cells(sample.value.as_ref());
        self.times.push(time.as_micros());
        self.tags.push(tag.clone());
        self.numbers.add(number);
        self.integers.add(integer);
        self.texts.add(text.map(|text| ByteArray::from(&*text)));
        self.qualities.push(ByteArray::from(sample.quality.status.word()));
        let reason = sample.quality.reason.words();
        self.reasons.add((!reason.is_empty()).then(|| ByteArray::from(reason)));
    }

    /// Writes them as one row group; how many they were.
    fn flush<W: Write + Send>(&mut self, file: &mut SerializedFileWriter<W>) -> Result<u64, ExportError> {
        let rows = self.times.len() as u64;
        if rows == 0 {
            return Ok(0);
        }
        let mut group = file.next_row_group()?;
        column::<Int64Type, W>(&mut group, &self.times, None)?;
        column::<ByteArrayType, W>(&mut group, &self.tags, None)?;
        column::<DoubleType, W>(&mut group, &self.numbers.values, Some(&self.numbers.present))?;
        column::<Int64Type, W>(&mut group, &self.integers.values, Some(&self.integers.present))?;
        column::<ByteArrayType, W>(&mut group, &self.texts.values, Some(&self.texts.present))?;
        column::<ByteArrayType, W>(&mut group, &self.qualities, None)?;
        column::<ByteArrayType, W>(&mut group, &self.reasons.values, Some(&self.reasons.present))?;
        group.close()?;
        self.clear();
        Ok(rows)
    }

    fn clear(&mut self) {
        self.times.clear();
        self.tags.clear();
        self.numbers.clear();
        self.integers.clear();
        self.texts.clear();
        self.qualities.clear();
        self.reasons.clear();
    }
}

/// A value as number, as whole number and as text.
fn cells(value: Option<&Value>) -> (Option<f64>, Option<i64>, Option<Arc<str>>) {
    match value {
        None => (None, None, None),
        Some(Value::Text(text)) => (None, None, Some(Arc::clone(text))),
        Some(Value::Bool(on)) => (Some(f64::from(u8::from(*on))), Some(i64::from(*on)), None),
        Some(Value::Signed(number)) => (Some(*number as f64), Some(*number), None),
        Some(Value::Unsigned(number)) => {
            let integer = i64::try_from(*number).ok();
            (Some(*number as f64), integer, integer.is_none().then(|| number.to_string().into()))
        }
        Some(value) => (value.as_f64(), None, None),
    }
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> Result<(), ExportError> {
    let missing = || parquet::errors::ParquetError::General("the schema has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, present, None)?;
    Ok(column.close()?)
}
