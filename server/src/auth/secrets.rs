//! Passwords and tokens: how they are made, and what of them is stored.

use argon2::{
    Argon2, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{self, SaltString},
};
use rand::RngCore;

/// Before every bearer token, so that secret scanners and people recognise one.
const TOKEN_PREFIX: &str = "amd_";

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // From the thread's generator, which is seeded and reseeded by the operating system.
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new session's secret: 256 random bits.
pub(super) fn new_session_token() -> String {
    hex(&random::<32>())
}

/// A new bearer token, to be shown once: 256 random bits behind `amd_`.
#[must_use]
pub fn new_bearer_token() -> String {
    format!("{TOKEN_PREFIX}{}", hex(&random::<32>()))
}

/// What is stored of a session's or bearer token. A fast hash will do: the token has 256 random
/// bits, so there is nothing to guess.
#[must_use]
pub fn hash_token(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// A password of 100 random bits, in groups that can be read aloud.
#[must_use]
pub fn new_password() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let letters: Vec<char> = random::<20>().iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

/// Argon2id in PHC string format, with the crate's defaults (19 MiB, two passes), which are those
/// that OWASP recommends. Takes tens of milliseconds: call it where blocking is allowed.
///
/// # Errors
/// Only for a password above 4 GiB, or when the system has no randomness.
pub fn hash_password(password: &str) -> Result<String, password_hash::Error> {
    let salt = SaltString::encode_b64(&random::<16>())?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt)?.to_string())
}

/// Whether the password is the one behind the hash. A stored hash that cannot be read is an error,
/// not a wrong password.
pub(super) fn verify_password(password: &str, stored: &str) -> Result<bool, password_hash::Error> {
    let hash = PasswordHash::new(stored)?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::Password) => Ok(false),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_eq!(verify_password("correct horse", &hash), Ok(true));
        assert_eq!(verify_password("battery staple", &hash), Ok(false));
        assert!(verify_password("correct horse", "not a hash").is_err());
    }

    #[test]
    fn secrets_differ_and_have_their_form() {
        assert_ne!(new_session_token(), new_session_token());
        assert_eq!(new_session_token().len(), 64);
        assert!(new_bearer_token().starts_with("amd_"));
        let password = new_password();
        assert_eq!(password.len(), 24, "{password}");
        assert_eq!(password.matches('-').count(), 4);
    }
}
