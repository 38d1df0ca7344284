//! Builds a Rust crate into a WebAssembly component, for build scripts. Each function prints the instructions for cargo that belong to it.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};
use wasmparser::BinaryReader;

const TARGET: &str = "wasm32-unknown-unknown";
/// The cargo profile of components, in the workspace's `Cargo.toml`.
pub const PROFILE: &str = "component";
/// If this variable is set, the build doesn't add the target to the toolchain.
const KEEP_TOOLCHAIN: &str = "FASTLY_PACKAGE_KEEP_TOOLCHAIN";

/// Builds the library `name` of the crate in `folder`, relative to the crate of the build script, into a component.
///
/// # Errors
///
/// Fails if the crate can't be built, or is not a component.
pub fn component(folder: &str, name: &str, profile: &str) -> Result<Vec<u8>> {
    // Without the rlib that unit tests link: what could be linked from outside would stay in the module.
    let command = ["rustc", "--lib", "--crate-type", "cdylib"];
    let modules = build_modules(&manifest_dir().join(folder), &command, profile)?;
    let module = modules.join(format!("{name}.wasm"));
    watch_sources(&module)?;
    encode(&module)
}

/// Reads the component whose path `variable` contains. `None` if the variable is not set.
///
/// # Errors
///
/// Fails if the component can't be read.
pub fn read_prebuilt(variable: &str) -> Result<Option<Vec<u8>>> {
    println!("cargo::rerun-if-env-changed={variable}");
    let Some(path) = env::var_os(variable).map(PathBuf::from) else { return Ok(None) };
    println!("cargo::rerun-if-changed={}", path.display());
    let read =
        fs::read(&path).with_context(|| format!("can't read {} ({variable})", path.display()))?;
    Ok(Some(read))
}

/// Builds core modules with a nested cargo and returns their directory.
///
/// The target directory is below `OUT_DIR`: the outer cargo holds the lock of its own.
///
/// # Errors
///
/// Fails if the target is missing and can't be added, or cargo fails.
pub fn build_modules(crate_dir: &Path, command: &[&str], profile: &str) -> Result<PathBuf> {
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

/// Makes a component of a core module, which wit-bindgen left its WIT in.
///
/// # Errors
///
/// Fails if the module can't be read, or is not a component's.
pub fn encode(module: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    let component = wit_component::ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.validate(true).encode())
        .with_context(|| format!("can't make a component of {}", module.display()))?;
    strip_names(&component)
}

/// Removes the names of a component's items, which only debuggers use: they are a twentieth of the plugin.
fn strip_names(component: &[u8]) -> Result<Vec<u8>> {
    /// The length of the magic number and the version.
    const HEADER: usize = 8;
    const NAMES: &[u8] = b"\x0ecomponent-name";
    let mut stripped = component[..HEADER].to_vec();
    let mut sections = BinaryReader::new(&component[HEADER..], HEADER);
    while !sections.eof() {
        let start = sections.original_position();
        let id = sections.read_u8()?;
        let length = sections.read_var_u32()?;
        let content = sections.read_bytes(length as usize)?;
        if id != 0 || !content.starts_with(NAMES) {
            stripped.extend(&component[start..sections.original_position()]);
        }
    }
    Ok(stripped)
}

/// Makes cargo run the build script again when a source of the module changes, a manifest, or the lock file. Only existing files are watched: for a
/// missing one, cargo would run the script every time.
///
/// # Errors
///
/// Fails if the list of sources can't be read.
pub fn watch_sources(module: &Path) -> Result<()> {
    let dep_file = module.with_extension("d");
    let rule = fs::read_to_string(&dep_file)
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

/// Ends a build script. Cargo shows an error as such, without the rest of the script's output.
pub fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

/// Returns the build script's output directory.
///
/// # Panics
///
/// Panics outside a build script.
pub fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
}

/// Returns the directory of the crate that is built. It is not `env!`: the script may run for another copy of its sources than it was compiled from.
///
/// # Panics
///
/// Panics outside a build script.
pub fn manifest_dir() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"))
}

/// Returns the directory of the workspace: the nearest one above the crate with a lock file.
fn workspace() -> PathBuf {
    let crate_dir = manifest_dir();
    let is_workspace = |folder: &&Path| folder.join("Cargo.lock").exists();
    crate_dir.ancestors().find(is_workspace).unwrap_or(&crate_dir).to_owned()
}

/// Removes the outer build's settings from the nested one: `RUSTFLAGS=-Dwarnings`, clippy's driver and the outer target are not meant for it.
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

/// Adds the target to the toolchain if it is missing.
fn ensure_target() -> Result<()> {
    println!("cargo::rerun-if-env-changed={KEEP_TOOLCHAIN}");
    if target_installed()? {
        return Ok(());
    }
    let command = match env::var("RUSTUP_TOOLCHAIN") {
        Ok(toolchain) => format!("rustup target add {TARGET} --toolchain {toolchain}"),
        Err(_) => format!("rustup target add {TARGET}"),
    };
    let wanted = format!("the Rust toolchain lacks the target {TARGET}; run `{command}`");
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
