//! Uploads with random faults: none succeeds without being stored whole, and none is stored twice.

use crate::fixture::{Fixture, plugin_for, with_timeout};
use crate::random_cases;
use fastly_package::ServiceVersion;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const RUNS: u64 = 1000;
const CONCURRENCY: usize = 16;

/// Returns the seed in `FAULT_SEED`, which repeats an earlier run, or a random one.
fn seed() -> u64 {
    let seed = std::env::var("FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    seed.unwrap_or_else(|| fastrand::u64(..))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_uploads_with_random_faults_are_reported_as_they_are_stored_and_never_stored_twice()
 {
    let seed = seed();
    println!("FAULT_SEED={seed}");
    let fixture = Arc::new(Fixture::start().await);
    let plugins = Arc::new(random_cases::plugins(|| plugin_for(&fixture.emulator.url())));
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let mut runs = JoinSet::new();
    for number in 0..RUNS {
        let (fixture, plugins, permits) = (fixture.clone(), plugins.clone(), permits.clone());
        runs.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            let mut random = Rng::with_seed(seed.wrapping_add(number));
            let service = format!("run{number}x");
            let faults: Vec<usize> =
                (0..random.usize(..5)).map(|_| random_cases::fault_number(&mut random)).collect();
            for fault in &faults {
                fixture.emulator.fault(random_cases::fault(*fault, &service));
            }
            let (package, sent) = random_cases::package(&mut random);
            let plugin = &plugins[random.usize(..plugins.len())];
            let content = random_cases::content(&mut random, &package);
            let options = random_cases::options(&mut random);
            let target = ServiceVersion::new(&service, 1).unwrap();

            let result = with_timeout(plugin.put_package(&target, content, options)).await;

            let stored = fixture.emulator.package(&service, 1);
            let uploads = stored.as_ref().map_or(0, |stored| stored.uploads);
            random_cases::assert_consistent(
                &result,
                &sent,
                uploads,
                stored.as_ref().map(|s| s.hashsum()),
            );
            let outcome = result.map_err(|error| error.stored()).map(|uploaded| uploaded.attempts);
            println!("{service} {faults:?}: {outcome:?}, {uploads} stored");
            format!("{outcome:?}")
        });
    }
    let mut counts = BTreeMap::new();
    while let Some(outcome) = runs.join_next().await {
        *counts.entry(outcome.expect("the result matches what is stored")).or_insert(0) += 1;
    }
    println!("{counts:#?}");
    // Every outcome occurs, or else the faults are not varied enough.
    for outcome in ["Ok(1)", "Ok(2)", "Ok(3)", "Err(No)", "Err(Unknown)"] {
        assert!(counts.contains_key(outcome), "{outcome}: {counts:?}");
    }
}
