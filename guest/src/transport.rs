//! The exchange with the API over `wasi:http`: the one file that touches its resources.

use crate::bindings::exports::fastly_package::api::package_api::{ContentError, Error};
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    self, ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingResponse, OutgoingBody,
    OutgoingRequest,
};
use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::multipart::Framing;
use crate::request::{Method, Request, Scheme};
use crate::response::{Answer, BODY_LIMIT, End};

/// How much one splice may move: what hosts allow in one write to a request's body.
const SPLICE: u64 = 1024 * 1024;
const READ: u64 = 64 * 1024;

/// The body of a request: `size` bytes of `content`, framed.
pub(crate) struct Upload {
    pub(crate) framing: Framing,
    pub(crate) content: InputStream,
    pub(crate) size: u64,
}

/// How the writing of a body ended.
#[derive(Clone, Copy, PartialEq)]
enum Sending {
    /// The host has taken every byte.
    Whole,
    /// The answer came first, or the connection went: either way the response future knows more.
    Interrupted,
}

/// The answer that is on its way. The pollable is a child of the future and must go first.
struct Pending {
    pollable: Pollable,
    future: FutureIncomingResponse,
}

/// Sends a request, with a body where there is an upload, and receives the answer.
pub(crate) fn send(request: Request, upload: Option<Upload>) -> Result<Answer, Error> {
    let outgoing = outgoing_request(request)?;
    let body = match &upload {
        Some(_) => Some(outgoing.body().map_err(|()| internal("the request has no body"))?),
        None => None,
    };
    let future = outgoing_handler::handle(outgoing, None)?;
    let pending = Pending { pollable: future.subscribe(), future };
    let (Some(upload), Some(body)) = (upload, body) else {
        return Ok(receive(&pending, true)?);
    };
    let stream = body.write().map_err(|()| internal("the body has no stream"))?;
    let sending = write_body(&stream, &pending.pollable, &upload)?;
    if sending == Sending::Interrupted {
        // The body stays open until the answer is read: dropping it aborts the request, and a host may abort the answer with it.
        return Ok(receive(&pending, false)?);
    }
    drop(stream);
    match OutgoingBody::finish(body, None) {
        Ok(()) => Ok(receive(&pending, true)?),
        Err(_) if pending.pollable.ready() => Ok(receive(&pending, false)?),
        Err(code) => Err(code.into()),
    }
}

fn outgoing_request(request: Request) -> Result<OutgoingRequest, Error> {
    let headers = Fields::new();
    for (name, value) in request.headers {
        match headers.append(name, &value) {
            Ok(()) => {}
            // Hosts that keep these two for themselves frame the body on their own.
            Err(HeaderError::Forbidden) if matches!(name, "content-length" | "expect") => {}
            Err(error) => return Err(error.into()),
        }
    }
    let method = match request.method {
        Method::Get => types::Method::Get,
        Method::Put => types::Method::Put,
    };
    let scheme = match request.scheme {
        Scheme::Http => types::Scheme::Http,
        Scheme::Https => types::Scheme::Https,
    };
    let refused = |()| Error::Transport(ErrorCode::HttpRequestUriInvalid);
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_method(&method).map_err(refused)?;
    outgoing.set_scheme(Some(&scheme)).map_err(refused)?;
    outgoing.set_authority(Some(&request.authority)).map_err(refused)?;
    outgoing.set_path_with_query(Some(&request.path)).map_err(refused)?;
    Ok(outgoing)
}

/// Writes head, content and tail. The tail goes out only when the content has ended where it should, so that a body of another
/// length is never complete.
fn write_body(
    output: &OutputStream,
    response: &Pollable,
    upload: &Upload,
) -> Result<Sending, Error> {
    let writer = Writer { output, writable: output.subscribe(), response };
    if writer.write(&upload.framing.head) == Sending::Interrupted
        || writer.splice(&upload.content, upload.size)? == Sending::Interrupted
    {
        return Ok(Sending::Interrupted);
    }
    Ok(writer.write(&upload.framing.tail))
}

/// Writes while it watches for the answer.
struct Writer<'a> {
    output: &'a OutputStream,
    writable: Pollable,
    response: &'a Pollable,
}

impl Writer<'_> {
    fn write(&self, mut bytes: &[u8]) -> Sending {
        while !bytes.is_empty() {
            let Ok(permit) = self.output.check_write() else { return Sending::Interrupted };
            if permit == 0 {
                if self.answered_before(&self.writable) {
                    return Sending::Interrupted;
                }
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(permit as usize));
            if self.output.write(now).is_err() {
                return Sending::Interrupted;
            }
            bytes = later;
        }
        Sending::Whole
    }

    /// Splices exactly `size` bytes and sees to it that the content ends there.
    fn splice(&self, content: &InputStream, size: u64) -> Result<Sending, Error> {
        let readable = content.subscribe();
        let mut left = size;
        while left > 0 {
            if self.response.ready() {
                return Ok(Sending::Interrupted);
            }
            match self.output.splice(content, left.min(SPLICE)) {
                Ok(0) => {
                    // Nothing moved: either side may be the one to wait for.
                    let Ok(permit) = self.output.check_write() else {
                        return Ok(Sending::Interrupted);
                    };
                    let wait = if permit == 0 { &self.writable } else { &readable };
                    if self.answered_before(wait) {
                        return Ok(Sending::Interrupted);
                    }
                }
                Ok(moved) => left -= moved,
                // A splice doesn't say which of the two streams failed.
                Err(_) if self.output.check_write().is_err() => return Ok(Sending::Interrupted),
                Err(StreamError::Closed) => {
                    return Err(ContentError::TooShort(size - left).into());
                }
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(ContentError::Failed(error.to_debug_string()).into());
                }
            }
        }
        loop {
            match content.read(1) {
                Err(StreamError::Closed) => return Ok(Sending::Whole),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(ContentError::Failed(error.to_debug_string()).into());
                }
                Ok(more) if !more.is_empty() => return Err(ContentError::TooLong.into()),
                Ok(_) if self.answered_before(&readable) => return Ok(Sending::Interrupted),
                Ok(_) => {}
            }
        }
    }

    /// Waits for `other` or the answer: whether the answer is there.
    fn answered_before(&self, other: &Pollable) -> bool {
        poll(&[other, self.response]).contains(&1)
    }
}

/// Waits for the answer and reads it up to the limit. `request_sent`: every byte of the request was handed to the host.
fn receive(pending: &Pending, request_sent: bool) -> Result<Answer, ErrorCode> {
    pending.pollable.block();
    let response = match pending.future.get() {
        Some(Ok(response)) => response?,
        Some(Err(())) | None => return Err(internal("the host gave no answer")),
    };
    let headers = response.headers().entries();
    let (body, end) = read_body(&response);
    Ok(Answer { status: response.status(), headers, body, end, request_sent })
}

fn read_body(response: &IncomingResponse) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let Ok(body) = response.consume() else {
        return (bytes, End::Lost(internal("the answer's body is gone")));
    };
    let Ok(stream) = body.stream() else {
        return (bytes, End::Lost(internal("the answer's body has no stream")));
    };
    loop {
        match stream.blocking_read(READ) {
            Ok(more) => bytes.extend_from_slice(&more),
            Err(StreamError::Closed) => return (bytes, End::Complete),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = types::http_error_code(&error);
                let code = code.unwrap_or(ErrorCode::HttpResponseIncomplete);
                return (bytes, End::Lost(code));
            }
        }
        if bytes.len() > BODY_LIMIT {
            bytes.truncate(BODY_LIMIT);
            return (bytes, End::TooLarge);
        }
    }
}

fn internal(why: &str) -> ErrorCode {
    ErrorCode::InternalError(Some(why.to_owned()))
}
