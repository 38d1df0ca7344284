//! Black-box tests: the component in a `Plugin`, and the command, against the emulator. The tests are in `all/`.
