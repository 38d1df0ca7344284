//! Turns a Rust crate into a component and compiles it ahead of time. Shared by the build scripts of the host and of the tests.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[path = "../src/engine.rs"]
mod engine;

const TARGET: &str = "wasm32-unknown-unknown";
/// The Cargo profile of components, in the workspace's Cargo.toml.
pub(crate) const PROFILE: &str = "component";
/// Set to anything, it keeps the build from adding the target to the toolchain.
pub(crate) const KEEP_TOOLCHAIN: &str = "FASTLY_PACKAGE_KEEP_TOOLCHAIN";

/// Builds the crate's core modules with a cargo of its own, by the command and in the profile that are given, and returns the folder that they
/// are in.
///
/// The target directory is below OUT_DIR: the outer cargo holds the lock of its own.
pub(crate) fn build_modules(crate_dir: &Path, command: &[&str], profile: &str) -> Result<PathBuf> {
    ensure_target()?;
    let target_dir = out_dir().join("components");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    scrub(&mut cargo);
    cargo.args(command).args(["--target", TARGET, "--profile", profile]);
    cargo.arg("--manifest-path").arg(crate_dir.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(&target_dir);
    // The outer build has a lock file, and must not see it changed.
    cargo.arg("--locked");
    let status = cargo.status().context("can't start cargo to build the component")?;
    ensure!(status.success(), "building the component in {} failed", crate_dir.display());
    Ok(target_dir.join(TARGET).join(profile))
}

/// Makes a component of the core module that wit-bindgen left its WIT in.
pub(crate) fn encode(module: &Path) -> Result<Vec<u8>> {
    let bytes =
        std::fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    wit_component::ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.validate(true).encode())
        .with_context(|| format!("can't make a component of {}", module.display()))
}

/// Compiles a component for the machine that the outer build is for.
pub(crate) fn precompile(component: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::config();
    // Named even when it is this machine's: else the build machine's own CPU features would be required wherever it runs.
    config.target(&env::var("TARGET")?)?;
    Ok(wasmtime::Engine::new(&config)?.precompile_component(component)?)
}

/// Has cargo run the build script again when what the module was built of changes: a source, the manifest of its crate, or the workspace's, in
/// which are the profiles, and the locked versions. Only what is there: for a file that is missing, cargo would run it every time.
pub(crate) fn watch_sources(module: &Path) -> Result<()> {
    let dep_file = module.with_extension("d");
    let rule = std::fs::read_to_string(&dep_file)
        .with_context(|| format!("can't read {}", dep_file.display()))?;
    let (_, sources) = rule.split_once(": ").context("a .d file without a rule")?;
    let workspace = workspace();
    let mut watched = BTreeSet::from(["Cargo.toml", "Cargo.lock"].map(|name| workspace.join(name)));
    for source in sources.trim_end().replace("\\ ", "\0").split(' ') {
        let source = PathBuf::from(source.replace('\0', " "));
        let folders = source.ancestors().skip(1);
        watched.extend(folders.map(|folder| folder.join("Cargo.toml")).find(|path| path.exists()));
        watched.insert(source);
    }
    for path in watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    Ok(())
}

/// Ends a build script: an error is shown by cargo as such, without the rest of what the script printed.
pub(crate) fn end(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
}

/// The folder of the crate that is built. Not `env!`: the script may be run for another copy of its sources than it was compiled from.
pub(crate) fn manifest_dir() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"))
}

/// The folder of the workspace, which the crate's is in.
fn workspace() -> PathBuf {
    manifest_dir().parent().map_or_else(|| "/".into(), Path::to_owned)
}

/// Takes the outer build's settings out of the inner one: `RUSTFLAGS=-Dwarnings`, clippy's driver and the outer target are not meant for it.
fn scrub(cargo: &mut Command) {
    const KEPT: [&str; 3] = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_MAKEFLAGS"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let outer = ["CARGO_", "RUSTC", "RUSTDOC"].iter().any(|prefix| text.starts_with(prefix))
            || ["RUSTFLAGS", "CLIPPY_ARGS", "TARGET", "HOST", "CARGO"].contains(&&*text);
        if outer && !KEPT.contains(&&*text) {
            cargo.env_remove(&name);
        }
    }
    // Paths of the build machine in panic messages would make the component differ from folder to folder.
    let mut flags = format!("--remap-path-prefix={}=.", workspace().display());
    if let Some(home) = cargo_home() {
        flags.push_str(&format!("\x1f--remap-path-prefix={}=cargo", home.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
}

fn cargo_home() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

/// Adds the target to the toolchain where it is missing.
fn ensure_target() -> Result<()> {
    println!("cargo::rerun-if-env-changed={KEEP_TOOLCHAIN}");
    if target_installed()? {
        return Ok(());
    }
    let command = match env::var("RUSTUP_TOOLCHAIN") {
        Ok(toolchain) => format!("rustup target add {TARGET} --toolchain {toolchain}"),
        Err(_) => format!("rustup target add {TARGET}"),
    };
    let wanted = format!("the Rust toolchain lacks the target {TARGET}; type: {command}");
    if env::var_os(KEEP_TOOLCHAIN).is_some() {
        bail!("{wanted} ({KEEP_TOOLCHAIN} is set, so the build leaves the toolchain alone)");
    }
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap_or_default()).args(words).status();
    match status {
        Ok(status) if status.success() && target_installed()? => {
            // Cargo repeats this with every build until the script runs again.
            println!("cargo::warning=the toolchain lacked the target {TARGET}; ran `{command}`");
            Ok(())
        }
        Ok(status) => bail!("{wanted} (it was tried and ended with {status})"),
        Err(error) => bail!("{wanted} (it was tried: {error})"),
    }
}

fn target_installed() -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsStr::new("rustc").to_owned());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("can't start rustc")?;
    let folder = String::from_utf8(output.stdout).context("rustc printed no path")?;
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}
