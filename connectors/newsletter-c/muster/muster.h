/* The library for connectors in C, on top of wit-bindgen's bindings of wit/.
 *
 * Memory is never freed: every decision has its own sandbox, which ends with the decision. So a
 * text may be used in any number of places, and a text from an argument may be returned. */
#ifndef MUSTER_H
#define MUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connector.h"

typedef muster_connector_types_account_t account_t;
typedef muster_connector_types_context_t context_t;
typedef muster_connector_types_event_t event_t;
typedef muster_connector_types_exchange_t exchange_t;
typedef muster_connector_types_outcome_t outcome_t;
typedef muster_connector_types_refusal_t refusal_t;
typedef muster_connector_types_request_t request_t;
typedef muster_connector_types_response_t response_t;
typedef muster_connector_types_user_t user_t;
typedef exports_muster_connector_lifecycle_list_exchange_t exchanges_t;

/* text.c: UTF-8 with a length. A text may contain a zero, and does not end with one. */

typedef connector_string_t text_t;

#define TEXT(literal) ((text_t){(uint8_t *)("" literal), sizeof(literal) - 1})
#define TEXTS(...) ((const text_t[]){__VA_ARGS__}), sizeof((text_t[]){__VA_ARGS__}) / sizeof(text_t)
/* The texts, joined. */
#define JOIN(...) join(TEXTS(__VA_ARGS__))
/* A path of segments, each percent-encoded. An empty segment fails the decision, since
 * `DELETE /users/` could delete more than one user. */
#define PATH(...) path(TEXTS(__VA_ARGS__))

/* Ends the decision at once: the operation fails with this sentence, which an operator reads. Use it
 * for errors in the connector. */
[[noreturn]] void fail(text_t sentence);

text_t join(const text_t *texts, size_t count);
text_t path(const text_t *segments, size_t count);
text_t number(uint32_t value);
bool same(text_t one, text_t other);
bool contains(text_t text, uint8_t byte);
/* The text of these bytes. Invalid UTF-8 becomes U+FFFD. */
text_t decoded(const uint8_t *bytes, size_t len);
/* The words of a text with one space between them, shortened to `most` characters. */
text_t words(text_t text, size_t most);

/* A text that grows. */
typedef struct {
	text_t text;
	size_t room;
} builder_t;

void add(builder_t *to, text_t text);
void add_byte(builder_t *to, uint8_t byte);
void add_character(builder_t *to, uint32_t point);

/* json.c: JSON, written as text and read piece by piece.
 *
 *     json_t json = {.at = text.ptr, .end = text.ptr + text.len};
 *     for (json_open(&json, '{'); json_more(&json, '}');) {
 *         text_t name = json_name(&json);
 *         ... json_string(&json), json_skip(&json), or json_open(&json, ...) again
 *     }
 *     if (!json_done(&json)) ... the text is not JSON; ignore what was read
 */
typedef struct {
	const uint8_t *at, *end;
	unsigned depth;
	bool begun, broken;
} json_t;

/* A text as a JSON string. */
text_t quoted(text_t text);
/* The first character of the next value, which identifies its kind; 0 at the end. */
uint8_t json_kind(json_t *json);
void json_open(json_t *json, uint8_t bracket);
bool json_more(json_t *json, uint8_t bracket);
text_t json_name(json_t *json);
text_t json_string(json_t *json);
void json_skip(json_t *json);
bool json_done(json_t *json);

/* app.c: the app as a decision sees it. There is no connection behind it: each request is compared
 * with the journal. If the journal has a response, it is returned at once. If not, the decision
 * stops; muster performs the request, records the response, and asks again from the beginning. */
typedef struct {
	exchanges_t recorded;
	size_t asked;
	request_t request;
	enum { GOES_ON, WAITS, REFUSES } state;
	refusal_t refusal;
} app_t;

request_t request(text_t method, text_t endpoint, text_t path);
void set_json(request_t *request, text_t body);

/* Each of these functions returns false if the decision stops: it waits or refuses. Return then. */

/* Performs a request that must succeed. */
bool app_send(app_t *app, request_t request);
/* Performs a request and returns its response with a status of 2xx, 3xx or 4xx. */
bool app_ask(app_t *app, request_t request, const response_t **answer);
/* Continues if the response is 2xx, and refuses otherwise. */
bool app_succeeds(app_t *app, const response_t *answer);
/* Refuses; `way` is one of MUSTER_CONNECTOR_TYPES_REFUSAL_... */
bool app_refuses(app_t *app, uint8_t way, text_t sentence);

/* Must be called at the end of a decision. Fails if the journal has more requests. */
void app_ends(const app_t *app);

#endif
