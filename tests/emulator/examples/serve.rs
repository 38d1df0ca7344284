//! Serves the emulated API until it is interrupted, and prints a line for each request.
//!
//! ```text
//! cargo run -p fastly-package-emulator --example serve -- 127.0.0.1:7676
//! ```

use std::error::Error;

use fastly_package_emulator::{Config, Emulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    if let Some(address) = std::env::args().nth(1) {
        config.listen = address.parse()?;
    }
    let emulator = Emulator::start(config).await?;
    emulator.on_request(|request| {
        let status = request.status.map_or("no answer".into(), |status| status.to_string());
        println!("{} {} {status} {} bytes", request.method, request.path, request.body_bytes);
    });
    println!("{}", emulator.url());
    std::future::pending().await
}
