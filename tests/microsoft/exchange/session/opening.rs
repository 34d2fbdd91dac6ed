//! The opening of a dialogue: EHLO, STARTTLS, AUTH.

use std::sync::Arc;

use smtp_proto::{AUTH_LOGIN, AUTH_XOAUTH2};

use super::super::super::lock;
use super::super::auth::Credential;
use super::super::faults::Stage;
use super::super::words;
use super::{End, Session};

/// Which certificate the handshake shows.
#[derive(Clone, Copy)]
pub(super) enum Certificate {
    Right,
    WrongName,
    Impostor,
}

impl Session {
    pub(super) async fn hello(&mut self, octets: usize, is_extended: bool) -> Result<(), End> {
        let stage = if self.is_encrypted {
            Stage::EhloTls
        } else {
            Stage::Ehlo
        };
        if !self.as_usual(stage, octets).await? {
            return Ok(());
        }
        self.is_greeted = true;
        self.transaction = None;
        let peer = self.peer.ip().to_string();
        if is_extended {
            let limits = self.limits();
            let list = words::ehlo(&peer, self.is_encrypted, &limits, &self.withheld);
            self.say(&list);
        } else {
            self.say(&words::helo(&peer));
        }
        Ok(())
    }

    pub(super) async fn start_tls(&mut self, octets: usize) -> Result<(), End> {
        if !self.as_usual(Stage::StartTls, octets).await? {
            return Ok(());
        }
        if self.is_withheld("STARTTLS") {
            return self.unrecognized("STARTTLS").await;
        }
        if !self.is_greeted {
            self.say(words::HELO_FIRST);
            return Ok(());
        }
        if self.is_encrypted {
            self.say(words::TLS_ALREADY);
            return Ok(());
        }
        self.say(words::TLS_READY);
        self.wire.flush().await?;
        if !self.as_usual(Stage::Handshake, 0).await? {
            return Ok(());
        }
        let config = match self.certificate {
            Certificate::Right => &self.shared.tls.right,
            Certificate::WrongName => &self.shared.tls.wrong_name,
            Certificate::Impostor => &self.shared.tls.impostor,
        };
        self.wire.encrypt(Arc::clone(config)).await?;
        self.is_encrypted = true;
        self.is_greeted = false;
        self.shared
            .log
            .note(self.number, |connection| connection.encrypted = true);
        Ok(())
    }

    pub(super) async fn auth(
        &mut self,
        octets: usize,
        mechanism: u64,
        initial: &str,
    ) -> Result<(), End> {
        if !self.as_usual(Stage::Auth, octets).await? {
            return Ok(());
        }
        if !self.is_encrypted {
            self.say(words::STARTTLS_FIRST);
            return Ok(());
        }
        let refusal = if !self.is_greeted {
            Some(words::HELO_FIRST)
        } else if self.account.is_some() {
            Some(words::AUTHENTICATED_ALREADY)
        } else if self.transaction.is_some() {
            Some(words::BAD_SEQUENCE)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.say(refusal);
            return Ok(());
        }
        if mechanism == AUTH_LOGIN {
            return self.auth_login().await;
        }
        if mechanism != AUTH_XOAUTH2 || self.is_withheld("XOAUTH2") || self.is_withheld("AUTH") {
            self.say(words::AUTH_UNKNOWN);
            return Ok(());
        }
        let line = match initial {
            "" => {
                self.say("334 ");
                self.credential_line().await?
            }
            initial => initial.to_owned(),
        };
        if line == "*" {
            self.say(words::AUTH_CANCELLED);
            return Ok(());
        }
        self.credential(&line).await
    }

    /// A password is asked for and never accepted.
    async fn auth_login(&mut self) -> Result<(), End> {
        for prompt in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
            self.say(prompt);
            self.credential_line().await?;
        }
        self.say(&words::known("basic authentication disabled"));
        Ok(())
    }

    async fn credential_line(&mut self) -> Result<String, End> {
        let line = self.wire.line().await?;
        self.shared.log.note(self.number, |connection| {
            connection.commands.push("(credential)".to_owned());
            connection.flights = self.wire.flights();
        });
        let line = String::from_utf8_lossy(&line);
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn credential(&mut self, line: &str) -> Result<(), End> {
        let credential = Credential::parse(line);
        let mut moment = self.moment(Stage::Credential);
        moment.octets = line.len();
        moment.account = credential
            .as_ref()
            .map(|credential| credential.user.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        let Some(credential) = credential else {
            self.say(words::AUTH_MALFORMED);
            return Ok(());
        };
        let account = match self.shared.authenticate(&credential) {
            Ok(account) => account,
            Err(refusal) => {
                self.say(&refusal);
                return Ok(());
            }
        };
        lock(&self.shared.usage).authenticated(&account, self.number);
        if self.is_beyond_connections_at(Stage::Credential, &account) {
            lock(&self.shared.usage).closed(&account, self.number);
            self.say(&words::known("too many connections"));
            return Ok(());
        }
        self.shared.log.note(self.number, |connection| {
            connection.account = Some(account.clone());
        });
        self.account = Some(account);
        self.say(words::AUTHENTICATED);
        Ok(())
    }
}
