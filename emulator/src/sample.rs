//! Makes valid packages of any size, for tests and demonstrations. The same options result in the same bytes.

mod gzip;
mod wasm;

use std::io::{self, Write};

use gzip::Gzip;

/// Options of a package.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// Exact length of the `.tar.gz`, in bytes. Default `None`: the smallest possible, about 400 bytes.
    pub size: Option<u64>,
    /// Seed of the random payload. Packages of the same size differ if their seeds do. Default 0.
    pub seed: u64,
    /// `name` in `fastly.toml`. Default `sample-package`.
    pub name: String,
    /// `cloned_from` in `fastly.toml`. Default `None`.
    pub cloned_from: Option<String>,
    /// Whether `fastly.toml` comes before `bin/main.wasm`, so that the entries aren't sorted by name. Default `false`.
    pub unsorted: bool,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self {
            size: None,
            seed: 0,
            name: "sample-package".into(),
            cloned_from: None,
            unsorted: false,
        }
    }
}

/// Returns a package.
///
/// # Panics
///
/// If no package with these options is as small as the requested size.
pub fn package(options: SampleOptions) -> Vec<u8> {
    let mut package = Vec::new();
    write(&options, &mut package).expect("a package of this size");
    package
}

/// Writes a package, and returns its length in bytes. Memory use is constant.
///
/// # Errors
///
/// If writing fails, and with [`io::ErrorKind::InvalidInput`] if no package with these options is as small as the requested size.
pub fn write(options: &SampleOptions, writer: impl Write) -> io::Result<u64> {
    let (payload, comment) = match options.size {
        None => (0, 0),
        Some(size) => fit(options, size)?,
    };
    let (before, after) = around(options, payload)?;
    let mut gzip = Gzip::start(writer, comment)?;
    gzip.deflated(&before, false)?;
    gzip.stored(payload, Noise(options.seed))?;
    gzip.deflated(&after, true)?;
    gzip.finish()
}

/// Returns the lengths of payload and gzip comment for a size. The payload's length changes the compressed length of the tar headers by some
/// bytes, and the comment compensates for them.
fn fit(options: &SampleOptions, size: u64) -> io::Result<(u64, u64)> {
    let length = |payload: u64| -> io::Result<u64> {
        let (before, after) = around(options, payload)?;
        Gzip::<io::Sink>::length(&before, payload, &after)
    };
    let mut payload = size;
    loop {
        let excess = length(payload)?.saturating_sub(size);
        if excess == 0 {
            return Ok((payload, size - length(payload)?));
        }
        payload = payload.checked_sub(excess).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("no package is as small as {size} bytes"),
            )
        })?;
    }
}

/// Returns the tar before and after the payload, which is the end of `bin/main.wasm`.
fn around(options: &SampleOptions, payload: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let manifest = manifest(options);
    let module = wasm::module_before_payload(payload)?;
    let wasm_size = module.len() as u64 + payload;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    if options.unsorted {
        entry(&mut before, "fastly.toml", manifest.len() as u64)?;
        content(&mut before, &manifest);
    }
    entry(&mut before, "bin/main.wasm", wasm_size)?;
    before.extend(&module);
    after.resize(padding(wasm_size), 0);
    if !options.unsorted {
        entry(&mut after, "fastly.toml", manifest.len() as u64)?;
        content(&mut after, &manifest);
    }
    // Two empty blocks end a tar.
    after.resize(after.len() + 1024, 0);
    Ok((before, after))
}

fn manifest(options: &SampleOptions) -> Vec<u8> {
    let mut manifest = toml::Table::new();
    manifest.insert("manifest_version".into(), 3.into());
    manifest.insert("name".into(), options.name.clone().into());
    manifest.insert("description".into(), "A package made for a test.".into());
    manifest.insert("authors".into(), vec!["<oss@example.com>"].into());
    manifest.insert("language".into(), "rust".into());
    if let Some(cloned_from) = &options.cloned_from {
        manifest.insert("cloned_from".into(), cloned_from.clone().into());
    }
    manifest.to_string().into_bytes()
}

fn entry(tar: &mut Vec<u8>, name: &str, size: u64) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("sample-package/{name}"))?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    Ok(())
}

fn content(tar: &mut Vec<u8>, content: &[u8]) {
    tar.extend_from_slice(content);
    tar.resize(tar.len() + padding(content.len() as u64), 0);
}

/// Returns the number of zeros after a content, up to a whole block.
fn padding(size: u64) -> usize {
    (size.next_multiple_of(512) - size) as usize
}

/// Random bytes, which don't compress (SplitMix64).
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut value = self.0;
            value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            piece.copy_from_slice(&(value ^ (value >> 31)).to_le_bytes()[..piece.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_archive::{CheckReport, ReadLimits, check};
    use std::io::Cursor;

    fn read(package: &[u8]) -> CheckReport {
        check(&mut Cursor::new(package), ReadLimits::default()).unwrap()
    }

    fn sized(size: u64) -> SampleOptions {
        SampleOptions { size: Some(size), ..SampleOptions::default() }
    }

    #[test]
    fn a_sample_is_a_valid_package_of_exactly_the_requested_size() {
        for size in [1024, 1025, 4096, 65_535, 65_536, 70_000, 131_072, 1_000_000, 1_000_001] {
            let package = package(sized(size));
            assert_eq!(package.len() as u64, size);
            let report = read(&package);
            assert_eq!(report.findings, []);
            assert_eq!((report.size, report.files), (size, 2));
            let by = ("fastly-package-emulator".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
            assert_eq!(report.wasm.unwrap().producers, [("processed-by".to_owned(), vec![by])]);
        }
    }

    #[test]
    fn a_sample_of_99_000_000_bytes_streams_into_a_file() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(write(&sized(99_000_000), &mut file).unwrap(), 99_000_000);
        assert_eq!(file.metadata().unwrap().len(), 99_000_000);
    }

    #[test]
    fn the_same_options_result_in_the_same_bytes_and_another_seed_in_others() {
        assert_eq!(package(sized(5000)), package(sized(5000)));
        assert_ne!(package(sized(5000)), package(SampleOptions { seed: 1, ..sized(5000) }));
    }

    #[test]
    fn the_order_of_the_entries_changes_the_bytes_but_not_the_files_hash() {
        let sorted = read(&package(SampleOptions::default()));
        let unsorted = SampleOptions { unsorted: true, ..SampleOptions::default() };
        let unsorted = read(&package(unsorted));
        assert_ne!(sorted.hashsum, unsorted.hashsum);
        assert_eq!(sorted.files_hash, unsorted.files_hash);
    }

    #[test]
    fn a_size_that_is_too_small_is_refused() {
        let error = write(&sized(100), io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
