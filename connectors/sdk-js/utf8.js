// Text and its bytes. The engine in a component has no `TextEncoder`; what it has runs natively.

/** Characters that a function is called with at once. */
const AT_ONCE = 8192;

export function encoded(text) {
  const bytes = unescape(encodeURIComponent(text.toWellFormed()));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

/** What is no UTF-8 becomes U+FFFD. */
export function decoded(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += AT_ONCE) {
    text += String.fromCharCode(...bytes.slice(at, at + AT_ONCE));
  }
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return mended(bytes);
  }
}

/** Unicode 17 §3.9.6: each longest beginning of a character that goes wrong is one replacement. */
function mended(bytes) {
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

/** Its bits, how many bytes follow, and between what the next one lies: table 3-7. */
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
