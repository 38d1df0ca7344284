//! The table of `examples/README.md`: a row for each call, a column for each host.

use crate::rows::Row;
use std::path::Path;

/// The cell of an outcome that is the same as in the first column.
const SAME: &str = "the same";

pub(crate) struct Table {
    hosts: Vec<String>,
    /// The call, and its outcome in each host.
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/README.md");
        let text = std::fs::read_to_string(path).expect("examples/README.md");
        let mut lines = text.lines().skip_while(|line| !line.starts_with("| call |"));
        let (_, hosts) = cells(lines.next().expect("a table of calls"));
        let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();
        Self { hosts, rows }
    }

    /// Returns `rows` after asserting that their calls are those of the table.
    pub(crate) fn rows_of(&self, rows: Vec<Row>) -> Vec<Row> {
        let calls: Vec<&str> = self.rows.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(rows.iter().map(|row| row.name).collect::<Vec<_>>(), calls);
        rows
    }

    /// Returns the outcome of a call in a host.
    pub(crate) fn outcome(&self, call: &str, host: &str) -> &str {
        let (_, row) =
            self.rows.iter().find(|(name, _)| name == call).expect("a call of the table");
        let column = self.hosts.iter().position(|name| name == host);
        let column = column.unwrap_or_else(|| panic!("the table has no column for {host}"));
        match row[column].as_str() {
            SAME => &row[0],
            other => other,
        }
    }
}

/// Returns the first cell of a row, and the others.
fn cells(line: &str) -> (String, Vec<String>) {
    let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
    (cells.next().unwrap_or_default(), cells.collect())
}
