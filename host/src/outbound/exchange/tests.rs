use super::body::{CONTINUE_WAIT, RequestBody};
use super::socket::Socket;
use super::state::{ExchangeState, Phase, RequestFailure};
use super::{Exchange, SharedState};
use crate::outbound::connect::{Connector, Stream};
use crate::outbound::connections::{Connections, Idle, Owner};
use crate::timeouts::Timeouts;
use bytes::Bytes;
use fastly_package_core::error::TimeoutPhase;
use http::{Request, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::rt::Write;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, advance};
use wasmtime_wasi_http::{Error, WasiBody};

const PACKAGE: &[u8] = b"package";

fn package() -> WasiBody {
    Full::new(Bytes::from_static(PACKAGE)).map_err(|never| match never {}).boxed_unsync()
}

fn set_body(state: &mut ExchangeState, length: usize) {
    (state.body, state.length) = (Some(package()), Some(length as u64));
}

/// Returns the body of a request in this phase.
fn body(phase: Phase) -> (RequestBody, SharedState) {
    let state = SharedState::default();
    set_body(&mut state.lock(), PACKAGE.len());
    state.lock().set_phase(phase);
    (RequestBody::new(state.clone()), state)
}

async fn poll_once(body: &mut RequestBody) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await
}

#[tokio::test(start_paused = true)]
async fn the_body_waits_for_100_continue() {
    let (mut body, state) = body(Phase::Expecting);
    assert!(poll_once(&mut body).await.is_pending());
    state.lock().note_informational(StatusCode::EARLY_HINTS);
    assert!(poll_once(&mut body).await.is_pending());
    state.lock().note_informational(StatusCode::CONTINUE);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), PACKAGE);
    assert!(state.lock().is_whole());
}

#[tokio::test(start_paused = true)]
async fn without_100_continue_the_body_is_sent_after_a_second() {
    let (mut body, state) = body(Phase::Expecting);
    let start = Instant::now();
    assert!(!state.lock().is_whole());
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(start.elapsed(), CONTINUE_WAIT);
}

#[tokio::test(start_paused = true)]
async fn after_a_final_response_the_body_is_never_sent() {
    let (mut body, state) = body(Phase::Expecting);
    assert!(poll_once(&mut body).await.is_pending());
    state.lock().note_response(StatusCode::UNAUTHORIZED);
    advance(CONTINUE_WAIT * 2).await;
    state.lock().note_informational(StatusCode::CONTINUE);
    assert!(poll_once(&mut body).await.is_pending());
    drop(state.lock().body.take());
    assert!(poll_once(&mut body).await.is_pending());
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn received_bytes_hold_the_body_back_until_they_are_no_final_response() {
    let (mut body, state) = body(Phase::Sending);
    state.lock().note_read().unwrap();
    assert!(poll_once(&mut body).await.is_pending());
    state.lock().note_informational(StatusCode::EARLY_HINTS);
    assert!(poll_once(&mut body).await.is_ready());
}

#[tokio::test]
async fn bytes_received_on_one_connection_do_not_hold_the_body_back_on_another() {
    let (mut body, state) = body(Phase::Sending);
    state.lock().note_read().unwrap();
    assert!(poll_once(&mut body).await.is_pending());
    state.lock().set_phase(Phase::Connecting);
    state.lock().set_phase(Phase::Sending);
    assert!(poll_once(&mut body).await.is_ready());
}

#[tokio::test]
async fn a_request_is_written_only_after_the_flush_that_follows_its_last_byte() {
    let (mut body, state) = body(Phase::Sending);
    state.lock().note_write();
    state.lock().note_flush();
    assert!(poll_once(&mut body).await.is_ready());
    let is_flushed = || state.lock().is_flushed;
    assert!(state.lock().is_whole());
    assert!(!is_flushed());
    state.lock().note_flush();
    assert!(is_flushed());
    state.lock().set_phase(Phase::Connecting);
    assert!(!is_flushed());
}

#[test]
fn a_dropped_body_is_not_kept() {
    let (body, state) = body(Phase::Sending);
    drop(body);
    assert!(state.lock().body.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_its_time_limit_and_progress_moves_it() {
    const SECOND: Duration = Duration::from_secs(1);
    type Event = fn(&mut ExchangeState);
    type Expected = Option<(u32, TimeoutPhase)>;
    let request: [Event; 2] = [|state| set_body(state, 0), |state| state.set_phase(Phase::Sending)];
    let upload: [Event; 2] =
        [|state| set_body(state, PACKAGE.len()), |state| state.set_phase(Phase::Sending)];
    let write: Event = ExchangeState::note_write;
    let read: Event = |state| state.note_read().unwrap();
    let flush: Event = ExchangeState::note_flush;
    let fail: Event = |state| state.fail(RequestFailure::Lost(String::new()));
    let respond: Event = |state| state.note_response(StatusCode::OK);
    let (stall, response) = (TimeoutPhase::Stall, TimeoutPhase::Response);
    // Each event comes a second after the one before. The deadline is in seconds from the start.
    let cases: [(&[Event], Expected); 13] = [
        (&[], Some((60, stall))),
        (&[|state| state.set_phase(Phase::Connecting)], None),
        (&[upload[0], |state| state.set_phase(Phase::Expecting)], Some((62, stall))),
        (&[upload[0], upload[1]], Some((62, stall))),
        (&[upload[0], upload[1], write], Some((63, stall))),
        (&[upload[0], upload[1], read], Some((62, stall))),
        (&[request[0], request[1], write], Some((63, stall))),
        (&[request[0], request[1], write, flush], Some((124, response))),
        (&[request[0], request[1], write, flush, flush, read], Some((124, response))),
        (&[upload[0], upload[1], write, flush], Some((64, stall))),
        (&[|state| state.set_phase(Phase::Connecting), fail], Some((62, stall))),
        (&[request[0], request[1], respond], Some((63, stall))),
        (&[request[0], request[1], respond, read], Some((64, stall))),
    ];
    for (index, (events, expected)) in cases.into_iter().enumerate() {
        let (start, mut state) = (Instant::now(), ExchangeState::default());
        for event in events {
            advance(SECOND).await;
            event(&mut state);
        }
        let deadline = state.deadline(&Timeouts::default());
        let expected = expected.map(|(at, phase)| (start + at * SECOND, phase));
        assert_eq!(deadline, expected, "case {index}");
    }
    // However often bytes move, the response as a whole has its limit.
    let mut state = ExchangeState::default();
    respond(&mut state);
    let responded_at = Instant::now();
    for _ in 0..100 {
        advance(SECOND).await;
        read(&mut state);
    }
    assert_eq!(state.deadline(&Timeouts::default()), Some((responded_at + 120 * SECOND, response)));
    let never = Timeouts { stall: Duration::MAX, response: Duration::MAX, ..Timeouts::default() };
    assert_eq!(state.deadline(&never), None);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_times_out_at_its_deadline() {
    let start = Instant::now();
    for (stall, response, phase, after) in [
        (60, 120, TimeoutPhase::Stall, 70),
        (60, 5, TimeoutPhase::Response, 15),
        (5, 60, TimeoutPhase::Stall, 15),
    ] {
        let exchange = Exchange::default();
        let seconds = Duration::from_secs;
        let (stall, response) = (seconds(stall), seconds(response));
        let timeouts = Timeouts { stall, response, ..Timeouts::default() };
        let before = start.elapsed();
        let state = exchange.state.clone();
        let progress = async {
            // Progress in every second, and none after the tenth one.
            for second in 0..10 {
                tokio::time::sleep(seconds(1)).await;
                let mut state = state.lock();
                match second {
                    8 => state.note_response(StatusCode::OK),
                    9 if phase == TimeoutPhase::Response => {
                        // The limit of the response counts from its head.
                        state.note_response(StatusCode::OK);
                    }
                    _ if state.status().is_some() => state.note_read().unwrap(),
                    _ => state.note_write(),
                }
            }
            std::future::pending::<()>().await;
        };
        let timed_out = tokio::select! {
            timed_out = exchange.timed_out(&timeouts) => timed_out,
            () = progress => unreachable!(),
        };
        assert_eq!(timed_out, phase);
        assert_eq!(start.elapsed() - before, seconds(after));
    }
}

/// Returns what the peer reads after the socket is dropped.
async fn read_after(before_drop: impl AsyncFnOnce(Socket)) -> io::Result<usize> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    before_drop(Socket::new(Box::new(stream), SharedState::default())).await;
    peer.read(&mut [0; 8]).await
}

#[tokio::test]
async fn a_connection_in_use_is_reset_and_others_are_closed() {
    let aborted = read_after(async |socket| drop(socket)).await;
    assert_eq!(aborted.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let shut_down = read_after(async |mut socket| {
        poll_fn(|cx| Pin::new(&mut socket).poll_shutdown(cx)).await.unwrap();
    });
    assert_eq!(shut_down.await.unwrap(), 0);
    let given_back = read_after(async |socket| drop(socket.into_idle()));
    assert_eq!(given_back.await.unwrap(), 0);
}

#[tokio::test]
async fn an_exchange_that_has_ended_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connector = Connector::new(Timeouts::default(), None, Vec::new());
    let connections = Arc::new(Connections::new(connector));
    let exchange = Exchange::default();
    exchange.end();
    let request = Request::put(url).header(header::CONTENT_LENGTH, PACKAGE.len());
    let result = exchange.send(request.body(package()).unwrap(), &connections).await;
    assert!(result.is_err());
    assert!(!exchange.state().is_request_sent());
    let (mut peer, _) = listener.accept().await.unwrap();
    let read = peer.read(&mut [0; 8]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

/// A connection whose end was received after the kernel was asked.
struct Closing(TcpStream);

impl AsyncRead for Closing {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Closing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("nothing is sent")
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Closing {
    fn tcp(&self) -> &TcpStream {
        &self.0
    }
}

#[tokio::test]
async fn a_request_that_meets_a_closing_connection_is_sent_over_another_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connector = Connector::new(Timeouts::default(), None, Vec::new());
    let connections = Connections::new(connector);
    let closing = Closing(TcpStream::connect(address).await.unwrap());
    let _peer = listener.accept().await.unwrap();
    connections.give_back(Idle::new(Box::new(closing), Owner::current()));
    let server = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(PACKAGE) {
            peer.read_buf(&mut received).await.unwrap();
        }
        peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    let exchange = Exchange::default();
    let request = Request::put(format!("http://{address}/"))
        .header(header::CONTENT_LENGTH, PACKAGE.len())
        .body(package());
    let response = exchange.send(request.unwrap(), &connections).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    server.await.unwrap();
}
