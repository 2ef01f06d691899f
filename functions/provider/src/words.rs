//! What the pages say, in every language that they speak.

use rookery_domain::oauth_client::ScopeWord;
use rookery_domain::permission::Permission;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    /// All of them, the usual one first.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    /// The tag of RFC 5646.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a tag, whatever its region.
    fn of(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The first of some tags that is spoken here: the parameter `ui_locales`.
    pub(crate) fn among(tags: &str) -> Option<Self> {
        tags.split(' ').find_map(Self::of)
    }

    /// The language that a browser likes best, by its header (RFC 9110, section 12.5.4).
    pub(crate) fn accepted(header: &str) -> Self {
        let weighed = header.split(',').filter_map(|part| {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let weight = match rest.trim().strip_prefix("q=") {
                Some(text) => text.trim().parse::<f32>().ok()?,
                None => 1.0,
            };
            Some((Self::of(tag)?, weight)).filter(|_| weight > 0.0)
        });
        // Of equal ones the first.
        let best = weighed.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }

    /// What the pages say.
    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }

    /// What a client may do that is let in, in a sentence.
    pub(crate) fn describe(self, word: ScopeWord) -> String {
        let words = self.words();
        match word {
            ScopeWord::Openid => words.may_openid.to_owned(),
            ScopeWord::Profile => words.may_profile.to_owned(),
            ScopeWord::Email => words.may_email.to_owned(),
            ScopeWord::OfflineAccess => words.may_offline.to_owned(),
            ScopeWord::Everything => words.may_everything.to_owned(),
            ScopeWord::May(permission) => self.permission(permission),
        }
    }

    fn permission(self, permission: Permission) -> String {
        format!("{} {permission}", self.words().may_permission)
    }
}

/// What the pages say.
pub(crate) struct Words {
    pub(crate) log_in: &'static str,
    pub(crate) log_in_to: &'static str,
    pub(crate) goes_on_to: &'static str,
    pub(crate) email: &'static str,
    pub(crate) password: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) wait: &'static str,
    pub(crate) seconds: &'static str,
    pub(crate) enrol_title: &'static str,
    pub(crate) enrol_help: &'static str,
    pub(crate) enrol_qr: &'static str,
    pub(crate) enrol_key: &'static str,
    pub(crate) recovery_title: &'static str,
    pub(crate) recovery_help: &'static str,
    pub(crate) code_title: &'static str,
    pub(crate) code: &'static str,
    pub(crate) code_help: &'static str,
    pub(crate) passkey: &'static str,
    pub(crate) passkey_wrong: &'static str,
    pub(crate) passkey_failed: &'static str,
    pub(crate) passkey_alone_wrong: &'static str,
    pub(crate) recovery: &'static str,
    pub(crate) recovery_code: &'static str,
    pub(crate) recovery_code_help: &'static str,
    pub(crate) code_wrong: &'static str,
    pub(crate) go_on: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) consent_title: &'static str,
    pub(crate) asks: &'static str,
    pub(crate) logged_in_as: &'static str,
    pub(crate) sent_to: &'static str,
    pub(crate) allow: &'static str,
    pub(crate) deny: &'static str,
    pub(crate) may_openid: &'static str,
    pub(crate) may_profile: &'static str,
    pub(crate) may_email: &'static str,
    pub(crate) may_offline: &'static str,
    pub(crate) may_everything: &'static str,
    pub(crate) may_permission: &'static str,
    pub(crate) log_out: &'static str,
    pub(crate) log_out_title: &'static str,
    pub(crate) log_out_help: &'static str,
    pub(crate) stay: &'static str,
    pub(crate) logged_out_title: &'static str,
    pub(crate) stayed_title: &'static str,
    pub(crate) close_page: &'static str,
    pub(crate) device_title: &'static str,
    pub(crate) device_code_help: &'static str,
    pub(crate) device_code_wrong: &'static str,
    pub(crate) device_shows: &'static str,
    pub(crate) device_beware: &'static str,
    pub(crate) device_allowed_title: &'static str,
    pub(crate) device_allowed: &'static str,
    pub(crate) device_denied_title: &'static str,
    pub(crate) error_title: &'static str,
    pub(crate) error_client: &'static str,
    pub(crate) error_address: &'static str,
    pub(crate) error_long: &'static str,
    pub(crate) error_old: &'static str,
    pub(crate) error_suspended: &'static str,
    pub(crate) error_often: &'static str,
}

const ENGLISH: Words = Words {
    log_in: "Log in",
    log_in_to: "Log in to",
    goes_on_to: "You go on to",
    email: "Email address",
    password: "Password",
    wrong: "Email address or password is not right.",
    wait: "Too many tries. Try again in",
    seconds: "seconds.",
    enrol_title: "Set up a second factor",
    enrol_help: "Your organisation asks for one. Scan this with an authenticator app, or type in the key, and then the code that the app shows.",
    enrol_qr: "QR code with the key",
    enrol_key: "Key:",
    recovery_title: "Recovery codes",
    recovery_help: "Each of these stands in for the authenticator once. Keep them where you find them without your device. They are not shown again.",
    code_title: "Second factor",
    code: "Code",
    code_help: "The six digits that your authenticator shows.",
    passkey: "Use a passkey",
    passkey_wrong: "The passkey is not one of this account, or was used too late.",
    passkey_failed: "No passkey was used. Try again, or go on in another way.",
    passkey_alone_wrong: "The passkey does not log you in here, or was used too late.",
    recovery: "This is a recovery code",
    recovery_code: "Recovery code",
    recovery_code_help: "One of those that you were shown when you set up your second factor.",
    code_wrong: "The code is wrong, or was used.",
    go_on: "Continue",
    cancel: "Cancel",
    consent_title: "Allow access?",
    asks: "asks to:",
    logged_in_as: "You are logged in as",
    sent_to: "You will be sent to",
    allow: "Allow",
    deny: "Do not allow",
    may_openid: "Know who you are",
    may_profile: "See your name",
    may_email: "See your email address",
    may_offline: "Keep this access when you are away",
    may_everything: "Do everything that you may do",
    may_permission: "Do in your name:",
    log_out: "Log out",
    log_out_title: "Log out?",
    log_out_help: "You will be logged out of every application that you came to from here in this browser.",
    stay: "Stay logged in",
    logged_out_title: "You are logged out",
    stayed_title: "You are still logged in",
    close_page: "You can close this page.",
    device_title: "Let a device in",
    device_code_help: "The eight letters that the device shows.",
    device_code_wrong: "There is no such code, or it is too old.",
    device_shows: "The device shows the code",
    device_beware: "Allow this only if you began it yourself and the device in front of you shows the same code. If somebody sent you the code, they would get the access.",
    device_allowed_title: "The device is let in",
    device_allowed: "Go on there. You can close this page.",
    device_denied_title: "The device was not let in",
    error_title: "This does not work",
    error_client: "The application that sent you here is not known.",
    error_address: "The application that sent you here wants you sent to an address that it has not registered.",
    error_long: "The application that sent you here asks in a way that cannot be read.",
    error_old: "This page is too old, or was opened in another browser. Go back to the application and begin again.",
    error_suspended: "The organisation is suspended. Ask those who look after it.",
    error_often: "Too many requests came from here. Try again later.",
};

const GERMAN: Words = Words {
    log_in: "Anmelden",
    log_in_to: "Anmelden bei",
    goes_on_to: "Es geht weiter zu",
    email: "E-Mail-Adresse",
    password: "Passwort",
    wrong: "E-Mail-Adresse oder Passwort stimmt nicht.",
    wait: "Zu viele Versuche. Versuchen Sie es wieder in",
    seconds: "Sekunden.",
    enrol_title: "Zweiten Faktor einrichten",
    enrol_help: "Ihre Organisation verlangt einen. Scannen Sie dies mit einer Authenticator-App, oder geben Sie dort den Schlüssel ein, und dann hier den Code, den die App zeigt.",
    enrol_qr: "QR-Code mit dem Schlüssel",
    enrol_key: "Schlüssel:",
    recovery_title: "Wiederherstellungscodes",
    recovery_help: "Jeder davon steht einmal für den Authenticator ein. Bewahren Sie sie auf, wo Sie sie ohne Ihr Gerät finden. Sie werden nicht wieder gezeigt.",
    code_title: "Zweiter Faktor",
    code: "Code",
    code_help: "Die sechs Ziffern, die Ihr Authenticator zeigt.",
    passkey: "Passkey verwenden",
    passkey_wrong: "Der Passkey gehört nicht zu diesem Konto oder wurde zu spät verwendet.",
    passkey_failed: "Es wurde kein Passkey verwendet. Versuchen Sie es noch einmal, oder machen Sie auf andere Weise weiter.",
    passkey_alone_wrong: "Der Passkey meldet Sie hier nicht an oder wurde zu spät verwendet.",
    recovery: "Das ist ein Wiederherstellungscode",
    recovery_code: "Wiederherstellungscode",
    recovery_code_help: "Einer von denen, die Ihnen gezeigt wurden, als Sie Ihren zweiten Faktor eingerichtet haben.",
    code_wrong: "Der Code ist falsch oder wurde schon benutzt.",
    go_on: "Weiter",
    cancel: "Abbrechen",
    consent_title: "Zugriff erlauben?",
    asks: "möchte:",
    logged_in_as: "Sie sind angemeldet als",
    sent_to: "Sie werden weitergeleitet an",
    allow: "Erlauben",
    deny: "Nicht erlauben",
    may_openid: "Wissen, wer Sie sind",
    may_profile: "Ihren Namen sehen",
    may_email: "Ihre E-Mail-Adresse sehen",
    may_offline: "Diesen Zugriff behalten, wenn Sie nicht da sind",
    may_everything: "Alles tun, was Sie dürfen",
    may_permission: "In Ihrem Namen tun:",
    log_out: "Abmelden",
    log_out_title: "Abmelden?",
    log_out_help: "Sie werden bei allen Anwendungen abgemeldet, zu denen Sie in diesem Browser von hier aus gekommen sind.",
    stay: "Angemeldet bleiben",
    logged_out_title: "Sie sind abgemeldet",
    stayed_title: "Sie sind weiterhin angemeldet",
    close_page: "Sie können diese Seite schließen.",
    device_title: "Ein Gerät anmelden",
    device_code_help: "Die acht Buchstaben, die das Gerät zeigt.",
    device_code_wrong: "Diesen Code gibt es nicht, oder er ist zu alt.",
    device_shows: "Das Gerät zeigt den Code",
    device_beware: "Erlauben Sie das nur, wenn Sie es selbst begonnen haben und das Gerät vor Ihnen denselben Code zeigt. Hat Ihnen jemand den Code geschickt, bekäme er den Zugriff.",
    device_allowed_title: "Das Gerät ist angemeldet",
    device_allowed: "Machen Sie dort weiter. Diese Seite können Sie schließen.",
    device_denied_title: "Das Gerät wurde nicht angemeldet",
    error_title: "Das geht nicht",
    error_client: "Die Anwendung, von der Sie kommen, ist nicht bekannt.",
    error_address: "Die Anwendung, von der Sie kommen, möchte Sie an eine Adresse weiterleiten, die sie nicht angemeldet hat.",
    error_long: "Die Anwendung, von der Sie kommen, fragt auf eine Weise, die nicht zu lesen ist.",
    error_old: "Diese Seite ist zu alt oder wurde in einem anderen Browser geöffnet. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn.",
    error_suspended: "Die Organisation ist gesperrt. Fragen Sie, wer sie betreut.",
    error_often: "Von hier kamen zu viele Anfragen. Versuchen Sie es später wieder.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_liked_best() {
        for (header, expected) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("en;q=0.5, DE;q=0.7", Language::German),
            ("fr, en", Language::English),
            ("fr", Language::English),
            ("de;q=0, en;q=0.1", Language::English),
            ("de;q=x", Language::English),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
        assert_eq!(Language::among("fr de-CH en"), Some(Language::German));
        assert_eq!(Language::among("fr"), None);
    }
}
