//! Runs the command and says what came of it.

use fastly_package_emulator::{Config, Emulator};
use sha2::{Digest, Sha512};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub(crate) const TOKEN: &str = "t0ken-of-the-tests";
pub(crate) const TARGET: [&str; 4] = ["--service-id", "SU1Z0isxPaozGVKXdv0eY", "--version", "3"];

/// For what ought to end long before, but could hang.
const SAFETY_NET: Duration = Duration::from_secs(60);

/// What a run of the command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// An emulator, and the command set up to talk to it.
pub(crate) struct Fixture {
    pub(crate) emulator: Emulator,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let config = Config { token: Some(TOKEN.into()), ..config };
        let emulator = Emulator::start(config).await.expect("an emulator on a free port");
        Self { emulator, folder: tempfile::tempdir().expect("a folder") }
    }

    /// The command with these arguments, in the fixture's folder and without this process's environment.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fastly-package"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("FASTLY_API_TOKEN", TOKEN)
            .env("FASTLY_API_ENDPOINT", self.emulator.url())
            // Wherever the tests run, two hours east of Greenwich.
            .env("TZ", "<+02>-2")
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        ended(&mut self.command(args), b"").await
    }

    /// Runs `put` of a file in the folder, with more arguments.
    pub(crate) async fn put(&self, file: &str, more: &[&str]) -> Ended {
        self.run([&["put", "--package", file], &TARGET[..], more].concat()).await
    }

    pub(crate) async fn get(&self, more: &[&str]) -> Ended {
        self.run([&["get"], &TARGET[..], more].concat()).await
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).expect("a file in the folder");
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// How many uploads the emulator has stored for the version.
    pub(crate) fn uploads(&self) -> u64 {
        self.emulator.package(TARGET[1], 3).map_or(0, |package| package.uploads)
    }
}

/// Runs a command to its end, with this on its standard input.
pub(crate) async fn ended(command: &mut Command, stdin: &[u8]) -> Ended {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut pipe = child.stdin.take().expect("standard input is a pipe");
    let feeding = async {
        // A command that ends early closes the pipe, which is no failure of the test.
        let _ = pipe.write_all(stdin).await;
        drop(pipe);
    };
    let running = async { tokio::join!(child.wait_with_output(), feeding) };
    let ended = tokio::time::timeout(SAFETY_NET, running).await;
    let (output, ()) = ended.unwrap_or_else(|_| panic!("it hangs: {command:?}"));
    let output = output.expect("the command ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A small package that the API takes.
pub(crate) fn package() -> Vec<u8> {
    fastly_package_emulator::sample::package(Default::default())
}

/// What is printed, but how long ago or how far off its times are.
pub(crate) fn without_ages(text: &str) -> String {
    let is_age =
        |text: &str| text == "(now)" || text.starts_with("(in ") || text.ends_with(" ago)");
    let one = |line: &str| match line.rsplit_once(" (") {
        Some((before, age)) if is_age(&format!("({age}")) => before.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| one(line) + "\n").collect()
}

/// In lower-case hex, as the API writes it.
pub(crate) fn sha512(bytes: &[u8]) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares with a file in `tests/golden`. `SNAPSHOTS=overwrite` rewrites it.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    let expected = snapbox::Data::read_from(&file, Some(snapbox::data::DataFormat::Text));
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(actual, expected);
}
