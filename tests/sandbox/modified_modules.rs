//! Hostile variants of modules, which no compiler would write.

/// The variables of the function that takes long to compile.
const VARIABLES: usize = 20_000;

/// A small module that takes very long to compile: with an added function whose many variables are
/// all live throughout a loop.
pub(crate) fn slow_to_compile(module: &[u8]) -> Vec<u8> {
    with_function(module, &slow_body())
}

/// A module with a function of so many blocks within each other.
pub(super) fn deeply_nested(module: &[u8], depth: usize) -> Vec<u8> {
    // 5.4.1: a block without parameters and results, and its end. 5.5.13: no variables.
    let blocks = [b"\x02\x40".repeat(depth), b"\x0b".repeat(depth)].concat();
    with_function(module, &[b"\0", &blocks[..], b"\x0b"].concat())
}

/// A module with another function of this body.
fn with_function(module: &[u8], body: &[u8]) -> Vec<u8> {
    let mut types = 0;
    changed(module, |section, count, entries| {
        let added = match section {
            // WebAssembly 5.5.4: a function type without parameters and results.
            1 => {
                types = count;
                b"\x60\0\0".to_vec()
            }
            // 5.5.6: a function of that type.
            3 => encoded(types),
            // 5.5.13: its code.
            10 => with_length(body),
            _ => return None,
        };
        Some([encoded(count + 1), entries.to_vec(), added].concat())
    })
}

/// A module with this many initial pages of memory.
pub(super) fn with_initial_memory(module: &[u8], pages: usize) -> Vec<u8> {
    // 5.5.8: one memory, without a maximum.
    let memory = [b"\x01\0".to_vec(), encoded(pages)].concat();
    changed(module, |section, _, _| (section == 5).then(|| memory.clone()))
}

/// A module with some sections replaced. `change` takes a section's id, the number of its entries
/// and the entries, and returns the new content, or none to keep it.
fn changed(module: &[u8], mut change: impl FnMut(u8, usize, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut changed = module[..8].to_vec();
    for (section, content) in sections(module) {
        let (count, entries) = number(content);
        let content = change(section, count, entries).unwrap_or_else(|| content.to_vec());
        changed.push(section);
        changed.extend(with_length(&content));
    }
    changed
}

/// A loop in which each variable is set to the product of two others.
fn slow_body() -> Vec<u8> {
    let mut body = [&b"\x01"[..], &encoded(VARIABLES), b"\x7e\x03\x40"].concat();
    for n in 0..VARIABLES {
        let [other, next] = [n * 7 + 1, n + 1].map(|n| encoded(n % VARIABLES));
        body.extend([b"\x20", &encoded(n)[..], b"\x20", &other, b"\x7e\x21", &next].concat());
    }
    body.extend(b"\x20\0\xa7\x0d\0\x0b\x0b");
    body
}

/// The sections of a module or a component: each one's id and content.
pub(super) fn sections(wasm: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut sections, mut rest) = (Vec::new(), &wasm[8..]);
    while let [section, sized @ ..] = rest {
        let (length, content) = number(sized);
        let (content, after) = content.split_at(length);
        sections.push((*section, content));
        rest = after;
    }
    sections
}

pub(super) fn with_length(content: &[u8]) -> Vec<u8> {
    [&encoded(content.len()), content].concat()
}

/// A LEB128 number, and the bytes after it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let digits = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let (digits, rest) = bytes.split_at(digits);
    (digits.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f)), rest)
}

pub(super) fn encoded(mut number: usize) -> Vec<u8> {
    let mut digits = Vec::new();
    while number >= 0x80 {
        digits.push(number as u8 | 0x80);
        number >>= 7;
    }
    digits.push(number as u8);
    digits
}
