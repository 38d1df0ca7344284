use std::io::ErrorKind;
use std::time::Duration;

use fastly_package_emulator::{Fault, Then};

use crate::client::*;

#[tokio::test]
async fn a_connection_may_be_closed_after_the_head() {
    let emulator = start().await;
    emulator.fault(Fault::close());
    let mut client = Client::connect(&emulator).await;
    client.send(&get(TARGET)).await;
    let (response, end) = client.rest().await;
    assert_eq!(response, b"");
    assert!(end.is_ok());
    let request = within(emulator.connection_ended(0)).await;
    assert_eq!((request.status, request.answered), (None, false));
}

#[tokio::test]
async fn a_connection_may_be_reset_after_the_head() {
    let emulator = start().await;
    emulator.fault(Fault::reset());
    let mut client = Client::connect(&emulator).await;
    client.send(&get(TARGET)).await;
    assert_eq!(client.rest().await.1.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_may_be_closed_or_reset_in_the_middle_of_the_body() {
    for fault in [Fault::close(), Fault::reset()] {
        let emulator = start().await;
        emulator.fault(fault.after_body_bytes(1000));
        let mut client = Client::connect(&emulator).await;
        client.send(&put_head(3000, "")).await;
        client.send(&[b'x'; 999]).await;
        within(emulator.wait_until(|requests| (requests.first()?.body_bytes >= 999).then_some(())))
            .await;
        assert_eq!(emulator.open_connections(), 1);
        client.send(b"x").await;
        assert_eq!(client.rest().await.0, b"");
        let request = within(emulator.connection_ended(0)).await;
        assert_eq!((request.body_bytes, request.body_complete), (1000, false));
    }
}

#[tokio::test]
async fn a_fault_after_more_bytes_than_the_body_has_acts_at_its_end() {
    let emulator = start().await;
    emulator.fault(Fault::reset().after_body_bytes(1_000_000));
    let mut client = Client::connect(&emulator).await;
    client.send(&put(&package())).await;
    assert!(client.rest().await.1.is_err());
    assert!(within(emulator.connection_ended(0)).await.body_complete);
}

#[tokio::test]
async fn a_response_may_be_lost_after_the_upload_was_stored() {
    for fault in [Fault::lost_answer(), Fault::lost_answer().then(Then::Reset)] {
        let reset = format!("{fault:?}").contains("Reset");
        let emulator = start().await;
        emulator.fault(fault);
        let mut client = Client::connect(&emulator).await;
        client.send(&put(&package())).await;
        let (response, end) = client.rest().await;
        assert_eq!((response, end.is_err()), (vec![], reset));
        assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 1);
    }
}

#[tokio::test]
async fn a_response_may_never_come() {
    let emulator = start().await;
    emulator.fault(Fault::never_answer());
    let mut client = Client::connect(&emulator).await;
    client.send(&put(&package())).await;
    within(emulator.wait_until(|requests| requests.first()?.body_complete.then_some(()))).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), client.rest()).await.is_err());
    drop(client);
    assert_eq!(within(emulator.connection_ended(0)).await.status, None);
}

#[tokio::test]
async fn reading_of_the_body_may_stop_at_the_start_or_at_a_byte() {
    for (fault, bytes) in
        [(Fault::never_read(), 0), (Fault::never_read().after_body_bytes(70_000), 70_000)]
    {
        let emulator = start().await;
        emulator.fault(fault);
        let mut client = Client::connect(&emulator).await;
        client.send(&put_head(50_000_000, "")).await;
        within(emulator.wait_until(|requests| requests.first().map(|_| ()))).await;
        let body = vec![b'x'; 50_000_000];
        let sending = client.try_send(&body);
        let blocked = tokio::time::timeout(Duration::from_millis(200), sending).await;
        assert!(blocked.is_err(), "sending blocks");
        within(emulator.idle()).await;
        assert_eq!(emulator.requests()[0].body_bytes, bytes);
        within(emulator.shutdown()).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stalled_connection_is_noticed() {
    let emulator = start().await;
    emulator.fault(Fault::never_read());
    let mut client = Client::connect(&emulator).await;
    client.send(&put_head(1000, "")).await;
    within(emulator.idle()).await;
    client.send(b"some bytes").await;
    drop(client);
    within(emulator.connection_ended(0)).await;
}
