//! Black-box tests of the emulator: they send raw bytes, and check the responses and the recorded requests.

mod api;
mod client;
mod expect;
mod faults;
mod faults_without_response;
mod recording;
mod upload;
