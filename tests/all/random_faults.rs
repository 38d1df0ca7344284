//! Uploads with faults drawn at random: none is called a success without being stored whole, none is stored twice.

use crate::drawn;
use crate::fixture::{Fixture, in_time, plugin_for};
use fastly_package::ServiceVersion;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const RUNS: u64 = 1000;
const AT_A_TIME: usize = 16;

/// `FAULT_SEED` repeats what a failure names.
fn seed() -> u64 {
    let seed = std::env::var("FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    seed.unwrap_or_else(|| fastrand::u64(..))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_uploads_none_is_wrongly_called_stored_and_none_is_stored_twice() {
    let seed = seed();
    println!("FAULT_SEED={seed}");
    let fixture = Arc::new(Fixture::start().await);
    let plugins = Arc::new(drawn::plugins(|| plugin_for(&fixture.emulator.url())));
    let running = Arc::new(Semaphore::new(AT_A_TIME));
    let mut runs = JoinSet::new();
    for number in 0..RUNS {
        let (fixture, plugins, running) = (fixture.clone(), plugins.clone(), running.clone());
        runs.spawn(async move {
            let _running = running.acquire().await.unwrap();
            let mut random = Rng::with_seed(seed.wrapping_add(number));
            let service = format!("run{number}x");
            let faults: Vec<usize> =
                (0..random.usize(..5)).map(|_| drawn::draw(&mut random)).collect();
            for fault in &faults {
                fixture.emulator.fault(drawn::fault(*fault, &service));
            }
            let (package, sent) = drawn::package(&mut random);
            let plugin = &plugins[random.usize(..plugins.len())];
            let content = drawn::content(&mut random, &package);
            let options = drawn::options(&mut random);
            let target = ServiceVersion::new(&service, 1).unwrap();

            let result = in_time(plugin.put_package(&target, content, options)).await;

            let stored = fixture.emulator.package(&service, 1);
            let uploads = stored.as_ref().map_or(0, |stored| stored.uploads);
            drawn::assert_true(&result, &sent, uploads, stored.as_ref().map(|s| s.hashsum()));
            let said = result.map_err(|error| error.stored()).map(|uploaded| uploaded.attempts);
            println!("{service} {faults:?}: {said:?}, {uploads} stored");
            format!("{said:?}")
        });
    }
    let mut tally = BTreeMap::new();
    while let Some(said) = runs.join_next().await {
        *tally.entry(said.expect("a run that is right")).or_insert(0) += 1;
    }
    println!("{tally:#?}");
    // The draw has something of everything, or it shows nothing.
    for said in ["Ok(1)", "Ok(2)", "Ok(3)", "Err(No)", "Err(Unknown)"] {
        assert!(tally.contains_key(said), "{said}: {tally:?}");
    }
}
