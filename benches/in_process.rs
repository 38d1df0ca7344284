//! Benchmarks within one process: loading, instantiation, whole calls and those of a native client, framing and decoding.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastly_package::{ErrorKind, Plugin, ServiceVersion, Token};
use fastly_package_benches::native::Native;
use fastly_package_benches::sink::{Responses, serve};
use fastly_package_guest::internals;
use std::hint::black_box;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const TOKEN: &str = "a-token-of-32-characters-or-so-00";
const RESPONSE: &str = include_str!("../tests/fixtures/get-200.json");

/// Starts a sink on its own thread and returns its address.
fn start_sink() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let responses = Responses::new([("service".to_owned(), 1, String::new())]);
            let listener = TcpListener::from_std(listener).expect("a listener");
            serve(listener, None, responses.expect("a response")).await;
        });
    });
    address
}

fn plugin(api: &str, user_agent: &str) -> Plugin {
    let token = Token::new(TOKEN).expect("a token");
    let builder = Plugin::builder().token(token).api(api.parse().expect("a URL"));
    let pool_size = NonZeroU32::new(500).expect("not zero");
    builder.user_agent(user_agent).pooling_allocator(pool_size).build().expect("a plugin")
}

fn calls(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let api = format!("http://{}", start_sink());
    let target = ServiceVersion::new("service", 1).expect("a version");
    criterion.bench_function("load the component", |bencher| {
        bencher.iter(|| plugin(&api, "bench"));
    });
    // The component rejects the header before it sends anything.
    let invalid = plugin(&api, "not\na header");
    criterion.bench_function("a call that the component rejects", |bencher| {
        bencher.iter(|| {
            let error = runtime.block_on(invalid.get_package(&target)).expect_err("an error");
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        });
    });
    let mut group = criterion.benchmark_group("get");
    let (plugin, native) = (plugin(&api, "bench"), Native::new(&api, TOKEN));
    group.bench_function("plugin", |bencher| {
        bencher.iter(|| runtime.block_on(plugin.get_package(&target)).expect("a response"));
    });
    group.bench_function("native client", |bencher| {
        bencher.iter(|| runtime.block_on(native.get("service")).expect("a response"));
    });
}

/// Benchmarks the component's code, compiled natively.
fn component(criterion: &mut Criterion) {
    criterion.bench_function("frame a package", |bencher| {
        bencher.iter(|| internals::frame(black_box(&[7; 16]), black_box(Some("app.tar.gz"))));
    });
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("component", |bencher| {
        bencher.iter(|| {
            let reply = internals::decode(200, Vec::new(), black_box(RESPONSE).into());
            assert!(reply.is_ok());
        });
    });
    group.bench_function("native client", |bencher| {
        bencher.iter(|| {
            serde_json::from_str::<fastly_package_benches::native::PackageResponse>(black_box(
                RESPONSE,
            ))
            .expect("a package")
        });
    });
}

criterion_group!(in_process, calls, component);
criterion_main!(in_process);
