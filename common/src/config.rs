//! The environment of a function, read once, before the first event.
//!
//! The environment holds names and ARNs only; secrets are read from Secrets Manager by name. Every
//! variable that any function reads is a constant here, so that a test can compare them with
//! `template.yaml`. A faulty environment is reported whole, by the names of its variables and
//! never by their values.

use std::fmt;

use crate::naming::StackName;

/// The name of the deployed stack.
pub const STACK: &str = "PILLARBOX_STACK";
/// The name of the DynamoDB table.
pub const TABLE: &str = "PILLARBOX_TABLE";
/// The name of the stack's bucket.
pub const BUCKET: &str = "PILLARBOX_BUCKET";
/// One extra trusted CA certificate in PEM; empty for none.
pub const TRUSTED_CERTIFICATE: &str = "PILLARBOX_TRUSTED_CERTIFICATE";
/// The base URL of the consent pages, without a slash at the end.
pub const PUBLIC_URL: &str = "PILLARBOX_PUBLIC_URL";
/// The least severe level that is logged: a `tracing` level, `info` when absent. Lambda sets it from the
/// `ApplicationLogLevel` of the template.
pub const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Reads variables and remembers every fault until [`Reader::finish`].
pub struct Reader<L> {
    lookup: L,
    faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// Starts to read through `lookup`, which answers `None` for a variable that is not set.
    pub fn new(lookup: L) -> Self {
        Self {
            lookup,
            faults: Vec::new(),
        }
    }

    /// Reads a variable that must be set.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.optional(name, parse);
        if value.is_none() && !self.faults.iter().any(|fault| fault.starts_with(name)) {
            self.faults.push(format!("{name} is not set"));
        }
        value
    }

    /// Reads a variable that may be absent; an empty one counts as absent.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = (self.lookup)(name).filter(|value| !value.trim().is_empty())?;
        match parse(&value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.faults.push(format!("{name} {problem}"));
                None
            }
        }
    }

    /// Reads the variables that every function has.
    pub fn environment(&mut self) -> Option<Environment> {
        let stack = self.required(STACK, |value| {
            StackName::parse(value).map_err(|fault| fault.to_string())
        });
        let table = self.required(TABLE, |value| Ok(value.to_owned()));
        let trusted_certificate = self.optional(TRUSTED_CERTIFICATE, |value| Ok(value.to_owned()));
        Some(Environment {
            stack: stack?,
            table: table?,
            trusted_certificate,
        })
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// When any variable read so far was absent or faulty; the error names them all.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, InvalidEnvironment> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(InvalidEnvironment(self.faults)),
        }
    }
}

/// What every function is told.
#[derive(Debug, Clone)]
pub struct Environment {
    /// [`STACK`].
    pub stack: StackName,
    /// [`TABLE`].
    pub table: String,
    /// [`TRUSTED_CERTIFICATE`].
    pub trusted_certificate: Option<String>,
}

/// The process's own environment, for [`Reader::new`].
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
#[must_use]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Everything that is wrong with the environment, by the names of the variables.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidEnvironment(Vec<String>);

impl fmt::Display for InvalidEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment is faulty: {}", self.0.join("; "))
    }
}

impl std::error::Error for InvalidEnvironment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_named_at_once_and_no_value_is_shown() {
        let mut reader = Reader::new(|name| (name == STACK).then(|| "no stack!".to_owned()));
        let environment = reader.environment();
        let fault = reader
            .finish(environment)
            .expect_err("two variables are faulty")
            .to_string();
        assert_eq!(
            fault,
            "the environment is faulty: PILLARBOX_STACK is not a stack name of a letter and up to 39 letters, digits and hyphens; \
             PILLARBOX_TABLE is not set"
        );
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        let values = |name: &str| match name {
            STACK => Some("mail".to_owned()),
            TABLE => Some("mail-table".to_owned()),
            _ => Some(" ".to_owned()),
        };
        let mut reader = Reader::new(values);
        let environment = reader.environment();
        let environment = reader
            .finish(environment)
            .expect("the environment is complete");
        assert!(environment.trusted_certificate.is_none());
    }
}
