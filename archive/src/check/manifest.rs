//! Parses the fields of `fastly.toml` that the API and this crate use.

use serde::Serialize;
use toml::{Table, Value};

/// Size of the largest manifest that is read, in bytes.
pub(super) const MAX_MANIFEST: u64 = 64 * 1024;

/// The contents of `fastly.toml`. A field that is missing or has another type is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "documented in the reference of fastly.toml")]
pub struct Manifest {
    pub manifest_version: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub authors: Option<Vec<String>>,
    pub language: Option<String>,
    pub cloned_from: Option<String>,
}

impl Manifest {
    /// Parses a manifest. The error is the reason, for people to read.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            match line {
                Some(line) => format!("line {line}: {}", error.message()),
                None => error.message().to_owned(),
            }
        })?;
        let string = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
        let strings = |values: &Vec<Value>| {
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Ok(Self {
            // Both types are in use.
            manifest_version: match table.get("manifest_version") {
                Some(Value::Integer(number)) => Some(number.to_string()),
                Some(Value::String(text)) => Some(text.clone()),
                _ => None,
            },
            name: string("name"),
            description: string("description"),
            authors: table.get("authors").and_then(Value::as_array).map(strings),
            language: string("language"),
            cloned_from: string("cloned_from"),
        })
    }

    /// Returns the names of missing fields.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let fields = [
            ("manifest_version", self.manifest_version.is_some()),
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("authors", self.authors.is_some()),
            ("language", self.language.is_some()),
        ];
        fields.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_manifest_is_optional() {
        let manifest = Manifest::parse(b"manifest_version = 3").unwrap();
        assert_eq!(manifest.manifest_version.as_deref(), Some("3"));
        assert_eq!(manifest.missing(), ["name", "description", "authors", "language"]);
        let manifest =
            Manifest::parse(b"name = \"n\"\nauthors = [\"a\", \"b\"]\nlanguage = 5").unwrap();
        assert_eq!(manifest.name.as_deref(), Some("n"));
        assert_eq!(manifest.authors, Some(vec!["a".into(), "b".into()]));
        assert_eq!(manifest.language, None);
    }

    #[test]
    fn an_error_in_a_manifest_has_a_line() {
        let why = Manifest::parse(b"name = \"n\"\nlanguage = \n").unwrap_err();
        assert!(why.starts_with("line 2: "), "{why}");
        assert_eq!(Manifest::parse(b"name = \"\xff\"").unwrap_err(), "not UTF-8");
    }
}
