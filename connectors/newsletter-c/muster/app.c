/* The app as a decision sees it: the recorded responses, the refusals that they become, and the next
 * request. */

#include <stdlib.h>
#include <string.h>

#include "muster.h"

#define CONFLICT MUSTER_CONNECTOR_TYPES_REFUSAL_CONFLICT
#define MISCONFIGURED MUSTER_CONNECTOR_TYPES_REFUSAL_MISCONFIGURED
#define REJECTED MUSTER_CONNECTOR_TYPES_REFUSAL_REJECTED
#define RETRY_LATER MUSTER_CONNECTOR_TYPES_REFUSAL_RETRY_LATER
#define UNSUPPORTED MUSTER_CONNECTOR_TYPES_REFUSAL_UNSUPPORTED

/* Characters of the app's message in a refusal. */
#define MESSAGE_LENGTH 300

typedef connector_list_tuple2_string_string_t pairs_t;
typedef connector_tuple2_string_string_t pair_t;

request_t request(text_t method, text_t endpoint, text_t path)
{
	return (request_t){.method = method, .endpoint = endpoint, .path = path};
}

void set_json(request_t *request, text_t body)
{
	pair_t *header = malloc(sizeof(*header));
	*header = (pair_t){TEXT("content-type"), TEXT("application/json")};
	request->headers = (pairs_t){header, 1};
	request->body = (connector_option_list_u8_t){true, {body.ptr, body.len}};
}

static bool same_pairs(pairs_t one, pairs_t other)
{
	bool equal = one.len == other.len;
	for (size_t n = 0; equal && n < one.len; n++)
		equal = same(one.ptr[n].f0, other.ptr[n].f0) && same(one.ptr[n].f1, other.ptr[n].f1);
	return equal;
}

static bool same_body(connector_option_list_u8_t one, connector_option_list_u8_t other)
{
	text_t a = {one.val.ptr, one.val.len}, b = {other.val.ptr, other.val.len};
	return one.is_some == other.is_some && (!one.is_some || same(a, b));
}

static text_t name_of(const request_t *request)
{
	return JOIN(request->method, TEXT(" "), request->path);
}

/* Fails if the request differs from the recorded one: the decision is then not a pure function, and
 * the recorded responses do not belong to its requests. The message leaves out values, which may be
 * personal data. */
static void check(const app_t *app, const request_t *recorded)
{
	const request_t *asked = &app->request;
	bool place = same(asked->method, recorded->method) && same(asked->path, recorded->path);
	const char *part = !same(asked->endpoint, recorded->endpoint) ? "endpoint" :
		!same_pairs(asked->query, recorded->query) ? "query" :
		!same_pairs(asked->headers, recorded->headers) ? "set of headers" :
		!same_body(asked->body, recorded->body) ? "body" : NULL;
	if (place && !part)
		return;
	text_t another = {0};
	if (place)
		another = JOIN(TEXT(", with another "), (text_t){(uint8_t *)part, strlen(part)});
	fail(JOIN(TEXT("call "), number((uint32_t)app->asked), TEXT(": asked for "),
		name_of(asked), TEXT(" where the journal has "), name_of(recorded), another));
}

void app_ends(const app_t *app)
{
	if (app->asked < app->recorded.len)
		fail(JOIN(TEXT("ended after "), number((uint32_t)app->asked),
			TEXT(" calls where the journal has "), number((uint32_t)app->recorded.len)));
}

bool app_refuses(app_t *app, uint8_t way, text_t sentence)
{
	app->state = REFUSES;
	app->refusal.tag = way;
	app->refusal.val.rejected = sentence; /* All but one of the refusals hold a text. */
	return false;
}

static bool retry_later(app_t *app, connector_option_u32_t seconds)
{
	app->state = REFUSES;
	app->refusal.tag = RETRY_LATER;
	app->refusal.val.retry_later = seconds;
	return false;
}

/* The fields of error documents that hold a message, the most specific first. */
static const text_t MESSAGES[] = {
	TEXT("message"), TEXT("errorSummary"), TEXT("detail"), TEXT("error_description"),
	TEXT("error"), TEXT("errors"), TEXT("title"),
};
#define PLACES (sizeof(MESSAGES) / sizeof(MESSAGES[0]))

/* Finds the message in an error document; false if there is none. */
static bool message(json_t *json, text_t *found)
{
	switch (json_kind(json)) {
	case '"':
		*found = json_string(json);
		return true;
	case '[': {
		bool is_first = true, any = false;
		for (json_open(json, '['); json_more(json, ']'); is_first = false) {
			if (is_first)
				any = message(json, found);
			else
				json_skip(json);
		}
		return any;
	}
	case '{': {
		text_t texts[PLACES];
		bool any[PLACES] = {0};
		size_t place;
		for (json_open(json, '{'); json_more(json, '}');) {
			text_t name = json_name(json);
			for (place = 0; place < PLACES && !same(name, MESSAGES[place]); place++)
				;
			if (place < PLACES)
				any[place] = message(json, &texts[place]);
			else
				json_skip(json);
		}
		for (place = 0; place < PLACES && !any[place]; place++)
			;
		if (place < PLACES)
			*found = texts[place];
		return place < PLACES;
	}
	default:
		json_skip(json);
		return false;
	}
}

/* The app's message, shortened: the message in its JSON, or its text unless that is a web page. */
static text_t app_message(const response_t *answer)
{
	text_t text = decoded(answer->body.ptr, answer->body.len), found = {0};
	json_t json = {.at = text.ptr, .end = text.ptr + text.len};
	bool any = message(&json, &found);
	if (json_done(&json))
		return any ? words(found, MESSAGE_LENGTH) : (text_t){0};
	text_t plain = words(text, MESSAGE_LENGTH);
	return plain.len > 0 && plain.ptr[0] == '<' ? (text_t){0} : plain;
}

static bool refuses(app_t *app, const response_t *answer, uint8_t way, text_t verb)
{
	text_t words = app_message(answer);
	text_t colon = words.len > 0 ? TEXT("): ") : TEXT(").");
	return app_refuses(app, way, JOIN(TEXT("The app "), verb, TEXT(" "), name_of(&app->request),
		TEXT(" ("), number(answer->status), colon, words));
}

static const text_t *header(const response_t *answer, text_t name)
{
	for (size_t n = 0; n < answer->headers.len; n++)
		if (same(answer->headers.ptr[n].f0, name))
			return &answer->headers.ptr[n].f1;
	return NULL;
}

/* RFC 9110 section 10.2.3 also allows a date, but a connector has no clock to compare it with. */
static connector_option_u32_t seconds(const text_t *value)
{
	connector_option_u32_t none = {0};
	text_t digits = value ? words(*value, value->len) : (text_t){0};
	uint64_t seconds = 0;
	for (size_t n = 0; n < digits.len; n++) {
		if (digits.ptr[n] < '0' || digits.ptr[n] > '9')
			return none;
		seconds = seconds * 10 + (digits.ptr[n] - '0');
		if (seconds > UINT32_MAX)
			return none;
	}
	return digits.len > 0 ? (connector_option_u32_t){true, (uint32_t)seconds} : none;
}

bool app_ask(app_t *app, request_t request, const response_t **answer)
{
	if (app->state != GOES_ON)
		return false; /* The decision has stopped; further requests have no effect. */
	app->request = request;
	if (app->asked == app->recorded.len) {
		app->state = WAITS;
		return false;
	}
	const exchange_t *exchange = &app->recorded.ptr[app->asked++];
	check(app, &exchange->request);
	const connector_option_u32_t unknown = {0};
	if (exchange->response.is_err) {
		if (exchange->response.val.err.tag != MUSTER_CONNECTOR_TYPES_UNREACHABLE_TOO_LARGE)
			return retry_later(app, unknown);
		return app_refuses(app, MISCONFIGURED, JOIN(TEXT("The app's answer to "),
			name_of(&app->request), TEXT(" is larger than muster takes.")));
	}
	const response_t *there = &exchange->response.val.ok;
	const text_t *after = header(there, TEXT("retry-after"));
	uint16_t status = there->status;
	if (status == 401)
		return refuses(app, there, MISCONFIGURED, TEXT("does not accept the credentials of"));
	if (status == 501)
		return refuses(app, there, UNSUPPORTED, TEXT("does not support"));
	/* Some apps answer 403 when a secondary rate limit is exceeded. */
	if (status == 408 || status == 425 || status == 429 || status >= 500 ||
		(status == 403 && after))
		return retry_later(app, seconds(after));
	*answer = there;
	return true;
}

bool app_succeeds(app_t *app, const response_t *answer)
{
	uint16_t status = answer->status;
	if (status >= 200 && status < 300)
		return true;
	if (status >= 300 && status < 400)
		return refuses(app, answer, MISCONFIGURED, TEXT("redirects"));
	if (status == 403)
		return refuses(app, answer, MISCONFIGURED, TEXT("does not permit"));
	if (status == 409)
		return refuses(app, answer, CONFLICT, TEXT("sees a conflict in"));
	return refuses(app, answer, REJECTED, TEXT("refused"));
}

bool app_send(app_t *app, request_t request)
{
	const response_t *answer;
	return app_ask(app, request, &answer) && app_succeeds(app, answer);
}
