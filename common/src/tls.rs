//! The one TLS configuration of everything that leaves this product.
//!
//! rustls with aws-lc-rs, TLS 1.2 or newer, names verified against Mozilla's roots and at most a few
//! certificates more that the deployment names. There is no way to turn verification off.

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use std::sync::Arc;

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The extra trusted certificate is not PEM.
    #[error("the extra trusted certificate is not a PEM certificate")]
    NotPem,
    /// The extra trusted certificate cannot anchor trust.
    #[error("the extra trusted certificate cannot be used")]
    Certificate(#[source] rustls::Error),
    /// The cryptographic provider and the protocol versions do not fit.
    #[error("no TLS version is usable")]
    Versions(#[source] rustls::Error),
}

/// Makes the configuration: Mozilla's roots, and the certificates in `extra_ca_pem` beside them.
///
/// The PEM may have lost its line breaks to spaces, as the values of deployment parameters do. A blank value
/// is none.
///
/// # Errors
///
/// When `extra_ca_pem` holds anything but certificates that can anchor trust.
pub fn client_config(extra_ca_pem: Option<&str>) -> Result<ClientConfig, TlsConfigError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = extra_ca_pem.filter(|pem| !pem.trim().is_empty()) {
        for certificate in certificates(pem)? {
            roots
                .add(certificate)
                .map_err(TlsConfigError::Certificate)?;
        }
    }
    Ok(
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsConfigError::Versions)?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// Reads every certificate of a PEM text whose line breaks may be any white space.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";

    let mut certificates = Vec::new();
    let mut rest = pem.trim();
    while !rest.is_empty() {
        let (body, after) = rest
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.split_once(END))
            .ok_or(TlsConfigError::NotPem)?;
        let body: String = body.split_whitespace().collect();
        let whole = format!("{BEGIN}\n{body}\n{END}\n");
        certificates.push(
            CertificateDer::from_pem_slice(whole.as_bytes()).map_err(|_| TlsConfigError::NotPem)?,
        );
        rest = after.trim_start();
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_certificate_is_read_with_line_breaks_and_without() {
        let pem = authority();
        let expected = certificates(&pem).unwrap();
        assert_eq!(expected.len(), 1);
        for spoilt in [
            pem.replace('\n', " "),
            pem.replace('\n', "\r\n"),
            pem.replace("\r\n", "\n"),
            format!("  {pem}\n\n"),
        ] {
            assert_eq!(certificates(&spoilt).unwrap(), expected);
            assert!(client_config(Some(&spoilt)).is_ok());
        }
        assert_eq!(certificates(&format!("{pem}{pem}")).unwrap().len(), 2);
    }

    #[test]
    fn a_blank_certificate_is_none() {
        assert!(client_config(None).is_ok());
        assert!(client_config(Some(" \n")).is_ok());
    }

    #[test]
    fn what_is_not_a_certificate_is_refused() {
        let pem = authority();
        let cut = &pem[..pem.len() / 2];
        let private = pem.replace("CERTIFICATE", "PRIVATE KEY");
        for wrong in [
            "certificate",
            cut,
            &private,
            "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
        ] {
            assert!(client_config(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
