//! The bodies of journal rows: the texts that no query looks at, in a compact form.
//!
//! A body is a version, a length, and an LZ4 block of texts. Documents before and after a change are
//! nearly the same, and all of them have the same names and URNs: so a block refers to what stands in it
//! already, and to a dictionary, which is a text of this module and what the columns of the row say. A
//! body of an operation has about a quarter of the size of its texts. Nothing but its row is needed to
//! read it.
//!
//! A body is not encrypted with a key of its person. The key would be a row of the same file, and of each
//! copy of it, and would cost a create what a second row of the directory costs: 7 of its 55 µs of the
//! writing thread, and 60 bytes. What is to be erased is found by its resource (`operation_of_resource`) and
//! written again without it.
//!
//! Every version stays readable for ever. A change of the format, or of the dictionary, is a new version.

use anyhow::{Context as _, Result, bail, ensure};

/// The version that is written.
const VERSION: u8 = 1;

/// What journal rows usually contain; what is most frequent is last.
const DICTIONARY: &str = include_str!("body/dictionary_1.txt");

/// No body has more texts than these.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// The body of these texts. `columns` are values of the row that stay as they are, and that the texts are
/// likely to contain.
pub(super) fn encode(texts: &[Option<&str>], columns: &[&str]) -> Vec<u8> {
    let length = texts.iter().flatten().map(|it| it.len() + 5).sum::<usize>() + texts.len();
    let mut plain = Vec::with_capacity(length);
    for text in texts {
        put_length(&mut plain, text.map_or(0, |it| it.len() + 1));
    }
    texts.iter().flatten().for_each(|text| plain.extend_from_slice(text.as_bytes()));
    let mut body = vec![VERSION];
    put_length(&mut body, plain.len());
    body.extend(lz4_flex::block::compress_with_dict(&plain, &dictionary(columns)));
    body
}

/// The texts of a body, which was made with the same columns.
pub(super) fn decode<const N: usize>(body: &[u8], columns: &[&str]) -> Result<[Option<String>; N]> {
    let Some((&VERSION, mut rest)) = body.split_first() else {
        bail!("the version of a journal row's body is unknown: a newer muster wrote it");
    };
    let length = take_length(&mut rest)?;
    ensure!(length <= MOST_BYTES, "a journal row's body says that it is too large");
    let plain = lz4_flex::block::decompress_with_dict(rest, length, &dictionary(columns));
    let plain = plain.context("a journal row's body is damaged")?;
    let mut rest = plain.as_slice();
    let mut lengths = [0; N];
    for length in &mut lengths {
        *length = take_length(&mut rest)?;
    }
    let mut texts = [const { None }; N];
    for (text, length) in texts.iter_mut().zip(lengths) {
        let Some(length) = length.checked_sub(1) else { continue };
        let (this, others) = rest.split_at_checked(length).context("a body is cut off")?;
        *text = Some(std::str::from_utf8(this)?.to_owned());
        rest = others;
    }
    Ok(texts)
}

fn dictionary(columns: &[&str]) -> Vec<u8> {
    let mut dictionary = Vec::with_capacity(DICTIONARY.len() + 256);
    dictionary.extend_from_slice(DICTIONARY.as_bytes());
    columns.iter().for_each(|column| dictionary.extend_from_slice(column.as_bytes()));
    dictionary
}

/// Seven bits in each byte, the lowest first; the highest bit says that another byte follows.
fn put_length(to: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        to.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}

fn take_length(from: &mut &[u8]) -> Result<usize> {
    let mut length = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = from.split_first().context("a journal row's body is cut off")?;
        *from = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(length);
        }
    }
    bail!("a journal row's body has a length that is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_were_written() {
        let long = "é".repeat(100_000);
        for texts in [
            [None, None, None],
            [Some(""), None, Some("a")],
            [Some("{\"schemas\":[]}"), Some(long.as_str()), Some("\u{0}\u{1f}")],
        ] {
            let columns = ["01a22c46-f921-755b-b8f4-9d27a8e33a3a", "acme"];
            let body = encode(&texts, &columns);
            let read: [Option<String>; 3] = decode(&body, &columns).unwrap();
            assert_eq!(read.each_ref().map(|it| it.as_deref()), texts);
        }
    }

    /// Every body of version 1 refers to it.
    #[test]
    fn the_dictionary_of_version_1_never_changes() {
        let dictionary = DICTIONARY.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!(
            dictionary, DICTIONARY_HASH,
            "the dictionary of version 1 has changed: add version 2 instead"
        );
    }

    const DICTIONARY_HASH: u64 = 0xc343_1447_ce2f_e30b;

    #[test]
    fn a_damaged_body_is_an_error() {
        let columns = ["acme"];
        let body = encode(&[Some("{\"schemas\":[\"urn:ietf\"]}"), Some("b")], &columns);
        for end in 0..body.len() {
            assert!(decode::<2>(&body[..end], &columns).is_err(), "{end}");
        }
        assert!(decode::<2>(&[9, 1, 2, 3], &columns).is_err());
    }
}
