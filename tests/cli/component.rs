//! What `component` hands out.

use crate::command::{Fixture, ended};
use fastly_package::COMPONENT;
use std::path::Path;

/// The components, by the flag of each; the plugin has none.
const FLAGS: [&str; 4] = ["", "--guard", "--guarded", "--command"];

/// What stands between two vertical bars of the table in `examples/README.md` in the line of a component.
fn documented(flag: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("| component |")).skip(2);
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
    let mut rows = lines.take_while(|line| line.starts_with('|')).map(cells);
    let found = rows.find(|row: &Vec<String>| row[2].trim_matches('`') == flag);
    found.unwrap_or_else(|| panic!("the table has no line for {flag:?}"))
}

/// The interfaces that a cell of the table names, such as `wasi:io/{error,poll}`.
fn interfaces(cell: &str) -> Vec<String> {
    let mut all = Vec::new();
    for named in cell.split('`').skip(1).step_by(2) {
        match named.split_once('{') {
            Some((package, names)) => {
                let names = names.trim_end_matches('}').split(',');
                all.extend(names.map(|name| format!("{package}{name}")));
            }
            None => all.push(named.to_owned()),
        }
    }
    all.sort();
    all
}

/// What a component imports and exports, without the version.
fn world_of(component: &[u8]) -> [Vec<String>; 2] {
    let decoded = wit_component::decode(component).expect("a component");
    let wit_component::DecodedWasm::Component(resolve, world) = &decoded else {
        panic!("not a component")
    };
    let world = &resolve.worlds[*world];
    [&world.imports, &world.exports].map(|items| {
        let names = items.keys().map(|key| resolve.name_world_key(key));
        let without_version = |name: String| name.split('@').next().unwrap_or_default().to_owned();
        let mut names: Vec<String> = names.map(without_version).collect();
        names.sort();
        names
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn written(fixture: &Fixture, flag: &str) -> Vec<u8> {
    let args = ["component", "-o", "out.wasm", flag].into_iter().filter(|arg| !arg.is_empty());
    let ended = fixture.run(args).await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    std::fs::read(fixture.path("out.wasm")).unwrap()
}

#[tokio::test]
async fn the_components_are_those_that_were_built_and_tested() {
    let fixture = Fixture::start().await;
    let mut all = Vec::new();
    for flag in FLAGS {
        all.push(written(&fixture, flag).await);
    }
    let [plugin, guard, guarded, command] = &all[..] else { panic!("{FLAGS:?}") };
    assert_eq!(plugin, COMPONENT);
    assert!(contains(guarded, plugin) && contains(guarded, guard), "byte for byte");
    assert!(contains(command, guarded), "byte for byte");
    let mut piped = fixture.command(["component", "--output", "-"]);
    assert_eq!(piped.output().await.unwrap().stdout, COMPONENT);
}

#[tokio::test]
async fn the_components_import_and_export_what_is_documented() {
    let fixture = Fixture::start().await;
    let of_plugin = interfaces(&documented("")[4]);
    for flag in FLAGS {
        let component = written(&fixture, flag).await;
        let row = documented(flag);
        let mut imports = interfaces(&row[4]);
        if row[4].starts_with("as the plugin") {
            imports.extend(of_plugin.clone());
            imports.sort();
        }
        assert_eq!(world_of(&component), [imports, interfaces(&row[5])], "{flag}");
        // A word or two more, and it is still of the size that is said.
        let size: usize = row[3].trim_end_matches(" KB").parse().expect("a size in KB");
        let off = (component.len() / 1000).abs_diff(size);
        assert!(off <= size / 30, "{flag}: {} bytes, where {} is said", component.len(), row[3]);
    }
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
        "world command {",
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
}

#[tokio::test]
async fn one_component_is_written_at_a_time() {
    let fixture = Fixture::start().await;
    let both = fixture.run(["component", "--guard", "--command"]).await;
    assert_eq!(both.code, Some(2));
    let ignored = ended(&mut fixture.command(["component", "extra"]), b"").await;
    assert_eq!(ignored.code, Some(2));
}
