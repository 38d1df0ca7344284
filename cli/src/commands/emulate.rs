//! `emulate`: serves an emulation of the API.

use crate::cli::Emulate;
use fastly_package_command::error::CommandError;
use fastly_package_command::report::{Report, printable};
use fastly_package_emulator::{Config, Emulator, RecordedRequest};

pub(crate) async fn run(args: &Emulate, report: Report) -> Result<(), CommandError> {
    let config = Config { listen: args.listen, token: args.token.clone(), ..Config::default() };
    let emulator = Emulator::start(config)
        .await
        .map_err(|error| CommandError::Io(format!("can't listen on {}", args.listen), error))?;
    report.line(&emulator.url())?;
    let token = match &args.token {
        Some(_) => "the token must be that of --token",
        None => "any token is accepted",
    };
    report.message(&format!(
        "Emulating Fastly's API until Ctrl-C. Every service and version exists; {token}. In another shell:\n\n  \
         export FASTLY_API_ENDPOINT={} FASTLY_API_TOKEN=…\n  \
         fastly-package put --service-id demo --version 1 --package pkg/app.tar.gz\n",
        emulator.url()
    ));
    if !args.listen.ip().is_loopback() {
        report.warn("the emulator is reachable by other machines, without encryption");
    }
    emulator.on_request(move |request| report.message(&line(request)));
    let ended = tokio::signal::ctrl_c().await;
    emulator.shutdown().await;
    ended.map_err(|error| CommandError::Io("can't handle signals".into(), error))
}

fn line(request: &RecordedRequest) -> String {
    let status = request.status.map_or("no response".to_owned(), |status| status.to_string());
    let sent = match request.body_bytes {
        0 => String::new(),
        bytes => format!(", {bytes} bytes received"),
    };
    printable(&format!("{} {}: {status}{sent}", request.method, request.path))
}
