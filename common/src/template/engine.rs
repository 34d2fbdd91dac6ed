//! Fills templates with data. Pure: a file that is not at hand is asked for, and everything begins anew with it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::object::Prefix;

/// How many steps of the engine a part may take. A mail of a thousand rows takes about ten thousand.
const FUEL: u64 = 1_000_000;
/// How deep includes and macros may go.
const DEPTH: usize = 50;

/// Files by their names below `templates/`; nothing where there is none.
pub(super) type Files = BTreeMap<String, Option<Arc<str>>>;

/// Why no words were made.
pub(super) enum Stop {
    /// This file is asked for.
    Wants(String),
    /// The template or its data is wrong.
    Faulty(String),
}

/// Fills the parts that there are.
pub(super) fn fill(
    parts: [Option<&String>; 3],
    files: &Files,
    data: &Map<String, Value>,
    limit: usize,
) -> Result<[Option<String>; 3], Stop> {
    let wanted = Arc::new(Mutex::new(None));
    let environment = environment(files.clone(), Arc::clone(&wanted));
    let data = minijinja::Value::from(Serde(data));
    let mut filled = [const { None }; 3];
    for (part, filled) in parts.into_iter().zip(&mut filled) {
        let Some(name) = part else { continue };
        let mut output = Bounded {
            octets: Vec::new(),
            limit,
        };
        let made = environment
            .get_template(name)
            .and_then(|template| template.render_captured_to(data.clone(), &mut output));
        // A file that is not at hand was taken for none, which is no error where the template says so.
        let wanted = wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(wanted) = wanted {
            return Err(Stop::Wants(wanted));
        }
        made.map_err(|error| Stop::Faulty(problem(&error, name, files, limit)))?;
        let text = String::from_utf8(output.octets);
        *filled = Some(text.map_err(|_| Stop::Faulty(format!("{name} makes no text")))?);
    }
    Ok(filled)
}

fn environment(files: Files, wanted: Arc<Mutex<Option<String>>>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    // So that an error names what is not defined; what else it knows is shown to nobody.
    environment.set_debug(true);
    environment.set_loader(move |name| match files.get(name) {
        Some(file) => Ok(file.as_deref().map(str::to_owned)),
        None => {
            let mut wanted = wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.get_or_insert_with(|| name.to_owned());
            Ok(None)
        }
    });
    environment
}

/// What is wrong, in words that quote the template and never the data.
fn problem(error: &Error, part: &str, files: &Files, limit: usize) -> String {
    let innermost = innermost(error);
    let file = innermost.name().unwrap_or(part);
    let place = format!("{}{file}", Prefix::Templates);
    let line = innermost
        .line()
        .map_or_else(String::new, |line| format!(" line {line}"));
    let kind = innermost.kind();
    // Their details come out of the template.
    let is_of_the_template = matches!(
        kind,
        ErrorKind::UndefinedError
            | ErrorKind::SyntaxError
            | ErrorKind::TemplateNotFound
            | ErrorKind::BadInclude
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
    );
    match innermost.detail() {
        _ if kind == ErrorKind::WriteFailure => format!("{place} makes more than {limit} octets"),
        _ if kind == ErrorKind::OutOfFuel => format!("{place}{line} takes more than {FUEL} steps"),
        Some(detail)
            if kind == ErrorKind::TemplateNotFound
                && !names_what_is_missing(file, files, detail) =>
        {
            format!("{place}{line}: the data names a file to include that is not there")
        }
        Some(detail) if is_of_the_template => format!("{place}{line}: {detail}"),
        Some(_) | None => format!("{place}{line}: {kind}"),
    }
}

/// Whether a template writes out the name of every missing file that `detail` quotes.
fn names_what_is_missing(template: &str, files: &Files, detail: &str) -> bool {
    let source = files.get(template).and_then(Option::as_deref);
    let source = source.unwrap_or_default();
    let missing = files.iter().filter(|(_, file)| file.is_none());
    let mut quoted = missing.filter(|(name, _)| detail.contains(name.as_str()));
    quoted.all(|(name, _)| {
        source.contains(&format!("'{name}'")) || source.contains(&format!("\"{name}\""))
    })
}

/// The error that the others are about: an include fails because of what is included.
fn innermost(error: &Error) -> &Error {
    let mut innermost = error;
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(inner) = inner.downcast_ref::<Error>() {
            innermost = inner;
        }
        source = inner.source();
    }
    innermost
}

/// Takes as much as there is room for.
struct Bounded {
    octets: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.octets.len() + octets.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
