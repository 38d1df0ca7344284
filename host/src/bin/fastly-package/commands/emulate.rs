//! `emulate`: serves an emulation of the API.

use crate::cli::Emulate;
use fastly_package_emulator::{Config, Emulator, RecordedRequest};
use fastly_package_words::failure::Failure;
use fastly_package_words::report::{Report, printable};

pub(crate) async fn run(args: &Emulate, report: Report) -> Result<(), Failure> {
    let config = Config { listen: args.listen, token: args.token.clone(), ..Config::default() };
    let emulator = Emulator::start(config)
        .await
        .map_err(|error| Failure::Local(format!("can't listen on {}", args.listen), error))?;
    report.line(&emulator.url())?;
    let token = match &args.token {
        Some(_) => "the one of --token",
        None => "any",
    };
    report.say(&format!(
        "Emulating Fastly's API until Ctrl-C. Every service and version exists; the token is {token}. Elsewhere:\n\n  \
         export FASTLY_API_ENDPOINT={} FASTLY_API_TOKEN=…\n  \
         fastly-package put --service-id demo --version 1 --package pkg/app.tar.gz\n",
        emulator.url()
    ));
    if !args.listen.ip().is_loopback() {
        report.warn("others on the network can reach it, in plain text");
    }
    emulator.on_request(move |request| report.say(&line(request)));
    let ended = tokio::signal::ctrl_c().await;
    emulator.shutdown().await;
    ended.map_err(|error| Failure::Local("can't wait for Ctrl-C".into(), error))
}

fn line(request: &RecordedRequest) -> String {
    let status = request.status.map_or("no answer".to_owned(), |status| status.to_string());
    let sent = match request.body_bytes {
        0 => String::new(),
        bytes => format!(", {bytes} bytes received"),
    };
    printable(&format!("{} {}: {status}{sent}", request.method, request.path))
}
