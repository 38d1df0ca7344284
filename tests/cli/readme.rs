//! Runs the README's commands and compares what they print with what it says.

use crate::command::{Fixture, ended, package};
use fastly_package_emulator::{Config, Emulator};
use std::path::Path;
use tokio::process::Command;

const README: &str = include_str!("../../README.md");
/// Where the README's emulator listens. Another stands in for it, on a port that is free.
const ADDRESS: &str = "127.0.0.1:8080";

/// A command, the exit code that the README gives it, and what it is said to print.
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

async fn assert_prints(fixture: &Fixture, emulator: &Emulator, example: &Example) {
    let command = example.command.replace("cargo run --release --", "fastly-package");
    let command = command.replace(ADDRESS, &emulator.addr().to_string());
    let binary = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("({command}) 2>&1")])
        .current_dir(fixture.folder.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display()))
        .env("FASTLY_API_ENDPOINT", emulator.url())
        .env("FASTLY_API_TOKEN", "T");
    let ended = ended(&mut shell, b"").await;
    assert_eq!(ended.code, Some(example.code), "{example:?}: {ended:?}");
    snapbox::Assert::new().eq(format!("{}\n", ended.stdout.trim_end()), &example.output);
}

#[tokio::test]
async fn the_commands_of_the_readme_print_what_it_says() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let config = Config { token: Some("T".into()), ..Config::default() };
    let emulator = Emulator::start(config).await.unwrap();
    let examples: Vec<Example> = blocks().flat_map(examples).collect();
    assert!(examples.len() >= 6, "{examples:?}");
    for example in &examples {
        let sets_up = example.command.starts_with("export") || example.command.ends_with('&');
        if !sets_up {
            assert_prints(&fixture, &emulator, example).await;
        }
    }
    // put, curl's put, get and get --targets, with a lookup of what is missing for each that failed.
    assert_eq!(emulator.requests().len(), 2 + 2 + 3);
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let security = std::fs::read_to_string(tests.join("../SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> =
        security.split('`').filter_map(|text| text.split_once("::")).collect();
    let named: Vec<_> =
        named.iter().filter(|(file, _)| file.starts_with(char::is_lowercase)).collect();
    assert!(named.len() > 30, "{named:?}");
    for (file, test) in named {
        let homes = [format!("all/{file}.rs"), format!("{file}/main.rs")];
        let home = homes.iter().find_map(|home| std::fs::read_to_string(tests.join(home)).ok());
        let home = home.unwrap_or_else(|| panic!("no file of tests is called {file}"));
        assert!(home.contains(&format!("fn {test}()")), "{file}::{test}");
    }
}

#[test]
fn the_readme_names_the_test_command_that_the_check_runs() {
    let check = include_str!("../../.ci/run");
    let command = "cargo test --locked --workspace";
    assert!(README.contains(&format!("```sh\n{command}\n```")));
    assert!(check.lines().any(|line| line.ends_with(command)), "{check}");
}
