//! The story: what Okta sends, in the words of its own conversations.

/// One chapter of the story.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) tale: &'static str,
    pub(super) asks: &'static [Ask],
}

/// One request. `{ada}` in path or body stands for the id that `keep: "ada"` kept.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) keep: Option<&'static str>,
}

const fn get(path: &'static str) -> Ask {
    Ask { method: "GET", path, body: None, keep: None }
}

const fn send(method: &'static str, path: &'static str, body: &'static str) -> Ask {
    Ask { method, path, body: Some(body), keep: None }
}

const fn create(path: &'static str, body: &'static str, keep: &'static str) -> Ask {
    Ask { method: "POST", path, body: Some(body), keep: Some(keep) }
}

const DEACTIVATE: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#;
const ACTIVATE: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":true}}]}"#;

pub(super) const SCENES: &[Scene] = &[
    Scene {
        title: "Okta connects",
        tale: "An admin presses “Test connector configuration”.",
        asks: &[get("/Users?startIndex=1&count=2"), get("/Groups?startIndex=1&count=100")],
    },
    Scene {
        title: "Joiners",
        tale: "Three people are assigned. Okta looks each of them up before it creates them.",
        asks: &[
            get(r#"/Users?filter=userName eq "ada@acme.example"&startIndex=1&count=100"#),
            create(
                "/Users",
                r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@acme.example","name":{"givenName":"Ada","familyName":"Lovelace"},"emails":[{"primary":true,"value":"ada@acme.example","type":"work"}],"displayName":"Ada Lovelace","locale":"en-US","externalId":"00u0ada","groups":[],"password":"1mz050nq","active":true}"#,
                "ada",
            ),
            create(
                "/Users",
                r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"grace@acme.example","name":{"givenName":"Grace","familyName":"Hopper"},"emails":[{"primary":true,"value":"grace@acme.example","type":"work"}],"displayName":"Grace Hopper","locale":"en-US","externalId":"00u0grace","groups":[],"password":"8kq2ww1z","active":true}"#,
                "grace",
            ),
            create(
                "/Users",
                r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"edsger@acme.example","name":{"givenName":"Edsger","familyName":"Dijkstra"},"emails":[{"primary":true,"value":"edsger@acme.example","type":"work"}],"displayName":"Edsger Dijkstra","locale":"nl-NL","externalId":"00u0edsger","groups":[],"password":"p0q9x8y7","active":true}"#,
                "edsger",
            ),
        ],
    },
    Scene {
        title: "A mover",
        tale: "Grace gets a new title. Okta reads her, and puts back what it read with the change.",
        asks: &[
            get("/Users/{grace}"),
            send(
                "PUT",
                "/Users/{grace}",
                r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"{grace}","userName":"grace@acme.example","name":{"givenName":"Grace","familyName":"Hopper"},"emails":[{"primary":true,"value":"grace@acme.example","type":"work"}],"displayName":"Grace Hopper","title":"Rear Admiral","locale":"en-US","externalId":"00u0grace","groups":[],"active":true}"#,
            ),
        ],
    },
    Scene {
        title: "A leaver",
        tale: "Edsger is unassigned. Okta never deletes: it says active=false, and then expects to \
               find him, inactive.",
        asks: &[
            send("PATCH", "/Users/{edsger}", DEACTIVATE),
            get("/Users/{edsger}"),
            get(r#"/Users?filter=userName eq "edsger@acme.example"&startIndex=1&count=100"#),
        ],
    },
    Scene {
        title: "A returner",
        tale: "Edsger comes back, under the id that he had, whatever the app did meanwhile.",
        asks: &[send("PATCH", "/Users/{edsger}", ACTIVATE), get("/Users/{edsger}")],
    },
    Scene {
        title: "A group is pushed",
        tale: "Okta makes the group empty, renames it, and adds its members.",
        asks: &[
            create(
                "/Groups",
                r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Compilers","members":[]}"#,
                "group",
            ),
            send(
                "PATCH",
                "/Groups/{group}",
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"id":"{group}","displayName":"Compiler Builders"}}]}"#,
            ),
            send(
                "PATCH",
                "/Groups/{group}",
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"{grace}","display":"grace@acme.example"},{"value":"{ada}","display":"ada@acme.example"}]}]}"#,
            ),
        ],
    },
];

pub(super) const FAREWELL: Scene = Scene {
    title: "The customer leaves",
    tale: "No SCIM message says “we turn the integration off”. An operator disconnects the tenant \
           first; the wave of active=false that follows switches nobody off.",
    asks: &[
        send("PATCH", "/Users/{ada}", DEACTIVATE),
        send("PATCH", "/Users/{grace}", DEACTIVATE),
        send("PATCH", "/Users/{edsger}", DEACTIVATE),
    ],
};
