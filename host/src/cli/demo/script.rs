//! The demo's script: requests as Okta sends them, scene by scene.

/// A scene: requests that belong together.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) summary: &'static str,
    pub(super) requests: &'static [ScriptedRequest],
}

/// One request. `{ada}` in its path or body is replaced by the id in the response to the request with
/// `keep: "ada"`.
#[derive(Debug)]
pub(super) struct ScriptedRequest {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) keep: Option<&'static str>,
}

const fn get(path: &'static str) -> ScriptedRequest {
    ScriptedRequest { method: "GET", path, body: None, keep: None }
}

const fn send(method: &'static str, path: &'static str, body: &'static str) -> ScriptedRequest {
    ScriptedRequest { method, path, body: Some(body), keep: None }
}

const fn create(path: &'static str, body: &'static str, keep: &'static str) -> ScriptedRequest {
    ScriptedRequest { method: "POST", path, body: Some(body), keep: Some(keep) }
}

const DEACTIVATE: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#;
const ACTIVATE: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":true}}]}"#;

pub(super) const SCENES: &[Scene] = &[
    Scene {
        title: "Okta connects",
        summary: "An admin clicks “Test connector configuration”.",
        requests: &[get("/Users?startIndex=1&count=2"), get("/Groups?startIndex=1&count=100")],
    },
    Scene {
        title: "Joiners",
        summary: "Three people are assigned. Okta looks each of them up before it creates them.",
        requests: &[
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
        summary: "Grace gets a new title. Okta reads the user, and puts it back with the change.",
        requests: &[
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
        summary: "Edsger is unassigned. Okta never deletes a user: it sets active=false, and expects to \
                  find the user, inactive, afterwards.",
        requests: &[
            send("PATCH", "/Users/{edsger}", DEACTIVATE),
            get("/Users/{edsger}"),
            get(r#"/Users?filter=userName eq "edsger@acme.example"&startIndex=1&count=100"#),
        ],
    },
    Scene {
        title: "A returner",
        summary: "Edsger is assigned again. The user keeps its id, whatever happened to its account in \
                  the app.",
        requests: &[send("PATCH", "/Users/{edsger}", ACTIVATE), get("/Users/{edsger}")],
    },
    Scene {
        title: "A group is pushed",
        summary: "Okta creates an empty group, renames it, and adds its members.",
        requests: &[
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

pub(super) const DISCONNECT: Scene = Scene {
    title: "Another customer leaves",
    summary: "SCIM has no message for the end of an integration. An operator disconnects the tenant \
              first; the deactivations that Okta sends then change no account.",
    requests: &[
        send("PATCH", "/Users/{barbara}", DEACTIVATE),
        send("PATCH", "/Users/{tony}", DEACTIVATE),
    ],
};

/// How that customer's people came; not printed.
pub(super) const BEFORE_DISCONNECT: &[ScriptedRequest] = &[
    create(
        "/Users",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"barbara@globex.example","name":{"givenName":"Barbara","familyName":"Liskov"},"emails":[{"primary":true,"value":"barbara@globex.example","type":"work"}],"displayName":"Barbara Liskov","externalId":"00u0barbara","active":true}"#,
        "barbara",
    ),
    create(
        "/Users",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"tony@globex.example","name":{"givenName":"Tony","familyName":"Hoare"},"emails":[{"primary":true,"value":"tony@globex.example","type":"work"}],"displayName":"Tony Hoare","externalId":"00u0tony","active":true}"#,
        "tony",
    ),
];
