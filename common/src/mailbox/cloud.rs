//! The Microsoft clouds: authority, token resource and SMTP host, which belong together.

/// A Microsoft cloud, as
/// <https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud> lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cloud {
    /// The worldwide cloud, GCC included.
    #[default]
    Public,
    /// US Government GCC High.
    GccHigh,
    /// US Department of Defense.
    Dod,
    /// China, operated by 21Vianet.
    China,
    /// Personal accounts of Outlook.com.
    Consumer,
}

impl Cloud {
    /// Every cloud, with the word that selects it.
    pub const ALL: [(&'static str, Self); 5] = [
        ("public", Self::Public),
        ("gcc-high", Self::GccHigh),
        ("dod", Self::Dod),
        ("china", Self::China),
        ("consumer", Self::Consumer),
    ];

    /// The cloud that `word` selects.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(name, cloud)| (name == word).then_some(cloud))
    }

    /// The host that signs people in and issues tokens.
    #[must_use]
    pub fn authority(self) -> &'static str {
        match self {
            Self::Public | Self::Consumer => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The resource that `SMTP.Send` belongs to.
    #[must_use]
    pub fn resource(self) -> &'static str {
        match self {
            Self::Public | Self::Consumer => "https://outlook.office.com",
            Self::GccHigh | Self::Dod => "https://outlook.office365.us",
            Self::China => "https://partner.outlook.cn",
        }
    }

    /// The host that takes mail.
    #[must_use]
    pub fn smtp_host(self) -> &'static str {
        match self {
            Self::Public => "smtp.office365.com",
            Self::GccHigh => "smtp.office365.us",
            Self::Dod => "outlook-dod.office365.us",
            Self::China => "smtp.partner.outlook.cn",
            Self::Consumer => "smtp-mail.outlook.com",
        }
    }

    /// Whether something of Microsoft's is of other clouds only than a resource of Microsoft's: what one cloud issues,
    /// the servers of another refuse. What is not Microsoft's goes with everything.
    pub(super) fn are_mixed(resource: &str, is_of: impl Fn(Self) -> bool) -> bool {
        let clouds = Self::ALL.map(|(_, cloud)| cloud);
        let has_resource = |cloud: &Self| cloud.resource() == resource;
        let is_of = |cloud: &Self| is_of(*cloud);
        clouds.iter().any(has_resource)
            && clouds.iter().any(is_of)
            && !clouds
                .iter()
                .any(|cloud| has_resource(cloud) && is_of(cloud))
    }
}
