//! The emulator from outside: raw bytes go in, and what comes back and what was recorded is judged.

mod api;
mod client;
mod expect;
mod faults;
mod faults_without_answer;
mod recording;
mod upload;
