//! The certificate authority of the simulated Microsoft.
//!
//! It signs one certificate for each name under `localhost` that a client asks for by SNI, and whatever else
//! [`Authority::issue`] is asked for. Clients trust it by its PEM text; nothing turns verification off.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::digest::sha256;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::lock;

const PEM_FILE: &str = "authority.pem";
const KEY_FILE: &str = "authority-key.pem";

/// A certificate authority that lives as long as a run, or as long as a directory.
pub struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    provider: Arc<CryptoProvider>,
}

/// A certificate with its private key, both as PEM.
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Errors
    ///
    /// When no key can be made.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = parameters()?.self_signed(&key)?;
        Self::assemble(certificate.pem(), certificate.der().clone(), key)
    }

    /// Takes the authority kept in a directory, or makes one and keeps it there, so that those who trusted it in an
    /// earlier run still do.
    ///
    /// # Errors
    ///
    /// When the files cannot be read or written.
    pub fn load_or_create(directory: &Path) -> Result<Self> {
        let (pem_file, key_file) = (directory.join(PEM_FILE), directory.join(KEY_FILE));
        if !pem_file.exists() || !key_file.exists() {
            let key = KeyPair::generate()?;
            fs::create_dir_all(directory)?;
            fs::write(&key_file, key.serialize_pem())?;
            fs::write(&pem_file, parameters()?.self_signed(&key)?.pem())?;
        }
        let pem = fs::read_to_string(&pem_file)?;
        let key = KeyPair::from_pem(&fs::read_to_string(&key_file)?)?;
        let der = der_of(&pem)?;
        Self::assemble(pem, der, key)
    }

    /// The authority's own certificate, as PEM: what a client has to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-256 hash of the authority's public key in base64, by which Chromium can be told to trust it.
    #[must_use]
    pub fn public_key_hash(&self) -> String {
        let key = self.issuer.key().subject_public_key_info();
        STANDARD.encode(sha256(&key))
    }

    /// A TLS client configuration that trusts this authority and nobody else.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses its own defaults.
    pub fn client_config(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        Ok(ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }

    /// An HTTP client that trusts this authority and nobody else, follows no redirect and uses no proxy.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses its own defaults.
    pub fn http_client(&self) -> Result<reqwest::ClientBuilder> {
        Ok(reqwest::Client::builder()
            .tls_backend_preconfigured(self.client_config()?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy())
    }

    /// Signs a certificate for the names, for a server that is not part of the simulated Microsoft.
    ///
    /// # Errors
    ///
    /// When a name is neither a DNS name nor an IP address.
    pub fn issue(&self, names: &[&str]) -> Result<Issued> {
        let (certificate, key) = self.sign(names)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// A TLS server configuration that shows the certificate for the name the client asks for.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses its own defaults.
    pub fn server_config(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>> {
        let by_name = ByName {
            authority: Arc::clone(self),
            issued: Mutex::default(),
        };
        let mut config = self.server_builder()?.with_cert_resolver(Arc::new(by_name));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// A TLS server configuration that shows a certificate for these names whatever the client asks for.
    pub(super) fn fixed_server_config(&self, names: &[&str]) -> Result<Arc<ServerConfig>> {
        let (certificate, key) = self.sign(names)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = self
            .server_builder()?
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }

    fn assemble(pem: String, der: CertificateDer<'static>, key: KeyPair) -> Result<Self> {
        Ok(Self {
            pem,
            der,
            issuer: Issuer::new(parameters()?, key),
            provider: Arc::new(aws_lc_rs::default_provider()),
        })
    }

    fn server_builder(
        &self,
    ) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>> {
        Ok(ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth())
    }

    fn sign(&self, names: &[&str]) -> Result<(rcgen::Certificate, KeyPair)> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let common_name = names.first().cloned().unwrap_or_default();
        let mut parameters = CertificateParams::new(names)?;
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2099, 1, 1);
        parameters
            .distinguished_name
            .push(DnType::CommonName, common_name);
        parameters.use_authority_key_identifier_extension = true;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok((certificate, key))
    }

    fn certified(&self, names: &[&str]) -> Result<CertifiedKey> {
        let (certificate, key) = self.sign(names)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(CertifiedKey::new(
            // A browser that knows the authority by its key looks for it among the certificates that it is shown.
            vec![certificate.der().clone(), self.der.clone()],
            self.provider.key_provider.load_private_key(key)?,
        ))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}

/// Shows each name under `localhost` a certificate of its own, signed on first use.
#[derive(Debug)]
struct ByName {
    authority: Arc<Authority>,
    issued: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that asks for a stranger's name gets ours, and is right to turn away.
        let name = hello
            .server_name()
            .filter(|name| name.ends_with(".localhost"))
            .unwrap_or("localhost");
        let mut issued = lock(&self.issued);
        if let Some(known) = issued.get(name) {
            return Some(Arc::clone(known));
        }
        let loopback = [
            IpAddr::from(Ipv4Addr::LOCALHOST).to_string(),
            IpAddr::from(Ipv6Addr::LOCALHOST).to_string(),
        ];
        let fresh = Arc::new(
            self.authority
                .certified(&[name, &loopback[0], &loopback[1]])
                .ok()?,
        );
        issued.insert(name.to_owned(), Arc::clone(&fresh));
        Some(fresh)
    }
}

fn parameters() -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2099, 1, 1);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Simulated Microsoft, for tests only");
    Ok(parameters)
}

fn der_of(pem: &str) -> Result<CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes())
        .context("the authority's file is not a PEM certificate")
}

#[cfg(test)]
mod tests {
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    /// Whether a client that trusts the PEM text accepts the certificate under the name.
    fn trusts(pem: &str, issued: &Issued, name: &str) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(der_of(pem).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let certificate =
            CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let verifier = verifier.build().unwrap();
        verifier
            .verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
            .is_ok()
    }

    #[test]
    fn an_authority_vouches_for_the_names_it_was_given() {
        let authority = Authority::new().unwrap();
        let issued = authority
            .issue(&["pillarbox.localhost", "127.0.0.1"])
            .unwrap();
        assert!(trusts(authority.pem(), &issued, "pillarbox.localhost"));
        assert!(trusts(authority.pem(), &issued, "127.0.0.1"));
        assert!(!trusts(authority.pem(), &issued, "login.localhost"));
        assert!(!trusts(
            Authority::new().unwrap().pem(),
            &issued,
            "pillarbox.localhost"
        ));
    }

    #[test]
    fn a_kept_authority_is_the_same_in_the_next_run() {
        let directory = tempfile::tempdir().unwrap();
        let first = Authority::load_or_create(directory.path()).unwrap();
        let second = Authority::load_or_create(directory.path()).unwrap();
        assert_eq!(first.pem(), second.pem());
        assert!(trusts(
            first.pem(),
            &second.issue(&["smtp.localhost"]).unwrap(),
            "smtp.localhost"
        ));
    }
}
