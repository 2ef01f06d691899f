//! People as the routes of this area load, change and show them.

use std::collections::BTreeMap;

use rookery_domain::directory::Entry;
use rookery_domain::id::{GroupId, UserId};
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::{Email, Name};
use rookery_domain::user::{User, UserState};
use rookery_edge::{Answer, Context, IfMatch, Problem, Scope, deciding};
use rookery_roster::{load, people};
use rookery_store::{Refusal, TenantScope, access, directory, group, user};
use serde_json::{Map, Value};

use crate::query::Query;
use crate::schema::USERS;
use crate::{MEDIA_TYPE, body, fault, input};

/// A person with what the directory says.
pub(crate) struct Known {
    /// The record.
    pub found: user::Found,
    /// What the directory said; nothing of whoever came by other ways.
    pub stored: Option<Entry>,
    /// What is shown of it.
    pub entry: Entry,
}

impl Known {
    fn new(found: user::Found, stored: Option<Entry>) -> Result<Self, Problem> {
        let entry = match stored.clone() {
            Some(entry) => entry.brought_up_to(&found.user),
            None => Entry::of(&found.user).map_err(Problem::internal)?,
        };
        Ok(Self { found, stored, entry })
    }

    /// What can be changed of the person, as a patch meets it.
    pub(crate) fn attributes(&self) -> Result<Map<String, Value>, Problem> {
        let shown = body::User::new("", &self.found.user, self.entry.clone(), &[]);
        Ok(USERS.known(&body::attributes(&shown)?))
    }
}

/// Reads a person.
pub(crate) async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Known, Problem> {
    let found = load::user(context, scope, id).await?;
    let stored = directory::find_person(context.table()?, scope, found.user.id).await?;
    Known::new(found, stored)
}

/// The groups that some people are members of themselves, by their names.
async fn memberships(
    context: &Context,
    scope: &TenantScope,
    users: impl IntoIterator<Item = UserId>,
) -> Result<BTreeMap<UserId, Vec<(GroupId, Name)>>, Problem> {
    let table = context.table()?;
    let direct = access::groups_of(table, scope, users).await?;
    let groups = group::find_many(table, scope, direct.values().flatten().copied()).await?;
    let named =
        |ids: Vec<GroupId>| ids.into_iter().filter_map(|id| Some((id, groups.get(&id)?.name.clone())));
    Ok(direct.into_iter().map(|(user, ids)| (user, named(ids).collect())).collect())
}

/// What is shown of some people.
pub(crate) async fn shown(
    context: &Context,
    scope: &TenantScope,
    base: &str,
    query: &Query,
    people: Vec<User>,
) -> Result<Vec<Map<String, Value>>, Problem> {
    let ids = || people.iter().map(|person| person.id);
    let mut entries = directory::find_people(context.table()?, scope, ids()).await?;
    let groups = if query.shows(&USERS, "groups") {
        memberships(context, scope, ids()).await?
    } else {
        BTreeMap::new()
    };
    let none = Vec::new();
    let show = |person: User| {
        let entry = match entries.remove(&person.id) {
            Some(entry) => entry.brought_up_to(&person),
            None => Entry::of(&person).map_err(Problem::internal)?,
        };
        let groups = groups.get(&person.id).unwrap_or(&none);
        body::attributes(&body::User::new(base, &person, entry, groups))
    };
    people.into_iter().map(show).collect()
}

/// The answer that shows a person.
pub(crate) async fn answer(
    context: &Context,
    scope: &TenantScope,
    base: &str,
    query: &Query,
    person: User,
) -> Result<Answer, Problem> {
    let version = person.version;
    let all = shown(context, scope, base, query, vec![person]).await?;
    let whole = all.into_iter().next().unwrap_or_default();
    Ok(Answer::ok(&query.project(&USERS, whole))?.of_type(MEDIA_TYPE).version(version))
}

/// Refuses a name that somebody else has as a mail address, whom no directory sent: it would lead to both.
pub(crate) async fn must_be_free(
    context: &Context,
    scope: &TenantScope,
    entry: &Entry,
    of: Option<UserId>,
) -> Result<(), Problem> {
    let Ok(address) = entry.user_name.as_str().parse::<Email>() else { return Ok(()) };
    let table = context.table()?;
    let Some(other) = user::of_email(table, scope, &address).await? else { return Ok(()) };
    if of == Some(other.user.id) || directory::find_person(table, scope, other.user.id).await?.is_some() {
        return Ok(());
    }
    Err(Refusal::Taken("userName").into())
}

/// What the directory says that the platform's own record does not hold and that changes, by the names of the fields in events.
fn said_anew(before: &Entry, after: &Entry) -> Vec<&'static str> {
    let parts = |entry: &Entry| {
        (
            entry.formatted.clone(),
            entry.family_name.clone(),
            entry.given_name.clone(),
            entry.display_name.clone(),
        )
    };
    let fields = [
        ("external_id", before.external_id != after.external_id),
        ("user_name", before.user_name != after.user_name),
        ("name_parts", parts(before) != parts(after)),
        ("addresses", before.addresses != after.addresses),
        ("says_active", before.says_active != after.says_active),
    ];
    fields.into_iter().filter(|(_, changes)| *changes).map(|(field, _)| field).collect()
}

/// What becomes of a person: what the directory says, and whether the person may act.
pub(crate) struct Wanted {
    /// What the directory says.
    pub entry: Entry,
    /// Whether the person may act.
    pub state: UserState,
}

impl Wanted {
    /// What is sent of a person as a whole; whether it may act stays as it is where that is not said.
    pub(crate) fn whole(known: Map<String, Value>, state: UserState) -> Result<Self, Problem> {
        let person: input::Person = input::read(known)?;
        let state = person.active.map_or(state, in_words);
        Ok(Self { entry: Entry { says_active: true, ..person.into_entry()? }, state })
    }

    /// What a patch left of a person; whoever is not said to be active or not may act.
    pub(crate) fn patched(known: Map<String, Value>) -> Result<Self, Problem> {
        let person: input::Person = input::read(known)?;
        let state = person.active.map_or(UserState::Active, in_words);
        Ok(Self { entry: person.into_entry()?, state })
    }
}

const fn in_words(active: bool) -> UserState {
    if active { UserState::Active } else { UserState::Suspended }
}

/// Makes of a person what is wanted. Whether the person may act comes first: it has an event of its own, and must hold even if something
/// else is in the way.
pub(crate) async fn change(
    context: &Context,
    scope: &Scope<right::UserUpdate>,
    id: &str,
    if_match: &IfMatch,
    wanted: impl Fn(&Known) -> Result<Wanted, Problem>,
) -> Result<User, Problem> {
    let known = load(context, &scope.tenant, id).await?;
    if_match.check(known.found.user.version)?;
    scope.must_outrank(context, Permission::UserUpdate, known.found.user.id).await?;
    let Wanted { entry, state } = wanted(&known)?;
    if known.entry.user_name != entry.user_name {
        must_be_free(context, &scope.tenant, &entry, Some(known.found.user.id)).await?;
    }
    if known.found.user.state != state {
        let permission = match state {
            UserState::Suspended => Permission::UserSuspend,
            UserState::Active => Permission::UserResume,
        };
        scope.demand(context, permission, scope.place(), &format!("/scim/v2/Users/{id}")).await?;
        deciding(|| put_in_state(context, scope, id, state)).await?;
    }
    deciding(|| put(context, scope, id, &entry)).await?;
    Ok(load::user(context, &scope.tenant, id).await?.user)
}

async fn put_in_state(
    context: &Context,
    scope: &Scope<right::UserUpdate>,
    id: &str,
    state: UserState,
) -> Result<Answer, Problem> {
    let found = load::user(context, &scope.tenant, id).await?;
    match people::put_in_state(context, scope, &found, state).await? {
        Some((transaction, _)) => {
            context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
        }
        None => Ok(Answer::no_content()),
    }
}

async fn put(
    context: &Context,
    scope: &Scope<right::UserUpdate>,
    id: &str,
    entry: &Entry,
) -> Result<Answer, Problem> {
    let known = load(context, &scope.tenant, id).await?;
    let before = &known.found.user;
    let email = entry.email().cloned().ok_or_else(|| fault::value("/emails is missing"))?;
    let name = shown_name(entry)?;
    let after = before.edited(email, name, before.division, context.now());
    let also = said_anew(&known.entry, entry);
    let edited = people::edit(context, scope, &known.found, &after, &also).await?;
    let Some(mut transaction) = edited else { return Ok(Answer::no_content()) };
    directory::put_person(&mut transaction, &scope.tenant, before.id, known.stored.as_ref(), entry)?;
    context.commit(&scope.tenant, None, transaction, Answer::no_content()).await
}

/// The name that the platform shows of what the directory says.
pub(crate) fn shown_name(entry: &Entry) -> Result<Name, Problem> {
    entry.name().map_err(|fault| fault::value(format!("/name {fault}")))
}
