//! `demo`: uploads a package to an emulated API and gets it back, as the real commands would.

use super::session::{Limit, Session};
use crate::cli::Demo;
use crate::records::failed;
use fastly_package::{Content, PutOptions, Token};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Config, Emulator};
use fastly_package_words::args::Connection;
use fastly_package_words::failure::{Failure, Kind, Operation, TokenSource};
use fastly_package_words::report::Report;

const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
const VERSION: u32 = 1;
const TOKEN: &str = "demo-token";
const SAMPLE_SIZE: u64 = 5_000_000;

pub(crate) async fn run(args: &Demo, report: Report) -> Result<(), Failure> {
    let config = Config { token: Some(TOKEN.into()), ..Config::default() };
    let emulator = Emulator::start(config)
        .await
        .map_err(|error| Failure::Local("can't start the emulator".into(), error))?;
    let (content, name) = match &args.package {
        Some(path) => (Content::open(path).await, path.display().to_string()),
        None => {
            let sample = SampleOptions { size: Some(SAMPLE_SIZE), ..SampleOptions::default() };
            (Content::from_bytes(sample::package(sample)), "sample.tar.gz".to_owned())
        }
    };
    let session = |kind| {
        let operation = Operation::new(kind, SERVICE, VERSION, &TokenSource::Demo);
        let connection = Connection {
            api: emulator.url(),
            token_file: None,
            timeout: None,
            retries: 0,
            ca_cert: None,
        };
        let token = Token::new(TOKEN).map_err(|error| failed(&operation, &error))?;
        Session::open(&connection, token, operation, Limit::new(None), report)
    };
    report.say(&format!("Fastly's API, emulated on {}\n", emulator.url()));
    let put = session(Kind::Put)?;
    let content = content.map_err(|error| put.failed(error))?;
    let target = format!("--service-id {SERVICE} --version {VERSION}");
    report.say(&format!("$ fastly-package put {target} --package {name}"));
    report.uploaded(&put.upload(content, PutOptions::default(), report).await?)?;
    report.say(&format!("\n$ fastly-package get {target}"));
    session(Kind::Get)?.get(report).await?;
    report.say(
        "\nWith a token and a service of your own, the same for real:\n\n  \
         export FASTLY_API_TOKEN=…   # made at https://manage.fastly.com/account/personal/tokens\n  \
         fastly-package put --service-id ID --version N --package pkg/app.tar.gz\n  \
         fastly-package get --service-id ID --version N",
    );
    emulator.shutdown().await;
    Ok(())
}
