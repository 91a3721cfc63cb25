//! Modules made worse: what no compiler would leave, and an attacker would.

/// How many variables a bomb has.
const VARIABLES: usize = 20_000;

/// A module that is small and takes very long to compile: it has a function more, whose many
/// variables all live through its loop.
pub(crate) fn armed(module: &[u8]) -> Vec<u8> {
    let mut types = 0;
    changed(module, |section, count, entries| {
        let added = match section {
            // WebAssembly 5.5.4: a type of functions, without parameters and results.
            1 => {
                types = count;
                b"\x60\0\0".to_vec()
            }
            // 5.5.6: a function of that type.
            3 => written(types),
            // 5.5.13: its code.
            10 => sized_by_length(&body()),
            _ => return None,
        };
        Some([written(count + 1), entries.to_vec(), added].concat())
    })
}

/// A module that begins with this many pages of memory.
pub(super) fn bloated(module: &[u8], pages: usize) -> Vec<u8> {
    // 5.5.8: one memory, without a maximum.
    let memory = [b"\x01\0".to_vec(), written(pages)].concat();
    changed(module, |section, _, _| (section == 5).then(|| memory.clone()))
}

/// A module with other sections where `change` gives some. It is asked with a section's id, the
/// number of its entries, and the entries.
fn changed(module: &[u8], mut change: impl FnMut(u8, usize, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let (mut changed, mut rest) = (module[..8].to_vec(), &module[8..]);
    while let [section, sized @ ..] = rest {
        let (length, content) = number(sized);
        let (content, after) = content.split_at(length);
        let (count, entries) = number(content);
        let content = change(*section, count, entries).unwrap_or_else(|| content.to_vec());
        changed.push(*section);
        changed.extend(sized_by_length(&content));
        rest = after;
    }
    changed
}

/// In a loop, each variable becomes the product of two others.
fn body() -> Vec<u8> {
    let mut body = [&b"\x01"[..], &written(VARIABLES), b"\x7e\x03\x40"].concat();
    for n in 0..VARIABLES {
        let [other, next] = [n * 7 + 1, n + 1].map(|n| written(n % VARIABLES));
        body.extend([b"\x20", &written(n)[..], b"\x20", &other, b"\x7e\x21", &next].concat());
    }
    body.extend(b"\x20\0\xa7\x0d\0\x0b\x0b");
    body
}

fn sized_by_length(content: &[u8]) -> Vec<u8> {
    [&written(content.len()), content].concat()
}

/// A number of seven bits in each byte, and what follows it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let digits = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let (digits, rest) = bytes.split_at(digits);
    (digits.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f)), rest)
}

fn written(mut number: usize) -> Vec<u8> {
    let mut digits = Vec::new();
    while number >= 0x80 {
        digits.push(number as u8 | 0x80);
        number >>= 7;
    }
    digits.push(number as u8);
    digits
}
