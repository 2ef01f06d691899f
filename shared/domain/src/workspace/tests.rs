use super::*;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn workspace() -> Workspace {
    let place = (TenantId::from_uuid(Uuid::nil()), OrganizationId::from_uuid(Uuid::nil()), None);
    Workspace::new(WorkspaceId::from_uuid(Uuid::nil()), place, "Nest".parse().unwrap(), NOW)
}

#[test]
fn the_table_of_transitions() {
    let table = |verb: Verb| State::ALL.map(|state| state.after(verb).map_or("-", State::as_str));
    let rows: Vec<String> = Verb::ALL.map(|verb| format!("{verb}: {}", table(verb).join(" "))).into();
    assert_eq!(
        rows,
        [
            "rename: - active failed suspended -",
            "retry: provisioning - provisioning - deleting",
            "suspend: - suspended - - -",
            "resume: - - - active -",
            "delete: - deleting deleting deleting -",
            "activate: active - - - -",
            "fail: failed - - - -",
        ]
    );
}

#[test]
fn what_is_ruled_out_says_what_is_possible() {
    let fault = workspace().after(Verb::Suspend, NOW).unwrap_err();
    assert_eq!(fault.to_string(), "the workspace is provisioning, which rules out suspend; possible: retry");
    for state in State::ALL {
        assert!(state.possible().next().is_some(), "there is no way out of {state}");
    }
}

#[test]
fn steps_are_done_in_order_and_undone_in_reverse() {
    let mut at = workspace();
    for step in Step::ALL {
        assert_eq!(at.work(), Work::Do(step));
        at = at.with(step, NOW);
    }
    assert_eq!(at.work(), Work::Activate);
    let mut at = at.failed(Step::Binding(DefaultGroup::Users), "no".to_owned(), NOW);
    for step in Step::ALL.into_iter().rev() {
        assert_eq!(at.work(), Work::Undo(step));
        at = at.without(step, NOW);
    }
    assert_eq!(at.work(), Work::Fail);
    let failed = at.after(Verb::Fail, NOW).unwrap();
    assert_eq!((failed.work(), failed.failure.is_some()), (Work::Rest, true));
    let again = failed.after(Verb::Retry, NOW).unwrap();
    assert_eq!((again.work(), again.failure), (Work::Do(Step::DataKey), None));
}

#[test]
fn what_is_set_going_again_goes_on_in_its_direction() {
    let undoing = workspace().with(Step::DataKey, NOW).failed(Step::Prefix, "no".to_owned(), NOW);
    let again = undoing.after(Verb::Retry, NOW).unwrap();
    assert_eq!(again.work(), Work::Undo(Step::DataKey));
    let active = Workspace { state: State::Active, done: vec![Step::Quotas], ..workspace() };
    let deleting = active.after(Verb::Delete, NOW).unwrap();
    assert_eq!(deleting.work(), Work::Undo(Step::Quotas));
    assert_eq!(deleting.without(Step::Quotas, NOW).work(), Work::Erase);
}

#[test]
fn groups_are_named_for_their_workspace() {
    let name: Name = "ü".repeat(200).parse().unwrap();
    let members = DefaultGroup::Members.name(&name).unwrap();
    assert!(members.as_str().ends_with("ü members") && members.as_str().chars().count() == 200);
    assert_eq!(DefaultGroup::Members.name(&"Nest".parse().unwrap()).unwrap().as_str(), "Nest members");
    assert_eq!(DefaultGroup::Users.name(&name).unwrap().as_str(), "users");
}
