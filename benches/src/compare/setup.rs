//! The programs to measure, the packages and the sink.

use crate::server::SinkProcess;
use anyhow::{Context, Result, ensure};
use fastly_package::SIZE_LIMIT;
use fastly_package_benches::package::Package;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
/// The names and sizes of the packages, in bytes. `99m` is just below the API's limit.
const SIZES: [(&str, u64); 7] = [
    ("1k", KIB),
    ("32k", 32 * KIB),
    ("1m", MIB),
    ("10m", 10 * MIB),
    ("32m", 32 * MIB),
    ("99m", 99_000_000),
    ("1g", GIB),
];
const TOKEN: &str = "a-token-of-32-characters-or-so-00";

/// The environment of the measurements.
pub(crate) struct Setup {
    pub(crate) rounds: usize,
    pub(crate) sink: SinkProcess,
    pub(crate) packages: Vec<Package>,
    dir: TempDir,
    /// The path of the command.
    pub(crate) command: PathBuf,
    /// The path of this program, whose subcommand `calls` is the native client.
    this: PathBuf,
    /// A PEM file with the platform's root certificates and the sink's.
    roots: PathBuf,
}

impl Setup {
    pub(crate) fn new(command: PathBuf, rounds: usize) -> Result<Self> {
        for tool in ["cargo", "curl", "sha512sum"] {
            let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
            ensure!(found.is_ok_and(|status| status.success()), "{tool} is missing; install it");
        }
        ensure!(command.is_file(), "{} is missing; run cargo build --release", command.display());
        let this = std::env::current_exe()?;
        let dir =
            tempfile::tempdir_in(this.parent().context("this program has no parent directory")?)?;
        let mut packages = Vec::new();
        for (service, size) in SIZES {
            packages.push(Package::create(dir.path(), service, size)?);
        }
        let ca = dir.path().join("ca.pem");
        let sink = SinkProcess::start(&ca, &packages)?;
        let roots = dir.path().join("roots.pem");
        let platform = platform_roots()?;
        std::fs::write(&roots, [std::fs::read(platform)?, std::fs::read(&ca)?].concat())?;
        Ok(Self { rounds, sink, packages, dir, command, this, roots })
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn package(&self, service: &str) -> Result<&Package> {
        self.packages.iter().find(|it| it.service == service).context("no package of that size")
    }

    fn program(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // Without the user's proxies, tokens and settings.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command
    }

    fn url(api: &str, service: &str) -> String {
        format!("{api}/service/{service}/version/1/package")
    }

    /// Returns the command with an operation.
    fn command(&self, operation: &str, api: &str, service: &str) -> Command {
        let mut command = Self::program(&self.command);
        command.env("FASTLY_API_TOKEN", TOKEN).env("SSL_CERT_FILE", &self.roots);
        command.args([operation, "--api", api, "--service-id", service, "--version", "1"]);
        command
    }

    pub(crate) fn get_command(&self, api: &str, service: &str) -> Command {
        self.command("get", api, service)
    }

    pub(crate) fn put_command(&self, api: &str, package: &Package, flags: &[&str]) -> Command {
        let mut command = self.command("put", api, &package.service);
        if package.size > SIZE_LIMIT {
            command.arg("--force");
        }
        command.arg("--package").arg(&package.path).args(flags);
        command
    }

    fn curl(&self) -> Command {
        let mut command = Self::program("curl");
        command.args(["--disable", "--silent", "--show-error", "--fail", "--http1.1"]);
        command.args(["--output", "/dev/null", "--header"]).arg(format!("Fastly-Key: {TOKEN}"));
        command.arg("--cacert").arg(&self.roots);
        command
    }

    pub(crate) fn curl_get(&self, api: &str, service: &str) -> Command {
        let mut command = self.curl();
        command.arg(Self::url(api, service));
        command
    }

    pub(crate) fn curl_put(&self, api: &str, package: &Package) -> Command {
        let mut command = self.curl();
        command.args(["--request", "PUT", "--form"]);
        command.arg(format!("package=@{}", package.path.display()));
        command.arg(Self::url(api, &package.service));
        command
    }

    /// Returns a curl command that makes `count` GetPackage requests.
    pub(crate) fn curl_gets(&self, service: &str, concurrency: usize, count: usize) -> Command {
        let mut command = self.curl();
        command.args(["--parallel", "--parallel-immediate", "--parallel-max"]);
        command.arg(concurrency.to_string());
        command.arg(format!("{}/service/{service}/version/[1-{count}]/package", self.sink.http));
        command
    }

    /// Returns a command that only hashes a package.
    pub(crate) fn hash(&self, package: &Package) -> Command {
        let mut hash = Self::program("sha512sum");
        hash.arg(&package.path);
        hash
    }

    /// Returns a command that uploads with curl and then hashes the package, to compare it with the hash in the response.
    pub(crate) fn curl_put_then_hash(&self, api: &str, package: &Package) -> Command {
        let mut both = Self::program("sh");
        both.args(["-ec", "\"$@\"; sha512sum \"$0\""]).arg(&package.path);
        let curl = self.curl_put(api, package);
        both.arg(curl.get_program()).args(curl.get_args());
        both
    }

    /// Returns this program with the subcommand `calls`.
    pub(crate) fn calls(&self, client: &str, service: &str) -> Command {
        let mut command = Self::program(&self.this);
        command.args(["calls", "--client", client, "--api", &self.sink.http, "--token", TOKEN]);
        command.args(["--service", service]);
        command
    }
}

/// Returns the path of the platform's root certificates.
fn platform_roots() -> Result<PathBuf> {
    let known = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let found = known.iter().map(PathBuf::from).find(|path| path.is_file());
    found.context("the platform's root certificates are missing; install ca-certificates")
}
