//! The sink as a separate process, so that its time and memory don't count as another program's.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fastly_package_benches::package::Package;
use fastly_package_benches::sink::{Responses, certificate, serve};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpListener;

#[derive(Args)]
pub(crate) struct Sink {
    /// The file to write the sink's CA certificate to.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// `NAME:SIZE:SHA512` of each package.
    packages: Vec<String>,
}

impl Sink {
    pub(crate) fn run(&self) -> Result<()> {
        let packages = self.packages.iter().map(|package| {
            let mut parts = package.split(':');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(name), Some(size), Some(hash)) => {
                    Ok((name.to_owned(), size.parse()?, hash.to_owned()))
                }
                _ => bail!("{package} is not of the form NAME:SIZE:SHA512"),
            }
        });
        let responses = Responses::new(packages.collect::<Result<Vec<_>>>()?)?;
        let (config, ca) = certificate()?;
        std::fs::write(&self.ca, ca)?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let plain = TcpListener::bind("127.0.0.1:0").await?;
            let tls = TcpListener::bind("127.0.0.1:0").await?;
            println!("http://{}", plain.local_addr()?);
            println!("https://localhost:{}", tls.local_addr()?.port());
            std::io::stdout().flush()?;
            tokio::spawn(serve(plain, None, responses.clone()));
            tokio::spawn(serve(tls, Some(config), responses));
            let ended =
                tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
            ended.await?.map(drop).context("can't read standard input")
        })?;
        runtime.shutdown_background();
        Ok(())
    }
}

/// A running sink. Dropping it ends the process.
pub(crate) struct SinkProcess {
    child: Child,
    pub(crate) http: String,
    pub(crate) https: String,
}

impl SinkProcess {
    pub(crate) fn start(ca: &Path, packages: &[Package]) -> Result<Self> {
        let packages =
            packages.iter().map(|it| format!("{}:{}:{}", it.service, it.size, it.sha512));
        let mut child = Command::new(std::env::current_exe()?)
            .args(["sink", "--ca"])
            .arg(ca)
            .args(packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout is not piped")?).lines();
        let mut line =
            || lines.next().context("the sink did not start")?.context("can't read from the sink");
        let (http, https) = (line()?, line()?);
        ensure!(http.starts_with("http://"), "the sink printed {http}");
        Ok(Self { child, http, https })
    }
}

impl Drop for SinkProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
