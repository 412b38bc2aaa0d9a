//! Tables and templates as JSON, so that they can be shown and kept as text.

use super::value::{integer, moment, read_whole};
use super::{DataSet, DataType, Element, ElementValue, MetricValue, Parameter, ParameterValue, Template};
use crate::tag::Value;
use serde_json::{Map, Value as Json, json};

/// A value as JSON; what is no number is null.
pub(super) fn of(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// `{"columns": [...], "types": [...], "rows": [[...]]}`; a field that does not fit its column is null.
pub(super) fn table(table: &DataSet) -> Json {
    let types: Vec<_> = table.types.iter().map(|code| DataType::from_code(*code)).collect();
    let rows = table.rows.iter().map(|row| {
        let fields = row.elements.iter().enumerate();
        fields.map(|(column, field)| element(field, types.get(column).copied().flatten())).collect::<Json>()
    });
    json!({
        "columns": table.columns,
        "types": types.iter().map(|kind| kind.map(DataType::word)).collect::<Vec<_>>(),
        "rows": rows.collect::<Json>(),
    })
}

fn element(field: &Element, kind: Option<DataType>) -> Json {
    let (Some(value), Some(kind)) = (&field.value, kind) else { return Json::Null };
    scalar(
        kind,
        match value {
            ElementValue::Int(value) => MetricValue::Int(*value),
            ElementValue::Long(value) => MetricValue::Long(*value),
            ElementValue::Float(value) => MetricValue::Float(*value),
            ElementValue::Double(value) => MetricValue::Double(*value),
            ElementValue::Boolean(value) => MetricValue::Boolean(*value),
            ElementValue::Text(text) => MetricValue::Text(text.clone()),
        },
    )
}

/// `{"template": ..., "version": ..., "parameters": {...}, "metrics": {...}}`, without what is not there.
pub(super) fn parts(template: &Template) -> Json {
    let mut object = Map::new();
    let mut add = |key: &str, value: Option<Json>| value.map(|value| object.insert(key.to_owned(), value));
    add("template", template.template_ref.as_deref().map(Json::from));
    add("version", template.version.as_deref().map(Json::from));
    let parameters: Map<_, _> = template.parameters.iter().map(parameter).collect();
    add("parameters", (!parameters.is_empty()).then_some(Json::Object(parameters)));
    let metrics: Map<_, _> = template
        .metrics
        .iter()
        .map(|metric| {
            let kind = metric.datatype.and_then(DataType::from_code);
            let value = match (&metric.value, kind) {
                (Some(MetricValue::Template(inner)), Some(DataType::Template)) => parts(inner),
                (Some(MetricValue::DataSet(inner)), Some(DataType::DataSet)) => table(inner),
                (Some(value), Some(kind)) => scalar(kind, value.clone()),
                _ => Json::Null,
            };
            (metric.name.clone().unwrap_or_default(), value)
        })
        .collect();
    add("metrics", Some(Json::Object(metrics)));
    Json::Object(object)
}

fn parameter(parameter: &Parameter) -> (String, Json) {
    let value = parameter.value.as_ref().zip(parameter.datatype.and_then(DataType::from_code));
    let value = value.map_or(Json::Null, |(value, kind)| {
        scalar(
            kind,
            match value {
                ParameterValue::Int(value) => MetricValue::Int(*value),
                ParameterValue::Long(value) => MetricValue::Long(*value),
                ParameterValue::Float(value) => MetricValue::Float(*value),
                ParameterValue::Double(value) => MetricValue::Double(*value),
                ParameterValue::Boolean(value) => MetricValue::Boolean(*value),
                ParameterValue::Text(text) => MetricValue::Text(text.clone()),
            },
        )
    });
    (parameter.name.clone().unwrap_or_default(), value)
}

fn scalar(kind: DataType, value: MetricValue) -> Json {
    match (kind, &value) {
        (DataType::DateTime, MetricValue::Long(millis)) => moment(*millis).map_or(Json::Null, Json::from),
        (kind, MetricValue::Int(raw)) => {
            integer(kind, u64::from(*raw), i64::from(*raw as i32)).map_or(Json::Null, |value| of(&value))
        }
        (kind, value) => read_whole(value, kind).map_or(Json::Null, |value| of(&value)),
    }
}
