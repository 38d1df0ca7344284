//! How cost grows with the size of a package and the number of calls at a time, as pictures.

use crate::process::{self, Run, in_turn, median, peaks};
use crate::setup::Setup;
use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

/// Runs of each program at each point.
const ROUNDS: usize = 5;
const AT_A_TIME: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// GetPackages in a measurement of [`AT_A_TIME`].
const CALLS: usize = 4000;

/// One program's line through both pictures of a file.
struct Line {
    name: &'static str,
    /// By size or number: how long or how many, and how much memory.
    points: Vec<(f64, f64, f64)>,
}

/// Measures, and draws `bytes.svg` and `calls.svg` into a folder.
pub(crate) fn all(setup: &Setup, folder: &Path) -> Result<()> {
    eprintln!("measuring for the plots");
    let by_size = sizes(setup)?;
    draw(
        &folder.join("bytes.svg"),
        &by_size,
        ["a package's size, bytes", "time of the process, that of curl with 1 KiB = 1"],
    )?;
    let by_number = numbers(setup)?;
    draw(
        &folder.join("calls.svg"),
        &by_number,
        ["GetPackages at a time", "calls a second, those of the native client one at a time = 1"],
    )?;
    eprintln!("drawn: {0}/bytes.svg, {0}/calls.svg", folder.display());
    Ok(())
}

/// `put` from 1 KiB to 1 GiB.
fn sizes(setup: &Setup) -> Result<Vec<Line>> {
    let api = &setup.sink.http;
    let names = ["put", "put --no-verify", "curl -F", "native client"];
    let mut points = vec![Vec::new(); names.len()];
    for package in &setup.packages {
        let native = || {
            let mut command = setup.calls("native", &package.service);
            command.arg("--package").arg(&package.path);
            process::run(&mut command)
        };
        let runs: Vec<Vec<Run>> = in_turn(
            ROUNDS,
            &[
                &|| process::run(&mut setup.our_put(api, package, &[])),
                &|| process::run(&mut setup.our_put(api, package, &["--no-verify"])),
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

/// GetPackage, 1 to 256 at a time.
fn numbers(setup: &Setup) -> Result<Vec<Line>> {
    let names = ["Plugin::get_package", "native client", "curl --parallel"];
    let mut points = vec![Vec::new(); names.len()];
    for at_a_time in AT_A_TIME {
        let within = |client: &str| {
            let mut command = setup.calls(client, "1k");
            command.args(["--at-a-time", &at_a_time.to_string(), "--count", &CALLS.to_string()]);
            process::number(command.args(["--warm-up", "500"]))
        };
        let curl = || {
            let run = process::run(&mut setup.curl_gets("1k", at_a_time, CALLS))?;
            Ok((run.wall.as_secs_f64(), run))
        };
        let taken = in_turn(ROUNDS, &[&|| within("plugin"), &|| within("native"), &curl])?;
        for (points, taken) in points.iter_mut().zip(taken) {
            let (seconds, runs): (Vec<f64>, Vec<Run>) = taken.into_iter().unzip();
            points.push((at_a_time as f64, CALLS as f64 / median(&seconds), median(&peaks(&runs))));
        }
    }
    let unit = points[1][0].1;
    points.iter_mut().flatten().for_each(|point| point.1 /= unit);
    Ok(lines(names, points))
}

fn lines<const N: usize>(names: [&'static str; N], points: Vec<Vec<(f64, f64, f64)>>) -> Vec<Line> {
    names.into_iter().zip(points).map(|(name, points)| Line { name, points }).collect()
}

/// Two pictures side by side: what was measured, and memory.
fn draw(path: &Path, lines: &[Line], [x, y]: [&str; 2]) -> Result<()> {
    let area = SVGBackend::new(path, (1100, 420)).into_drawing_area();
    area.fill(&WHITE).map_err(broken)?;
    let (left, right) = area.split_horizontally(550);
    chart(&left, lines, |point| (point.0, point.1), x, y)?;
    chart(&right, lines, |point| (point.0, point.2), x, "peak memory of the process, MiB")?;
    area.present().map_err(broken)
}

fn chart(
    area: &DrawingArea<SVGBackend, Shift>,
    lines: &[Line],
    of: impl Fn(&(f64, f64, f64)) -> (f64, f64),
    x: &str,
    y: &str,
) -> Result<()> {
    let points: Vec<(f64, f64)> = lines.iter().flat_map(|line| &line.points).map(&of).collect();
    let range = |values: &dyn Fn(&(f64, f64)) -> f64, room: f64| {
        let least = points.iter().map(values).fold(f64::INFINITY, f64::min);
        let most = points.iter().map(values).fold(0.0, f64::max);
        (least / room)..(most * room)
    };
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            range(&|point| point.0, 1.0).log_scale(),
            range(&|point| point.1, 1.3).log_scale(),
        )
        .map_err(broken)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|value| label(*value))
        .y_label_formatter(&|value| label(*value))
        .draw()
        .map_err(broken)?;
    for (number, line) in lines.iter().enumerate() {
        let color = [RGBColor(0, 90, 181), RGBColor(80, 160, 230), RGBColor(220, 50, 32), BLACK]
            [number % 4];
        let drawn =
            LineSeries::new(line.points.iter().map(&of), color.stroke_width(2)).point_size(3);
        chart
            .draw_series(drawn)
            .map_err(broken)?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(broken)
}

/// Few digits, and a unit of thousands where there are many.
fn label(value: f64) -> String {
    match value {
        1e9.. => format!("{}G", value / 1e9),
        1e6.. => format!("{}M", value / 1e6),
        1e3.. => format!("{}k", value / 1e3),
        _ => format!("{}", (value * 1000.0).round() / 1000.0),
    }
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("can't draw: {error}")
}
