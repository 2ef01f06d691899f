//! `/scim/v2/Users`: listing people, and making one.

use axum::extract::State;
use rookery_domain::directory::ExternalId;
use rookery_domain::event::{Resource, changes};
use rookery_domain::fault::JsonObject;
use rookery_domain::id::UserId;
use rookery_domain::permission::{Permission, right};
use rookery_domain::text::{Email, Name};
use rookery_domain::user::{User, UserState};
use rookery_edge::{Answer, Body, Context, Issuer, Problem, Reach, deciding, wire};
use rookery_roster::{load, people};
use rookery_store::access::Access;
use rookery_store::user::{self, Which};
use rookery_store::{Listed, Slice, TenantScope, Transaction, directory};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::filter::{self, Equals};
use crate::home::{self, Home};
use crate::person::{self, Wanted};
use crate::query::Query;
use crate::schema::USERS;
use crate::{MEDIA_TYPE, body, fault, input, protocol};

/// What people are looked for by.
const LOOKED_FOR: [&str; 5] = ["id", "externalId", "userName", "displayName", "emails.value"];

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    protocol(OpenApiRouter::new().routes(routes!(list, create)))
}

/// List the people of the caller's organization that it may see, the first to come first.
///
/// `filter` is one or more of `id`, `externalId`, `userName`, `displayName` and `emails.value`, each with `eq` and a text in quotes, joined by
/// `and`.
#[utoipa::path(
    get,
    path = "/scim/v2/Users",
    operation_id = "list_scim_users",
    tag = "scim",
    params(
        ("filter" = Option<String>, Query),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the part before; empty for the first."),
        ("startIndex" = Option<i64>, Query, description = "Instead of a cursor. Everything is read to tell how many there are."),
        ("count" = Option<i64>, Query, description = "100 at the most."),
        ("attributes" = Option<String>, Query),
        ("excludedAttributes" = Option<String>, Query)
    ),
    responses(
        (status = 200, description = "A part of the people.", body = body::ListResponse, content_type = "application/scim+json"),
        (status = 400, description = "The filter or a parameter is faulty.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn list(
    State(context): State<Context>,
    reach: Reach<right::UserList>,
    Issuer(base): Issuer,
    query: Query,
) -> Result<Answer, Problem> {
    let Home { organization, .. } = home::of(&context, &reach).await?;
    let terms = match &query.filter {
        Some(text) => Some(filter::of_list(&USERS, text, &LOOKED_FOR)?),
        None => None,
    };
    let which = Which { organization: Some(organization), state: None };
    let slice = query.slice(&reach.tenant)?;
    let Listed { items: mut people, next } = match (terms.as_deref().and_then(lead), slice) {
        (Some(lead), _) => Listed { items: looked_up(&context, &reach.tenant, &lead).await?, next: None },
        (None, Some(slice)) => user::list(context.table()?, &reach.tenant, which, slice).await?,
        (None, None) => Listed { items: all(&context, &reach.tenant, which).await?, next: None },
    };
    people.retain(|person| person.organization == organization);
    let people = reach.keep(&context, people, User::home).await?;
    let (total, shown) = match terms {
        None => {
            let total = people.len();
            (total, person::shown(&context, &reach.tenant, &base, &query, query.page(people)).await?)
        }
        Some(terms) => {
            let mut shown = person::shown(&context, &reach.tenant, &base, &query, people).await?;
            shown.retain(|person| terms.iter().all(|term| term.holds(&USERS, person)));
            (shown.len(), query.page(shown))
        }
    };
    let resources = shown.into_iter().map(|whole| Value::Object(query.project(&USERS, whole))).collect();
    let part = query.list(&reach.tenant, resources, total, next.as_deref());
    Ok(Answer::ok(&part)?.of_type(MEDIA_TYPE))
}

/// What leads to the people that a filter is about without reading all of them.
enum Lead {
    Id(Option<UserId>),
    External(Option<ExternalId>),
    UserName(Option<Name>),
}

fn lead(terms: &[Equals]) -> Option<Lead> {
    let text = |attribute| terms.iter().find_map(|term| term.text_of(attribute));
    if let Some(text) = text("id") {
        return Some(Lead::Id(text.parse().ok()));
    }
    if let Some(text) = text("externalId") {
        return Some(Lead::External(text.parse().ok()));
    }
    text("userName").map(|text| Lead::UserName(text.parse().ok()))
}

async fn looked_up(context: &Context, scope: &TenantScope, lead: &Lead) -> Result<Vec<User>, Problem> {
    let table = context.table()?;
    let id = match lead {
        Lead::Id(id) => *id,
        Lead::External(Some(known)) => directory::person_of(table, scope, known).await?,
        Lead::UserName(Some(name)) => directory::of_user_name(table, scope, name).await?,
        Lead::External(None) | Lead::UserName(None) => None,
    };
    if let Some(id) = id {
        return Ok(user::find(table, scope, id).await?.map(|found| found.user).into_iter().collect());
    }
    // Whom no directory sent is called by the mail address.
    let Lead::UserName(Some(name)) = lead else { return Ok(Vec::new()) };
    let Ok(address) = name.as_str().parse::<Email>() else { return Ok(Vec::new()) };
    Ok(user::of_email(table, scope, &address).await?.map(|found| found.user).into_iter().collect())
}

async fn all(context: &Context, scope: &TenantScope, which: Which) -> Result<Vec<User>, Problem> {
    let (mut people, mut after) = (Vec::new(), None);
    loop {
        let slice = Slice { limit: 1000, after, oldest_first: true, ..Slice::default() };
        let page = user::list(context.table()?, scope, which, slice).await?;
        people.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(people),
        }
    }
}

/// Make a person of the caller's organization. There is no invitation and no password: the person comes by the organization's own login, or
/// asks for a password by mail.
#[utoipa::path(
    post,
    path = "/scim/v2/Users",
    operation_id = "create_scim_user",
    tag = "scim",
    request_body(content = input::Person, content_type = "application/scim+json"),
    responses(
        (status = 201, description = "Made.", body = body::User, content_type = "application/scim+json"),
        (status = 400, description = "A value is missing, or cannot be.", body = body::Error, content_type = "application/scim+json"),
        (status = 409, description = "The userName, the externalId or the mail address is somebody else's.", body = body::Error, content_type = "application/scim+json"),
        (status = 422, description = "The tenant has as many people as it may.", body = body::Error, content_type = "application/scim+json"),
    )
)]
async fn create(
    State(context): State<Context>,
    reach: Reach<right::UserCreate>,
    Issuer(base): Issuer,
    query: Query,
    Body { value: JsonObject(sent), idempotency }: Body<JsonObject>,
) -> Result<Answer, Problem> {
    let Home { organization, division } = home::of(&context, &reach).await?;
    let home = load::home(&context, &reach.tenant, organization, division).await?;
    let scope = reach.at(&context, home.node).await?;
    let Wanted { entry, state } = Wanted::whole(USERS.known(&sent), UserState::Active)?;
    let email = entry.email().cloned().ok_or_else(|| fault::value("/emails is missing"))?;
    let name = person::shown_name(&entry)?;
    deciding(|| async {
        person::must_be_free(&context, &scope.tenant, &entry, None).await?;
        let now = context.now();
        let made = User {
            id: context.new_id(),
            tenant: scope.tenant.tenant(),
            organization,
            division,
            email: email.clone(),
            // A directory says so; the person has shown nothing yet.
            email_verified: false,
            name: name.clone(),
            state,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let access = Access { suspended: state == UserState::Suspended, ..Access::default() };
        let mut transaction = Transaction::new();
        people::settle(&mut transaction, &scope.tenant, &made, &home, &access)?;
        directory::put_person(&mut transaction, &scope.tenant, made.id, None, &entry)?;
        let changed = load::without_personal_data(changes(&Value::Null, &wire::User::from(made.clone())));
        let resource = Resource::new("user", made.id);
        let event = scope.consequence(&context, Permission::UserCreate, resource, made.version, changed);
        transaction.event(&scope.tenant, &event)?;
        let whole = body::attributes(&body::User::new(&base, &made, entry.clone(), &[]))?;
        let location = body::place_of_person(&base, made.id);
        let answer = Answer::created(location, &query.project(&USERS, whole))?;
        let answer = answer.of_type(MEDIA_TYPE).version(made.version);
        context.commit(&scope.tenant, idempotency.as_ref(), transaction, answer).await
    })
    .await
}
