//! Runs a command on a pseudo-terminal, so that it shows its progress.

use crate::process::{self, Run};
use anyhow::{Context, Result, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

/// Runs a command whose stderr is a terminal. Fails if the command writes nothing to it.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&controller)?;
    unlockpt(&controller)?;
    let name = ptsname(&controller, Vec::new())?;
    let terminal =
        File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
    tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })?;
    let mut output = File::from(controller);
    let reading = std::thread::spawn(move || {
        let mut written = 0;
        let mut buffer = [0; 4096];
        // Reading fails once the other end is closed.
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            written += read;
        }
        written
    });
    command.env("TERM", "xterm-256color").stdout(Stdio::null()).stderr(terminal);
    let (run, _) = process::finish(command)?;
    // `Command` keeps the other end open for another run.
    command.stderr(Stdio::null());
    let written = reading.join().ok().context("the reading thread panicked")?;
    ensure!(written > 0, "the command wrote nothing to the terminal");
    Ok(run)
}
