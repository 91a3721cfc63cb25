//! `muster tenant connect`.

use serde_json::Value;

use super::{Connect, path, print_state};
use crate::admin_api::TenantView;
use crate::cli::admin::Admin;
use crate::cli::output::{self, Format};
use crate::lifecycle::snapshot::TenantState;
use crate::lifecycle::{ConnectChoices, ConnectPreview, HeldAction, LeavingPerson};
use crate::terminal;

pub(super) async fn run(admin: &Admin, format: Format, args: Connect) -> anyhow::Result<()> {
    let Connect { name, held, leave_released, manage_released, preview } = args;
    let held = held.map(|held| serde_json::from_value(Value::from(held))).transpose()?;
    let choices = ConnectChoices { held, leave_released, manage_released, preview };
    let path = path(&name, "/connect");
    if preview {
        let preview: ConnectPreview = admin.post(&path, &choices).await?;
        format.print(&preview, print_connect_preview);
        return Ok(());
    }
    let before: ConnectPreview =
        admin.post(&path, &ConnectChoices { preview: true, ..choices }).await?;
    let tenant: TenantView = admin.post(&path, &choices).await?;
    format.print(&tenant, |tenant| {
        print_state(tenant);
        let ConnectPreview { state, held, released, .. } = before;
        match choices.held {
            Some(HeldAction::CarryOut) => terminal::println!("held people, carried out: {held}"),
            Some(HeldAction::Drop) => terminal::println!("held people, released: {held}"),
            None => {}
        }
        let manages = state == TenantState::Disconnected && !choices.leave_released;
        if released == 0 {
            return;
        }
        if manages || choices.manage_released {
            terminal::println!("released people, managed again: {released}");
        } else {
            terminal::println!("released people, left so: {released}");
        }
    });
    Ok(())
}

fn print_connect_preview(preview: &ConnectPreview) {
    let ConnectPreview {
        tenant,
        state,
        held,
        released,
        released_inactive,
        released_deleted,
        named,
    } = preview;
    terminal::println!("tenant {tenant} is {}", state.name());
    if *held > 0 {
        let whose = if *held == 1 { "person's" } else { "people's" };
        terminal::println!(
            "{held} {whose} leaving is held: --held carry-out brings each to what the directory says, \
             --held drop leaves each account in the app, unmanaged"
        );
    }
    if *released > 0 {
        let again = format!(
            "the app is told of each, and {released_inactive} who are inactive in the directory are taken \
             out of it"
        );
        let released = people_were(*released);
        match state {
            TenantState::Disconnected => terminal::println!(
                "{released} released, and would be managed again: {again}; --leave-released leaves all \
                 unmanaged"
            ),
            _ => terminal::println!(
                "{released} released, and would stay unmanaged; with --manage-released, {again}"
            ),
        }
    }
    if *released_deleted > 0 {
        terminal::println!(
            "{} deleted without the app being told: --manage-released takes the accounts away, \
             --leave-released leaves them",
            people_were(*released_deleted),
        );
    }
    if *held + *released + *released_deleted == 0 {
        terminal::println!("no leaving is held, and no person was released");
    }
    if !named.is_empty() {
        terminal::println!();
        let columns: [output::Column<_>; 2] = [
            ("may lose access", |it: &LeavingPerson| it.user_name.clone()),
            ("why", |it| it.why.clone()),
        ];
        output::list(named, &columns);
    }
    terminal::println!("Nothing was changed.");
}

fn people_were(count: u64) -> String {
    match count {
        1 => "1 person was".to_owned(),
        count => format!("{count} people were"),
    }
}
