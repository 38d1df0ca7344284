//! Many calls with random faults: memory and open files don't grow, and every result is correct.
//!
//! `SOAK_CALLS` is the number of calls, 2,000 by default. The emulator runs in another process of this program, so that only the plugin is measured.

#[path = "../all/random_cases.rs"]
mod random_cases;

use bytes::Bytes;
use fastly_package::{Plugin, ServiceVersion, Token};
use fastly_package_emulator::{Config, Emulator};
use fastrand::Rng;
use std::io::{BufRead, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

const CONCURRENCY: usize = 32;
const TOKEN: &str = "t0ken-of-the-soak";
/// The allowed growth of memory, for buffers and idle connections, in KiB.
const TOLERANCE: u64 = 16 * 1024;

fn main() {
    // This target has no libtest harness. A filter and `--list` are meant for the targets that have one.
    let is_skipped = std::env::args().skip(1).any(|it| !it.starts_with('-') || it == "--list");
    if is_skipped || !cfg!(target_os = "linux") {
        return println!("0 passed, 0 failed");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    if std::env::var_os("SOAK_EMULATOR").is_some() {
        return runtime.block_on(emulate());
    }
    let calls = std::env::var("SOAK_CALLS").ok().map_or(2000, |n| n.parse().expect("a number"));
    runtime.block_on(soak(calls));
    println!("1 passed, 0 failed");
}

/// Runs the emulator. `FAULT SERVICE` on stdin queues a fault; `SERVICE` is answered with what is stored.
async fn emulate() {
    let config =
        Config { token: Some(TOKEN.into()), writes_per_hour: u32::MAX, ..Config::default() };
    let emulator = Emulator::start(config).await.expect("an emulator");
    println!("{}", emulator.url());
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("a line");
            let reply = match line.split_once(' ') {
                Some((fault, service)) => {
                    emulator.fault(random_cases::fault(fault.parse().expect("a number"), service));
                    "queued".to_owned()
                }
                None => match emulator.package(&line, 1) {
                    Some(stored) => format!("{} {}", stored.uploads, stored.hashsum()),
                    None => "0".to_owned(),
                },
            };
            println!("{reply}");
            std::io::stdout().flush().expect("stdout is open");
        }
    })
    .await
    .expect("the commands are valid");
}

/// The emulator in another process.
struct Remote(Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>);

impl Remote {
    async fn send(&self, command: &str) -> String {
        let mut pipes = self.0.lock().await;
        pipes.0.write_all(format!("{command}\n").as_bytes()).await.expect("the emulator runs");
        pipes.1.next_line().await.expect("the emulator runs").expect("a line")
    }
}

async fn soak(calls: u64) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .env("SOAK_EMULATOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the emulator starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let url = lines.next_line().await.expect("a line").expect("its URL");
    let remote = Arc::new(Remote(Mutex::new((child.stdin.take().expect("a pipe"), lines))));
    let builder = || {
        let token = Token::new(TOKEN).expect("a token");
        Plugin::builder().token(token).api(url.parse().expect("a URL")).no_proxy()
    };
    // The first plugin of a process initializes what all plugins share.
    drop(builder().build().expect("a plugin"));
    let before = open_files();
    let plugins = Arc::new(random_cases::plugins(builder));
    let packages: Arc<Vec<(Bytes, String)>> =
        Arc::new((0..40).map(|seed| random_cases::package(&mut Rng::with_seed(seed))).collect());

    println!("{:>7} {:>12} {:>10}", "calls", "memory", "open files");
    // The first calls allocate buffers, connections and threads that are kept.
    let warm_up = calls.min(500);
    run(0..warm_up, &remote, &plugins, &packages).await;
    let start = report(warm_up);
    run(warm_up..calls / 2, &remote, &plugins, &packages).await;
    let middle = report(calls / 2);
    run(calls / 2..calls, &remote, &plugins, &packages).await;
    let end = report(calls);
    for later in [middle, end] {
        assert!(later.memory <= start.memory + TOLERANCE, "memory grows: {start:?} {later:?}");
        // Each plugin has at most one connection for each concurrent call.
        let limit = before + plugins.len() * CONCURRENCY;
        assert!(later.files <= limit, "open files grow: {start:?} {later:?}");
    }
    drop(plugins);
    // Connections are closed by other tasks.
    for _ in 0..200 {
        if open_files() <= before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{:>7} {:>23}", "after", open_files());
    assert!(open_files() <= before, "{before} files were open before");
}

async fn run(
    numbers: std::ops::Range<u64>,
    remote: &Arc<Remote>,
    plugins: &Arc<Vec<Plugin>>,
    packages: &Arc<Vec<(Bytes, String)>>,
) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let mut calls = JoinSet::new();
    for number in numbers {
        let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (remote, plugins, packages) = (remote.clone(), plugins.clone(), packages.clone());
        calls.spawn(async move {
            let _permit = permit;
            call(number, &remote, &plugins, &packages).await;
        });
        while let Some(result) = calls.try_join_next() {
            result.expect("the result matches what is stored");
        }
    }
    calls.join_all().await;
}

/// Makes a random upload, and in half of the cases a GET after it.
async fn call(number: u64, remote: &Remote, plugins: &[Plugin], packages: &[(Bytes, String)]) {
    let mut random = Rng::with_seed(number);
    let service = format!("call{number}x");
    for _ in 0..random.usize(..3) {
        remote.send(&format!("{} {service}", random_cases::fault_number(&mut random))).await;
    }
    let (package, sent) = &packages[random.usize(..packages.len())];
    let plugin = &plugins[random.usize(..plugins.len())];
    let target = ServiceVersion::new(&service, 1).expect("a target");
    let content = random_cases::content(&mut random, package);
    let result = plugin.put_package(&target, content, random_cases::options(&mut random)).await;
    let state = remote.send(&service).await;
    let (uploads, stored) = match state.split_once(' ') {
        Some((uploads, stored)) => (uploads, Some(stored)),
        None => (state.as_str(), None),
    };
    random_cases::assert_consistent(&result, sent, uploads.parse().expect("a number"), stored);
    if random.bool()
        && let Ok(reply) = plugin.get_package(&target).await
    {
        let metadata = reply.package.metadata.expect("the emulator sends metadata");
        assert_eq!(metadata.hashsum.as_deref(), stored, "{service}");
    }
}

#[derive(Debug, Clone, Copy)]
struct Usage {
    /// The resident set size, in KiB.
    memory: u64,
    files: usize,
}

fn report(calls: u64) -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let memory = memory.trim().trim_end_matches(" kB").parse().expect("a number");
    let files = open_files();
    println!("{calls:>7} {memory:>8} KiB {files:>10}");
    Usage { memory, files }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}
