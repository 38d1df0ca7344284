//! The components that `component` writes.

use crate::command::{Fixture, output};
use fastly_package::COMPONENT;
use std::path::Path;

/// The flag of each component, empty for the plugin.
const FLAGS: [&str; 4] = ["", "--guard", "--guarded", "--command"];

/// Returns the cells of a component's row in the table of `examples/README.md`.
fn documented(flag: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("| component |")).skip(2);
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
    let mut rows = lines.take_while(|line| line.starts_with('|')).map(cells);
    let row = rows.find(|row: &Vec<String>| row[2].trim_matches('`') == flag);
    row.unwrap_or_else(|| panic!("the table has no row for {flag:?}"))
}

/// Returns the interfaces that a cell of the table lists, such as `wasi:io/{error,poll}`.
fn interfaces(cell: &str) -> Vec<String> {
    let mut all = Vec::new();
    for interface in cell.split('`').skip(1).step_by(2) {
        match interface.split_once('{') {
            Some((package, names)) => {
                let names = names.trim_end_matches('}').split(',');
                all.extend(names.map(|name| format!("{package}{name}")));
            }
            None => all.push(interface.to_owned()),
        }
    }
    all.sort();
    all
}

/// Returns the imports and exports of a component, without their versions.
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

/// Returns the component that the command writes with this flag.
async fn component(fixture: &Fixture, flag: &str) -> Vec<u8> {
    let args = ["component", "-o", "out.wasm", flag].into_iter().filter(|arg| !arg.is_empty());
    let output = fixture.run(args).await;
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), "", ""));
    std::fs::read(fixture.path("out.wasm")).unwrap()
}

#[tokio::test]
async fn the_components_contain_those_that_the_tests_run() {
    let fixture = Fixture::start().await;
    let mut all = Vec::new();
    for flag in FLAGS {
        all.push(component(&fixture, flag).await);
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
        let component = component(&fixture, flag).await;
        let row = documented(flag);
        let mut imports = interfaces(&row[4]);
        if row[4].starts_with("as the plugin") {
            imports.extend(of_plugin.clone());
            imports.sort();
        }
        assert_eq!(world_of(&component), [imports, interfaces(&row[5])], "{flag}");
        // Within 3 %, so that a small change of the component needs no change of the table.
        let size: usize = row[3].trim_end_matches(" KB").parse().expect("a size in KB");
        let difference = (component.len() / 1000).abs_diff(size);
        assert!(
            difference <= size / 30,
            "{flag}: {} bytes, documented as {}",
            component.len(),
            row[3]
        );
    }
}

#[tokio::test]
async fn the_wit_is_one_complete_file() {
    let fixture = Fixture::start().await;
    let output = fixture.run(["component", "--wit"]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    for expected in [
        "package fastly-package:api@0.1.0;",
        "interface package-api {",
        "interface egress {",
        "world plugin {",
        "world guard {",
        "world command {",
        "package wasi:http@0.2.0 {",
        "/// Uploads a package to a service version, replacing the one that it has (PutPackage).",
    ] {
        assert!(output.stdout.contains(expected), "{expected}: {}", output.stdout);
    }
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_str("contract.wit", &output.stdout).expect("well-formed WIT");
}

#[tokio::test]
async fn a_component_that_cannot_be_written_is_reported() {
    let fixture = Fixture::start().await;
    let output = fixture.run(["component", "-o", "no/such/folder"]).await;
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("can't write no/such/folder"), "{}", output.stderr);
}

#[tokio::test]
async fn two_components_in_one_call_are_a_usage_error() {
    let fixture = Fixture::start().await;
    let both = fixture.run(["component", "--guard", "--command"]).await;
    assert_eq!(both.code, Some(2));
    let extra = output(&mut fixture.command(["component", "extra"]), b"").await;
    assert_eq!(extra.code, Some(2));
}
