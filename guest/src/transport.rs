//! The HTTP exchange over `wasi:http`. This is the one file that uses its resources.

use crate::bindings::exports::fastly_package::api::package_api::{ContentError, Error};
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    self, ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingResponse, OutgoingBody,
    OutgoingRequest,
};
use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::multipart::Multipart;
use crate::request::Request;
use crate::response::{BODY_LIMIT, BodyError, Response};

/// The maximum length of one splice, in bytes: the most that hosts accept in one write to a request's body.
const SPLICE_LIMIT: u64 = 1024 * 1024;
/// The maximum length of one read, in bytes.
const READ_LIMIT: u64 = 64 * 1024;

/// The body of a request: `size` bytes of `content` in a multipart body.
pub(crate) struct Upload {
    pub(crate) multipart: Multipart,
    pub(crate) content: InputStream,
    pub(crate) size: u64,
}

/// Sends a request, with a body if there is an upload, and receives the response.
pub(crate) fn send(request: Request, upload: Option<Upload>) -> Result<Response, Error> {
    let outgoing = outgoing_request(request)?;
    let body = match &upload {
        Some(_) => Some(outgoing.body().map_err(|()| internal("the request has no body"))?),
        None => None,
    };
    let future = outgoing_handler::handle(outgoing, None)?;
    let pending = PendingResponse { pollable: future.subscribe(), future };
    let (Some(upload), Some(body)) = (upload, body) else {
        return pending.receive(true);
    };
    let stream = body.write().map_err(|()| internal("the request's body has no stream"))?;
    match write_body(&stream, &pending.pollable, &upload) {
        Ok(()) => {}
        // The body stays open until the response is read: dropping it aborts the request, and a host may abort the response too.
        Err(WriteError::Interrupted) => return pending.receive(false),
        Err(WriteError::Content(error)) => return Err(error.into()),
    }
    drop(stream);
    match OutgoingBody::finish(body, None) {
        Ok(()) => pending.receive(true),
        Err(_) if pending.pollable.ready() => pending.receive(false),
        Err(code) => Err(code.into()),
    }
}

fn outgoing_request(request: Request) -> Result<OutgoingRequest, Error> {
    let headers = Fields::new();
    for (name, value) in request.headers {
        match headers.append(name, &value) {
            Ok(()) => {}
            // Hosts that reserve these two set them on their own.
            Err(HeaderError::Forbidden) if matches!(name, "content-length" | "expect") => {}
            Err(error) => return Err(error.into()),
        }
    }
    let invalid = |()| Error::Transport(ErrorCode::HttpRequestUriInvalid);
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_method(&request.method).map_err(invalid)?;
    outgoing.set_scheme(Some(&request.scheme)).map_err(invalid)?;
    outgoing.set_authority(Some(&request.authority)).map_err(invalid)?;
    outgoing.set_path_with_query(Some(&request.path)).map_err(invalid)?;
    Ok(outgoing)
}

/// Why a body was not written whole.
enum WriteError {
    /// The response arrived, or the connection was lost. The response future has the outcome of both.
    Interrupted,
    Content(ContentError),
}

/// Writes the head, the content and the tail. The tail follows only content of the announced length, so that no other body is ever complete.
fn write_body(
    output: &OutputStream,
    response: &Pollable,
    upload: &Upload,
) -> Result<(), WriteError> {
    let writer = Writer { output, writable: output.subscribe(), response };
    writer.write(&upload.multipart.head)?;
    writer.splice(&upload.content, upload.size)?;
    writer.write(&upload.multipart.tail)
}

/// A writer that stops when the response arrives.
struct Writer<'a> {
    output: &'a OutputStream,
    writable: Pollable,
    response: &'a Pollable,
}

impl Writer<'_> {
    fn write(&self, mut bytes: &[u8]) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            let permit = self.check_write()?;
            if permit == 0 {
                self.wait_for(&self.writable)?;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(permit as usize));
            self.output.write(now).map_err(|_| WriteError::Interrupted)?;
            bytes = later;
        }
        Ok(())
    }

    /// Splices exactly `size` bytes, and checks that the content ends there.
    fn splice(&self, content: &InputStream, size: u64) -> Result<(), WriteError> {
        let readable = content.subscribe();
        let mut left = size;
        while left > 0 {
            if self.response.ready() {
                return Err(WriteError::Interrupted);
            }
            match self.output.splice(content, left.min(SPLICE_LIMIT)) {
                // Nothing was moved: either the output is full or the content has no bytes yet.
                Ok(0) => match self.check_write()? {
                    0 => self.wait_for(&self.writable)?,
                    _ => self.wait_for(&readable)?,
                },
                Ok(moved) => left -= moved,
                Err(error) => {
                    // The error doesn't tell which of the two streams failed.
                    self.check_write()?;
                    return Err(WriteError::Content(match error {
                        StreamError::Closed => ContentError::TooShort(size - left),
                        StreamError::LastOperationFailed(error) => {
                            ContentError::Failed(error.to_debug_string())
                        }
                    }));
                }
            }
        }
        loop {
            match content.read(1) {
                Err(StreamError::Closed) => return Ok(()),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(WriteError::Content(ContentError::Failed(error.to_debug_string())));
                }
                Ok(bytes) if bytes.is_empty() => self.wait_for(&readable)?,
                Ok(_) => return Err(WriteError::Content(ContentError::TooLong)),
            }
        }
    }

    fn check_write(&self) -> Result<u64, WriteError> {
        self.output.check_write().map_err(|_| WriteError::Interrupted)
    }

    /// Waits until `pollable` is ready. Fails if the response is.
    fn wait_for(&self, pollable: &Pollable) -> Result<(), WriteError> {
        match poll(&[pollable, self.response]).contains(&1) {
            true => Err(WriteError::Interrupted),
            false => Ok(()),
        }
    }
}

/// The response to a request that was sent. The pollable is a child of the future and must be dropped first.
struct PendingResponse {
    pollable: Pollable,
    future: FutureIncomingResponse,
}

impl PendingResponse {
    /// Waits for the response and reads it up to the limit. `request_sent` is whether the host has accepted every byte of the request.
    fn receive(&self, request_sent: bool) -> Result<Response, Error> {
        self.pollable.block();
        let response = match self.future.get() {
            Some(Ok(response)) => response?,
            Some(Err(())) | None => return Err(internal("the host provided no response").into()),
        };
        let headers = response.headers().entries();
        let (body, body_error) = read_body(&response);
        Ok(Response { status: response.status(), headers, body, body_error, request_sent })
    }
}

/// Reads the body as far as possible, and returns why it is incomplete.
fn read_body(response: &IncomingResponse) -> (Vec<u8>, Option<BodyError>) {
    let mut bytes = Vec::new();
    let Ok(body) = response.consume() else {
        return (bytes, Some(BodyError::Transport(internal("the response has no body"))));
    };
    let Ok(stream) = body.stream() else {
        return (bytes, Some(BodyError::Transport(internal("the response's body has no stream"))));
    };
    loop {
        match stream.blocking_read(READ_LIMIT) {
            Ok(more) => bytes.extend_from_slice(&more),
            Err(StreamError::Closed) => return (bytes, None),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = types::http_error_code(&error);
                let code = code.unwrap_or(ErrorCode::HttpResponseIncomplete);
                return (bytes, Some(BodyError::Transport(code)));
            }
        }
        if bytes.len() > BODY_LIMIT {
            bytes.truncate(BODY_LIMIT);
            return (bytes, Some(BodyError::TooLarge));
        }
    }
}

fn internal(reason: &str) -> ErrorCode {
    ErrorCode::InternalError(Some(reason.to_owned()))
}
