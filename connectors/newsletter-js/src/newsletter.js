// A connector for a newsletter: a user is on the app's list of readers, or not.

import { Rejected, Request, connector, path } from "muster-connector";

/** @import { Account, App, Context, UserEvent } from "muster-connector" */

/**
 * The settings, which `manifest.json` describes.
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
        remove(app, context, before);
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
  remove(app, context, account);
  return { account: { ...account, membership: "absent" }, note: "Taken off the list." };
}

/**
 * Adds a user to the list, or updates their name: for the app it is the same request.
 * @param {App} app @param {Context<Settings>} context @param {UserEvent} event
 * @returns {Account}
 */
function put(app, context, event) {
  const { address, user } = event;
  if (!address) {
    throw new Rejected("The person has no e-mail address, which the list needs.");
  }
  const name = user.displayName ?? user.userName;
  app.send(Request.put("app", readerPath(context, address), { json: { name } }));
  return { id: address, membership: "active" };
}

/**
 * Removes a user from the list. 404 means that they are not on it, and is fine.
 * @param {App} app @param {Context<Settings>} context @param {Account} account
 */
function remove(app, context, account) {
  app.ask(Request.delete("app", readerPath(context, account.id))).found();
}

/** @param {Context<Settings>} context @param {string} address */
function readerPath(context, address) {
  return path("lists", context.settings.list, "readers", address);
}
