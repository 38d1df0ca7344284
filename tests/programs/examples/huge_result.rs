//! Returns a list of four thousand texts of 16 MiB each, which are all the same piece of its memory.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let text = "x".repeat(16 * 1024 * 1024).leak();
    // SAFETY: none. Freeing them would free one piece of memory four thousand times, in a sandbox that is thrown away.
    let mut alias = || unsafe { String::from_raw_parts(text.as_mut_ptr(), text.len(), text.len()) };
    let authors = (0..4000).map(|_| alias()).collect();
    let mut reply = made_up(String::new());
    reply.package.metadata = Some(PackageMetadata {
        name: None,
        description: None,
        authors: Some(authors),
        language: None,
        size: None,
        hashsum: None,
        files_hash: None,
        cloned_from: None,
        wasm_metadata: None,
    });
    Ok(reply)
}

on_get!(get);
