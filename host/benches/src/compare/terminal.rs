//! A terminal of its own for a command, so that it shows what it shows to people.

use crate::process::{self, Run};
use anyhow::{Context, Result, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

/// Runs a command whose stderr is a terminal. What it shows there must be something.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })?;
    let mut screen = File::from(ours);
    let reading = std::thread::spawn(move || {
        let mut shown = 0;
        let mut buffer = [0; 4096];
        // Reading fails once nobody has the other end any more.
        while let Ok(read @ 1..) = screen.read(&mut buffer) {
            shown += read;
        }
        shown
    });
    command.env("TERM", "xterm-256color").stdout(Stdio::null()).stderr(theirs);
    let (run, _) = process::finish(command)?;
    // The command holds the other end too, for another run.
    command.stderr(Stdio::null());
    let shown = reading.join().ok().context("the terminal broke")?;
    ensure!(shown > 0, "nothing was shown on the terminal");
    Ok(run)
}
