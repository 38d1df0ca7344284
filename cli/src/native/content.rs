//! The package of `put`.

use fastly_package::{Content, ContentError, Result, SIZE_LIMIT};
use fastly_package_command::args::Put;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

/// Opens the package. Stdin and a FIFO, whose length is not known, are copied to a temporary file first.
pub(super) async fn open(args: &Put) -> Result<Content> {
    if !args.is_from_stdin() {
        let metadata = std::fs::metadata(&args.package);
        if !metadata.is_ok_and(|it| it.file_type().is_fifo()) {
            return Content::open(&args.package).await;
        }
        let path = args.package.clone();
        let open = move || File::open(&path).map_err(|error| ContentError::Open(path, error));
        return spool(open, args.force).await;
    }
    if let Some(size) = args.size {
        return Content::from_reader(tokio::io::stdin(), size);
    }
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(ContentError::Read)?;
    let file = File::from(stdin);
    match file.metadata() {
        // It is redirected from a file, whose length is known.
        Ok(metadata) if metadata.is_file() => Content::from_file(file),
        Ok(metadata) if metadata.is_dir() => Err(ContentError::NotAFile("-".into()).into()),
        _ => spool(move || Ok(file), args.force).await,
    }
}

/// Copies a stream to a temporary file, which has no name and so is always removed. Without `force`, the API's size limit applies.
async fn spool(
    open: impl FnOnce() -> Result<File, ContentError> + Send + 'static,
    force: bool,
) -> Result<Content> {
    let limit = if force { u64::MAX } else { SIZE_LIMIT };
    let copying = tokio::task::spawn_blocking(move || {
        let mut copy = tempfile::tempfile()?;
        let source = open().map_err(io::Error::other)?;
        let length = io::copy(&mut source.take(limit.saturating_add(1)), &mut copy)?;
        copy.rewind()?;
        io::Result::Ok((copy, length))
    });
    let copied = copying.await.map_err(io::Error::other).flatten();
    let (copy, length) = copied.map_err(ContentError::Read)?;
    if length > limit {
        return Err(ContentError::TooLarge { limit }.into());
    }
    Content::from_file(copy)
}
