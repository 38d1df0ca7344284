//! The connections of a plugin: when they are used again, from which runtime, and what may come over them.

use crate::fixture::{Fixture, SERVICE, plugin_for, version, with_timeout};
use crate::programs;
use fastly_package::{ErrorKind, Plugin, Timeouts};
use fastly_package_emulator::{Answer, Config, Emulator, Fault};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// Gets a package that doesn't exist, which needs a response of the API.
async fn get(plugin: &Plugin) {
    let error = with_timeout(plugin.get_package(&version(1))).await.unwrap_err();
    assert_eq!(error.status(), Some(404), "{error:?}");
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Starts an emulator on a runtime of its own, and a plugin that waits for a response for less time than a test.
fn emulator_and_plugin() -> (Runtime, Emulator, Plugin) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let emulator = runtime.block_on(Emulator::start(Config::default())).unwrap();
    let timeouts = Timeouts { response: Duration::from_secs(10), ..Timeouts::default() };
    let plugin = plugin_for(&emulator.url()).timeouts(timeouts).build().unwrap();
    (runtime, emulator, plugin)
}

#[test]
fn a_plugin_works_on_a_second_runtime_while_the_first_one_rests() {
    let (_server, emulator, plugin) = emulator_and_plugin();
    let (first, second) = (current_thread(), current_thread());
    for _ in 0..3 {
        first.block_on(get(&plugin));
        second.block_on(get(&plugin));
    }
    assert_eq!(emulator.connections(), 2, "each runtime uses its connection again");
}

#[test]
fn a_plugin_works_on_a_runtime_for_each_thread() {
    let (_server, emulator, plugin) = emulator_and_plugin();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let runtime = current_thread();
                for _ in 0..10 {
                    runtime.block_on(get(&plugin));
                }
            });
        }
    });
    assert_eq!(emulator.requests().len(), 80);
}

#[test]
fn a_plugin_works_in_threads_that_block_on_the_handle_of_a_runtime() {
    let (server, emulator, plugin) = emulator_and_plugin();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    server.handle().block_on(get(&plugin));
                }
            });
        }
    });
    assert_eq!(emulator.requests().len(), 40);
}

#[test]
fn a_plugin_works_while_other_runtimes_that_used_it_are_dropped() {
    let (_server, _emulator, plugin) = emulator_and_plugin();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = current_thread();
            for _ in 0..40 {
                runtime.block_on(get(&plugin));
            }
        });
        for _ in 0..20 {
            current_thread().block_on(get(&plugin));
        }
    });
}

#[tokio::test]
async fn a_response_that_was_not_read_closes_its_connection() {
    let fixture = Fixture::with(|plugin| programs::run(programs::LEAVES_THE_ANSWER, plugin)).await;
    for calls in 1..=3 {
        fixture.emulator.fault(Fault::answer(Answer::new(200).body("unread")));
        fixture.get().await.expect("the component reports a success");
        assert_eq!(fixture.emulator.connections(), calls);
    }
    with_timeout(fixture.emulator.all_closed()).await;
}

/// A server that sends the response to the first request of each connection twice. The package's ID is the number of the connection.
async fn repeat_responses(listener: TcpListener, delayed: bool, repeated: mpsc::Sender<()>) {
    for number in 1.. {
        let (mut stream, _) = listener.accept().await.unwrap();
        let body = format!(r#"{{"id":"{number}","service_id":"{SERVICE}","version":1}}"#);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
        let response = format!("{head}: {}\r\n\r\n{body}", body.len());
        read_request(&mut stream).await;
        match delayed {
            false => stream.write_all(response.repeat(2).as_bytes()).await.unwrap(),
            true => {
                stream.write_all(response.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                stream.write_all(response.as_bytes()).await.unwrap();
            }
        }
        repeated.send(()).await.unwrap();
    }
}

async fn read_request(stream: &mut TcpStream) {
    let mut lines = BufReader::new(stream).lines();
    while lines.next_line().await.unwrap().is_some_and(|line| !line.is_empty()) {}
}

#[tokio::test]
async fn a_response_that_no_request_asked_for_is_not_taken_by_the_next_one() {
    for delayed in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, mut repeated) = mpsc::channel(1);
        let server = tokio::spawn(repeat_responses(listener, delayed, sender));
        let plugin = plugin_for(&url).build().unwrap();
        for number in 1..=5 {
            let reply = with_timeout(plugin.get_package(&version(1))).await.unwrap();
            assert_eq!(reply.package.id, number.to_string(), "delayed: {delayed}");
            with_timeout(repeated.recv()).await.unwrap();
        }
        server.abort();
    }
}

#[tokio::test]
async fn a_flood_of_informational_responses_ends_the_exchange() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::informational(&[102; 64]));
    get(&fixture.plugin).await;
    fixture.emulator.fault(Fault::informational(&[102; 10_000]));
    let error = fixture.get().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
    assert!(error.to_string().contains("more than 64 informational responses"), "{error}");
}

#[tokio::test]
async fn a_denied_request_spends_the_call() {
    let fixture =
        Fixture::with(|plugin| programs::run(programs::DENIED_THEN_ALLOWED, plugin)).await;
    let error = fixture.get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.to_string().contains("/tokens"), "the first denial is reported: {error}");
    crate::fixture::assert_no_connections(&fixture.emulator).await;
}

#[tokio::test]
async fn a_get_has_no_body() {
    let fixture = Fixture::with(|plugin| programs::run(programs::GET_WITH_BODY, plugin)).await;
    fixture.emulator.fault(Fault::answer(Answer::new(200)));
    fixture.get().await.expect("the component reports a success");
    let request = fixture.only_request().await;
    for name in ["content-length", "transfer-encoding", "expect"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_eq!(request.body_bytes, 0);
}
