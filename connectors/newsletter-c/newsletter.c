/* A connector for an app with a list of readers: a person is on it, or not. */

#include "muster/muster.h"

#define ACTIVE MUSTER_CONNECTOR_TYPES_MEMBERSHIP_ACTIVE
#define ABSENT MUSTER_CONNECTOR_TYPES_MEMBERSHIP_ABSENT
#define MISCONFIGURED MUSTER_CONNECTOR_TYPES_REFUSAL_MISCONFIGURED
#define REJECTED MUSTER_CONNECTOR_TYPES_REFUSAL_REJECTED
#define UNSUPPORTED MUSTER_CONNECTOR_TYPES_REFUSAL_UNSUPPORTED

static const uint8_t MANIFEST[] = {
#embed "manifest.json"
};

/* What a decision is about, and what it comes to. */
typedef struct {
	app_t *app;
	const account_t *account; /* NULL where none is known. */
	const user_t *user;
	text_t list; /* Its name, which an operator may set. */
	outcome_t outcome;
} life_t;

/* The operation is finished: the account as it is now, and a sentence for the journal. */
static bool done(life_t *life, const account_t *account, text_t note)
{
	life->outcome.account.is_some = account != NULL;
	if (account)
		life->outcome.account.val = *account;
	life->outcome.visibility = MUSTER_CONNECTOR_TYPES_VISIBILITY_PRESENT;
	life->outcome.note = note;
	return true;
}

static bool unchanged(life_t *life, text_t note)
{
	return done(life, life->account, note);
}

static text_t place(const life_t *life, text_t address)
{
	return PATH(TEXT("lists"), life->list, TEXT("readers"), address);
}

/* Puts a person on the list, or tells it what they are called now: the app does not mind which. */
static bool put(life_t *life, account_t *reader)
{
	const user_t *user = life->user;
	bool has_address = user->email.is_some || contains(user->user_name, '@');
	if (!has_address)
		return app_refuses(life->app, REJECTED,
			TEXT("The person has no e-mail address, which the list needs."));
	text_t address = user->email.is_some ? user->email.val : user->user_name;
	text_t name = user->display_name.is_some ? user->display_name.val : user->user_name;
	request_t put = request(TEXT("PUT"), TEXT("app"), place(life, address));
	set_json(&put, JOIN(TEXT("{\"name\":"), quoted(name), TEXT("}")));
	*reader = (account_t){.id = address, .membership = ACTIVE, .data = TEXT("null")};
	return app_send(life->app, put);
}

/* Takes a person off the list. That they are not on it is just as well. */
static bool take_off(life_t *life, const account_t *reader)
{
	const response_t *answer;
	request_t delete = request(TEXT("DELETE"), TEXT("app"), place(life, reader->id));
	if (!app_ask(life->app, delete, &answer))
		return false;
	bool gone = answer->status == 404 || answer->status == 410;
	return gone || app_succeeds(life->app, answer);
}

static bool create(life_t *life)
{
	account_t reader;
	if (!life->user->active)
		return unchanged(life, TEXT("Not active yet, and so not on the list."));
	return put(life, &reader) && done(life, &reader, TEXT("Put on the list."));
}

static bool update(life_t *life)
{
	const account_t *before = life->account;
	account_t after;
	if (!before || before->membership != ACTIVE)
		return unchanged(life, TEXT("Not on the list; what changed is pushed on return."));
	if (!put(life, &after))
		return false;
	if (!same(after.id, before->id) && !take_off(life, before))
		return false;
	return done(life, &after, TEXT("Brought the list up to date."));
}

static bool activate(life_t *life)
{
	account_t reader;
	return put(life, &reader) && done(life, &reader, TEXT("Put back on the list."));
}

static bool leave(life_t *life)
{
	if (!life->account)
		return unchanged(life, TEXT("Never was on the list."));
	account_t left = *life->account;
	left.membership = ABSENT;
	return take_off(life, life->account) && done(life, &left, TEXT("Taken off the list."));
}

/* Reads what an operator may set, as manifest.json describes it. */
static bool read_settings(life_t *life, text_t settings)
{
	json_t json = {.at = settings.ptr, .end = settings.ptr + settings.len};
	life->list = TEXT("staff");
	for (json_open(&json, '{'); json_more(&json, '}');) {
		if (same(json_name(&json), TEXT("list")))
			life->list = json_string(&json);
		else
			json_skip(&json);
	}
	return json_done(&json) || app_refuses(life->app, MISCONFIGURED,
		TEXT("The connector cannot read its settings."));
}

static bool decide(life_t *life, const event_t *event)
{
	switch (event->kind) {
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_CREATE:
		return create(life);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_UPDATE:
		return update(life);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_ACTIVATE:
		return activate(life);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_DEACTIVATE:
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_DELETE:
		return leave(life);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_RELEASE:
		return unchanged(life, TEXT("The integration ended; the account stays as it is."));
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_PASSWORD:
		return app_refuses(life->app, UNSUPPORTED,
			TEXT("The connector does not support setting passwords."));
	default:
		return app_refuses(life->app, UNSUPPORTED,
			TEXT("The connector does not support groups."));
	}
}

/* The world's two questions. The answer to the second is true with a step, false with a refusal. */

void exports_muster_connector_lifecycle_describe(connector_string_t *manifest)
{
	*manifest = (text_t){(uint8_t *)MANIFEST, sizeof(MANIFEST)};
}

bool exports_muster_connector_lifecycle_decide(context_t *context, event_t *event,
	exchanges_t *exchanges, muster_connector_types_step_t *step, refusal_t *refusal)
{
	app_t app = {.recorded = *exchanges};
	life_t life = {.app = &app};
	life.account = context->account.is_some ? &context->account.val : NULL;
	life.user = &event->subject.val.user;
	if (read_settings(&life, context->settings) && decide(&life, event)) {
		step->tag = MUSTER_CONNECTOR_TYPES_STEP_DONE;
		step->val.done = life.outcome;
	}
	app_ends(&app);
	if (app.state == WAITS) {
		step->tag = MUSTER_CONNECTOR_TYPES_STEP_CALL;
		step->val.call = app.request;
	}
	*refusal = app.refusal;
	return app.state != REFUSES;
}
