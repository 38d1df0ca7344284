//! Cancelling a plugin ends its calls. Their errors tell whether the packages are stored.

use crate::fixture::{
    Fixture, MIB, NEVER, SERVICE, assert_no_connections, package, version, with_timeout,
};
use fastly_package::{Content, Error, ErrorKind, Stored};
use fastly_package_emulator::{Fault, RecordedRequest};

fn stored<T: std::fmt::Debug>(result: Result<T, Error>) -> Stored {
    let error = result.expect_err("the call is cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    error.stored()
}

#[tokio::test]
async fn cancelling_tells_of_each_upload_whether_it_is_stored() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_read().after_body_bytes(MIB));
    fixture.emulator.fault(Fault::never_answer());
    let put = async |number, size| {
        let content = Content::from_bytes(package(size)).unwrap();
        with_timeout(fixture.plugin.put_package(&version(number), content, NEVER)).await
    };
    let other = fixture.plugin.clone();
    let target = fastly_package::ServiceVersion::new("another-service", 1).unwrap();
    let small = Content::from_bytes(package(2000)).unwrap();
    let cancelling = async {
        let both = |requests: &[RecordedRequest]| {
            let large = requests.iter().any(|it| it.body_bytes >= MIB && !it.body_complete);
            let whole = requests.iter().any(|it| it.body_complete);
            (large && whole).then_some(())
        };
        with_timeout(fixture.emulator.wait_until(both)).await;
        fixture.plugin.cancel();
    };
    let (large, whole, waiting, ()) = tokio::join!(
        put(1, 20 * MIB),
        async {
            // The faults apply in order, so that this upload starts after the first one.
            let has_begun = |requests: &[RecordedRequest]| requests.first().map(|_| ());
            with_timeout(fixture.emulator.wait_until(has_begun)).await;
            with_timeout(other.put_package(&target, small, NEVER)).await
        },
        // Waits for the first upload, which is to the same service.
        put(2, 2000),
        cancelling
    );
    assert_eq!(stored(large), Stored::No);
    assert_eq!(stored(whole), Stored::Unknown);
    assert_eq!(stored(waiting), Stored::No);
    with_timeout(fixture.emulator.all_closed()).await;
}

#[tokio::test]
async fn calls_after_a_cancellation_send_nothing() {
    let fixture = Fixture::start().await;
    fixture.plugin.clone().cancel();
    assert_eq!(stored(fixture.get().await), Stored::No);
    assert_eq!(stored(fixture.put(&package(2000), NEVER).await), Stored::No);
    assert_eq!(stored(fixture.plugin.list_versions(SERVICE).await), Stored::No);
    assert_no_connections(&fixture.emulator).await;
}
