//! The lines of `get --targets`.

use fastly_package::Plugin;
use fastly_package_command::targets::{Line, Lines};
use futures::{Stream, stream};
use std::fs::File;
use std::future::pending;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// The number of lines that are read ahead.
const READ_AHEAD: usize = 64;

/// Reads the lines of a file or of stdin, until the plugin's deadline. A thread waits for them.
pub(super) fn lines(path: PathBuf, plugin: &Plugin) -> impl Stream<Item = Line> {
    let mut receiver = Some(spawn_reader(path));
    let mut elapsed = Box::pin(plugin.run_until_deadline(pending::<()>()));
    stream::poll_fn(move |context| {
        let Some(lines) = &mut receiver else { return Poll::Ready(None) };
        if elapsed.as_mut().poll(context).is_pending() {
            return lines.poll_recv(context);
        }
        let is_at_end = matches!(lines.try_recv(), Err(TryRecvError::Disconnected));
        receiver = None;
        Poll::Ready((!is_at_end).then_some(Line::TimedOut))
    })
}

fn spawn_reader(path: PathBuf) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        // An error means that the receiver is gone, and nobody waits for more lines.
        let _ = match open(&path) {
            Ok(reader) => Lines::new(&path, reader).try_for_each(|line| sender.blocking_send(line)),
            Err(error) => sender.blocking_send(Line::unreadable(&path, error)),
        };
    });
    receiver
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    Ok(match path == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path)?),
    })
}
