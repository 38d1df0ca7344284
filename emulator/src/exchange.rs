//! Reads requests from a connection and answers them, normally or as a fault says.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONNECTION, DATE};
use http::{HeaderValue, Method};
use tokio::net::TcpStream;

use crate::answer::{Answer, Framing, chunk};
use crate::connection::Connection;
use crate::fault::{self, Fault, Then};
use crate::head::{Head, MALFORMED};
use crate::pace::Pace;
use crate::recorder::RecordedRequest;
use crate::shared::{OpenConnection, Shared};

/// Serves a connection until it ends, or until the emulator stops and no request is in progress.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, open: OpenConnection) {
    // Without it, small responses are late, not wrong.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection::new(stream, Arc::clone(&shared.recorder));
    let then = loop {
        let head = tokio::select! {
            head = connection.head() => head,
            () = shared.stopped() => break Some(Then::Close),
        };
        let then = match head {
            Ok(Some(head)) => exchange(&shared, &mut connection, &head, open.number).await,
            Ok(None) => break Some(Then::Close),
            Err(error) if error.kind() == MALFORMED => {
                let answer = Answer::new(400).header(CONNECTION.as_str(), "close");
                connection.write(&answer.encode(), &mut None).await.map(|()| None)
            }
            Err(error) => Err(error),
        };
        match then {
            Ok(Some(Then::Keep)) => {}
            Ok(then) => break then,
            Err(error) => {
                tracing::debug!(%error, connection = open.number, "connection ended");
                break None;
            }
        }
    };
    let end = async {
        match then {
            Some(Then::Reset) => connection.reset_on_drop(),
            Some(Then::Close | Then::Keep) => {}
            Some(Then::Stall) => connection.stall().await,
            None => connection.close().await,
        }
    };
    tokio::select! {
        () = end => {}
        () = shared.stopped() => {}
    }
}

/// Reads a request and writes its response. Returns what happens to the connection: without a [`Then`], it is closed without a reset.
async fn exchange(
    shared: &Shared,
    connection: &mut Connection,
    head: &Head,
    number: u64,
) -> io::Result<Option<Then>> {
    let fault = fault::take(&mut shared.faults(), &head.parts);
    let request = shared.recorder.begin(RecordedRequest::new(head, number));
    connection.begin(request, head, &fault);
    for status in &fault.informational {
        connection.send_informational(*status).await?;
        connection.record(|request| request.informational.push(*status));
    }
    let answer = match fault.answer.clone() {
        Some(scripted) if scripted.real => {
            Some(scripted.over(shared.api.answer(&head.parts, connection).await?))
        }
        scripted => {
            read(shared, &fault, head, connection).await?;
            scripted
        }
    };
    if !fault.delay.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(fault.delay) => {}
            () = connection.closed() => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
    match answer {
        Some(answer) => respond(connection, head, answer, &fault).await,
        None if fault.then == Some(Then::Keep) => {
            let waiting = async {
                connection.drain().await?;
                connection.closed().await;
                Ok(None)
            };
            tokio::select! {
                then = waiting => then,
                () = shared.stopped() => Ok(None),
            }
        }
        None => Ok(fault.then.or(Some(Then::Close))),
    }
}

/// Reads as much of the body as the fault says.
async fn read(
    shared: &Shared,
    fault: &Fault,
    head: &Head,
    connection: &mut Connection,
) -> io::Result<()> {
    let Some(mut left) = fault.reads else {
        // The parts of the form are recorded even if nothing is stored.
        shared.api.receive(&head.parts, connection, fault.stored).await;
        return connection.drain().await;
    };
    // No call without a byte to read: it would send `100 Continue`.
    while left > 0
        && let Some(bytes) = connection.chunk(left).await?
    {
        left -= bytes.len() as u64;
    }
    Ok(())
}

async fn respond(
    connection: &mut Connection,
    head: &Head,
    mut answer: Answer,
    fault: &Fault,
) -> io::Result<Option<Then>> {
    let is_http = answer.framing != Framing::Raw;
    connection.record(|request| request.status = is_http.then(|| answer.status.as_u16()));
    let is_complete = matches!(answer.framing, Framing::Whole | Framing::Endless);
    let closes = head.closes() || (fault.then.is_none() && !connection.is_body_complete());
    if is_complete && closes {
        answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer.headers.entry(DATE).or_insert_with(|| {
        HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now())).expect("a date is ASCII")
    });
    if head.parts.method == Method::HEAD {
        answer.body.clear();
    }
    let mut pace = fault.write_pace.map(Pace::new);
    connection.write(&answer.encode(), &mut pace).await?;
    if answer.framing == Framing::Endless {
        // Spaces are allowed after any JSON.
        let spaces = chunk(&[b' '; 16 * 1024]);
        loop {
            connection.write(&spaces, &mut pace).await?;
        }
    }
    connection.answered();
    match fault.then {
        Some(Then::Keep) | None if !is_complete || closes => Ok(None),
        Some(Then::Keep) | None => connection.drain().await.map(|()| Some(Then::Keep)),
        then => Ok(then),
    }
}
