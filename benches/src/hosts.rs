//! Measures the time and memory of an upload in each host, as a process. Times are ratios to the native command's within one run.

#[path = "compare/process.rs"]
#[expect(dead_code, reason = "`compare` uses all of it")]
mod process;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fastly_package_benches::package::Package;
use process::{Run, interleave, median, peaks};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

const SIZES: [(&str, u64); 2] = [("1 KiB", 1024), ("20 MiB", 20 * 1024 * 1024)];
const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";

/// Measures an upload in each host, and prints a table. Fails if a host exceeds its memory limit.
#[derive(Parser)]
struct Cli {
    /// The number of uploads of each size in each host.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// The target directory of the build.
    #[arg(long, env = "CARGO_TARGET_DIR", default_value = "target", value_name = "DIR")]
    target: PathBuf,
}

/// A host.
struct Host {
    name: &'static str,
    /// The command line, except for the package.
    command: Vec<PathBuf>,
    /// The memory limit, in MiB.
    memory_limit: f64,
}

fn hosts(target: &Path) -> Vec<Host> {
    let host = |name, args: &[&str], memory_limit| {
        let command = args.iter().map(|arg| match arg.strip_prefix("target/") {
            Some(built) => target.join(built),
            None => PathBuf::from(arg),
        });
        Host { name, command: command.collect(), memory_limit }
    };
    let python = "target/hosts/python/bin/python";
    let command = "target/hosts/command.wasm";
    let flags = ["put", "--quiet", "--service-id", SERVICE, "--version", "1", "--package"];
    let with_flags = |command: &[&'static str]| [command, &flags].concat();
    vec![
        host("native", &with_flags(&["target/release/fastly-package"]), 16.0),
        host("Node", &["node", "examples/node/driver.mjs", "put", SERVICE, "1"], 160.0),
        host("Python", &[python, "examples/python/driver.py", "put", SERVICE, "1"], 64.0),
        host(
            "own linker, our OutboundHttp",
            &["target/jit/release/examples/bring_your_own_linker", SERVICE, "1"],
            64.0,
        ),
        host(
            "own linker, stock",
            &[
                "target/jit/release/examples/stock_wasi_http",
                "examples/python/src/fastly_package/guarded.wasm",
                SERVICE,
                "1",
            ],
            64.0,
        ),
        host(
            "command, in Python",
            &with_flags(&[python, "tests/hosts/run_command.py", command]),
            96.0,
        ),
        host(
            "command, in wasmtime",
            &with_flags(&[
                "target/tools/bin/wasmtime",
                "run",
                "-S",
                "http",
                "--env=FASTLY_API_TOKEN",
                "--env=FASTLY_API_ENDPOINT",
                "--dir=.",
                command,
            ]),
            64.0,
        ),
    ]
}

/// The emulator, as a separate process: the kernel counts the memory of a parent process as its children's.
struct Emulator {
    process: Child,
    url: String,
}

impl Emulator {
    fn start(target: &Path) -> Result<Self> {
        let mut process = Command::new(target.join("release/fastly-package"))
            .args(["emulate", "--quiet", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start the emulator")?;
        let mut url = String::new();
        let stdout = process.stdout.take().context("stdout is not piped")?;
        BufReader::new(stdout).read_line(&mut url)?;
        Ok(Self { process, url: url.trim().to_owned() })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn upload(host: &Host, package: &Package, url: &str) -> Result<Run> {
    let mut args = host.command.iter();
    let mut command = Command::new(args.next().context("no program")?);
    command.args(args).arg(&package.path);
    command.env("FASTLY_API_ENDPOINT", url).env("FASTLY_API_TOKEN", "token");
    command.env("PYTHONPATH", "examples/python/src").stdin(Stdio::null());
    // Keeps the compiled components out of the user's cache.
    command.env("XDG_CACHE_HOME", std::path::absolute("target/hosts/cache")?);
    process::run(&mut command)
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let hosts = hosts(&cli.target);
    let emulator = Emulator::start(&cli.target)?;
    let temporary = tempfile::tempdir_in(&cli.target)?;
    // A relative path, since the sandboxes have access to the current directory only.
    let dir = temporary.path();
    let dir = dir.strip_prefix(std::env::current_dir()?).unwrap_or(dir);
    let mut packages = Vec::new();
    for (name, size) in SIZES {
        packages.push(Package::create(dir, &name.replace(' ', ""), size)?);
    }
    let uploads: Vec<_> = hosts
        .iter()
        .flat_map(|host| packages.iter().map(move |package| (host, package)))
        .map(|(host, package)| {
            let url = emulator.url.as_str();
            move || upload(host, package, url)
        })
        .collect();
    let programs: Vec<&dyn Fn() -> Result<Run>> = uploads.iter().map(|it| it as _).collect();
    let runs = interleave(cli.rounds, &programs)?;
    let runs_by_host: Vec<&[Vec<Run>]> = runs.chunks(SIZES.len()).collect();
    let time = |runs: &[Run]| {
        let times: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
        median(&times)
    };
    println!("| host | time: put 1 KiB | 20 MiB | peak memory: put 1 KiB | 20 MiB |");
    println!("|---|---|---|---|---|");
    let native = runs_by_host[0];
    let mut exceeded = Vec::new();
    for (host, runs) in hosts.iter().zip(&runs_by_host) {
        let ratio = |size: usize| time(&runs[size]) / time(&native[size]);
        // The median, not the maximum: wasmtime once recompresses a cache entry at a higher level, which takes much memory.
        let peak = |size: usize| median(&peaks(&runs[size]));
        let (small, large) = (peak(0), peak(1));
        println!(
            "| {} | {:.1} × | {:.1} × | {small:.0} MiB | {large:.0} MiB |",
            host.name,
            ratio(0),
            ratio(1)
        );
        if small.max(large) > host.memory_limit {
            exceeded.push(format!("{} uses more than {} MiB", host.name, host.memory_limit));
        }
    }
    ensure!(exceeded.is_empty(), "{}", exceeded.join("; "));
    Ok(())
}
