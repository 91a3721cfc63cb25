//! Signatures that are trusted, and signatures that are not.

use super::*;

const WASM: &[u8] = b"\0asm\x01\0\0\0\x01\x02ab";

fn key(byte: u8) -> SigningKey {
    SigningKey(ed25519_dalek::SigningKey::from_bytes(&[byte; 32]))
}

fn trusting(keys: &[(&str, u8)]) -> Keyring {
    Keyring::of(keys.iter().map(|(name, byte)| key(*byte).public(name)))
}

#[track_caller]
fn check(wasm: &[u8], keys: &[(&str, u8)], expected: Result<&str, &str>) {
    let keyring = trusting(keys);
    let signer = keyring.signer(wasm).map(|it| it.name.as_str());
    match expected {
        Ok(name) => assert_eq!(signer, Ok(name)),
        Err(why) => {
            let said = signer.unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}

#[test]
fn a_trusted_signature_is_found_among_others() {
    let once = key(1).sign(WASM).unwrap();
    check(&once, &[("acme", 1)], Ok("acme"));
    let twice = key(2).sign(&once).unwrap();
    check(&twice, &[("acme", 1)], Ok("acme"));
    check(&twice, &[("other", 3), ("two", 2)], Ok("two"));
    // Signed again by the same key, it does not grow.
    assert_eq!(key(2).sign(&twice).unwrap(), twice);
    assert_eq!(key(1).sign(&twice).unwrap().len(), twice.len());
}

#[test]
fn a_file_without_a_trusted_signature_is_refused() {
    check(WASM, &[("acme", 1)], Err("is not signed"));
    check(b"no wasm", &[("acme", 1)], Err("is not signed"));
    let signed = key(1).sign(WASM).unwrap();
    check(&signed, &[("other", 2)], Err(&key(1).public("").fingerprint()));
    let truncated = &signed[..signed.len() - 1];
    check(truncated, &[("acme", 1)], Err("is not signed"));
}

#[test]
fn a_file_that_was_changed_after_it_was_signed_is_refused() {
    let signed = key(1).sign(WASM).unwrap();
    for place in [10, 11, signed.len() - 1] {
        let mut changed = signed.clone();
        changed[place] ^= 1;
        check(&changed, &[("acme", 1)], Err("changed after acme"));
    }
    // With a section added after it, the signature is part of the content.
    let longer = [signed.as_slice(), &custom("more", b"x")].concat();
    check(&longer, &[("acme", 1)], Err("is not signed"));
    // A signature of the same key for another file is not valid.
    let other = key(1).sign(b"\0asm\x01\0\0\0").unwrap();
    let moved = [WASM, &other[8..]].concat();
    check(&moved, &[("acme", 1)], Err("changed after acme"));
}

#[test]
fn signatures_do_not_change_a_files_content() {
    let (one, other) = (key(1).sign(WASM).unwrap(), key(2).sign(WASM).unwrap());
    assert!(equal_but_for_signatures(&one, &other));
    assert!(equal_but_for_signatures(WASM, &other));
    assert!(!equal_but_for_signatures(b"\0asm\x01\0\0\0", &one));
    assert!(!equal_but_for_signatures(b"", b""));
}

#[test]
fn keys_are_written_and_read_in_the_format_of_openssl() {
    let pem = key(1).to_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let public = key(1).public("acme");
    assert_eq!(SigningKey::from_pem(&pem).unwrap().public("acme"), public);
    let pem = public.to_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(PublicKey::from_pem("acme", &pem).unwrap(), public);
    let error = format!("{:#}", SigningKey::from_pem(&pem).unwrap_err());
    assert!(error.contains("not a private Ed25519 key"), "{error}");
    let drawn = SigningKey::generate().unwrap().public("").fingerprint();
    assert_ne!(drawn, SigningKey::generate().unwrap().public("").fingerprint());
}
