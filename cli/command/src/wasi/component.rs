//! The export of the component.

use super::bindings::exports::wasi::cli::run;
use super::bindings::wasi::cli::environment;
use super::platform::Wasi;
use super::{bindings, cli, system};
use crate::error::CommandError;
use crate::report::Report;
use crate::{get, put};
use futures::executor::block_on;

struct Command;

impl run::Guest for Command {
    fn run() -> Result<(), ()> {
        let cli = match cli::parse(environment::get_arguments(), system::variable) {
            Ok(cli) => cli,
            Err(error) => return system::print_clap(&error),
        };
        system::set_color(cli.output.color);
        let (json, upload) = match &cli.command {
            cli::Command::Get(args) => (args.is_json(), false),
            cli::Command::Put(args) => (args.json, true),
        };
        let report = Report::new(&cli.output, json, upload, system::SYSTEM);
        // The futures are ready when they are polled: the calls block.
        let result = cli::check(&cli.command).and_then(|()| match &cli.command {
            cli::Command::Get(args) => block_on(get::run::<Wasi>(args, report)),
            cli::Command::Put(args) => block_on(put::run::<Wasi>(args, report)),
        });
        match result {
            Ok(()) | Err(CommandError::BrokenPipe) => Ok(()),
            Err(error) => {
                report.command_error(&error);
                Err(())
            }
        }
    }
}

bindings::export!(Command with_types_in bindings);
