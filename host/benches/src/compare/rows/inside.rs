//! What is measured within one process: the library beside the native client.

use super::{Table, Target};
use crate::process::{self, in_turn, median, peaks};
use crate::report::Unit;
use Target::{AtLeast, AtMost};
use anyhow::Result;

impl Table<'_> {
    pub(super) fn calls(&mut self) -> Result<()> {
        let setup = self.setup;
        for (at_a_time, count) in [(1, 2000), (64, 8000)] {
            let took = |client: &str| {
                let mut command = setup.calls(client, "1k");
                command.args(["--at-a-time", &at_a_time.to_string()]);
                command.args([
                    "--count",
                    &count.to_string(),
                    "--warm-up",
                    &(count / 10).to_string(),
                ]);
                Ok(process::number(&mut command)?.0)
            };
            let taken = in_turn(setup.rounds, &[&|| took("plugin"), &|| took("native")])?;
            let (plugin, native) = (&taken[0], &taken[1]);
            if at_a_time == 1 {
                let what = "`Plugin::get_package`, one after the other, time : native client";
                self.push(what, plugin, native, AtMost(1.5));
            } else {
                let what = format!(
                    "`Plugin::get_package`, {at_a_time} at a time, calls a second : native client"
                );
                self.push(&what, native, plugin, AtLeast(0.3));
            }
        }
        Ok(())
    }

    pub(super) fn uploads(&mut self) -> Result<()> {
        let setup = self.setup;
        let package = setup.package("10m")?;
        let put = |client: &str, at_a_time: usize, flags: &[&str]| {
            let mut command = setup.calls(client, "10m");
            let at_a_time = at_a_time.to_string();
            command.arg("--package").arg(&package.path).args(flags);
            process::number(command.args(["--at-a-time", &at_a_time, "--count", &at_a_time]))
        };
        let taken = in_turn(
            setup.rounds,
            &[
                &|| put("plugin", 64, &[]),
                &|| put("native", 64, &[]),
                &|| put("plugin", 64, &["--verify"]),
                &|| put("native", 64, &["--verify"]),
                &|| put("plugin", 1, &["--verify"]),
            ],
        )?;
        let seconds = |index: usize| -> Vec<f64> { taken[index].iter().map(|it| it.0).collect() };
        let peak = |index: usize| median(&peaks(taken[index].iter().map(|(_, run)| run)));
        let what = "64 uploads of 10 MiB at a time, bytes a second : native client";
        self.push(what, &seconds(1), &seconds(0), AtLeast(0.9));
        let what =
            "64 uploads of 10 MiB at a time, hashed, bytes a second : native client that hashes";
        self.push(what, &seconds(3), &seconds(2), AtLeast(0.9));
        let more = (peak(0).max(peak(2)) - peak(4)) / 63.0;
        self.absolute(
            "memory of each of 64 uploads at a time beyond the first",
            more,
            Unit::MiB,
            AtMost(2.0),
        );
        Ok(())
    }
}
