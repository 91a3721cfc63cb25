//! What operators may turn, for an app and for each of its tenants.
//!
//! The manifest describes the settings as a JSON Schema, which the host checks when an operator
//! saves them, and shows. The connector reads them into a type of its own:
//!
//! ```
//! use muster_connector::testing::{context, defaults, person, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, Outcome, UserEvent,
//! };
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! #[serde(default)]
//! struct Settings {
//!     organization: Option<String>,
//!     seats: Seats,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "kebab-case")]
//! enum Seats {
//!     Full,
//!     ReadOnly,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { organization: None, seats: Seats::Full }
//!     }
//! }
//!
//! struct Board;
//!
//! impl Connector for Board {
//!     type Settings = Settings;
//!
//!     fn create(&self, _: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
//!         // Where nothing is set, the tenant's own name will do.
//!         let place = context.settings.organization.as_ref().unwrap_or(&context.tenant);
//!         let seat = match context.settings.seats {
//!             Seats::Full => "a full seat",
//!             Seats::ReadOnly => "a seat to read",
//!         };
//!         let account = Account::new(&event.user.id, Membership::Active);
//!         Ok(Outcome::new(account, format!("Has {seat} in {place}.")))
//!     }
//! }
//!
//! let ann = person("ann").event(EventKind::Create);
//! let given = context().settings(json!({ "seats": "read-only" }));
//! assert_eq!(script(&Board, &given, &ann, &[]).unwrap().note, "Has a seat to read in acme.");
//!
//! // The manifest promises defaults, and the type has them: a test holds one to the other.
//! let schema = json!({
//!     "type": "object",
//!     "properties": {
//!         "organization": { "type": "string", "description": "The organisation's id." },
//!         "seats": { "enum": ["full", "read-only"], "default": "full" }
//!     }
//! });
//! assert_eq!(defaults(&schema), json!({ "seats": "full" }));
//! ```
//!
//! - A tenant's settings lie over its app's. So what is different for each customer, such as the
//!   organisation, is a tenant's setting, and what all share, such as field names, is the app's.
//! - Give each setting a `default` and a `description`: operators read them where they set them.
//! - Settings that the type cannot read refuse every event as misconfigured, with the field's name;
//!   with a good schema, that never happens.
//! - Paths, profiles and teams of apps with a plain REST API are settings that the SDK has ready:
//!   [`Template`](crate::Template), [`Profile`](crate::Profile), [`Teams`](crate::Teams).
//! - Roles and entitlements that can be granted are a setting too: the manifest's `scim` names the
//!   resource type and the setting that lists its resources, and identity providers import them.
