use crate::command::{Fixture, TARGET, TOKEN, package};
use fastly_package_emulator::{Answer, Fault};

/// What a server could send back of what it got.
fn echo(status: u16) -> Answer {
    let body = format!(
        r#"{{"msg":"Bad key {TOKEN}","detail":"{TOKEN}","errors":[{{"code":"{TOKEN}"}}]}}"#
    );
    Answer::new(status)
        .body(body)
        .content_type("application/json")
        .header("location", format!("https://elsewhere.test/{TOKEN}"))
}

#[tokio::test]
async fn the_token_is_in_nothing_that_is_printed() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let faults = || {
        [
            None,
            Some(Fault::answer(echo(400))),
            Some(Fault::early_answer(echo(401))),
            Some(Fault::answer(echo(503))),
            Some(Fault::answer(echo(302))),
            Some(Fault::answer(echo(200))),
            Some(Fault::reset()),
            Some(Fault::close()),
        ]
    };
    for args in [vec!["get"], vec!["put", "--package", "app.tar.gz"]] {
        for fault in faults() {
            let shown = format!("{args:?} {fault:?}");
            if let Some(fault) = fault {
                fixture.emulator.fault(fault);
            }
            let ended = fixture.run([&args, &TARGET[..], &["-vv", "--json"]].concat()).await;
            assert!(ended.stderr.contains("DEBUG"), "{shown}: it says what it does: {ended:?}");
            assert!(!ended.stdout.contains(TOKEN), "{shown}: {}", ended.stdout);
            assert!(!ended.stderr.contains(TOKEN), "{shown}: {}", ended.stderr);
            let request = fixture.emulator.requests().pop().unwrap();
            assert_eq!(request.header("fastly-key"), Some(TOKEN), "the API gets it");
        }
    }
}
