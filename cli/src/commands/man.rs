//! `man`: writes manual pages.

use crate::cli::{Cli, Man};
use clap::{Command, CommandFactory};
use fastly_package_command::error::CommandError;
use fastly_package_command::report::Report;
use roff::{Roff, roman};
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn run(args: &Man, report: Report) -> Result<(), CommandError> {
    let directory = args.directory.display();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    std::fs::create_dir_all(&args.directory)
        .and_then(|()| write_all(command, &args.directory))
        .map_err(|error| {
            CommandError::Io(format!("can't write manual pages to {directory}"), error)
        })?;
    report.message(&format!(
        "wrote the manual pages to {directory}: man {directory}/fastly-package.1"
    ));
    Ok(())
}

/// Writes the page of a command, and those of its subcommands.
fn write_all(command: Command, directory: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        write_all(subcommand.clone(), directory)?;
    }
    let sections = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_subcommands = command.has_subcommands();
    let page = clap_mangen::Man::new(command);
    let mut file = io::BufWriter::new(std::fs::File::create(directory.join(page.get_filename()))?);
    page.render_title(&mut file)?;
    page.render_name_section(&mut file)?;
    page.render_synopsis_section(&mut file)?;
    page.render_options_section(&mut file)?;
    if has_subcommands {
        page.render_subcommands_section(&mut file)?;
    }
    for section in sections.split("\n\n") {
        write_section(section, &mut file)?;
    }
    file.flush()
}

/// Writes a section: a heading with a colon, and unfilled lines below it.
fn write_section(section: &str, file: &mut impl Write) -> io::Result<()> {
    let Some((heading, lines)) = section.split_once(":\n") else { return Ok(()) };
    let mut roff = Roff::new();
    roff.control("SH", [heading.to_uppercase().as_str()]);
    roff.control("nf", []).text([roman(lines)]).control("fi", []);
    file.write_all(roff.to_roff().as_bytes())
}
