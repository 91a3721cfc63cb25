//! Settings of an app and of each of its tenants.
//!
//! The manifest describes the settings by a JSON Schema. The host shows it, and checks settings
//! when an operator saves them. The connector deserialises them into its own type:
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
//!         // The default is the tenant's own name.
//!         let organization = context.settings.organization.as_ref().unwrap_or(&context.tenant);
//!         let seat = match context.settings.seats {
//!             Seats::Full => "a full seat",
//!             Seats::ReadOnly => "a read-only seat",
//!         };
//!         let account = Account::new(&event.user.id, Membership::Active);
//!         Ok(Outcome::new(account, format!("Has {seat} in {organization}.")))
//!     }
//! }
//!
//! let ann = person("ann").event(EventKind::Create);
//! let given = context().settings(json!({ "seats": "read-only" }));
//! assert_eq!(script(&Board, &given, &ann, &[]).unwrap().note, "Has a read-only seat in acme.");
//!
//! // The manifest and the type both have defaults, and a test should compare them.
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
//! - A tenant's settings override its app's settings. Use a tenant's settings for what differs by
//!   customer, such as the organisation, and the app's for what all tenants share, such as field
//!   names.
//! - Give each setting a `default` and a `description`, which operators read when they set it.
//! - If the settings cannot be deserialised, every event is refused as misconfigured, with the
//!   field's name. A schema that matches the type prevents this.
//! - The SDK has types for settings of apps with a plain REST API: [`Template`](crate::Template)
//!   for paths, [`Profile`](crate::Profile) for fields, and [`Teams`](crate::Teams).
//! - Roles and entitlements are settings too: the manifest's `scim` names a resource type and the
//!   setting that lists its resources, and identity providers import them.
