//! The token is sent to the API, and appears in no error, log, response or component.

use crate::fixture::{
    ALWAYS, AUTO, Fixture, MIB, NEVER, SERVICE, TOKEN, package, plugin_for, version, with_timeout,
};
use crate::programs;
use fastly_package::{Content, Error, ErrorKind, Reply, Result, ServiceVersion, Timeouts, Token};
use fastly_package_emulator::{Answer, Fault};
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Formats an error and its sources in every way.
fn format_all(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    text
}

#[track_caller]
fn assert_no_token(text: &str) {
    assert!(!text.contains(TOKEN), "{text}");
}

/// Returns responses that contain the token in every place where a response can have it.
fn echoes() -> Vec<Answer> {
    let json = |status, value: serde_json::Value| Answer::json(status, value);
    vec![
        json(401, json!({"msg": format!("Token {TOKEN} expired"), "detail": TOKEN})),
        json(
            401,
            json!({"title": TOKEN, "errors": [{"title": TOKEN, "detail": TOKEN, "code": TOKEN,
            "id": TOKEN, "status": TOKEN, "meta": {TOKEN: TOKEN}}]}),
        ),
        Answer::new(500).content_type("text/plain").body(format!("Fastly-Key: {TOKEN}")),
        Answer::new(500).content_type(&format!("text/{TOKEN}")),
        Answer::new(429).header("Retry-After", TOKEN),
        Answer::redirect(307, &format!("https://elsewhere.example/?key={TOKEN}")),
        json(200, json!({"id": TOKEN})),
        json(200, json!({"id": "p", "service_id": SERVICE, "version": TOKEN})),
        json(200, json!({"id": "p", "service_id": TOKEN, "version": 1})),
        Answer::new(200).body(format!("{{\"{TOKEN}")),
        Answer::new(200).content_type(TOKEN).body(TOKEN),
        Answer::new(404).header("X-Echo", TOKEN),
        Answer::raw(format!("HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n")),
        Answer::raw(format!("{TOKEN}\r\n\r\n")),
        Answer::raw(format!("HTTP/1.1 200 {TOKEN}\r\nContent-Length: {TOKEN}\r\n\r\n")),
    ]
}

#[tokio::test]
async fn a_token_in_a_response_is_in_no_error() {
    let fixture = Fixture::start().await;
    for answer in echoes() {
        for early in [false, true] {
            let fault = if early {
                Fault::early_answer(answer.clone())
            } else {
                Fault::answer(answer.clone())
            };
            fixture.emulator.fault(fault.times(3));
            let results = [
                fixture.get().await,
                fixture.put(&package(2000), NEVER).await,
                fixture.put(&package(3 * MIB), ALWAYS).await,
            ];
            for result in results {
                assert_no_token(&format_all(&result.expect_err("the response is an error")));
            }
        }
    }
    assert!(fixture.emulator.requests().iter().all(|r| r.header("fastly-key") == Some(TOKEN)));
}

/// Returns at least one error of each kind.
async fn errors() -> Vec<Error> {
    let fixture = Fixture::start().await;
    let content = |size| Content::from_reader(tokio::io::empty(), size).unwrap();
    let mut results = vec![
        fixture.get_from(&ServiceVersion { service_id: String::new(), version_id: 0 }).await,
        fixture.send(content(2000), AUTO).await,
        fixture.get().await,
    ];
    for answer in [Answer::redirect(301, "/"), Answer::new(200), Answer::new(403)] {
        fixture.emulator.fault(Fault::answer(answer));
        results.push(fixture.get().await);
    }
    fixture.emulator.fault(Fault::reset());
    results.push(fixture.get().await);

    let timeout = Duration::from_millis(100);
    let fixture = Fixture::with(|plugin| {
        plugin.timeouts(Timeouts { response: timeout, ..Timeouts::default() })
    });
    let fixture = fixture.await;
    fixture.emulator.fault(Fault::never_answer());
    results.push(fixture.get().await);
    for program in [programs::PANICS, programs::ANOTHER_AUTHORITY, programs::OWN_TOKEN] {
        results.push(Fixture::with(|plugin| programs::run(program, plugin)).await.get().await);
    }
    for url in ["https://127.0.0.1:1", "http://127.0.0.1:1", "https://nowhere.invalid"] {
        let plugin = plugin_for(url).build().unwrap();
        results.push(with_timeout(plugin.get_package(&version(1))).await);
    }
    let mut errors: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
    errors.extend(Token::new(format!("{TOKEN} ")).err());
    errors.extend(Token::from_reader(format!("{TOKEN}\n\n").as_bytes(), "stdin").err());
    errors
        .extend(format!("https://{TOKEN}@api.fastly.com").parse::<fastly_package::ApiUrl>().err());
    errors
}

#[tokio::test]
async fn no_error_of_any_kind_contains_the_token() {
    let errors = errors().await;
    let name = |error: &Error| {
        let kind = format!("{:?}", error.kind());
        kind.split(['(', ' ']).next().unwrap().to_owned()
    };
    let mut kinds: Vec<String> = errors.iter().map(name).collect();
    kinds.sort();
    kinds.dedup();
    let all = [
        "Api",
        "Component",
        "Content",
        "Denied",
        "InvalidArgument",
        "Timeout",
        "Token",
        "Transport",
        "UnexpectedResponse",
    ];
    assert_eq!(kinds, all);
    for error in &errors {
        assert_no_token(&format_all(error));
    }
}

#[test]
fn debug_output_does_not_contain_the_token() {
    let token = Token::new(TOKEN).unwrap();
    assert_no_token(&format!("{token:?} {token:#?}"));
    let builder = plugin_for("https://api.fastly.com");
    assert_no_token(&format!("{builder:?} {builder:#?}"));
    let plugin = builder.build().unwrap();
    assert_no_token(&format!("{plugin:?} {plugin:#?}"));
}

/// A writer that collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_contains_the_token_even_at_the_trace_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // With a single subscriber, tracing caches for all threads whether the first one to reach a call site is interested in it.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // The subscriber is set for this thread, which is the only one of the runtime.
    let _guard = tracing::subscriber::set_default(subscriber);

    let fixture = Fixture::start().await;
    fixture.put(&package(2 * MIB), ALWAYS).await.unwrap();
    fixture.get().await.unwrap();
    for answer in echoes() {
        fixture.emulator.fault(Fault::answer(answer).times(2));
        fixture.get().await.unwrap_err();
        fixture.put(&package(2000), NEVER).await.unwrap_err();
    }
    errors().await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for text in ["100 Continue", "request{method=PUT", SERVICE, "denied a request"] {
        assert!(log.contains(text), "the log lacks {text}:\n{log:.3000}");
    }
    for (number, line) in log.lines().enumerate() {
        assert!(!line.contains(TOKEN), "line {number}: {line}");
    }
}

#[tokio::test]
async fn the_component_cannot_see_the_token_in_its_request() {
    let fixture = Fixture::with(|plugin| programs::run(programs::TELLS_ITS_HEADERS, plugin)).await;
    let echo = Answer::new(200).header("X-Echo", TOKEN);
    fixture.emulator.fault(Fault::answer(echo));
    let Reply { body, .. } = fixture.get().await.unwrap();
    assert!(body.contains("x-own: 1") && body.contains("content-length: "), "{body}");
    assert!(body.contains("x-echo: ****"), "{body}");
    assert_no_token(&body);
    assert!(!body.to_ascii_lowercase().contains("fastly-key"), "{body}");
    assert_eq!(fixture.only_request().await.header("fastly-key"), Some(TOKEN));
}

#[test]
fn a_token_is_never_sent_in_plain_text_except_to_a_loopback_address() {
    for url in [
        "http://api.fastly.com",
        "http://192.0.2.1:8080",
        "http://0.0.0.0",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://[2001:db8::1]",
        "http://[::ffff:192.0.2.1]",
    ] {
        let error = url.parse::<fastly_package::ApiUrl>().expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}: {error:?}");
    }
}
