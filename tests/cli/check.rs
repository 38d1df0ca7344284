use crate::command::{Fixture, TARGET, assert_golden, package, sha512};
use fastly_package_emulator::sample::{self, SampleOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

const MANIFEST: &[u8] = b"manifest_version = 3\nname = \"app\"\nlanguage = \"rust\"\n";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Set directly, because the builder would normalize it.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn check_describes_a_package_and_its_problems() {
    let fixture = Fixture::start().await;
    let packed_on_macos = [
        ("app/fastly.toml", MANIFEST),
        ("app/bin/main.wasm", MODULE),
        ("app/.DS_Store", b"x"),
        ("app/._fastly.toml", b"x"),
        ("app/fastly.toml", MANIFEST),
        ("README", b"x"),
    ];
    for (name, code, package) in [
        ("good", 0, package()),
        // As `tar -C dir -czf app.tar.gz .` packs it.
        ("dot", 6, archive(&[("./fastly.toml", MANIFEST), ("./bin/main.wasm", MODULE)])),
        ("odd", 0, archive(&packed_on_macos)),
        ("no-wasm", 6, archive(&[("app/fastly.toml", MANIFEST)])),
        ("no-manifest", 6, archive(&[("app/main.wasm", MODULE)])),
        (
            "manifest",
            6,
            archive(&[("app/fastly.toml", b"name = \n"), ("app/bin/main.wasm", MODULE)]),
        ),
        ("not-wasm", 6, archive(&[("app/fastly.toml", MANIFEST), ("app/bin/main.wasm", &[0; 30])])),
        ("bare-wasm", 6, MODULE.to_vec()),
        ("cut", 6, package()[..200].to_vec()),
        ("not-tar", 6, archive(&[])[..20].to_vec()),
    ] {
        fixture.write("app.tar.gz", &package);
        let output = fixture.run(["check", "app.tar.gz"]).await;
        assert_eq!(output.code, Some(code), "{name}: {output:?}");
        assert_golden(
            &format!("check-{name}.txt"),
            &format!("{}\n{}", output.stdout, output.stderr),
        );
        let quiet = fixture.run(["check", "-q", "app.tar.gz"]).await;
        assert_eq!((quiet.code, quiet.stdout.as_str()), (Some(code), ""));
        assert_eq!(quiet.stderr.is_empty(), code == 0, "{}", quiet.stderr);
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn check_prints_one_object_with_the_same_values_as_the_api() {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(300_000), unsorted: true, ..SampleOptions::default() };
    fixture.write("app.tar.gz", &sample::package(options));
    let output = fixture.run(["check", "--json", "app.tar.gz"]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let checked: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(checked["ok"], true);
    assert_eq!(checked["wasm"]["format"], "module");
    let uploaded = fixture.put("app.tar.gz", &["--json"]).await;
    let uploaded: Value = serde_json::from_str(&uploaded.stdout).unwrap();
    for field in ["size", "hashsum", "files_hash"] {
        assert_eq!(checked[field], uploaded["metadata"][field], "{field}");
    }
    // The emulator and `check` share a package reader, so the test reads the package with another one.
    let bytes = std::fs::read(fixture.path("app.tar.gz")).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut files = std::collections::BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path_bytes().into_owned(), content);
    }
    let contents = files.into_values().collect::<Vec<_>>().concat();
    assert_eq!(checked["files_hash"], sha512(&contents));
    assert_eq!(checked["hashsum"], sha512(&bytes));
    fixture.write("dot.tar.gz", &archive(&[("./fastly.toml", MANIFEST)]));
    let output = fixture.run(["check", "--json", "dot.tar.gz"]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(6), ""));
    let checked: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(checked["ok"], false);
    assert_eq!(checked["findings"][0]["severity"], "error");
    assert!(checked["findings"][0]["hint"].is_string());
}

#[tokio::test]
async fn a_package_that_cannot_be_read_exits_with_6_and_a_hint() {
    let fixture = Fixture::start().await;
    for (file, expected) in [("missing.tar.gz", "No such file"), (".", "not a file")] {
        for json in [&[][..], &["--json"]] {
            let output = fixture.run([&["check", file], json].concat()).await;
            assert_eq!(output.code, Some(6), "{output:?}");
            assert!(output.stderr.contains(expected), "{}", output.stderr);
            assert!(output.stderr.contains("hint: "), "{}", output.stderr);
        }
    }
}

#[tokio::test]
async fn a_package_that_the_api_rejects_is_checked() {
    let fixture = Fixture::start().await;
    fixture
        .write("app.tar.gz", &archive(&[("./fastly.toml", MANIFEST), ("./bin/main.wasm", MODULE)]));
    let output = fixture.put("app.tar.gz", &["--json"]).await;
    assert_eq!(output.code, Some(3));
    assert_golden("put-400-dot.txt", &output.stderr);
    let printed: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(printed["error"]["findings"][0]["severity"], "error");
    assert_eq!(fixture.emulator.package(TARGET[1], 3), None);
}

#[tokio::test]
async fn checking_a_gibibyte_takes_constant_memory() {
    const LIMIT: u64 = 24 * 1024;
    let fixture = Fixture::start().await;
    let file = std::fs::File::create(fixture.path("app.tar.gz")).unwrap();
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    let mut append = |name: &str, size: u64, content: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content).unwrap();
    };
    append("app/z", 1 << 30, &mut std::io::repeat(7).take(1 << 30));
    append("app/fastly.toml", MANIFEST.len() as u64, &mut &*MANIFEST);
    append("app/bin/main.wasm", MODULE.len() as u64, &mut &*MODULE);
    tar.into_inner().unwrap().finish().unwrap().flush().unwrap();
    let mut command = fixture.command(["check", "app.tar.gz"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let proc_status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    // Polled, since the kernel's high-water mark disappears with the process.
    let code = loop {
        let status = std::fs::read_to_string(&proc_status).unwrap_or_default();
        if let Some(mark) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            peak = mark.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
        }
        if let Ok(status) = tokio::time::timeout(Duration::from_millis(20), child.wait()).await {
            break status.unwrap().code();
        }
    };
    assert_eq!(code, Some(0));
    assert!((1..=LIMIT).contains(&peak), "{peak} KiB");
}
