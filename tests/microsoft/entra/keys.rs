//! The key that signs tokens, and the JSON Web Tokens themselves (RFC 7515, RS256).

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::id::random_string;

/// An RSA key with an id.
pub(in super::super) struct SigningKey {
    id: String,
    pair: RsaKeyPair,
}

impl SigningKey {
    pub(super) fn new() -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| anyhow!("the library made no RSA key"))?;
        Ok(Self {
            id: random_string(27),
            pair,
        })
    }

    /// The public part as a JSON Web Key.
    pub(super) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// The id that tokens name the key by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The public part as PEM (RFC 7468).
    pub(super) fn pem(&self) -> Result<String> {
        let der: PublicKeyX509Der<'_> = self
            .pair
            .public_key()
            .as_der()
            .map_err(|_| anyhow!("the library gave no public key"))?;
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        Ok(format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        ))
    }

    pub(super) fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": self.id });
        let mut token = format!("{}.{}", encode(&header)?, encode(claims)?);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .map_err(|_| anyhow!("the library did not sign"))?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }

    /// Checks the signature and gives the claims. Times and audience are for the caller.
    pub(super) fn verify(&self, token: &str) -> Result<Value> {
        let (signed, signature) = token.rsplit_once('.').context("not a signed token")?;
        let (header, claims) = signed.split_once('.').context("not a signed token")?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
        ensure!(header["kid"] == self.id.as_str(), "signed with another key");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature)?)
            .map_err(|_| anyhow!("the signature is wrong"))?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?)
    }
}

fn encode(value: &Value) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_only_as_signed() {
        let key = SigningKey::new().unwrap();
        let token = key.sign(&json!({ "upn": "anna@contoso.com" })).unwrap();
        assert_eq!(key.verify(&token).unwrap()["upn"], "anna@contoso.com");

        let forged = encode(&json!({ "upn": "bob@contoso.com" })).unwrap();
        let mut parts: Vec<&str> = token.split('.').collect();
        parts[1] = &forged;
        key.verify(&parts.join(".")).unwrap_err();
        SigningKey::new().unwrap().verify(&token).unwrap_err();
        key.verify("opaque").unwrap_err();
    }
}
