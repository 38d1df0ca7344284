//! Parses the head of a request.

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
    /// Length of the head on the wire, in bytes.
    pub(crate) length: usize,
    pub(crate) framing: Framing,
}

/// The framing of a request body (RFC 9112, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// The bytes are not the head of an HTTP/1 request.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed;

impl Head {
    /// Parses the head at the start of `bytes`. Returns `None` if it is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_LENGTH => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_LENGTH => return Ok(None),
            _ => return Err(Malformed),
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
        let (parts, ()) = builder.body(()).map_err(|_| Malformed)?.into_parts();
        Ok(Some(Self { framing: framing(&parts)?, parts, headers, length }))
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

fn framing(request: &Parts) -> Result<Framing, Malformed> {
    if let Some(coding) = request.headers.get(TRANSFER_ENCODING) {
        let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        return if is_chunked { Ok(Framing::Chunked) } else { Err(Malformed) };
    }
    let mut lengths = request.headers.get_all(CONTENT_LENGTH).iter().map(|value| {
        let digits = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).ok_or(Malformed)
    });
    let length = lengths.next().unwrap_or(Ok(0))?;
    // Different lengths are an attempt at request smuggling.
    if lengths.any(|other| other != Ok(length)) {
        return Err(Malformed);
    }
    Ok(Framing::Length(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_first_empty_line_after_its_first_line() {
        let length = |bytes: &[u8]| Head::parse(bytes).unwrap().map(|head| head.length);
        assert_eq!(length(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), Some(24));
        assert_eq!(length(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(22));
        assert_eq!(length(b"GET / HTTP/1.1\nA: b\n\nbody"), Some(21));
        assert_eq!(length(b"GET / HTTP/1.1\r\nA: b\r\n\r"), None);
        assert_eq!(length(b"\r\n\r\n"), None);
    }

    #[test]
    fn a_body_has_one_length_or_is_chunked() {
        let framing = |headers: &str| {
            let head = format!("PUT / HTTP/1.1\r\n{headers}\r\n");
            Head::parse(head.as_bytes()).map(|head| head.unwrap().framing)
        };
        assert_eq!(framing(""), Ok(Framing::Length(0)));
        assert_eq!(framing("Content-Length: 5\r\nContent-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        for malformed in [
            "Content-Length: +5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Transfer-Encoding: gzip\r\n",
        ] {
            assert_eq!(framing(malformed), Err(Malformed), "{malformed}");
        }
    }
}
