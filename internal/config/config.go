// Package config composes the settings of all rooms and reads them from a
// file, the environment and flags.
package config

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/shoal-tracker/shoal/internal/accounting"
	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
	"github.com/shoal-tracker/shoal/internal/tracker"
	"github.com/shoal-tracker/shoal/internal/udpserver"
	"github.com/shoal-tracker/shoal/internal/wsserver"
)

// Config is everything a user can set. The comments of its fields, and of the
// rooms' fields, are the reference that users read. A key with the tag secret:"true"
// is shown to nobody; so are those that the tag of a section names.
type Config struct {
	// Directory for what the tracker keeps. It is relative to the working
	// directory, and made (mode 0700) when it is missing.
	DataDir string `toml:"data_dir"`

	// What is written to standard error while the tracker runs.
	Log Log `toml:"log"`

	// What announces are answered with.
	Tracker tracker.Config `toml:"tracker"`

	// What outsiders can make the tracker hold. At a limit newcomers are
	// answered but not stored.
	Limits Limits `toml:"limits"`

	// Who may announce.
	Access policy.Config `toml:"access"`

	// How much the holder of each key uploaded and downloaded, as clients say.
	Accounting accounting.Config `toml:"accounting"`

	// A UDP tracker (BEP 15). The section may stand more than once; without
	// any, there is one with these defaults. udp = [] turns UDP off, if HTTP
	// listens.
	UDP []udpserver.Config `toml:"udp"`

	// An HTTP tracker (BEP 3). The section may stand more than once; without
	// any, there is one with these defaults. http = [] turns HTTP off, if UDP
	// listens.
	HTTP []HTTP `toml:"http"`

	// What WebTorrent clients get: browsers, over WebSockets, on the listeners of
	// every [[http]] section that does not turn it off.
	WebTorrent wsserver.Config `toml:"webtorrent"`

	// Where keys, lists and counts are kept.
	Database database.Config `toml:"database" secret:"dsn"`

	// The management API: JSON over HTTP, for operators, scripts and indexes.
	API API `toml:"api"`

	// The health check, for load balancers: over HTTP, at /health_check.
	Health api.HealthConfig `toml:"health"`

	// Origin names what was read: a file, SHOAL_CONFIG_TOML, or "defaults".
	Origin string `toml:"-"`
}

// Log is the [log] section.
type Log struct {
	// Least important message that is written: debug, info, warn or error.
	Level string `toml:"level"`

	// Form of a message: text, json or auto. auto is text on a terminal and
	// JSON, one object a line, everywhere else.
	Format string `toml:"format"`
}

// Limits is the [limits] section.
type Limits struct {
	swarm.Limits

	// TCP connections open at once, all [[http]] sections together. 0: worked
	// out from the memory of the machine, and from the file descriptors that
	// this process may have and its listeners leave.
	Connections int `toml:"connections"`
}

// Default returns the configuration of a tracker that nobody configured.
func Default() *Config {
	return &Config{
		DataDir: "data",
		Log:     Log{Level: "info", Format: "auto"},
		Tracker: tracker.DefaultConfig(),
		UDP:     []udpserver.Config{udpserver.DefaultConfig()},
		HTTP:    []HTTP{defaultHTTP()},
		Origin:  "defaults",

		Access:     policy.DefaultConfig(),
		Accounting: accounting.DefaultConfig(),
		WebTorrent: wsserver.DefaultConfig(),
		Database:   database.DefaultConfig(),
		API:        defaultAPI(),
		Health:     api.DefaultHealthConfig(),
	}
}

// Validate reports every value that is out of range, by its full key, such as
// "udp.0.workers".
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	under := func(section string) func(string, any, string) {
		return func(key string, value any, allowed string) { report(section+"."+key, value, allowed) }
	}
	if c.DataDir == "" {
		report("data_dir", c.DataDir, "the path of a directory")
	}
	c.Log.Validate(under("log"))
	c.Tracker.Validate(under("tracker"))
	c.Limits.Validate(under("limits"))
	c.Access.Validate(under("access"))
	c.Accounting.Validate(under("accounting"))
	c.Database.Validate(under("database"))
	c.API.Validate(under("api"))
	c.validateMembers(report)
	for i := range c.UDP {
		c.UDP[i].Validate(under("udp." + strconv.Itoa(i)))
	}
	for i := range c.HTTP {
		c.HTTP[i].Validate(under("http." + strconv.Itoa(i)))
	}
	c.WebTorrent.Validate(under("webtorrent"))
	if c.WebTorrent.Interval >= c.Tracker.PeerTimeout {
		report("webtorrent.interval", c.WebTorrent.Interval, "less than tracker.peer_timeout")
	}
	c.validateAddresses(report)
	c.validateServing(report)
}

// validateMembers reports rules that what they need is missing for.
func (c *Config) validateMembers(report func(key string, value any, allowed string)) {
	if c.Accounting.Enabled && !c.Access.Private {
		report("accounting.enabled", true, "false while access.private is false: without keys there is nobody to account to")
	}
	if c.Database.Driver != "none" {
		return
	}
	if c.Access.Private {
		report("access.private", true, `false while database.driver is "none": keys are kept in the database`)
	}
	if c.Access.Listed && c.Access.AllowFile == "" {
		report("access.listed", true, `false while database.driver is "none" and allow_file is "": no torrent would be let in`)
	}
}

// validateAddresses reports addresses that stand twice: the second bind would
// fail with a message that blames some other program.
func (c *Config) validateAddresses(report func(key string, value any, allowed string)) {
	check := func(taken map[netip.AddrPort]string, key string, listen []netip.AddrPort) {
		for i, addr := range listen {
			if first, twice := taken[addr]; twice && addr.Port() != 0 {
				report(fmt.Sprintf("%s[%d]", key, i), addr, "an address that stands once; it stands in "+first+" already")
				continue
			}
			taken[addr] = key
		}
	}
	udp, tcp := map[netip.AddrPort]string{}, map[netip.AddrPort]string{}
	for i := range c.UDP {
		check(udp, fmt.Sprintf("udp.%d.listen", i), c.UDP[i].Listen)
	}
	for i := range c.HTTP {
		check(tcp, fmt.Sprintf("http.%d.listen", i), c.HTTP[i].Listen)
	}
	check(tcp, "api.listen", c.API.Listen)
	check(tcp, "health.listen", c.Health.Listen)
}

// validateServing reports a tracker that listens nowhere: it would start,
// answer nobody, and look healthy.
func (c *Config) validateServing(report func(key string, value any, allowed string)) {
	for i := range c.UDP {
		if len(c.UDP[i].Listen) > 0 {
			return
		}
	}
	for i := range c.HTTP {
		if len(c.HTTP[i].Listen) > 0 {
			return
		}
	}
	key := "udp"
	if len(c.UDP) > 0 {
		key = "udp.0.listen"
	}
	report(key, []netip.AddrPort{}, `on, because http is off too and nothing would be served: `+
		`take out udp = [] or http = [], or give a listen of [[udp]] or [[http]] an address such as "0.0.0.0:6969"`)
}

// Validate reports every value that is out of range.
func (l *Log) Validate(report func(key string, value any, allowed string)) {
	switch l.Level {
	case "debug", "info", "warn", "error":
	default:
		report("level", l.Level, "debug, info, warn or error")
	}
	switch l.Format {
	case "auto", "text", "json":
	default:
		report("format", l.Format, "auto, text or json")
	}
}

// Validate reports every value that is out of range.
func (l *Limits) Validate(report func(key string, value any, allowed string)) {
	l.Limits.Validate(report)
	if l.Connections < 0 {
		report("connections", l.Connections, "0 or more")
	}
}
