//! Runs the command and returns its output.

use fastly_package_emulator::{Answer, Config, Emulator};
use serde_json::Value;
use sha2::{Digest, Sha512};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub(crate) const TOKEN: &str = "t0ken-of-the-tests";
pub(crate) const TARGET: [&str; 4] = ["--service-id", "SU1Z0isxPaozGVKXdv0eY", "--version", "3"];

/// The time limit of a run, which exceeds any expected duration.
pub(crate) const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// The output of a run of the command, and its exit code.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// An emulator, and a directory in which the command runs.
pub(crate) struct Fixture {
    pub(crate) emulator: Emulator,
    pub(crate) dir: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let config = Config { token: Some(TOKEN.into()), ..config };
        let emulator = Emulator::start(config).await.expect("an emulator on a free port");
        Self { emulator, dir: tempfile::tempdir().expect("a directory") }
    }

    /// Returns the command with these arguments, in the fixture's directory and without this process's environment.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fastly-package"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("FASTLY_API_TOKEN", TOKEN)
            .env("FASTLY_API_ENDPOINT", self.emulator.url())
            // The golden files contain local times.
            .env("TZ", "<+02>-2")
            .kill_on_drop(true);
        command
    }

    /// Runs the command with these arguments.
    pub(crate) async fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        output(&mut self.command(args), b"").await
    }

    /// Runs `put` of a file in the directory, with these additional flags.
    pub(crate) async fn put(&self, file: &str, flags: &[&str]) -> Output {
        self.run([&["put", "--package", file], &TARGET[..], flags].concat()).await
    }

    /// Runs `get` with these additional flags.
    pub(crate) async fn get(&self, flags: &[&str]) -> Output {
        self.run([&["get"], &TARGET[..], flags].concat()).await
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.path().join(name), bytes).expect("a file in the directory");
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Returns the number of uploads of the version that the emulator has stored.
    pub(crate) fn uploads(&self) -> u64 {
        self.emulator.package(TARGET[1], 3).map_or(0, |package| package.uploads)
    }
}

/// Runs a command to its end, with this standard input.
pub(crate) async fn output(command: &mut Command, stdin: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut pipe = child.stdin.take().expect("standard input is a pipe");
    let writing = async {
        // Fails if the command exits without reading all of it.
        let _ = pipe.write_all(stdin).await;
        drop(pipe);
    };
    let running = async { tokio::join!(child.wait_with_output(), writing) };
    let result = tokio::time::timeout(HANG_TIMEOUT, running).await;
    let (output, ()) = result.unwrap_or_else(|_| panic!("timed out: {command:?}"));
    let output = output.expect("the command exits");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Returns a small, valid package.
pub(crate) fn package() -> Vec<u8> {
    fastly_package_emulator::sample::package(Default::default())
}

/// Returns a successful response about the package of [`TARGET`], with this metadata.
pub(crate) fn described(metadata: Value) -> Answer {
    Answer::described(TARGET[1], 3, metadata)
}

/// Removes the ages of times from the command's output, such as `(3 days ago)`.
pub(crate) fn without_ages(text: &str) -> String {
    let is_age =
        |text: &str| text == "(just now)" || text.starts_with("(in ") || text.ends_with(" ago)");
    let without_age = |line: &str| match line.rsplit_once(" (") {
        Some((before, age)) if is_age(&format!("({age}")) => before.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| without_age(line) + "\n").collect()
}

/// Returns a SHA-512 in lower-case hex, as in the API's responses.
pub(crate) fn sha512(bytes: &[u8]) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asserts that a text is that of a file in `tests/golden`. `SNAPSHOTS=overwrite` rewrites the file.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    let expected = snapbox::Data::read_from(&file, Some(snapbox::data::DataFormat::Text));
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(actual, expected);
}
