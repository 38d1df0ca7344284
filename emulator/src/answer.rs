//! Responses, valid or broken on purpose.

mod encode;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

pub(crate) use encode::chunk;

/// A scripted response: a status, headers and a body, or alterations of the real response.
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
    pub(crate) body: Bytes,
    padded_to: usize,
    pub(crate) framing: Framing,
}

/// The framing of a response, and where it is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// With `Content-Length`.
    Whole,
    /// The whole length declared, this many bytes of the body, then the end of the connection.
    CutTo(usize),
    /// Chunked: this many bytes of the body, then the end of the connection without the last chunk.
    ChunkedCutTo(usize),
    /// Chunked and without end: the body, then spaces.
    Endless,
    /// The body only, without a head.
    Raw,
}

impl Answer {
    /// Returns a response without headers and with an empty body. `Content-Length` and `Date` are added when it is sent.
    ///
    /// # Panics
    ///
    /// If `status` isn't between 200 and 999. [`Fault::informational`](crate::Fault::informational) sends informational responses.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status between 200 and 999");
        assert!(!status.is_informational(), "a final response isn't informational");
        Self {
            real: false,
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            padded_to: 0,
            framing: Framing::Whole,
        }
    }

    /// Returns the response that the emulator would send without the fault, to be altered. The upload is stored as usual.
    ///
    /// The real response depends on the body, so that it never comes early, even with [`Fault::early_answer`](crate::Fault::early_answer).
    pub fn real() -> Self {
        Self { real: true, ..Self::new(200) }
    }

    /// Returns a JSON value as `application/json`.
    ///
    /// # Panics
    ///
    /// As [`Answer::new`].
    pub fn json(status: u16, value: Value) -> Self {
        Self::new(status).content_type("application/json").body(value.to_string())
    }

    /// Returns a successful response about the package of this service version, with this `metadata`, which may be null.
    pub fn described(service_id: &str, version: u32, metadata: Value) -> Self {
        let package =
            json!({"id": "p", "service_id": service_id, "version": version, "metadata": metadata});
        Self::json(200, package)
    }

    /// Returns a redirect to `location`. `status` is 301, 302, 303, 307 or 308.
    ///
    /// # Panics
    ///
    /// As [`Answer::new`] and [`Answer::header`].
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header(LOCATION.as_str(), location)
    }

    /// Returns bytes that are written as they are, instead of a response. Then the connection ends.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { framing: Framing::Raw, ..Self::new(200).body(bytes) }
    }

    /// Sets a header. The value may contain bytes that aren't ASCII.
    ///
    /// # Panics
    ///
    /// If the name isn't a token, or if the value contains a control character. [`Answer::raw`] sends such a head.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.insert(name, value);
        self
    }

    /// Adds `count` meaningless headers: `x-extra-0`, `x-extra-1` and so on.
    #[must_use]
    pub fn extra_headers(self, count: usize) -> Self {
        (0..count).fold(self, |answer, number| answer.header(&format!("x-extra-{number}"), "0"))
    }

    /// Sets `Content-Type`.
    ///
    /// # Panics
    ///
    /// If the value contains a control character.
    #[must_use]
    pub fn content_type(self, media_type: &str) -> Self {
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// Sets the body. It has no effect on [`Answer::real`].
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Makes the body at least this many bytes long. A JSON object gets an unknown field, anything else gets spaces at its end.
    #[must_use]
    pub fn padded_to(mut self, bytes: usize) -> Self {
        self.padded_to = bytes;
        self
    }

    /// Declares the whole body in `Content-Length`, sends only its first `bytes` bytes, and ends the connection.
    #[must_use]
    pub fn cut_to(mut self, bytes: usize) -> Self {
        self.framing = Framing::CutTo(bytes);
        self
    }

    /// Sends the first `bytes` bytes of the body chunked, and ends the connection without the last chunk.
    #[must_use]
    pub fn chunked_cut_to(mut self, bytes: usize) -> Self {
        self.framing = Framing::ChunkedCutTo(bytes);
        self
    }

    /// Sends the body and then spaces, forever.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.framing = Framing::Endless;
        self
    }

    /// Takes what this answer doesn't alter from the `real` one.
    pub(crate) fn over(self, real: Answer) -> Self {
        let mut headers = real.headers;
        headers.extend(self.headers);
        Self { real: false, status: real.status, headers, body: real.body, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_real_answer_keeps_what_it_does_not_alter() {
        let real = Answer::json(404, json!({"msg": "Not found"})).header("a", "1").header("b", "2");
        let altered = Answer::real().header("a", "odd").over(real);
        assert_eq!(altered.status, 404);
        assert_eq!(altered.headers["a"], "odd");
        assert_eq!(altered.headers["b"], "2");
        assert_eq!(altered.headers[CONTENT_TYPE], "application/json");
        assert_eq!(altered.body, "{\"msg\":\"Not found\"}");
    }
}
