//! What is measured, and the targets.

mod inside;

use crate::process::{self, Run, in_turn, median, peaks, quantile};
use crate::report::{Row, Target, Unit};
use crate::setup::Setup;
use crate::terminal;
use Target::AtMost;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Measures what has `only` in its name, or everything.
pub(crate) fn measure(setup: &Setup, only: Option<&str>) -> Result<Vec<Row>> {
    let mut table = Table { setup, rows: Vec::new(), peaks: Vec::new() };
    let parts: [Part; 9] = [
        ("put 99 MB", Table::put_99_mb),
        ("put shown", Table::put_shown),
        ("put 1 GiB", Table::put_1_gib),
        ("put TLS", Table::put_tls),
        ("put 1 KiB", Table::put_1_kib),
        ("get", Table::get),
        ("calls", Table::calls),
        ("uploads", Table::uploads),
        ("sizes", Table::sizes),
    ];
    let matches = |name: &str| only.is_none_or(|text| name.contains(text));
    let names = parts.map(|(name, _)| name);
    ensure!(
        names.iter().any(|name| matches(name)),
        "no part has that in its name: {}",
        names.join(", ")
    );
    for (name, part) in parts {
        if matches(name) {
            let before = table.rows.len();
            part(&mut table)?;
            // Shown as they come: the whole takes minutes.
            table.rows[before..].iter().for_each(|row| eprintln!("{}", row.line()));
        }
    }
    if only.is_none() {
        table.memory()?;
        table.build()?;
    }
    Ok(table.rows)
}

struct Table<'a> {
    setup: &'a Setup,
    rows: Vec<Row>,
    /// The peak memory of the command in each thing that it did over http, in MiB: TLS has its own, and the roots.
    peaks: Vec<f64>,
}

type Part<'a> = (&'static str, fn(&mut Table<'a>) -> Result<()>);

/// What of a run is compared.
#[derive(Clone, Copy)]
enum Of {
    Wall,
    Cpu,
}

impl Table<'_> {
    fn put_99_mb(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("99m")?;
        let put = |flags: &[&str]| setup.our_put(api, package, flags);
        let [bare, plain, curl, hashed, hash, native] = runs(
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
        self.ratio("`put --no-verify` 99 MB : `curl -F`", Of::Wall, &bare, &curl, AtMost(1.0));
        self.ratio("`put --no-verify` 99 MB : `curl -F`", Of::Cpu, &bare, &curl, AtMost(1.0));
        self.ratio(
            "`put --no-verify` 99 MB : native client",
            Of::Wall,
            &bare,
            &native,
            Target::None,
        );
        self.ratio(
            "`put` 99 MB : `curl -F`, then `sha512sum`",
            Of::Wall,
            &plain,
            &hashed,
            AtMost(0.75),
        );
        self.ratio("`put` 99 MB : `curl -F`", Of::Wall, &plain, &curl, Target::None);
        self.ratio("`put` 99 MB : `sha512sum` alone", Of::Wall, &plain, &hash, Target::None);
        self.command_memory("`put` 99 MB", api, &[bare, plain].concat());
        self.memory_of("`curl -F` 99 MB", &curl, Target::None);
        Ok(())
    }

    /// More runs than of others: what is looked for is less than what one differs from the next.
    fn put_shown(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("99m")?;
        let put = |flags: &[&str]| setup.our_put(api, package, flags);
        let [plain, shown, traced] = runs(
            4 * setup.rounds,
            [&|| process::run(&mut put(&[])), &|| terminal::run(&mut put(&[])), &|| {
                terminal::run(&mut put(&["-v"]))
            }],
        )?;
        self.ratio(
            "`put` 99 MB with the progress shown : without",
            Of::Wall,
            &shown,
            &plain,
            AtMost(1.03),
        );
        self.ratio(
            "`put -v` 99 MB, traced, progress shown : `put`",
            Of::Wall,
            &traced,
            &plain,
            AtMost(1.03),
        );
        Ok(())
    }

    fn put_1_gib(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("1g")?;
        let [bare, curl] = runs(
            setup.rounds.div_ceil(3),
            [&|| process::run(&mut setup.our_put(api, package, &["--no-verify"])), &|| {
                process::run(&mut setup.curl_put(api, package))
            }],
        )?;
        self.ratio("`put --no-verify` 1 GiB : `curl -F`", Of::Wall, &bare, &curl, AtMost(1.0));
        self.ratio("`put --no-verify` 1 GiB : `curl -F`", Of::Cpu, &bare, &curl, AtMost(1.0));
        self.command_memory("`put` 1 GiB", api, &bare);
        Ok(())
    }

    fn put_tls(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.https);
        let package = setup.package("99m")?;
        let [bare, plain, curl] = runs(
            setup.rounds,
            [
                &|| process::run(&mut setup.our_put(api, package, &["--no-verify"])),
                &|| process::run(&mut setup.our_put(api, package, &[])),
                &|| process::run(&mut setup.curl_put(api, package)),
            ],
        )?;
        self.ratio("`put --no-verify` 99 MB, TLS : `curl -F`", Of::Wall, &bare, &curl, AtMost(0.9));
        self.ratio("`put` 99 MB, TLS : `curl -F`", Of::Wall, &plain, &curl, Target::None);
        self.command_memory("`put` 99 MB, TLS", api, &[bare, plain].concat());
        Ok(())
    }

    fn put_1_kib(&mut self) -> Result<()> {
        let (setup, api) = (self.setup, &self.setup.sink.http);
        let package = setup.package("1k")?;
        let [plain, curl] = runs(
            setup.rounds,
            [&|| process::run(&mut setup.our_put(api, package, &[])), &|| {
                process::run(&mut setup.curl_put(api, package))
            }],
        )?;
        self.ratio("`put` 1 KiB : `curl -F`", Of::Wall, &plain, &curl, Target::None);
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
                [&|| process::run(&mut setup.our_get(api, "1k")), &|| {
                    process::run(&mut setup.curl_get(api, "1k"))
                }],
            )?;
            self.ratio(&format!("{name} : curl"), Of::Wall, &ours, &curl, AtMost(limit));
            self.command_memory(name, api, &ours);
        }
        Ok(())
    }

    fn sizes(&mut self) -> Result<()> {
        let component = fastly_package::COMPONENT.len() as f64;
        self.absolute("the component", component / 1e3, Unit::Kilobytes, AtMost(128.0));
        let command = std::fs::metadata(&self.setup.command)?.len() as f64;
        self.absolute("the command", command / 1e6, Unit::Megabytes, AtMost(10.0));
        Ok(())
    }

    fn memory(&mut self) -> Result<()> {
        let most = self.peaks.iter().copied().fold(0.0, f64::max);
        let least = self.peaks.iter().copied().fold(f64::INFINITY, f64::min);
        // What the kernel says of a process includes what its parent had when it started it.
        let floor = median(&peaks([&process::run(&mut Command::new("true"))?]));
        ensure!(
            floor < least,
            "the command's memory doesn't show beside this program's, {floor} MiB"
        );
        let what = "peak memory over http: between the most and the least of the command's";
        self.absolute(what, most - least, Unit::MiB, AtMost(2.0));
        Ok(())
    }

    /// A build with nothing built before.
    fn build(&mut self) -> Result<()> {
        let folder = tempfile::tempdir_in(self.setup.folder())?;
        eprintln!("building the command from nothing: minutes");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]);
        cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        cargo.arg("--target-dir").arg(folder.path());
        // As it is typed, not as cargo set it for this program.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME" {
                cargo.env_remove(name);
            }
        }
        let (run, _) = process::finish(&mut cargo)?;
        self.absolute(
            "a clean release build",
            run.wall.as_secs_f64() / 60.0,
            Unit::Minutes,
            AtMost(6.0),
        );
        Ok(())
    }

    fn ratio(&mut self, what: &str, of: Of, ours: &[Run], theirs: &[Run], target: Target) {
        let (name, pick): (_, fn(&Run) -> f64) = match of {
            Of::Wall => ("time", |run| run.wall.as_secs_f64()),
            Of::Cpu => ("CPU", |run| run.cpu.as_secs_f64()),
        };
        let values = |runs: &[Run]| runs.iter().map(pick).collect::<Vec<_>>();
        self.push(&format!("{what}, {name}"), &values(ours), &values(theirs), target);
    }

    /// The memory of the command.
    fn command_memory(&mut self, what: &str, api: &str, runs: &[Run]) {
        if api == self.setup.sink.http {
            self.peaks.push(median(&peaks(runs)));
        }
        self.memory_of(what, runs, AtMost(16.0));
    }

    fn memory_of(&mut self, what: &str, runs: &[Run], target: Target) {
        let peaks = peaks(runs);
        self.rows.push(Row {
            what: format!("peak memory: {what}"),
            seen: median(&peaks),
            spread: Some((quantile(&peaks, 0.25), quantile(&peaks, 0.75))),
            unit: Unit::MiB,
            target,
        });
    }

    /// The ratio of two medians.
    fn push(&mut self, what: &str, above: &[f64], below: &[f64], target: Target) {
        let each: Vec<f64> = above.iter().zip(below).map(|(above, below)| above / below).collect();
        self.rows.push(Row {
            what: what.to_owned(),
            seen: median(above) / median(below),
            spread: Some((quantile(&each, 0.25), quantile(&each, 0.75))),
            unit: Unit::Ratio,
            target,
        });
    }

    fn absolute(&mut self, what: &str, seen: f64, unit: Unit, target: Target) {
        self.rows.push(Row { what: what.to_owned(), seen, spread: None, unit, target });
    }
}

fn runs<const N: usize>(
    rounds: usize,
    programs: [&dyn Fn() -> Result<Run>; N],
) -> Result<[Vec<Run>; N]> {
    in_turn(rounds, &programs)?.try_into().ok().context("one for each")
}
