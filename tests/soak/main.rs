//! Many calls with faults mixed in, and what they leave behind: no more memory, no more open files, and every result right.
//!
//! `SOAK_CALLS` says how many (default 2,000). The emulator runs in a process of its own, this program once more, so that what is
//! measured is the plugin alone.

#[path = "../all/drawn.rs"]
mod drawn;

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

const AT_A_TIME: usize = 32;
const TOKEN: &str = "t0ken-of-the-soak";
/// What may come and go with buffers and kept connections, in KiB.
const SLACK: u64 = 16 * 1024;

fn main() {
    // Without libtest's harness, its arguments are for nobody; with a filter, other tests are meant.
    let others_are_meant =
        std::env::args().skip(1).any(|it| !it.starts_with('-') || it == "--list");
    if others_are_meant || !cfg!(target_os = "linux") {
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

/// Obeys lines: `FAULT SERVICE` queues a fault, `SERVICE` asks what is stored.
async fn emulate() {
    // A write limit is for people, not for this.
    let config =
        Config { token: Some(TOKEN.into()), writes_per_hour: u32::MAX, ..Config::default() };
    let emulator = Emulator::start(config).await.expect("an emulator");
    println!("{}", emulator.url());
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("a line");
            let answer = match line.split_once(' ') {
                Some((fault, service)) => {
                    emulator.fault(drawn::fault(fault.parse().expect("a number"), service));
                    "queued".to_owned()
                }
                None => match emulator.package(&line, 1) {
                    Some(stored) => format!("{} {}", stored.uploads, stored.hashsum()),
                    None => "0".to_owned(),
                },
            };
            println!("{answer}");
            std::io::stdout().flush().expect("somebody reads");
        }
    })
    .await
    .expect("it ends with its input");
}

/// The emulator in the other process.
struct Remote(Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>);

impl Remote {
    async fn ask(&self, question: &str) -> String {
        let mut pipes = self.0.lock().await;
        pipes.0.write_all(format!("{question}\n").as_bytes()).await.expect("it reads");
        pipes.1.next_line().await.expect("it answers").expect("a line")
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
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let url = lines.next_line().await.expect("a line").expect("its address");
    let remote = Arc::new(Remote(Mutex::new((child.stdin.take().expect("a pipe"), lines))));
    let builder = || {
        let token = Token::new(TOKEN).expect("a token");
        Plugin::builder().token(token).api(url.parse().expect("a URL")).no_proxy()
    };
    // The first one of a process brings what all share, which stays.
    drop(builder().build().expect("a plugin"));
    let before = open_files();
    let plugins = Arc::new(drawn::plugins(builder));
    let packages: Arc<Vec<(Bytes, String)>> =
        Arc::new((0..40).map(|seed| drawn::package(&mut Rng::with_seed(seed))).collect());

    println!("{:>7} {:>12} {:>10}", "calls", "memory", "open files");
    // The first calls fill what is kept: buffers, connections, threads.
    let warm_up = calls.min(500);
    run(0..warm_up, &remote, &plugins, &packages).await;
    let start = report(warm_up);
    run(warm_up..calls / 2, &remote, &plugins, &packages).await;
    let middle = report(calls / 2);
    run(calls / 2..calls, &remote, &plugins, &packages).await;
    let end = report(calls);
    for later in [middle, end] {
        assert!(later.memory <= start.memory + SLACK, "memory grows: {start:?} {later:?}");
        // Each plugin keeps no more connections than were in use.
        let most = before + plugins.len() * AT_A_TIME;
        assert!(later.files <= most, "open files grow: {start:?} {later:?}");
    }
    drop(plugins);
    // Connections close in tasks of their own.
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
    let running = Arc::new(Semaphore::new(AT_A_TIME));
    let mut calls = JoinSet::new();
    for number in numbers {
        let running = running.clone().acquire_owned().await.expect("it is never closed");
        let (remote, plugins, packages) = (remote.clone(), plugins.clone(), packages.clone());
        calls.spawn(async move {
            let _running = running;
            call(number, &remote, &plugins, &packages).await;
        });
        while let Some(ended) = calls.try_join_next() {
            ended.expect("a result that is right");
        }
    }
    calls.join_all().await;
}

/// A drawn upload, and in half of the cases a GET after it.
async fn call(number: u64, remote: &Remote, plugins: &[Plugin], packages: &[(Bytes, String)]) {
    let mut random = Rng::with_seed(number);
    let service = format!("call{number}x");
    for _ in 0..random.usize(..3) {
        remote.ask(&format!("{} {service}", drawn::draw(&mut random))).await;
    }
    let (package, sent) = &packages[random.usize(..packages.len())];
    let plugin = &plugins[random.usize(..plugins.len())];
    let target = ServiceVersion::new(&service, 1).expect("a target");
    let content = drawn::content(&mut random, package);
    let result = plugin.put_package(&target, content, drawn::options(&mut random)).await;
    let answer = remote.ask(&service).await;
    let (uploads, stored) = match answer.split_once(' ') {
        Some((uploads, stored)) => (uploads, Some(stored)),
        None => (answer.as_str(), None),
    };
    drawn::assert_true(&result, sent, uploads.parse().expect("a number"), stored);
    if random.bool() {
        let got = plugin.get_package(&target).await;
        if let Ok(reply) = got {
            let metadata = reply.package.metadata.expect("an emulated package has metadata");
            assert_eq!(metadata.hashsum.as_deref(), stored, "{service}");
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Usage {
    /// Resident, in KiB.
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
