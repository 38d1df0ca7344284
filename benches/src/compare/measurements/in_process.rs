//! Measurements within one process: the library against the native client.

use super::{Table, Target};
use crate::process::{self, interleave, median, peaks};
use crate::report::Unit;
use Target::{AtLeast, AtMost};
use anyhow::Result;

impl Table<'_> {
    pub(super) fn calls(&mut self) -> Result<()> {
        let setup = self.setup;
        for (concurrency, count) in [(1, 2000), (64, 8000)] {
            let seconds = |client: &str| {
                let mut command = setup.calls(client, "1k");
                command.args(["--concurrency", &concurrency.to_string()]);
                command.args([
                    "--count",
                    &count.to_string(),
                    "--warm-up",
                    &(count / 10).to_string(),
                ]);
                Ok(process::number(&mut command)?.0)
            };
            let measured =
                interleave(setup.rounds, &[&|| seconds("plugin"), &|| seconds("native")])?;
            let (plugin, native) = (&measured[0], &measured[1]);
            if concurrency == 1 {
                let name = "`Plugin::get_package`, sequential, time : native client";
                self.push(name, plugin, native, AtMost(1.5));
            } else {
                let name = format!(
                    "`Plugin::get_package`, {concurrency} concurrent, calls per second : native client"
                );
                self.push(&name, native, plugin, AtLeast(0.3));
            }
        }
        Ok(())
    }

    pub(super) fn uploads(&mut self) -> Result<()> {
        let setup = self.setup;
        let package = setup.package("10m")?;
        let put = |client: &str, concurrency: usize, flags: &[&str]| {
            let mut command = setup.calls(client, "10m");
            let concurrency = concurrency.to_string();
            command.arg("--package").arg(&package.path).args(flags);
            process::number(command.args(["--concurrency", &concurrency, "--count", &concurrency]))
        };
        let measured = interleave(
            setup.rounds,
            &[
                &|| put("plugin", 64, &[]),
                &|| put("native", 64, &[]),
                &|| put("plugin", 64, &["--verify"]),
                &|| put("native", 64, &["--verify"]),
                &|| put("plugin", 1, &["--verify"]),
            ],
        )?;
        let seconds =
            |index: usize| -> Vec<f64> { measured[index].iter().map(|it| it.0).collect() };
        let peak = |index: usize| median(&peaks(measured[index].iter().map(|(_, run)| run)));
        let name = "64 concurrent uploads of 10 MiB, throughput : native client";
        self.push(name, &seconds(1), &seconds(0), AtLeast(0.9));
        let name = "64 concurrent uploads of 10 MiB, hashed, throughput : hashing native client";
        self.push(name, &seconds(3), &seconds(2), AtLeast(0.9));
        let additional = (peak(0).max(peak(2)) - peak(4)) / 63.0;
        self.absolute(
            "memory per additional concurrent upload, of 64",
            additional,
            Unit::MiB,
            AtMost(2.0),
        );
        Ok(())
    }
}
