//! An answer, whole or broken on purpose.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

/// What is answered: a status, headers and a body, or what the emulator would have said, altered.
///
/// ```
/// use fastly_package_emulator::Answer;
///
/// let overloaded = Answer::new(503);
/// let odd = Answer::real().header("Fastly-RateLimit-Remaining", "many");
/// let elsewhere = Answer::redirect(307, "http://127.0.0.1:1/");
/// let cut = Answer::real().cut_to(20);
/// ```
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) real: bool,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    without: Vec<HeaderName>,
    pub(crate) body: Bytes,
    padded_to: usize,
    pub(crate) framing: Framing,
}

/// How the body goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// With its length, all of it.
    Whole,
    /// With the whole length declared, this many bytes of it, then the end of the connection.
    CutTo(usize),
    /// Chunked, this many bytes of it, then the end of the connection without the last chunk.
    ChunkedCutTo(usize),
    /// Chunked, and it never ends: the body, then spaces.
    Endless,
    /// The body is all there is: no head is written.
    Raw,
}

impl Answer {
    /// An answer without headers of its own (hyper adds `Date`) and with an empty body.
    ///
    /// # Panics
    ///
    /// If `status` isn't between 200 and 999: for informational answers there is
    /// [`Fault::informational`](crate::Fault::informational).
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status between 200 and 999");
        assert!(!status.is_informational(), "a final answer isn't informational");
        Self {
            real: false,
            status,
            headers: HeaderMap::new(),
            without: Vec::new(),
            body: Bytes::new(),
            padded_to: 0,
            framing: Framing::Whole,
        }
    }

    /// What the emulator would answer anyway, with what it does to the upload, to be altered. Before the
    /// body was read ([`Fault::early_answer`](crate::Fault::early_answer)) it isn't known: there this
    /// is the same as a late answer.
    pub fn real() -> Self {
        Self { real: true, ..Self::new(200) }
    }

    /// A JSON value as `application/json`.
    ///
    /// # Panics
    ///
    /// As [`Answer::new`].
    pub fn json(status: u16, value: Value) -> Self {
        Self::new(status).content_type("application/json").body(value.to_string())
    }

    /// A success that describes a package by this `metadata`, which may be null.
    pub fn described(metadata: Value) -> Self {
        Self::json(200, json!({"id": "p", "service_id": "s", "version": 1, "metadata": metadata}))
    }

    /// A redirection: `status` is 301, 302, 303, 307 or 308.
    ///
    /// # Panics
    ///
    /// As [`Answer::new`] and [`Answer::header`].
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header(LOCATION.as_str(), location)
    }

    /// Bytes that are written as they are, as if they were an answer; then the connection ends.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { framing: Framing::Raw, ..Self::new(200).body(bytes) }
    }

    /// Sets a header. The value may hold bytes that aren't ASCII.
    ///
    /// # Panics
    ///
    /// If the name isn't a token, or the value holds a control character: write such a head with
    /// [`Answer::raw`].
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.insert(header_name(name), value);
        self
    }

    /// Leaves a header out that the emulator would have sent.
    ///
    /// # Panics
    ///
    /// If the name isn't a token.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        let name = header_name(name);
        self.headers.remove(&name);
        self.without.push(name);
        self
    }

    /// Adds `count` headers that mean nothing: `x-extra-0`, `x-extra-1` and so on.
    #[must_use]
    pub fn extra_headers(self, count: usize) -> Self {
        (0..count).fold(self, |answer, number| answer.header(&format!("x-extra-{number}"), "0"))
    }

    /// Sets `Content-Type`.
    ///
    /// # Panics
    ///
    /// If the value holds a control character.
    #[must_use]
    pub fn content_type(self, media_type: &str) -> Self {
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// Leaves `Content-Type` out.
    #[must_use]
    pub fn without_content_type(self) -> Self {
        self.without_header(CONTENT_TYPE.as_str())
    }

    /// Sets the body. On [`Answer::real`] it has no effect.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Makes the body at least this many bytes long: a JSON object gets an unknown field, anything else
    /// spaces at its end.
    #[must_use]
    pub fn padded_to(mut self, bytes: usize) -> Self {
        self.padded_to = bytes;
        self
    }

    /// Declares the whole body in `Content-Length`, sends only its first `bytes` bytes, and ends the
    /// connection.
    #[must_use]
    pub fn cut_to(mut self, bytes: usize) -> Self {
        self.framing = Framing::CutTo(bytes);
        self
    }

    /// Sends the first `bytes` bytes of the body chunked, and ends the connection without the last
    /// chunk.
    #[must_use]
    pub fn chunked_cut_to(mut self, bytes: usize) -> Self {
        self.framing = Framing::ChunkedCutTo(bytes);
        self
    }

    /// Sends the body and then spaces, for ever.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.framing = Framing::Endless;
        self
    }

    /// This answer with all it takes from the `real` one.
    pub(crate) fn over(self, real: Answer) -> Self {
        let mut answer = if self.real {
            let mut headers = real.headers;
            self.without.iter().for_each(|name| {
                headers.remove(name);
            });
            headers.extend(self.headers);
            Self { real: false, status: real.status, headers, body: real.body, ..self }
        } else {
            self
        };
        answer.body = pad(answer.body, answer.padded_to);
        answer.padded_to = 0;
        answer
    }
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("a header name")
}

fn pad(body: Bytes, bytes: usize) -> Bytes {
    const BEFORE: &[u8] = b",\"padding\":\"";
    const AFTER: &[u8] = b"\"}";
    if body.len() >= bytes {
        return body;
    }
    let object = serde_json::from_slice::<serde_json::Map<String, Value>>(&body);
    let mut padded = body.to_vec();
    if let Ok(object) = object {
        padded.truncate(body.iter().rposition(|byte| *byte == b'}').unwrap_or(body.len()));
        padded.extend(&BEFORE[usize::from(object.is_empty())..]);
        padded.resize(padded.len().max(bytes.saturating_sub(AFTER.len())), b'x');
        padded.extend(AFTER);
    } else {
        padded.resize(bytes, b' ');
    }
    padded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_padded_with_an_unknown_field() {
        for body in ["{}", "{\"a\":1}", "{\"a\":1} \n"] {
            let padded = pad(body.into(), 100);
            let value: Value = serde_json::from_slice(&padded).unwrap();
            assert_eq!(padded.len(), 100, "{body}");
            assert!(value["padding"].as_str().unwrap().starts_with("xx"), "{body}");
        }
    }

    #[test]
    fn anything_else_is_padded_with_spaces() {
        assert_eq!(pad("[]".into(), 4), "[]  ");
        assert_eq!(pad("long enough".into(), 4), "long enough");
    }

    #[test]
    fn an_altered_real_answer_keeps_what_it_does_not_alter() {
        let real = Answer::json(404, json!({"msg": "Not found"})).header("a", "1").header("b", "2");
        let altered = Answer::real().header("a", "odd").without_header("b").over(real);
        assert_eq!(altered.status, 404);
        assert_eq!(altered.headers["a"], "odd");
        assert!(!altered.headers.contains_key("b"));
        assert_eq!(altered.headers[CONTENT_TYPE], "application/json");
        assert_eq!(altered.body, "{\"msg\":\"Not found\"}");
    }
}
