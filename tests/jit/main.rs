//! Components that are compiled when they are loaded. A test target of the crate `fastly-package`, with its feature `jit`.

use fastly_package::{
    COMPONENT, Content, ErrorKind, Plugin, PluginBuilder, Proof, PutOptions, Result,
    ServiceVersion, Stored, Token,
};
use fastly_package_emulator::{Config, Emulator, sample};
use std::path::Path;
use std::process::Output;

#[path = "../../host/examples/bring_your_own_linker.rs"]
#[expect(dead_code, reason = "its `main` runs in a separate process")]
mod bring_your_own_linker;
#[path = "../cli/command.rs"]
#[expect(dead_code, reason = "shared with the tests of the command")]
mod command;
mod embedders;
mod generated;
#[path = "../hosts/rows.rs"]
mod rows;
#[path = "../../host/examples/stock_wasi_http.rs"]
#[expect(dead_code, reason = "its `main` runs in a separate process")]
mod stock_wasi_http;
#[path = "../hosts/table.rs"]
mod table;

const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";

fn plugin_for(emulator: &Emulator) -> PluginBuilder {
    let token = Token::new("t0ken-of-the-tests").unwrap();
    Plugin::builder().token(token).api(emulator.url().parse().unwrap())
}

async fn emulator() -> Emulator {
    Emulator::start(Config::default()).await.expect("an emulator on a free port")
}

/// Returns the message of a component that can't be loaded.
#[track_caller]
fn load_error(result: Result<Plugin>) -> String {
    let error = result.expect_err("the component is not loaded");
    assert_eq!(error.kind(), ErrorKind::Component, "{error:?}");
    assert_eq!(error.stored(), Stored::No);
    error.to_string()
}

/// Returns the component with each occurrence of a name replaced.
fn component_with(name: &str, replacement: &str) -> Vec<u8> {
    assert_eq!(name.len(), replacement.len(), "the format has lengths before names");
    let mut bytes = COMPONENT.to_vec();
    let offsets: Vec<usize> =
        (0..bytes.len()).filter(|offset| bytes[*offset..].starts_with(name.as_bytes())).collect();
    assert!(!offsets.is_empty(), "the component doesn't contain {name}");
    for offset in offsets {
        bytes[offset..offset + replacement.len()].copy_from_slice(replacement.as_bytes());
    }
    bytes
}

#[tokio::test]
async fn a_component_that_is_compiled_when_it_is_loaded_puts_and_gets_a_package() {
    let emulator = emulator().await;
    let target = ServiceVersion::new(SERVICE, 3).unwrap();
    let package =
        sample::package(sample::SampleOptions { size: Some(300_000), ..Default::default() });
    for plugin in [plugin_for(&emulator), plugin_for(&emulator)] {
        let plugin = plugin.component(COMPONENT).build().unwrap();
        let content = Content::from_bytes(package.clone()).unwrap();
        let uploaded = plugin.put_package(&target, content, PutOptions::default()).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
        let reply = plugin.get_package(&target).await.unwrap();
        assert_eq!(reply.package.metadata.unwrap().size, Some(300_000));
    }
    assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 2);
}

#[tokio::test]
async fn a_plugin_runs_the_given_component() {
    let emulator = emulator().await;
    let target = ServiceVersion::new(SERVICE, 3).unwrap();
    let wasm = component_with("fastly-package/0", "another-plugin/0");
    let plugin = plugin_for(&emulator).component(wasm).build().unwrap();
    plugin.get_package(&target).await.unwrap_err();
    let requests = emulator.requests();
    assert!(requests[0].header("user-agent").unwrap().starts_with("another-plugin/0"));
}

#[tokio::test]
async fn a_component_with_an_unknown_import_is_not_loaded() {
    let emulator = emulator().await;
    let wasm = component_with("wasi:random/random@", "wasi:clocks/random@");
    let message = load_error(plugin_for(&emulator).component(wasm).build());
    assert!(message.contains("wasi:clocks/random@"), "{message}");
}

#[tokio::test]
async fn bytes_that_are_not_a_component_are_not_loaded() {
    let emulator = emulator().await;
    let module = b"\0asm\x01\0\0\0".to_vec();
    let truncated = COMPONENT[..COMPONENT.len() / 2].to_vec();
    for (bytes, reason) in [
        (Vec::new(), "unexpected end"),
        (b"(component)".to_vec(), "magic"),
        (module, "module"),
        (truncated, "out of bounds"),
    ] {
        let message = load_error(plugin_for(&emulator).component(bytes).build());
        assert!(message.contains("can't be loaded") && message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn a_component_of_another_world_is_not_loaded() {
    let emulator = emulator().await;
    // A component without imports and exports.
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let message = load_error(plugin_for(&emulator).component(empty).build());
    assert!(message.contains("package-api"), "{message}");
}

/// Runs an example in this directory.
async fn example(emulator: &Emulator, dir: &Path, name: &str, args: &[&str]) -> Output {
    let examples = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
    tokio::process::Command::new(examples.join("examples").join(name))
        .args(args)
        .current_dir(dir)
        .env("FASTLY_API_TOKEN", "t0ken-of-the-tests")
        .env("FASTLY_API_ENDPOINT", emulator.url())
        .kill_on_drop(true)
        .output()
        .await
        .expect("run first: cargo build --workspace --features fastly-package/jit --lib --examples")
}

#[tokio::test]
async fn the_examples_that_compile_a_component_put_and_get_a_package() {
    let emulator = emulator().await;
    let dir = tempfile::tempdir().unwrap();
    let package =
        sample::package(sample::SampleOptions { size: Some(3_000_000), ..Default::default() });
    std::fs::write(dir.path().join("app.tar.gz"), &package).unwrap();
    std::fs::write(dir.path().join("plugin.wasm"), COMPONENT).unwrap();

    let put = [SERVICE, "3", "app.tar.gz"];
    let put = example(&emulator, dir.path(), "bring_your_own_linker", &put).await;
    assert!(put.status.success(), "{put:?}");
    let stored = emulator.package(SERVICE, 3).expect("the package is stored");
    let expected = format!("stored 3000000 bytes: {}\n", stored.hashsum());
    assert_eq!(String::from_utf8_lossy(&put.stdout), expected);
    let request = &emulator.requests()[0];
    assert_eq!(request.header("fastly-key"), Some("t0ken-of-the-tests"));
    assert!(request.continue_sent, "the package is sent after a 100");

    let get = ["plugin.wasm", SERVICE, "3"];
    let get = example(&emulator, dir.path(), "custom_component", &get).await;
    assert!(get.status.success(), "{get:?}");
    assert!(String::from_utf8_lossy(&get.stdout).contains(stored.hashsum()), "{get:?}");
}

#[tokio::test]
async fn an_example_with_its_own_store_reports_an_error_response() {
    let emulator = emulator().await;
    emulator.lock(SERVICE, 3);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.tar.gz"), sample::package(Default::default())).unwrap();
    let put = [SERVICE, "3", "app.tar.gz"];
    let put = example(&emulator, dir.path(), "bring_your_own_linker", &put).await;
    assert_eq!(put.status.code(), Some(1), "{put:?}");
    assert!(String::from_utf8_lossy(&put.stderr).contains("Version locked"), "{put:?}");
    assert_eq!(emulator.requests()[0].body_bytes, 0, "the package is not sent");
}

/// Returns the guarded plugin that the command writes.
async fn guarded() -> Vec<u8> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fastly-package"));
    let output = command.args(["component", "--guarded", "-o", "-"]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Returns a directory with the files that the example needs.
async fn stock_dir(package: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("guarded.wasm"), guarded().await).unwrap();
    std::fs::write(dir.path().join("app.tar.gz"), package).unwrap();
    dir
}

#[tokio::test]
async fn the_example_without_this_library_puts_and_gets_a_package() {
    let emulator = emulator().await;
    let package =
        sample::package(sample::SampleOptions { size: Some(3_000_000), ..Default::default() });
    let dir = stock_dir(&package).await;
    let put = ["guarded.wasm", SERVICE, "3", "app.tar.gz"];
    let put = example(&emulator, dir.path(), "stock_wasi_http", &put).await;
    let get = example(&emulator, dir.path(), "stock_wasi_http", &["guarded.wasm", SERVICE, "3"]);
    let get = get.await;
    let stored = emulator.package(SERVICE, 3).expect("the package is stored");
    assert_eq!((stored.uploads, emulator.requests().len()), (1, 2));
    let expected = format!("stored 3000000 bytes: {}\n", stored.hashsum());
    for output in [put, get] {
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[tokio::test]
async fn the_example_without_this_library_reports_missing_and_invalid_files() {
    let emulator = emulator().await;
    let dir = stock_dir(b"no package").await;
    for (args, message) in [
        (["guarded.wasm", SERVICE, "3", "gone.tar.gz"], "can't open gone.tar.gz"),
        (["app.tar.gz", SERVICE, "3", "app.tar.gz"], "can't run app.tar.gz"),
    ] {
        let output = example(&emulator, dir.path(), "stock_wasi_http", &args).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{output:?}");
    }
    assert_eq!(emulator.count_connections().await.unwrap(), 0);
}

#[tokio::test]
async fn without_this_library_the_guard_denies_requests_to_other_apis() {
    use stock_wasi_http::{Auth, RequestOptions, ServiceVersion, call, describe};

    let (api, other) = (emulator().await, emulator().await);
    let plugin = stock_wasi_http::load(&guarded().await).unwrap();
    let target = ServiceVersion { service_id: SERVICE.into(), version_id: 3 };
    let options = |api: &Emulator| RequestOptions {
        auth: Auth::Token("t0ken-of-the-tests".into()),
        api_url: Some(api.url()),
        user_agent: None,
    };
    for (allowed, requested, message) in [
        (api.url(), &other, "HttpRequestDenied"),
        ("http://api.example.test".into(), &other, "the guard refuses: "),
        (api.url(), &api, "the API responded with 404: "),
    ] {
        let result = call(&plugin, &allowed, &target, None, &options(requested)).await;
        let error = result.and_then(|result| result.map_err(describe)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(other.count_connections().await.unwrap(), 0);
    assert_eq!(api.requests().len(), 1);
}
