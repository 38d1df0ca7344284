//! A reader of JSON that parses one level at a time: the elements of an object or an array stay text until they are needed, so that a value of an
//! unexpected type invalidates no other.
//!
//! One visitor accepts every type. Each derived `Deserialize` would instantiate serde_json again, and its errors would add the formatting of
//! floating-point numbers.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt::{Formatter, Result as FmtResult};

/// Returns the values of an object's fields in the order of `names`, `None` for those that are absent or null.
pub(super) fn fields<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], String> {
    let mut fields = [None; N];
    read_fields(json, &names, &mut fields)?;
    Ok(fields)
}

/// Returns the elements of an array.
pub(super) fn array(json: &str) -> Result<Vec<&RawValue>, String> {
    match read(json, &[], &mut []) {
        Ok(Value::Array(elements)) => Ok(elements),
        Err(error) if json.trim_ascii_start().starts_with('[') => Err(error.to_string()),
        _ => Err("not a JSON array".to_owned()),
    }
}

pub(super) fn string(raw: Option<&RawValue>) -> Option<String> {
    match read(raw?.get(), &[], &mut []) {
        Ok(Value::String(string)) => Some(string),
        _ => None,
    }
}

/// Returns an array of strings.
pub(super) fn strings(raw: Option<&RawValue>) -> Option<Vec<String>> {
    array(raw?.get()).ok()?.into_iter().map(|element| string(Some(element))).collect()
}

/// Returns a number, or a string that contains one: older endpoints of the API send `"2"` for `2`.
pub(super) fn number(raw: Option<&RawValue>) -> Option<u64> {
    raw?.get().parse().ok().or_else(|| string(raw)?.parse().ok())
}

/// Returns a string, or the text of a number.
pub(super) fn string_or_number(raw: Option<&RawValue>) -> Option<String> {
    match raw?.get().as_bytes() {
        [b'-' | b'0'..=b'9', ..] => text(raw),
        _ => string(raw),
    }
}

/// Returns whether the value is `true`.
pub(super) fn is_true(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

/// Returns the JSON text of a value.
pub(super) fn text(raw: Option<&RawValue>) -> Option<String> {
    raw.map(|raw| raw.get().to_owned())
}

fn read_fields<'a>(
    json: &'a str,
    names: &[&str],
    values: &mut [Option<&'a RawValue>],
) -> Result<(), String> {
    match read(json, names, values) {
        Ok(Value::Object { duplicate: None }) => {}
        Ok(Value::Object { duplicate: Some(index) }) => {
            return Err(format!("duplicate field `{}`", names[index]));
        }
        Err(error) if json.trim_ascii_start().starts_with('{') => return Err(error.to_string()),
        _ => return Err("not a JSON object".to_owned()),
    }
    for value in values {
        *value = value.filter(|value| value.get() != "null");
    }
    Ok(())
}

fn read<'a>(
    json: &'a str,
    names: &[&str],
    values: &mut [Option<&'a RawValue>],
) -> serde_json::Result<Value<'a>> {
    // Not `from_str`, which slices strings: the messages of the panics would be 5 KiB of the component.
    let mut deserializer = serde_json::Deserializer::from_slice(json.as_bytes());
    let value = deserializer.deserialize_any(ValueVisitor { names, values })?;
    deserializer.end()?;
    Ok(value)
}

/// A JSON value whose elements are not parsed.
enum Value<'a> {
    /// The visitor has stored the values of the wanted fields; `duplicate` is the index of one that occurs more than once.
    Object {
        duplicate: Option<usize>,
    },
    Array(Vec<&'a RawValue>),
    String(String),
    /// null, a boolean or a number.
    Other,
}

struct ValueVisitor<'r, 'a> {
    names: &'r [&'r str],
    values: &'r mut [Option<&'a RawValue>],
}

impl<'a> Visitor<'a> for ValueVisitor<'_, 'a> {
    type Value = Value<'a>;

    fn expecting(&self, formatter: &mut Formatter) -> FmtResult {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Value<'a>, A::Error> {
        let mut duplicate = None;
        while let Some(index) = map.next_key_seed(FieldIndex(self.names))? {
            let value = map.next_value()?;
            if let Some(index) = index
                && self.values[index].replace(value).is_some()
            {
                duplicate = Some(index);
            }
        }
        Ok(Value::Object { duplicate })
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Value<'a>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_str<E>(self, string: &str) -> Result<Value<'a>, E> {
        Ok(Value::String(string.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }
}

/// Deserializes a field's name into its index among the wanted names, `None` for any other.
struct FieldIndex<'r>(&'r [&'r str]);

impl<'a> DeserializeSeed<'a> for FieldIndex<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldIndex<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut Formatter) -> FmtResult {
        formatter.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|wanted| *wanted == name))
    }
}
