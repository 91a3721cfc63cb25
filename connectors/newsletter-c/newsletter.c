/* The connector newsletter: a user is on the app's list of readers, or not. */

#include "muster/muster.h"

#define ACTIVE MUSTER_CONNECTOR_TYPES_MEMBERSHIP_ACTIVE
#define ABSENT MUSTER_CONNECTOR_TYPES_MEMBERSHIP_ABSENT
#define MISCONFIGURED MUSTER_CONNECTOR_TYPES_REFUSAL_MISCONFIGURED
#define REJECTED MUSTER_CONNECTOR_TYPES_REFUSAL_REJECTED
#define UNSUPPORTED MUSTER_CONNECTOR_TYPES_REFUSAL_UNSUPPORTED

static const uint8_t MANIFEST[] = {
#embed "manifest.json"
};

/* The arguments of a decision, and its outcome. */
typedef struct {
	app_t *app;
	const account_t *account; /* NULL if none is known. */
	const user_t *user;
	text_t list; /* The list's name, a setting. */
	outcome_t outcome;
} decision_t;

/* The operation is finished: the account afterwards, and a sentence for the journal. */
static bool done(decision_t *decision, const account_t *account, text_t note)
{
	decision->outcome.account.is_some = account != NULL;
	if (account)
		decision->outcome.account.val = *account;
	decision->outcome.visibility = MUSTER_CONNECTOR_TYPES_VISIBILITY_PRESENT;
	decision->outcome.note = note;
	return true;
}

static bool unchanged(decision_t *decision, text_t note)
{
	return done(decision, decision->account, note);
}

static text_t reader_path(const decision_t *decision, text_t address)
{
	return PATH(TEXT("lists"), decision->list, TEXT("readers"), address);
}

/* The user's e-mail address: false if there is none. */
static bool find_address(const user_t *user, text_t *address)
{
	*address = user->email.is_some ? user->email.val : user->user_name;
	return user->email.is_some || contains(user->user_name, '@');
}

/* Removes a user from the list. 404 means that they are not on it, and is fine. */
static bool remove_reader(decision_t *decision, const account_t *reader)
{
	const response_t *answer;
	request_t delete = request(TEXT("DELETE"), TEXT("app"), reader_path(decision, reader->id));
	if (!app_ask(decision->app, delete, &answer))
		return false;
	bool gone = answer->status == 404 || answer->status == 410;
	return gone || app_succeeds(decision->app, answer);
}

/* Adds a user to the list, or updates their name: for the app it is the same request. If the list has
 * another address of the user, removes that one. */
static bool put(decision_t *decision, account_t *reader)
{
	const user_t *user = decision->user;
	const account_t *before = decision->account;
	text_t address;
	if (!find_address(user, &address))
		return app_refuses(decision->app, REJECTED,
			TEXT("The person has no e-mail address, which the list needs."));
	text_t name = user->display_name.is_some ? user->display_name.val : user->user_name;
	request_t put = request(TEXT("PUT"), TEXT("app"), reader_path(decision, address));
	set_json(&put, JOIN(TEXT("{\"name\":"), quoted(name), TEXT("}")));
	*reader = (account_t){.id = address, .membership = ACTIVE, .data = TEXT("null")};
	if (!app_send(decision->app, put))
		return false;
	return !before || same(before->id, address) || remove_reader(decision, before);
}

static bool create(decision_t *decision)
{
	account_t reader;
	if (!decision->user->active)
		return unchanged(decision, TEXT("Not active yet, and so not on the list."));
	return put(decision, &reader) && done(decision, &reader, TEXT("Put on the list."));
}

static bool update(decision_t *decision)
{
	account_t reader;
	if (!decision->account || decision->account->membership != ACTIVE)
		return unchanged(decision, TEXT("Not on the list; what changed is pushed on return."));
	return put(decision, &reader) && done(decision, &reader, TEXT("Brought the list up to date."));
}

static bool activate(decision_t *decision)
{
	account_t reader;
	return put(decision, &reader) && done(decision, &reader, TEXT("Put back on the list."));
}

static bool leave(decision_t *decision)
{
	/* If the answer to an earlier request was lost, the user is on the list without an account. */
	account_t left = {.data = TEXT("null")};
	if (decision->account)
		left = *decision->account;
	else if (!find_address(decision->user, &left.id))
		return unchanged(decision, TEXT("Never was on the list."));
	left.membership = ABSENT;
	return remove_reader(decision, &left) && done(decision, &left, TEXT("Taken off the list."));
}

/* Reads the settings, which manifest.json describes. */
static bool read_settings(decision_t *decision, text_t settings)
{
	json_t json = {.at = settings.ptr, .end = settings.ptr + settings.len};
	decision->list = TEXT("staff");
	for (json_open(&json, '{'); json_more(&json, '}');) {
		if (same(json_name(&json), TEXT("list")))
			decision->list = json_string(&json);
		else
			json_skip(&json);
	}
	return json_done(&json) || app_refuses(decision->app, MISCONFIGURED,
		TEXT("The connector cannot read its settings."));
}

static bool decide(decision_t *decision, const event_t *event)
{
	switch (event->kind) {
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_CREATE:
		return create(decision);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_UPDATE:
		return update(decision);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_ACTIVATE:
		return activate(decision);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_DEACTIVATE:
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_DELETE:
		return leave(decision);
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_RELEASE:
		return unchanged(decision, TEXT("The integration ended; the account stays as it is."));
	case MUSTER_CONNECTOR_TYPES_EVENT_KIND_PASSWORD:
		return app_refuses(decision->app, UNSUPPORTED,
			TEXT("The connector does not support setting passwords."));
	default:
		return app_refuses(decision->app, UNSUPPORTED,
			TEXT("The connector does not support groups."));
	}
}

/* The interface's two functions. The second returns true with a step, false with a refusal. */

void exports_muster_connector_lifecycle_describe(connector_string_t *manifest)
{
	*manifest = (text_t){(uint8_t *)MANIFEST, sizeof(MANIFEST)};
}

bool exports_muster_connector_lifecycle_decide(context_t *context, event_t *event,
	exchanges_t *exchanges, muster_connector_types_step_t *step, refusal_t *refusal)
{
	app_t app = {.recorded = *exchanges};
	decision_t decision = {.app = &app};
	decision.account = context->account.is_some ? &context->account.val : NULL;
	decision.user = &event->subject.val.user;
	if (read_settings(&decision, context->settings) && decide(&decision, event)) {
		step->tag = MUSTER_CONNECTOR_TYPES_STEP_DONE;
		step->val.done = decision.outcome;
	}
	app_ends(&app);
	if (app.state == WAITS) {
		step->tag = MUSTER_CONNECTOR_TYPES_STEP_CALL;
		step->val.call = app.request;
	}
	*refusal = app.refusal;
	return app.state != REFUSES;
}
