//! An upload in each host, whole processes: time, as a ratio to the native command's within one run, and memory.

#[path = "compare/process.rs"]
#[expect(dead_code, reason = "the comparison with curl needs more of it")]
mod process;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fastly_package_benches::package::Package;
use process::{Run, in_turn, median, peaks};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

const SIZES: [(&str, u64); 2] = [("1 KiB", 1024), ("20 MiB", 20 * 1024 * 1024)];
const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";

/// Measures an upload in each host, and prints a table. Fails when one takes more memory than it should.
#[derive(Parser)]
struct Cli {
    /// Uploads of each size in each host.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Where things are built.
    #[arg(long, env = "CARGO_TARGET_DIR", default_value = "target", value_name = "FOLDER")]
    target: PathBuf,
}

/// A host: its name, the words before the file, and how much memory it may take, in MiB.
struct Host {
    name: &'static str,
    words: Vec<PathBuf>,
    limit: f64,
}

fn hosts(target: &Path) -> Vec<Host> {
    let host = |name, words: &[&str], limit| {
        let words = words.iter().map(|word| match word.strip_prefix("target/") {
            Some(built) => target.join(built),
            None => PathBuf::from(word),
        });
        Host { name, words: words.collect(), limit }
    };
    let python = "target/hosts/python/bin/python";
    let command = "target/hosts/command.wasm";
    let flags = ["put", "--quiet", "--service-id", SERVICE, "--version", "1", "--package"];
    let with_flags = |words: &[&'static str]| [words, &flags].concat();
    vec![
        host("native", &with_flags(&["target/release/fastly-package"]), 16.0),
        host("Node", &["node", "examples/node/driver.mjs", "put", SERVICE, "1"], 160.0),
        host("Python", &[python, "examples/python/driver.py", "put", SERVICE, "1"], 64.0),
        host(
            "own linker, our edge",
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

/// The emulated API, in a process of its own: what a process that starts others holds in memory is counted as theirs.
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
        let stdout = process.stdout.take().context("its output isn't piped")?;
        BufReader::new(stdout).read_line(&mut url)?;
        Ok(Self { process, url: url.trim().to_owned() })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn upload(host: &Host, package: &Package, url: &str) -> Result<Run> {
    let mut words = host.words.iter();
    let mut command = Command::new(words.next().context("a host without a program")?);
    command.args(words).arg(&package.path);
    command.env("FASTLY_API_ENDPOINT", url).env("FASTLY_API_TOKEN", "token");
    command.env("PYTHONPATH", "examples/python/src").stdin(Stdio::null());
    // Of what is compiled here, the user's cache isn't the place.
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
    // By a name that is relative to the folder that the sandboxes are given.
    let folder = temporary.path();
    let folder = folder.strip_prefix(std::env::current_dir()?).unwrap_or(folder);
    let mut packages = Vec::new();
    for (name, size) in SIZES {
        packages.push(Package::create(folder, &name.replace(' ', ""), size)?);
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
    let runs = in_turn(cli.rounds, &programs)?;
    let of_host: Vec<&[Vec<Run>]> = runs.chunks(SIZES.len()).collect();
    let time = |runs: &[Run]| {
        let times: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
        median(&times)
    };
    println!("| host | time: put 1 KiB | 20 MiB | peak memory: put 1 KiB | 20 MiB |");
    println!("|---|---|---|---|---|");
    let native = of_host[0];
    let mut too_much = Vec::new();
    for (host, runs) in hosts.iter().zip(&of_host) {
        let ratio = |size: usize| time(&runs[size]) / time(&native[size]);
        // Not the highest: once in the life of what it has cached, wasmtime takes a lot of memory to compress it better.
        let peak = |size: usize| median(&peaks(&runs[size]));
        let (small, large) = (peak(0), peak(1));
        println!(
            "| {} | {:.1} × | {:.1} × | {small:.0} MiB | {large:.0} MiB |",
            host.name,
            ratio(0),
            ratio(1)
        );
        if small.max(large) > host.limit {
            too_much.push(format!("{} takes more than {} MiB", host.name, host.limit));
        }
    }
    ensure!(too_much.is_empty(), "{}", too_much.join("; "));
    Ok(())
}
