//! What hosts are for, and what collectd measures on such hosts.

use std::time::Duration;

use collectd_net::Identifier;

use Source::{Answer, Counter, Derive, Free, Load, Own, Unanswered, Uptime, Used, Wave};

/// A kind of host.
#[derive(Debug)]
pub(super) struct Role {
    /// How often it measures, in seconds.
    pub(super) interval: u64,
    /// When it has most to do, as a share of the day.
    pub(super) noon: f64,
    pub(super) series: &'static [Series],
}

/// What is measured, and where the values come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    pub(super) name: Name,
    pub(super) sources: &'static [Source],
}

/// Plugin, plugin instance, type and type instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name(pub(super) [&'static str; 4]);

/// Where a value comes from. Of two numbers, the first is when nothing is to do, and the second when all is busy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// A gauge, in steps of the third number.
    Wave(f64, f64, f64),
    /// A gauge in hundredths, as it was so long before.
    Load(f64, f64, Duration),
    /// A gauge that stays as it is, for each host another one between these.
    Own(f64, f64),
    /// Seconds since the start.
    Uptime,
    /// What is used and what is free of so many octets.
    Used(f64),
    Free(f64),
    /// Milliseconds until a ping is answered, and the share of those that are not.
    Answer(f64, f64),
    Unanswered,
    /// A count that grows by so much in a second.
    Derive(f64, f64),
    /// One that begins anew behind so many bits, and does that first at this second.
    Counter(f64, f64, u32, u64),
}

impl Name {
    /// As an identifier without a host.
    pub(super) fn identifier(self) -> Identifier<'static> {
        let [plugin, plugin_instance, type_, type_instance] = self.0.map(Into::into);
        Identifier { plugin, plugin_instance, type_, type_instance, ..Identifier::default() }
    }
}

const fn series(name: [&'static str; 4], sources: &'static [Source]) -> Series {
    Series { name: Name(name), sources }
}

const USER: Series = series(["cpu", "", "percent", "user"], &[Wave(2.0, 72.0, 0.1)]);
const SYSTEM: Series = series(["cpu", "", "percent", "system"], &[Wave(1.0, 15.0, 0.1)]);
const IDLE: Series = series(["cpu", "", "percent", "idle"], &[Wave(97.0, 13.0, 0.1)]);
const MINUTES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(6)];
const LOAD: Series = series(
    ["load", "", "load", ""],
    &[Load(0.05, 5.5, MINUTES[0]), Load(0.05, 5.5, MINUTES[1]), Load(0.05, 5.5, MINUTES[2])],
);
const IDLING: Series = series(
    ["load", "", "load", ""],
    &[Load(0.0, 0.6, MINUTES[0]), Load(0.0, 0.6, MINUTES[1]), Load(0.0, 0.6, MINUTES[2])],
);
const MEMORY_USED: Series = series(["memory", "", "memory", "used"], &[Wave(1.6e9, 6.4e9, 4096.0)]);
const MEMORY_FREE: Series = series(["memory", "", "memory", "free"], &[Wave(6.99e9, 2.19e9, 4096.0)]);
const TRAFFIC: Series = series(["interface", "eth0", "if_octets", ""], &[Derive(2e5, 9e6), Derive(9e5, 7.5e7)]);
const DISK_FREE: Series = series(["df", "root", "df_complex", "free"], &[Free(4e10)]);
const DISK_USED: Series = series(["df", "root", "df_complex", "used"], &[Used(4e10)]);
const UPTIME: Series = series(["uptime", "", "uptime", ""], &[Uptime]);

/// Serves pages.
pub(super) static WEB: Role = Role {
    interval: 2,
    noon: 0.55,
    series: &[
        USER,
        SYSTEM,
        IDLE,
        LOAD,
        MEMORY_USED,
        MEMORY_FREE,
        series(["swap", "", "swap", "used"], &[Own(2e6, 9e7)]),
        TRAFFIC,
        DISK_FREE,
        UPTIME,
        series(["nginx", "", "nginx_requests", ""], &[Derive(5.0, 900.0)]),
        series(["nginx", "", "nginx_connections", "active"], &[Wave(2.0, 240.0, 1.0)]),
    ],
};

/// Keeps what pages are made of.
pub(super) static DATABASE: Role = Role {
    interval: 2,
    noon: 0.6,
    series: &[
        USER,
        SYSTEM,
        IDLE,
        LOAD,
        MEMORY_USED,
        MEMORY_FREE,
        TRAFFIC,
        series(["disk", "sda", "disk_octets", ""], &[Derive(1e5, 4e7), Derive(4e5, 2.2e7)]),
        DISK_FREE,
        DISK_USED,
        UPTIME,
        series(["postgresql", "shop", "pg_numbackends", ""], &[Wave(4.0, 96.0, 1.0)]),
    ],
};

/// Remembers what was asked for lately.
pub(super) static CACHE: Role = Role {
    interval: 2,
    noon: 0.55,
    series: &[
        USER,
        SYSTEM,
        IDLE,
        LOAD,
        MEMORY_USED,
        MEMORY_FREE,
        TRAFFIC,
        series(["memcached", "", "memcached_command", "get"], &[Derive(40.0, 21_000.0)]),
        series(["memcached", "", "percent", "hitratio"], &[Wave(99.0, 91.0, 0.1)]),
        UPTIME,
    ],
};

/// The way out.
pub(super) static GATE: Role = Role {
    interval: 2,
    noon: 0.65,
    series: &[
        IDLING,
        series(["interface", "lan0", "if_octets", ""], &[Derive(4e5, 3e7), Derive(2e6, 1.1e8)]),
        series(["interface", "wan0", "if_octets", ""], &[Derive(2e6, 1.1e8), Derive(4e5, 3e7)]),
        series(["conntrack", "", "conntrack", ""], &[Wave(300.0, 21_000.0, 1.0)]),
        series(["ping", "", "ping", "example.net"], &[Answer(8.0, 31.0)]),
        series(["ping", "", "ping_droprate", "example.net"], &[Unanswered]),
        UPTIME,
    ],
};

/// Takes the copies of the night.
pub(super) static STORAGE: Role = Role {
    interval: 5,
    noon: 0.1,
    series: &[
        IDLING,
        series(["df", "backup", "df_complex", "used"], &[Used(1.2e13)]),
        series(["df", "backup", "df_complex", "free"], &[Free(1.2e13)]),
        series(["disk", "md0", "disk_octets", ""], &[Derive(1e5, 6e6), Derive(2e5, 1.8e8)]),
        series(["smart", "sda", "smart_temperature", ""], &[Wave(31.0, 44.0, 1.0)]),
        series(["interface", "eth0", "if_octets", ""], &[Derive(2e5, 1.1e8), Derive(1e5, 4e6)]),
        UPTIME,
    ],
};

/// Counts as old devices do. A port that is busy comes to the end of 32 bits in a minute.
pub(super) static SWITCH: Role = Role {
    interval: 5,
    noon: 0.55,
    series: &[
        series(["snmp", "", "if_octets", "port1"], &[Counter(1e6, 9e7, 32, 25), Counter(1e5, 1e7, 32, 300)]),
        series(["snmp", "", "if_octets", "port2"], &[Counter(1e5, 4e7, 32, 61), Counter(1e6, 9e7, 32, 45)]),
        series(["snmp", "", "if_octets", "uplink"], &[Counter(2e6, 1.1e8, 64, 30), Counter(4e5, 3e7, 64, 5000)]),
        series(["snmp", "", "temperature", "chassis"], &[Wave(38.0, 49.0, 0.5)]),
    ],
};

/// Measures a room.
pub(super) static SENSOR: Role = Role {
    interval: 2,
    noon: 0.65,
    series: &[
        IDLING,
        series(["table", "room", "temperature", ""], &[Wave(17.0, 26.0, 0.1)]),
        series(["table", "room", "humidity", ""], &[Wave(61.0, 38.0, 0.1)]),
        series(["thermal", "thermal_zone0", "temperature", ""], &[Wave(44.0, 61.0, 0.1)]),
        UPTIME,
    ],
};

/// Compiles.
pub(super) static BUILDER: Role = Role {
    interval: 2,
    noon: 0.7,
    series: &[
        USER,
        SYSTEM,
        IDLE,
        LOAD,
        MEMORY_USED,
        MEMORY_FREE,
        series(["processes", "", "ps_state", "running"], &[Wave(1.0, 17.0, 1.0)]),
        series(["processes", "", "fork_rate", ""], &[Derive(2.0, 640.0)]),
        UPTIME,
    ],
};
