// The connector newsletter: a user is on the app's list of readers, or not.

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
      if (context.account?.membership !== "active") {
        return context.unchanged("Not on the list; what changed is pushed on return.");
      }
      return { account: put(app, context, event), note: "Brought the list up to date." };
    },

    activate(app, context, event) {
      return { account: put(app, context, event), note: "Put back on the list." };
    },

    deactivate: leave,
    delete: leave,
  }),
);

/**
 * Removes a user from the list. If the answer to an earlier request was lost, the user is on the list
 * without an account.
 * @param {App} app @param {Context<Settings>} context @param {UserEvent} event
 */
function leave(app, context, event) {
  const id = context.account?.id ?? event.address;
  if (!id) {
    return context.unchanged("Never was on the list.");
  }
  remove(app, context, id);
  /** @type {Account} */
  const account = { ...context.account, id, membership: "absent" };
  return { account, note: "Taken off the list." };
}

/**
 * Adds a user to the list, or updates their name: for the app it is the same request. If the list has
 * another address of the user, removes that one.
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
  if (context.account && context.account.id !== address) {
    remove(app, context, context.account.id);
  }
  return { id: address, membership: "active" };
}

/**
 * Removes an address from the list. 404 means that it is not on it, and is fine.
 * @param {App} app @param {Context<Settings>} context @param {string} address
 */
function remove(app, context, address) {
  app.ask(Request.delete("app", readerPath(context, address))).found();
}

/** @param {Context<Settings>} context @param {string} address */
function readerPath(context, address) {
  return path("lists", context.settings.list, "readers", address);
}
