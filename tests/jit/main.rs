//! Components that are compiled when they are loaded. A test target of the host's crate, with its feature `jit`.

use fastly_package::{
    COMPONENT, Content, Error, Plugin, PluginBuilder, Proof, PutOptions, Result, ServiceVersion,
    Stored, Token,
};
use fastly_package_emulator::{Config, Emulator, sample};
use std::path::Path;
use std::process::Output;

#[path = "../../host/examples/bring_your_own_linker.rs"]
#[expect(dead_code, reason = "its `main` runs in a process of its own")]
mod bring_your_own_linker;
#[path = "../cli/command.rs"]
#[expect(dead_code, reason = "this target needs less of it than the command's own tests")]
mod command;
mod embedders;
#[path = "../hosts/rows.rs"]
mod rows;
// For two APIs, of which its `main` takes one.
#[path = "../../host/examples/stock_wasi_http.rs"]
#[expect(dead_code, reason = "its `main` runs in a process of its own")]
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

/// Why it isn't loaded.
#[track_caller]
fn refusal(built: Result<Plugin>) -> String {
    let error = built.expect_err("it is not loaded");
    assert!(matches!(error, Error::Component(_)), "{error:?}");
    assert_eq!(error.stored(), Stored::No);
    error.to_string()
}

/// The component with another name in each place where this one stands.
fn renamed(name: &str, other: &str) -> Vec<u8> {
    assert_eq!(name.len(), other.len(), "lengths stand before names");
    let mut bytes = COMPONENT.to_vec();
    let places: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name.as_bytes())).collect();
    assert!(!places.is_empty(), "{name} is nowhere");
    for at in places {
        bytes[at..at + other.len()].copy_from_slice(other.as_bytes());
    }
    bytes
}

#[tokio::test]
async fn a_component_that_is_compiled_when_it_is_loaded_gets_and_puts() {
    let emulator = emulator().await;
    let target = ServiceVersion::new(SERVICE, 3).unwrap();
    let package =
        sample::package(sample::SampleOptions { size: Some(300_000), ..Default::default() });
    for plugin in [plugin_for(&emulator), plugin_for(&emulator).few_calls()] {
        let plugin = plugin.component(COMPONENT).build().unwrap();
        let content = Content::from_bytes(package.clone()).unwrap();
        let put = plugin.put_package(&target, content, PutOptions::default()).await.unwrap();
        assert!(matches!(put.proof, Proof::Verified), "{put:?}");
        let got = plugin.get_package(&target).await.unwrap();
        assert_eq!(got.package.metadata.unwrap().size, Some(300_000));
    }
    assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 2);
}

#[tokio::test]
async fn it_is_the_given_component_that_runs() {
    let emulator = emulator().await;
    let target = ServiceVersion::new(SERVICE, 3).unwrap();
    let wasm = renamed("fastly-package/0", "another-plugin/0");
    let plugin = plugin_for(&emulator).component(wasm).build().unwrap();
    plugin.get_package(&target).await.unwrap_err();
    let requests = emulator.requests();
    assert!(requests[0].header("user-agent").unwrap().starts_with("another-plugin/0"));
}

#[tokio::test]
async fn a_component_that_wants_an_import_the_sandbox_lacks_is_not_loaded() {
    let emulator = emulator().await;
    let wasm = renamed("wasi:random/random@", "wasi:clocks/random@");
    let why = refusal(plugin_for(&emulator).component(wasm).build());
    assert!(why.contains("wasi:clocks/random@"), "{why}");
}

#[tokio::test]
async fn what_is_no_component_is_not_loaded() {
    let emulator = emulator().await;
    let module = b"\0asm\x01\0\0\0".to_vec();
    let cut = COMPONENT[..COMPONENT.len() / 2].to_vec();
    for (bytes, says) in [
        (Vec::new(), "unexpected end"),
        (b"(component)".to_vec(), "magic"),
        (module, "module"),
        (cut, "out of bounds"),
    ] {
        let why = refusal(plugin_for(&emulator).component(bytes).build());
        assert!(why.contains("can't be loaded") && why.contains(says), "{why}");
    }
}

#[tokio::test]
async fn a_component_of_another_world_is_not_loaded() {
    let emulator = emulator().await;
    // One that imports and exports nothing.
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let why = refusal(plugin_for(&emulator).component(empty).build());
    assert!(why.contains("package-api"), "{why}");
}

/// Runs an example.
async fn example(emulator: &Emulator, folder: &Path, name: &str, args: &[&str]) -> Output {
    let examples = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
    tokio::process::Command::new(examples.join("examples").join(name))
        .args(args)
        .current_dir(folder)
        .env("FASTLY_API_TOKEN", "t0ken-of-the-tests")
        .env("FASTLY_API_ENDPOINT", emulator.url())
        .kill_on_drop(true)
        .output()
        .await
        .expect(
            "it is built: cargo build --workspace --features fastly-package/jit --lib --examples",
        )
}

#[tokio::test]
async fn the_examples_that_compile_a_component_put_and_get_a_package() {
    let emulator = emulator().await;
    let folder = tempfile::tempdir().unwrap();
    let package =
        sample::package(sample::SampleOptions { size: Some(3_000_000), ..Default::default() });
    std::fs::write(folder.path().join("app.tar.gz"), &package).unwrap();
    std::fs::write(folder.path().join("plugin.wasm"), COMPONENT).unwrap();

    let put = [SERVICE, "3", "app.tar.gz"];
    let put = example(&emulator, folder.path(), "bring_your_own_linker", &put).await;
    assert!(put.status.success(), "{put:?}");
    let stored = emulator.package(SERVICE, 3).expect("it is stored");
    let says = format!("stored 3000000 bytes: {}\n", stored.hashsum());
    assert_eq!(String::from_utf8_lossy(&put.stdout), says);
    let request = &emulator.requests()[0];
    assert_eq!(request.header("fastly-key"), Some("t0ken-of-the-tests"));
    assert!(request.continue_sent, "it asked first");

    let get = ["plugin.wasm", SERVICE, "3"];
    let get = example(&emulator, folder.path(), "custom_component", &get).await;
    assert!(get.status.success(), "{get:?}");
    assert!(String::from_utf8_lossy(&get.stdout).contains(stored.hashsum()), "{get:?}");
}

#[tokio::test]
async fn a_refusal_ends_a_call_in_a_store_of_ones_own() {
    let emulator = emulator().await;
    emulator.lock(SERVICE, 3);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.tar.gz"), sample::package(Default::default())).unwrap();
    let put = [SERVICE, "3", "app.tar.gz"];
    let put = example(&emulator, folder.path(), "bring_your_own_linker", &put).await;
    assert_eq!(put.status.code(), Some(1), "{put:?}");
    assert!(String::from_utf8_lossy(&put.stderr).contains("Version locked"), "{put:?}");
    assert_eq!(emulator.requests()[0].body_bytes, 0, "it asked first");
}

/// The plugin in its guard, as the command hands it out.
async fn guarded() -> Vec<u8> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fastly-package"));
    let written = command.args(["component", "--guarded", "-o", "-"]).output().await.unwrap();
    assert!(written.status.success(), "{written:?}");
    written.stdout
}

/// A folder with what the example is given.
async fn folder_for_stock(package: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("guarded.wasm"), guarded().await).unwrap();
    std::fs::write(folder.path().join("app.tar.gz"), package).unwrap();
    folder
}

#[tokio::test]
async fn the_example_without_this_library_puts_and_gets_a_package() {
    let emulator = emulator().await;
    let package =
        sample::package(sample::SampleOptions { size: Some(3_000_000), ..Default::default() });
    let folder = folder_for_stock(&package).await;
    let put = ["guarded.wasm", SERVICE, "3", "app.tar.gz"];
    let put = example(&emulator, folder.path(), "stock_wasi_http", &put).await;
    let get = example(&emulator, folder.path(), "stock_wasi_http", &["guarded.wasm", SERVICE, "3"]);
    let get = get.await;
    let stored = emulator.package(SERVICE, 3).expect("it is stored");
    assert_eq!((stored.uploads, emulator.requests().len()), (1, 2));
    let says = format!("stored 3000000 bytes: {}\n", stored.hashsum());
    for output in [put, get] {
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), says);
    }
}

#[tokio::test]
async fn the_example_without_this_library_says_what_it_lacks() {
    let emulator = emulator().await;
    let folder = folder_for_stock(b"no package").await;
    for (args, says) in [
        (["guarded.wasm", SERVICE, "3", "gone.tar.gz"], "can't open gone.tar.gz"),
        (["app.tar.gz", SERVICE, "3", "app.tar.gz"], "can't run app.tar.gz"),
    ] {
        let output = example(&emulator, folder.path(), "stock_wasi_http", &args).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{output:?}");
    }
    assert_eq!(emulator.count_connections().await.unwrap(), 0);
}

#[tokio::test]
async fn without_this_library_too_a_call_goes_nowhere_but_to_the_api_that_was_allowed() {
    use stock_wasi_http::{Auth, RequestOptions, ServiceVersion, call, explained};

    let (api, other) = (emulator().await, emulator().await);
    let plugin = stock_wasi_http::load(&guarded().await).unwrap();
    let target = ServiceVersion { service_id: SERVICE.into(), version_id: 3 };
    let options = |api: &Emulator| RequestOptions {
        auth: Auth::Token("t0ken-of-the-tests".into()),
        api_url: Some(api.url()),
        user_agent: None,
    };
    for (allowed, asked, says) in [
        (api.url(), &other, "HttpRequestDenied"),
        ("http://api.example.test".into(), &other, "the guard allows nothing: "),
        (api.url(), &api, "the API answered 404: "),
    ] {
        let answer = call(&plugin, &allowed, &target, None, &options(asked)).await;
        let error = answer.and_then(|answer| answer.map_err(explained)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(other.count_connections().await.unwrap(), 0);
    assert_eq!(api.requests().len(), 1);
}
