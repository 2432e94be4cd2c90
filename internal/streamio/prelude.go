package streamio

import "errors"

// preludeRoom is the most bytes that may be needed to get through the prelude.
const preludeRoom = maxProxyHeader + maxHello

// preludeEnd is how the prelude of a connection ended.
type preludeEnd uint8

const (
	preludeMore  preludeEnd = iota // it has not
	preludePlain                   // what follows is the protocol's
	preludeTLS                     // what follows holds a whole ClientHello
)

// prelude reads what comes before the protocol: the PROXY header of a trusted
// proxy, and as much of TLS as tells it from plain text. The first used bytes
// of in are done with. It is pure but for what it writes into conn.
func (c *Config) prelude(conn *Conn, in []byte) (used int, end preludeEnd, err error) {
	if conn.proxied {
		n, from, err := readProxyHeader(in)
		switch {
		case len(in) == 0:
			return 0, preludeMore, nil
		case errors.Is(err, errNoProxyHeader): // a proxy of HTTP alone
		case err != nil:
			return 0, preludeMore, err
		case n == 0:
			return 0, preludeMore, nil
		case !from.IsValid() || !IsHost(from.Addr()):
			conn.nameless = true
		default:
			via := conn.remote.Addr()
			conn.remote = from
			if conn.trusted = c.Proxies.Contain(from.Addr()); conn.trusted {
				conn.via = &via
			}
		}
		conn.proxied = false
		used, in = n, in[n:]
	}
	switch {
	case c.TLS == nil:
		return used, preludePlain, nil
	case len(in) == 0:
		return used, preludeMore, nil
	case in[0] != recordHandshake:
		return used, preludePlain, nil
	}
	n, err := helloLength(in)
	switch {
	case err != nil:
		return used, preludeMore, err
	case n == 0:
		return used, preludeMore, nil
	}
	return used, preludeTLS, nil
}

// hasPrelude reports whether anything may come before the protocol.
func (c *Config) hasPrelude(conn *Conn) bool { return conn.proxied || c.TLS != nil }
