//! `demo`: uploads a package to an emulator and gets it back.

use crate::cli::Demo;
use crate::native::Native;
use fastly_package::{Content, PutOptions};
use fastly_package_command::contract::ServiceVersion;
use fastly_package_command::error::{CommandError, ErrorContext};
use fastly_package_command::get;
use fastly_package_command::platform::Platform;
use fastly_package_command::report::Report;
use fastly_package_core::target::Operation;
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Config, Emulator};

const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
const VERSION: u32 = 1;
const TOKEN: &str = "demo-token";
const SAMPLE_SIZE: u64 = 5_000_000;

pub(crate) async fn run(args: &Demo, report: Report) -> Result<(), CommandError> {
    let config = Config { token: Some(TOKEN.into()), ..Config::default() };
    let emulator = Emulator::start(config)
        .await
        .map_err(|error| CommandError::Io("can't start the emulator".into(), error))?;
    let (content, name) = match &args.package {
        Some(path) => (Content::open(path).await, path.display().to_string()),
        None => {
            let sample = SampleOptions { size: Some(SAMPLE_SIZE), ..SampleOptions::default() };
            (Content::from_bytes(sample::package(sample)), "sample.tar.gz".to_owned())
        }
    };
    let native = Native::demo(&emulator.url(), TOKEN, report)?;
    let target = ServiceVersion { service_id: SERVICE.into(), version_id: VERSION };
    let put = ErrorContext::new(Operation::PutPackage, target.clone(), native.token_source())?;
    report.message(&format!("Emulated Fastly API on {}\n", emulator.url()));
    let content = content.map_err(|error| put.error(error.into()))?;
    let flags = format!("--service-id {SERVICE} --version {VERSION}");
    report.message(&format!("$ fastly-package put {flags} --package {name}"));
    let size = content.size();
    let uploaded = native.upload(content, PutOptions::default(), put).await.result?;
    report.uploaded(&uploaded, size)?;
    report.message(&format!("\n$ fastly-package get {flags}"));
    report.reply(&get::get(&native, target).await?)?;
    report.message(
        "\nWith a token and a service of your own:\n\n  \
         export FASTLY_API_TOKEN=…   # create one at https://manage.fastly.com/account/personal/tokens\n  \
         fastly-package put --service-id ID --version N --package pkg/app.tar.gz\n  \
         fastly-package get --service-id ID --version N",
    );
    emulator.shutdown().await;
    Ok(())
}
