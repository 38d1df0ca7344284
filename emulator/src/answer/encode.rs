//! Encodes responses, whole or cut.

use bytes::Bytes;
use http::HeaderName;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use serde_json::{Map, Value};

use super::{Answer, Framing};

impl Answer {
    /// Encodes the response, up to where it is cut.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = pad(self.body.clone(), self.padded_to);
        let head = |name: HeaderName, value: &str| {
            let status = (self.status.as_u16(), self.status.canonical_reason().unwrap_or_default());
            let mut head =
                format!("HTTP/1.1 {} {}\r\n{name}: {value}\r\n", status.0, status.1).into_bytes();
            for (name, value) in &self.headers {
                head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
            [head, b"\r\n".to_vec()].concat()
        };
        let with_length =
            |sent: &[u8]| [&head(CONTENT_LENGTH, &body.len().to_string()), sent].concat();
        let chunked = |sent: &[u8]| {
            let mut bytes = head(TRANSFER_ENCODING, "chunked");
            // An empty chunk would be the last one.
            if !sent.is_empty() {
                bytes.extend(chunk(sent));
            }
            bytes
        };
        match self.framing {
            Framing::Whole => with_length(&body),
            Framing::CutTo(end) => with_length(&body[..end.min(body.len())]),
            Framing::ChunkedCutTo(end) => chunked(&body[..end.min(body.len())]),
            Framing::Endless => chunked(&body),
            Framing::Raw => body.to_vec(),
        }
    }
}

/// Encodes a chunk of a chunked body.
pub(crate) fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// Makes `body` at least `length` bytes long.
fn pad(body: Bytes, length: usize) -> Bytes {
    const BEFORE: &[u8] = b",\"padding\":\"";
    const AFTER: &[u8] = b"\"}";
    if body.len() >= length {
        return body;
    }
    let object = serde_json::from_slice::<Map<String, Value>>(&body);
    let mut padded = body.to_vec();
    if let Ok(object) = object {
        padded.truncate(body.iter().rposition(|byte| *byte == b'}').unwrap_or(body.len()));
        padded.extend(&BEFORE[usize::from(object.is_empty())..]);
        padded.resize(padded.len().max(length.saturating_sub(AFTER.len())), b'x');
        padded.extend(AFTER);
    } else {
        padded.resize(length, b' ');
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
    fn a_cut_answer_declares_more_than_it_sends() {
        let answer = Answer::new(200).content_type("text/plain").body("abcdef").cut_to(2);
        assert_eq!(
            answer.encode(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\ncontent-type: text/plain\r\n\r\nab"
        );
    }

    #[test]
    fn a_cut_chunked_answer_has_no_last_chunk() {
        let answer = Answer::new(200).body("abcdef").chunked_cut_to(3);
        assert_eq!(
            answer.encode(),
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
        );
    }
}
