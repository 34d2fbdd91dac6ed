//! Templates: mails whose words stand in files of the stack's bucket, and whose data a notification brings.
//!
//! A template is a folder, `templates/<name>/<version>/`, with a `subject.txt` and a `text.txt`, an `html.html` or both. A
//! file for readers of a language has it in its name, `text.de.txt`; who asks for `de-AT` gets `de-AT`, else `de`, else the
//! one without. What a version says never changes once it was used, so that every try of a notification is the same mail:
//! other words are another version.
//!
//! The language is Jinja's, as [minijinja](https://docs.rs/minijinja) has it. What is not defined is an error; html is
//! escaped, text is not. A template includes other files below `templates/` and reaches nothing else.

mod cache;
mod engine;
mod name;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::cache::TemplateCache;
use self::engine::{Files, Stop};
pub use self::name::{InvalidLocale, InvalidTemplateName, Locale, TemplateName};
use crate::notification::{Mail, Notification};
use crate::object::{ObjectError, ObjectKey, ObjectStore, Prefix};

/// The longest file, in octets.
pub const MAX_FILE: usize = 256 * 1024;
/// How many files a mail may be made of.
pub const MAX_FILES: usize = 40;

/// Which template a mail is made of, and with what.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// Which version of it.
    pub version: TemplateName,
    /// The language of its reader.
    pub locale: Option<Locale>,
    /// What its words are filled with.
    pub data: Map<String, Value>,
}

/// The words of a mail, as its template has made them.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: Option<String>,
    /// The html.
    pub html: Option<String>,
}

/// Why a template makes no mail.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template, or the data for it, is wrong; a repeat changes nothing. What it says quotes the template and never
    /// the data.
    #[error("{0}")]
    Faulty(String),
    /// Its files cannot be read now; later they may.
    #[error("the templates cannot be read now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Makes the words of a notification that has a template; one that has none stays as it is.
///
/// # Errors
///
/// As [`Template::render`], and when what the template makes is no mail.
pub async fn fill(
    notification: Notification,
    cache: &TemplateCache,
    store: &impl ObjectStore,
    limit: usize,
    now: Timestamp,
) -> Result<Notification, TemplateError> {
    let Mail::Form(form) = &notification.mail else {
        return Ok(notification);
    };
    let rendered = form.template.render(cache, store, limit, now).await?;
    let filled = notification.filled(rendered);
    filled.map_err(|invalid| TemplateError::Faulty(invalid.to_string()))
}

/// A part of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    const fn stem(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Subject | Self::Text => "txt",
            Self::Html => "html",
        }
    }
}

impl Template {
    /// Makes the words of a mail, each part of up to `limit` octets.
    ///
    /// # Errors
    ///
    /// When the template is not there, is wrong, or lacks data; or when the store does not answer.
    pub async fn render(
        &self,
        cache: &TemplateCache,
        store: &impl ObjectStore,
        limit: usize,
        now: Timestamp,
    ) -> Result<Rendered, TemplateError> {
        let mut reading = Reading {
            cache,
            store,
            now,
            files: Files::default(),
        };
        let subject = self.find(&mut reading, Part::Subject).await?;
        let text = self.find(&mut reading, Part::Text).await?;
        let html = self.find(&mut reading, Part::Html).await?;
        let folder = format!("{}{}/{}", Prefix::Templates, self.name, self.version);
        let Some(subject) = subject else {
            return Err(TemplateError::Faulty(format!(
                "{folder} has no subject.txt"
            )));
        };
        if text.is_none() && html.is_none() {
            return Err(TemplateError::Faulty(format!(
                "{folder} has neither text.txt nor html.html"
            )));
        }
        let parts = [Some(&subject), text.as_ref(), html.as_ref()];
        loop {
            match engine::fill(parts, &reading.files, &self.data, limit) {
                Ok([subject, text, html]) => {
                    return Ok(Rendered {
                        subject: subject.unwrap_or_default(),
                        text,
                        html,
                    });
                }
                Err(Stop::Wants(name)) => {
                    reading.take(&name).await?;
                }
                Err(Stop::Faulty(problem)) => return Err(TemplateError::Faulty(problem)),
            }
        }
    }

    /// Finds the file of a part for the reader's language.
    async fn find<S: ObjectStore>(
        &self,
        reading: &mut Reading<'_, S>,
        part: Part,
    ) -> Result<Option<String>, TemplateError> {
        let (stem, ending) = (part.stem(), part.ending());
        let locales = self.locale.iter().flat_map(Locale::candidates);
        let files = locales
            .map(|locale| format!("{stem}.{locale}.{ending}"))
            .chain([format!("{stem}.{ending}")]);
        for file in files {
            let name = format!("{}/{}/{file}", self.name, self.version);
            if reading.take(&name).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

/// Files on their way from the bucket.
struct Reading<'a, S> {
    cache: &'a TemplateCache,
    store: &'a S,
    now: Timestamp,
    files: Files,
}

impl<S: ObjectStore> Reading<'_, S> {
    /// Reads a file by its name below `templates/`; answers whether there is one.
    async fn take(&mut self, name: &str) -> Result<bool, TemplateError> {
        if self.files.len() == MAX_FILES {
            return Err(TemplateError::Faulty(format!(
                "the template is made of more than {MAX_FILES} files"
            )));
        }
        let file = match self.cache.get(name, self.now) {
            Some(kept) => kept,
            None => {
                let file = self.fetch(name).await?;
                self.cache.keep(name, file.clone(), self.now);
                file
            }
        };
        let is_there = file.is_some();
        self.files.insert(name.to_owned(), file);
        Ok(is_there)
    }

    async fn fetch(&self, name: &str) -> Result<Option<Arc<str>>, TemplateError> {
        let key = format!("{}{name}", Prefix::Templates);
        let location = ObjectKey::parse(&key)
            .ok()
            .and_then(|key| Prefix::Templates.locate(&key).ok());
        // What is no key names no file.
        let Some(location) = location else {
            return Ok(None);
        };
        match self.store.get(&location, None, MAX_FILE).await {
            Ok(object) => match String::from_utf8(object.content) {
                Ok(text) => Ok(Some(text.into())),
                Err(_) => Err(TemplateError::Faulty(format!("{key} is not UTF-8"))),
            },
            // S3 does not tell an absent file from one that may not be read to those who may not list.
            Err(ObjectError::Absent | ObjectError::Denied) => Ok(None),
            Err(ObjectError::TooLarge { limit }) => Err(TemplateError::Faulty(format!(
                "{key} has more than {limit} octets"
            ))),
            Err(error @ ObjectError::Unavailable(_)) => {
                Err(TemplateError::Unavailable(Box::new(error)))
            }
        }
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("locale", &self.locale)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered(…)")
    }
}
