//! The black-box tests.

mod put_package;
