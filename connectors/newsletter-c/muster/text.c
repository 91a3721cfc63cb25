/* Texts: building, comparing, encoding for a path, and decoding from an app's bytes. */

#include <stdlib.h>
#include <string.h>

#include "muster.h"

#define REPLACEMENT 0xFFFD

void fail(text_t sentence)
{
	muster_connector_log_log(MUSTER_CONNECTOR_LOG_LEVEL_ERROR, &sentence);
	__builtin_trap();
}

void add(builder_t *to, text_t text)
{
	if (text.len == 0)
		return;
	uint64_t needed = (uint64_t)to->text.len + text.len;
	if (needed > to->room) {
		uint64_t room = needed < 32 ? 32 : needed * 2;
		if (room > SIZE_MAX)
			fail(TEXT("There is no memory left."));
		uint8_t *moved = malloc((size_t)room);
		if (to->text.len > 0)
			memcpy(moved, to->text.ptr, to->text.len);
		to->text.ptr = moved;
		to->room = (size_t)room;
	}
	memcpy(to->text.ptr + to->text.len, text.ptr, text.len);
	to->text.len += text.len;
}

void add_byte(builder_t *to, uint8_t byte)
{
	add(to, (text_t){&byte, 1});
}

void add_character(builder_t *to, uint32_t point)
{
	if (point < 0x80) {
		add_byte(to, (uint8_t)point);
		return;
	}
	unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
	static const uint8_t LEADS[] = {0, 0xC0, 0xE0, 0xF0};
	add_byte(to, (uint8_t)(LEADS[more] | point >> 6 * more));
	while (more-- > 0)
		add_byte(to, (uint8_t)(0x80 | (point >> 6 * more & 0x3F)));
}

text_t join(const text_t *texts, size_t count)
{
	builder_t all = {0};
	for (size_t n = 0; n < count; n++)
		add(&all, texts[n]);
	return all.text;
}

bool same(text_t one, text_t other)
{
	return one.len == other.len && (one.len == 0 || memcmp(one.ptr, other.ptr, one.len) == 0);
}

bool contains(text_t text, uint8_t byte)
{
	return text.len > 0 && memchr(text.ptr, byte, text.len) != NULL;
}

text_t number(uint32_t value)
{
	builder_t digits = {0};
	if (value >= 10)
		add(&digits, number(value / 10));
	add_byte(&digits, (uint8_t)('0' + value % 10));
	return digits.text;
}

static bool between(uint32_t value, uint32_t low, uint32_t high)
{
	return value >= low && value <= high;
}

text_t path(const text_t *segments, size_t count)
{
	builder_t path = {0};
	for (size_t n = 0; n < count; n++) {
		add_byte(&path, '/');
		if (segments[n].len == 0)
			fail(JOIN(TEXT("an empty segment after "), path.text));
		for (size_t at = 0; at < segments[n].len; at++) {
			uint8_t byte = segments[n].ptr[at];
			/* RFC 3986 section 2.3: the unreserved characters. */
			if (between(byte | 0x20, 'a', 'z') || between(byte, '0', '9') ||
				contains(TEXT("-._~"), byte)) {
				add_byte(&path, byte);
			} else {
				add_byte(&path, '%');
				add_byte(&path, "0123456789ABCDEF"[byte >> 4]);
				add_byte(&path, "0123456789ABCDEF"[byte & 15]);
			}
		}
	}
	return path.text;
}

/* Reads the next character, and returns its length in bytes. Unicode 17 section 3.9.6: each maximal
 * prefix of an invalid sequence becomes one replacement. */
static size_t character(const uint8_t *at, const uint8_t *end, uint32_t *point)
{
	uint8_t lead = at[0];
	unsigned more = between(lead, 0xC2, 0xDF) ? 1 : between(lead, 0xE0, 0xEF) ? 2 : 3;
	*point = lead < 0x80 ? lead : REPLACEMENT;
	if (!between(lead, 0xC2, 0xF4))
		return 1;
	uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
	uint32_t read = lead & (0x3F >> more);
	for (unsigned n = 1; n <= more; n++, low = 0x80, high = 0xBF) {
		if ((size_t)(end - at) <= n || !between(at[n], low, high))
			return n;
		read = read << 6 | (at[n] & 0x3F);
	}
	*point = read;
	return more + 1;
}

text_t decoded(const uint8_t *bytes, size_t len)
{
	builder_t text = {0};
	uint32_t point;
	for (const uint8_t *at = bytes, *end = bytes + len; at < end;) {
		at += character(at, end, &point);
		add_character(&text, point);
	}
	return text.text;
}

/* Unicode's White_Space. */
static bool is_space(uint32_t point)
{
	return point == ' ' || between(point, '\t', '\r') || point == 0x85 || point == 0xA0 ||
		point == 0x1680 || between(point, 0x2000, 0x200A) || point == 0x2028 ||
		point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

text_t words(text_t text, size_t most)
{
	builder_t words = {0};
	bool apart = false;
	uint32_t point;
	size_t count = 0;
	for (const uint8_t *at = text.ptr, *end = text.ptr + text.len; at < end;) {
		at += character(at, end, &point);
		if (is_space(point)) {
			apart = count > 0;
			continue;
		}
		size_t more = apart ? 2 : 1;
		if (count + more > most) {
			/* The space may be the last character within the limit. */
			if (apart && count < most)
				add_byte(&words, ' ');
			add(&words, TEXT("…"));
			break;
		}
		if (apart)
			add_byte(&words, ' ');
		add_character(&words, point);
		count += more;
		apart = false;
	}
	return words.text;
}
