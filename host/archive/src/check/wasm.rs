//! `bin/main.wasm`, read as a stream: what it is, whether it is valid, and what it needs.

use super::finding::Finding;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::mem;
use wasmparser::{
    Chunk, ComponentImportSectionReader, Encoding, FuncToValidate, FuncValidatorAllocations,
    FunctionBody, ImportSectionReader, Imports, KnownCustom, MemoryType, Parser, Payload,
    ProducersSectionReader, TypeRef, ValidPayload, Validator, ValidatorResources, VisitOperator,
    VisitSimdOperator, WasmFeatures,
};

/// What is held of the data, of a function, or of a custom section, in bytes.
const MAX_PIECE: usize = 8 * 1024 * 1024;
/// The same of every other section: the validator keeps tables of what is in it, which take many times as much.
const MAX_TABLE: usize = 256 * 1024;
/// How deep components may be nested in each other.
const MAX_DEPTH: usize = 64;
/// How many modules that something is imported from are told apart; those behind them are left out.
const MAX_IMPORTED: usize = 1000;
/// The longest `producers` section that is read, in bytes.
const MAX_PRODUCERS: usize = 64 * 1024;
/// A custom section of more bytes passes by: debug information, nothing that is read here.
const MAX_CUSTOM: u64 = 1024 * 1024;
/// Numbers of sections.
const CUSTOM: u8 = 0;
const DATA: u8 = 11;

/// What `bin/main.wasm` is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Wasm {
    /// Its length, in bytes.
    pub size: u64,
    /// Module, component, or something else.
    pub format: Format,
    /// Whether it is valid, with all that WebAssembly has today.
    pub validity: Validity,
    /// What its instructions, memories and tags use beyond WebAssembly 1.0, as far as it was validated.
    pub features: Vec<String>,
    /// How many functions, memories and so on it imports, by the module that they come from. A component's are counted by interface.
    pub imports: Vec<(String, usize)>,
    /// The fields of the [`producers` section]: name, and of each value name and version.
    ///
    /// [`producers` section]: https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md
    pub producers: Vec<(String, Vec<(String, String)>)>,
}

/// What a `.wasm` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A core module: what Compute runs.
    Module,
    /// A component.
    Component,
    /// Not WebAssembly.
    Unknown,
}

/// Whether a `.wasm` is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Valid,
    /// It isn't, and why.
    Invalid(String),
    /// It has a part that is too large to be validated in constant memory.
    Unknown(String),
}

impl Wasm {
    /// What is wrong with it.
    pub(super) fn finding(&self) -> Option<Finding> {
        match (self.format, &self.validity) {
            (Format::Unknown, _) => Some(Finding::NotWasm),
            (_, Validity::Invalid(why)) => Some(Finding::InvalidWasm(why.clone())),
            (Format::Component, _) => Some(Finding::Component),
            (Format::Module, Validity::Unknown(why)) => Some(Finding::Unvalidated(why.clone())),
            (Format::Module, Validity::Valid) => None,
        }
    }
}

/// Reads it to where it is known what it is.
pub(super) fn read(size: u64, content: &mut dyn Read) -> io::Result<Wasm> {
    let mut input = Input { content, buffer: Vec::new(), start: 0, ended: false };
    let mut findings = Findings::default();
    let mut parsers = vec![Parser::new(0)];
    let mut functions_left = 0;
    let validity = loop {
        let is_between_sections = findings.format != Format::Unknown && functions_left == 0;
        // Those inside of a component count for the length of what they are in.
        if parsers.len() == 1 && is_between_sections && input.skip_large_custom_section()? {
            continue;
        }
        let Some(parser) = parsers.last_mut() else { break Validity::Valid };
        let (payload, consumed) = match parser.parse(input.bytes(), input.ended) {
            Ok(Chunk::Parsed { payload, consumed }) => (payload, consumed),
            Ok(Chunk::NeedMoreData(more)) => {
                let wanted = input.bytes().len() as u64 + more;
                let limit = match input.bytes().first() {
                    _ if !is_between_sections => MAX_PIECE,
                    Some(&(CUSTOM | DATA)) => MAX_PIECE,
                    _ => MAX_TABLE,
                };
                if wanted > limit as u64 {
                    break Validity::Unknown(format!("a part of {wanted} bytes is too large"));
                }
                input.more(more as usize)?;
                continue;
            }
            Err(error) => break Validity::Invalid(error.to_string()),
        };
        match &payload {
            Payload::CodeSectionStart { count, .. } => functions_left = *count,
            Payload::CodeSectionEntry(_) => functions_left -= 1,
            _ => {}
        }
        match findings.take(&payload, parsers.len() == 1) {
            Ok(Some(_)) if parsers.len() >= MAX_DEPTH => {
                break Validity::Unknown("its components are nested too deeply".into());
            }
            Ok(Some(nested)) => parsers.push(nested),
            Ok(None) if matches!(payload, Payload::End(_)) => drop(parsers.pop()),
            Ok(None) => {}
            Err(error) => break Validity::Invalid(error.to_string()),
        }
        input.start += consumed;
    };
    Ok(Wasm {
        size,
        format: findings.format,
        validity,
        features: findings.used.0.into_iter().map(|name| name.replace('_', "-")).collect(),
        imports: findings.imports.into_iter().collect(),
        producers: findings.producers,
    })
}

/// What was read and not used yet.
struct Input<'a> {
    content: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

impl Input<'_> {
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Reads at least so many bytes more, if there are.
    fn more(&mut self, wanted: usize) -> io::Result<()> {
        self.buffer.drain(..mem::take(&mut self.start));
        let read = (&mut *self.content)
            .take(wanted.max(crate::streams::READ) as u64)
            .read_to_end(&mut self.buffer)?;
        self.ended = read < wanted;
        Ok(())
    }

    fn skip_large_custom_section(&mut self) -> io::Result<bool> {
        const HEADER: usize = 6;
        if self.bytes().len() < HEADER && !self.ended {
            self.more(HEADER)?;
        }
        let Some((&CUSTOM, rest)) = self.bytes().split_first() else { return Ok(false) };
        let Some((size, length)) = leb128(rest) else { return Ok(false) };
        if size <= MAX_CUSTOM {
            return Ok(false);
        }
        let whole = 1 + length as u64 + size;
        let buffered = whole.min(self.bytes().len() as u64);
        self.start += buffered as usize;
        let left = whole - buffered;
        let skipped = io::copy(&mut (&mut *self.content).take(left), &mut io::sink())?;
        let is_whole = skipped == left;
        if !is_whole {
            // The parser is to see that it is cut short.
            self.buffer = vec![CUSTOM, 1];
            self.start = 0;
            self.ended = true;
        }
        Ok(is_whole)
    }
}

/// An unsigned number of 32 bits, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

struct Findings {
    format: Format,
    validator: Validator,
    allocations: FuncValidatorAllocations,
    used: Used,
    imports: BTreeMap<String, usize>,
    producers: Vec<(String, Vec<(String, String)>)>,
    memories: usize,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            format: Format::Unknown,
            validator: Validator::new_with_features(WasmFeatures::all()),
            allocations: FuncValidatorAllocations::default(),
            used: Used::default(),
            imports: BTreeMap::new(),
            producers: Vec::new(),
            memories: 0,
        }
    }
}

impl Findings {
    /// Validates a part and notes what it says. `outermost`: it isn't in a module or component within. Returns the parser of one that
    /// begins here.
    fn take(
        &mut self,
        payload: &Payload<'_>,
        outermost: bool,
    ) -> wasmparser::Result<Option<Parser>> {
        let nested = match self.validator.payload(payload)? {
            ValidPayload::Func(function, body) => {
                self.function(function, &body)?;
                None
            }
            ValidPayload::Parser(parser) => Some(parser),
            ValidPayload::Ok | ValidPayload::End(_) => None,
        };
        match payload {
            Payload::Version { encoding, .. } if outermost => {
                self.format = match encoding {
                    Encoding::Module => Format::Module,
                    Encoding::Component => Format::Component,
                };
            }
            Payload::ImportSection(section) if outermost => self.imports(section)?,
            Payload::ComponentImportSection(section) if outermost => self.interfaces(section)?,
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memory(memory?);
                }
            }
            Payload::TagSection(_) => self.used.note("exceptions"),
            Payload::CustomSection(section) if outermost => {
                if section.data().len() <= MAX_PRODUCERS
                    && self.producers.is_empty()
                    && let KnownCustom::Producers(section) = section.as_known()
                {
                    // Of a section that nobody needs what can be read is enough.
                    let _ = self.producers(&section);
                }
            }
            _ => {}
        }
        Ok(nested)
    }

    fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> wasmparser::Result<()> {
        let mut validator = function.into_validator(mem::take(&mut self.allocations));
        validator.validate(body)?;
        self.allocations = validator.into_allocations();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            operators.visit_operator(&mut self.used)?;
        }
        Ok(())
    }

    fn imports(&mut self, section: &ImportSectionReader<'_>) -> wasmparser::Result<()> {
        for imports in section.clone() {
            let (module, count) = match imports? {
                Imports::Single(_, import) => {
                    if let TypeRef::Memory(memory) = import.ty {
                        self.memory(memory);
                    }
                    (import.module, 1)
                }
                Imports::Compact1 { module, items } => (module, items.count() as usize),
                Imports::Compact2 { module, names, .. } => (module, names.count() as usize),
            };
            self.imported(module, count);
        }
        Ok(())
    }

    fn interfaces(&mut self, section: &ComponentImportSectionReader<'_>) -> wasmparser::Result<()> {
        for import in section.clone() {
            self.imported(import?.name.name, 1);
        }
        Ok(())
    }

    fn imported(&mut self, module: &str, count: usize) {
        if self.imports.len() < MAX_IMPORTED || self.imports.contains_key(module) {
            *self.imports.entry(module.to_owned()).or_default() += count;
        }
    }

    fn memory(&mut self, memory: MemoryType) {
        self.memories += 1;
        if self.memories > 1 && self.format == Format::Module {
            self.used.note("multi_memory");
        }
        if memory.shared {
            self.used.note("threads");
        }
        if memory.memory64 {
            self.used.note("memory64");
        }
    }

    fn producers(&mut self, section: &ProducersSectionReader<'_>) -> wasmparser::Result<()> {
        for field in section.clone() {
            let field = field?;
            let mut values = Vec::new();
            for value in field.values {
                let value = value?;
                values.push((value.name.to_owned(), value.version.to_owned()));
            }
            self.producers.push((field.name.to_owned(), values));
        }
        Ok(())
    }
}

/// The proposals that operators come from, by the names that wasmparser has for them.
#[derive(Default)]
struct Used(BTreeSet<&'static str>);

impl Used {
    fn note(&mut self, proposal: &'static str) {
        if proposal != "mvp" {
            self.0.insert(proposal);
        }
    }
}

macro_rules! note {
    ($(@$proposal:ident $operator:ident $({ $($argument:ident: $type:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        $(
            fn $visit(&mut self $($(, _: $type)*)?) {
                self.note(stringify!($proposal));
            }
        )*
    };
}

impl<'a> VisitOperator<'a> for Used {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(note);
}

impl<'a> VisitSimdOperator<'a> for Used {
    wasmparser::for_each_visit_simd_operator!(note);
}
