use fastly_package_emulator::{Config, Emulator};

use crate::client::*;

const EXPECT: &str = "Expect: 100-continue\r\n";

/// Sends only the head of an upload, and returns the head of the first response.
async fn first_response(emulator: &Emulator, length: usize) -> (Client, String) {
    let mut client = Client::connect(emulator).await;
    client.send(&put_head(length, EXPECT)).await;
    let head = client.head().await;
    (client, head)
}

#[tokio::test]
async fn a_100_comes_before_the_body_if_the_head_is_valid() {
    let emulator = start().await;
    let body = form(&package());
    let (mut client, head) = first_response(&emulator, body.len()).await;
    assert_eq!(head, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(&body).await;
    assert_eq!(client.reply().await.status, 200);
    assert!(within(emulator.wait_for_requests(1)).await[0].continue_sent);
}

#[tokio::test]
async fn without_the_header_no_100_is_sent() {
    let emulator = start().await;
    let mut client = Client::connect(&emulator).await;
    client.send(&put(&package())).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
    assert!(!within(emulator.wait_for_requests(1)).await[0].continue_sent);
}

#[tokio::test]
async fn an_invalid_head_is_answered_without_a_100_and_closes_the_connection() {
    let services = |known: &str| Some([(known.to_owned(), 3)].into());
    let cases = [
        (401, Config { token: Some("other".into()), ..Config::default() }),
        (403, Config { read_only_token: Some("token".into()), ..Config::default() }),
        (404, Config { services: services("other"), ..Config::default() }),
        (413, Config { max_package_bytes: 10, ..Config::default() }),
        (422, Config { locked: vec![(SERVICE.into(), 3)], ..Config::default() }),
        (429, Config { writes_per_hour: 0, ..Config::default() }),
    ];
    for (status, config) in cases {
        let emulator = start_with(config).await;
        let (mut client, head) = first_response(&emulator, 1_000_000).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("connection: close\r\n"), "{head}");
        assert!(client.rest().await.1.is_ok());
        drop(client);
        let request = within(emulator.connection_ended(0)).await;
        assert_eq!((request.status, request.answered), (Some(status), true));
        assert_eq!((request.continue_sent, request.body_bytes), (false, 0));
    }
}

#[tokio::test]
async fn bytes_sent_after_an_early_response_are_counted_and_do_not_reset_the_connection() {
    let emulator = start_with(Config { token: Some("other".into()), ..Config::default() }).await;
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(300_000, "")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 401 "));
    client.send(&[b'x'; 300_000]).await;
    client.finish().await;
    assert!(client.rest().await.1.is_ok());
    let request = within(emulator.connection_ended(0)).await;
    assert_eq!(request.body_bytes, 300_000);
    assert!(request.body_complete);
    assert_eq!(request.body_start, [b'x'; 64 * 1024]);
}

#[tokio::test]
async fn a_100_is_sent_even_if_the_body_has_arrived() {
    let emulator = start().await;
    let mut client = Client::connect(&emulator).await;
    let body = b"not a form";
    client.send(&[put_head(body.len(), EXPECT), body.to_vec()].concat()).await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    assert!(within(emulator.wait_for_requests(1)).await[0].continue_sent);
}
