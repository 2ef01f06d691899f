//! Groups as the routes of this area load, change and show them.

use std::collections::BTreeSet;

use rookery_domain::directory::ExternalId;
use rookery_domain::group::Group;
use rookery_domain::id::{GroupId, OrganizationId, UserId};
use rookery_domain::permission::Permission;
use rookery_domain::text::Name;
use rookery_edge::{Answer, Context, IfMatch, Problem, Scope, deciding};
use rookery_roster::{groups, load};
use rookery_store::{Slice, TenantScope, directory, group};
use serde_json::{Map, Value};

use crate::patch::{Step, Verb};
use crate::query::Query;
use crate::schema::GROUPS;
use crate::{MEDIA_TYPE, body, fault, input};

/// Most people who come into a group and go by one request: each has an event of its own.
const MOST_MOVES: usize = 500;
/// Most members that one answer shows, of all its groups together: what fits into an answer of a function.
pub(crate) const MOST_MEMBERS: usize = 10_000;

/// Everybody who is a member of a group itself, the first to come first.
pub(crate) async fn members(
    context: &Context,
    scope: &TenantScope,
    id: GroupId,
) -> Result<Vec<UserId>, Problem> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let slice = Slice { limit: 1000, after, oldest_first: true, ..Slice::default() };
        let page = group::list_members(context.table()?, scope, id, slice).await?;
        all.extend(page.items.iter().map(|member| member.user));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// What is shown of a group.
pub(crate) async fn shown(
    context: &Context,
    scope: &TenantScope,
    base: &str,
    query: &Query,
    group: &Group,
    known: Option<ExternalId>,
) -> Result<Map<String, Value>, Problem> {
    let members = if group.members == 0 || !query.shows(&GROUPS, "members") {
        Vec::new()
    } else if group.members > MOST_MEMBERS as u64 {
        let detail =
            format!("{} has {} members; ask with excludedAttributes=members", group.id, group.members);
        return Err(fault::too_many(detail));
    } else {
        members(context, scope, group.id).await?
    };
    body::attributes(&body::Group::new(base, group, known, &members))
}

/// The answer that shows a group.
pub(crate) async fn answer(
    context: &Context,
    scope: &TenantScope,
    base: &str,
    query: &Query,
    id: GroupId,
) -> Result<Answer, Problem> {
    let table = context.table()?;
    let group = group::find(table, scope, id).await?.ok_or(Problem::NotFound("group"))?;
    let known = directory::find_group(table, scope, id).await?;
    let whole = shown(context, scope, base, query, &group, known).await?;
    Ok(Answer::ok(&query.project(&GROUPS, whole))?.of_type(MEDIA_TYPE).version(group.version))
}

/// Who comes into a group, and who goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Moves {
    /// Whether everybody goes who does not come.
    pub anew: bool,
    /// Who comes, or stays.
    pub come: BTreeSet<UserId>,
    /// Who goes.
    pub go: BTreeSet<UserId>,
}

impl Moves {
    /// These and no others.
    pub(crate) fn to(members: impl IntoIterator<Item = UserId>) -> Self {
        Self { anew: true, come: members.into_iter().collect(), go: BTreeSet::new() }
    }

    /// Takes a step of a patch in.
    pub(crate) fn take(&mut self, step: &Step) -> Result<(), Problem> {
        if step.target.part.is_some() {
            return Err(fault::mutability("members come and go; nothing of them is changed"));
        }
        let mut named = BTreeSet::new();
        for term in step.target.filter.iter().flatten() {
            let id = Some(term).filter(|term| term.attribute == "value").and_then(|term| term.value.as_str());
            let id = id.ok_or_else(|| fault::filter("members are chosen by their value"))?;
            named.insert(id.parse().map_err(|_| fault::no_target("there is no such member"))?);
        }
        let chosen = step.target.filter.is_some();
        if chosen && named.len() > 1 {
            return Err(fault::no_target("no member has two values"));
        }
        if let Some(Value::Array(items)) = step.value.as_ref().filter(|_| !chosen) {
            for item in items {
                let Value::Object(fields) = item else {
                    return Err(fault::value("/members has something that is no member"));
                };
                named.insert(input::read::<input::Member>(fields.clone())?.value);
            }
        }
        match step.verb {
            Verb::Remove if !chosen && step.value.is_none() => *self = Self::to([]),
            Verb::Replace if !chosen => *self = Self::to(named),
            Verb::Remove => {
                self.come.retain(|id| !named.contains(id));
                self.go.extend(named);
            }
            Verb::Replace | Verb::Add => {
                self.go.retain(|id| !named.contains(id));
                self.come.extend(named);
            }
        }
        Ok(())
    }

    /// Who has to go and who to come, given who is there.
    fn due(&self, there: &BTreeSet<UserId>) -> (Vec<UserId>, Vec<UserId>) {
        let goes = |id: &UserId| self.go.contains(id) || self.anew && !self.come.contains(id);
        let go = there.iter().filter(|id| goes(id)).copied().collect();
        let come = self.come.iter().filter(|id| !there.contains(*id)).copied().collect();
        (go, come)
    }
}

/// What becomes of a group.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Its name, if it gets one.
    pub name: Option<Name>,
    /// What the directory knows it by, if that is said.
    #[expect(clippy::option_option, reason = "whether something is said, and whether that is nothing")]
    pub external_id: Option<Option<ExternalId>>,
    /// Who comes and goes.
    pub moves: Moves,
}

/// Makes of a group what is wanted: its name first, then who goes, then who comes. Each is a change of its own; what was done stays when a
/// later one is refused, and the same request goes on from there.
pub(crate) async fn change<R>(
    context: &Context,
    scope: &Scope<R>,
    id: GroupId,
    if_match: &IfMatch,
    wanted: &Wanted,
) -> Result<(), Problem> {
    let table = context.table()?;
    let before = group::find(table, &scope.tenant, id).await?.ok_or(Problem::NotFound("group"))?;
    if_match.check(before.version)?;
    let there = if before.members > 0 && wanted.moves != Moves::default() {
        members(context, &scope.tenant, id).await?.into_iter().collect()
    } else {
        BTreeSet::new()
    };
    let (go, come) = wanted.moves.due(&there);
    if go.len() + come.len() > MOST_MOVES {
        return Err(fault::value(format!("/members: more than {MOST_MOVES} would come and go at once")));
    }
    let path = format!("/scim/v2/Groups/{id}");
    if !go.is_empty() {
        scope.demand(context, Permission::GroupMemberRemove, scope.place(), &path).await?;
    }
    must_be_able_to_come(context, scope, before.organization, &come).await?;
    rename(context, scope, before, wanted).await?;
    for person in go {
        deciding(|| leave(context, scope, id, person)).await?;
    }
    for person in come {
        deciding(|| join(context, scope, id, person)).await?;
    }
    Ok(())
}

/// Refuses to begin what names somebody who cannot come into a group of the organization.
pub(crate) async fn must_be_able_to_come<R>(
    context: &Context,
    scope: &Scope<R>,
    organization: OrganizationId,
    people: impl IntoIterator<Item = &UserId>,
) -> Result<(), Problem> {
    let mut allowed = false;
    for (at, person) in people.into_iter().enumerate() {
        if !allowed {
            let path = "/scim/v2/Groups";
            scope.demand(context, Permission::GroupMemberAdd, scope.place(), path).await?;
            allowed = true;
        }
        if at >= MOST_MOVES {
            return Err(fault::value(format!("/members: more than {MOST_MOVES} would come at once")));
        }
        let place = load::place(context, &scope.tenant, (*person).into()).await?;
        if place.is_none_or(|place| place.organization() != Some(organization)) {
            return Err(fault::value("/members names nobody of the group's organization"));
        }
    }
    Ok(())
}

async fn rename<R>(
    context: &Context,
    scope: &Scope<R>,
    before: Group,
    wanted: &Wanted,
) -> Result<(), Problem> {
    let known = directory::find_group(context.table()?, &scope.tenant, before.id).await?;
    let external_id = wanted.external_id.as_ref().unwrap_or(&known);
    let name = wanted.name.as_ref().unwrap_or(&before.name);
    let also: &[&str] = if *external_id == known { &[] } else { &["external_id"] };
    if *name == before.name && also.is_empty() {
        return Ok(());
    }
    let (mut transaction, _) = groups::rename(context, scope, &before, name.clone(), also)?;
    directory::put_group(&mut transaction, &scope.tenant, before.id, known.as_ref(), external_id.as_ref())?;
    context.carry_out(&scope.tenant, &transaction).await
}

/// Takes somebody out of a group, if the person is in it.
pub(crate) async fn leave<R>(
    context: &Context,
    scope: &Scope<R>,
    id: GroupId,
    person: UserId,
) -> Result<Answer, Problem> {
    let before = load::group(context, &scope.tenant, &id.to_string()).await?;
    match groups::leave(context, scope, &before, person).await {
        Ok(transaction) => context.commit(&scope.tenant, None, transaction, Answer::no_content()).await,
        Err(Problem::NotFound("membership")) => Ok(Answer::no_content()),
        Err(other) => Err(other),
    }
}

/// Lets somebody into a group, unless the person is in it.
pub(crate) async fn join<R>(
    context: &Context,
    scope: &Scope<R>,
    id: GroupId,
    person: UserId,
) -> Result<Answer, Problem> {
    let before = load::group(context, &scope.tenant, &id.to_string()).await?;
    if group::find_member(context.table()?, &scope.tenant, id, person).await?.is_some() {
        return Ok(Answer::no_content());
    }
    let (transaction, ..) = groups::join(context, scope, &before, person, "/members").await?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::steps;
    use rookery_domain::fault::JsonObject;
    use serde_json::json;
    use uuid::Uuid;

    fn id(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn due(operations: &Value) -> (Vec<UserId>, Vec<UserId>) {
        let patch = json!({"Operations": operations});
        let mut moves = Moves::default();
        for step in steps(&GROUPS, &JsonObject(patch.as_object().unwrap().clone())).unwrap() {
            moves.take(&step).unwrap();
        }
        moves.due(&[id(1), id(2)].into())
    }

    #[test]
    fn members_come_and_go_in_the_order_of_the_operations() {
        let (one, three) = (id(1), id(3));
        let add = json!({"op": "add", "path": "members", "value": [{"value": three}, {"value": one}]});
        let remove = json!({"op": "remove", "path": format!("members[value eq \"{three}\"]")});
        assert_eq!(due(&json!([add])), (vec![], vec![three]));
        assert_eq!(due(&json!([add, remove])), (vec![], vec![]));
        assert_eq!(due(&json!([remove, add])), (vec![], vec![three]));
        let by_value = json!({"op": "Remove", "path": "members", "value": [{"value": one}]});
        assert_eq!(due(&json!([by_value])), (vec![one], vec![]));
        let replace = json!({"op": "replace", "value": {"members": [{"value": three}, {"value": one}]}});
        assert_eq!(due(&json!([replace])), (vec![id(2)], vec![three]));
        assert_eq!(due(&json!([{"op": "remove", "path": "members"}, add])), (vec![id(2)], vec![three]));
    }
}
