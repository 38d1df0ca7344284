//! Which request may leave the sandbox: the rules, without a word of how they are enforced. The host's edge holds to them, and so does the
//! guard, a component for hosts that have no edge.
//!
//! ```
//! use fastly_package_egress::{Base, Request, Rule};
//!
//! let api = Base::parse("https://api.fastly.com")?;
//! let rule = Rule::package(&api, "GET", "SU1Z0isxPaozGVKXdv0eY", 3);
//! let mut request = Request {
//!     scheme: Some("https"),
//!     authority: Some("api.fastly.com"),
//!     method: "GET",
//!     path: "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package",
//! };
//! assert_eq!(rule.check(&request), Ok(()));
//! request.authority = Some("elsewhere.test");
//! assert!(rule.check(&request).is_err());
//! # Ok::<(), &str>(())
//! ```

mod base;
mod rule;
#[cfg(any(test, feature = "table"))]
pub mod table;

pub use base::{Base, FASTLY_API};
pub use rule::{HEADERS, Reason, Request, Rule, check_target, package_path};
