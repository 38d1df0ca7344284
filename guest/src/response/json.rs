//! Reading JSON one level at a time: what stands inside an object or a list stays as it is written until it is asked for, so that
//! a value of an odd type spoils no other.
//!
//! One visitor takes whatever comes. Types with a derived `Deserialize` would each bring serde_json's code along once more, and
//! with their errors that of formatting floating-point numbers.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt::{Formatter, Result as FmtResult};

/// The values of an object's fields in the order of `names`. `None`: absent or null.
pub(super) fn fields<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], String> {
    let mut fields = [None; N];
    read_fields(json, &names, &mut fields)?;
    Ok(fields)
}

/// The elements of a list.
pub(super) fn list(raw: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    match read(raw?.get(), &[], &mut []) {
        Ok(Level::List(elements)) => Some(elements),
        _ => None,
    }
}

pub(super) fn string(raw: Option<&RawValue>) -> Option<String> {
    match read(raw?.get(), &[], &mut []) {
        Ok(Level::Text(text)) => Some(text),
        _ => None,
    }
}

/// A number that may stand in quotes: older endpoints of the API send `"2"` for `2`.
pub(super) fn number(raw: Option<&RawValue>) -> Option<u64> {
    raw?.get().parse().ok().or_else(|| string(raw)?.parse().ok())
}

/// A string, or a number as it is written.
pub(super) fn text(raw: Option<&RawValue>) -> Option<String> {
    let json = raw?.get();
    match json.as_bytes() {
        [b'-' | b'0'..=b'9', ..] => Some(json.to_owned()),
        _ => string(raw),
    }
}

fn read_fields<'a>(
    json: &'a str,
    names: &[&str],
    values: &mut [Option<&'a RawValue>],
) -> Result<(), String> {
    match read(json, names, values) {
        Ok(Level::Object { twice: None }) => {}
        Ok(Level::Object { twice: Some(at) }) => {
            return Err(format!("`{}` is in it twice", names[at]));
        }
        Err(error) if json.trim_ascii_start().starts_with('{') => return Err(error.to_string()),
        _ => return Err("it is not a JSON object".to_owned()),
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
) -> serde_json::Result<Level<'a>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let level = deserializer.deserialize_any(Reader { names, values })?;
    deserializer.end()?;
    Ok(level)
}

/// What a JSON text is, without what is inside.
enum Level<'a> {
    /// Its fields are where the reader put them; `twice` is one that it has more than once.
    Object {
        twice: Option<usize>,
    },
    List(Vec<&'a RawValue>),
    Text(String),
    /// null, a boolean or a number.
    Other,
}

struct Reader<'r, 'a> {
    names: &'r [&'r str],
    values: &'r mut [Option<&'a RawValue>],
}

impl<'a> Visitor<'a> for Reader<'_, 'a> {
    type Value = Level<'a>;

    fn expecting(&self, formatter: &mut Formatter) -> FmtResult {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Level<'a>, A::Error> {
        let mut twice = None;
        while let Some(at) = map.next_key_seed(Name(self.names))? {
            let value = map.next_value()?;
            if let Some(at) = at
                && self.values[at].replace(value).is_some()
            {
                twice = Some(at);
            }
        }
        Ok(Level::Object { twice })
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Level<'a>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Level::List(elements))
    }

    fn visit_str<E>(self, text: &str) -> Result<Level<'a>, E> {
        Ok(Level::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Level<'a>, E> {
        Ok(Level::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Level<'a>, E> {
        Ok(Level::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Level<'a>, E> {
        Ok(Level::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Level<'a>, E> {
        Ok(Level::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Level<'a>, E> {
        Ok(Level::Other)
    }
}

/// Reads a field's name as its place among those that are wanted. `None`: it isn't.
struct Name<'r>(&'r [&'r str]);

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut Formatter) -> FmtResult {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|wanted| *wanted == name))
    }
}
