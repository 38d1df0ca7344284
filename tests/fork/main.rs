//! A plugin that was used before a fork: its time limits apply in the forked process. A separate process, because it forks.

#![cfg_attr(not(unix), expect(dead_code, unused_imports, reason = "only Unix forks"))]

use fastly_package::{
    ErrorKind, Limits, Plugin, Retries, ServiceVersion, TimeoutPhase, Timeouts, Token,
};
use fastly_package_emulator::{Config, Emulator, Fault};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

mod programs {
    #![expect(dead_code, reason = "the other programs are for other tests")]
    include!(concat!(env!("OUT_DIR"), "/programs.rs"));
}

const SHORT: Duration = Duration::from_millis(500);
/// The time in seconds after which a process that hangs is killed.
const HANGS: u32 = 60;

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Makes a call that computes forever, and one that waits forever, and asserts that both are stopped.
fn assert_limited(computes: &Plugin, waits: &Plugin) {
    let target = ServiceVersion::new("service", 1).unwrap();
    current_thread().block_on(async {
        let error = computes.get_package(&target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Component, "{error:?}");
        assert!(error.to_string().contains("computed for longer than"), "{error}");
        let error = waits.get_package(&target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Response), "{error:?}");
    });
}

#[cfg(unix)]
fn main() {
    let server = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let emulator = server.block_on(Emulator::start(Config::default())).unwrap();
    // A forked process can't tell the emulator anything: the faults are set before.
    emulator.fault(Fault::never_answer().every_time());
    let builder = || {
        let token = Token::new("t0ken-of-the-tests").unwrap();
        let limits = Limits { compute: SHORT, ..Limits::default() };
        let timeouts = Timeouts { response: SHORT, ..Timeouts::default() };
        let plugin = Plugin::builder().token(token).api(emulator.url().parse().unwrap());
        plugin.no_proxy().limits(limits).timeouts(timeouts).retries(Retries::none())
    };
    // SAFETY: the build script compiled the program with the same wasmtime and engine configuration as the crate under test.
    let computes = unsafe { builder().precompiled_component(programs::ENDLESS_LOOP) };
    let (computes, waits) = (computes.build().unwrap(), builder().build().unwrap());
    assert_limited(&computes, &waits);

    // SAFETY: the child uses no lock that another thread of the parent can hold: those threads serve the emulator.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: it only sets a timer of this process.
            unsafe { libc::alarm(HANGS) };
            assert_limited(&computes, &waits);
            std::process::exit(0);
        }
        child => {
            let mut status = -1;
            // SAFETY: the pointer is to a local variable.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert!(libc::WIFEXITED(status), "the forked process hung");
            assert_eq!(libc::WEXITSTATUS(status), 0, "an assertion failed in the forked process");
        }
    }
    println!("time limits apply after a fork");
}

#[cfg(not(unix))]
fn main() {}
