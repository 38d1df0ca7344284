//! `docs/json.md` documents every field that is printed, and no other.

use crate::check::archive;
use crate::command::{Fixture, TARGET, package};
use fastly_package_emulator::{Answer, Fault};
use serde_json::Value;
use std::collections::BTreeSet;

/// A module that imports a memory, `a.b`.
const IMPORTS: &[u8] = b"\0asm\x01\0\0\0\x02\x08\x01\x01a\x01b\x02\0\0";
const DOCUMENT: &str = include_str!("../../docs/json.md");

/// Returns the fields that are documented under a heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading));
    let rows = section.expect(heading).lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

/// Collects the fields of an object, with paths such as `metadata.size` for nested ones.
fn fields(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let name = format!("{prefix}{name}");
                // The API's own fields are not documented here.
                if !["raw", "metadata.wasm_metadata"].contains(&name.as_str()) {
                    fields(value, &format!("{name}."), found);
                }
                found.insert(name);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, prefix, found)),
        _ => {}
    }
}

fn all_fields(printed: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in printed {
        assert_eq!(line.lines().count(), 1, "{line}");
        fields(&serde_json::from_str(line).expect(line), "", &mut found);
    }
    found
}

#[tokio::test]
async fn the_printed_fields_are_the_documented_ones() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let recorded = include_str!("../fixtures/put-200.json");
    let answer = Answer::new(200).body(recorded).content_type("application/json");
    let put = fixture.put("app.tar.gz", &["--json"]).await.stdout;
    let unchanged = fixture.put("app.tar.gz", &["--json", "--if-changed"]).await.stdout;
    fixture.emulator.fault(Fault::answer(answer));
    let recorded_target = ["-s", "OOaJq4HVv57fNDv86Qfzf5", "--version", "2"];
    let get = fixture.run([&["get", "--json"], &recorded_target[..]].concat()).await.stdout;
    assert_eq!(all_fields(&[put, unchanged, get]), documented("A package"));

    let dry_run = fixture.put("app.tar.gz", &["--json", "--dry-run"]).await.stdout;
    assert_eq!(all_fields(&[dry_run]), documented("A dry run"));

    let mut failures = Vec::new();
    let odd = archive(&[("app/fastly.toml", b"name = \n"), ("app/bin/main.wasm", IMPORTS)]);
    fixture.write("odd.tar.gz", &odd);
    failures.push(fixture.put("odd.tar.gz", &["--json"]).await.stdout);
    failures.push(fixture.run(["get", "--json", "-s", "a", "--version", "1"]).await.stdout);
    fixture.emulator.fault(Fault::early_answer(Answer::rate_limited(4_102_444_800)));
    failures.push(fixture.put("app.tar.gz", &["--json"]).await.stdout);
    let mut expected = documented("A failure");
    let rate_limit =
        ["remaining", "reset", "retry_after"].map(|it| format!("error.rate_limit.{it}"));
    let findings = ["severity", "kind", "message", "hint"].map(|it| format!("error.findings.{it}"));
    expected.extend(rate_limit.into_iter().chain(findings));
    assert_eq!(all_fields(&failures), expected);

    let checks = [
        fixture.run(["check", "--json", "app.tar.gz"]).await.stdout,
        fixture.run(["check", "--json", "odd.tar.gz"]).await.stdout,
    ];
    assert_eq!(all_fields(&checks), documented("A check"));
    assert_eq!(fixture.emulator.package(TARGET[1], 3).unwrap().uploads, 1);
}
