//! The table.

use anyhow::{Context, Result};
use std::path::Path;

/// A target, and what was seen of it.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) seen: f64,
    /// The quarter and three quarters of the rounds, where there were several.
    pub(crate) spread: Option<(f64, f64)>,
    pub(crate) unit: Unit,
    pub(crate) target: Target,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// To what it is compared with.
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
    /// For comparison only.
    None,
}

impl Row {
    pub(crate) fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost(limit) => self.seen <= limit,
            Target::AtLeast(limit) => self.seen >= limit,
            Target::None => true,
        }
    }

    pub(crate) fn line(&self) -> String {
        let spread = self.spread.map_or(String::new(), |(low, high)| {
            format!("{}–{}", self.unit.bare(low), self.unit.bare(high))
        });
        let target = match self.target {
            Target::AtMost(limit) => format!("≤ {}", self.unit.show(limit)),
            Target::AtLeast(limit) => format!("≥ {}", self.unit.show(limit)),
            Target::None => String::new(),
        };
        let mark = if self.is_met() { "" } else { " **missed**" };
        format!("| {} | {}{mark} | {spread} | {target} |", self.what, self.unit.show(self.seen))
    }
}

impl Unit {
    fn bare(self, value: f64) -> String {
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
        format!("{}{unit}", self.bare(value))
    }
}

/// In Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = String::from("| what | seen | quartiles | target |\n|---|---|---|---|\n");
    for row in rows {
        table.push_str(&row.line());
        table.push('\n');
    }
    table
}

/// Puts a table in place of the one in a folder's README.md.
pub(crate) fn write(folder: &Path, table: &str) -> Result<()> {
    const BEGIN: &str = "<!-- the table -->\n";
    const END: &str = "<!-- its end -->";
    let path = folder.join("README.md");
    let page =
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let around =
        page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        around.with_context(|| format!("{} has no place for it", path.display()))?;
    std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}
