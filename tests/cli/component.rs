//! What `component` hands out.

use crate::command::{Fixture, ended};
use fastly_package::COMPONENT;

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn the_components_are_those_that_were_built_and_tested() {
    let fixture = Fixture::start().await;
    for (name, flags) in [("plugin", &[][..]), ("guard", &["--guard"]), ("guarded", &["--guarded"])]
    {
        let args = [&["component", "-o", name], flags].concat();
        let ended = fixture.run(args).await;
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    }
    let read = |name: &str| std::fs::read(fixture.path(name)).unwrap();
    assert_eq!(read("plugin"), COMPONENT);
    assert!(contains(&read("guarded"), COMPONENT), "byte for byte");
    assert!(contains(&read("guarded"), &read("guard")), "byte for byte");
    let mut command = fixture.command(["component", "--output", "-"]);
    let piped = command.output().await.unwrap();
    assert_eq!(piped.stdout, COMPONENT);
}

#[tokio::test]
async fn the_contract_is_one_file_that_says_all_of_it() {
    let fixture = Fixture::start().await;
    let ended = fixture.run(["component", "--wit"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for says in [
        "package fastly-package:api@0.1.0;",
        "interface package-api {",
        "interface egress {",
        "world plugin {",
        "world guard {",
        "package wasi:http@0.2.0 {",
        "/// Uploads a package to a service version, in place of the one that it has (PutPackage).",
    ] {
        assert!(ended.stdout.contains(says), "{says}: {}", ended.stdout);
    }
    // It is what another build can start from.
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_str("contract.wit", &ended.stdout).expect("well-formed WIT");
}

#[tokio::test]
async fn what_can_not_be_written_is_said() {
    let fixture = Fixture::start().await;
    let failed = fixture.run(["component", "-o", "no/such/folder"]).await;
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("can't write no/such/folder"), "{}", failed.stderr);
    let both = fixture.run(["component", "--guard", "--wit"]).await;
    assert_eq!(both.code, Some(2));
    let ignored = ended(&mut fixture.command(["component", "extra"]), b"").await;
    assert_eq!(ignored.code, Some(2));
}
