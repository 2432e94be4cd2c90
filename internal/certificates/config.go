package certificates

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// letsEncrypt is the directory that is asked unless another one is named.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// mostNames bounds acme: each name has a certificate of its own.
const mostNames = 100

// Config is the tls table of an [[http]] section.
type Config struct {
	// PEM file of the certificate, and behind it those it hangs on. It is read
	// again when it changes. An ECDSA P-256 certificate costs a fifth of what
	// an RSA one does, for each handshake.
	Cert string `toml:"cert"`

	// PEM file of the private key. Read as cert.
	Key string `toml:"key"`

	// What a request without TLS gets on these ports: serve, redirect (to the
	// same address with https) or refuse.
	Plain string `toml:"plain"`

	// Names to get certificates for, by ACME, instead of cert and key. Each
	// must lead to this tracker, on port 80 or on port 443. Naming them says
	// that you agree to the terms of the authority.
	ACME []string `toml:"acme"`

	// Where the authority can reach you. May be empty.
	Email string `toml:"email"`

	// URL of the ACME directory.
	Directory string `toml:"acme_directory"`

	// PEM file of the authorities that the directory's own certificate is
	// checked against. "": those of the system.
	Roots string `toml:"acme_roots"`

	// Oldest version of TLS that is spoken: 1.2 or 1.3. TLS 1.2 resumes at half
	// the price of TLS 1.3, and old clients know nothing newer.
	MinVersion string `toml:"min_version"`

	// Offer X25519MLKEM768, which quantum computers of the future cannot open
	// and which costs half a handshake more.
	PostQuantum bool `toml:"post_quantum"`

	// File of session ticket keys, for several nodes that share a name: 32 random
	// bytes a line, as hexadecimal digits or base64. Tickets are made with the
	// first and taken with all. It is read again when it changes. "": keys are
	// made, changed twice a day and kept in memory.
	TicketKeys string `toml:"ticket_keys"`
}

// DefaultConfig returns the defaults: no TLS.
func DefaultConfig() Config {
	return Config{Plain: "serve", Directory: letsEncrypt, MinVersion: "1.2"}
}

// Enabled reports whether there is to be TLS.
func (c *Config) Enabled() bool { return c.Cert != "" || c.Key != "" || len(c.ACME) > 0 }

// Validate reports every value that is out of range. Files are looked at by
// Open.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	reported := map[string]bool{}
	c.validate(func(key string, value any, allowed string) {
		if !reported[key] { // what is out of range and idle is out of range
			reported[key] = true
			report(key, value, allowed)
		}
	})
}

func (c *Config) validate(report func(key string, value any, allowed string)) {
	switch c.Plain {
	case "serve", "redirect", "refuse":
	default:
		report("plain", c.Plain, "serve, redirect or refuse")
	}
	switch c.MinVersion {
	case "1.2", "1.3":
	default:
		report("min_version", c.MinVersion, "1.2 or 1.3")
	}
	switch {
	case c.Cert == "" && c.Key != "":
		report("cert", c.Cert, "the file of the certificate that key belongs to")
	case c.Cert != "" && c.Key == "":
		report("key", c.Key, "the file of the private key that cert belongs to")
	case c.Cert != "" && len(c.ACME) > 0:
		report("acme", c.ACME, "empty where there are cert and key; another [[http]] section may have them")
	}
	c.validateNames(report)
	if c.Email != "" {
		if a, err := mail.ParseAddress(c.Email); err != nil || a.Address != c.Email {
			report("email", c.Email, `an address such as "admin@example.org", or empty`)
		}
	}
	if u, err := url.Parse(c.Directory); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		report("acme_directory", c.Directory, "an https URL, such as "+letsEncrypt)
	}
	c.validateIdle(report)
}

// validateIdle reports settings that would do nothing, for want of a
// certificate or beside one from a file: who wrote them expects otherwise.
func (c *Config) validateIdle(report func(key string, value any, allowed string)) {
	d := DefaultConfig()
	type setting struct {
		key         string
		value, idle any
	}
	settings := []setting{
		{"email", c.Email, d.Email},
		{"acme_directory", c.Directory, d.Directory},
		{"acme_roots", c.Roots, d.Roots},
	}
	allowed := "left out beside cert and key: it belongs to acme"
	switch {
	case len(c.ACME) > 0:
		return
	case !c.Enabled():
		allowed = "left out, as long as there is neither a cert with its key nor acme"
		settings = append(settings,
			setting{"plain", c.Plain, d.Plain},
			setting{"min_version", c.MinVersion, d.MinVersion},
			setting{"post_quantum", c.PostQuantum, d.PostQuantum},
			setting{"ticket_keys", c.TicketKeys, d.TicketKeys})
	}
	for _, s := range settings {
		if s.value != s.idle {
			report(s.key, s.value, allowed)
		}
	}
}

func (c *Config) validateNames(report func(key string, value any, allowed string)) {
	if len(c.ACME) > mostNames {
		report("acme", len(c.ACME), fmt.Sprintf("%d names at most", mostNames))
		return
	}
	public := c.Directory == letsEncrypt
	taken := map[string]bool{}
	for i, name := range c.ACME {
		key := fmt.Sprintf("acme[%d]", i)
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(name, "*."):
			report(key, name, "a name without a wildcard: those need a challenge by DNS, which Shoal does not answer")
		case !isHostName(lower):
			report(key, name, `a name such as "tracker.example.org", without port or path, in ASCII (xn--…)`)
		case public && !strings.Contains(lower, "."):
			report(key, name, "a name that the whole internet knows; name another acme_directory for one of your own network")
		case taken[lower]:
			report(key, name, "a name that stands once")
		default:
			taken[lower] = true
		}
	}
}

// isHostName reports whether name, in lower case, can stand in a certificate
// and is no address.
func isHostName(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	letter := false // in the last label: 192.0.2.1 is no name
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		letter = false
		for _, b := range []byte(label) {
			switch {
			case b >= 'a' && b <= 'z':
				letter = true
			case b >= '0' && b <= '9' || b == '-':
			default:
				return false
			}
		}
	}
	return letter
}
