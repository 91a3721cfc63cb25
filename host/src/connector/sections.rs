//! The sections of a WebAssembly file, module or component.

/// Bytes before the first section: the magic number, version and layer.
const PREAMBLE: usize = 8;

/// A section: its id, its content, and its offset in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section<'w> {
    pub(super) id: u8,
    pub(super) content: &'w [u8],
    pub(super) at: usize,
}

/// The sections in their order. None if they do not fill the file exactly, for example because the
/// upload was cut.
pub(super) fn sections(wasm: &[u8]) -> Option<Vec<Section<'_>>> {
    let mut rest = wasm.get(PREAMBLE..)?;
    let mut sections = Vec::new();
    while let [id, sized @ ..] = rest {
        let at = wasm.len() - rest.len();
        let (length, content) = number(sized)?;
        let (content, after) = content.split_at_checked(length)?;
        sections.push(Section { id: *id, content, at });
        rest = after;
    }
    Some(sections)
}

impl<'w> Section<'w> {
    /// Name and content of a custom section.
    pub(super) fn custom(&self) -> Option<(&'w [u8], &'w [u8])> {
        let (length, named) = (self.id == 0).then(|| number(self.content)).flatten()?;
        named.split_at_checked(length)
    }
}

/// A custom section.
pub(super) fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let mut named = Vec::new();
    push_number(&mut named, name.len());
    named.extend_from_slice(name.as_bytes());
    named.extend_from_slice(content);
    let mut section = vec![0];
    push_number(&mut section, named.len());
    section.extend(named);
    section
}

/// A LEB128 number (seven bits in each byte, the lowest first), and the bytes after it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let digits = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at(digits);
    let value = number.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    Some((value, rest))
}

fn push_number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sections: &[u8], whole: bool) {
        let wasm = [b"\0asm\x01\0\0\0", sections].concat();
        assert_eq!(super::sections(&wasm).is_some(), whole);
    }

    #[test]
    fn a_file_is_whole_if_its_sections_fill_it() {
        check(b"", true);
        check(b"\x01\x00", true);
        check(b"\x01\x02ab\x02\x01c", true);
        check(b"\x01\x82\x00ab", true);
        check(b"\x01", false);
        check(b"\x01\x02a", false);
        check(b"\x01\x02abc", false);
        check(b"\x01\x82", false);
        check(b"\x01\xff\xff\xff\xff\x0f", false);
        check(b"\x01\xff\xff\xff\xff\xff\x00", false);
        assert_eq!(sections(b"\0asm"), None);
    }

    #[test]
    fn a_custom_section_is_read_as_it_was_written() {
        for length in [0, 1, 127, 128, 70_000] {
            let content = vec![7; length];
            let wasm = [b"\0asm\x01\0\0\0".as_slice(), &custom("acme", &content)].concat();
            let found = sections(&wasm).unwrap();
            assert_eq!(found[0].at, 8);
            assert_eq!(found[0].custom(), Some((b"acme".as_slice(), content.as_slice())));
        }
        let unnamed = Section { id: 0, content: b"\x05acm", at: 8 };
        assert_eq!(unnamed.custom(), None);
    }
}
