//! Parses the head of a request.

use std::io;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, Request, Version};

/// More headers are refused.
const MAX_HEADERS: usize = 256;

/// Length of the longest head that is accepted, in bytes.
const MAX_LENGTH: usize = 512 * 1024;

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) parts: Parts,
    /// The headers in the order and with the names as sent, which `HeaderMap` doesn't keep.
    pub(crate) headers: Vec<(String, String)>,
    /// The head on the wire.
    pub(crate) raw: Vec<u8>,
    /// The start of the body.
    pub(crate) body: Body,
}

/// The part of a request body that comes next (RFC 9112, sections 6 and 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Bytes of a body that isn't chunked, or the end of any.
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
}

impl Body {
    pub(crate) fn is_complete(self) -> bool {
        self == Self::Length(0)
    }
}

/// The bytes are not those of an HTTP/1 request.
pub(crate) const MALFORMED: io::ErrorKind = io::ErrorKind::InvalidData;

impl Head {
    /// Parses the head at the start of `bytes`. Returns `None` if it is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, io::ErrorKind> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_LENGTH => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_LENGTH => return Ok(None),
            _ => return Err(MALFORMED),
        };
        let mut builder = Request::builder()
            .method(request.method.unwrap_or_default())
            .uri(request.path.unwrap_or_default())
            .version(if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 });
        let mut headers = Vec::with_capacity(request.headers.len());
        for header in request.headers {
            builder = builder.header(header.name, header.value);
            let value = String::from_utf8_lossy(header.value).into_owned();
            headers.push((header.name.to_owned(), value));
        }
        let (parts, ()) = builder.body(()).map_err(|_| MALFORMED)?.into_parts();
        Ok(Some(Self { body: body(&parts)?, parts, headers, raw: bytes[..length].to_vec() }))
    }

    /// Returns whether the client waits for `100 Continue` before it sends the body.
    pub(crate) fn expects_continue(&self) -> bool {
        self.parts.version == Version::HTTP_11 && self.has_value(EXPECT, "100-continue")
    }

    /// Returns whether the client closes the connection after the response.
    pub(crate) fn closes(&self) -> bool {
        self.parts.version == Version::HTTP_10 || self.has_value(CONNECTION, "close")
    }

    fn has_value(&self, name: HeaderName, expected: &str) -> bool {
        let values = self.parts.headers.get_all(name);
        values.iter().any(|value| value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()))
    }
}

fn body(request: &Parts) -> Result<Body, io::ErrorKind> {
    if let Some(coding) = request.headers.get(TRANSFER_ENCODING) {
        let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        return if is_chunked { Ok(Body::ChunkSize) } else { Err(MALFORMED) };
    }
    let mut lengths = request.headers.get_all(CONTENT_LENGTH).iter().map(|value| {
        let digits = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).ok_or(MALFORMED)
    });
    let length = lengths.next().unwrap_or(Ok(0))?;
    // Different lengths are an attempt at request smuggling.
    if lengths.any(|other| other != Ok(length)) {
        return Err(MALFORMED);
    }
    Ok(Body::Length(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_first_empty_line_after_its_first_line() {
        let length = |bytes: &[u8]| Head::parse(bytes).unwrap().map(|head| head.raw.len());
        assert_eq!(length(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), Some(24));
        assert_eq!(length(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(22));
        assert_eq!(length(b"GET / HTTP/1.1\nA: b\n\nbody"), Some(21));
        assert_eq!(length(b"GET / HTTP/1.1\r\nA: b\r\n\r"), None);
        assert_eq!(length(b"\r\n\r\n"), None);
    }

    #[test]
    fn a_body_has_one_length_or_is_chunked() {
        let body = |headers: &str| {
            let head = format!("PUT / HTTP/1.1\r\n{headers}\r\n");
            Head::parse(head.as_bytes()).map(|head| head.unwrap().body)
        };
        assert_eq!(body(""), Ok(Body::Length(0)));
        assert_eq!(body("Content-Length: 5\r\nContent-Length: 5\r\n"), Ok(Body::Length(5)));
        assert_eq!(body("Transfer-Encoding: Chunked\r\n"), Ok(Body::ChunkSize));
        for malformed in [
            "Content-Length: +5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Transfer-Encoding: gzip\r\n",
        ] {
            assert_eq!(body(malformed), Err(MALFORMED), "{malformed}");
        }
    }
}
