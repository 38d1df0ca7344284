//! Answers as bytes: through hyper where they are whole, by hand where they are broken on purpose.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};

use crate::answer::{Answer, Framing};
use crate::upload::RequestBody;
use crate::wire::Wire;

/// What an endless body goes on with: space is allowed behind any JSON.
static SPACES: [u8; 16 * 1024] = [b' '; 16 * 1024];

/// The body of an answer on its way through hyper. When hyper drops it, the answer is all but written.
pub(crate) struct AnswerBody {
    content: Bytes,
    endless: bool,
    wire: Arc<Wire>,
    /// A request body that is not to be read: hyper closes the connection where it is dropped.
    _unread: Option<RequestBody>,
}

impl AnswerBody {
    pub(crate) fn new(answer: &Answer, wire: Arc<Wire>, unread: Option<RequestBody>) -> Self {
        Self {
            content: answer.body.clone(),
            endless: answer.framing == Framing::Endless,
            wire,
            _unread: unread,
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.wire.answer_ends();
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut content = std::mem::take(&mut self.content);
        if content.is_empty() && self.endless {
            content = Bytes::from_static(&SPACES);
        }
        Poll::Ready((!content.is_empty()).then(|| Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_empty() && !self.endless
    }

    fn size_hint(&self) -> SizeHint {
        if self.endless {
            SizeHint::default()
        } else {
            SizeHint::with_exact(self.content.len() as u64)
        }
    }
}

/// The response that hyper writes.
pub(crate) fn response(answer: Answer, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// An answer that hyper wouldn't write, as bytes.
pub(crate) fn broken(answer: &Answer) -> Vec<u8> {
    let body = &answer.body;
    match answer.framing {
        Framing::Raw => body.to_vec(),
        Framing::CutTo(bytes) => {
            let mut message = head(answer, CONTENT_LENGTH.as_str(), &body.len().to_string());
            message.extend_from_slice(&body[..bytes.min(body.len())]);
            message
        }
        Framing::ChunkedCutTo(bytes) => {
            let mut message = head(answer, TRANSFER_ENCODING.as_str(), "chunked");
            let sent = &body[..bytes.min(body.len())];
            if !sent.is_empty() {
                message.extend_from_slice(format!("{:x}\r\n", sent.len()).as_bytes());
                message.extend_from_slice(sent);
                message.extend_from_slice(b"\r\n");
            }
            message
        }
        Framing::Whole | Framing::Endless => {
            unreachable!("hyper writes what isn't broken")
        }
    }
}

fn head(answer: &Answer, framing: &str, value: &str) -> Vec<u8> {
    let reason = answer.status.canonical_reason().unwrap_or_default();
    let mut head =
        format!("HTTP/1.1 {} {reason}\r\n{framing}: {value}\r\n", answer.status.as_u16())
            .into_bytes();
    for (name, value) in &answer.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_declares_more_than_it_sends() {
        let answer = Answer::new(200).content_type("text/plain").body("abcdef").cut_to(2);
        assert_eq!(
            broken(&answer),
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\ncontent-type: text/plain\r\n\r\nab"
        );
    }

    #[test]
    fn a_cut_chunked_answer_has_no_last_chunk() {
        let answer = Answer::new(200).body("abcdef").chunked_cut_to(3);
        assert_eq!(
            broken(&answer),
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
        );
    }
}
