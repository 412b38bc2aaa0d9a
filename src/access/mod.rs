//! Who may do what. Until a station has users, the person is the account of the operating system, with the operator's role and no more.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What kind of actor stands behind a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// Somebody at a screen or a command line.
    Person,
    /// A rule that the engineer wrote.
    Rule,
    /// The station itself.
    Station,
    /// Somebody behind a link to other systems, such as a broker. The station knows the link, and of the sender only what the message says.
    Link,
}

/// The one who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// What kind of actor.
    pub kind: PrincipalKind,
    /// Name of the person, rule or station.
    pub name: Arc<str>,
}

impl Principal {
    /// A person by the name of the operating system's account.
    pub fn person(name: &str) -> Self {
        Self { kind: PrincipalKind::Person, name: name.into() }
    }

    /// A rule that the engineer wrote.
    pub fn rule(name: &str) -> Self {
        Self { kind: PrincipalKind::Rule, name: name.into() }
    }

    /// Somebody behind a link: its name, and what the message says of its sender.
    pub fn link(connection: &str, sender: &str) -> Self {
        let name = if sender.is_empty() { connection.to_owned() } else { format!("{connection}, says \"{sender}\"") };
        Self { kind: PrincipalKind::Link, name: name.into() }
    }

    /// The station itself.
    pub fn station() -> Self {
        Self { kind: PrincipalKind::Station, name: "station".into() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PrincipalKind::Person => formatter.write_str(&self.name),
            PrincipalKind::Rule => write!(formatter, "rule {}", self.name),
            PrincipalKind::Station => formatter.write_str("station"),
            PrincipalKind::Link => write!(formatter, "link {}", self.name),
        }
    }
}

/// What a principal is trusted with; each role includes those before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks only.
    Viewer,
    /// Acknowledges alarms and sets ordinary setpoints.
    #[default]
    Operator,
    /// Sets what engineers set.
    Engineer,
    /// Everything.
    Administrator,
}

impl Role {
    /// The word that files and screens show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Engineer => "engineer",
            Self::Administrator => "administrator",
        }
    }
}

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the role {needed}; {who} has the role {held}")]
pub struct Denied {
    /// The role that the action needs.
    pub needed: &'static str,
    /// The role that the principal holds.
    pub held: &'static str,
    /// The principal.
    pub who: String,
}

/// Proof that [`permit`] was asked and agreed. It cannot be made in any other way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    principal: Principal,
}

impl Permit {
    /// The one who was permitted.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// The role that a principal holds while the station has no users: persons are operators, rules and the station act as engineered. A link
/// holds the operator's role and no more, whatever its messages say: what only engineers set is not set from afar.
pub const fn role_without_login(kind: PrincipalKind) -> Role {
    match kind {
        PrincipalKind::Person | PrincipalKind::Link => Role::Operator,
        PrincipalKind::Rule | PrincipalKind::Station => Role::Engineer,
    }
}

/// Lets `principal` pass when it holds at least the role `needed`.
pub fn permit(principal: &Principal, needed: Role) -> Result<Permit, Denied> {
    let held = role_without_login(principal.kind);
    if held >= needed {
        return Ok(Permit { principal: principal.clone() });
    }
    Err(Denied { needed: needed.word(), held: held.word(), who: principal.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_more_than_the_operators_role_without_a_login() {
        let person = Principal::person("anna");
        assert!(permit(&person, Role::Operator).is_ok());
        let link = Principal::link("site", "scada");
        assert!(permit(&link, Role::Operator).is_ok());
        let denied = permit(&link, Role::Engineer).unwrap_err();
        assert!(denied.to_string().ends_with(r#"link site, says "scada" has the role operator"#), "{denied}");
        let denied = permit(&person, Role::Engineer).unwrap_err();
        assert_eq!(denied.to_string(), "this needs the role engineer; anna has the role operator");
    }
}
