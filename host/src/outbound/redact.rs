//! Redacts the token in responses, so that a server which echoes it doesn't bring it into the sandbox.

use crate::token::Token;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Replaces the token by as many asterisks, so that lengths stay the same.
pub(super) fn response<B>(response: Response<B>, token: &Token) -> Response<Redacted<B>> {
    let mut response = response.map(|inner| {
        let redactor = Redactor { token: token.clone(), held: BytesMut::new() };
        Redacted { inner, redactor, trailers: None, ended: false }
    });
    headers(response.headers_mut(), token);
    response
}

fn headers(headers: &mut HeaderMap, token: &Token) {
    // Only the rare values that contain it are copied.
    for value in headers.values_mut().filter(|value| token.is_in(value.as_bytes())) {
        let mut bytes = BytesMut::from(value.as_bytes());
        redact(&mut bytes, token);
        *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(""));
    }
}

/// Replaces every occurrence of the token.
fn redact(bytes: &mut [u8], token: &Token) {
    let mut from = 0;
    while let Some(found) = token.find(&bytes[from..]) {
        let end = from + found.end;
        bytes[from + found.start..end].fill(b'*');
        from = end;
    }
}

/// A body in which the token is redacted.
pub(super) struct Redacted<B> {
    inner: B,
    redactor: Redactor,
    trailers: Option<HeaderMap>,
    ended: bool,
}

struct Redactor {
    token: Token,
    /// The last bytes, if they could be the beginning of the token.
    held: BytesMut,
}

impl Redactor {
    /// Returns the bytes that can be passed on.
    fn take(&mut self, bytes: Bytes) -> Bytes {
        if self.held.is_empty() && !self.token.is_in(&bytes) && self.token.begins_in(&bytes) == 0 {
            return bytes;
        }
        self.held.extend_from_slice(&bytes);
        redact(&mut self.held, &self.token);
        let keep = self.token.begins_in(&self.held);
        self.held.split_to(self.held.len() - keep).freeze()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Redacted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(this.trailers.take().map(|it| Ok(Frame::trailers(it))));
            }
            let frame = match std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => Frame::trailers(HeaderMap::new()),
            };
            let data = match frame.into_data() {
                Ok(data) => this.redactor.take(data),
                // The end: the held bytes come before the trailers.
                Err(frame) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    headers(&mut trailers, &this.redactor.token);
                    this.trailers = Some(trailers).filter(|trailers| !trailers.is_empty());
                    this.ended = true;
                    this.redactor.held.split().freeze()
                }
            };
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let given = self.redactor.held.is_empty() && self.trailers.is_none();
        given && (self.ended || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.redactor.held.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};
    use std::collections::VecDeque;
    use std::convert::Infallible;

    const TOKEN: &str = "aab-aab-aac";

    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    async fn redacted(text: &str, piece: usize) -> String {
        let pieces = text.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
        let response = super::response(Response::new(Pieces(pieces)), &Token::new(TOKEN).unwrap());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_token_is_redacted_wherever_the_body_is_split() {
        let stars = "*".repeat(TOKEN.len());
        for (text, expected) in [
            ("", String::new()),
            ("nothing of it", "nothing of it".into()),
            (TOKEN, stars.clone()),
            ("key aab-aab-aac!", format!("key {stars}!")),
            ("aab-aab-aab-aac", format!("aab-{stars}")),
            ("aab-aab-aacaab-aab-aac", stars.repeat(2)),
            ("aab-aab-aa", "aab-aab-aa".into()),
            ("aab-aab-aab-aab-aa", "aab-aab-aab-aab-aa".into()),
        ] {
            for piece in 1..=text.len().max(1) {
                assert_eq!(redacted(text, piece).await, expected, "{text} by {piece}");
            }
        }
    }

    #[tokio::test]
    async fn the_token_is_redacted_in_headers_and_trailers() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-echo", HeaderValue::from_static(TOKEN));
        // It ends with the beginning of the token.
        let body = Full::new(Bytes::from_static(b"ok aab-"));
        let body = body.with_trailers(async { Some(Ok(trailers)) });
        let mut echo = Response::new(Box::pin(body));
        echo.headers_mut().insert("location", HeaderValue::from_static("/?aab-aab-aac&x"));
        let response = super::response(echo, &Token::new(TOKEN).unwrap());
        assert_eq!(response.headers()["location"], "/?***********&x");
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-echo"], "***********");
        assert_eq!(collected.to_bytes(), "ok aab-");
    }
}
