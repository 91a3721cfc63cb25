//! Valid scenario files, and the errors of invalid ones.

use super::*;

/// Checks the first line of the error, without the column.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = read("a.yaml", text).unwrap_err().to_string();
    let parts: Vec<&str> = error.lines().next().unwrap().splitn(4, ':').collect();
    let said = match parts[..] {
        [file, line, column, what] if column.parse::<u64>().is_ok() => {
            format!("{file}:{line}:{what}")
        }
        _ => parts.join(":"),
    };
    assert_eq!(said, expected);
}

#[track_caller]
fn only(text: &str) -> Scenario {
    let mut scenarios = read("some/first-day.yaml", text).unwrap();
    assert_eq!(scenarios.len(), 1);
    scenarios.remove(0)
}

#[test]
fn values_of_outer_parts_apply_to_inner_ones() {
    let scenario = only(
        "
seed: 1
user: { userName: ann, title: Lead }
scenarios:
  - seed: 2
    user: { title: Boss }
    account: { id: 7, membership: active }
    steps:
      - { event: update, before: { title: X }, user: { nickName: A } }
      - { event: delete, seed: 3 }
",
    );
    assert_eq!(scenario.name, "first day, line 5");
    let [first, second] = &scenario.steps[..] else { panic!("{scenario:?}") };
    assert_eq!((first.given.seed, second.given.seed), (Some(2), Some(3)));
    let text = Value::Object(first.resource.clone()).to_string();
    assert_eq!(text, r#"{"userName":"ann","title":"Boss","nickName":"A"}"#);
    // Further steps continue with the state that the step before left.
    assert!(second.resource.is_empty());
    assert_eq!(first.given.account.clone().flatten().unwrap().id, "7");
    assert!(second.given.account.is_none());
}

#[test]
fn json_is_read_as_well() {
    let text = "{\n\t\"event\": \"create\",\n\t\"user\": {\"userName\": \"ann\"},\n\t\
                \"calls\": [{\"request\": \"GET /x?a=b=c&d\", \"answer\": 204}]\n}";
    let step = &only(text).steps[0];
    let call = &step.calls[0];
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!((call.method.as_str(), call.path.as_str()), ("GET", "/x"));
    assert_eq!(call.query, [pair("a", "b=c"), pair("d", "")]);
}

#[test]
fn an_answer_is_a_status_a_word_or_an_object() {
    #[track_caller]
    fn check(answer: &str, expected: &AppAnswer) {
        let text = format!(
            "event: create\nuser: {{ userName: a }}\ncalls: [{{ request: GET /, answer: {answer} }}]"
        );
        assert_eq!(only(&text).steps[0].calls[0].answer, *expected);
    }
    let reply = |status, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Ok(Response { status, headers, body: body.as_bytes().to_vec() })
    };
    check("204", &reply(204, &[], ""));
    check("timeout", &Err(Unreachable::Timeout));
    check("too-large", &Err(Unreachable::TooLarge));
    check("{ status: 200, body: { a: [1] } }", &reply(200, &[], r#"{"a":[1]}"#));
    check("{ status: 200, body: plain }", &reply(200, &[], "plain"));
    check("{ status: 200, base64: aGk= }", &reply(200, &[], "hi"));
    check("{ status: 200, bytes: 3 }", &reply(200, &[], "xxx"));
    check(
        "{ status: 429, headers: { Retry-After: \"9\" } }",
        &reply(429, &[("retry-after", "9")], ""),
    );
}

#[test]
fn an_error_has_its_position_and_the_expected_value() {
    refused(
        "steps:\n  - event: crate",
        "a.yaml:2: unknown variant `crate`, expected one of \
        create, update, activate, deactivate, delete, release, password, group-create, \
        group-update, group-delete",
    );
    refused(
        "user: { userName: a }\nsteps:\n  - user: {}",
        "a.yaml:3: a step needs an `event`, such as `event: create`",
    );
    let step = |rest: &str| format!("event: create\nuser: {{ userName: a }}\n{rest}");
    refused(
        &step("calls: [{ request: get /x, answer: 200 }]"),
        "a.yaml:3: \"get /x\" is not a request such as `GET /users?email=ann@example.com`",
    );
    refused(
        &step("calls: [{ request: GET /x, answer: 20 }]"),
        "a.yaml:3: 20 is not an HTTP status",
    );
    refused(
        &step("otherwise: no"),
        "a.yaml:3: \"no\" is not an answer; expected a status, timeout, \
        connection, too-large, circuit-open, or an object of status, headers and body",
    );
    refused(
        &step("then: {}"),
        "a.yaml:3: expected an outcome (membership, account, data, \
        visibility, note), or `refused` with its text",
    );
    refused(&step("then: { refused: any, note: x }"), "a.yaml:3: `refused` excludes an outcome");
    refused(
        &step("account: gone"),
        "a.yaml:3: invalid type: string \"gone\", expected struct \
        AccountText; expected `none`, or an object of id, membership and data",
    );
    refused("event: group-create", "a.yaml:1: expected `group` with at least a `displayName`");
    refused(
        &step("joined: [{ name: bob }]"),
        "a.yaml:1: `joined` and `left` are for group events only",
    );
    refused("event: create\nsteps: [{ event: create }]", "a.yaml: `event` belongs in a step");
    refused("scenarios: []", "a.yaml: it holds no scenario");
    refused(
        "scenarios: [{ scenarios: [] }]",
        "a.yaml:1: `scenarios` is allowed only at the top of a file",
    );
    refused(
        "user: { userName: a }\ngroup: { displayName: g }\nsteps:\n  - event: create\n  - event: \
        group-create",
        "a.yaml:5: a scenario is about one user or one group; its events must all be of that kind",
    );
}

#[test]
fn an_error_shows_the_line() {
    let error = read("a.yaml", "name: x\nevnt: create").unwrap_err().to_string();
    assert!(error.ends_with("\n  2 | evnt: create\n    | ^"), "{error}");
}
