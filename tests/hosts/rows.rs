//! What is done in each host, and what goes wrong.

use crate::command::{Fixture, TARGET, TOKEN, sha512};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Config, Fault, Then};

/// The name that a package has in the fixture's folder.
pub(crate) const PACKAGE: &str = "app.tar.gz";
const SMALL: u64 = 1024;
const LARGE: u64 = 20 * 1024 * 1024;

/// An operation on [`TARGET`] that a host is asked for.
pub(crate) struct Call<'a> {
    pub(crate) token: &'a str,
    pub(crate) api: &'a str,
    /// `None`: a get. The package lies in the fixture's folder, and may be announced with another length than it has.
    pub(crate) upload: Option<(&'a [u8], Option<u64>)>,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    done: Done,
    fault: Option<Fault>,
}

#[derive(Clone, Copy)]
enum Done {
    /// Of a version with a package, or of one without.
    Get { stored: bool },
    /// Of so many bytes, of which one more is announced than there is, or none.
    Put { size: u64, short: bool },
    /// With a token that is wrong.
    WrongToken,
    /// Of an API that isn't there.
    Unreachable,
    /// Of an API in plain text, where others could read the token.
    PlainText,
}

pub(crate) fn rows() -> Vec<Row> {
    let get = |name, fault| Row { name, done: Done::Get { stored: true }, fault };
    let put = |name, size, fault| Row { name, done: Done::Put { size, short: false }, fault };
    let other = |name, done| Row { name, done, fault: None };
    let early = |answer| Some(Fault::early_answer(answer).then(Then::Stall));
    let late = |answer| Some(Fault::answer(answer));
    vec![
        get("get", None),
        other("get, nothing there", Done::Get { stored: false }),
        other("get, wrong token", Done::WrongToken),
        get("get, HTML", late(Answer::new(200).body("<html>").content_type("text/html"))),
        get("get, answer cut", late(Answer::real().cut_to(40))),
        other("API not there", Done::Unreachable),
        other("API elsewhere, in plain text", Done::PlainText),
        put("put 1 KiB", SMALL, None),
        put("put 20 MiB", LARGE, None),
        put("put, no package", SMALL, late(Answer::bad_package())),
        put("put, read-only token", SMALL, late(Answer::read_only_token())),
        put("put, locked", SMALL, late(Answer::version_locked(SERVICE, 3))),
        put("put, 429", SMALL, late(Answer::rate_limited(4_102_444_800))),
        put("put, 503", SMALL, late(Answer::new(503))),
        put("put, redirect", SMALL, late(Answer::redirect(307, "https://elsewhere.test/"))),
        put("put, early 401", LARGE, early(Answer::unauthorized())),
        put("put, early 413", LARGE, early(Answer::too_large())),
        other("put, source too short", Done::Put { size: SMALL, short: true }),
    ]
}

impl Row {
    /// What it comes to in a host, which says so in words; and what the emulator has then.
    pub(crate) async fn outcome(
        &self,
        host: impl AsyncFnOnce(&Fixture, &Call<'_>) -> String,
    ) -> String {
        let fixture = Fixture::with(Config::default()).await;
        let size = match self.done {
            Done::Put { size, .. } => size,
            _ => SMALL,
        };
        let package = sample::package(SampleOptions { size: Some(size), ..Default::default() });
        fixture.write(PACKAGE, &package);
        if let Done::Get { stored: true } = self.done {
            let put = fixture.put(PACKAGE, &[]).await;
            assert_eq!(put.code, Some(0), "{put:?}");
        }
        if let Some(fault) = &self.fault {
            fixture.emulator.fault(fault.clone());
        }
        let url = fixture.emulator.url();
        let call = Call {
            token: if let Done::WrongToken = self.done { "wrong" } else { TOKEN },
            api: match self.done {
                Done::Unreachable => "http://127.0.0.1:1",
                Done::PlainText => "http://elsewhere.test",
                _ => &url,
            },
            upload: match self.done {
                Done::Put { short, .. } => Some((&package, short.then_some(size + 1))),
                _ => None,
            },
        };
        let words = host(&fixture, &call).await;
        let stored = match fixture.emulator.package(SERVICE, 3) {
            Some(stored) if stored.hashsum() == sha512(&package) => "stored",
            Some(_) => "something else stored",
            None => "nothing stored",
        };
        format!("{words}, {stored}")
    }
}

/// The service of [`TARGET`].
const SERVICE: &str = TARGET[1];
