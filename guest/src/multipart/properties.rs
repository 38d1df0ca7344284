//! Properties of the multipart body, checked with multer, an independent parser.

use super::*;
use futures::executor::block_on;
use futures::stream::{self, Stream};
use multer::bytes::Bytes;
use percent_encoding::percent_decode_str;
use proptest::collection::vec;
use proptest::prelude::*;
use std::convert::Infallible;
use std::task::Poll;

/// Content of `size` bytes that repeats `pieces`: small to generate, to shrink and to print, however large it is.
#[derive(Debug, Clone)]
struct Content {
    pieces: Vec<Piece>,
    size: usize,
}

#[derive(Debug, Clone)]
enum Piece {
    Bytes(Vec<u8>),
    /// The delimiter that ends the part, except for its byte at this index, modulo the length.
    NearlyDelimiter(usize),
}

impl Content {
    fn bytes(&self, multipart: &Multipart) -> Vec<u8> {
        let delimiter = multipart.tail.strip_suffix(b"--\r\n").unwrap();
        let mut unit = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => unit.extend_from_slice(bytes),
                Piece::NearlyDelimiter(index) => {
                    let index = unit.len() + index % delimiter.len();
                    unit.extend_from_slice(delimiter);
                    // Another letter case, a control character for a digit, a CR for a hyphen.
                    unit[index] ^= 0x20;
                }
            }
        }
        let mut bytes = unit.repeat(self.size.div_ceil(unit.len()));
        bytes.truncate(self.size);
        bytes
    }
}

fn content() -> impl Strategy<Value = Content> {
    let piece = prop_oneof![
        vec(any::<u8>(), 1..80).prop_map(Piece::Bytes),
        prop::sample::select(vec!["\r", "\n", "\r\n", "--", "\r\n--", "\r\n\r\n"])
            .prop_map(|text| Piece::Bytes(text.into())),
        any::<usize>().prop_map(Piece::NearlyDelimiter),
    ];
    let size = prop_oneof![
        20 => 0..=200usize,
        10 => 0..=16 * 1024usize,
        5 => (0..=5u32, 0..=2usize).prop_map(|(power, more)| (4096 << power) - 1 + more),
        // Few, since they are slow in a debug build.
        1 => 1024 * 1024..=5 * 1024 * 1024usize,
    ];
    (vec(piece, 1..8), size).prop_map(|(pieces, size)| Content { pieces, size })
}

/// Any name: the strategy of `String` leaves out control characters.
fn file_name() -> impl Strategy<Value = String> {
    let character = prop_oneof![any::<char>(), (0..=0x7f_u8).prop_map(char::from)];
    vec(character, 0..40).prop_map(String::from_iter)
}

/// Returns the body in pieces of these sizes, repeated. The stream is pending before each piece, so that the parser has to process the previous ones.
fn in_pieces(
    mut body: Bytes,
    sizes: Vec<usize>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let mut sizes = sizes.into_iter().cycle();
    let mut waited = false;
    stream::poll_fn(move |context| {
        waited = !waited;
        if waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let size = sizes.next().unwrap_or(usize::MAX).min(body.len());
        Poll::Ready((size > 0).then(|| Ok(body.split_to(size))))
    })
}

struct Part {
    name: Option<String>,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

/// Reads the parts of a body with multer.
fn read(
    content_type: &str,
    body: impl Stream<Item = Result<Bytes, Infallible>> + Send,
) -> multer::Result<Vec<Part>> {
    let mut form = multer::Multipart::new(body, multer::parse_boundary(content_type)?);
    let mut parts = Vec::new();
    block_on(async {
        while let Some(mut field) = form.next_field().await? {
            let mut content = Vec::new();
            while let Some(chunk) = field.chunk().await? {
                content.extend_from_slice(&chunk);
            }
            parts.push(Part {
                name: field.name().map(str::to_owned),
                file_name: field.file_name().map(str::to_owned),
                content_type: field.content_type().map(ToString::to_string),
                content,
            });
        }
        Ok(parts)
    })
}

proptest! {
    #[test]
    fn any_content_and_name_are_read_back_however_the_body_is_split(
        random: [u8; 16],
        name in prop::option::of(file_name()),
        content in content(),
        sizes in vec(prop_oneof![1..=80usize, 1..=64 * 1024usize], 1..8),
    ) {
        let multipart = Multipart::new(&random, name.as_deref());
        let content = content.bytes(&multipart);
        let body = [&multipart.head[..], &content, &multipart.tail].concat();
        prop_assert_eq!(multipart.content_length(content.len() as u64), Some(body.len() as u64));

        // At most a thousand pieces: the parser searches each.
        let at_least = body.len() / 1000;
        let sizes = sizes.into_iter().map(|size| size + at_least).collect();
        let parts = read(&multipart.content_type, in_pieces(body.into(), sizes));

        let [part] = &parts.map_err(|error| TestCaseError::fail(error.to_string()))?[..] else {
            return Err(TestCaseError::fail("not one part"));
        };
        prop_assert_eq!(part.name.as_deref(), Some("package"));
        prop_assert_eq!(part.content_type.as_deref(), Some("application/octet-stream"));
        let name = name.filter(|name| !name.is_empty());
        let escaped = name.as_deref().map_or("package.tar.gz".to_owned(), escape);
        prop_assert_eq!(part.file_name.as_deref(), Some(&*escaped));
        prop_assert!(part.content == content, "{} bytes became {}", content.len(), part.content.len());
    }

    #[test]
    fn an_escaped_name_without_percent_signs_can_be_unescaped(name in file_name()) {
        let name = name.replace('%', "");
        let escaped = escape(&name);
        prop_assert!(!escaped.contains(|c: char| c.is_ascii_control() || c == '"'), "{}", escaped);
        prop_assert_eq!(percent_decode_str(&escaped).decode_utf8().unwrap(), name);
    }
}
