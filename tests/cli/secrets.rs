use crate::command::{Fixture, TARGET, TOKEN, package};
use fastly_package_emulator::{Answer, Fault};

/// Returns a response that repeats the token from the request.
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
async fn no_output_contains_the_token() {
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
            let case = format!("{args:?} {fault:?}");
            if let Some(fault) = fault {
                fixture.emulator.fault(fault);
            }
            let output = fixture.run([&args, &TARGET[..], &["-vv", "--json"]].concat()).await;
            assert!(output.stderr.contains("DEBUG"), "{case}: the traces are missing: {output:?}");
            assert!(!output.stdout.contains(TOKEN), "{case}: {}", output.stdout);
            assert!(!output.stderr.contains(TOKEN), "{case}: {}", output.stderr);
            let request = fixture.emulator.requests().pop().unwrap();
            assert_eq!(request.header("fastly-key"), Some(TOKEN), "the API receives the token");
        }
    }
}
