//! The calls that are made in each host, and the API's faults during them.

use crate::command::{Fixture, TARGET, TOKEN, sha512};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Config, Fault, Then};
use serde_json::Value;

/// The name of the package in the fixture's directory.
pub(crate) const PACKAGE: &str = "app.tar.gz";
const SMALL: u64 = 1024;
const LARGE: u64 = 20 * 1024 * 1024;

/// A call for [`TARGET`] in a host.
pub(crate) struct Call<'a> {
    pub(crate) token: &'a str,
    pub(crate) api: &'a str,
    /// The package, which is [`PACKAGE`] too, and the size to announce if it is not the package's. `None` for a get.
    pub(crate) upload: Option<(&'a [u8], Option<u64>)>,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    operation: Operation,
    fault: Option<Fault>,
}

#[derive(Clone, Copy)]
enum Operation {
    /// A get of a version, whose package is stored before.
    Get { stored: bool },
    /// A put of a package, whose announced size is one byte too large if `is_short`.
    Put { size: u64, is_short: bool },
    /// A get with another token than the API's.
    WrongToken,
    /// A get at an address where nothing listens.
    Unreachable,
    /// A get over HTTP to another host, which others could intercept.
    PlainText,
}

pub(crate) fn rows() -> Vec<Row> {
    let get = |name, fault| Row { name, operation: Operation::Get { stored: true }, fault };
    let put = |name, size, fault| Row {
        name,
        operation: Operation::Put { size, is_short: false },
        fault,
    };
    let other = |name, operation| Row { name, operation, fault: None };
    let early = |answer| Some(Fault::early_answer(answer).then(Then::Stall));
    let late = |answer| Some(Fault::answer(answer));
    vec![
        get("get", None),
        other("get, no package", Operation::Get { stored: false }),
        other("get, wrong token", Operation::WrongToken),
        get("get, HTML", late(Answer::new(200).body("<html>").content_type("text/html"))),
        get("get, truncated response", late(Answer::real().cut_to(40))),
        other("unreachable API", Operation::Unreachable),
        other("HTTP to another host", Operation::PlainText),
        put("put 1 KiB", SMALL, None),
        put("put 20 MiB", LARGE, None),
        put("put, invalid package", SMALL, late(Answer::bad_package())),
        put("put, read-only token", SMALL, late(Answer::read_only_token())),
        put("put, locked", SMALL, late(Answer::version_locked(SERVICE, 3))),
        put("put, 429", SMALL, late(Answer::rate_limited(4_102_444_800))),
        put("put, 503", SMALL, late(Answer::new(503))),
        put("put, redirect", SMALL, late(Answer::redirect(307, "https://elsewhere.test/"))),
        put("put, another version", SMALL, late(Answer::described(SERVICE, 9, Value::Null))),
        put("put, early 401", LARGE, early(Answer::unauthorized())),
        put("put, early 413", LARGE, early(Answer::too_large())),
        other("put, source too short", Operation::Put { size: SMALL, is_short: true }),
    ]
}

impl Row {
    /// Returns the outcome in a host: the description of the result that `host` returns, and whether the package is stored.
    pub(crate) async fn outcome(
        &self,
        host: impl AsyncFnOnce(&Fixture, &Call<'_>) -> String,
    ) -> String {
        let fixture = Fixture::with(Config::default()).await;
        let size = match self.operation {
            Operation::Put { size, .. } => size,
            _ => SMALL,
        };
        let package = sample::package(SampleOptions { size: Some(size), ..Default::default() });
        fixture.write(PACKAGE, &package);
        if let Operation::Get { stored: true } = self.operation {
            let put = fixture.put(PACKAGE, &[]).await;
            assert_eq!(put.code, Some(0), "{put:?}");
        }
        if let Some(fault) = &self.fault {
            fixture.emulator.fault(fault.clone());
        }
        let url = fixture.emulator.url();
        let call = Call {
            token: if let Operation::WrongToken = self.operation { "wrong" } else { TOKEN },
            api: match self.operation {
                Operation::Unreachable => "http://127.0.0.1:1",
                Operation::PlainText => "http://elsewhere.test",
                _ => &url,
            },
            upload: match self.operation {
                Operation::Put { is_short, .. } => Some((&package, is_short.then_some(size + 1))),
                _ => None,
            },
        };
        let result = host(&fixture, &call).await;
        let stored = match fixture.emulator.package(SERVICE, 3) {
            Some(stored) if stored.hashsum() == sha512(&package) => "stored",
            Some(_) => "something else stored",
            None => "nothing stored",
        };
        format!("{result}, {stored}")
    }
}

/// The service of [`TARGET`].
const SERVICE: &str = TARGET[1];
