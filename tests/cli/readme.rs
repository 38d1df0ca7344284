//! Runs the README's commands and compares their output with the README's.

use crate::command::{Fixture, output, package};
use fastly_package_emulator::{Config, Emulator};
use std::path::Path;
use tokio::process::Command;

const README: &str = include_str!("../../README.md");
/// The address of the README's emulator, which the tests replace with that of their own.
const ADDRESS: &str = "127.0.0.1:8080";

/// A command in the README, with its documented exit code and output.
#[derive(Debug)]
struct Example {
    command: String,
    code: i32,
    output: String,
}

fn blocks() -> impl Iterator<Item = &'static str> {
    README.split("```console\n").skip(1).filter_map(|block| block.split("```").next())
}

fn examples(block: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in block.lines() {
        // The demo prints commands of its own.
        let in_demo = examples.last().is_some_and(|example| example.command.ends_with("demo"));
        match (line.strip_prefix("$ "), line.strip_prefix("? ")) {
            (Some(command), _) if !in_demo => {
                let (command, output) = (command.to_owned(), String::new());
                examples.push(Example { command, code: 0, output });
            }
            (_, Some(code)) => examples.last_mut().unwrap().code = code.parse().unwrap(),
            _ => examples.last_mut().unwrap().output.push_str(&format!("{line}\n")),
        }
    }
    examples
}

async fn assert_output(fixture: &Fixture, emulator: &Emulator, example: &Example) {
    let command = example.command.replace("cargo run --release --", "fastly-package");
    let command = command.replace(ADDRESS, &emulator.addr().to_string());
    let binary = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("({command}) 2>&1")])
        .current_dir(fixture.dir.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display()))
        .env("FASTLY_API_ENDPOINT", emulator.url())
        .env("FASTLY_API_TOKEN", "T");
    let output = output(&mut shell, b"").await;
    assert_eq!(output.code, Some(example.code), "{example:?}: {output:?}");
    snapbox::Assert::new().eq(format!("{}\n", output.stdout.trim_end()), &example.output);
}

#[tokio::test]
async fn the_readmes_commands_have_the_documented_output() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let config = Config { token: Some("T".into()), ..Config::default() };
    let emulator = Emulator::start(config).await.unwrap();
    let examples: Vec<Example> = blocks().flat_map(examples).collect();
    assert!(examples.len() >= 6, "{examples:?}");
    for example in &examples {
        let is_setup = example.command.starts_with("export") || example.command.ends_with('&');
        if !is_setup {
            assert_output(&fixture, &emulator, example).await;
        }
    }
    // put, curl's put, get and get --targets, and a list-versions for each 404.
    assert_eq!(emulator.requests().len(), 2 + 2 + 3);
}

#[test]
fn each_test_in_the_threat_model_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let security = std::fs::read_to_string(tests.join("../SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> =
        security.split('`').filter_map(|text| text.split_once("::")).collect();
    let named: Vec<_> =
        named.iter().filter(|(file, _)| file.starts_with(char::is_lowercase)).collect();
    assert!(named.len() > 30, "{named:?}");
    for (file, test) in named {
        let paths = [format!("all/{file}.rs"), format!("{file}/main.rs")];
        let source = paths.iter().find_map(|path| std::fs::read_to_string(tests.join(path)).ok());
        let source = source.unwrap_or_else(|| panic!("no test file named {file}"));
        assert!(source.contains(&format!("fn {test}()")), "{file}::{test}");
    }
}

#[test]
fn the_readme_contains_the_test_command_of_ci() {
    let script = include_str!("../../.ci/run");
    let command = "cargo test --locked --workspace";
    assert!(README.contains(&format!("```sh\n{command}\n```")));
    assert!(script.lines().any(|line| line.ends_with(command)), "{script}");
}
