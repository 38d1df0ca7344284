//! A plugin that is cancelled ends its calls, each with a word on its upload.

use crate::fixture::{Fixture, MIB, NEVER, assert_untouched, in_time, package, version};
use fastly_package::{Content, Error, Stored};
use fastly_package_emulator::{Fault, RecordedRequest};

fn stored<T: std::fmt::Debug>(ended: Result<T, Error>) -> Stored {
    match ended {
        Err(Error::Cancelled { stored }) => stored,
        other => panic!("not cancelled: {other:?}"),
    }
}

#[tokio::test]
async fn each_upload_says_what_became_of_it() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_read().after_body_bytes(MIB));
    fixture.emulator.fault(Fault::never_answer());
    let put = async |number, size| {
        let content = Content::from_bytes(package(size)).unwrap();
        in_time(fixture.plugin.put_package(&version(number), content, NEVER)).await
    };
    // Of one service: the last waits for its turn.
    let other = fixture.plugin.clone();
    let target = fastly_package::ServiceVersion::new("another-service", 1).unwrap();
    let small = Content::from_bytes(package(2000)).unwrap();
    let cancelling = async {
        let both = |requests: &[RecordedRequest]| {
            let is_large = |it: &&RecordedRequest| it.body_bytes >= MIB && !it.body_complete;
            let large = requests.iter().any(|it| is_large(&it));
            let whole = requests.iter().any(|it| it.body_complete);
            (large && whole).then_some(())
        };
        in_time(fixture.emulator.wait_until(both)).await;
        fixture.plugin.cancel();
    };
    let (large, whole, waiting, ()) = tokio::join!(
        put(1, 20 * MIB),
        async {
            // After the first, whose fault is the first one.
            let begun = |requests: &[RecordedRequest]| requests.first().map(|_| ());
            in_time(fixture.emulator.wait_until(begun)).await;
            in_time(other.put_package(&target, small, NEVER)).await
        },
        put(2, 2000),
        cancelling
    );
    assert_eq!(stored(large), Stored::No);
    assert_eq!(stored(whole), Stored::Unknown);
    assert_eq!(stored(waiting), Stored::No);
    in_time(fixture.emulator.all_closed()).await;
}

#[tokio::test]
async fn what_is_begun_later_is_over_before_it_is_sent() {
    let fixture = Fixture::start().await;
    fixture.plugin.clone().cancel();
    assert_eq!(stored(fixture.get().await), Stored::No);
    assert_eq!(stored(fixture.put(&package(2000), NEVER).await), Stored::No);
    assert_eq!(fixture.plugin.find_missing(&version(1)).await, None);
    assert_untouched(&fixture.emulator).await;
}
