//! Reads `bin/main.wasm` as a stream: its format, its validity, its imports and features.

use super::finding::Finding;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::mem;
use wasmparser::{
    BinaryReader, Chunk, Encoding, FuncToValidate, FuncValidatorAllocations, FunctionBody,
    ImportSectionReader, Imports, KnownCustom, MemoryType, Parser, Payload, ProducersSectionReader,
    TypeRef, ValidPayload, Validator, ValidatorResources, VisitOperator, VisitSimdOperator,
    WasmFeatures,
};

/// Limit on data, a function, or a custom section held in memory, in bytes.
const MAX_PIECE: usize = 8 * 1024 * 1024;
/// Limit on any other section, in bytes. The validator's tables of its contents are many times as large.
const MAX_TABLE: usize = 256 * 1024;
/// Limit on the nesting of components.
const MAX_DEPTH: usize = 64;
/// Limit on the modules that are imported from. The rest is omitted.
const MAX_IMPORTED: usize = 1000;
/// Limit on the `producers` section, in bytes.
const MAX_PRODUCERS: usize = 64 * 1024;
/// Longer custom sections are skipped: they are debug information.
const MAX_CUSTOM: u32 = 1024 * 1024;
// Section IDs.
const CUSTOM: u8 = 0;
const DATA: u8 = 11;

/// The properties of `bin/main.wasm`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Wasm {
    /// Its size, in bytes.
    pub size: u64,
    /// Its format. `None` if it isn't WebAssembly.
    pub format: Option<Format>,
    /// Whether it is valid, with all current proposals of WebAssembly enabled.
    #[serde(rename = "valid")]
    pub validity: Validity,
    /// The proposals beyond WebAssembly 1.0 that its instructions, memories and tags use, as far as it was validated.
    pub features: Vec<String>,
    /// The imports, by module.
    pub imports: Vec<ModuleImports>,
    /// The fields of the [`producers` section]: name, and the name and version of each value.
    ///
    /// [`producers` section]: https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md
    #[serde(skip)]
    pub producers: Vec<(String, Vec<(String, String)>)>,
}

/// The format of a `.wasm` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A core module, as Compute runs it.
    Module,
    /// A component.
    Component,
}

/// The imports from a module, or of an interface by a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleImports {
    /// The name of the module or interface.
    pub module: String,
    /// Number of imports.
    pub count: usize,
}

/// The validity of a `.wasm` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validity {
    /// Valid.
    Valid,
    /// Invalid, with the reason.
    Invalid(String),
    /// Not fully validated, with the reason: a part is too large for constant memory.
    Unknown(String),
}

impl Serialize for Validity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_known = !matches!(self, Self::Unknown(_));
        is_known.then_some(*self == Self::Valid).serialize(serializer)
    }
}

impl Wasm {
    /// Returns its most important problem.
    pub(super) fn finding(&self) -> Option<Finding> {
        match (self.format, &self.validity) {
            (None, _) => Some(Finding::NotWasm),
            (_, Validity::Invalid(why)) => Some(Finding::InvalidWasm(why.clone())),
            (Some(Format::Component), _) => Some(Finding::Component),
            (_, Validity::Unknown(why)) => Some(Finding::Unvalidated(why.clone())),
            (_, Validity::Valid) => None,
        }
    }
}

/// Reads the file until its properties are known.
pub(super) fn read(size: u64, content: &mut dyn Read) -> io::Result<Wasm> {
    let mut input = Input { content, buffer: Vec::new(), start: 0, ended: false };
    let validator = Validator::new_with_features(WasmFeatures::all());
    let mut properties = Properties { validator, ..Properties::default() };
    let mut parsers = vec![Parser::new(0)];
    let mut functions_left = 0;
    let validity = loop {
        let is_between_sections = properties.format.is_some() && functions_left == 0;
        // A section inside of a component counts for the length of the enclosing section.
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
        match properties.add(&payload, parsers.len() == 1) {
            Ok(Some(_)) if parsers.len() >= MAX_DEPTH => {
                break Validity::Unknown("components are nested too deeply".into());
            }
            Ok(Some(nested)) => parsers.push(nested),
            Ok(None) if matches!(payload, Payload::End(_)) => drop(parsers.pop()),
            Ok(None) => {}
            Err(error) => break Validity::Invalid(error.to_string()),
        }
        input.start += consumed;
    };
    let imports = properties.imports.into_iter();
    Ok(Wasm {
        size,
        format: properties.format,
        validity,
        features: properties.features.0.into_iter().map(|name| name.replace('_', "-")).collect(),
        imports: imports.map(|(module, count)| ModuleImports { module, count }).collect(),
        producers: properties.producers,
    })
}

/// The bytes that were read but not parsed yet.
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

    /// Reads at least `wanted` more bytes, unless the file ends.
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
        let mut length = BinaryReader::new(rest, 0);
        let Some(size) = length.read_var_u32().ok().filter(|size| *size > MAX_CUSTOM) else {
            return Ok(false);
        };
        let whole = 1 + length.current_position() as u64 + u64::from(size);
        let buffered = whole.min(self.bytes().len() as u64);
        self.start += buffered as usize;
        let left = whole - buffered;
        let skipped = io::copy(&mut (&mut *self.content).take(left), &mut io::sink())?;
        let is_whole = skipped == left;
        if !is_whole {
            // Makes the parser report the truncated section.
            self.buffer = vec![CUSTOM, 1];
            self.start = 0;
            self.ended = true;
        }
        Ok(is_whole)
    }
}

#[derive(Default)]
struct Properties {
    format: Option<Format>,
    validator: Validator,
    allocations: FuncValidatorAllocations,
    features: Features,
    imports: BTreeMap<String, usize>,
    producers: Vec<(String, Vec<(String, String)>)>,
    memories: usize,
}

impl Properties {
    /// Validates a part and adds its properties. `outermost` is set unless it is in a nested module or component. Returns the parser of a
    /// nested one that starts here.
    fn add(
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
                self.format = Some(match encoding {
                    Encoding::Module => Format::Module,
                    Encoding::Component => Format::Component,
                });
            }
            Payload::ImportSection(section) if outermost => self.imports(section)?,
            Payload::ComponentImportSection(section) if outermost => {
                for import in section.clone() {
                    self.add_imports(import?.name.name, 1);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memory(memory?);
                }
            }
            Payload::TagSection(_) => self.features.add("exceptions"),
            Payload::CustomSection(section) if outermost => {
                if section.data().len() <= MAX_PRODUCERS
                    && self.producers.is_empty()
                    && let KnownCustom::Producers(section) = section.as_known()
                {
                    // The section is informational, so that errors in it are ignored.
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
            operators.visit_operator(&mut self.features)?;
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
            self.add_imports(module, count);
        }
        Ok(())
    }

    fn add_imports(&mut self, module: &str, count: usize) {
        if self.imports.len() < MAX_IMPORTED || self.imports.contains_key(module) {
            *self.imports.entry(module.to_owned()).or_default() += count;
        }
    }

    fn memory(&mut self, memory: MemoryType) {
        self.memories += 1;
        if self.memories > 1 && self.format == Some(Format::Module) {
            self.features.add("multi_memory");
        }
        if memory.shared {
            self.features.add("threads");
        }
        if memory.memory64 {
            self.features.add("memory64");
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

/// The proposals in use, by wasmparser's names.
#[derive(Default)]
struct Features(BTreeSet<&'static str>);

impl Features {
    fn add(&mut self, proposal: &'static str) {
        if proposal != "mvp" {
            self.0.insert(proposal);
        }
    }
}

macro_rules! add_proposal {
    ($(@$proposal:ident $operator:ident $({ $($argument:ident: $type:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        $(
            fn $visit(&mut self $($(, _: $type)*)?) {
                self.add(stringify!($proposal));
            }
        )*
    };
}

impl<'a> VisitOperator<'a> for Features {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(add_proposal);
}

impl<'a> VisitSimdOperator<'a> for Features {
    wasmparser::for_each_visit_simd_operator!(add_proposal);
}
