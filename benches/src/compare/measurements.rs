//! The measurements and their targets.

mod in_process;

use crate::process::{self, Run, interleave, median, peaks, quantile};
use crate::report::{Row, Target, Unit};
use crate::setup::Setup;
use crate::terminal;
use Target::AtMost;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Runs the groups whose name contains `only`, or all.
pub(crate) fn measure(setup: &Setup, only: Option<&str>) -> Result<Vec<Row>> {
    let mut table = Table { setup, rows: Vec::new(), peaks: Vec::new() };
    let groups: [Group; 9] = [
        ("put 99 MB", Table::put_99_mb),
        ("put progress", Table::put_progress),
        ("put 1 GiB", Table::put_1_gib),
        ("put TLS", Table::put_tls),
        ("put 1 KiB", Table::put_1_kib),
        ("get", Table::get),
        ("calls", Table::calls),
        ("uploads", Table::uploads),
        ("sizes", Table::sizes),
    ];
    let matches = |name: &str| only.is_none_or(|text| name.contains(text));
    let names = groups.map(|(name, _)| name);
    ensure!(
        names.iter().any(|name| matches(name)),
        "no group has a name that contains this: {}",
        names.join(", ")
    );
    for (name, group) in groups {
        if matches(name) {
            let before = table.rows.len();
            group(&mut table)?;
            // Printed as they complete: the whole table takes minutes.
            table.rows[before..].iter().for_each(|row| eprintln!("{}", row.line()));
        }
    }
    if only.is_none() {
        table.memory_range()?;
        table.clean_build()?;
    }
    Ok(table.rows)
}

struct Table<'a> {
    setup: &'a Setup,
    rows: Vec<Row>,
    /// The peak memory of the command in each measurement over HTTP, in MiB. Over HTTPS, TLS and the root certificates add to it.
    peaks: Vec<f64>,
}

type Group<'a> = (&'static str, fn(&mut Table<'a>) -> Result<()>);

/// The metric of a run to compare.
#[derive(Clone, Copy)]
enum Metric {
    Wall,
    Cpu,
}

impl Table<'_> {
    fn put_99_mb(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("99m")?;
        let put = |flags: &[&str]| setup.put_command(api, package, flags);
        let [unverified, plain, curl, hashed, hash, native] = runs(
            setup.rounds,
            [
                &|| process::run(&mut put(&["--no-verify"])),
                &|| process::run(&mut put(&[])),
                &|| process::run(&mut setup.curl_put(api, package)),
                &|| process::run(&mut setup.curl_put_then_hash(api, package)),
                &|| process::run(&mut setup.hash(package)),
                &|| process::run(setup.calls("native", "99m").arg("--package").arg(&package.path)),
            ],
        )?;
        self.ratio(
            "`put --no-verify` 99 MB : `curl -F`",
            Metric::Wall,
            &unverified,
            &curl,
            AtMost(1.0),
        );
        self.ratio(
            "`put --no-verify` 99 MB : `curl -F`",
            Metric::Cpu,
            &unverified,
            &curl,
            AtMost(1.0),
        );
        self.ratio(
            "`put --no-verify` 99 MB : native client",
            Metric::Wall,
            &unverified,
            &native,
            Target::None,
        );
        self.ratio(
            "`put` 99 MB : `curl -F`, then `sha512sum`",
            Metric::Wall,
            &plain,
            &hashed,
            AtMost(0.75),
        );
        self.ratio("`put` 99 MB : `curl -F`", Metric::Wall, &plain, &curl, Target::None);
        self.ratio("`put` 99 MB : `sha512sum` alone", Metric::Wall, &plain, &hash, Target::None);
        self.command_memory("`put` 99 MB", api, &[unverified, plain].concat());
        self.memory_of("`curl -F` 99 MB", &curl, Target::None);
        Ok(())
    }

    /// Takes more rounds than the other measurements, since the difference to detect is smaller than the variance.
    fn put_progress(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("99m")?;
        let put = |flags: &[&str]| setup.put_command(api, package, flags);
        let [plain, progress, traced] = runs(
            4 * setup.rounds,
            [&|| process::run(&mut put(&[])), &|| terminal::run(&mut put(&[])), &|| {
                terminal::run(&mut put(&["-v"]))
            }],
        )?;
        self.ratio(
            "`put` 99 MB with progress : without",
            Metric::Wall,
            &progress,
            &plain,
            AtMost(1.03),
        );
        self.ratio(
            "`put -v` 99 MB with progress and tracing : `put`",
            Metric::Wall,
            &traced,
            &plain,
            AtMost(1.03),
        );
        Ok(())
    }

    fn put_1_gib(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("1g")?;
        let [unverified, curl] = runs(
            setup.rounds.div_ceil(3),
            [&|| process::run(&mut setup.put_command(api, package, &["--no-verify"])), &|| {
                process::run(&mut setup.curl_put(api, package))
            }],
        )?;
        self.ratio(
            "`put --no-verify` 1 GiB : `curl -F`",
            Metric::Wall,
            &unverified,
            &curl,
            AtMost(1.0),
        );
        self.ratio(
            "`put --no-verify` 1 GiB : `curl -F`",
            Metric::Cpu,
            &unverified,
            &curl,
            AtMost(1.0),
        );
        self.command_memory("`put` 1 GiB", api, &unverified);
        Ok(())
    }

    fn put_tls(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.https);
        let package = setup.package("99m")?;
        let [unverified, plain, curl] = runs(
            setup.rounds,
            [
                &|| process::run(&mut setup.put_command(api, package, &["--no-verify"])),
                &|| process::run(&mut setup.put_command(api, package, &[])),
                &|| process::run(&mut setup.curl_put(api, package)),
            ],
        )?;
        self.ratio(
            "`put --no-verify` 99 MB, TLS : `curl -F`",
            Metric::Wall,
            &unverified,
            &curl,
            AtMost(0.9),
        );
        self.ratio("`put` 99 MB, TLS : `curl -F`", Metric::Wall, &plain, &curl, Target::None);
        self.command_memory("`put` 99 MB, TLS", api, &[unverified, plain].concat());
        Ok(())
    }

    fn put_1_kib(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("1k")?;
        let [plain, curl] = runs(
            setup.rounds,
            [&|| process::run(&mut setup.put_command(api, package, &[])), &|| {
                process::run(&mut setup.curl_put(api, package))
            }],
        )?;
        self.ratio("`put` 1 KiB : `curl -F`", Metric::Wall, &plain, &curl, Target::None);
        self.command_memory("`put` 1 KiB", api, &plain);
        Ok(())
    }

    fn get(&mut self) -> Result<()> {
        let setup = self.setup;
        for (name, api, limit) in
            [("`get`", &setup.sink.http, 0.5), ("`get`, https", &setup.sink.https, 0.35)]
        {
            let [ours, curl] = runs(
                2 * setup.rounds,
                [&|| process::run(&mut setup.get_command(api, "1k")), &|| {
                    process::run(&mut setup.curl_get(api, "1k"))
                }],
            )?;
            self.ratio(&format!("{name} : curl"), Metric::Wall, &ours, &curl, AtMost(limit));
            self.command_memory(name, api, &ours);
        }
        Ok(())
    }

    fn sizes(&mut self) -> Result<()> {
        let component = fastly_package::COMPONENT.len() as f64;
        self.absolute("size of the component", component / 1e3, Unit::Kilobytes, AtMost(128.0));
        let command = std::fs::metadata(&self.setup.command)?.len() as f64;
        self.absolute("size of the command", command / 1e6, Unit::Megabytes, AtMost(10.0));
        Ok(())
    }

    fn memory_range(&mut self) -> Result<()> {
        let max = self.peaks.iter().copied().fold(0.0, f64::max);
        let min = self.peaks.iter().copied().fold(f64::INFINITY, f64::min);
        // The kernel's figure for a process includes the memory of its parent at the time of the fork.
        let floor = median(&peaks([&process::run(&mut Command::new("true"))?]));
        ensure!(
            floor < min,
            "the command uses less memory than this program, {floor} MiB, which hides it"
        );
        let name = "peak memory of the command over HTTP: maximum minus minimum";
        self.absolute(name, max - min, Unit::MiB, AtMost(2.0));
        Ok(())
    }

    /// Measures a release build from scratch.
    fn clean_build(&mut self) -> Result<()> {
        let dir = tempfile::tempdir_in(self.setup.dir())?;
        eprintln!("building the command from scratch, which takes minutes");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]);
        cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        cargo.arg("--target-dir").arg(dir.path());
        // Without the variables that cargo set for this program.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME" {
                cargo.env_remove(name);
            }
        }
        let (run, _) = process::finish(&mut cargo)?;
        self.absolute(
            "clean release build",
            run.wall.as_secs_f64() / 60.0,
            Unit::Minutes,
            AtMost(6.0),
        );
        Ok(())
    }

    fn ratio(&mut self, name: &str, metric: Metric, ours: &[Run], theirs: &[Run], target: Target) {
        let (unit, value): (_, fn(&Run) -> f64) = match metric {
            Metric::Wall => ("time", |run| run.wall.as_secs_f64()),
            Metric::Cpu => ("CPU", |run| run.cpu.as_secs_f64()),
        };
        let values = |runs: &[Run]| runs.iter().map(value).collect::<Vec<_>>();
        self.push(&format!("{name}, {unit}"), &values(ours), &values(theirs), target);
    }

    /// Adds the peak memory of the command.
    fn command_memory(&mut self, name: &str, api: &str, runs: &[Run]) {
        if api == self.setup.sink.http {
            self.peaks.push(median(&peaks(runs)));
        }
        self.memory_of(name, runs, AtMost(16.0));
    }

    fn memory_of(&mut self, name: &str, runs: &[Run], target: Target) {
        let peaks = peaks(runs);
        self.rows.push(Row {
            name: format!("peak memory: {name}"),
            result: median(&peaks),
            quartiles: Some((quantile(&peaks, 0.25), quantile(&peaks, 0.75))),
            unit: Unit::MiB,
            target,
        });
    }

    /// Adds the ratio of two medians.
    fn push(&mut self, name: &str, above: &[f64], below: &[f64], target: Target) {
        let ratios: Vec<f64> =
            above.iter().zip(below).map(|(above, below)| above / below).collect();
        self.rows.push(Row {
            name: name.to_owned(),
            result: median(above) / median(below),
            quartiles: Some((quantile(&ratios, 0.25), quantile(&ratios, 0.75))),
            unit: Unit::Ratio,
            target,
        });
    }

    fn absolute(&mut self, name: &str, result: f64, unit: Unit, target: Target) {
        self.rows.push(Row { name: name.to_owned(), result, quartiles: None, unit, target });
    }
}

fn runs<const N: usize>(
    rounds: usize,
    programs: [&dyn Fn() -> Result<Run>; N],
) -> Result<[Vec<Run>; N]> {
    interleave(rounds, &programs)?.try_into().ok().context("one result per program")
}
