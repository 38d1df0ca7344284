use super::{Connections, IDLE_TIMEOUT, Idle, Owner};
use crate::outbound::connect::Connector;
use crate::outbound::idle::MAX_IDLE;
use crate::timeouts::Timeouts;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

fn connections() -> Connections {
    Connections::new(Connector::new(Timeouts::default(), None, Vec::new()))
}

/// Gives a connection back, and returns its other end.
async fn give_back(connections: &Connections) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    connections.give_back(Idle::new(Box::new(stream), Owner::current()));
    peer
}

#[tokio::test]
async fn an_idle_connection_is_used_again() {
    let connections = connections();
    let mut peer = give_back(&connections).await;
    let mut stream = connections.take_idle().expect("an idle connection");
    assert!(connections.take_idle().is_none(), "it is used once");
    stream.write_all(b"again").await.unwrap();
    let mut received = [0; 5];
    peer.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"again");
}

#[tokio::test]
async fn a_connection_that_was_closed_or_received_bytes_is_not_used_again() {
    let connections = connections();
    let kept = give_back(&connections).await;
    drop(give_back(&connections).await);
    let mut peer = give_back(&connections).await;
    peer.write_all(b"unasked").await.unwrap();
    let kept_port = kept.local_addr().unwrap().port();
    // The task doesn't yield: the runtime doesn't see the events before the kernel is asked.
    std::thread::sleep(Duration::from_millis(100));
    let stream = connections.take_idle().expect("the connection that is still open");
    assert_eq!(stream.tcp().peer_addr().unwrap().port(), kept_port);
    assert!(connections.take_idle().is_none());
}

#[test]
fn a_connection_is_used_by_the_runtime_that_opened_it() {
    let connections = connections();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let _peer = first.block_on(give_back(&connections));
    assert!(second.block_on(async { connections.take_idle() }).is_none());
    assert!(first.block_on(async { connections.take_idle() }).is_some());
    let _peer = first.block_on(give_back(&connections));
    drop(first);
    assert!(second.block_on(async { connections.take_idle() }).is_none());
}

#[tokio::test]
async fn idle_connections_are_limited_and_dropped_with_their_owner() {
    let connections = connections();
    let mut peers = Vec::new();
    for _ in 0..MAX_IDLE + 1 {
        peers.push(give_back(&connections).await);
    }
    assert_eq!(peers.remove(0).read(&mut [0; 8]).await.unwrap(), 0, "the oldest one is closed");
    drop(connections);
    for mut peer in peers {
        assert_eq!(peer.read(&mut [0; 8]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_idle_connection_expires() {
    let connections = connections();
    let _peer = give_back(&connections).await;
    tokio::time::pause();
    tokio::time::advance(IDLE_TIMEOUT - Duration::from_secs(1)).await;
    let stream = connections.take_idle().expect("it has not expired");
    connections.give_back(Idle::new(stream, Owner::current()));
    tokio::time::advance(IDLE_TIMEOUT).await;
    assert!(connections.take_idle().is_none());
}
