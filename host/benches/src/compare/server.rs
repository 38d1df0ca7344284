//! The sink in a process of its own: what it takes of time and memory is nobody else's.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fastly_package_benches::package::Package;
use fastly_package_benches::sink::{Answers, certificate, serve};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpListener;

#[derive(Args)]
pub(crate) struct Sink {
    /// Where to write the certificate that signed the sink's own.
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
                _ => bail!("{package} isn't NAME:SIZE:SHA512"),
            }
        });
        let answers = Answers::new(packages.collect::<Result<Vec<_>>>()?)?;
        let (config, ca) = certificate()?;
        std::fs::write(&self.ca, ca)?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let plain = TcpListener::bind("127.0.0.1:0").await?;
            let tls = TcpListener::bind("127.0.0.1:0").await?;
            println!("http://{}", plain.local_addr()?);
            println!("https://localhost:{}", tls.local_addr()?.port());
            std::io::stdout().flush()?;
            tokio::spawn(serve(plain, None, answers.clone()));
            tokio::spawn(serve(tls, Some(config), answers));
            let ended =
                tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
            ended.await?.map(drop).context("can't wait for the end")
        })?;
        runtime.shutdown_background();
        Ok(())
    }
}

/// A sink that runs until this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) http: String,
    pub(crate) https: String,
}

impl Running {
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
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut line =
            || lines.next().context("the sink doesn't run")?.context("can't hear the sink");
        let (http, https) = (line()?, line()?);
        ensure!(http.starts_with("http://"), "the sink says {http}");
        Ok(Self { child, http, https })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
