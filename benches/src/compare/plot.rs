//! Plots of time and memory by package size and by concurrency.

use crate::process::{self, Run, interleave, median, peaks};
use crate::setup::Setup;
use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

/// The runs of each program per point.
const ROUNDS: usize = 5;
const CONCURRENCIES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// The calls per measurement of [`CONCURRENCIES`].
const CALLS: usize = 4000;

/// A program's line in both charts of a plot.
struct Line {
    name: &'static str,
    /// The size or concurrency, the time or rate, and the memory.
    points: Vec<(f64, f64, f64)>,
}

/// Measures, and writes `bytes.svg` and `calls.svg` into a directory.
pub(crate) fn write(setup: &Setup, dir: &Path) -> Result<()> {
    eprintln!("measuring for the plots");
    let by_size = by_size(setup)?;
    draw(
        &dir.join("bytes.svg"),
        &by_size,
        ["package size, bytes", "time of the process, relative to curl with 1 KiB"],
    )?;
    let by_concurrency = by_concurrency(setup)?;
    draw(
        &dir.join("calls.svg"),
        &by_concurrency,
        [
            "concurrent GetPackage calls",
            "calls per second, relative to the native client's sequential calls",
        ],
    )?;
    eprintln!("wrote {0}/bytes.svg and {0}/calls.svg", dir.display());
    Ok(())
}

/// Measures uploads from 1 KiB to 1 GiB.
fn by_size(setup: &Setup) -> Result<Vec<Line>> {
    let api = &setup.sink.http;
    let names = ["put", "put --no-verify", "curl -F", "native client"];
    let mut points = vec![Vec::new(); names.len()];
    for package in &setup.packages {
        let native = || {
            let mut command = setup.calls("native", &package.service);
            command.arg("--package").arg(&package.path);
            process::run(&mut command)
        };
        let runs: Vec<Vec<Run>> = interleave(
            ROUNDS,
            &[
                &|| process::run(&mut setup.put_command(api, package, &[])),
                &|| process::run(&mut setup.put_command(api, package, &["--no-verify"])),
                &|| process::run(&mut setup.curl_put(api, package)),
                &native,
            ],
        )?;
        for (points, runs) in points.iter_mut().zip(runs) {
            let wall: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
            points.push((package.size as f64, median(&wall), median(&peaks(&runs))));
        }
    }
    let unit = points[2][0].1;
    points.iter_mut().flatten().for_each(|point| point.1 /= unit);
    Ok(lines(names, points))
}

/// Measures GetPackage at a concurrency of 1 to 256.
fn by_concurrency(setup: &Setup) -> Result<Vec<Line>> {
    let names = ["Plugin::get_package", "native client", "curl --parallel"];
    let mut points = vec![Vec::new(); names.len()];
    for concurrency in CONCURRENCIES {
        let calls = |client: &str| {
            let mut command = setup.calls(client, "1k");
            command.args([
                "--concurrency",
                &concurrency.to_string(),
                "--count",
                &CALLS.to_string(),
            ]);
            process::number(command.args(["--warm-up", "500"]))
        };
        let curl = || {
            let run = process::run(&mut setup.curl_gets("1k", concurrency, CALLS))?;
            Ok((run.wall.as_secs_f64(), run))
        };
        let measured = interleave(ROUNDS, &[&|| calls("plugin"), &|| calls("native"), &curl])?;
        for (points, measured) in points.iter_mut().zip(measured) {
            let (seconds, runs): (Vec<f64>, Vec<Run>) = measured.into_iter().unzip();
            points.push((
                concurrency as f64,
                CALLS as f64 / median(&seconds),
                median(&peaks(&runs)),
            ));
        }
    }
    let unit = points[1][0].1;
    points.iter_mut().flatten().for_each(|point| point.1 /= unit);
    Ok(lines(names, points))
}

fn lines<const N: usize>(names: [&'static str; N], points: Vec<Vec<(f64, f64, f64)>>) -> Vec<Line> {
    names.into_iter().zip(points).map(|(name, points)| Line { name, points }).collect()
}

/// Draws two charts side by side: the time or rate, and the memory.
fn draw(path: &Path, lines: &[Line], [x, y]: [&str; 2]) -> Result<()> {
    let area = SVGBackend::new(path, (1100, 420)).into_drawing_area();
    area.fill(&WHITE).map_err(plot_error)?;
    let (left, right) = area.split_horizontally(550);
    chart(&left, lines, |point| (point.0, point.1), x, y)?;
    chart(&right, lines, |point| (point.0, point.2), x, "peak memory of the process, MiB")?;
    area.present().map_err(plot_error)
}

fn chart(
    area: &DrawingArea<SVGBackend, Shift>,
    lines: &[Line],
    coordinates: impl Fn(&(f64, f64, f64)) -> (f64, f64),
    x: &str,
    y: &str,
) -> Result<()> {
    let points: Vec<(f64, f64)> =
        lines.iter().flat_map(|line| &line.points).map(&coordinates).collect();
    let range = |values: &dyn Fn(&(f64, f64)) -> f64, margin: f64| {
        let min = points.iter().map(values).fold(f64::INFINITY, f64::min);
        let max = points.iter().map(values).fold(0.0, f64::max);
        (min / margin)..(max * margin)
    };
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            range(&|point| point.0, 1.0).log_scale(),
            range(&|point| point.1, 1.3).log_scale(),
        )
        .map_err(plot_error)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|value| label(*value))
        .y_label_formatter(&|value| label(*value))
        .draw()
        .map_err(plot_error)?;
    for (number, line) in lines.iter().enumerate() {
        let color = [RGBColor(0, 90, 181), RGBColor(80, 160, 230), RGBColor(220, 50, 32), BLACK]
            [number % 4];
        let series = LineSeries::new(line.points.iter().map(&coordinates), color.stroke_width(2))
            .point_size(3);
        chart
            .draw_series(series)
            .map_err(plot_error)?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(plot_error)
}

/// Formats a value with few digits and a decimal prefix.
fn label(value: f64) -> String {
    match value {
        1e9.. => format!("{}G", value / 1e9),
        1e6.. => format!("{}M", value / 1e6),
        1e3.. => format!("{}k", value / 1e3),
        _ => format!("{}", (value * 1000.0).round() / 1000.0),
    }
}

fn plot_error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("can't write the plot: {error}")
}
