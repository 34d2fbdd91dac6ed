//! Whether a page can be read and used by everybody, as far as a program can tell: the rules of axe-core.
//!
//! WebDriver runs the rules beside the page; its content security policy, which lets no script of a page run, stands
//! and is not asked.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Browser;
use crate::node::Node;

/// Every rule for levels A and AA of WCAG 2.0 to 2.2, and what is good practice.
const RULES: [&str; 6] = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22aa",
    "best-practice",
];

const RUN: &str = r"
const [rules, done] = arguments;
axe.run({ runOnly: rules, resultTypes: ['violations'] }).then(
    (result) => done({
        passed: result.passes.length,
        violations: result.violations.map((violation) =>
            violation.id + ': ' + violation.help + ' at ' + violation.nodes.map((node) => node.html).join(' ')),
    }),
    (error) => done({ passed: 0, violations: [String(error)] }),
);
";

impl Browser {
    /// Makes sure that the page breaks no rule of accessibility.
    ///
    /// # Errors
    ///
    /// When it does; the error names each rule and the place.
    pub async fn is_accessible(&self, node: &Node) -> Result<()> {
        self.driver.execute(node.axe()?, Vec::new()).await?;
        let result = self.driver.execute_async(RUN, vec![json!(RULES)]).await?;
        let result = result.json();
        let passed = result["passed"].as_u64().unwrap_or_default();
        let violations = result["violations"].as_array().map(Vec::as_slice);
        let violations: Vec<&str> = violations
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        ensure!(violations.is_empty(), "{}", violations.join("\n"));
        ensure!(passed > 5, "the rules were not tried: {result}");
        Ok(())
    }
}
