//! Tools with their own linker: each call has the outcome that is documented in `examples/README.md`.

use crate::command::Fixture;
use crate::rows::{Call, rows};
use crate::table::Table;
use crate::{SERVICE, bring_your_own_linker, guarded, stock_wasi_http};
use fastly_package::{Content, ServiceVersion, Token};
use std::io::Cursor;
use wasmtime_wasi::p2::DynInputStream;
use wasmtime_wasi::p2::pipe::AsyncReadStream;

const VERSION: u32 = 3;

/// Describes the result of a call. A macro, because each example has its own bindings.
macro_rules! describe {
    ($embedder:ident, $result:expr) => {{
        use $embedder::Error;
        match $result {
            Ok(reply) => {
                let package = reply.package;
                assert_eq!((package.service_id.as_str(), package.version), (SERVICE, VERSION));
                "ok".to_owned()
            }
            Err(Error::InvalidArgument(_)) => "invalid-argument".into(),
            Err(Error::Content(_)) => "content".into(),
            Err(Error::Transport(_)) => "transport".into(),
            Err(Error::Api(error)) => {
                let texts = [error.title, error.detail].into_iter().flatten();
                texts.fold(format!("api {}", error.status), |line, text| format!("{line} {text}"))
            }
            Err(Error::UnexpectedResponse(response)) => {
                format!("unexpected-response {}", response.status)
            }
        }
    }};
}

#[tokio::test]
async fn each_call_has_the_documented_outcome_with_this_librarys_outbound_http() {
    let table = Table::read();
    for row in table.rows_of(rows()) {
        let outcome = row.outcome(async |_: &Fixture, call: &Call<'_>| {
            // An API over plain HTTP is refused when its URL is parsed.
            let Ok(api) = call.api.parse() else { return "invalid-argument".into() };
            let tool = bring_your_own_linker::load(api, Token::new(call.token).unwrap()).unwrap();
            let target = ServiceVersion::new(SERVICE, VERSION).unwrap();
            let package = call.upload.map(|(package, size)| {
                let size = size.unwrap_or(package.len() as u64);
                Content::from_reader(Cursor::new(package.to_vec()), size).unwrap()
            });
            describe!(bring_your_own_linker, tool.call(&target, package).await.unwrap())
        });
        assert_eq!(
            outcome.await,
            table.outcome(row.name, "own linker, our OutboundHttp"),
            "{}",
            row.name
        );
    }
}

#[tokio::test]
async fn each_call_has_the_documented_outcome_with_stock_wasi_http() {
    use stock_wasi_http::{Auth, RequestOptions, ServiceVersion, call, load};

    let plugin = load(&guarded().await).unwrap();
    let table = Table::read();
    for row in table.rows_of(rows()) {
        let outcome = row.outcome(async |_: &Fixture, requested: &Call<'_>| {
            let target = ServiceVersion { service_id: SERVICE.into(), version_id: VERSION };
            let package = requested.upload.map(|(package, size)| {
                let stream = AsyncReadStream::new(Cursor::new(package.to_vec()));
                let stream: DynInputStream = Box::new(stream);
                (stream, size.unwrap_or(package.len() as u64))
            });
            let options = RequestOptions {
                auth: Auth::Token(requested.token.into()),
                api_url: Some(requested.api.into()),
                user_agent: None,
            };
            match call(&plugin, requested.api, &target, package, &options).await {
                Ok(result) => describe!(stock_wasi_http, result),
                Err(error) if error.to_string().contains("the guard refuses") => {
                    "invalid-argument".into()
                }
                Err(error) => panic!("{error:?}"),
            }
        });
        assert_eq!(outcome.await, table.outcome(row.name, "own linker, stock"), "{}", row.name);
    }
}
