package wsserver

import (
	"fmt"
	"strings"
	"time"

	"github.com/shoal-tracker/shoal/webtorrent"
)

// Config is the [webtorrent] section: what WebTorrent clients are answered with.
type Config struct {
	// Time between the regular announces of a client. Each reply draws from 90
	// to 100 % of it, so that clients which started together drift apart.
	Interval time.Duration `toml:"interval"`

	// Offers of one announce that are passed on, each to another peer, at most.
	MaxOffers int `toml:"max_offers"`

	// Answer an answer as if it was an announce, which some clients wait for.
	AnswerReplies bool `toml:"answer_replies"`

	// Sites whose pages may use this tracker, as https://example.org. "" in the
	// list: clients that are no pages and send no Origin. Empty: everybody.
	AllowOrigins []string `toml:"allow_origins"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Interval:      2 * time.Minute,
		MaxOffers:     10,
		AnswerReplies: true,
		AllowOrigins:  []string{},
	}
}

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	if c.Interval < 10*time.Second || c.Interval > 24*time.Hour {
		report("interval", c.Interval, "10s to 24h")
	}
	if c.MaxOffers < 0 || c.MaxOffers > webtorrent.MaxOffers {
		report("max_offers", c.MaxOffers, fmt.Sprintf("0 to %d", webtorrent.MaxOffers))
	}
	for i, origin := range c.AllowOrigins {
		if !isOrigin(origin) {
			report(fmt.Sprintf("allow_origins[%d]", i), origin,
				`a scheme and a host, with a port if it is not the usual one and without a path: https://example.org; or null; or ""`)
		}
	}
}

// isOrigin reports whether a client could send s as its Origin, or none for it.
// null is what pages send that have no site, such as a file.
func isOrigin(s string) bool {
	if s == "" || s == "null" {
		return true
	}
	scheme, host, ok := strings.Cut(s, "://")
	return ok && scheme != "" && host != "" && !strings.ContainsAny(s, " \t\r\n,*") && !strings.ContainsAny(host, "/?#@")
}
