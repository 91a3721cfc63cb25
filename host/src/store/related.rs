//! The related resources of a resource as JSON: the groups of a user, the members of a group.

use super::resource::Related;

/// The SQL of the related resources of a row `r`, as a JSON array; NULL if there are to be none.
pub(super) fn array(related: Related) -> &'static str {
    match related {
        Related::None => "NULL",
        Related::Groups => GROUPS,
        Related::Members => MEMBERS,
        Related::NamedMembers => NAMED_MEMBERS,
    }
}

/// Only groups that the user is in itself.
///
/// Most users of most tenants are in none, and to find that out is cheaper than to join nothing.
const GROUPS: &str = r#"CASE WHEN NOT EXISTS (
    SELECT 1 FROM member m WHERE m.tenant = r.tenant AND m.member_id = r.id
) THEN '[]' ELSE (
    SELECT '[' || coalesce(group_concat(
        '{' || reference('/Groups/', g.id)
        || CASE WHEN g.display_name IS NULL THEN ''
                ELSE ',"display":' || json_quote(g.display_name) END
        || ',"type":"direct"}'
    ), '') || ']'
    FROM member m JOIN resource g ON g.tenant = m.tenant AND g.id = m.group_id
    WHERE m.tenant = r.tenant AND m.member_id = r.id
) END"#;

const MEMBERS: &str = r#"(
    SELECT '[' || coalesce(group_concat(
        '{' || reference(iif(m.kind, '/Groups/', '/Users/'), m.member_id)
        || iif(m.kind, ',"type":"Group"}', ',"type":"User"}')
    ), '') || ']'
    FROM member m WHERE m.tenant = r.tenant AND m.group_id = r.id
)"#;

/// The same with what each is called, if it was named.
const NAMED_MEMBERS: &str = r#"(
    SELECT '[' || coalesce(group_concat(
        '{' || reference(iif(m.kind, '/Groups/', '/Users/'), m.member_id)
        || CASE WHEN m.display IS NULL THEN '' ELSE ',"display":' || json_quote(m.display) END
        || iif(m.kind, ',"type":"Group"}', ',"type":"User"}')
    ), '') || ']'
    FROM member m WHERE m.tenant = r.tenant AND m.group_id = r.id
)"#;
