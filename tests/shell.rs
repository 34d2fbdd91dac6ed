//! Command lines, as pages show them and a shell reads them.

/// The words of a command line, as a shell would hand them to a program: what stands in double quotes is one word.
#[must_use]
pub fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}
