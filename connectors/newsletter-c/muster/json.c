/* JSON (RFC 8259), written as text and read piece by piece. */

#include <string.h>

#include "muster.h"

/* Nesting depth of arrays and objects, so that the stack does not overflow. */
#define DEPTH 127

static const char HEX[] = "0123456789abcdef";

text_t quoted(text_t text)
{
	static const char ESCAPED[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";
	builder_t json = {0};
	add_byte(&json, '"');
	for (size_t n = 0; n < text.len; n++) {
		uint8_t byte = text.ptr[n];
		const char *escaped = byte ? strchr(ESCAPED, byte) : NULL;
		if (escaped) {
			add_byte(&json, '\\');
			add_byte(&json, (uint8_t)LETTERS[escaped - ESCAPED]);
		} else if (byte < ' ') {
			add(&json, TEXT("\\u00"));
			add_byte(&json, (uint8_t)HEX[byte >> 4]);
			add_byte(&json, (uint8_t)HEX[byte & 15]);
		} else {
			add_byte(&json, byte);
		}
	}
	add_byte(&json, '"');
	return json.text;
}

/* Marks the text as broken, and ends the reading. */
static void give_up(json_t *json)
{
	json->broken = true;
	json->at = json->end;
}

uint8_t json_kind(json_t *json)
{
	while (json->at < json->end && *json->at && strchr(" \t\n\r", *json->at))
		json->at++;
	return json->at < json->end ? *json->at : 0;
}

static bool take(json_t *json, uint8_t byte)
{
	bool there = json->at < json->end && *json->at == byte;
	json->at += there;
	return there;
}

void json_open(json_t *json, uint8_t bracket)
{
	bool opens = json_kind(json) == bracket && json->depth < DEPTH;
	if (!opens || !take(json, bracket))
		give_up(json);
	json->depth++;
	json->begun = false;
}

bool json_more(json_t *json, uint8_t bracket)
{
	bool first = !json->begun;
	json->begun = true;
	if (json_kind(json) == bracket) {
		json->at++;
		json->depth--;
		return false;
	}
	if (!first && !take(json, ','))
		give_up(json);
	if (json->at == json->end)
		give_up(json);
	return !json->broken;
}

text_t json_name(json_t *json)
{
	text_t name = json_string(json);
	json_kind(json);
	if (!take(json, ':'))
		give_up(json);
	return name;
}

/* Four hexadecimal digits; a value above 0xFFFF if there are none. */
static uint32_t unit(json_t *json)
{
	uint32_t value = 0;
	for (int n = 0; n < 4; n++) {
		uint8_t byte = json->at < json->end ? *json->at : 0;
		const char *digit = byte ? strchr(HEX, byte >= 'A' ? byte | 0x20 : byte) : NULL;
		if (!digit)
			return UINT32_MAX;
		value = value << 4 | (uint32_t)(digit - HEX);
		json->at++;
	}
	return value;
}

/* Reads an escape sequence after its backslash. */
static void escape(json_t *json, builder_t *text)
{
	static const char LETTERS[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
	uint8_t letter = json->at < json->end ? *json->at++ : 0;
	const char *simple = letter ? strchr(LETTERS, letter) : NULL;
	if (simple) {
		add_byte(text, (uint8_t)MEANT[simple - LETTERS]);
		return;
	}
	uint32_t point = letter == 'u' ? unit(json) : UINT32_MAX;
	if (point >= 0xD800 && point < 0xDC00 && take(json, '\\') && take(json, 'u')) {
		uint32_t low = unit(json);
		bool pair = low >= 0xDC00 && low < 0xE000;
		point = pair ? 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00) : UINT32_MAX;
	}
	/* A lone surrogate is not a character. */
	if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
		give_up(json);
	else
		add_character(text, point);
}

text_t json_string(json_t *json)
{
	builder_t text = {0};
	if (json_kind(json) != '"')
		give_up(json);
	else
		json->at++;
	while (json->at < json->end) {
		const uint8_t *from = json->at;
		while (json->at < json->end && *json->at != '"' && *json->at != '\\' && *json->at >= ' ')
			json->at++;
		add(&text, (text_t){(uint8_t *)from, (size_t)(json->at - from)});
		if (take(json, '"'))
			return text.text;
		if (!take(json, '\\'))
			break;
		escape(json, &text);
	}
	give_up(json);
	return (text_t){0};
}

static size_t digits(json_t *json)
{
	const uint8_t *from = json->at;
	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return (size_t)(json->at - from);
}

static bool skip_number(json_t *json)
{
	take(json, '-');
	if (!take(json, '0') && digits(json) == 0)
		return false;
	if (take(json, '.') && digits(json) == 0)
		return false;
	if (!take(json, 'e') && !take(json, 'E'))
		return true;
	if (!take(json, '+'))
		take(json, '-');
	return digits(json) > 0;
}

static bool skip_word(json_t *json, text_t word)
{
	text_t there = {(uint8_t *)json->at, word.len};
	bool is_there = (size_t)(json->end - json->at) >= word.len && same(there, word);
	json->at += is_there ? word.len : 0;
	return is_there;
}

void json_skip(json_t *json)
{
	switch (json_kind(json)) {
	case '"':
		json_string(json);
		return;
	case '[':
		for (json_open(json, '['); json_more(json, ']');)
			json_skip(json);
		return;
	case '{':
		for (json_open(json, '{'); json_more(json, '}'); json_skip(json))
			json_name(json);
		return;
	default:
		if (!skip_word(json, TEXT("true")) && !skip_word(json, TEXT("false")) &&
			!skip_word(json, TEXT("null")) && !skip_number(json))
			give_up(json);
	}
}

bool json_done(json_t *json)
{
	return json_kind(json) == 0 && json->at == json->end && !json->broken;
}
