//! Runs processes and measures their wall time, CPU time and peak memory.

use anyhow::{Context, Result, ensure};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// The resource usage of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// The elapsed time.
    pub(crate) wall: Duration,
    /// The CPU time, in user and kernel mode.
    pub(crate) cpu: Duration,
    /// The peak resident memory, in bytes.
    pub(crate) peak: u64,
}

/// Runs a command to its end. A failure status is an error.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    Ok(finish(command.stdout(Stdio::null()).stderr(Stdio::piped()))?.0)
}

/// Runs a command to its end and parses the number that it prints.
pub(crate) fn number(command: &mut Command) -> Result<(f64, Run)> {
    let (run, printed) = finish(command.stdout(Stdio::piped()).stderr(Stdio::inherit()))?;
    Ok((printed.trim().parse().context("the output is not a number")?, run))
}

/// Runs a command to its end and returns its piped output. Only one of stdout and stderr may be piped.
pub(crate) fn finish(command: &mut Command) -> Result<(Run, String)> {
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("can't start {command:?}"))?;
    let printed = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), None) => std::io::read_to_string(stdout)?,
        (None, Some(stderr)) => std::io::read_to_string(stderr)?,
        _ => String::new(),
    };
    let ended = child.wait4()?;
    let wall = start.elapsed();
    ensure!(ended.status.success(), "{command:?} ended with {}: {printed}", ended.status);
    let usage = ended.rusage;
    Ok((Run { wall, cpu: usage.utime + usage.stime, peak: usage.maxrss }, printed))
}

/// Runs the programs one after the other, `rounds` times. Each round reverses the order of the previous one, so that no program always runs in the
/// state that the same other program left. A first round, to warm up, isn't counted.
pub(crate) fn interleave<T: Clone>(
    rounds: usize,
    programs: &[&dyn Fn() -> Result<T>],
) -> Result<Vec<Vec<T>>> {
    let mut results = vec![Vec::new(); programs.len()];
    for round in 0..=rounds {
        let mut order: Vec<usize> = (0..programs.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let result = programs[index]()?;
            if round > 0 {
                results[index].push(result);
            }
        }
    }
    Ok(results)
}

/// Returns the peak memory of each run, in MiB.
pub(crate) fn peaks<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<f64> {
    runs.into_iter().map(|run| run.peak as f64 / (1024.0 * 1024.0)).collect()
}

/// Returns the median.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Returns the quantile of order `part`, interpolated linearly.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = part * (sorted.len().saturating_sub(1)) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * position.fract(),
        _ => f64::NAN,
    }
}
