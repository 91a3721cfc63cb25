// UTF-8 encoding and decoding. The engine in a component has no `TextEncoder`. The functions used
// here are native ones, which are fast.

/** Bytes that are converted with one call. */
const CHUNK = 8192;

export function encoded(text) {
  const bytes = unescape(encodeURIComponent(text.toWellFormed()));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

/** The text of these bytes. Invalid UTF-8 becomes U+FFFD. */
export function decoded(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.slice(at, at + CHUNK));
  }
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return repaired(bytes);
  }
}

/** Unicode 17 §3.9.6: each maximal prefix of an invalid sequence becomes one replacement. */
function repaired(bytes) {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at];
    at += 1;
    let [point, more, low, high] = lead(first);
    for (; more > 0 && bytes[at] >= low && bytes[at] <= high; more -= 1, at += 1) {
      point = (point << 6) | (bytes[at] & 0x3f);
      [low, high] = [0x80, 0xbf];
    }
    text += more === 0 ? String.fromCodePoint(point) : "\ufffd";
  }
  return text;
}

/** The lead byte's bits, the number of bytes after it, and the range of the next one: table 3-7. */
function lead(byte) {
  if (byte < 0x80) return [byte, 0, 0, 0];
  if (byte >= 0xc2 && byte <= 0xdf) return [byte & 0x1f, 1, 0x80, 0xbf];
  if (byte === 0xe0) return [byte & 0x0f, 2, 0xa0, 0xbf];
  if (byte === 0xed) return [byte & 0x0f, 2, 0x80, 0x9f];
  if (byte >= 0xe1 && byte <= 0xef) return [byte & 0x0f, 2, 0x80, 0xbf];
  if (byte === 0xf0) return [byte & 0x07, 3, 0x90, 0xbf];
  if (byte >= 0xf1 && byte <= 0xf3) return [byte & 0x07, 3, 0x80, 0xbf];
  if (byte === 0xf4) return [byte & 0x07, 3, 0x80, 0x8f];
  return [0xfffd, 1, 1, 0];
}
