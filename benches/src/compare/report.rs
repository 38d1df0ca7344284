//! The table of results.

use anyhow::{Context, Result};
use std::path::Path;

/// A measurement and its target.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) result: f64,
    /// The first and third quartiles of the rounds, if there were several.
    pub(crate) quartiles: Option<(f64, f64)>,
    pub(crate) unit: Unit,
    pub(crate) target: Target,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// The ratio to the program that it is compared with.
    Ratio,
    MiB,
    /// 1,000 bytes.
    Kilobytes,
    /// 1,000,000 bytes.
    Megabytes,
    Minutes,
}

#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// No target: for information.
    None,
}

impl Row {
    pub(crate) fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost(limit) => self.result <= limit,
            Target::AtLeast(limit) => self.result >= limit,
            Target::None => true,
        }
    }

    pub(crate) fn line(&self) -> String {
        let quartiles = self.quartiles.map_or(String::new(), |(low, high)| {
            format!("{}–{}", self.unit.number(low), self.unit.number(high))
        });
        let target = match self.target {
            Target::AtMost(limit) => format!("≤ {}", self.unit.show(limit)),
            Target::AtLeast(limit) => format!("≥ {}", self.unit.show(limit)),
            Target::None => String::new(),
        };
        let mark = if self.is_met() { "" } else { " **missed**" };
        format!(
            "| {} | {}{mark} | {quartiles} | {target} |",
            self.name,
            self.unit.show(self.result)
        )
    }
}

impl Unit {
    fn number(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::MiB | Self::Megabytes | Self::Minutes => format!("{value:.1}"),
            Self::Kilobytes => format!("{value:.0}"),
        }
    }

    fn show(self, value: f64) -> String {
        let unit = match self {
            Self::Ratio => " ×",
            Self::MiB => " MiB",
            Self::Kilobytes => " KB",
            Self::Megabytes => " MB",
            Self::Minutes => " min",
        };
        format!("{}{unit}", self.number(value))
    }
}

/// Formats the table in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table =
        String::from("| measurement | result | quartiles | target |\n|---|---|---|---|\n");
    for row in rows {
        table.push_str(&row.line());
        table.push('\n');
    }
    table
}

/// Replaces the table in a directory's README.md.
pub(crate) fn write(dir: &Path, table: &str) -> Result<()> {
    const BEGIN: &str = "<!-- begin table -->\n";
    const END: &str = "<!-- end table -->";
    let path = dir.join("README.md");
    let page =
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let around =
        page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        around.with_context(|| format!("{} contains no table to replace", path.display()))?;
    std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}
