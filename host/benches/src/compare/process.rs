//! Processes, measured: how long they took, of the clock and of the processor, and how much memory they had at most.

use anyhow::{Context, Result, ensure};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// One process from start to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Of the clock.
    pub(crate) wall: Duration,
    /// Of the processor, the kernel's part included.
    pub(crate) cpu: Duration,
    /// Resident at most, in bytes.
    pub(crate) peak: u64,
}

/// Runs a command to its end. One that fails is an error.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    Ok(finish(command.stdout(Stdio::null()).stderr(Stdio::piped()))?.0)
}

/// Runs a command to its end, and reads the one number that it prints.
pub(crate) fn number(command: &mut Command) -> Result<(f64, Run)> {
    let (run, printed) = finish(command.stdout(Stdio::piped()).stderr(Stdio::inherit()))?;
    Ok((printed.trim().parse().context("that is no number")?, run))
}

/// Runs a command to its end, and reads what it prints where that is piped: not both of its outputs may be.
pub(crate) fn finish(command: &mut Command) -> Result<(Run, String)> {
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("can't start {command:?}"))?;
    let printed = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), None) => std::io::read_to_string(stdout)?,
        (None, Some(stderr)) => std::io::read_to_string(stderr)?,
        _ => String::new(),
    };
    let used = child.wait4()?;
    let wall = start.elapsed();
    ensure!(used.status.success(), "{command:?} ended with {}: {printed}", used.status);
    let usage = used.rusage;
    Ok((Run { wall, cpu: usage.utime + usage.stime, peak: usage.maxrss }, printed))
}

/// One program after the other, `rounds` times; each round in the other direction than the one before, so that what one leaves behind
/// is met by all alike. What the first round warms up isn't counted.
pub(crate) fn in_turn<T: Clone>(
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

/// The most memory that each of them had, in MiB.
pub(crate) fn peaks<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<f64> {
    runs.into_iter().map(|run| run.peak as f64 / (1024.0 * 1024.0)).collect()
}

/// The value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this part of the values lies below.
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
