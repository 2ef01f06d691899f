//! The records of people, and what they are found by.

use jiff::Timestamp;
use rookery_domain::id::{DivisionId, OrganizationId, TenantId, UserId};
use rookery_domain::password::PasswordHash;
use rookery_domain::text::{Email, Name};
use rookery_domain::user::{Search, User, UserState, cut};
use serde::{Deserialize, Serialize};

use crate::transaction::unique;
use crate::{
    Filter, Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    id: UserId,
    tenant: TenantId,
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    division: Option<DivisionId>,
    email: Email,
    #[serde(default)]
    email_verified: bool,
    name: Name,
    state: UserState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for UserRecord {
    const KIND: &'static str = "user";
}

impl From<UserRecord> for User {
    fn from(record: UserRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            organization: record.organization,
            division: record.division,
            email: record.email,
            email_verified: record.email_verified,
            name: record.name,
            state: record.state,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

impl UserRecord {
    fn new(user: &User, password_hash: Option<String>) -> Self {
        Self {
            id: user.id,
            tenant: user.tenant,
            organization: user.organization,
            division: user.division,
            email: user.email.clone(),
            email_verified: user.email_verified,
            name: user.name.clone(),
            state: user.state,
            password_hash,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// A word that a person is found by.
#[derive(Debug, Serialize, Deserialize)]
struct WordRecord {
    user: UserId,
    word: String,
}

impl Record for WordRecord {
    const KIND: &'static str = "user_word";
}

/// A person as it was found, with what is needed to write it again.
#[derive(Debug, Clone)]
pub struct Found {
    /// The person.
    pub user: User,
    password_hash: Option<String>,
}

/// Whom to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Only people of this organization.
    pub organization: Option<OrganizationId>,
    /// Only people in this state.
    pub state: Option<UserState>,
}

/// Most people that one word is looked up for: they share the first 64 characters of their mail addresses, or are called like one.
const SAME_WORD: u32 = 100;

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["user"])
}

pub(crate) fn place(scope: &TenantScope, id: UserId) -> Key {
    collection(scope).item(id)
}

fn of_organization(scope: &TenantScope, organization: OrganizationId) -> Partition {
    scope.partition(&[&organization.to_string(), "user"])
}

fn search_words(scope: &TenantScope) -> Partition {
    scope.partition(&["user-search"])
}

fn guard(scope: &TenantScope, email: &Email) -> Key {
    unique(scope, "user", "tenant", &email.normalized())
}

fn index<'a>(
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: UserId,
    words: impl IntoIterator<Item = &'a String>,
) -> Result<(), StoreError> {
    for word in words {
        let place = search_words(scope).item(format_args!("{word}#{user}"));
        transaction.put(&place, &WordRecord { user, word: word.clone() })?;
    }
    Ok(())
}

/// Adds a new person to a transaction, and claims the mail address.
pub fn create(transaction: &mut Transaction, scope: &TenantScope, user: &User) -> Result<(), StoreError> {
    transaction.claim(&guard(scope, &user.email), "mail address");
    let record = UserRecord::new(user, None);
    transaction.create(&collection(scope).item(user.id), &record, Refusal::Taken("id"))?;
    transaction
        .put(&of_organization(scope, user.organization).item(user.id), &UserRecord::new(user, None))?;
    index(transaction, scope, user.id, &user.words())
}

/// A person as the release before the tree stored one.
#[derive(Debug, Serialize, Deserialize)]
struct EarlierUser {
    id: UserId,
    tenant: TenantId,
    #[serde(default)]
    organization: Option<OrganizationId>,
    email: Email,
    name: Name,
    #[serde(default)]
    password_hash: Option<String>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for EarlierUser {
    const KIND: &'static str = "user";
}

/// Writes what people of the release before the tree lack: the organization that they belong to, and what they are found by.
pub(crate) async fn complete(
    table: &Table,
    scope: &TenantScope,
    home: OrganizationId,
) -> Result<u64, StoreError> {
    let people: Vec<EarlierUser> = table.list_all(&collection(scope)).await?;
    let mut changed = 0;
    for earlier in people.into_iter().filter(|person| person.organization.is_none()) {
        let user = User {
            id: earlier.id,
            tenant: earlier.tenant,
            organization: home,
            division: None,
            email: earlier.email,
            email_verified: false,
            name: earlier.name,
            state: UserState::Active,
            version: earlier.version,
            created_at: earlier.created_at,
            updated_at: earlier.updated_at,
        };
        let mut transaction = Transaction::new();
        transaction.put(&collection(scope).item(user.id), &UserRecord::new(&user, earlier.password_hash))?;
        transaction.put(&of_organization(scope, home).item(user.id), &UserRecord::new(&user, None))?;
        index(&mut transaction, scope, user.id, &user.words())?;
        table.commit(&transaction).await?;
        changed += 2 + user.words().len() as u64;
    }
    Ok(changed)
}

/// Where the copies and words lie that [`complete`] wrote, and others since.
pub(crate) fn completion(scope: &TenantScope, organization: OrganizationId) -> [Partition; 2] {
    [of_organization(scope, organization), search_words(scope)]
}

/// Adds a changed person to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &User,
) -> Result<(), StoreError> {
    if before.user.email.normalized() != after.email.normalized() {
        transaction.claim(&guard(scope, &after.email), "mail address");
        transaction.remove(&guard(scope, &before.user.email));
    }
    let record = UserRecord::new(after, before.password_hash.clone());
    transaction.replace(&collection(scope).item(after.id), &record, before.user.version)?;
    transaction
        .put(&of_organization(scope, after.organization).item(after.id), &UserRecord::new(after, None))?;
    let (old, new) = (before.user.words(), after.words());
    for word in old.difference(&new) {
        transaction.remove(&search_words(scope).item(format_args!("{word}#{}", after.id)));
    }
    index(transaction, scope, after.id, new.difference(&old))
}

/// Adds the end of a person's record to a transaction, with everything that it is found by.
pub fn erase(transaction: &mut Transaction, scope: &TenantScope, before: &Found) {
    let user = &before.user;
    transaction.delete(&collection(scope).item(user.id), user.version);
    transaction.remove(&of_organization(scope, user.organization).item(user.id));
    transaction.remove(&guard(scope, &user.email));
    for word in user.words() {
        transaction.remove(&search_words(scope).item(format_args!("{word}#{}", user.id)));
    }
}

/// Reads a person of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: UserId) -> Result<Option<Found>, StoreError> {
    let record: Option<UserRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(|mut record| {
        let password_hash = record.password_hash.take();
        Found { user: User::from(record), password_hash }
    }))
}

/// The hash of a password that a release before this one kept in the person's record, and since when it can have been there.
pub(crate) async fn earlier_password(
    table: &Table,
    scope: &TenantScope,
    id: UserId,
) -> Result<Option<(PasswordHash, Timestamp)>, StoreError> {
    let record: Option<UserRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.and_then(|record| Some((PasswordHash::new(record.password_hash?), record.created_at))))
}

/// Reads the person of the tenant that has a mail address. Where there is none, it takes the same reads.
pub async fn of_email(
    table: &Table,
    scope: &TenantScope,
    email: &Email,
) -> Result<Option<Found>, StoreError> {
    let word = cut(&email.normalized());
    let slice = Slice {
        limit: SAME_WORD,
        oldest_first: true,
        between: Some((format!("{word}#usr_"), format!("{word}#usr_~"))),
        ..Slice::default()
    };
    let words: Listed<WordRecord> = table.list(&search_words(scope), slice).await?;
    let nobody = [UserId::from_uuid(uuid::Uuid::nil())];
    let people: Vec<UserId> = words.items.iter().map(|word| word.user).collect();
    let asked = if people.is_empty() { &nobody[..] } else { &people };
    for id in asked {
        let found = find(table, scope, *id).await?;
        if let Some(found) = found.filter(|found| found.user.email.normalized() == email.normalized()) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a mail address is a person's of the tenant.
pub async fn is_known(table: &Table, scope: &TenantScope, email: &Email) -> Result<bool, StoreError> {
    Ok(table.get::<crate::record::Marker>(&guard(scope, email)).await?.is_some())
}

/// Lists people, newest first.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    which: Which,
    slice: Slice,
) -> Result<Listed<User>, StoreError> {
    let partition = which
        .organization
        .map_or_else(|| collection(scope), |organization| of_organization(scope, organization));
    let filter = which.state.map(|state| Filter { equal: vec![("state", state.as_str().to_owned())] });
    let listed = table.list::<UserRecord>(&partition, Slice { filter, ..slice }).await?;
    Ok(Listed { items: listed.items.into_iter().map(User::from).collect(), next: listed.next })
}

/// Finds people by the beginnings of their mail addresses and of the words of their names, in the order of those words. What is read
/// is what fits the question, however many people there are beside.
pub async fn search(
    table: &Table,
    scope: &TenantScope,
    search: &Search,
    which: Which,
    slice: Slice,
) -> Result<Listed<User>, StoreError> {
    let lead = search.lead();
    let between = Some((lead.to_owned(), format!("{lead}\u{10ffff}")));
    let slice = Slice { between, oldest_first: true, ..slice };
    let words = table.list::<WordRecord>(&search_words(scope), slice).await?;
    let keys: std::collections::BTreeSet<UserId> = words.items.iter().map(|word| word.user).collect();
    let keys: Vec<Key> = keys.into_iter().map(|user| collection(scope).item(user)).collect();
    let users: Vec<User> = table.get_many::<UserRecord>(&keys).await?.into_iter().map(User::from).collect();
    let fits = |word: &WordRecord| {
        let user = users.iter().find(|user| user.id == word.user)?;
        let wanted = which.organization.is_none_or(|organization| organization == user.organization)
            && which.state.is_none_or(|state| state == user.state);
        (wanted && search.finds(user).as_ref() == Some(&word.word)).then(|| user.clone())
    };
    Ok(Listed { items: words.items.iter().filter_map(fits).collect(), next: words.next })
}
