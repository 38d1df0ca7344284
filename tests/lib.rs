//! Black-box tests: the real component in the real `Plugin` and the real command, against the emulator. They are in `all/`.
