use std::time::Duration;

use fastly_package_emulator::{Answer, Fault, Then};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::*;

#[tokio::test]
async fn an_early_response_comes_before_the_body_and_may_keep_the_connection() {
    let emulator = start().await;
    emulator.fault(Fault::early_answer(Answer::unauthorized()).then(Then::Keep));
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(100_000, "")).await;
    assert_eq!(client.reply().await.status, 401);
    client.send(&[b'x'; 100_000]).await;
    client.send(&get(TARGET)).await;
    assert_eq!(client.reply().await.status, 404);
    let requests = within(emulator.wait_for_requests(2)).await;
    assert!(requests[0].body_complete);
    assert_eq!(requests[0].body_bytes, 100_000);
}

#[tokio::test]
async fn an_early_response_may_close_the_connection_with_bytes_unread() {
    let emulator = start().await;
    emulator.fault(Fault::early_answer(Answer::new(413)).then(Then::Close));
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(10_000_000, "")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
    let request = within(emulator.connection_ended(0)).await;
    assert_eq!((request.answered, request.body_bytes), (true, 0));
    let sent = client.try_send(&vec![b'x'; 10_000_000]).await;
    assert!(sent.is_err(), "a reset stops the client");
}

#[tokio::test]
async fn an_early_response_may_stall_and_then_nothing_is_read() {
    let emulator = start().await;
    emulator.fault(Fault::early_answer(Answer::too_large()).then(Then::Stall));
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(50_000_000, "")).await;
    assert_eq!(client.reply().await.status, 413);
    let body = vec![b'x'; 50_000_000];
    let sending = client.try_send(&body);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), sending).await.is_err(),
        "sending blocks"
    );
    within(emulator.idle()).await;
    assert!(emulator.requests()[0].stalled);
    assert!(emulator.requests()[0].body_bytes < 100_000);
}

#[tokio::test]
async fn a_response_may_come_in_the_middle_of_the_body() {
    let emulator = start().await;
    emulator
        .fault(Fault::early_answer(Answer::new(413)).after_body_bytes(50_000).then(Then::Close));
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(100_000, "")).await;
    client.send(&[b'x'; 49_999]).await;
    within(emulator.wait_until(|requests| (requests.first()?.body_bytes >= 49_999).then_some(())))
        .await;
    assert_eq!(emulator.requests()[0].status, None);
    client.send(b"x").await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_response_after_the_body_may_be_anything_and_stores_nothing() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::new(503)));
    let package = package();
    let reply = ask(&emulator, &put(&package)).await;
    assert_eq!(
        (reply.status, reply.body, reply.head.contains("content-type")),
        (503, vec![], false)
    );
    let requests = within(emulator.wait_for_requests(1)).await;
    assert!(requests[0].body_complete);
    assert_eq!(requests[0].package().unwrap().size, package.len() as u64);
    assert_eq!(emulator.package(SERVICE, 3), None);
}

#[tokio::test]
async fn an_upload_may_be_stored_despite_a_wrong_response() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::guru_meditation()).stored());
    assert_eq!(ask(&emulator, &put(&package())).await.status, 500);
    assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 1);
}

#[tokio::test]
async fn a_late_response_may_close_the_connection_without_a_header() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::real()).then(Then::Close));
    let mut client = Client::connect(&emulator).await;
    client.send(&get("/service/s/version")).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, None));
    assert!(client.rest().await.1.is_ok());
}

#[tokio::test]
async fn the_real_response_may_have_odd_headers() {
    let emulator = start().await;
    emulator.fault(Fault::answer(
        Answer::real()
            .header("Fastly-RateLimit-Remaining", "many")
            .header("X-Odd", [b'a', 0xff])
            .extra_headers(100),
    ));
    let reply = ask(&emulator, &put(&package())).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("fastly-ratelimit-remaining"), Some("many"));
    assert!(reply.header("fastly-ratelimit-reset").is_some());
    assert_eq!(reply.header("x-odd"), Some("a\u{fffd}"));
    assert_eq!(reply.head.matches("x-extra-").count(), 100);
    assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 1);
}

#[tokio::test]
async fn a_body_may_be_malformed_another_type_or_empty() {
    let emulator = start().await;
    let malformed = Answer::new(200).content_type("application/json").body("{\"id\": ");
    for answer in [malformed, Answer::json(200, json!([])), Answer::new(200)] {
        emulator.fault(Fault::answer(answer));
    }
    for body in ["{\"id\": ", "[]", ""] {
        assert_eq!(ask(&emulator, &get(TARGET)).await.body, body.as_bytes());
    }
}

#[tokio::test]
async fn the_real_response_may_be_huge() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::real().padded_to(3_000_000)));
    let reply = ask(&emulator, &put(&package())).await;
    assert_eq!(reply.body.len(), 3_000_000);
    assert_eq!(reply.json()["service_id"], SERVICE);
}

#[tokio::test]
async fn a_response_may_never_end() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::real().endless()));
    let mut client = Client::connect(&emulator).await;
    client.send(&get("/service/s/version")).await;
    assert!(client.head().await.contains("transfer-encoding: chunked"));
    client.at_least(2_000_000).await;
    drop(client);
    assert!(!within(emulator.connection_ended(0)).await.answered);
}

#[tokio::test]
async fn a_response_may_be_cut_with_and_without_a_declared_length() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::real().cut_to(20)));
    emulator.fault(Fault::answer(Answer::real().chunked_cut_to(20)));
    for framing in ["content-length: ", "transfer-encoding: chunked"] {
        let mut client = Client::connect(&emulator).await;
        client.send(&put(&package())).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(framing), "{head}");
        let (body, end) = client.rest().await;
        assert!(end.is_ok());
        assert!((20..=26).contains(&body.len()) && !body.ends_with(b"0\r\n\r\n"), "{body:?}");
    }
    assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 2);
}

#[tokio::test]
async fn a_response_may_be_something_other_than_http() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n")));
    let mut client = Client::connect(&emulator).await;
    client.send(&get(TARGET)).await;
    assert_eq!(client.rest().await.0, b"SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(within(emulator.wait_for_requests(1)).await[0].status, None);
}

#[tokio::test]
async fn a_response_may_redirect() {
    let emulator = start().await;
    for status in [301, 302, 303, 307, 308] {
        emulator.fault(Fault::answer(Answer::redirect(status, "http://127.0.0.1:1/elsewhere")));
        let reply = ask(&emulator, &put(&package())).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (status, Some("http://127.0.0.1:1/elsewhere"))
        );
    }
}

#[tokio::test]
async fn informational_responses_may_come_first() {
    let emulator = start().await;
    emulator.fault(Fault::informational(&[102, 103, 100]));
    let mut client = Client::connect(&emulator).await;
    client.send(&put(&package())).await;
    for line in ["102 Processing", "103 Early Hints", "100 Continue", "200 OK"] {
        assert!(client.head().await.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{line}");
    }
    assert_eq!(within(emulator.wait_for_requests(1)).await[0].informational, [102, 103, 100]);
}

#[tokio::test]
async fn a_100_may_never_come_though_the_body_is_read() {
    let emulator = start().await;
    emulator.fault(Fault::no_continue());
    let body = form(&package());
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(body.len(), "Expect: 100-continue\r\n")).await;
    client.send(&body).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK"));
    assert!(!within(emulator.wait_for_requests(1)).await[0].continue_sent);
}

#[tokio::test]
async fn an_expectation_may_fail_but_only_if_the_request_has_one() {
    let emulator = start().await;
    emulator.fault(Fault::expectation_failed());
    assert_eq!(ask(&emulator, &put(&package())).await.status, 200);
    assert_eq!(ask(&emulator, &put_head(1000, "Expect: 100-continue\r\n")).await.status, 417);
}

#[tokio::test]
async fn a_delayed_response_is_late() {
    let emulator = start().await;
    emulator.fault(Fault::delay(Duration::from_millis(150)));
    let started = Instant::now();
    assert_eq!(ask(&emulator, &get(TARGET)).await.status, 404);
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_body_may_be_read_and_a_response_be_written_slowly() {
    let emulator = start().await;
    emulator.fault(Fault::slow_read(100_000));
    let started = Instant::now();
    assert_eq!(ask(&emulator, &put(&package_of(30_000))).await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(250));

    emulator.fault(Fault::slow_answer(100_000).on_get());
    emulator.fault(Fault::answer(Answer::real().padded_to(30_000)).written_at(100_000));
    assert_eq!(ask(&emulator, &get(TARGET)).await.status, 200);
    let started = Instant::now();
    let body: Value = ask(&emulator, &get(TARGET)).await.json();
    assert!(body["padding"].is_string());
    assert!(started.elapsed() >= Duration::from_millis(250));
}

#[tokio::test]
async fn a_fault_applies_to_one_request_unless_configured_otherwise() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::new(500)));
    emulator.fault(Fault::answer(Answer::new(502)).on_put().every_time());
    let statuses = [
        ask(&emulator, &get(TARGET)).await.status,
        ask(&emulator, &get(TARGET)).await.status,
        ask(&emulator, &put(&package())).await.status,
        ask(&emulator, &put(&package())).await.status,
    ];
    assert_eq!(statuses, [500, 404, 502, 502]);
    emulator.clear_faults();
    assert_eq!(ask(&emulator, &put(&package())).await.status, 200);
}

#[tokio::test]
async fn an_early_real_response_is_a_late_one() {
    let emulator = start().await;
    emulator.fault(Fault::early_answer(Answer::real()));
    assert_eq!(ask(&emulator, &put(&package())).await.status, 200);
}

#[tokio::test]
async fn a_scripted_response_waits_for_a_body_that_is_too_large_to_store() {
    let config = fastly_package_emulator::Config { max_package_bytes: 10, ..Default::default() };
    let emulator = start_with(config).await;
    emulator.fault(Fault::answer(Answer::new(503)));
    assert_eq!(ask(&emulator, &put(&package_of(500_000))).await.status, 503);
    assert!(within(emulator.wait_for_requests(1)).await[0].body_complete);
}

#[tokio::test]
async fn a_connection_may_stall_after_a_whole_exchange() {
    let emulator = start().await;
    emulator.fault(Fault::answer(Answer::real()).then(Then::Stall));
    let mut client = Client::connect(&emulator).await;
    client.send(&get(TARGET)).await;
    assert_eq!(client.reply().await.status, 404);
    client.send(&get(TARGET)).await;
    let silence = tokio::time::timeout(Duration::from_millis(50), client.rest()).await;
    assert!(silence.is_err(), "the connection stays open without a response");
    assert_eq!(emulator.requests().len(), 1);
}

#[tokio::test]
async fn an_incomplete_body_under_a_fault_is_neither_complete_nor_answered() {
    let emulator = start().await;
    // The body is not a form, so that its rest is read both by the form reader and by the fault.
    let head = String::from_utf8(put_head(100_000, "")).unwrap();
    let head = head.replace("multipart/form-data", "text/plain");
    for (number, sent) in [0, 1000].into_iter().enumerate() {
        emulator.fault(Fault::answer(Answer::new(503)));
        let mut client = Client::connect(&emulator).await;
        client.send(head.as_bytes()).await;
        client.send(&vec![b'x'; sent]).await;
        drop(client);
        let request = within(emulator.connection_ended(number)).await;
        assert_eq!((request.body_complete, request.status), (false, None), "{sent} bytes");
        emulator.clear_faults();
    }
}
