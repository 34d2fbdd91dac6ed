//! Dovecot, as what Postfix asks about tokens: XOAUTH2, with tokens verified by the provider's published key.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tests::microsoft::Microsoft;
use tests::stack::{Supervised, Supervision};

/// The program.
pub(super) const PROGRAM: &str = "/usr/sbin/dovecot";

/// The socket that Postfix asks at, below its queue directory.
pub(super) const SOCKET: &str = "private/auth";

/// Starts it with its files below a directory; it listens at the socket in a moment.
pub(super) fn start(microsoft: &Microsoft, directory: &Path) -> Result<Supervised> {
    let (id, pem) = microsoft.entra().verification_key()?;
    // A token that does not say for which party it was issued is verified with a key below `default`.
    let keys = directory.join("keys/default/RS256");
    fs::create_dir_all(&keys)?;
    fs::write(keys.join(id), pem)?;
    fs::create_dir_all(directory.join("dovecot"))?;
    let path = directory.display();
    let tenant = tests::microsoft::Tenant::new("contoso.com").id;
    fs::write(
        directory.join("oauth2.conf"),
        format!(
            "introspection_mode = local\n\
             local_validation_key_dict = fs:posix:prefix={path}/keys/\n\
             issuers = https://sts.windows.net/{tenant}/\n\
             username_attribute = upn\n"
        ),
    )?;
    let configuration = directory.join("dovecot.conf");
    fs::write(&configuration, settings(&path.to_string()))?;
    let log = fs::File::create(directory.join("dovecot.out"))?;
    Supervision::new(Path::new("python3"), PROGRAM)
        .configure(|command| {
            command.arg("-F").arg("-c").arg(&configuration);
        })
        .spawn(log.try_clone()?.into(), log.into())
}

/// The settings: nothing but the question whether a token is good. Failures are not slowed down, for no trial is an
/// attack.
fn settings(path: &str) -> String {
    format!(
        "base_dir = {path}/dovecot\n\
         state_dir = {path}/dovecot\n\
         log_path = {path}/dovecot.log\n\
         protocols =\n\
         ssl = no\n\
         auth_mechanisms = xoauth2\n\
         auth_failure_delay = 0\n\
         auth_verbose = yes\n\
         service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
         service auth {{\n  unix_listener {path}/queue/{SOCKET} {{\n    mode = 0600\n    user = postfix\n  }}\n}}\n\
         passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {path}/oauth2.conf\n}}\n\
         userdb {{\n  driver = static\n  args = uid=nobody gid=nogroup home=/nonexistent\n}}\n"
    )
}
