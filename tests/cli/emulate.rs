use crate::command::{Fixture, TARGET, output, package};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn the_emulator_serves_the_command() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let mut command = fixture.command(["emulate", "--listen", "127.0.0.1:0", "--token", "T"]);
    let mut emulate = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(emulate.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().expect("the first line is the URL");
    for (args, token, code) in [
        (vec!["get"], "T", 3),
        (vec!["put", "--package", "app.tar.gz"], "T", 0),
        (vec!["get"], "T", 0),
        (vec!["get"], "other", 3),
    ] {
        let mut command = fixture.command([&args, &TARGET[..], &["--api", &url]].concat());
        let output = output(command.env("FASTLY_API_TOKEN", token), b"").await;
        assert_eq!(output.code, Some(code), "{args:?}: {output:?}");
    }
    assert_eq!(fixture.emulator.connections(), 0, "the other emulator is not connected to");
}

#[tokio::test]
async fn an_address_in_use_is_reported() {
    let fixture = Fixture::start().await;
    let taken = fixture.emulator.addr().to_string();
    let output = fixture.run(["emulate", "--listen", &taken]).await;
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains(&taken), "{}", output.stderr);
}
