//! The emulator's form reader, whose result must not depend on how the form is split. The input is a line with the content type, a line in
//! which each byte is the size of a chunk, and the form.

#![no_main]

use fastly_package_emulator::fuzzing::read_form;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (Some(content_type), Some(sizes), Some(form)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let Ok(content_type) = str::from_utf8(content_type) else { return };
    let whole = read_form(content_type, &[form]);
    assert_eq!(read_form(content_type, &split(form, sizes)), whole);
    assert_eq!(read_form(content_type, &split(form, &[1])), whole);
});

/// Splits a form into chunks of these sizes, which are repeated.
fn split<'a>(mut form: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut chunks = Vec::new();
    while !form.is_empty() {
        let size = sizes.next().unwrap_or(usize::MAX).min(form.len());
        let (chunk, rest) = form.split_at(size);
        chunks.push(chunk);
        form = rest;
    }
    chunks
}
