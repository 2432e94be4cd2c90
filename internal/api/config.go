package api

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Config is the [api] section: the management API.
type Config struct {
	// Addresses to listen on, IP:PORT each. "" turns the management API off.
	// Away from loopback, give it tls: tokens are sent with each request.
	Listen []netip.AddrPort `toml:"listen"`

	// Who may ask, by a name of yours: NAME = "TOKEN", or NAME = { token =
	// "TOKEN", scope = "read" }. A token is 8 to 256 visible ASCII characters,
	// and scope is admin unless said otherwise. A name has 1 to 64 of A to Z, a
	// to z, 0 to 9, ".", "_" and "-"; it is what the log of changes says. None:
	// a token is drawn, and kept in data_dir/api-token.
	Tokens map[string]Token `toml:"tokens" secret:"true"`

	// Networks of the proxies in front of the API, or single addresses. From
	// them, and from nobody else, X-Forwarded-For is believed: the right-most
	// address in it that is not of these networks is who asks. It matters only
	// to whom guessing of tokens slows down.
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"`

	// Answer the requests that Torrust Tracker's API has to the letter, with
	// what is wrong there too: 500 for a missing token, 200 for a torrent that
	// is not known.
	TorrustCompatible bool `toml:"torrust_compatible"`
}

// Token is what a caller shows, and what it may do with it.
type Token struct {
	Token string `toml:"token" secret:"true"` // 8 to 256 visible ASCII characters
	Scope string `toml:"scope"`               // "admin", the same as "", or "read": what changes nothing
}

// Scopes of a token.
const (
	ScopeAdmin = "admin"
	ScopeRead  = "read"
)

const (
	leastToken = 8 // characters
	mostToken  = 256
	mostLabel  = 64
)

// DefaultConfig returns the defaults: loopback, and a token that is drawn.
func DefaultConfig() Config {
	return Config{Listen: []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1212)}}
}

// hidden stands where a token, or what could be one in the wrong place, would.
const hidden = "(not shown)"

// Validate reports every value that is out of range. Nothing that is written
// under tokens is among what it reports, but names that are in range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	labels := make([]string, 0, len(c.Tokens))
	for label := range c.Tokens {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	taken := map[string]string{}
	for _, label := range labels {
		token := c.Tokens[label]
		if !isLabel(label) { // somebody may have written TOKEN = "NAME"
			report("tokens", hidden, fmt.Sprintf(`names of 1 to %d of A to Z, a to z, 0 to 9, ".", "_" and "-"`, mostLabel))
			continue
		}
		key := "tokens." + label
		switch other, twice := taken[token.Token]; {
		case !isToken(token.Token):
			report(key, hidden, fmt.Sprintf("a token of %d to %d visible ASCII characters, without spaces", leastToken, mostToken))
		case twice:
			report(key, hidden, "a token that stands once; tokens."+other+" has the same")
		default:
			taken[token.Token] = label
		}
		switch token.Scope {
		case "", ScopeAdmin, ScopeRead:
		default:
			report(key+".scope", hidden, ScopeAdmin+" or "+ScopeRead)
		}
	}
}

func isLabel(s string) bool {
	if len(s) == 0 || len(s) > mostLabel {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}) < 0
}

func isToken(s string) bool {
	return len(s) >= leastToken && len(s) <= mostToken && isVisible(s)
}

// isVisible reports whether s is of visible ASCII characters, without spaces.
func isVisible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
