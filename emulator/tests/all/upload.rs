use std::io::Write;

use fastly_package_emulator::{Config, sample};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use sha2::{Digest, Sha512};

use crate::client::*;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Returns a tar.gz of files with these names. A leading `./` is kept, which `tar` would remove.
fn archive_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    gzip(&builder.into_inner().unwrap())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

const MANIFEST: &[u8] = b"name = \"app\"\n";

#[tokio::test]
async fn the_hashes_of_an_upload_cover_its_bytes_and_its_files() {
    let emulator = start().await;
    let package = archive_of(&[
        ("app/fastly.toml", MANIFEST),
        ("app/src/main.rs", b"fn main() {}"),
        ("app/bin/main.wasm", b"old"),
        ("app/bin/main.wasm", b"\0asm\x01\0\0\0"),
    ]);
    let metadata = ask(&emulator, &put(&package)).await.json()["metadata"].clone();
    let contents = [b"\0asm\x01\0\0\0".as_slice(), MANIFEST, b"fn main() {}"].concat();
    assert_eq!(metadata["files_hash"], hex(&Sha512::digest(contents)));
    assert_eq!(metadata["hashsum"], hex(&Sha512::digest(&package)));
    assert_eq!(metadata["size"], package.len());
    assert_eq!(metadata["description"], json!(null));
    assert_eq!(metadata["wasm_metadata"], json!({}));
}

#[tokio::test]
async fn an_invalid_package_is_refused_as_recorded_and_not_stored() {
    let whole = package();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("not gzip", b"\0asm\x01\0\0\0".to_vec()),
        ("not tar", gzip(&[b'x'; 2000])),
        ("an empty tar", archive_of(&[])),
        ("no manifest", archive_of(&[("app/bin/main.wasm", b"")])),
        ("no module", archive_of(&[("app/fastly.toml", MANIFEST)])),
        ("no top", archive_of(&[("./fastly.toml", MANIFEST), ("./bin/main.wasm", b"")])),
        ("bad TOML", archive_of(&[("a/fastly.toml", b"name ="), ("a/bin/main.wasm", b"")])),
        ("cut in the trailer", whole[..whole.len() - 3].to_vec()),
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
    ];
    for (case, upload) in cases {
        let emulator = start().await;
        let reply = ask(&emulator, &put(&upload)).await;
        let recorded =
            json!({"msg": "Bad request", "detail": "Failed to extract metadata from package"});
        assert_eq!((reply.status, reply.json()), (400, recorded), "{case}");
        assert_eq!(emulator.package(SERVICE, 3), None, "{case}");
        let sha512 = emulator.requests()[0].package().unwrap().sha512.clone();
        assert_eq!(sha512, Some(hex(&Sha512::digest(&upload))), "{case}");
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_refused_at_the_limit() {
    let emulator = start_with(Config { max_unpacked_bytes: 1_000_000, ..Config::default() }).await;
    let bomb = archive_of(&[("a/fastly.toml", MANIFEST), ("a/bin/main.wasm", &vec![0; 2_000_000])]);
    assert_eq!(ask(&emulator, &put(&bomb)).await.status, 400);
}

#[tokio::test]
async fn a_package_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not() {
    for (size, status) in [(5_000, 200), (5_001, 413)] {
        let emulator = start_with(Config { max_package_bytes: 5_000, ..Config::default() }).await;
        let reply = ask(&emulator, &put(&package_of(size))).await;
        assert_eq!(
            (reply.status, reply.header("Content-Type")),
            (status, Some("application/json"))
        );
    }
}

#[tokio::test]
async fn a_configured_limit_above_that_of_the_api_applies() {
    let config = Config { max_package_bytes: 101_000_000, ..Config::default() };
    let emulator = start_with(config).await;
    let reply = ask(&emulator, &put(&package_of(100_000_001))).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_chunked_upload_is_stored_and_recorded_without_a_length() {
    let emulator = start().await;
    let package = package_of(100_000);
    let head = String::from_utf8(put_head(0, "")).unwrap();
    let head = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let mut client = Client::connect(&emulator).await;
    client.send(head.as_bytes()).await;
    for chunk in form(&package).chunks(30_000) {
        client.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        client.send(chunk).await;
        client.send(b"\r\n").await;
    }
    client.send(b"0\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 200);
    client.send(&get(TARGET)).await;
    assert_eq!(client.reply().await.json()["metadata"]["size"], 100_000);
    let requests = within(emulator.wait_for_requests(2)).await;
    assert_eq!(requests[0].content_length, None);
    assert!(requests[0].body_complete && requests[0].body_bytes > 100_000);
    assert_eq!(requests[1].head, get(TARGET));
}

#[tokio::test]
async fn a_request_that_is_not_a_form_is_refused_before_its_body_is_read() {
    let emulator = start().await;
    for replacement in ["X-Other: ", "Content-Type: application/gzip; was="] {
        let head = String::from_utf8(put_head(5, "")).unwrap();
        let head = head.replace("Content-Type: multipart/form-data; boundary=", replacement);
        assert_eq!(ask(&emulator, head.as_bytes()).await.status, 415, "{replacement}");
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_read_or_has_other_parts_is_refused() {
    let part = |name: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n")
    };
    let end = format!("--{BOUNDARY}--\r\n");
    let bodies = [
        "no boundary at all".to_owned(),
        format!("--{BOUNDARY}\r\nno head\r\n\r\n{end}"),
        part("package"),
        end.clone(),
        [part("file"), end.clone()].concat(),
        [part("package"), part("package"), end.clone()].concat(),
        [part("package"), part("more"), end].concat(),
    ];
    for body in bodies {
        let emulator = start().await;
        let reply =
            ask(&emulator, &[put_head(body.len(), ""), body.clone().into_bytes()].concat()).await;
        assert_eq!(
            (reply.status, reply.json()["msg"].as_str()),
            (400, Some("Bad request")),
            "{body}"
        );
    }
    let whole = form(&package());
    let cut = &whole[..whole.len() - "--\r\n".len()];
    let reply = ask(&start().await, &[&put_head(cut.len(), ""), cut].concat()).await;
    assert_eq!(reply.status, 400, "the last boundary is incomplete");
    let head = String::from_utf8(put_head(0, "")).unwrap().replace("; boundary=boundary", "");
    assert_eq!(ask(&start().await, head.as_bytes()).await.status, 400);
}

#[tokio::test]
async fn an_incomplete_upload_is_not_stored() {
    let emulator = start().await;
    let upload = put(&package());
    let mut client = Client::connect(&emulator).await;
    client.send(&upload[..upload.len() - 1]).await;
    client.finish().await;
    let (response, _) = client.rest().await;
    assert_eq!(response, b"");
    let request = within(emulator.connection_ended(0)).await;
    assert!(!request.body_complete);
    assert_eq!(request.status, None);
    assert_eq!(emulator.package(SERVICE, 3), None);
}

#[tokio::test]
async fn an_upload_of_99_000_000_bytes_is_stored() {
    let emulator = start().await;
    let options =
        sample::SampleOptions { size: Some(99_000_000), unsorted: true, ..Default::default() };
    let mut package = Vec::new();
    sample::write(&options, &mut package).unwrap();
    let metadata = ask(&emulator, &put(&package)).await.json()["metadata"].clone();
    assert_eq!(metadata["size"], 99_000_000);
    assert_eq!(metadata["hashsum"], hex(&Sha512::digest(&package)));
}
