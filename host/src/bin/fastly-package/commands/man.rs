//! `man`: writes the manual pages.

use crate::cli::{Cli, Man};
use clap::{Command, CommandFactory};
use fastly_package_words::failure::Failure;
use fastly_package_words::report::Report;
use roff::{Roff, roman};
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn run(args: &Man, report: Report) -> Result<(), Failure> {
    let folder = args.folder.display();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    std::fs::create_dir_all(&args.folder)
        .and_then(|()| write_all(command, &args.folder))
        .map_err(|error| Failure::Local(format!("can't write manual pages to {folder}"), error))?;
    report.say(&format!("wrote the manual pages to {folder}: man {folder}/fastly-package.1"));
    Ok(())
}

/// The page of a command, and those of its subcommands.
fn write_all(command: Command, folder: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        write_all(subcommand.clone(), folder)?;
    }
    let sections = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_subcommands = command.has_subcommands();
    let page = clap_mangen::Man::new(command);
    let mut file = io::BufWriter::new(std::fs::File::create(folder.join(page.get_filename()))?);
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

/// A heading with a colon and the lines below it, kept as they are.
fn write_section(section: &str, file: &mut impl Write) -> io::Result<()> {
    let Some((heading, lines)) = section.split_once(":\n") else { return Ok(()) };
    let mut roff = Roff::new();
    roff.control("SH", [heading.to_uppercase().as_str()]);
    roff.control("nf", []).text([roman(lines)]).control("fi", []);
    file.write_all(roff.to_roff().as_bytes())
}
