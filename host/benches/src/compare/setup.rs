//! What is measured with: the programs, the packages and the sink.

use crate::server::Running;
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
/// The sizes of packages, in bytes. That of the name `99m` is what the API just takes.
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

/// Everything that the rows need.
pub(crate) struct Setup {
    pub(crate) rounds: usize,
    pub(crate) sink: Running,
    pub(crate) packages: Vec<Package>,
    folder: TempDir,
    /// The command.
    pub(crate) command: PathBuf,
    /// This program, which is also the native client.
    this: PathBuf,
    /// The platform's certificates and the sink's.
    roots: PathBuf,
}

impl Setup {
    pub(crate) fn new(command: PathBuf, rounds: usize) -> Result<Self> {
        for tool in ["cargo", "curl", "sha512sum"] {
            let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
            ensure!(found.is_ok_and(|status| status.success()), "{tool} isn't here: install it");
        }
        ensure!(command.is_file(), "{} isn't built: cargo build --release", command.display());
        let this = std::env::current_exe()?;
        let folder = tempfile::tempdir_in(this.parent().context("this program is nowhere")?)?;
        let mut packages = Vec::new();
        for (service, size) in SIZES {
            packages.push(Package::create(folder.path(), service, size)?);
        }
        let ca = folder.path().join("ca.pem");
        let sink = Running::start(&ca, &packages)?;
        let roots = folder.path().join("roots.pem");
        let platform = platform_roots()?;
        std::fs::write(&roots, [std::fs::read(platform)?, std::fs::read(&ca)?].concat())?;
        Ok(Self { rounds, sink, packages, folder, command, this, roots })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn package(&self, service: &str) -> Result<&Package> {
        self.packages.iter().find(|it| it.service == service).context("no package of that size")
    }

    fn program(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // Neither proxies nor tokens nor settings of whoever runs this.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command
    }

    fn url(api: &str, service: &str) -> String {
        format!("{api}/service/{service}/version/1/package")
    }

    /// The command with an operation.
    fn ours(&self, operation: &str, api: &str, service: &str) -> Command {
        let mut command = Self::program(&self.command);
        command.env("FASTLY_API_TOKEN", TOKEN).env("SSL_CERT_FILE", &self.roots);
        command.args([operation, "--api", api, "--service-id", service, "--version", "1"]);
        command
    }

    pub(crate) fn our_get(&self, api: &str, service: &str) -> Command {
        self.ours("get", api, service)
    }

    pub(crate) fn our_put(&self, api: &str, package: &Package, flags: &[&str]) -> Command {
        let mut command = self.ours("put", api, &package.service);
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

    /// `count` times GetPackage in one curl, some at a time.
    pub(crate) fn curl_gets(&self, service: &str, at_a_time: usize, count: usize) -> Command {
        let mut command = self.curl();
        command.args(["--parallel", "--parallel-immediate", "--parallel-max"]);
        command.arg(at_a_time.to_string());
        command.arg(format!("{}/service/{service}/version/[1-{count}]/package", self.sink.http));
        command
    }

    /// What the hash alone takes.
    pub(crate) fn hash(&self, package: &Package) -> Command {
        let mut hash = Self::program("sha512sum");
        hash.arg(&package.path);
        hash
    }

    /// What it takes to see, with curl, that what is stored is what was sent: the other hash is in the answer.
    pub(crate) fn curl_put_then_hash(&self, api: &str, package: &Package) -> Command {
        let mut both = Self::program("sh");
        both.args(["-ec", "\"$@\"; sha512sum \"$0\""]).arg(&package.path);
        let curl = self.curl_put(api, package);
        both.arg(curl.get_program()).args(curl.get_args());
        both
    }

    /// This program, making calls.
    pub(crate) fn calls(&self, client: &str, service: &str) -> Command {
        let mut command = Self::program(&self.this);
        command.args(["calls", "--client", client, "--api", &self.sink.http, "--token", TOKEN]);
        command.args(["--service", service]);
        command
    }
}

/// Where the certificates that the platform trusts are.
fn platform_roots() -> Result<PathBuf> {
    let known = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let found = known.iter().map(PathBuf::from).find(|path| path.is_file());
    found.context(
        "the platform's certificates aren't where they are looked for: install ca-certificates",
    )
}
