//! Returns a list of 4,000 strings of 16 MiB each, which all share the same memory.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let text = "x".repeat(16 * 1024 * 1024).leak();
    // SAFETY: unsound. Dropping the strings would free the same memory 4,000 times, in a sandbox that is discarded.
    let mut alias = || unsafe { String::from_raw_parts(text.as_mut_ptr(), text.len(), text.len()) };
    let authors = (0..4000).map(|_| alias()).collect();
    let mut reply = fake_reply(String::new());
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
