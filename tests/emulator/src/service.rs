//! One request: what the fault says, or what is usual.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::sync::watch;

use crate::answer::{Answer, Framing};
use crate::api::Api;
use crate::connection::stopped;
use crate::fault::{Fault, Faults, Reads, Then};
use crate::framing::{self, AnswerBody};
use crate::journal::{Journal, RecordedRequest};
use crate::upload::{Receiver, RequestBody};
use crate::wire::Wire;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) journal: Arc<Journal>,
    pub(crate) faults: Mutex<Faults>,
    /// Says when the emulator is to stop.
    pub(crate) stopping: watch::Sender<bool>,
    /// Addresses from which the emulator connects to itself.
    pub(crate) probes: Mutex<HashSet<SocketAddr>>,
}

impl Shared {
    pub(crate) fn add_probe(&self, address: SocketAddr) {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
    }

    /// Whether this is a connection of the emulator's to itself; each is so once.
    pub(crate) fn is_probe(&self, address: SocketAddr) -> bool {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).remove(&address)
    }

    fn fault(&self, request: &Parts) -> Fault {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).take(request)
    }
}

/// The connection ends here, without an answer from hyper.
#[derive(Debug)]
pub(crate) struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends on purpose")
    }
}

impl std::error::Error for Ended {}

/// The service of one connection.
pub(crate) struct Requests {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) connection: u64,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<AnswerBody>;
    type Error = Ended;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Ended>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (head, body) = request.into_parts();
        let length = body.size_hint().exact();
        let recorded = record(&head, self.wire.take_head(), self.connection, length);
        let index = self.shared.journal.begin(recorded);
        self.wire.begin(index, length);
        // Now, not when the answer is first polled: hyper reads a piece of the body in between.
        let fault = self.shared.fault(&head);
        self.wire.obey(&fault);
        let exchange = Exchange {
            shared: Arc::clone(&self.shared),
            wire: Arc::clone(&self.wire),
            request: index,
        };
        Box::pin(exchange.run(fault, head, RequestBody::new(body)))
    }
}

fn record(request: &Parts, head: Vec<u8>, connection: u64, length: Option<u64>) -> RecordedRequest {
    let content_length = request.headers.get(CONTENT_LENGTH);
    RecordedRequest {
        connection,
        method: request.method.to_string(),
        path: request.uri.to_string(),
        headers: headers_as_sent(&head),
        head,
        content_length: content_length.and_then(|value| value.to_str().ok()?.parse().ok()),
        body_complete: length == Some(0),
        ..RecordedRequest::default()
    }
}

/// hyper's header map keeps neither the order of different names nor their case.
fn headers_as_sent(head: &[u8]) -> Vec<(String, String)> {
    let mut headers = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut headers);
    if request.parse(head).is_err() {
        return Vec::new();
    }
    let text = |header: &httparse::Header<'_>| {
        (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())
    };
    request.headers.iter().map(text).collect()
}

/// A request and its answer.
struct Exchange {
    shared: Arc<Shared>,
    wire: Arc<Wire>,
    request: usize,
}

impl Exchange {
    async fn run(
        self,
        fault: Fault,
        head: Parts,
        mut body: RequestBody,
    ) -> Result<Response<AnswerBody>, Ended> {
        self.inform(&fault.informational).await?;
        let usual = fault.answer.as_ref().is_some_and(|answer| answer.real);
        let real = if usual {
            Some(self.usual(&head, &mut body).await?)
        } else {
            self.read(&fault, &head, &mut body).await?;
            None
        };
        tokio::time::sleep(fault.delay).await;
        let whole = self.is_body_whole(&body);
        match (fault.answer, real) {
            (Some(scripted), Some(real)) => {
                self.give(scripted.over(real), body, whole, fault.then).await
            }
            (Some(scripted), None) => {
                let nothing = Answer::new(200);
                self.give(scripted.over(nothing), body, whole, fault.then).await
            }
            (None, _) => self.end(fault.then.unwrap_or(Then::Close), body).await,
        }
    }

    async fn inform(&self, statuses: &[u16]) -> Result<(), Ended> {
        for status in statuses {
            let reason = match status {
                100 => "Continue",
                102 => "Processing",
                103 => "Early Hints",
                _ => "Informational",
            };
            let line = format!("HTTP/1.1 {status} {reason}\r\n\r\n");
            self.wire.write_all(line.as_bytes()).await.map_err(|_| Ended)?;
            self.shared.journal.update(self.request, |request| request.informational.push(*status));
        }
        Ok(())
    }

    fn receiver(&self) -> Receiver<'_> {
        Receiver {
            config: &self.shared.api.config,
            journal: &self.shared.journal,
            request: self.request,
        }
    }

    async fn usual(&self, head: &Parts, body: &mut RequestBody) -> Result<Answer, Ended> {
        self.shared.api.answer(head, body, &self.receiver()).await.ok_or(Ended)
    }

    /// Reads as much of the body as the fault says.
    async fn read(&self, fault: &Fault, head: &Parts, body: &mut RequestBody) -> Result<(), Ended> {
        match fault.reads() {
            Reads::Nothing => {}
            Reads::Bytes(_) => tokio::select! {
                biased;
                () = self.wire.body_limit_reached() => {}
                drained = body.drain() => drained.map_err(|_| Ended)?,
            },
            Reads::All if fault.stored => {
                self.shared.api.store(head, body, &self.receiver()).await;
            }
            // It is recorded as an upload is, though nothing comes of it.
            Reads::All => {
                let _ = self.receiver().receive(&head.headers, body).await;
                body.drain().await.map_err(|_| Ended)?;
            }
        }
        Ok(())
    }

    fn is_body_whole(&self, body: &RequestBody) -> bool {
        let whole = body.is_whole();
        if whole {
            self.wire.body_ended();
            self.shared.journal.update(self.request, |request| request.body_complete = true);
        }
        whole
    }

    async fn give(
        self,
        mut answer: Answer,
        body: RequestBody,
        whole: bool,
        then: Option<Then>,
    ) -> Result<Response<AnswerBody>, Ended> {
        let status = (answer.framing != Framing::Raw).then(|| answer.status.as_u16());
        self.shared.journal.update(self.request, |request| request.status = status);
        self.wire.answering();
        if !matches!(answer.framing, Framing::Whole | Framing::Endless) {
            let _ = self.wire.write_all(&framing::broken(&answer)).await;
            self.wire.answered();
            if let Some(then) = then.filter(|then| *then != Then::Keep) {
                self.wire.end_with(then);
            }
            return Err(Ended);
        }
        let mut unread = None;
        match then {
            Some(Then::Keep) if !whole => self.discard_rest(body),
            Some(Then::Keep) => {}
            Some(then) => {
                self.wire.end_with(then);
                unread = Some(body);
            }
            None if !whole => {
                answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            None => {}
        }
        if then == Some(Then::Stall) {
            self.wire.stall();
        }
        let body = AnswerBody::new(&answer, self.wire, unread);
        Ok(framing::response(answer, body))
    }

    /// Reads the rest of the body while the answer is under way.
    fn discard_rest(&self, mut body: RequestBody) {
        self.wire.limit_body(None);
        let (journal, wire, request) =
            (Arc::clone(&self.shared.journal), Arc::clone(&self.wire), self.request);
        tokio::spawn(async move {
            if body.drain().await.is_ok() {
                wire.body_ended();
                journal.update(request, |request| request.body_complete = true);
            }
        });
    }

    /// Ends without an answer.
    async fn end(self, then: Then, body: RequestBody) -> Result<Response<AnswerBody>, Ended> {
        match then {
            Then::Keep => {
                if !body.is_whole() {
                    self.discard_rest(body);
                }
                // hyper drops this when the client closes the connection.
                stopped(&mut self.shared.stopping.subscribe()).await;
            }
            Then::Stall => self.wire.stall(),
            Then::Close | Then::Reset => {}
        }
        self.wire.end_with(then);
        Err(Ended)
    }
}
