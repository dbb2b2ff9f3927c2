//! User names that are safe on every machine (POSIX.1-2017, section 3.437, and what `useradd` takes).
//!
//! Invariant: a name that passes [`check`] is never that of an account of a system or of a service,
//! is never a number, and has no form that we give ourselves.

/// The most characters of a user name. Linux takes no more.
const LONGEST: usize = 32;

/// Names of accounts that machines, schedulers and services have, and of groups that give rights.
const RESERVED: &[&str] = &[
    "abrt",
    "adm",
    "admin",
    "administrator",
    "apache",
    "audio",
    "audit",
    "avahi",
    "azureuser",
    "backup",
    "bin",
    "bind",
    "broadcast",
    "cdrom",
    "centos",
    "ceph",
    "chrony",
    "clamav",
    "cloud-user",
    "cockpit-ws",
    "colord",
    "condor",
    "consul",
    "containerd",
    "core",
    "crontab",
    "daemon",
    "dbus",
    "debian",
    "dhcpcd",
    "dialout",
    "dip",
    "disk",
    "dnsmasq",
    "docker",
    "dovecot",
    "ec2-user",
    "elasticsearch",
    "etcd",
    "everyone",
    "exim",
    "fax",
    "fedora",
    "floppy",
    "ftp",
    "fuse",
    "games",
    "gdm",
    "geoclue",
    "git",
    "gitlab",
    "gnats",
    "grafana",
    "guest",
    "hadoop",
    "halt",
    "haproxy",
    "hdfs",
    "http",
    "httpd",
    "hwdb",
    "influxdb",
    "input",
    "irc",
    "jenkins",
    "jupyter",
    "jupyterhub",
    "kmem",
    "kube",
    "kubernetes",
    "kvm",
    "ldap",
    "libvirt-qemu",
    "lightdm",
    "list",
    "lp",
    "lpadmin",
    "lxd",
    "mail",
    "mailman",
    "man",
    "messagebus",
    "minio",
    "mongodb",
    "munge",
    "mysql",
    "nagios",
    "named",
    "netdev",
    "news",
    "nfsnobody",
    "nginx",
    "nobody",
    "nogroup",
    "nomad",
    "none",
    "nscd",
    "nslcd",
    "ntp",
    "null",
    "nvidia-persistenced",
    "opc",
    "openbao",
    "openldap",
    "operator",
    "oracle",
    "owner",
    "pi",
    "plugdev",
    "podman",
    "polkitd",
    "postfix",
    "postgres",
    "prometheus",
    "proxy",
    "pulse",
    "qemu",
    "rabbitmq",
    "redis",
    "render",
    "root",
    "rpc",
    "rpcuser",
    "rpm",
    "rtkit",
    "saned",
    "sasl",
    "sekisho",
    "shadow",
    "shutdown",
    "slurm",
    "slurmctld",
    "slurmd",
    "slurmdbd",
    "slurmrestd",
    "squid",
    "src",
    "ssh",
    "sshd",
    "sssd",
    "staff",
    "statd",
    "student",
    "sudo",
    "sudoers",
    "support",
    "sync",
    "sys",
    "syslog",
    "system",
    "tape",
    "tcpdump",
    "test",
    "tomcat",
    "toor",
    "traefik",
    "tss",
    "tty",
    "ubuntu",
    "user",
    "users",
    "utmp",
    "uucp",
    "uuidd",
    "vagrant",
    "vault",
    "vboxadd",
    "video",
    "voice",
    "wheel",
    "www",
    "www-data",
    "xfs",
    "zabbix",
];

/// Why a user name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// It has other characters, or too many.
    #[error(
        "a user name has 1 to 32 characters, a-z, 0-9, '-' and '_', begins with a letter or '_', and has a letter"
    )]
    Form,
    /// A system or a service has an account of this name.
    #[error("a system or a service has an account of this name")]
    Reserved,
    /// It has the form of the opaque names: `u` and 16 hexadecimal digits.
    #[error(
        "u and 16 hexadecimal digits is the form of the names that are given where none is chosen"
    )]
    Opaque,
}

/// Whether a person may have this user name.
pub fn check(name: &str) -> Result<(), UsernameError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let begins = |c: char| c.is_ascii_lowercase() || c == '_';
    if name.len() > LONGEST
        || !name.starts_with(begins)
        || !name.chars().all(plain)
        || !name.contains(|c: char| c.is_ascii_lowercase())
    {
        return Err(UsernameError::Form);
    }
    if RESERVED.contains(&name) || name.starts_with("systemd-") {
        return Err(UsernameError::Reserved);
    }
    if is_opaque(name) { Err(UsernameError::Opaque) } else { Ok(()) }
}

/// The name that an e-mail address proposes: what stands before the `@`. `None` if that is no user
/// name.
pub fn of_email(address: &str) -> Option<String> {
    let (local, _) = address.rsplit_once('@')?;
    proposed(local)
}

/// The name that a member reference proposes. `None` if it is no user name.
pub fn of_member_ref(member_ref: &str) -> Option<String> {
    proposed(member_ref)
}

/// Capitals become small and a dot becomes `-`, since addresses often have both. Nothing else is
/// changed. A leading `_` is for accounts of systems, and a credential proposes none.
fn proposed(text: &str) -> Option<String> {
    let name = text.to_ascii_lowercase().replace('.', "-");
    (!name.starts_with('_') && check(&name).is_ok()).then_some(name)
}

fn is_opaque(name: &str) -> bool {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let digits = name.strip_prefix('u');
    digits.is_some_and(|digits| digits.len() == 16 && digits.chars().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_safe_on_every_machine() {
        for name in ["taro", "t", "_svc", "taro-yamada", "m-0001", "u0123456789abcde", "u-1"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        let long = "a".repeat(33);
        for name in [
            "", "0", "123", "1a", "-a", "Taro", "a b", "a.b", "a/b", "a\n", "山田", "_", "_1",
            &long,
        ] {
            assert_eq!(check(name), Err(UsernameError::Form), "{name:?}");
        }
        for name in ["root", "slurm", "nobody", "daemon", "admin", "systemd-network", "www-data"] {
            assert_eq!(check(name), Err(UsernameError::Reserved), "{name}");
        }
        assert_eq!(check("u0123456789abcdef"), Err(UsernameError::Opaque));
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn an_address_and_a_reference_propose_a_name() {
        assert_eq!(of_email("Taro.Yamada@example.jp").as_deref(), Some("taro-yamada"));
        assert_eq!(of_member_ref("M-0001").as_deref(), Some("m-0001"));
        for address in ["root@example.jp", "Ro.ot", "_apt@x", "山田@x", "123@x", "a+b@x", "\"a\"@x"]
        {
            assert_eq!(of_email(address), None, "{address}");
        }
        assert_eq!(of_member_ref("0001"), None);
        assert_eq!(of_email("u0123456789abcdef@example.jp"), None);
    }
}
