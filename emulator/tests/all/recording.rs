use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha512};

use crate::client::*;

#[tokio::test]
async fn a_request_is_recorded_with_its_raw_bytes() {
    let emulator = start().await;
    let package = package_of(70_000);
    let body = form(&package);
    let head = put_head(body.len(), "X-OdD-cAsE: é\r\nAccept: */*\r\n");
    ask(&emulator, &[head.clone(), body.clone()].concat()).await;
    let requests = within(emulator.wait_for_requests(1)).await;
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", TARGET));
    assert_eq!(request.head, head);
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["Host", "Fastly-Key", "Content-Type", "Content-Length", "X-OdD-cAsE", "Accept"]
    );
    assert_eq!(request.header("x-odd-case"), Some("é"));
    assert_eq!(request.body_start, body[..64 * 1024]);
    assert_eq!(request.body_bytes, body.len() as u64);
    assert_eq!(request.content_length, Some(body.len() as u64));
    assert!(request.body_complete && request.answered);
    assert_eq!(request.status, Some(200));
    let part = request.package().unwrap();
    assert_eq!(part.filename.as_deref(), Some("app.tar.gz"));
    assert_eq!(part.content_type.as_deref(), Some("application/octet-stream"));
    assert_eq!(part.size, 70_000);
    let sha512: String =
        Sha512::digest(&package).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(part.sha512, Some(sha512));
}

#[tokio::test]
async fn pipelined_requests_are_recorded_separately() {
    let emulator = start().await;
    let mut client = Client::connect(&emulator).await;
    client.send(&[put(&package()), get(TARGET), get("/")].concat()).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.reply().await.status);
    }
    assert_eq!(statuses, [200, 200, 404]);
    let requests = within(emulator.wait_for_requests(3)).await;
    assert_eq!(requests[0].body_bytes, form(&package()).len() as u64);
    assert_eq!(requests[1].head, get(TARGET));
    assert_eq!(requests[2].head, get("/"));
    assert!(requests.iter().all(|request| request.connection == 1));
    assert_eq!(emulator.connections(), 1);
}

#[tokio::test]
async fn connections_are_counted_when_they_are_accepted_and_while_they_are_open() {
    let emulator = start().await;
    assert_eq!((emulator.connections(), emulator.open_connections()), (0, 0));
    let mut clients = [Client::connect(&emulator).await, Client::connect(&emulator).await];
    for client in &mut clients {
        client.send(&get("/")).await;
        client.reply().await;
    }
    assert_eq!((emulator.connections(), emulator.open_connections()), (2, 2));
    drop(clients);
    within(emulator.all_closed()).await;
    assert_eq!((emulator.connections(), emulator.open_connections()), (2, 0));
}

#[tokio::test]
async fn the_callback_is_called_once_for_each_request() {
    let emulator = start().await;
    let reported = Arc::new(Mutex::new(Vec::new()));
    let callback = Arc::clone(&reported);
    emulator.on_request(move |request| {
        callback.lock().unwrap().push((request.path.clone(), request.status));
    });
    let mut client = Client::connect(&emulator).await;
    for path in ["/a", "/b"] {
        client.send(&get(path)).await;
        client.reply().await;
    }
    drop(client);
    within(emulator.all_closed()).await;
    assert_eq!(*reported.lock().unwrap(), [("/a".into(), Some(404)), ("/b".into(), Some(404))]);
}

#[tokio::test]
async fn after_a_shutdown_nothing_listens_and_a_drop_does_the_same() {
    let emulator = start().await;
    let address = emulator.addr();
    let mut idle = Client::connect(&emulator).await;
    idle.send(&get("/")).await;
    idle.reply().await;
    within(emulator.shutdown()).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(idle.rest().await.0, b"");

    let emulator = start().await;
    let mut idle = Client::connect(&emulator).await;
    idle.send(&get("/")).await;
    idle.reply().await;
    drop(emulator);
    assert_eq!(idle.rest().await.0, b"");
}

#[tokio::test]
async fn connections_that_wait_to_be_accepted_can_be_counted_too() {
    let emulator = start().await;
    assert_eq!(emulator.count_connections().await.unwrap(), 0);
    let address = emulator.addr();
    // These calls block the only thread of the runtime, so that the emulator can't accept.
    let _waiting = [(); 3].map(|()| std::net::TcpStream::connect(address).unwrap());
    assert_eq!(emulator.connections(), 0);
    assert_eq!(within(emulator.count_connections()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_request_that_is_never_answered() {
    let emulator = start().await;
    emulator.fault(fastly_package_emulator::Fault::never_answer());
    let mut client = Client::connect(&emulator).await;
    client.send(&get("/")).await;
    emulator.wait_until(|requests| requests.first().map(|_| ())).await;
    let stopping = tokio::time::timeout(std::time::Duration::from_secs(1), emulator.shutdown());
    assert!(stopping.await.is_ok());
}

#[tokio::test]
async fn a_connection_is_closed_after_the_answer_if_the_client_asks_for_it() {
    let emulator = start().await;
    for request in [
        "GET / HTTP/1.1\r\nFastly-Key: t\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\nFastly-Key: t\r\n\r\n",
    ] {
        let mut client = Client::connect(&emulator).await;
        client.send(request.as_bytes()).await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.header("Connection")), (404, Some("close")), "{request}");
        assert_eq!(client.rest().await.0, b"");
    }
}

#[tokio::test]
async fn a_malformed_head_is_refused() {
    let emulator = start().await;
    let mut client = Client::connect(&emulator).await;
    client.send(b"GET / HTTP/1.1\r\nno colon\r\n\r\nand more").await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    drop(client);
    within(emulator.all_closed()).await;
    assert_eq!(emulator.requests().len(), 0);
}
