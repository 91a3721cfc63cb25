// A connector for an app with a list of readers: a person is on it, or not.

import { Rejected, Request, connector, path } from "muster-connector";

/** @import { Account, App, Context, UserEvent } from "muster-connector" */

/**
 * What an operator may set, as `manifest.json` describes it.
 * @typedef {{ list: string }} Settings
 */

export default connector(
  /** @type {import("muster-connector").Handlers<Settings>} */ ({
    create(app, context, event) {
      if (!event.user.active) {
        return context.unchanged("Not active yet, and so not on the list.");
      }
      return { account: put(app, context, event), note: "Put on the list." };
    },

    update(app, context, event) {
      const before = context.account;
      if (before?.membership !== "active") {
        return context.unchanged("Not on the list; what changed is pushed on return.");
      }
      const account = put(app, context, event);
      if (account.id !== before.id) {
        takeOff(app, context, before);
      }
      return { account, note: "Brought the list up to date." };
    },

    activate(app, context, event) {
      return { account: put(app, context, event), note: "Put back on the list." };
    },

    deactivate: leave,
    delete: leave,
  }),
);

/** @param {App} app @param {Context<Settings>} context */
function leave(app, context) {
  const { account } = context;
  if (!account) {
    return context.unchanged("Never was on the list.");
  }
  takeOff(app, context, account);
  return { account: { ...account, membership: "absent" }, note: "Taken off the list." };
}

/**
 * Puts a person on the list, or tells it what they are called now: the app does not mind which.
 * @param {App} app @param {Context<Settings>} context @param {UserEvent} event
 * @returns {Account}
 */
function put(app, context, event) {
  const { address, user } = event;
  if (!address) {
    throw new Rejected("The person has no e-mail address, which the list needs.");
  }
  const name = user.displayName ?? user.userName;
  app.send(Request.put("app", place(context, address), { json: { name } }));
  return { id: address, membership: "active" };
}

/**
 * Takes a person off the list. That they are not on it (404) is just as well.
 * @param {App} app @param {Context<Settings>} context @param {Account} account
 */
function takeOff(app, context, account) {
  app.ask(Request.delete("app", place(context, account.id))).found();
}

/** @param {Context<Settings>} context @param {string} address */
function place(context, address) {
  return path("lists", context.settings.list, "readers", address);
}
